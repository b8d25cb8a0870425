"""Aligns a claim to passages of the guide and decides whether they support it.

Similarity and shared rare words find the passages; the verifier reads them. Does not know the chat
model. The thresholds below are set by hand; each says what it is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tutor.corpus.blocks import Passage
from tutor.retrieval.embedder import Vectors
from tutor.retrieval.lexical import Vocabulary, words
from tutor.verification.facts import names_agree, negation_agrees, numbers_agree
from tutor.verification.verifier import Verifier

MIN_SIMILARITY = 0.50
"""Below this cosine a passage is about something else."""
MIN_OVERLAP = 0.52
"""Share, by idf, of the claim's content words that the passages must hold."""
MIN_SCORE = 0.20
"""The verifier's probability below which an aligned claim is dropped. Lower than the verifier's own threshold: words,
numbers and names have been compared already, and a fair paraphrase ("a load balancer spreads requests over servers"
for "load balancing spreads traffic over servers") reads .34. On planted pairs of the calibration sections .87 of the
defects are caught here and .01 of the true claims dropped; at .43 it is .91 and .025."""
TRIED = 4
"""Passages that are tried as the first, nearest first."""
SECOND_GAIN = 0.12
"""A second passage is cited when it covers at least this much more of the claim."""


@dataclass(frozen=True)
class Support:
    """The verdict on one claim, with the passages (by position) it rests on and its reasons."""

    supported: bool
    passages: tuple[int, ...]
    similarity: float
    overlap: float
    numbers: bool
    names: bool
    score: float = 0.0
    """The verifier's probability (0..1); 0 where it was not asked."""


class Aligner:
    """Aligns claims to a fixed set of passages of a few sections."""

    def __init__(
        self,
        passages: Sequence[Passage],
        vectors: Vectors,
        vocabulary: Vocabulary,
        context: str,
        verifier: Verifier | None = None,
    ) -> None:
        self.passages = passages
        self._vectors = vectors
        self._tokens = [words(passage.plain) for passage in passages]
        self._vocabulary = vocabulary
        self._context = context
        self._verifier = verifier

    def align(self, claim: str, vector: Vectors) -> Support:
        """The passages that support a claim best and whether they carry it; where the nearest do not, the next are tried."""
        if not self.passages:
            return Support(False, (), 0.0, 0.0, False, False)
        wanted = words(claim)
        similarity = self._vectors @ vector
        overlap = np.array([self._vocabulary.overlap(wanted, held) for held in self._tokens])
        order = np.argsort(-(0.55 * similarity + 0.45 * overlap), kind="stable")[:TRIED]
        tried: list[Support] = []
        for first in order.tolist():
            tried.append(self._supports(claim, wanted, first, similarity, float(overlap[first])))
            if tried[-1].supported:
                return tried[-1]
        return tried[0]

    def _supports(
        self, claim: str, wanted: list[str], first: int, similarity: Vectors, covered: float
    ) -> Support:
        """Whether a passage carries a claim, alone or with a second one."""
        chosen = [first]
        if covered < 0.85:
            second, gain = self._second(first, wanted, covered, similarity)
            if second is not None and gain >= SECOND_GAIN:
                chosen.append(second)
                covered += gain
        source = " ".join(self.passages[i].plain for i in chosen)
        numbers = numbers_agree(claim, source)
        names = names_agree(claim, source + " " + self._context)
        supported = (
            float(similarity[first]) >= MIN_SIMILARITY
            and covered >= MIN_OVERLAP
            and numbers
            and names
            and (negation_agrees(claim, source) or covered >= 0.75)
        )
        score = 0.0
        if supported and self._verifier is not None:
            read = self._verifier.verify(claim, [self._around(chosen)], self._context)
            supported, score = read.score >= MIN_SCORE, read.score
        return Support(supported, tuple(chosen), float(similarity[first]), covered, numbers, names, score)

    def _around(self, chosen: Sequence[int]) -> str:
        """The chosen passages with the sentence before the first: what "it" stands for is often there."""
        first = min(chosen)
        section = self.passages[first].section_id
        before = [first - 1] if first and self.passages[first - 1].section_id == section else []
        return " ".join(self.passages[i].plain for i in [*before, *sorted(chosen)])

    def _second(
        self, first: int, wanted: list[str], covered: float, similarity: Vectors
    ) -> tuple[int | None, float]:
        """The passage that covers most of what the first leaves open, and its gain."""
        best, gain = None, 0.0
        for i, held in enumerate(self._tokens):
            if i == first or similarity[i] < 0.35:
                continue
            joint = self._vocabulary.overlap(wanted, [*self._tokens[first], *held])
            if joint - covered > gain + 1e-9:
                best, gain = i, joint - covered
        return best, gain
