"""Does an answer cover an item? For one answer and one item, outside an interview.

Does not know interviews.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import log
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tutor.errors import ModelCorrupt
from tutor.interview.reading import INJECTION
from tutor.interview.statements import statements
from tutor.retrieval.embedder import Embedder
from tutor.retrieval.lexical import words
from tutor.verification.cross_encoder import WEIGHTS, CrossEncoder
from tutor.verification.facts import negation_agrees

Verdict = Literal["covered", "partial", "missing", "unclear"]
GRADING = WEIGHTS / "grading.json"
NAMES = ["reading", "against", "similarity", "overlap", "precision", "negation", "length"]
PARTIAL = 0.3
"""Chance of being right from which an answer that is not covered counts as partial."""


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
        self._decision = lru_cache(1)(self._read_decision)

    def features(self, pairs: Sequence[tuple[str, str]]) -> list[list[float]]:
        """(answer, item) pairs to rows in the order of NAMES."""
        read = self._encoder.probabilities(pairs)
        answers = self._embedder.embed([answer for answer, _ in pairs])
        items = self._embedder.embed([item for _, item in pairs])
        rows = []
        for i, (answer, item) in enumerate(pairs):
            given, wanted = set(words(answer)), set(words(item))
            shared = len(given & wanted)
            against, neither, right = (min(max(float(p), 1e-4), 1 - 1e-4) for p in read[i])
            rows.append([
                log(right / (1 - right)), log(against / neither), float(answers[i] @ items[i]),
                shared / max(1, len(wanted)), shared / max(1, len(given)),
                float(negation_agrees(item, answer)), min(2.0, len(given) / max(1, len(wanted))),
            ])  # fmt: skip
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
        verdict: Verdict = "covered" if right >= 0.5 else "partial" if right >= PARTIAL else "missing"
        contradicts = against > max(right, 1 - against - right)
        if contradicts:
            verdict = "missing"
        return Grade(
            round(right, 4), verdict, best if verdict in ("covered", "partial") else None, contradicts
        )

    def _read_decision(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        try:
            held = json.loads(GRADING.read_text(encoding="utf-8"))
            return np.array(held["coef"]), np.array(held["bias"])
        except (OSError, ValueError, KeyError) as error:
            raise ModelCorrupt(f"{GRADING} cannot be read: {error}", "Install Tutor again.") from error

    def _chances(self, row: Sequence[float]) -> NDArray[np.float64]:
        """Chances (0..1) that the answer contradicts, is beside the point, is right."""
        weights, bias = self._decision()
        logits = weights @ np.array(row) + bias
        shifted = np.exp(logits - logits.max())
        return np.asarray(shifted / shifted.sum(), dtype=np.float64)
