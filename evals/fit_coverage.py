"""Fit the coverage decision on development questions: `python -m evals.fit_coverage`.

Answerable: `sets/dev`; not: `sets/dev_unanswerable`, the two kinds that wording alone does not give away.
Prints the decisions for `answering/coverage.py`; never reads a set that gates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from evals.fit_ranking import cases
from evals.fitted import show
from tutor.answering import coverage, evidence, extract
from tutor.settings import load_settings
from tutor.tutor import Tutor

COLUMNS = ([0, 1, 2, 3, 4, 5], [0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11])
"""Features of the two decisions. The second leaves out unknown words: learners' typos are unknown too."""
FALSE_REFUSALS = (0.01, 0.03)
"""Shares of the answerable development questions that may be refused: by the first decision, and by either."""


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever = tutor.retriever()

    def row(question: str) -> list[float]:
        vector = retriever.embed(question)
        hits = retriever.search(question, 8)
        found = extract.candidates(retriever, hits)
        weights = extract.weighed(question, vector, found, retriever)
        read = evidence.gather(question, weights, found, tutor.verifier())
        return coverage.features(question, hits, retriever, found.vectors @ vector, read)

    yes = [row(c["question"]) for c in cases("dev") if any(map(retriever.section, c["section_ids"]))]
    kinds = {"out_of_domain", "not_in_guide"}
    no = [row(c["question"]) for c in cases("dev_unanswerable") if c["kind"] in kinds]
    x = np.array(yes + no)
    y = np.r_[np.ones(len(yes)), np.zeros(len(no))]
    refused = np.zeros(len(y), dtype=bool)
    for columns, share in zip(COLUMNS, FALSE_REFUSALS, strict=True):
        refused |= fit(x[:, columns], y, [coverage.FEATURES[i] for i in columns], refused, share)
    print(
        f"n={int(y.sum())}+{int((1 - y).sum())}, ten folds; refused {np.mean(refused[y == 0]):.3f},"
        f" wrongly {np.mean(refused[y == 1]):.3f}"
    )


def fit(
    x: NDArray[np.float64], y: NDArray[np.float64], names: list[str], refused: NDArray[np.bool_], share: float
) -> NDArray[np.bool_]:
    """Fit and print a decision that, together with those `refused` already, wrongly refuses a share (0..1); returns
    what it refuses where it was not fitted."""
    model = LogisticRegression(C=10, class_weight="balanced", max_iter=5000)
    folds = StratifiedKFold(10, shuffle=True, random_state=2026)
    held_out = cross_val_predict(model, x, y, cv=folds, method="decision_function")
    answerable = np.where(refused, -np.inf, held_out)[y == 1]
    cut = float(np.quantile(answerable, share, method="lower"))
    model.fit(x, y)
    show(names, model.coef_[0], float(model.intercept_[0]) - cut)
    below: NDArray[np.bool_] = held_out < cut
    return below


if __name__ == "__main__":
    main()
