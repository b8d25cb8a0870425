"""Does an answer cover an item? For one answer and one item, outside an interview.

Does not know interviews.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import log
from typing import Any, Literal, NamedTuple

import numpy as np

from tutor.interview.reading import INJECTION
from tutor.interview.statements import statements
from tutor.parameters.store import decision, threshold
from tutor.retrieval.embedder import Embedder
from tutor.retrieval.lexical import words
from tutor.verification.cross_encoder import CrossEncoder
from tutor.verification.facts import negation_agrees

Verdict = Literal["covered", "partial", "missing", "unclear"]
CLASSES = ("contradicted", "beside", "right")
"""Parts of `parameters/grading.json`: the answer contradicts the item, is beside the point, is right."""


class Features(NamedTuple):
    """Evidence on an answer beside an item."""

    reading: float
    """Log odds that the verifier reads the item in the answer."""
    against: float
    """Log ratio of what it reads against the item to what it reads beside it."""
    similarity: float
    """Cosine of both."""
    overlap: float
    """Share (0..1) of the item's words in the answer."""
    precision: float
    """Share (0..1) of the answer's words in the item."""
    negation: float
    """1 where both are negated or neither is."""
    length: float
    """Words of the answer over those of the item, at most 2."""


@dataclass(frozen=True)
class Grade:
    """The verdict, the chance that the answer is right (0..1), and the words it rests on.

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

    def features(self, pairs: Sequence[tuple[str, str]]) -> list[Features]:
        """The evidence on (answer, item) pairs."""
        read = self._encoder.probabilities(pairs)
        answers = self._embedder.embed([answer for answer, _ in pairs])
        items = self._embedder.embed([item for _, item in pairs])
        rows = []
        for i, (answer, item) in enumerate(pairs):
            given, wanted = set(words(answer)), set(words(item))
            shared = len(given & wanted)
            against, neither, right = (min(max(float(p), 1e-4), 1 - 1e-4) for p in read[i])
            rows.append(Features(
                log(right / (1 - right)), log(against / neither), float(answers[i] @ items[i]),
                shared / max(1, len(wanted)), shared / max(1, len(given)),
                float(negation_agrees(item, answer)), min(2.0, len(given) / max(1, len(wanted))),
            ))  # fmt: skip
        return rows

    def grade(self, answer: str, item: str) -> Grade:
        """Grade one answer; what tries to instruct the grader is not read.

        Raises:
            ModelCorrupt: the fitted decision cannot be read.
        """
        said = [s for s in statements(answer) if not INJECTION.search(s.text)]
        kept = " ".join(s.text for s in said)
        if not words(kept) or not re.search(r"[a-z]{2}", kept, re.I):
            return Grade(0.0, "unclear" if answer.strip() else "missing", None, False)
        against, _, right = self._chances(self.features([(kept, item)])[0])
        vectors = self._embedder.embed([item, *(s.text for s in said)])
        best = said[int(np.argmax(vectors[1:] @ vectors[0]))].text
        covered, partial = (threshold("grading", key) for key in ("covered", "partial"))
        verdict: Verdict = "covered" if right >= covered else "partial" if right >= partial else "missing"
        contradicts = against > max(right, 1 - against - right)
        if contradicts:
            verdict = "missing"
        return Grade(
            round(right, 4), verdict, best if verdict in ("covered", "partial") else None, contradicts
        )

    @staticmethod
    def _chances(row: Features) -> tuple[float, ...]:
        """Chances (0..1) of CLASSES."""
        values = np.array([decision("grading", Features._fields, part).value(row) for part in CLASSES])
        shifted = np.exp(values - values.max())
        return tuple((shifted / shifted.sum()).tolist())
