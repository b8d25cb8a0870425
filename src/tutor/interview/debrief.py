"""The debrief: what an interview came to, recomputed from its ledger alone.

No quote, no credit. The same state always gives the same debrief. Does not know how it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal
from urllib.parse import quote

from tutor.interview.policy import DESIGNING, items_of, weight
from tutor.interview.problem import DIMENSIONS, PHASES, CheckItem, Problem
from tutor.interview.state import State
from tutor.markdown import literal, sentence
from tutor.schema import Section

CREDIT = {"unaided": 1.0, "probe": 0.75, "hint": 0.4, "told": 0.0, "missed": 0.0}
"""What an item earns of its weight, by how the candidate came to it."""
VERDICTS = ((0.75, "strong hire"), (0.6, "hire"), (0.42, "lean no hire"), (0.0, "no hire"))
MIN_SHARE = 0.25
"""Below this share of the weight in play, the interview is too short to judge."""
WEIGHED = re.compile(
    r"\b(?:trade|downside|cost|instead|rather|drawback|whereas|price|versus|vs|but|because|although)\b", re.I
)
Status = Literal["unaided", "probe", "hint", "told", "missed", "not assessed"]


@dataclass(frozen=True)
class ItemResult:
    """One check item: how it was met, in whose words, and where the guide teaches it."""

    id: str
    status: Status
    credit: float
    weight: int
    dimension: str
    phase: str
    section: str
    quote: str | None
    line: int | None
    at_s: float | None
    fill: str


@dataclass(frozen=True)
class Part:
    """A phase or dimension: credit earned of the weight assessed; None where nothing was."""

    name: str
    credit: float
    weight: int
    score: float | None
    assessed: int
    not_assessed: int


@dataclass(frozen=True)
class Mistake:
    """One of the common mistakes, where it happened."""

    name: str
    where: str
    section: str


@dataclass(frozen=True)
class Debrief:
    """The whole debrief; `arithmetic` shows how the score came about."""

    interview: str
    problem: str
    title: str
    version: str
    level: str
    minutes: int
    used_s: float
    verdict: str
    score: float | None
    arithmetic: str
    phases: tuple[Part, ...]
    dimensions: tuple[Part, ...]
    items: tuple[ItemResult, ...]
    numbers: tuple[dict[str, Any], ...]
    mistakes: tuple[Mistake, ...]
    work_on: tuple[dict[str, str], ...]
    model_answer: str
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(held: dict[str, Any]) -> Debrief:
        """The debrief from plain data, as it was judged."""
        peers: dict[str, type] = {
            "phases": Part,
            "dimensions": Part,
            "items": ItemResult,
            "mistakes": Mistake,
        }
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in held.items()
        }
        read.update({name: tuple(kind(**row) for row in held[name]) for name, kind in peers.items()})
        return Debrief(**read)


def debrief(problem: Problem, state: State) -> Debrief:
    """Judge an interview from its state."""
    note = ""
    if state.version != problem.version:
        note = f"The problem has changed since (then {state.version}, now {problem.version})."
    results = tuple(judged(item, state) for item in items_of(problem, state))
    assessed = [r for r in results if r.status != "not assessed"]
    credit, total = sum(r.credit * r.weight for r in assessed), sum(r.weight for r in assessed)
    in_play = sum(r.weight for r in results)
    enough = in_play and total / in_play >= MIN_SHARE
    score = round(credit / total, 4) if total else None
    verdict = "too little to judge"
    if score is not None and enough:
        verdict = next(name for least, name in VERDICTS if score >= least)
    missed = sorted(
        (r for r in results if r.status in ("missed", "told", "hint")),
        key=lambda r: (-r.weight * (1 - r.credit), PHASES.index(r.phase)),
    )
    return Debrief(
        interview=state.id, problem=problem.id, title=problem.title, version=state.version,
        level=state.level, minutes=state.minutes, used_s=state.clock_s, verdict=verdict, score=score,
        arithmetic=arithmetic(assessed, credit, total, in_play, verdict),
        phases=tuple(part(p, [r for r in results if r.phase == p]) for p in PHASES),
        dimensions=tuple(part(d, [r for r in results if r.dimension == d]) for d in DIMENSIONS),
        items=results,
        numbers=tuple(
            {**asdict(seen), "name": next((e.name for e in problem.estimates if e.id == seen.estimate), "")}
            for seen in state.numbers
        ),
        mistakes=tuple(mistakes(state)),
        work_on=tuple({"item": r.id, "section": r.section, "why": r.fill} for r in distinct(missed)[:2]),
        model_answer=problem.model_answer,
        note=note,
    )  # fmt: skip


def judged(item: CheckItem, state: State) -> ItemResult:
    """One item's result. What was credited needs its quote to stand in the transcript."""
    entry = next((e for e in state.ledger if e.item == item.id and quoted(state, e.line, e.quote)), None)
    status: Status
    if entry is not None:
        status = entry.how
    elif item.id in state.told:
        status = "told"
    elif state.asked.get(item.id):
        status = "missed"
    else:
        status = "not assessed"
    return ItemResult(
        item.id, status, CREDIT.get(status, 0.0), weight(item, state), item.dimension, item.phase, item.section,
        entry.quote if entry else None, entry.line if entry else None, entry.at_s if entry else None, item.fill,
    )  # fmt: skip


