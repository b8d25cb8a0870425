"""Does the guide answer this question? A decision on retrieval and verifier signals, never the chat model's.

Does not know the question's wording beyond its content words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import log

from tutor.answering.evidence import Evidence
from tutor.answering.followup import needs_history
from tutor.logistic import Logistic
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
FEATURES = (
    "sentence", "sentences", "overlap", "unknown", "score", "words", "answer", "second answer", "first overlap",
    "foreign names", "read overlap", "rarest missing",
)  # fmt: skip
DECISIONS = (
    Logistic((1.36, -1.75, 3.67, -2.46, 3.00, 2.73, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), -9.08),
    Logistic((1.08, 0.48, 0.21, 0.0, 2.61, 2.36, 0.59, 0.72, 3.01, -2.06, -2.07, -0.66), -4.52),
)
"""Two decisions on `features`, from `evals/fit_coverage.py`: on retrieval alone, and
with what the verifier reads. A question is covered when both say so: the first knows foreign subjects, the second
near misses."""
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


def features(
    question: str, hits: list[SectionHit], retriever: Retriever, similar: Vectors, read: Evidence
) -> list[float]:
    """Evidence that the guide answers: cosines of the best and the three best sentences, idf share of the
    question's words in the best of three sections, share of words the guide never uses, the ranking's score, the log
    of the number of content words, the two highest log odds that a sentence answers, the idf share in the first
    section, the number of names that the guide never uses, the highest idf share in a passage read, and the highest idf
    (tenths) of a known word that three leading sections lack. `similar` are cosines of the leading sections' sentences.
    """
    content, vocabulary = words(question), retriever.vocabulary
    held = {word for hit in hits[:3] for word in words(hit.section.text)}
    names = {word for name in NAME.findall(question) for word in words(name)}
    best = sorted((float(value) for value in similar), reverse=True)[:3] or [0.0]
    overlaps = [retriever.section_overlap(question, hit.section.id) for hit in hits[:3]]
    return [
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
    ]


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
    probability = min(decision.probability(row) for decision in DECISIONS)
    if needs_history(question, True) and probability < 0.95:
        return Coverage(False, probability, UNDERSPECIFIED)
    return Coverage(probability >= 0.5, probability, "The guide does not cover this.")
