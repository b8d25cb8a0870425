"""Does an answer cover an item? For one answer and one item, outside an interview.

Does not know interviews.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tutor.interview.reading import INJECTION, statements
from tutor.retrieval.embedder import Embedder
from tutor.retrieval.lexical import words
from tutor.verification.cross_encoder import CrossEncoder

Verdict = Literal["covered", "partial", "missing", "unclear"]
COVERED = 0.5
CONTRADICTED = 0.4
NEAR = 0.45


@dataclass(frozen=True)
class Grade:
    """The verdict, a score (0..1), the words it rests on, and the reading's three probabilities.

    `contradicts` tells an answer that says the opposite from one that only lacks the point.
    """

    score: float
    verdict: Verdict
    quote: str | None
    contradicts: bool

    def to_json(self) -> dict[str, Any]:
        """Plain data, as `tutor grade` prints it."""
        return asdict(self)


class Grader:
    """Grades answers against items; the same input always gives the same grade."""

    def __init__(self, embedder: Embedder, encoder: CrossEncoder) -> None:
        self._embedder, self._encoder = embedder, encoder

    def grade(self, answer: str, item: str) -> Grade:
        """Grade one answer; what tries to instruct the grader is not read."""
        said = [s for s in statements(answer) if not INJECTION.search(s.text)]
        kept = " ".join(s.text for s in said)
        if not words(kept) or not re.search(r"[a-z]{2}", kept, re.I):
            return Grade(0.0, "unclear" if answer.strip() else "missing", None, False)
        against, _, covered = (float(p) for p in self._encoder.probabilities([(kept, item)])[0])
        vectors = self._embedder.embed([item, *(s.text for s in said)])
        similar = vectors[1:] @ vectors[0]
        best = said[int(np.argmax(similar))].text
        contradicts = against >= CONTRADICTED and against > covered
        verdict: Verdict
        if covered >= COVERED and not contradicts:
            verdict = "covered"
        elif not contradicts and covered >= 0.3 and float(similar.max()) >= NEAR:
            verdict = "partial"
        else:
            verdict = "missing"
        return Grade(
            round(covered, 4), verdict, best if verdict in ("covered", "partial") else None, contradicts
        )
