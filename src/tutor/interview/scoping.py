"""Which fact does a scoping question ask for? Decided by resemblance to the ways of asking for each.

Does not know check items or moves.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tutor.interview.classifier import RidgeClassifier
from tutor.interview.matching import Embed
from tutor.interview.problem import Fact
from tutor.interview.statements import Statement
from tutor.parameters.store import threshold


class FactFinder:
    """Finds the facts of one problem that questions ask for; fitted at first use."""

    def __init__(self, facts: Sequence[Fact], unknown: Sequence[str], vectors: Embed, embed: Embed) -> None:
        """`unknown` are questions no fact answers; `vectors` embeds fixed texts and may keep them."""
        self._facts, self._unknown, self._vectors, self._embed = facts, unknown, vectors, embed
        self._lock = threading.Lock()
        self._classifier: RidgeClassifier | None = None
        self._texts = [text for fact in facts for text in (*fact.phrasings, fact.says)]
        self._owner = [i for i, fact in enumerate(facts) for _ in (*fact.phrasings, fact.says)]

    def fixed_texts(self) -> list[str]:
        """Every text of the facts that is embedded."""
        return [*self._texts, *self._unknown]

    def fit(self) -> RidgeClassifier:
        """Fit the classifier now instead of at first use."""
        with self._lock:
            if self._classifier is None:
                others = self._vectors(self._unknown)
                self._classifier = RidgeClassifier(
                    self._vectors(self._texts), self._owner, len(self._facts), others
                )
            return self._classifier

    def scores(self, questions: Sequence[str]) -> NDArray[np.float64]:
        """How much each question resembles the ways of asking for each fact, shape (questions, facts)."""
        return self.fit().scores(self._embed(questions))

    def asked(self, said: Sequence[Statement]) -> tuple[list[Fact], list[Statement]]:
        """The facts that questions ask for, best first, and the questions that no fact answers."""
        asking = [statement for statement in said if statement.asks]
        if not asking:
            return [], []
        found: list[Fact] = []
        left = []
        for statement, row in zip(asking, self.scores([s.text for s in asking]), strict=True):
            order = sorted(range(len(self._facts)), key=lambda i: -row[i])
            if row[order[0]] < threshold("scoping", "asked"):
                left.append(statement)
                continue
            wanted = [order[0], *(i for i in order[1:2] if row[i] >= threshold("scoping", "also"))]
            found += [self._facts[i] for i in wanted if self._facts[i] not in found]
        return found, left
