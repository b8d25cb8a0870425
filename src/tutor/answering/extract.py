"""The guide's own sentences that answer a question best: shown first, before any model.

Does not know the chat model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tutor.corpus.blocks import Passage
from tutor.parameters.store import decision
from tutor.retrieval.embedder import DIMENSIONS, Vectors
from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever
from tutor.schema import Section, SectionHit

SENTENCES = 5
"""Sentences shown at most."""
FEATURES = ("similarity", "overlap", "leading_section", "opens_it", "place", "short", "length")
"""Signals of the logistic decision whether a sentence belongs to a good answer (`parameters/extract.json`)."""
FLOOR = 3.5
"""A sentence whose log odds lie further below the best one's is left out."""
DANGLES = 0.5
"""What a sentence loses whose first word points at one that is not shown; set by hand."""
DANGLING = re.compile(r"^(?:it|this|that|these|those|they|then|here|both|such|the former|the latter)\b", re.I)
REPEATS = 0.9
"""Cosine from which two sentences say the same."""


@dataclass(frozen=True)
class Candidates:
    """The passages of the leading sections, in reading order, with their vectors in step."""

    sections: tuple[Section, ...]
    passages: tuple[Passage, ...]
    vectors: Vectors
    words: tuple[list[str], ...]
    """Stems of each passage's content words."""


def candidates(retriever: Retriever, hits: list[SectionHit], count: int = 4) -> Candidates:
    """Passages of the first `count` sections."""
    index = retriever.index
    rows = [at for hit in hits[:count] for at in retriever.passages_of(hit.section.id)]
    return Candidates(
        tuple(hit.section for hit in hits[:count]),
        tuple(index.passages[i] for i in rows),
        index.passage_vectors[rows] if rows else np.zeros((0, DIMENSIONS), dtype=np.float32),
        tuple(retriever.passage_words(at) for at in rows),
    )


def weighed(
    question: str, vector: Vectors, found: Candidates, retriever: Retriever
) -> NDArray[np.float64]:
    """How much each sentence says to the question, shape (n,), higher is better: its `features` weighed."""
    if not found.passages:
        return np.zeros(0)
    return decision("extract", FEATURES).values(features(question, vector, found, retriever))


def choose(weights: NDArray[np.float64], found: Candidates, limit: int = SENTENCES) -> list[int]:
    """Positions of the sentences to show, in reading order of the sections as ranked.

    They are taken by what `weighed` gave; one that repeats a chosen sentence is left out, and one that cannot stand
    alone loses unless the sentence before it is shown too.
    """
    if not found.passages:
        return []
    scores = weights.copy()
    points = np.array([bool(DANGLING.match(passage.plain)) for passage in found.passages])
    floor = float(scores.max()) - FLOOR
    chosen: list[int] = []
    while len(chosen) < limit:
        follows = np.array([i - 1 in chosen for i in range(len(scores))])
        now = scores - DANGLES * (points & ~follows)
        best = int(np.argmax(now))
        if (now[best] < floor and chosen) or now[best] == -np.inf:
            break
        chosen.append(best)
        scores[found.vectors @ found.vectors[best] > REPEATS] = -np.inf
        scores[best] = -np.inf
    return sorted(chosen)


def features(question: str, vector: Vectors, found: Candidates, retriever: Retriever) -> NDArray[np.float64]:
    """Evidence for each sentence, shape (n, 7) in the order of FEATURES: cosine to the question, idf share of the
    question's words, whether its section leads the ranking, whether it opens that section, its place there (0, 0.2, ...
    2), whether it is a fragment, and the log of its length in words.
    """
    wanted = words(question)
    leading = found.sections[0].id
    place: dict[str, int] = {}
    rows = []
    for passage, held, similarity in zip(found.passages, found.words, found.vectors @ vector, strict=True):
        at = place.get(passage.section_id, 0)
        place[passage.section_id] = at + 1
        leads = passage.section_id == leading
        rows.append(
            (
                float(similarity), retriever.vocabulary.overlap(wanted, held), leads,
                leads and at == 0, min(at / 5, 2.0), len(passage.plain) < 30 or passage.plain.endswith(":"),
                np.log(1 + len(passage.plain.split())),
            )
        )  # fmt: skip
    return np.array(rows, dtype=np.float64)


