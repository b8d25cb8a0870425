"""A logistic decision: fitted weights over named signals. Does not know what the signals are, and does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp

STEEPEST = 30.0
"""Log odds beyond which a probability does not change any more."""


@dataclass(frozen=True)
class Logistic:
    """Weights, one for each signal, and a bias."""

    weights: tuple[float, ...]
    bias: float

    def log_odds(self, row: Sequence[float]) -> float:
        """Log odds for the signals of one case.

        Raises:
            ValueError: there are more or fewer signals than weights.
        """
        return self.bias + sum(weight * value for weight, value in zip(self.weights, row, strict=True))

    def probability(self, row: Sequence[float]) -> float:
        """Probability (0..1) for the signals of one case."""
        return probability(self.log_odds(row))


def probability(log_odds: float) -> float:
    """The probability (0..1) that has these log odds."""
    return 1 / (1 + exp(-max(-STEEPEST, min(STEEPEST, log_odds))))
