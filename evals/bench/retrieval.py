"""A question in, ranked sections and an extract out, without a chat model; beside brute force over the same vectors."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from evals.bench.figures import Figure, Reference
from evals.bench.questions import Question, drawn
from evals.bench.session import Session, settle
from tutor.schema import Extracted, NotCovered, Retrieved
from tutor.tutor import Tutor

WARM = 4
"""Questions asked first and not counted: they load what is loaded at first use."""


def figures(session: Session) -> list[Figure]:
    """Retrieval and extract over different questions; a follow-up's time includes understanding it."""
    count = session.count(130, 4)
    brute = brute_force(session)
    asked = drawn(WARM + count)
    found: list[tuple[Question, float, float]] = []
    beside: list[float] = []
    for number, question in enumerate(asked):
        for ours in (True, False) if number // 2 % 2 else (False, True):
            settle()
            if ours:
                found.append((question, *times(session.tutor, question)))
            else:
                began = time.perf_counter()
                brute(question.text)
                beside.append((time.perf_counter() - began) * 1000)
    found, beside = found[WARM:], beside[WARM:]

    def part(at: int, followup: bool) -> tuple[float, ...]:
        return tuple(
            (spent, extract)[at] for q, spent, extract in found if (q.before is not None) == followup
        )

    parts = [{"stands alone": part(at, False), "follow-up": part(at, True)} for at in (0, 1)]
    return [
        Figure(
            "retrieve", "ms", tuple(spent for _, spent, _ in found), session.bars((25.0, 50.0)), (50, 95),
            Reference("NumPy brute force", tuple(beside)), parts[0],
        ),
        Figure("extract, without a browser", "ms", tuple(extract for *_, extract in found), (), (50, 95), None, parts[1]),
    ]  # fmt: skip


def times(tutor: Tutor, question: Question) -> tuple[float, float]:
    """Milliseconds from a question to its ranked sections, and to its extract or the word that there is none."""
    retrieved = extracted = 0.0
    began = time.perf_counter()
    for event in tutor.ask(question.text, history=question.history, use_llm=False):
        if isinstance(event, Retrieved):
            retrieved = (time.perf_counter() - began) * 1000
        elif isinstance(event, (Extracted, NotCovered)):
            extracted = (time.perf_counter() - began) * 1000
    return retrieved, extracted


def brute_force(session: Session) -> Callable[[str], object]:
    """Embeds a question as the product does, and compares it with every vector of the index."""
    index, embedder = session.tutor.retriever().index, session.tutor.embedder
    vectors = np.concatenate([index.chunk_vectors, index.passage_vectors, index.section_vectors])

    def search(question: str) -> object:
        return np.argsort(-(vectors @ embedder.embed([question])[0]))[:10]

    return search
