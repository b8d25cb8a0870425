"""The questions that are timed: different ones, every second one a follow-up. Does not ask them.

They come from the development sets, so that no figure of the gating sets depends on what was timed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from training.datasets import cases

SEED = 14


@dataclass(frozen=True)
class Question:
    """A question, and the question before it where it is a follow-up."""

    text: str
    before: str | None = None

    @property
    def history(self) -> list[tuple[str, str]]:
        """What was asked before, as `Tutor.ask` takes it."""
        return [] if self.before is None else [(self.before, "")]


def drawn(count: int) -> list[Question]:
    """As many different questions, the same ones each time; alternately one that stands alone and a follow-up.

    No text occurs twice, neither as a question nor as the question before.

    Raises:
        ValueError: the sets do not hold as many.
    """
    chance = random.Random(SEED)
    alone = [str(case["question"]) for case in cases("questions")]
    pairs = [
        (str(case["turns"][1]), str(case["turns"][0]))
        for case in cases("conversations")
        if len(case["turns"]) == 2
    ]
    chance.shuffle(alone)
    chance.shuffle(pairs)
    seen: set[str] = set()
    found: list[Question] = []
    while len(found) < count:
        if not alone or not pairs:
            raise ValueError(f"There are not {count} different questions in the development sets.")
        question = Question(*pairs.pop()) if len(found) % 2 else Question(alone.pop())
        texts = {text.casefold() for text in (question.text, question.before) if text}
        if not texts & seen:
            seen |= texts
            found.append(question)
    return found
