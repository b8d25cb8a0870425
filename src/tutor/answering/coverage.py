"""Does the guide answer this question? A decision on retrieval signals, never the model's.

Does not know the question's wording beyond its content words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever
from tutor.schema import SectionHit

OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|prompt|rule|guide|above"
    r"|previous|system)|\b(?:system prompt|your (?:instructions|prompt)|you are now|act as|pretend"
    r" (?:to be|you)|jailbreak|developer mode)\b",
    re.I,
)
PERSONAL = re.compile(
    r"\b(?:today|tomorrow|yesterday|this week|right now|currently trading|latest news|my (?:salary|resume"
    r"|cv|company|boss|manager|interview (?:at|with|on)|offer)|stock price of|weather)\b",
    re.I,
)
BIAS = -5.4
WEIGHT_SIMILARITY = 6.2
WEIGHT_OVERLAP = 3.6
WEIGHT_UNKNOWN = -2.2
"""Logistic weights on: best sentence similarity, idf overlap with the best section, share of
content words the guide never uses."""


@dataclass(frozen=True)
class Coverage:
    """The decision, its probability (0..1), and a reply when it is no."""

    covered: bool
    probability: float
    reply: str


def decide(question: str, hits: list[SectionHit], retriever: Retriever, best: float) -> Coverage:
    """Decide from the hits; `best` is the highest cosine of any single sentence."""
    if OVERRIDE.search(question):
        return Coverage(False, 0.0, "I answer questions from the guide and stay with that.")
    if PERSONAL.search(question):
        return Coverage(
            False, 0.0, "The guide is a fixed text: it knows nothing current and nothing personal."
        )
    content = words(question)
    if not hits or not content:
        return Coverage(False, 0.0, "The guide does not cover this.")
    similarity = max(best, max(hit.passages[0].similarity for hit in hits[:3]))
    overlap = max(retriever.section_overlap(question, hit.section.id) for hit in hits[:3])
    unknown = sum(not retriever.vocabulary.knows(word) for word in content) / len(content)
    logit = BIAS + WEIGHT_SIMILARITY * similarity + WEIGHT_OVERLAP * overlap + WEIGHT_UNKNOWN * unknown
    probability = 1 / (1 + 2.718281828459045**-logit)
    return Coverage(probability >= 0.5, probability, "The guide does not cover this.")
