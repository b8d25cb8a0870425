"""Does a "why" question take for granted what the guide denies? Decided on what the verifier reads.

Only what a sentence of the guide plainly contradicts is corrected. Does not know whether the guide covers the question.
"""

from __future__ import annotations

import re

import numpy as np

from tutor.answering.extract import Candidates
from tutor.parameters.store import threshold
from tutor.retrieval.retriever import Retriever
from tutor.verification.verifier import Verifier

READ = 6
"""Sentences of the leading sections that the premise is read against."""
TAKEN = re.compile(
    r"^(?:so )?(?:why (?:is|are|does|do|did|can|should|must|was|were|would)|how come)\s+(.{8,160}?)\??$", re.I
)
JUDGING = re.compile(
    r"\b(?:not|never|bad|good|better|worse|hard|dangerous|wrong|only|useful|matter|need|n't|so)\b", re.I
)


def premise(question: str) -> str | None:
    """What a "why" question takes for granted, as a statement; None where that cannot be told."""
    match = TAKEN.match(question.strip())
    if not match or JUDGING.search(match[1]):
        return None
    return match[1][:1].upper() + match[1][1:] + "."


def against(
    question: str, found: Candidates, retriever: Retriever, verifier: Verifier
) -> tuple[int, float, float] | None:
    """The sentence, by position, that contradicts a question's premise most, how surely (0..1), and the most support
    that any sentence gives it; None where there is no premise to read."""
    claim = premise(question)
    if claim is None or not found.passages:
        return None
    near = np.argsort(-(found.vectors @ retriever.embed(claim)), kind="stable")[:READ].tolist()
    read = verifier.read([(found.passages[i].plain, claim) for i in near])
    worst = int(read[:, 0].argmax())
    return near[worst], float(read[worst, 0]), float(read[:, 2].max())


def denied(question: str, found: Candidates, retriever: Retriever, verifier: Verifier) -> int | None:
    """The sentence, by position, that denies what the question takes for granted; None where there is none.

    The verifier must read a contradiction surely enough in it, and no sentence may support the premise much.
    """
    held = against(question, found, retriever, verifier)
    if held is None or held[1] < threshold("premise", "denied") or held[2] > threshold("premise", "spoken_for"):
        return None
    return held[0]
