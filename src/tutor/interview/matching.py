"""Does a statement cover a check item? A fitted decision on what the item's examples, cues and the verifier say.

Does not know facts, phases, moves or scores.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutor.interview.classifier import RidgeClassifier
from tutor.interview.cues import matches
from tutor.interview.problem import CheckItem
from tutor.interview.statements import Statement
from tutor.parameters.store import decision
from tutor.retrieval.embedder import Vectors
from tutor.verification.cross_encoder import CrossEncoder

Embed = Callable[[Sequence[str]], Vectors]
DENIAL = re.compile(
    r"\b(?:no|not|never|without|don't|doesn't|won't|wouldn't|isn't|aren't|can't|cannot|avoid|skip|needn't"
    r"|instead of|rather than|unnecessary|ignore)\b",
    re.I,
)
READ = 3
"""Examples of an item that the verifier reads a statement against: the most similar."""
WORTH_READING, LEADING = 0.18, 2
"""A statement is read against the items that it resembles this much, those it resembles most, and those whose cues
it holds."""
JOINT = 0.95
"""What two statements read together count, beside one."""
KEPT = 2_000
"""Statements whose scores are kept."""


class Features(NamedTuple):
    """Evidence that a statement covers an item (`parameters/item_matcher.json`)."""

    resemblance: float
    """The classifier's score for the item."""
    margin: float
    """How much that is above its highest score for another item."""
    nearest: float
    """Mean cosine of the most similar examples."""
    cue: float
    """1 where the statement holds one of the item's cues."""
    denied: float
    """1 where a denial stands before a cue."""
    reading: float
    """Mean log odds, in quarters, that the statement carries an example."""
    best_reading: float
    """The highest, in quarters."""
    contradiction: float
    """Highest probability (0..1) that it contradicts one."""
    length: float
    """Log of one more than its number of words, in thirds."""


@dataclass(frozen=True)
class Match:
    """A statement that covers an item wholly or in part; `score` is the chance (0..1) that it does."""

    item: str
    statement: Statement
    score: float
    covered: bool


@dataclass(frozen=True)
class Seen:
    """A statement beside an item."""

    row: Features

    @property
    def score(self) -> float:
        """Chance (0..1) that the item is covered."""
        return decision("item_matcher", Features._fields).probability(self.row)


