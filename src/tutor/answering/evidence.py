"""What the guide's sentences say to a question: the verifier reads the best ones beside it.

It was trained on questions beside passages that answer them, or carry or deny what they take for granted
(`training/verifier`). Does not decide anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tutor.answering.extract import Candidates
from tutor.corpus.blocks import Passage
from tutor.verification.verifier import Verifier

LEAST = -4.6
"""The log odds of 1 %, below which nothing is told apart."""
READ = 3
"""Sentences a question is read against, each with its neighbours."""


@dataclass(frozen=True)
class Evidence:
    """The sentences read, by position and best first, and what the verifier reads in each.

    `logits` has shape (n, 2): log odds, clipped to ±4.6, that the question is denied and that it is answered.
    """

    passages: tuple[int, ...]
    logits: NDArray[np.float64]
    texts: tuple[str, ...] = ()
    """What was read: each sentence with its neighbours."""

    def strongest(self, column: int) -> tuple[float, float]:
        """The two highest log odds of a column, -4.6 where there are fewer."""
        best = sorted((float(value) for value in self.logits[:, column]), reverse=True)
        first, second = [*best, LEAST, LEAST][:2]
        return first, second


def gather(
    question: str, weights: NDArray[np.float64], found: Candidates, verifier: Verifier
) -> Evidence:
    """Read the question against the sentences that say most to it by `extract.weighed`, no two of them neighbours."""
    chosen: list[int] = []
    for i in np.argsort(-weights, kind="stable").tolist():
        if len(chosen) == READ:
            break
        if all(abs(i - other) > 1 for other in chosen):
            chosen.append(i)
    texts = tuple(around(found.passages, i) for i in chosen)
    read = verifier.read([(text, question) for text in texts])
    clear = np.clip(read[:, [0, 2]].astype(float), 0.01, 0.99)
    return Evidence(tuple(chosen), np.log(clear / (1 - clear)), texts)


def around(passages: Sequence[Passage], at: int) -> str:
    """A sentence with its neighbours of the same section."""
    near = passages[max(0, at - 1) : at + 2]
    return " ".join(p.plain for p in near if p.section_id == passages[at].section_id)
