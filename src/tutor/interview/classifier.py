"""A small classifier over sentence vectors: one-vs-rest ridge regression, solved in closed form.

Says how much a sentence resembles each class of example sentences and none of the counterexamples. Fitted in
milliseconds when a problem is opened. Does not know what the classes stand for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tutor.retrieval.embedder import Vectors

RIDGE = 0.3
CONSTANT = 0.3
"""The value of the constant column beside unit vectors: a small bias, shrunk like the rest."""


class RidgeClassifier:
    """Scores near 1 for a class's own examples, near 0 for everything else (Rifkin and Klautau, 2004)."""

    def __init__(self, examples: Vectors, owner: Sequence[int], classes: int, others: Vectors) -> None:
        """Fit.

        Args:
            examples: unit vectors, shape (n, d).
            owner: the class of each example, 0 to `classes` - 1.
            classes: how many classes there are.
            others: unit vectors of sentences of no class, shape (m, d); m may be 0.
        """
        target = np.zeros((len(examples) + len(others), classes))
        target[np.arange(len(examples)), list(owner)] = 1.0
        x = extended(np.vstack([examples, others]) if len(others) else examples)
        gram = x.T @ x + RIDGE * np.eye(x.shape[1])
        self._weights = np.linalg.solve(gram, x.T @ target)

    def scores(self, vectors: Vectors) -> NDArray[np.float64]:
        """Shape (n, classes) for unit vectors of shape (n, d)."""
        return np.asarray(extended(vectors) @ self._weights, dtype=np.float64)


def extended(vectors: Vectors) -> NDArray[np.float64]:
    """The vectors with the constant column."""
    held = np.asarray(vectors, dtype=np.float64)
    return np.hstack([held, np.full((len(held), 1), CONSTANT)])