class ItemMatcher:
    """Matches statements to the items of one problem; fitted at first use, safe to share between threads."""

    COVERED = 0.5
    PARTIAL = 0.3

    def __init__(
        self, items: Sequence[CheckItem], vectors: Embed, embed: Embed, encoder: CrossEncoder
    ) -> None:
        """`vectors` embeds the items' fixed texts and may keep them; `embed` embeds what is said."""
        self._items, self._vectors, self._embed, self._encoder = items, vectors, embed, encoder
        self._lock = threading.Lock()
        self._classifier: RidgeClassifier | None = None
        self._texts = [text for item in items for text in examples(item)]
        self._misses = [text for item in items for text in item.misses]
        self._owner = np.array([i for i, item in enumerate(items) for _ in examples(item)])
        self._examples: Vectors = np.zeros((0, 0), dtype=np.float32)
        self._known: dict[str, list[Seen | None]] = {}

    def fixed_texts(self) -> list[str]:
        """Every text of the items that is embedded."""
        return [*self._texts, *self._misses]

    def fit(self) -> None:
        """Fit the classifier now instead of at first use."""
        with self._lock:
            if self._classifier is None:
                self._examples = self._vectors(self._texts)
                misses = self._vectors(self._misses)
                self._classifier = RidgeClassifier(
                    self._examples, self._owner.tolist(), len(self._items), misses
                )

    def match(
        self, said: Sequence[Statement], items: Sequence[CheckItem], joint: Sequence[Statement] = ()
    ) -> list[Match]:
        """The best match of each item; a question earns only an item that may be asked for.

        `joint` are neighbouring statements read together; they count a little less.
        """
        every = [*said, *joint]
        wanted = {item.id for item in items}
        found: dict[str, Match] = {}
        for i, (statement, row) in enumerate(zip(every, self.seen([s.text for s in every]), strict=True)):
            for item, seen in zip(self._items, row, strict=True):
                if seen is None or item.id not in wanted or (statement.asks and not item.asked):
                    continue
                score = seen.score if i < len(said) else seen.score * JOINT
                if score >= self.PARTIAL and (item.id not in found or score > found[item.id].score):
                    found[item.id] = Match(item.id, statement, round(score, 4), score >= self.COVERED)
        return list(found.values())

    def seen(self, said: Sequence[str]) -> list[list[Seen | None]]:
        """For each statement and item its features; None where they have nothing to do with each other."""
        self.fit()
        new = list(dict.fromkeys(text for text in said if text not in self._known))
        if len(self._known) > KEPT:
            self._known.clear()
            new = list(dict.fromkeys(said))
        for text, row in zip(new, self._rows(new), strict=True):
            self._known[text] = row
        return [self._known[text] for text in said]

    def _rows(self, said: Sequence[str]) -> list[list[Seen | None]]:
        if not said:
            return []
        assert self._classifier is not None
        mine = self._embed(said)
        resembles = self._classifier.scores(mine)
        similar = mine @ self._examples.T
        cued = [[matches(item.cues, text) for item in self._items] for text in said]
        leading = [set(np.argsort(-row, kind="stable")[:LEADING].tolist()) for row in resembles]
        worth = [
            (i, j)
            for i in range(len(said))
            for j in range(len(self._items))
            if cued[i][j] or resembles[i, j] >= WORTH_READING or j in leading[i]
        ]
        near = {(i, j): self._nearest(similar[i], j) for i, j in worth}
        pairs = [(said[i], self._texts[n]) for (i, j), rows in near.items() for n in rows]
        read = iter(self._encoder.probabilities(pairs))
        out: list[list[Seen | None]] = [[None] * len(self._items) for _ in said]
        for (i, j), rows in near.items():
            against = np.array([next(read) for _ in rows])
            others = np.delete(resembles[i], j)
            out[i][j] = Seen(
                features(
                    float(resembles[i, j]), float(others.max()) if len(others) else 0.0,
                    float(similar[i, rows].mean()), cued[i][j], said[i], against,
                )
            )  # fmt: skip
        return out

    def _nearest(self, similar: NDArray[np.float32], item: int) -> list[int]:
        """The examples of an item that are most similar to a statement, most similar first."""
        own = np.flatnonzero(self._owner == item)
        return [int(n) for n in own[np.argsort(-similar[own], kind="stable")[:READ]]]


def examples(item: CheckItem) -> tuple[str, ...]:
    """What covers an item: ways to say it, and what the interviewer would tell."""
    return (*item.says, item.fill)


def features(
    resemblance: float,
    rival: float,
    nearest: float,
    cue: Sequence[tuple[int, int]],
    text: str,
    read: NDArray[np.float32],
) -> Features:
    """The evidence that a statement covers an item.

    Args:
        resemblance: the classifier's score for the item.
        rival: its highest score for another item.
        nearest: mean cosine of the most similar examples.
        cue: spans of the item's cues in the statement.
        text: the statement.
        read: the verifier's probabilities for each of those examples, shape (READ, 3).
    """
    clear = np.clip(read, 1e-4, 1 - 1e-4)
    logits = np.log(clear[:, 2] / (1 - clear[:, 2]))
    return Features(
        resemblance, resemblance - rival, nearest, float(bool(cue)), float(denied(text, cue)), float(logits.mean()) / 4,
        float(logits.max()) / 4, float(clear[:, 0].max()), log(1 + len(text.split())) / 3,
    )  # fmt: skip


def denied(text: str, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a denial stands within four words before a cue, in the same clause."""
    for start, _ in spans:
        before = re.split(r"[,:;]|\bbut\b|\bso\b", text[:start])[-1]
        if DENIAL.search(" ".join(before.split()[-4:])):
            return True
    return False
