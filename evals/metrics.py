"""Numbers over many scores: means with bootstrap intervals, ranking quality, calibration, paired tests.

Does not know what was scored. A score of None could not be judged: it is counted, never averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

import numpy as np

SAMPLES = 1_000
SEED = 20_26


@dataclass(frozen=True)
class Metric:
    """A number with its 95 % interval; `unscored` cases could not be judged."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    unscored: int
    bar: float | None = None
    at_least: bool = True

    @property
    def reached(self) -> bool | None:
        """Whether the bar is reached; None where there is no bar or no value."""
        if self.bar is None or self.value is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar


def mean(
    name: str, scores: Sequence[float | None], bar: float | None = None, at_least: bool = True
) -> Metric:
    """The mean of the scores that were judged, with a bootstrap interval over cases."""
    known = np.array([score for score in scores if score is not None], dtype=float)
    unscored = len(scores) - len(known)
    if not len(known):
        return Metric(name, None, None, None, 0, unscored, bar, at_least)
    rng = np.random.default_rng(SEED)
    drawn = known[rng.integers(0, len(known), (SAMPLES, len(known)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Metric(
        name, round(float(known.mean()), 4), round(float(low), 4), round(float(high), 4), len(known), unscored, bar,
        at_least,
    )  # fmt: skip


def reciprocal_rank(found: Sequence[str], wanted: Sequence[str]) -> float:
    """One over the rank of the first wanted id; 0 where none was found."""
    return next((1 / rank for rank, key in enumerate(found, 1) if key in wanted), 0.0)


def ndcg(found: Sequence[str], wanted: Sequence[str], k: int = 10) -> float:
    """Normalised discounted cumulative gain at k with binary relevance (Järvelin and Kekäläinen, 2002)."""
    gain = sum(1 / log2(rank + 1) for rank, key in enumerate(found[:k], 1) if key in wanted)
    best = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(wanted)) + 1))
    return gain / best if best else 0.0


def resampled(
    name: str, of: Callable[[Any], float], labels: Any, bar: float | None = None, at_least: bool = True
) -> Metric:
    """A figure over row numbers, with a bootstrap interval over rows; both labels occur in each sample."""
    rng = np.random.default_rng(SEED)
    rows = [rng.integers(0, len(labels), len(labels)) for _ in range(200)]
    drawn = [float(of(r)) for r in rows if 0 < labels[r].sum() < len(r)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    whole = float(of(np.arange(len(labels))))
    return Metric(
        name, round(whole, 4), round(float(low), 4), round(float(high), 4), len(labels), 0, bar, at_least
    )


def pair_metrics(
    scores: Sequence[float], caught: Sequence[bool], supported: Sequence[bool], bar: float
) -> list[Metric]:
    """AUROC, F1 of catching what is not supported, and expected calibration error in ten bins."""
    from sklearn.metrics import f1_score, roc_auc_score

    y, s, c = np.array(supported), np.array(scores), np.array(caught)

    def error(r: Any) -> float:
        held, true = s[r], y[r]
        bins = np.minimum((held * 10).astype(int), 9)
        total = 0.0
        for b in range(10):
            at = bins == b
            if at.any():
                total += at.mean() * abs(held[at].mean() - true[at].mean())
        return total

    return [
        resampled("AUROC", lambda r: roc_auc_score(y[r], s[r]), y),
        resampled("F1, defects caught", lambda r: f1_score(~y[r], c[r]), y, bar),
        resampled("calibration error", error, y, None, False),
    ]


def agreement(
    labelled: Sequence[bool], found: Sequence[bool], f1_bar: float, kappa_bar: float
) -> list[Metric]:
    """Precision, recall and F1 of what was found, and Cohen's kappa with the labels."""
    from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

    y, c = np.array(labelled), np.array(found)
    return [
        resampled("precision", lambda r: precision_score(y[r], c[r], zero_division=0), y),
        resampled("recall", lambda r: recall_score(y[r], c[r], zero_division=0), y),
        resampled("F1", lambda r: f1_score(y[r], c[r], zero_division=0), y, f1_bar),
        resampled("kappa", lambda r: cohen_kappa_score(y[r], c[r]), y, kappa_bar),
    ]


def broad_drop(
    old: Mapping[str, float], new: Mapping[str, float], at_least: bool = True
) -> tuple[bool, list[str]]:
    """Whether more cases got worse than chance allows (exact sign test, one-sided, 5 %), and which did."""
    from scipy.stats import binomtest

    sign = 1 if at_least else -1
    both = [key for key in old if key in new]
    worse = [key for key in both if sign * (new[key] - old[key]) < -1e-9]
    better = [key for key in both if sign * (new[key] - old[key]) > 1e-9]
    changed = len(worse) + len(better)
    if not changed or len(worse) <= len(better):
        return False, worse
    return bool(binomtest(len(worse), changed, 0.5, alternative="greater").pvalue < 0.05), worse
