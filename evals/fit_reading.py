"""Fit how the candidate is read, on development cases: `python -m evals.fit_reading`.

The decision whether a statement covers a check item (`sets/dev_check_items`, checked by leaving problems out), and
the resemblance from which a question asks for a fact (`sets/dev_scoping`). Prints the numbers for
`interview/matching.py` and `interview/scoping.py`; never reads a set that gates.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from evals.fit_ranking import cases
from evals.fitted import show
from tutor.interview import matching
from tutor.settings import load_settings
from tutor.tutor import Tutor

GRID = np.arange(0.2, 0.8, 0.01)


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    items(tutor)
    facts(tutor)


def items(tutor: Tutor) -> None:
    """The decision on check items."""
    rows, labels, groups, unread = [], [], [], 0
    for case in cases("dev_check_items"):
        problem = tutor.problem(case["problem"])
        row = tutor.reader(problem).matcher.seen([case["statement"]])[0]
        seen = row[[item.id for item in problem.all_items()].index(case["item"])]
        if seen is None:
            unread += 1
            if case["covered"]:
                print("never read:", case["id"])
            continue
        rows.append(seen.row)
        labels.append(case["covered"])
        groups.append(case["problem"])
    x, y = np.array(rows), np.array(labels)
    model = LogisticRegression(C=3.0, max_iter=5000)
    chance = cross_val_predict(model, x, y, groups=groups, cv=GroupKFold(9), method="predict_proba")[:, 1]
    cut = float(max(GRID, key=lambda t: f1_score(y, chance >= t)))
    found = chance >= cut
    print(
        f"items: n={len(y)} ({unread} never read); AUROC {roc_auc_score(y, chance):.3f}, at {cut:.2f}"
        f" F1 {f1_score(y, found):.3f} kappa {cohen_kappa_score(y, found):.3f}"
    )
    model.fit(x, y)
    show(matching.FEATURES, model.coef_[0])
    values = ", ".join(f"{value:.2f}" for value in model.coef_[0])
    print(f"COVERS = Logistic(({values}), {float(model.intercept_[0]) - float(np.log(cut / (1 - cut))):.2f})")


def facts(tutor: Tutor) -> None:
    """The resemblance from which a question asks for a fact."""
    best, right, asked = [], [], []
    for case in cases("dev_scoping"):
        problem = tutor.problem(case["problem"])
        scores = tutor.reader(problem).facts.scores([case["question"]])[0]
        best.append(float(scores.max()))
        right.append(problem.facts[int(scores.argmax())].id == case["fact"])
        asked.append(case["fact"] is not None)
    score, good, known = np.array(best), np.array(right), np.array(asked)
    print(f"facts: n={known.sum()}+{(~known).sum()}")
    for cut in np.arange(0.2, 0.6, 0.04):
        given = score >= cut
        print(f"  ASKED {cut:.2f}: right {np.mean((good & given)[known]):.3f}, left {np.mean(~given[~known]):.3f}")


if __name__ == "__main__":
    main()
