"""A linear decision over named signals. Does not know what the signals are, and does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

STEEPEST = 30.0
"""Log odds beyond which a probability does not change any more."""


@dataclass(frozen=True)
class Linear:
    """Weights, one for each signal in the order of `signals`, and a bias."""

    signals: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float = 0.0

    def value(self, row: Sequence[float]) -> float:
        """Bias and weighted signals of one case: log odds, where the decision is a logistic one.

        Args:
            row: one number for each signal. A named tuple must have the signals' names in their order.

        Raises:
            ValueError: these are not the decision's signals.
        """
        named = getattr(row, "_fields", self.signals)
        if named != self.signals:
            raise ValueError(f"The decision weighs {', '.join(self.signals)}, not {', '.join(named)}.")
        return self.bias + sum(weight * value for weight, value in zip(self.weights, row, strict=True))

    def probability(self, row: Sequence[float]) -> float:
        """Probability (0..1) for the signals of one case; see `value`."""
        return probability(self.value(row))

    def values(self, rows: NDArray[np.floating]) -> NDArray[np.float64]:
        """`value` of many cases: shape (n, signals) to (n,)."""
        return np.asarray(rows @ np.array(self.weights) + self.bias, dtype=np.float64)


def probability(log_odds: float) -> float:
    """The probability (0..1) that has these log odds."""
    return 1 / (1 + exp(-max(-STEEPEST, min(STEEPEST, log_odds))))
