"""Chooses when a question is told that it takes something false for granted.

False: the false half of the premises. True: its other half and the answerable questions.
"""

from __future__ import annotations

from itertools import product

from training.datasets import cases
from training.pipeline import Fitted
from tutor.answering import extract, premise
from tutor.tutor import Tutor

DENIED = (0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
SPOKEN_FOR = (0.05, 0.2, 0.5)
TWINS_CALLED_FALSE = 0.02
"""Share of the true twins that may be told so; of the plain questions none may."""
RULE = (
    f"most false premises found where at most {TWINS_CALLED_FALSE:.0%} of the true twins and none of the plain questions"
    " are called false"
)


def fit(tutor: Tutor) -> Fitted:
    """The thresholds on what the verifier reads."""
    false = [read(tutor, c["question"]) for c in cases("premises") if not c["premise_true"]]
    twins = [read(tutor, c["question"]) for c in cases("premises") if c["premise_true"]]
    plain = [read(tutor, c["question"]) for c in cases("questions")]

    def called(rows: list[tuple[float, float] | None], denied: float, spoken: float) -> int:
        return sum(row is not None and row[0] >= denied and row[1] <= spoken for row in rows)

    best, found = (max(DENIED), min(SPOKEN_FOR)), -1
    for denied, spoken in product(DENIED, SPOKEN_FOR):
        if called(twins, denied, spoken) <= TWINS_CALLED_FALSE * len(twins) and not called(plain, denied, spoken):
            caught = called(false, denied, spoken)
            if caught > found:
                best, found = (denied, spoken), caught
    return Fitted(
        thresholds={"denied": (best[0], RULE), "spoken_for": (best[1], RULE)},
        metrics={
            "false": len(false), "true twins": len(twins), "plain": len(plain), "false found": called(false, *best),
            "twins called false": called(twins, *best), "plain called false": called(plain, *best),
        },
        folds="none: two thresholds on a grid",
    )  # fmt: skip


def read(tutor: Tutor, question: str) -> tuple[float, float] | None:
    """How surely (0..1) a sentence denies what a question takes for granted, and the most support it has; None where it
    takes nothing for granted that can be read."""
    if premise.premise(question) is None:
        return None
    retriever = tutor.retriever()
    found = extract.candidates(retriever, retriever.search(question, 8))
    held = premise.against(question, found, retriever, tutor.verifier())
    return held[1:] if held else None
