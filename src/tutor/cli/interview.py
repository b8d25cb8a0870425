"""`tutor problems`, `tutor interview` and `tutor grade`. Does not know how an interview is run."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from tutor.cli.main import Corpus, Json, app, echo, lines_of, reported, settings
from tutor.errors import ConfigError, SetupError

Jsonl = Annotated[bool, typer.Option("--jsonl", help="One answer object per input line.")]
NoLlm = Annotated[bool, typer.Option("--no-llm", help="Speak in templates only.")]
LevelOption = Annotated[str, typer.Option("--level", help="junior, mid or senior.")]
MinutesOption = Annotated[int, typer.Option("--minutes", help="20, 35 or 45.")]
Clock = Annotated[str, typer.Option("--clock", help="`real`, or `manual`: time stands still until told.")]


@app.command("problems")
@reported
def problems(corpus: Corpus = None, as_json: Json = False) -> None:
    """List the interview problems."""
    from tutor.tutor import Tutor

    held = Tutor(settings(corpus)).problems()
    if as_json:
        rows = [
            {
                "id": p.id, "title": p.title, "difficulty": p.difficulty, "topics": list(p.topics),
                "opening": p.opening, "guide": p.guide, "items": len(p.all_items()), "version": p.version,
            }
            for p in held.values()
        ]  # fmt: skip
        typer.echo(json.dumps({"problems": rows}, ensure_ascii=False))
        return
    for p in held.values():
        echo(f"{p.id:22} {p.difficulty:7} {p.title} ({', '.join(p.topics)})")


@app.command("interview")
@reported
def interview(
    problem: str,
    as_json: Json = False,
    level: LevelOption = "mid",
    minutes: MinutesOption = 45,
    no_llm: NoLlm = False,
    clock: Clock = "real",
    corpus: Corpus = None,
) -> None:
    """Practise one problem: type, or pipe JSON lines in and out with --json."""
    from tutor.tutor import Tutor

    if clock not in ("real", "manual"):
        raise ConfigError(f"There is no clock `{clock}`.", "Use real or manual.")
    tutor = Tutor(settings(corpus))
    try:
        room = tutor.interview(problem, level=level, minutes=minutes, use_llm=not no_llm)
        began = time.monotonic()
        say(room.open(), as_json)
        for entry in entries(sys.stdin, as_json):
            room.at(
                float(entry.get("at", room.state.clock_s)) if clock == "manual" else time.monotonic() - began
            )
            step(room, entry, as_json)
            if room.state.ended:
                break
        if not room.state.ended:
            say(room.do("end"), as_json)
        result = tutor.debrief(room.state)
        if as_json:
            typer.echo(json.dumps({"type": "debrief", **result.to_json()}, ensure_ascii=False))
        else:
            from tutor.interview.debrief import to_markdown

            echo(to_markdown(result, room.state, tutor.section))
    finally:
        tutor.close()


def entries(stream: Iterable[str], as_json: bool) -> Iterable[dict[str, Any]]:
    """What the candidate does, one per line; plain text where no JSON is asked for."""
    for line in stream:
        if as_json:
            try:
                yield next(lines_of([line]), {})
            except ConfigError as error:
                typer.echo(json.dumps({"type": "error", "text": str(error)}))
        elif line.strip() in ("/hint", "/next", "/end"):
            yield {"do": {"/hint": "hint", "/next": "next_phase", "/end": "end"}[line.strip()]}
        elif line.strip():
            yield {"say": line.strip()}


def step(room: Any, entry: dict[str, Any], as_json: bool) -> None:
    """One entry; what cannot be understood is an error line, and the interview goes on."""
    try:
        if "say" in entry:
            say(room.say(str(entry["say"])), as_json)
        elif "diagram" in entry:
            say(room.draw(str(entry["diagram"])), as_json)
        elif "do" in entry:
            say(room.do(str(entry["do"])), as_json)
        elif entry and "at" not in entry:
            raise ConfigError("A line needs `say`, `diagram` or `do`.", "")
    except SetupError as error:
        if not as_json:
            raise
        typer.echo(json.dumps({"type": "error", "text": str(error)}, ensure_ascii=False))


def say(lines: Iterable[Any], as_json: bool) -> None:
    """Print what the interviewer says."""
    for said in lines:
        if as_json:
            typer.echo(json.dumps(said.to_json(), ensure_ascii=False))
        elif said.type == "phase":
            echo(f"— {said.phase} —" + (f"\n{said.text}" if said.text else ""))
        else:
            echo(said.text)
    sys.stdout.flush()


@app.command("grade")
@reported
def grade(
    answer: Annotated[str | None, typer.Argument()] = None,
    item: Annotated[str | None, typer.Option("--item", help="What the answer should say.")] = None,
    jsonl: Jsonl = False,
) -> None:
    """Decide whether an answer covers what it should."""
    from tutor.tutor import Tutor

    if (answer is None) == (not jsonl) or (answer is not None and not item):
        raise ConfigError(
            "Give an answer with --item, or --jsonl with answers on standard input.",
            'Each line is {"id": …, "answer": …, "item": …}.',
        )
    grader = Tutor(settings()).grader()
    if answer is not None:
        typer.echo(json.dumps(grader.grade(answer, item or "").to_json(), ensure_ascii=False))
        return
    for entry in lines_of(sys.stdin, "id", "answer", "item"):
        held = entry["item"]
        wanted = (
            held
            if isinstance(held, str)
            else " ".join(map(str, held.values()))
            if isinstance(held, dict)
            else str(held)
        )
        read = grader.grade(str(entry["answer"]), wanted).to_json()
        typer.echo(json.dumps({"id": entry["id"], **read}, ensure_ascii=False))
        sys.stdout.flush()
