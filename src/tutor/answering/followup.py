"""Does a question need its history, and what is it alone? A fitted decision, then a rewrite.

The decision weighs how the question is worded against what retrieval finds for it alone and for it with its topic.
"""

from __future__ import annotations

import re
from math import log
from typing import NamedTuple

from tutor.parameters.store import decision
from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever

POINTER = re.compile(
    r"\b(?:it|its|it's|they|them|their|this|that|these|those|the (?:former|latter|first one|second"
    r" one|other one|same|above|previous))\b|\bthere(?=\s*[?.!]*$)",
    re.I,
)
OPENER = re.compile(
    r"^(?:and|but|so|or|also|ok(?:ay)?|then|what about|how about|why\??$|why not|how so|how come|"
    r"what else|anything else|else|more|go on|continue|example|an example|e\.g|for example|"
    r"(?:give|show)(?: me| us)? (?:an? )?(?:\w+ )?examples?|"
    r"when (?:should|would|do) (?:i|we|you) (?:use|not)|which (?:one|is better)|compared to|vs)\b",
    re.I,
)
LOOSE = frozenset(
    "challeng tool benefit drawback downsid advantag disadvantag risk cost limit trade-off tradeoff step part compon type"
    " kind exampl altern option metric problem issu failur mode use case pro con rule kind best practic there".split()
)
"""Stems of nouns that are always of something: a question that holds no other points back."""
CLAUSE = re.compile(r"\b(?:that|this) (?:the|a|an|is|are|i|we|you|has|have|can)\b|\bso that\b", re.I)


LOOSE_POINTER = re.compile(
    r"\b(?:ones?|both|either|neither|the two|others?|instead|too|as well|also|still|else|then|there|same|enough|"
    r"otherwise|again|anyway|nobody|somebody|someone)\b",
    re.I,
)
"""Words that often, not always, point at what was said before."""
LEADING = re.compile(r"^(?:(?:and|but|so|ok(?:ay)?|then|also)\b[,\s]*)+", re.I)
PRONOUN = re.compile(r"\b(its|their|it's|it|they|them|this|that|these|those)\b|\b(there)$", re.I)
SUBJECT = re.compile(
    r"^(?:(?:so|ok(?:ay)?|and|please|can you|could you)[,\s]+)*"
    r"(?:what(?:'s| is| are| does| do)|how (?:does|do|is|are)|explain(?: to me)?|describe|define|"
    r"tell me (?:more )?about|when (?:should|do|would) (?:i|we|you) (?:use|choose|pick)|"
    r"why (?:use|is|are|do|does))\s+"
    r"(?:the (?:\w+ )?(?:benefits?|advantages?|costs?|drawbacks?|point|purpose|idea|"
    r"role|trade-?offs?|differences?) (?:of|behind|between)\s+)?(?:(?:an?|the)\s+)?(?P<subject>.+?)"
    r"(?:(?<!\s)\s+(?:work|works|do|does|mean|means|for|used for|used|important|needed|"
    r"useful|actually|really)\b.*)?$",
    re.I,
)


class Features(NamedTuple):
    """Evidence that a question leans on the one before it (`parameters/followup.json`)."""

    rule: float
    """1 where `needs_history` says so."""
    opener: float
    """1 where it opens as a continuation."""
    pointer: float
    """1 where it holds a pointing word."""
    content_words: float
    """Log of one more than the number of content words."""
    words: float
    """Log of one more than the number of words."""
    score: float
    """The best section's score."""
    overlap: float
    """Highest idf share (0..1) of its words in a leading section."""
    similarity: float
    """Cosine of both questions."""
    rarity: float
    """Sum of the idf of its words that the guide knows."""
    joint_score: float
    """The best section's score with the topic put in."""
    same_topic: float
    """1 where it alone leads to the topic of the last."""
    loose_pointers: float
    """Number of words that often point back, at most 2."""
    joint_topic: float
    """1 where it leads to the topic of the last with that topic put in."""
    shared_words: float
    """Share (0..1) of its content words that the last question has."""
    joint_gain: float
    """What the topic adds to the last question's best score."""
    foreign_words: float
    """Number of words that the guide does not know."""


