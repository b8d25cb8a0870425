"""Fit the coverage decision on development questions: `python evals/fit_coverage.py`.

Answerable: `sets/dev`; not: `sets/dev_unanswerable`, the two kinds that wording alone does not give away.
Prints the weights for `answering/coverage.py`; never reads a set that gates.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from evals.fit_ranking import cases
from tutor.answering import coverage, extract
from tutor.settings import load_settings
from tutor.tutor import Tutor

FALSE_REFUSALS = 0.02
"""Share of answerable development questions that may be refused."""


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever = tutor.retriever()

    def row(question: str) -> list[float]:
        vector = retriever.embed(question)
        hits = retriever.search(question, 8, vector)
        found = extract.candidates(retriever, hits)
        return coverage.features(question, hits, retriever, found.vectors @ vector)

    yes = [row(c["question"]) for c in cases("dev") if any(map(retriever.section, c["section_ids"]))]
    kinds = {"out_of_domain", "not_in_guide"}
    no = [row(c["question"]) for c in cases("dev_unanswerable") if c["kind"] in kinds]
    x = np.array(yes + no)
    y = np.r_[np.ones(len(yes)), np.zeros(len(no))]
    model = LogisticRegression(C=10, class_weight="balanced", max_iter=5000)
    held_out = cross_val_predict(model, x, y, cv=10, method="decision_function")
    cut = float(np.quantile(held_out[y == 1], FALSE_REFUSALS))
    print(
        f"n={len(yes)}+{len(no)}; refused where {FALSE_REFUSALS:.0%} are wrongly refused:"
        f" {np.mean(held_out[y == 0] < cut):.3f}"
    )
    model.fit(x, y)
    bias = float(model.intercept_[0]) - min(cut, 0.0)
    for name, value in zip(coverage.FEATURES, model.coef_[0], strict=True):
        print(f"  {name:<10} {value:+.2f}")
    print("WEIGHTS = (" + ", ".join(f"{value:.2f}" for value in model.coef_[0]) + f")\nBIAS = {bias:.2f}")


if __name__ == "__main__":
    main()
