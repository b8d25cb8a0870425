"""Fits the decision whether the guide answers a question.

Answerable: questions with the sections that answer them; not: the two kinds that wording alone does not give away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from training.datasets import cases
from training.pipeline import Fitted
from tutor.answering import coverage, evidence, extract
from tutor.tutor import Tutor

SEED, FOLDS = 2026, 10
SIGNALS = {
    "retrieval": ("sentence", "sentences", "overlap", "unknown", "score", "words"),
    "reading": (
        "sentence", "sentences", "overlap", "score", "words", "answer", "second_answer", "first_overlap",
        "foreign_names", "read_overlap", "rarest_missing",
    ),
}  # fmt: skip
"""Of each part. The second leaves out unknown words: learners' typos are unknown too."""
FALSE_REFUSALS = {"retrieval": 0.01, "reading": 0.03}
"""Shares of the answerable development questions that may be refused: by the first part, and by either."""
KINDS = ("out_of_domain", "not_in_guide")


def fit(tutor: Tutor) -> Fitted:
    """Weights of `coverage.Features` for both parts; a bias holds the threshold that its share of refusals gives."""
    yes = [row(tutor, c["question"]) for c in cases("questions") if any(map(tutor.section, c["section_ids"]))]
    no = [row(tutor, c["question"]) for c in cases("unanswerable") if c["kind"] in KINDS]
    x = np.array(yes + no)
    y = np.r_[np.ones(len(yes)), np.zeros(len(no))]
    refused = np.zeros(len(y), dtype=bool)
    weights, bias = {}, {}
    for part, signals in SIGNALS.items():
        columns = x[:, [coverage.Features._fields.index(name) for name in signals]]
        model = LogisticRegression(C=10, class_weight="balanced", max_iter=5000)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
        held_out = cross_val_predict(model, columns, y, cv=folds, method="decision_function")
        answerable = np.where(refused, -np.inf, held_out)[y == 1]
        cut = float(np.quantile(answerable, FALSE_REFUSALS[part], method="lower"))
        model.fit(columns, y)
        weights[part] = dict(zip(signals, model.coef_[0].tolist(), strict=True))
        bias[part] = float(model.intercept_[0]) - cut
        refused |= held_out < cut
    return Fitted(
        weights, bias,
        metrics={
            "answerable": len(yes), "unanswerable": len(no), "held out refused": mean(refused[y == 0]),
            "held out wrongly refused": mean(refused[y == 1]),
        },
        folds=f"{FOLDS}, stratified", seed=SEED,
    )  # fmt: skip


def row(tutor: Tutor, question: str) -> coverage.Features:
    """The evidence on one question."""
    retriever = tutor.retriever()
    vector = retriever.embed(question)
    hits = retriever.search(question, 8)
    found = extract.candidates(retriever, hits)
    weights = extract.weighed(question, vector, found, retriever)
    read = evidence.gather(question, weights, found, tutor.verifier())
    return coverage.features(question, hits, retriever, found.vectors @ vector, read)


def mean(values: NDArray[np.bool_]) -> float:
    """Share (0..1) that is true."""
    return round(float(np.mean(values)), 3)
