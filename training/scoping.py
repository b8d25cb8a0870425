"""Chooses the resemblance from which a question asks for a fact."""

from __future__ import annotations

import numpy as np

from training.datasets import cases
from training.pipeline import Fitted
from tutor.tutor import Tutor

GRID = np.arange(0.2, 0.6, 0.02)
LEFT = 0.8
"""Share of the questions that no fact answers which must be left to the candidate."""
ALSO = 0.45
"""Resemblance from which a second fact is given; set by hand."""


def fit(tutor: Tutor) -> Fitted:
    """The thresholds."""
    best, right, known = [], [], []
    for case in cases("scoping"):
        problem = tutor.problem(case["problem"])
        scores = tutor.reader(problem).facts.scores([case["question"]])[0]
        best.append(float(scores.max()))
        right.append(problem.facts[int(scores.argmax())].id == case["fact"])
        known.append(case["fact"] is not None)
    score, good, asks = np.array(best), np.array(right), np.array(known)
    cut = next(float(t) for t in GRID if np.mean(score[~asks] < t) >= LEFT)
    return Fitted(
        thresholds={
            "asked": (cut, f"lowest at which {LEFT:.0%} of the questions that no fact answers are left"),
            "also": (ALSO, "set by hand"),
        },
        metrics={
            "asking for a fact": int(asks.sum()), "asking for none": int((~asks).sum()),
            "right": round(float(np.mean((good & (score >= cut))[asks])), 3),
            "left": round(float(np.mean(score[~asks] < cut)), 3),
        },
        folds="none: one threshold on a grid",
    )  # fmt: skip
