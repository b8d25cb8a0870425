"""Does a passage support a claim? One calibrated probability from independent signals.

The cross-encoder reads; numbers, names, rare words and negations are compared in code. The weights of
the combination are fitted by `training.verifier.calibrate`. Does not know where a claim comes from.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import log
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutor.corpus.blocks import trimmed
from tutor.errors import ModelCorrupt
from tutor.parameters.store import decision, threshold
from tutor.retrieval.embedder import Embedder, Vectors
from tutor.retrieval.lexical import weighted_share, words
from tutor.verification.chat_signal import Opinion
from tutor.verification.cross_encoder import WEIGHTS, CrossEncoder
from tutor.verification.facts import names_agree, negation_agrees, numbers_agree

NUMBERS_OFF = 0.3
"""What is left of a probability where a number of the claim does not stand in the passage: never enough to support."""
PIECE = re.compile(r"\w{1,7}|[^\w\s]")
"""About one token of the cross-encoder's; code and tables have two or three to a word."""
WINDOW_SIZE = 250
"""Longer passages are read in windows of about this many tokens, so that none is cut when it is read with a claim."""
MAX_WINDOWS = 4
"""Windows read per claim: those that share most with it."""
SENTENCE = re.compile(r"[^.!?\n]++(?:[.!?]+(?=\s|$)|\n|$)|[.!?]\S*|(?P<word>[^.!?\n]++)")
"""A sentence; or, as `word`, what a full stop within a name ends, which is none."""


@dataclass(frozen=True)
class Checks:
    """What was compared in code: agreement, shares (0..1), cosine, and the cross-encoder's word (0..1)."""

    numbers: bool
    names: bool
    negation: bool
    overlap: float
    similarity: float
    reading: float
    chat: float | None = None
    """The chat model's probability of yes (0..1), where one was asked."""


@dataclass(frozen=True)
class Evidence:
    """Where the support lies: the passage by position and a span of characters in it."""

    passage: int
    start: int
    end: int


@dataclass(frozen=True)
class Verification:
    """The verdict on a claim; `score` (0..1) is the calibrated probability that it is supported."""

    score: float
    verdict: str
    evidence: Evidence | None
    checks: Checks

    def to_json(self) -> dict[str, object]:
        """Plain data, as `tutor verify` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class Window:
    """Sentences of one passage that are read together; `spans` are their places in it."""

    passage: int
    spans: tuple[tuple[int, int], ...]
    text: str


class Features(NamedTuple):
    """Evidence that a passage supports a claim (`parameters/calibration.json`)."""

    reading: float
    """Log odds that the cross-encoder reads support."""
    contradiction: float
    """Probability (0..1) that it reads a contradiction."""
    numbers: float
    """1 where a number of the claim is missing."""
    names: float
    """1 where a name of the claim is missing."""
    overlap: float
    """Idf share (0..1) of the claim's words in the passage."""
    similarity: float
    """Cosine of both."""
    negation: float
    """1 where one is negated and the other is not."""
    rare: float
    """Idf, in tenths, of the rarest word that is missing, where most words are there."""
    claim_length: float
    """Log of one more than the number of words, in thirds."""
    passage_length: float
    """Log of one more than the number of words, in fifths."""


class Calibration:
    """Fitted numbers: a logistic decision over the features, its threshold, and how rare words are.

    Raises:
        ModelCorrupt: one of the files is missing or damaged.
    """

    def __init__(self, file: Path = WEIGHTS / "rarity.json") -> None:
        self.decision = decision("calibration", Features._fields)
        self.threshold = threshold("calibration", "supported")
        self._chat = decision("chat_opinion", ("score", "yes"))
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
            self._idf: dict[str, float] = held["idf"]
            self._unseen = float(held["unseen"])
        except (OSError, ValueError, KeyError) as error:
            raise ModelCorrupt(f"{file} cannot be read: {error}", "Install Tutor again.") from error

    def idf(self, word: str) -> float:
        """Inverse document frequency of a stem."""
        return self._idf.get(word, self._unseen)

    def probability(self, row: Sequence[float]) -> float:
        """Probability (0..1) that a claim with these features is supported."""
        return self.decision.probability(row)

    def with_chat(self, score: float, yes: float) -> float:
        """Probability (0..1) of support from the score and the chat model's yes (0..1)."""
        return self._chat.probability((log_odds(score), log_odds(yes)))