def subject_of(question: str) -> str | None:
    """What a plainly put question is about, in its own words; None where that is not plain."""
    match = SUBJECT.match(question.strip().rstrip("?!. "))
    if not match:
        return None
    subject = match["subject"].strip(" ,")
    verbal = re.search(r"\b(?:i|you|we|it|they|that|which|when|if|be|have|has|using)\b", subject, re.I)
    return subject if 1 <= len(words(subject)) <= 4 and not verbal else None


def needs_history(question: str, has_history: bool) -> bool:
    """Whether the question cannot be understood without what went before.

    True for a pointing word with nothing in the question to point at, an opening such as
    "what about …", or a question with no content word of its own.
    """
    if not has_history:
        return False
    text = question.strip()
    content = words(text)
    if not content or set(content) <= LOOSE:
        return True
    if OPENER.match(text):
        return True
    pointer = POINTER.search(CLAUSE.sub(" ", text))
    if not pointer:
        return False
    before = words(text[: pointer.start()])
    return len(before) < 2 or len(content) <= 3


def features(question: str, last: str, retriever: Retriever) -> Features:
    """The evidence that a question leans on the one before it, `last`."""
    content, text = words(question), question.strip()
    together = rewrite(question, last)
    vector, before, _ = retriever.embed_all([question, last, together])
    hits, former, joint = retriever.best(question, 3), retriever.best(last, 1), retriever.best(together, 1)
    idf = retriever.vocabulary.idf
    return Features(
        float(needs_history(question, True)),
        float(bool(OPENER.match(text))),
        float(bool(POINTER.search(CLAUSE.sub(" ", text)))),
        log(1 + len(content)),
        log(1 + len(text.split())),
        hits[0][1] if hits else 0.0,
        max((retriever.section_overlap(question, section.id) for section, _ in hits), default=0.0),
        float(vector @ before),
        sum(idf(word) for word in content if retriever.vocabulary.knows(word)),
        joint[0][1] if joint else 0.0,
        float(bool(hits and former) and chapter(hits[0][0].id) == chapter(former[0][0].id)),
        float(min(2, len(LOOSE_POINTER.findall(text)))),
        float(bool(joint and former) and chapter(joint[0][0].id) == chapter(former[0][0].id)),
        len(set(content) & set(words(last))) / max(1, len(set(content))),
        joint[0][1] - former[0][1] if joint and former else 0.0,
        float(sum(not retriever.vocabulary.knows(word) for word in set(content))),
    )


def leaning(question: str, last: str, retriever: Retriever) -> float:
    """How surely (0..1) the question leans on the one before it."""
    if not words(question):
        return 1.0
    return decision("followup", Features._fields).probability(features(question, last, retriever))


def chapter(section_id: str) -> list[str]:
    """The first two parts of a section's id: what it is about at large."""
    return section_id.split("/")[:2]


def rewrite(question: str, last: str) -> str:
    """The question with what the last one was about put in for what it points at, or else added to it."""
    text = question.strip().rstrip("?!. ")
    subject = subject_of(last)
    if subject and POINTER.search(CLAUSE.sub(" ", text)):

        def name(match: re.Match[str]) -> str:
            if match[2]:
                return f"in {subject}"
            word = match[1].lower()
            if word in {"its", "their"}:
                return f"{subject}'s"
            return f"{subject} is" if word == "it's" else subject

        replaced, count = PRONOUN.subn(name, text, count=1)
        if count:
            return f"{replaced}?"
    topic = subject or " ".join(word for word in re.findall(r"[\w/+.-]+", last) if words(word)) or last.strip()
    return with_topic(question, topic)


def with_topic(question: str, topic: str) -> str:
    """The question with a topic added to it."""
    text = question.strip().rstrip("?!. ")
    bare = LEADING.sub("", text)
    return f"{bare} ({topic})?" if bare else f"{text or 'More'}: {topic}?"
