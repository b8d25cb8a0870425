"""Fit when a question's premise is denied: `python -m evals.fit_premise`.

False: the false half of `sets/dev_premise`. True: its other half and the answerable questions of `sets/dev`. Prints the
decision for `answering/premise.py`; never reads a set that gates.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from evals.fit_ranking import cases
from tutor.answering import evidence, extract, premise
from tutor.settings import load_settings
from tutor.tutor import Tutor

FALSE_ALARMS = 0.01
"""Share of the plain questions that may be told their premise is false."""


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever, verifier = tutor.retriever(), tutor.verifier()

    def row(question: str) -> list[float]:
        vector = retriever.embed(question)
        found = extract.candidates(retriever, retriever.search(question, 8, vector))
        return premise.features(question, evidence.gather(question, vector, found, verifier))

    false = [row(c["question"]) for c in cases("dev_premise") if not c["premise_true"]]
    twins = [row(c["question"]) for c in cases("dev_premise") if c["premise_true"]]
    plain = [row(c["question"]) for c in cases("dev")]
    x = np.array(false + twins + plain)
    y = np.r_[np.ones(len(false)), np.zeros(len(twins) + len(plain))]
    kind = np.r_[np.zeros(len(false)), np.ones(len(twins)), np.full(len(plain), 2)]
    weight = np.where(kind == 0, 1.0, np.where(kind == 1, 1.0, 2.0))
    model = LogisticRegression(C=3, max_iter=5000)
    held_out = cross_val_predict(model, x, y, cv=10, method="decision_function", params={"sample_weight": weight})
    of_twins, of_plain = (roc_auc_score(y[kind != other], held_out[kind != other]) for other in (2, 1))
    print(f"n={len(false)} false, {len(twins)} true twins, {len(plain)} plain")
    print(f"AUROC against twins: {of_twins:.3f}, plain: {of_plain:.3f}")
    for share in (0.005, 0.01, 0.02, 0.03):
        cut = float(np.quantile(held_out[kind == 2], 1 - share))
        called = [float(np.mean(held_out[kind == k] > cut)) for k in (0, 1)]
        print(f"  plain {share:.3f}: false {called[0]:.3f}, twins {called[1]:.3f}")
    model.fit(x, y, sample_weight=weight)
    for name, value in zip(premise.FEATURES, model.coef_[0], strict=True):
        print(f"  {name:<16} {value:+.2f}")
    cut = float(np.quantile(held_out[kind == 2], 1 - FALSE_ALARMS))
    print(f"  bias             {float(model.intercept_[0]) - cut:+.2f}")


if __name__ == "__main__":
    main()