def log_odds(probability: float) -> float:
    """Log odds, clipped to ±6.9."""
    clear = min(max(probability, 0.001), 0.999)
    return log(clear / (1 - clear))


class Verifier:
    """Verifies claims against passages; the same input always gives the same answer."""

    def __init__(self, encoder: CrossEncoder, embedder: Embedder, calibration: Calibration) -> None:
        self._encoder, self._embedder, self._calibration = encoder, embedder, calibration

    def load(self) -> None:
        """Load the cross-encoder's weights now instead of at first use."""
        self._encoder.load()

    def verify(
        self,
        claim: str,
        passages: Sequence[str],
        context: str = "",
        opinion: Opinion | None = None,
        known: Mapping[str, Vectors] | None = None,
    ) -> Verification:
        """Whether any passage supports the claim; names may also stand in `context`, and a chat model may be
        asked for its `opinion` on the passage read. `known` holds vectors of texts that need not be embedded."""
        return self.verify_all([(claim, passages)], context, opinion, known)[0]

    def verify_all(
        self,
        items: Sequence[tuple[str, Sequence[str]]],
        context: str = "",
        opinion: Opinion | None = None,
        known: Mapping[str, Vectors] | None = None,
    ) -> list[Verification]:
        """`verify` for many claims, each with its own passages, read in one batch."""
        chosen = [self._windows(claim, passages) for claim, passages in items]
        flat = [
            (window.text, claim) for (claim, _), found in zip(items, chosen, strict=True) for window in found
        ]
        read = self._encoder.probabilities(flat)
        vectors = dict(known or {})
        texts = sorted({text for pair in flat for text in pair} - vectors.keys())
        vectors.update(zip(texts, self._embedder.embed(texts), strict=True))
        out, at = [], 0
        for (claim, passages), found in zip(items, chosen, strict=True):
            best: tuple[float, Window, Checks] | None = None
            for window in found:
                similarity = float(vectors[window.text] @ vectors[claim])
                row, checks = self.features(claim, window.text, read[at], similarity, context)
                score = self._calibration.probability(row) * (1.0 if checks.numbers else NUMBERS_OFF)
                if best is None or score > best[0]:
                    best = (score, window, checks)
                at += 1
            if best is not None and opinion is not None:
                best = self._heard(claim, best, opinion)
            out.append(self._verdict(claim, best, passages))
        return out

    def features(
        self, claim: str, source: str, read: Sequence[float], similarity: float, context: str = ""
    ) -> tuple[Features, Checks]:
        """The features of a pair, and the checks behind them."""
        wanted, held = set(words(claim)), set(words(source))
        overlap = weighted_share(wanted, held, self._calibration.idf)
        rarest = max((self._calibration.idf(word) for word in wanted - held), default=0.0)
        supported = min(max(float(read[2]), 1e-4), 1 - 1e-4)
        checks = Checks(
            numbers_agree(claim, source), names_agree(claim, source + " " + context),
            negation_agrees(claim, source), overlap, similarity, float(read[2]),
        )  # fmt: skip
        row = Features(
            log(supported / (1 - supported)), float(read[0]),
            float(not checks.numbers), float(not checks.names), overlap, similarity,
            float(not checks.negation), rarest / 10 * float(overlap > 0.6), log(1 + len(claim.split())) / 3,
            log(1 + len(source.split())) / 5,
        )  # fmt: skip
        return row, checks

    def _heard(
        self, claim: str, best: tuple[float, Window, Checks], opinion: Opinion
    ) -> tuple[float, Window, Checks]:
        """The score with the chat model's opinion; the same where it has none."""
        score, window, checks = best
        yes = opinion(window.text, claim)
        return (
            best
            if yes is None
            else (self._calibration.with_chat(score, yes), window, replace(checks, chat=yes))
        )

    def read(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """The cross-encoder's own word on (passage, claim) pairs: shape (n, 3), contradicted, not said, supported."""
        return self._encoder.probabilities(pairs)

    def _verdict(
        self, claim: str, best: tuple[float, Window, Checks] | None, passages: Sequence[str]
    ) -> Verification:
        if best is None:
            return Verification(0.0, "unsupported", None, Checks(False, False, False, 0.0, 0.0, 0.0))
        score, window, checks = best
        supported = score >= self._calibration.threshold
        evidence = self._narrowed(claim, window, passages[window.passage]) if supported else None
        return Verification(round(score, 4), "supported" if supported else "unsupported", evidence, checks)

    def _narrowed(self, claim: str, window: Window, passage: str) -> Evidence:
        """The sentence of the window that shares most with the claim; two neighbours where one is not enough."""
        wanted = set(words(claim))
        spans = window.spans
        shares = [self._share(wanted, passage[a:b]) for a, b in spans]
        best = max(range(len(spans)), key=lambda i: shares[i])
        first, last = best, best
        for other in (best - 1, best + 1):
            if 0 <= other < len(spans):
                a, b = min(best, other), max(best, other)
                near = not passage[spans[a][1] : spans[b][0]].strip()
                if near and self._share(wanted, passage[spans[a][0] : spans[b][1]]) > shares[best] + 0.2:
                    first, last = a, b
                    break
        return Evidence(window.passage, spans[first][0], spans[last][1])

    def _share(self, wanted: Set[str], text: str) -> float:
        """Share (0..1), by rarity, of the wanted stems that the text holds."""
        return weighted_share(wanted, set(words(text)), self._calibration.idf)

    def _windows(self, claim: str, passages: Sequence[str]) -> list[Window]:
        """The windows to read for a claim: those that share most with it, and of a long passage its sentences
        that share most with it, wherever they stand."""
        found = [window for i, passage in enumerate(passages) for window in windows(i, passage)]
        wanted = set(words(claim))
        if len(found) > MAX_WINDOWS:
            found = sorted(found, key=lambda w: -self._share(wanted, w.text))[:MAX_WINDOWS]
        long = [i for i, passage in enumerate(passages) if size_of(passage) > WINDOW_SIZE]
        return found + [gathered(i, passages[i], partial(self._share, wanted)) for i in long[:MAX_WINDOWS]]


def gathered(number: int, passage: str, share: Callable[[str], float]) -> Window:
    """A window of the sentences of a long passage that share most with a claim, in their order."""
    spans = sentences(passage)
    kept: list[int] = []
    size = 0
    for i in sorted(range(len(spans)), key=lambda i: -share(passage[spans[i][0] : spans[i][1]])):
        size += size_of(passage[spans[i][0] : spans[i][1]])
        if kept and size > WINDOW_SIZE:
            break
        kept.append(i)
    chosen = tuple(spans[i] for i in sorted(kept))
    return Window(number, chosen, " ".join(passage[a:b] for a, b in chosen))


def size_of(text: str) -> int:
    """About how many tokens a text has."""
    return len(PIECE.findall(text))


def sentences(text: str) -> list[tuple[int, int]]:
    """Spans of the sentences of a text, without surrounding white space; at least one."""
    found = [
        (start, end)
        for match in SENTENCE.finditer(text)
        if match["word"] is None
        for start, end in trimmed(text, *match.span())
        if end - start > 1
    ]
    return found or [(0, len(text))]


def windows(number: int, passage: str) -> list[Window]:
    """Runs of whole sentences, each run overlapping the one before by a sentence."""
    if not passage.strip():
        return []
    spans = sentences(passage)
    if size_of(passage) <= WINDOW_SIZE:
        return [Window(number, tuple(spans), passage)]
    found, first = [], 0
    while first < len(spans):
        last = first
        while (
            last + 1 < len(spans)
            and size_of(passage[spans[first][0] : spans[last + 1][1]]) <= WINDOW_SIZE
        ):
            last += 1
        found.append(
            Window(number, tuple(spans[first : last + 1]), passage[spans[first][0] : spans[last][1]])
        )
        if last == len(spans) - 1:
            break
        first = max(first + 1, last)
    return found
