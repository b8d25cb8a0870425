"""Fits the decision whether a statement covers a check item, checked by leaving problems out."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from training.datasets import cases
from training.pipeline import Fitted
from tutor.interview.matching import Features
from tutor.tutor import Tutor

FOLDS = 9
GRID = np.arange(0.2, 0.8, 0.01)


def fit(tutor: Tutor) -> Fitted:
    """Weights of `matching.Features`; the bias puts the best F1 at a half."""
    rows, labels, groups, unread = [], [], [], 0
    for case in cases("check_items"):
        problem = tutor.problem(case["problem"])
        seen = tutor.reader(problem).matcher.seen([case["statement"]])[0]
        found = seen[[item.id for item in problem.all_items()].index(case["item"])]
        if found is None:
            unread += 1
            continue
        rows.append(found.row)
        labels.append(case["covered"])
        groups.append(case["problem"])
    x, y = np.array(rows), np.array(labels)
    model = LogisticRegression(C=3.0, max_iter=5000)
    chance = cross_val_predict(model, x, y, groups=groups, cv=GroupKFold(FOLDS), method="predict_proba")[:, 1]
    cut = float(max(GRID, key=lambda t: f1_score(y, chance >= t)))
    model.fit(x, y)
    return Fitted(
        weights={"": dict(zip(Features._fields, model.coef_[0].tolist(), strict=True))},
        bias={"": float(model.intercept_[0]) - float(np.log(cut / (1 - cut)))},
        metrics={
            "n": len(y), "never read": unread, "held out AUROC": round(float(roc_auc_score(y, chance)), 3),
            "held out F1": round(float(f1_score(y, chance >= cut)), 3),
            "held out kappa": round(float(cohen_kappa_score(y, chance >= cut)), 3),
        },
        folds=f"{FOLDS} by problem",
    )  # fmt: skip
