"""Does the guide answer this question? A decision on retrieval signals, never the model's.

Does not know the question's wording beyond its content words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import exp, log

from tutor.answering.followup import needs_history
from tutor.retrieval.embedder import Vectors
from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever
from tutor.schema import SectionHit

OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|drop|stop using|do not use|don't use)\b.{0,40}\b(?:instructions?"
    r"|prompt|rules?|guide|above|previous|restrictions)\b"
    r"|\b(?:system prompt|system message|your (?:instructions|prompt)|hidden instructions|developer mode|jailbreak"
    r"|you are now|act as|pretend (?:to be|you)|from now on|unrestricted|without citations|stop being"
    r"|make something up|just guess|(?:print|repeat|reveal|show)\b.{0,20}\b(?:above|prompt|rubric|instructions))\b",
    re.I,
)
PERSONAL = re.compile(
    r"\b(?:today|tomorrow|yesterday|(?:this|last|next) (?:week|month|year)|right now|currently|latest news"
    r"|on the news|my (?:salary|resume|cv|company|boss|manager|interview|offer|name|age|email|account|phone|career)"
    r"|am i\b|do i live|stock price of|price of bitcoin|exchange rate|weather|hiring)\b",
    re.I,
)
GENERIC = frozenset(
    "advantag disadvantag benefit drawback downsid differ better wors compar fast slow scale exampl happen next first"
    " second other one anoth much mani choos pick pro con more else done thing stuff problem failur cost it".split()
)
"""Stems that name no topic: a short question made of them alone points at something unsaid."""
PREMISE = re.compile(r"^why (?:is|are|does|do|did|can|should|must|was|were|would) (.{8,160}?)\??$", re.I)
JUDGING = re.compile(
    r"\b(?:not|never|bad|good|better|worse|hard|dangerous|wrong|only|useful|matter|need|n't|so)\b", re.I
)
DENIED, SPOKEN_FOR = 0.8, 0.2
"""A premise is denied when the verifier reads a contradiction at least this sure in a sentence of the guide,
and no sentence supports it more than that; set on `sets/dev_unanswerable` and `sets/dev`."""
FEATURES = ("sentence", "sentences", "overlap", "unknown", "score", "words")
WEIGHTS = (2.46, 1.36, 5.19, -1.74, 5.85, 2.98)
BIAS = -16.91
"""Logistic weights of `features`, from `evals/fit_coverage.py`."""
UNDERSPECIFIED = "What is that about? Name the topic, and I can look it up."
"""The reply to a question that points at something nobody has mentioned."""


@dataclass(frozen=True)
class Coverage:
    """The decision, its probability (0..1), and a reply when it is no."""

    covered: bool
    probability: float
    reply: str


def features(question: str, hits: list[SectionHit], retriever: Retriever, similar: Vectors) -> list[float]:
    """Evidence that the guide answers: cosines of the best and the three best sentences, idf share of the
    question's words in the best of three sections, share of words the guide never uses, the ranking's
    score, and the log of the number of content words. `similar` are cosines of the leading sections'
    sentences.
    """
    content = words(question)
    best = sorted((float(value) for value in similar), reverse=True)[:3] or [0.0]
    return [
        best[0],
        sum(best) / len(best),
        max(retriever.section_overlap(question, hit.section.id) for hit in hits[:3]),
        sum(not retriever.vocabulary.knows(word) for word in content) / max(1, len(content)),
        hits[0].score,
        log(1 + min(len(content), 12)),
    ]


def decide(question: str, hits: list[SectionHit], retriever: Retriever, similar: Vectors) -> Coverage:
    """Decide from the hits; see `features`."""
    if OVERRIDE.search(question):
        return Coverage(False, 0.0, "I answer questions from the guide and stay with that.")
    if PERSONAL.search(question):
        return Coverage(
            False, 0.0, "The guide is a fixed text: it knows nothing current and nothing personal."
        )
    content = words(question)
    if not hits or not content or (len(content) <= 3 and set(content) <= GENERIC):
        return Coverage(False, 0.0, UNDERSPECIFIED)
    row = features(question, hits, retriever, similar)
    logit = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, row, strict=True))
    probability = 1 / (1 + exp(-logit))
    if needs_history(question, True) and probability < 0.95:
        return Coverage(False, probability, UNDERSPECIFIED)
    return Coverage(probability >= 0.5, probability, "The guide does not cover this.")


def premise(question: str) -> str | None:
    """What a "why" question takes for granted, as a statement; None where that cannot be told."""
    match = PREMISE.match(question.strip())
    if not match or JUDGING.search(match[1]):
        return None
    return match[1][:1].upper() + match[1][1:] + "."
