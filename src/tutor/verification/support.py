"""Aligns a claim to passages of the guide and decides whether they support it.

Similarity and shared rare words find the passages; the verifier reads them. Does not know the chat
model. The thresholds below are set by hand; each says what it is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
MIN_SCORE = 0.50
"""The verifier's probability below which an aligned claim is dropped; the evals judge by the same. A fair paraphrase
may read less ("a load balancer spreads requests over servers" for "load balancing spreads traffic over servers": .34):
the guide's own sentence then takes its place."""
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
        tokens: Sequence[list[str]],
        vocabulary: Vocabulary,
        context: str,
        verifier: Verifier | None = None,
    ) -> None:
        """`vectors` and `tokens` (stems of content words) are those of the passages, in step."""
        self.passages = passages
        self._vectors = vectors
        self._tokens = tokens
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
        known = {claim: vector}
        for first in order.tolist():
            tried.append(self._supports(claim, wanted, first, similarity, float(overlap[first]), known))
            if tried[-1].supported:
                return tried[-1]
        return tried[0]

    def _supports(
        self,
        claim: str,
        wanted: list[str],
        first: int,
        similarity: Vectors,
        covered: float,
        known: Mapping[str, Vectors],
    ) -> Support:
        """Whether a passage carries a claim, alone or with a second one; `known` holds the claim's vector."""
        chosen = [first]
        if covered < 0.85:
            second, gain = self._second(first, wanted, covered, similarity)
            if second is not None and gain >= SECOND_GAIN:
                chosen.append(second)
                covered += gain
        supported, numbers, names, score = self._read(claim, chosen, similarity, covered, known)
        before = self._before(chosen)
        if not supported and numbers and before is not None and before not in chosen:
            wider = sorted([before, *chosen])
            again = self._read(claim, wider, similarity, covered, known)
            if again[0]:
                chosen, (supported, numbers, names, score) = wider, again
        return Support(supported, tuple(chosen), float(similarity[first]), covered, numbers, names, score)

    def _read(
        self,
        claim: str,
        chosen: Sequence[int],
        similarity: Vectors,
        covered: float,
        known: Mapping[str, Vectors],
    ) -> tuple[bool, bool, bool, float]:
        """Whether these passages carry a claim; whether its numbers and names stand there; the verifier's score."""
        source = " ".join(self.passages[i].plain for i in sorted(chosen))
        numbers = numbers_agree(claim, source)
        names = names_agree(claim, source + " " + self._context)
        supported = (
            float(max(similarity[i] for i in chosen)) >= MIN_SIMILARITY
            and covered >= MIN_OVERLAP
            and numbers
            and names
            and (negation_agrees(claim, source) or covered >= 0.75)
        )
        if not supported or self._verifier is None:
            return supported, numbers, names, 0.0
        score = self._verifier.verify(claim, [source], self._context, known=known).score
        return score >= MIN_SCORE, numbers, names, score

    def _before(self, chosen: Sequence[int]) -> int | None:
        """The sentence before the first passage, of the same section: what "it" stands for is often there."""
        first = min(chosen)
        if not first or self.passages[first - 1].section_id != self.passages[first].section_id:
            return None
        return first - 1

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
