"""Does the guide answer this question? A decision on retrieval and verifier signals, never the chat model's.

Does not know the question's wording beyond its content words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log
from typing import NamedTuple

from tutor.answering.evidence import Evidence
from tutor.answering.followup import needs_history
from tutor.parameters.store import decision
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
PARTS = ("retrieval", "reading")
"""Two decisions of `parameters/answerability.json`: on retrieval alone, and with what the verifier reads. A question is
covered when both say so: the first knows foreign subjects, the second near misses."""
NAME = re.compile(r"(?<=[^.?!\s] )[A-Z][\w.+-]*|\b(?:\w*[a-z]|[A-Z])[A-Z][\w.+-]*|\b\w+[._-]\w[\w.+-]*|\b[a-z]+\d\w*")
"""What looks like a name: a capital inside a sentence or a word, inner points, underscores, hyphens or digits."""
UNDERSPECIFIED = "What is that about? Name the topic, and I can look it up."
"""The reply to a question that points at something nobody has mentioned."""


@dataclass(frozen=True)
class Coverage:
    """The decision, its probability (0..1), and a reply when it is no."""

    covered: bool
    probability: float
    reply: str


class Features(NamedTuple):
    """Evidence that the guide answers a question."""

    sentence: float
    """Cosine of the best sentence of the leading sections."""
    sentences: float
    """Mean cosine of the three best."""
    overlap: float
    """Highest idf share (0..1) of the question's words in one of three sections."""
    unknown: float
    """Share (0..1) of its words that the guide never uses."""
    score: float
    """The ranking's score of the first section."""
    words: float
    """Log of one more than the number of content words, of twelve at most."""
    answer: float
    """Highest log odds that a sentence answers, as the verifier reads."""
    second_answer: float
    """The second highest."""
    first_overlap: float
    """The idf share in the first section."""
    foreign_names: float
    """Number of names that the guide never uses, at most 2."""
    read_overlap: float
    """Highest idf share in a passage that was read."""
    rarest_missing: float
    """Highest idf, in tenths, of a word of the guide that three leading sections lack."""


def features(
    question: str, hits: list[SectionHit], retriever: Retriever, similar: Vectors, read: Evidence
) -> Features:
    """The evidence in what was found; `similar` are cosines of the leading sections' sentences."""
    content, vocabulary = words(question), retriever.vocabulary
    held = {word for hit in hits[:3] for word in words(hit.section.text)}
    names = {word for name in NAME.findall(question) for word in words(name)}
    best = sorted((float(value) for value in similar), reverse=True)[:3] or [0.0]
    overlaps = [retriever.section_overlap(question, hit.section.id) for hit in hits[:3]]
    return Features(
        best[0],
        sum(best) / len(best),
        max(overlaps),
        sum(not vocabulary.knows(word) for word in content) / max(1, len(content)),
        max(hit.score for hit in hits),
        log(1 + min(len(content), 12)),
        *read.strongest(1),
        overlaps[0],
        float(min(2, sum(not vocabulary.knows(name) for name in names))),
        max((vocabulary.overlap(content, words(text)) for text in read.texts), default=0.0),
        max((vocabulary.idf(word) for word in content if vocabulary.knows(word) and word not in held), default=0.0) / 10,
    )


def decide(
    question: str, hits: list[SectionHit], retriever: Retriever, similar: Vectors, read: Evidence
) -> Coverage:
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
    row = features(question, hits, retriever, similar, read)
    probability = min(
        decision("answerability", Features._fields, part).probability(row) for part in PARTS
    )
    if needs_history(question, True) and probability < 0.95:
        return Coverage(False, probability, UNDERSPECIFIED)
    return Coverage(probability >= 0.5, probability, "The guide does not cover this.")
