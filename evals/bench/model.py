"""The chat model's first token and whole answer, beside LlamaIndex's default engine on the same questions."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator

from evals.bench.default_engine import answered, engine
from evals.bench.figures import Figure, Reference
from evals.bench.questions import Question, drawn
from evals.bench.session import Session, settle
from tutor import models
from tutor.schema import Finished, Retrieved
from tutor.tutor import Tutor

POOL = 480
"""Questions looked through for two on the same section."""
REFERENCE_S = 240.0
"""No further question is asked of the default engine after this long."""
Times = list[tuple[float, float]]
"""Seconds to first token and whole answer."""


def figures(session: Session) -> list[Figure]:
    """Seconds from a question to the model's first token and to the whole answer: on sections whose prompt was
    never read, and on those whose prompt is kept since another question."""
    asked = list(paired(session, session.count(6, 1)))
    with session.home("models", "index", "vectors") as home:
        tutor = Tutor(session.at(home))
        try:
            tutor.load()
            tutor.model().prepare([])
            unseen, seen, beside = ask_all(session, tutor, asked)
        finally:
            tutor.close()
    first, whole = (Reference("LlamaIndex", column(beside, at)) for at in (0, 1))
    faster = first if session.quick else Reference(first.name, first.samples, 4.0)
    kept, new = "section seen", "section never seen"
    return [
        Figure(f"first model token, {kept}", "s", column(seen, 0), session.bars((0.5,)), reference=first),
        Figure(f"first model token, {new}", "s", column(unseen, 0), session.bars((6.0,)), reference=faster),
        Figure(f"whole answer, {kept}", "s", column(seen, 1), reference=whole),
        Figure(f"whole answer, {new}", "s", column(unseen, 1), reference=whole),
    ]


def column(times: Times, at: int) -> tuple[float, ...]:
    """First tokens (0) or whole answers (1)."""
    return tuple(both[at] for both in times)


def ask_all(session: Session, tutor: Tutor, asked: list[tuple[str, str]]) -> tuple[Times, Times, Times]:
    """Seconds to first token and whole answer: never seen, seen, and the reference's on the first questions."""
    settings = session.settings
    file = models.resolve(settings.chat_model, settings)
    unseen: Times = []
    beside: Times = []
    began = time.perf_counter()
    with engine(settings.corpus, session.sentence_transformer, file, settings.llm_threads) as default:
        for number, (question, _) in enumerate(asked):
            settle(0.5)
            unseen.append(answer(tutor, question))
            if number < session.count(3, 1) and time.perf_counter() - began < REFERENCE_S:
                settle(0.5)
                beside.append(answered(default, question)[:2])
    seen = []
    for _, question in asked:
        settle(0.5)
        seen.append(answer(tutor, question))
    return unseen, seen, beside


def answer(tutor: Tutor, question: str) -> tuple[float, float]:
    """Seconds from a question to the model's first token and to the end of its answer.

    Raises:
        RuntimeError: the model said nothing.
    """
    for event in tutor.ask(question):
        if isinstance(event, Finished):
            held = event.answer.timings
            if held["first_token_ms"] is None:
                raise RuntimeError(f"The model said nothing to “{question}”: {event.answer.degraded}")
            extract, first, total = (
                held[name] or 0.0 for name in ("extract_ms", "first_token_ms", "total_ms")
            )
            return (extract + first) / 1000, total / 1000
    raise RuntimeError(f"“{question}” was not answered.")


def paired(session: Session, count: int) -> Iterator[tuple[str, str]]:
    """Pairs of different questions that the guide answers from the same section, each pair from another one."""
    by_section: dict[str, list[str]] = defaultdict(list)
    found = 0
    for question in drawn(POOL):
        if question.before is not None:
            continue
        hits = session.tutor.search(question.text, 1)
        if not hits or len(by_section[hits[0].section.id]) >= 2 or not is_answered(session.tutor, question):
            continue
        held = by_section[hits[0].section.id]
        held.append(question.text)
        if len(held) == 2:
            yield held[0], held[1]
            found += 1
            if found == count:
                return


def is_answered(tutor: Tutor, question: Question) -> bool:
    """Whether the guide answers a question, from the section that ranks first for its words."""
    first = ""
    for event in tutor.ask(question.text, history=question.history, use_llm=False):
        if isinstance(event, Retrieved):
            first = event.hits[0].section.id if event.hits else ""
        elif isinstance(event, Finished):
            return event.answer.status == "answered" and bool(first)
    return False
