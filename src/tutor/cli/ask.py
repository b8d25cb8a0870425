"""`tutor ask`: a cited answer in the terminal, or as JSON. Does not know how it is made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from tutor.cli.main import Corpus, Json, app, echo, reported, settings
from tutor.errors import ConfigError, QuestionError, SessionError
from tutor.schema import Answer, Checked, Degraded, Event, Extracted, Finished, NotCovered, Rewritten
from tutor.settings import Settings
from tutor.store import Store, open_database

Session = Annotated[str | None, typer.Option(help="Continue this conversation.")]
NoLlm = Annotated[bool, typer.Option("--no-llm", help="Answer with the guide's own sentences only.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="One question object per input line.")]


@app.command("ask")
@reported
def ask(
    question: Annotated[str | None, typer.Argument()] = None,
    session: Session = None,
    no_llm: NoLlm = False,
    jsonl: Jsonl = False,
    corpus: Corpus = None,
    as_json: Json = False,
) -> None:
    """Answer a question from the guide."""
    from tutor.tutor import Tutor

    if (question is None) == (not jsonl):
        raise ConfigError("Give a question, or --jsonl with questions on standard input.", "")
    chosen = settings(corpus)
    tutor = Tutor(chosen)
    store = Kept(chosen)
    try:
        if jsonl:
            for line in sys.stdin:
                if line.strip():
                    typer.echo(json.dumps(one_line(tutor, store, line, no_llm), ensure_ascii=False))
                    sys.stdout.flush()
            return
        events = asked(tutor, store, question or "", session, no_llm)
        if as_json:
            typer.echo(json.dumps(last(events).to_json(), ensure_ascii=False))
        else:
            show(events)
    finally:
        tutor.close()


class Kept:
    """The conversations named with --session; opened only where one is named, so that reading needs no database."""

    def __init__(self, chosen: Settings) -> None:
        self._chosen = chosen
        self._store: Store | None = None

    def open(self) -> Store:
        """The conversations; says so where nothing can be kept."""
        if self._store is None:
            database = open_database(self._chosen)
            if database.unkept:
                echo(database.unkept, err=True)
            self._store = Store(database)
        return self._store


def asked(tutor: Any, store: Kept, question: str, session: str | None, no_llm: bool) -> Iterator[Event]:
    """The events of a question; kept in the conversation where one is named."""
    history = store.open().terminal_history(session) if session else ()
    for event in tutor.ask(question, history=history, use_llm=not no_llm):
        if isinstance(event, Finished) and session:
            try:
                store.open().add_terminal_turn(session, event.answer)
            except SessionError as error:
                echo(str(error), err=True)
        yield event


def last(events: Iterator[Event]) -> Answer:
    """The answer that the events end in."""
    *_, final = events
    assert isinstance(final, Finished)
    return final.answer


def one_line(tutor: Any, store: Kept, line: str, no_llm: bool) -> dict[str, Any]:
    """One line of --jsonl: an answer object, or an error under the same id."""
    try:
        entry = json.loads(line)
        key, question = str(entry["id"]), str(entry["question"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"Not a question object: {line.strip()[:80]}",
            'Each line is {"id": …, "question": …, "session": …?}.',
        ) from error
    try:
        answer = last(asked(tutor, store, question, entry.get("session"), no_llm)).to_json()
    except QuestionError as error:
        return {"id": key, "question": question[:200], "error": str(error)}
    return {**answer, "id": key}


def show(events: Iterator[Event]) -> None:
    """Print the events as they come."""
    for event in events:
        match event:
            case Rewritten(standalone_question=alone, changed=True):
                echo(f"({alone})")
            case NotCovered(reply=reply):
                echo(reply)
            case Extracted(sentences=sentences):
                echo("From the guide")
                for sentence in sentences:
                    echo(f"  {sentence.text} [{sentence.citation}]")
            case Checked(sentence=sentence) if sentence.verdict == "supported":
                marks = "".join(f"[{n}]" for n in sentence.citations)
                echo(f"  · {sentence.text} {marks}")
            case Degraded(reason=reason):
                echo(f"({reason})")
            case Finished(answer=answer):
                foot(answer)


def foot(answer: Answer) -> None:
    """What the numbers mean, or what comes closest."""
    for citation in answer.citations:
        echo(f"[{citation.n}] {citation.title}  ({citation.path}#{citation.section_id})")
    if answer.status == "not_covered" and answer.nearest:
        echo("Closest: " + "; ".join(f"{n.title} ({n.section_id})" for n in answer.nearest))
    if answer.suggestions:
        echo("Next: " + " | ".join(answer.suggestions))
