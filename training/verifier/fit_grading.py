"""Fits the grader's three-way decision on graded answers: `python -m training.verifier.fit_grading --data DIR`.

Does not train the cross-encoder. Fits on `grading_train.jsonl`; prints accuracy on `grading_test.jsonl`, which
is never fitted on.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from training.pipeline import Fitted
from training.verifier.calibrate import keep
from training.verifier.train import SEED
from tutor.interview.grading import CLASSES, Features, Grader
from tutor.settings import load_settings
from tutor.tutor import Tutor

LABELS = {"contradictory": 0, "incorrect": 1, "correct": 2}
ROWS = 3_000


def main() -> None:
    """Fit, write `parameters/grading.json`, print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    grader = Tutor(load_settings()).grader()

    def rows(name: str) -> list[dict[str, Any]]:
        held = [json.loads(line) for line in (args.data / name).read_text(encoding="utf-8").splitlines()]
        return [row for row in held if row.get("orig") in LABELS and row["set"].startswith("semeval")]

    train = rows("grading_train.jsonl")
    random.Random(SEED).shuffle(train)
    train = train[:ROWS]
    x, y = table(grader, train), np.array([LABELS[row["orig"]] for row in train])
    fitted = LogisticRegression(C=1.0, max_iter=3000).fit(x, y)
    weights = [dict(zip(Features._fields, row, strict=True)) for row in fitted.coef_.tolist()]
    keep(
        "grading",
        Fitted(
            dict(zip(CLASSES, weights, strict=True)), dict(zip(CLASSES, fitted.intercept_.tolist(), strict=True)),
            {"covered": (0.5, "the larger half"), "partial": (0.3, "set by hand")}, {"n": len(train)}, seed=SEED,
        ),
        [args.data / "grading_train.jsonl"],
    )  # fmt: skip
    test = rows("grading_test.jsonl")
    guess, truth = fitted.predict(table(grader, test)), np.array([LABELS[row["orig"]] for row in test])
    for name in sorted({row["set"] for row in test}):
        at = np.array([row["set"] == name for row in test])
        both = ((guess[at] == 2) == (truth[at] == 2)).mean()
        print(f"{name}: n={at.sum()} three-way {(guess[at] == truth[at]).mean():.3f}, two-way {both:.3f}")


def table(grader: Grader, rows: list[dict[str, Any]]) -> Any:
    """Features of each row."""
    return np.array(grader.features([(row["premise"], row["hypothesis"]) for row in rows]))


if __name__ == "__main__":
    main()