def quoted(state: State, line: int, quote: str) -> bool:
    """Whether the candidate said exactly this in that line."""
    held = state.transcript[line] if 0 <= line < len(state.transcript) else None
    return held is not None and held.who == "candidate" and bool(quote) and quote in held.text


def part(name: str, results: list[ItemResult]) -> Part:
    """The sum over a phase or a dimension."""
    assessed = [r for r in results if r.status != "not assessed"]
    credit, total = sum(r.credit * r.weight for r in assessed), sum(r.weight for r in assessed)
    score = round(credit / total, 4) if total else None
    return Part(name, round(credit, 2), total, score, len(assessed), len(results) - len(assessed))


def arithmetic(assessed: list[ItemResult], credit: float, total: int, in_play: int, verdict: str) -> str:
    """The score as a sum anyone can check."""
    if not total:
        return "Nothing was assessed."
    kinds = []
    for status, share in CREDIT.items():
        held = sum(r.weight for r in assessed if r.status == status)
        if held:
            kinds.append(f"{held} {status} × {share:g}")
    bars = ", ".join(f"{name} from {least:.0%}" for least, name in VERDICTS if least)
    least = f"Assessed: {total} of {in_play} points of weight."
    return (
        f"{' + '.join(kinds)} = {credit:.2f} of {total} = {credit / total:.0%}: {verdict} ({bars}). {least}"
    )


def distinct(results: list[ItemResult]) -> list[ItemResult]:
    """Results with a guide section each of its own."""
    seen: set[str] = set()
    return [r for r in results if r.section not in seen and not seen.add(r.section)]  # type: ignore[func-returns-value]


def mistakes(state: State) -> list[Mistake]:
    """The common mistakes that happened, each with the place."""
    found = []
    mine = [line for line in state.transcript if line.who == "candidate"]
    reached = state.phases_reached()
    section = "takeaways/mistakes"
    said = " ".join(line.text for line in mine)
    if "leap" in state.flagged:
        first = next((line for line in mine if DESIGNING.search(line.text)), None)
        found.append(Mistake("Jumping ahead before you clarify", first.text[:160] if first else "", section))
    named = {match[0].lower() for match in DESIGNING.finditer(said)}
    if len(named) >= 6 and not re.search(r"\d", said):
        listed = ", ".join(sorted(named))
        found.append(Mistake("Over-engineering", f"{listed}: many parts and not one number.", section))
    if len(reached) > 1 and not state.numbers and not re.search(r"\d", said):
        found.append(Mistake("Ignoring scale", "Nothing was estimated in the whole interview.", section))
    if "deep-dive" in reached and mine and not WEIGHED.search(said):
        found.append(Mistake("Not weighing trade-offs", "No choice was weighed against another.", section))
    if mine and len(said.split()) / len(mine) < 6:
        words = f"{len(said.split())} words in {len(mine)} turns."
        found.append(Mistake("Poor communication", words, section))
    return found


def to_markdown(result: Debrief, state: State, section_of: Callable[[str], Section | None], base: str = "") -> str:
    """The debrief as Markdown; each item links to its section of the guide, whose files lie under `base`."""

    def link(key: str) -> str:
        section = section_of(key)
        if section is None:
            return literal(key)
        return f"[{sentence(section.label)}]({quote(f'{base}{section.path}#{key}', safe='/#')})"

    lines = [f"# {literal(result.title)}: {result.verdict}", "", literal(result.arithmetic), ""]
    if result.note:
        lines += [literal(result.note), ""]
    lines += ["| dimension | score | assessed | not assessed |", "|---|---|---|---|"]
    for row in (*result.dimensions, *result.phases):
        shown = "not assessed" if row.score is None else f"{row.score:.0%}"
        lines.append(f"| {row.name} | {shown} | {row.assessed} | {row.not_assessed} |")
    lines += ["", "## Work on first", ""]
    lines += [f"- {literal(w['why'])} ({link(w['section'])})" for w in result.work_on]
    lines += ["", "## What was covered", ""]
    for item in result.items:
        if item.quote:
            lines.append(f"- **{item.status}**, {item.phase}: “{literal(item.quote)}” ({link(item.section)})")
    lines += ["", "## What was missed", ""]
    for item in result.items:
        if item.status in ("missed", "told"):
            lines.append(f"- **{item.status}**: {literal(item.fill)} ({link(item.section)})")
    if result.numbers:
        lines += ["", "## Numbers", ""]
        for seen in result.numbers:
            mark = "right" if seen["right"] else "off"
            figures = f"you {seen['value']:,.4g}, expected {seen['expected']:,.4g}"
            lines.append(f"- {mark}: {literal(seen['name'])}: {figures}: “{literal(seen['quote'])}”")
    if result.mistakes:
        lines += ["", "## Common mistakes", ""]
        lines += [f"- {literal(m.name)}: {literal(m.where)}" for m in result.mistakes]
    lines += ["", "## Model answer", "", literal(result.model_answer), "", "## Transcript", ""]
    lines += [f"**{line.who}** ({line.at_s / 60:.1f} min): {literal(line.text)}\n" for line in state.transcript]
    return "\n".join(lines)
