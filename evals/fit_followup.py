"""Fit when a question leans on the one before it: `python -m evals.fit_followup`.

Leaning: the turns of `sets/dev_followup` but for changes of topic. Not: those, the hand-written twins, and the
questions of `sets/dev` and of `sets/dev_unanswerable`, each after another one. Prints the decision for
`answering/followup.py`; never reads a set that gates.
"""

from __future__ import annotations

import random

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from evals.fit_ranking import cases
from evals.fitted import show
from tutor.answering import followup
from tutor.settings import load_settings
from tutor.tutor import Tutor

FALSE_SHARE = 0.03
"""Share of the questions that stand alone which may be taken for leaning."""


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever = tutor.retriever()
    rng = random.Random(2026)
    pairs: list[tuple[str, str, bool]] = []
    for case in cases("dev_followup"):
        turns = case["turns"]
        for at in range(1, len(turns)):
            changed = case["kind"] == "topic_change" and at == len(turns) - 1
            pairs.append((turns[at], turns[0], not changed))
        pairs.append((case["standalone"], turns[0], False))
    unknown = [c["question"] for c in cases("dev_unanswerable") if c["kind"] in {"out_of_domain", "not_in_guide"}]
    plain = [case["question"] for case in cases("dev")] + unknown
    pairs += [(question, rng.choice(plain), False) for question in plain]
    x = np.array([followup.features(question, last, retriever) for question, last, _ in pairs])
    y = np.array([leaning for *_, leaning in pairs])
    model = LogisticRegression(C=3, max_iter=5000)
    held_out = cross_val_predict(model, x, y, cv=10, method="decision_function")
    cut = float(np.quantile(held_out[~y], 1 - FALSE_SHARE))
    print(
        f"n={int(y.sum())}+{int((~y).sum())}; found where {FALSE_SHARE:.0%} of the others are:"
        f" {np.mean(held_out[y] > cut):.3f}; by the rule {x[y, 0].mean():.3f} where {x[~y, 0].mean():.3f}"
    )
    model.fit(x, y)
    show(followup.FEATURES, model.coef_[0], float(model.intercept_[0]) - cut)


if __name__ == "__main__":
    main()
