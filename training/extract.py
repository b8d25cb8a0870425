"""Fits which of the guide's sentences are shown first.

Labels: the sentences that state the key facts of an answer, chosen by reading.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from training.datasets import cases
from training.pipeline import Fitted
from tutor.answering import extract
from tutor.tutor import Tutor

FOLDS = 10


def fit(tutor: Tutor) -> Fitted:
    """Weights of `extract.FEATURES`."""
    retriever = tutor.retriever()
    rows, labels, wanted = [], [], []
    for case in cases("key_sentences"):
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
    model = LogisticRegression(max_iter=3000).fit(x, y)
    return Fitted(
        weights={"": dict(zip(extract.FEATURES, model.coef_[0].tolist(), strict=True))},
        metrics={
            "n": len(rows), "key sentences found among the candidates": int(y.sum()),
            f"held out recall of key sentences in {extract.SENTENCES}": round(float(recall.mean()), 3),
        },
        folds=f"{FOLDS} by question",
    )  # fmt: skip
