"""Fits how the chat model's yes is weighed beside the verifier's score: `python -m training.verifier.fit_chat`.

Fits and cross-checks on planted pairs of the calibration sections, with the chat model that is set up. Writes
`parameters/chat_opinion.json`; never reads a set that gates.
"""

from __future__ import annotations

import random
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import cross_val_predict

from training.pipeline import Fitted
from training.verifier.calibrate import keep
from training.verifier.planting import pairs, part_of
from training.verifier.train import SEED
from tutor.corpus.read import read_corpus
from tutor.settings import load_settings
from tutor.tutor import Tutor
from tutor.verification.chat_signal import opinion_of
from tutor.verification.verifier import log_odds

COUNT = 160


def main() -> None:
    """Ask, fit, print."""
    tutor = Tutor(load_settings())
    own = list(pairs(read_corpus(tutor.settings.corpus), seed=SEED + 5, wanted=lambda s: part_of(s) == "calibration"))
    own = random.Random(SEED).sample(own, COUNT)
    try:
        opinion, began = opinion_of(tutor.model()), time.monotonic()
        said = [opinion(pair.passage, pair.claim) for pair in own]
        took = (time.monotonic() - began) / len(own)
    finally:
        tutor.close()
    rows = [
        (log_odds(tutor.verifier().verify(pair.claim, [pair.passage]).score), log_odds(yes), pair.supported)
        for pair, yes in zip(own, said, strict=True)
        if yes is not None
    ]
    x, y = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
    model = LogisticRegression(C=1.0)
    both = cross_val_predict(model, x, y, cv=10, method="predict_proba")[:, 1]
    alone = 1 / (1 + np.exp(-x[:, 0]))
    for name, score in (("score", alone), ("chat", x[:, 1]), ("both", both)):
        cut = 0.0 if name == "chat" else 0.5
        print(f"{name:5s} n={len(y)} AUROC {roc_auc_score(y, score):.3f} F1 {f1_score(~y, score < cut):.3f}")
    model.fit(x, y)
    weights = dict(zip(("score", "yes"), model.coef_[0].tolist(), strict=True))
    figures = {"n": len(y), "AUROC": round(float(roc_auc_score(y, both)), 3)}
    fitted = Fitted({"": weights}, {"": float(model.intercept_[0])}, metrics=figures, folds="10", seed=SEED)
    keep("chat_opinion", fitted, [], tutor.settings.corpus)
    print(weights, f"{took:.2f} s a pair")


if __name__ == "__main__":
    main()
