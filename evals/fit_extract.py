"""Fit which of the guide's sentences are shown first: `python -m evals.fit_extract`.

Labels: `sets/dev_keys`, the sentences that state the key facts of an answer, chosen by reading. Prints the weights for
`answering/extract.py`; never reads a set that gates.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from evals.fit_ranking import cases
from evals.fitted import show
from tutor.answering import extract
from tutor.settings import load_settings
from tutor.tutor import Tutor

FOLDS = 10


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever = tutor.retriever()
    rows, labels, wanted = [], [], []
    for case in cases("dev_keys"):
        vector = retriever.embed(case["question"])
        found = extract.candidates(retriever, retriever.search(case["question"], 8))
        keys = {(key["section"], key["sentence"]) for key in case["keys"]}
        rows.append(extract.features(case["question"], vector, found, retriever))
        labels.append(np.array([(p.section_id, p.plain) in keys for p in found.passages]))
        wanted.append(len(keys))
    group = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    x, y = np.vstack(rows), np.concatenate(labels)
    recall = np.zeros(len(rows))
    for fitted, left_out in GroupKFold(FOLDS).split(x, y, group):
        model = LogisticRegression(max_iter=3000).fit(x[fitted], y[fitted])
        for i in set(group[left_out].tolist()):
            best = np.argsort(-model.decision_function(rows[i]))[: extract.SENTENCES]
            recall[i] = labels[i][best].sum() / wanted[i]
    print(f"n={len(rows)}; key sentences among the best {extract.SENTENCES}, {FOLDS} folds: {recall.mean():.3f}")
    model = LogisticRegression(max_iter=3000).fit(x, y)
    show(extract.FEATURES, model.coef_[0])


if __name__ == "__main__":
    main()
