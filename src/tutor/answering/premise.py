"""Does a question take for granted what the guide denies? Decided on what the verifier reads.

Does not know whether the guide covers the question.
"""

from __future__ import annotations

import re

from tutor.answering.evidence import Evidence

TAKEN = re.compile(
    r"^(?:so |and |but )?(?:why|how come|since|given|because|if|when|as|now that|at which|at what|how much|how does|how do"
    r"|what makes|which)\b"
    r"|\b(?:is it because|since|given that|even though|so why|so how|if .{3,60}, (?:why|how|what|when))\b",
    re.I,
)
"""A wording that takes something for granted."""
FEATURES = ("denied", "second denied", "answered", "second answered", "taken")
WEIGHTS = (0.0, 0.0, 0.0, 0.0, 0.0)
BIAS = -1.0
"""Of a logistic decision on `features`, from `evals/fit_premise.py`."""


def features(question: str, read: Evidence) -> list[float]:
    """Evidence, in the order of FEATURES, that a question's premise is denied: the two highest log odds (±4.6) that a
    sentence denies it, the two highest that one answers it, and whether its wording takes something for granted."""
    return [*read.strongest(0), *read.strongest(1), float(bool(TAKEN.search(question)))]


def denied(question: str, read: Evidence) -> int | None:
    """The sentence, by position, that denies what the question takes for granted; None where there is none."""
    if not read.passages:
        return None
    row = features(question, read)
    if BIAS + sum(w * value for w, value in zip(WEIGHTS, row, strict=True)) < 0:
        return None
    return read.passages[int(read.logits[:, 0].argmax())]
