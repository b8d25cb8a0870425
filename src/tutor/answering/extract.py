"""The guide's own sentences that answer a question best: shown first, before any model.

Does not know the chat model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tutor.corpus.blocks import Passage
from tutor.retrieval.embedder import Vectors
from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever
from tutor.schema import Section, SectionHit

SENTENCES = 4
DANGLING = re.compile(r"^(?:it|this|that|these|those|they|then|here|both|such|the former|the latter)\b", re.I)
NUMERIC = re.compile(
    r"\b(?:how (?:many|much|long|big|large|fast|often)|what (?:percent|share|number))\b", re.I
)
WHEN = re.compile(r"\bwhen\b|\bshould\b", re.I)
USE = re.compile(r"\b(?:use|suits?|fits?|when|choose|avoid|start)\b", re.I)


@dataclass(frozen=True)
class Candidates:
    """The passages of the leading sections, in reading order, with their vectors in step."""

    sections: tuple[Section, ...]
    passages: tuple[Passage, ...]
    vectors: Vectors


def candidates(retriever: Retriever, hits: list[SectionHit], count: int = 4) -> Candidates:
    """Passages of the first `count` sections."""
    order = {hit.section.id: rank for rank, hit in enumerate(hits[:count])}
    index = retriever.index
    rows = [i for i, passage in enumerate(index.passages) if passage.section_id in order]
    rows.sort(key=lambda i: (order[index.passages[i].section_id], index.passages[i].start))
    return Candidates(
        tuple(hit.section for hit in hits[:count]),
        tuple(index.passages[i] for i in rows),
        index.passage_vectors[rows] if rows else np.zeros((0, 384), dtype=np.float32),
    )


def choose(
    question: str, vector: Vectors, found: Candidates, retriever: Retriever, limit: int = SENTENCES
) -> list[int]:
    """Positions of the sentences to show, in reading order of the sections as ranked.

    A sentence scores by similarity, by shared rare words, by the rank of its section and by
    opening it; one that repeats a chosen sentence, or cannot stand alone, loses.
    """
    if not found.passages:
        return []
    wanted = words(question)
    rank = {section.id: i for i, section in enumerate(found.sections)}
    opens = first_of_section(found)
    scores = np.zeros(len(found.passages))
    for i, passage in enumerate(found.passages):
        overlap = retriever.vocabulary.overlap(wanted, words(passage.plain))
        value = 0.6 * float(found.vectors[i] @ vector) + 0.35 * overlap
        value -= 0.10 * rank[passage.section_id]
        value += 0.14 * (i in opens and rank[passage.section_id] == 0)
        value -= 0.12 * bool(DANGLING.match(passage.plain)) + 0.10 * (passage.kind != "prose")
        value -= 0.2 * (len(passage.plain) < 30 or passage.plain.endswith(":"))
        value += 0.08 * bool(NUMERIC.search(question) and re.search(r"\d", passage.plain))
        value += 0.06 * bool(WHEN.search(question) and USE.search(passage.plain))
        scores[i] = value
    chosen: list[int] = []
    floor = float(scores.max()) - 0.28
    while len(chosen) < limit:
        best = int(np.argmax(scores))
        if scores[best] < floor or scores[best] <= -1:
            break
        chosen.append(best)
        repeated = found.vectors @ found.vectors[best]
        scores = np.where(repeated > 0.9, -9.0, scores - 0.12 * np.maximum(repeated - 0.5, 0))
        scores[best] = -9.0
    return sorted(chosen)


def first_of_section(found: Candidates) -> set[int]:
    """Positions of the sentences that open a section."""
    seen: set[str] = set()
    opens = set()
    for i, passage in enumerate(found.passages):
        if passage.section_id not in seen:
            seen.add(passage.section_id)
            opens.add(i)
    return opens
