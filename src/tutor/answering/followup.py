"""Does a question need its history, and what is it alone? A gate in code, then a rewrite.

Does not know retrieval; the topic of the conversation is handed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tutor.retrieval.lexical import words
from tutor.schema import Section

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
ASIDE = re.compile(
    r"^and (?P<other>(?:an? |the )?[\w-]+(?: (?!for\b|with\b|in\b|on\b|to\b)[\w-]+){1,3})$", re.I
)
"""A follow-up that only names another subject: "and header versioning?"."""
CLAUSE = re.compile(r"\b(?:that|this) (?:the|a|an|is|are|i|we|you|has|have|can)\b|\bso that\b", re.I)


@dataclass(frozen=True)
class Topic:
    """What the conversation is about: the last question that stood alone and its section's title."""

    question: str
    title: str


SUBJECT = re.compile(
    r"^(?:(?:so|ok(?:ay)?|and|please|can you|could you)[,\s]+)*"
    r"(?:what(?:'s| is| are| does| do)|how (?:does|do|is|are)|explain(?: to me)?|describe|define|"
    r"tell me (?:more )?about|when (?:should|do|would) (?:i|we|you) (?:use|choose|pick)|"
    r"why (?:use|is|are|do|does))\s+"
    r"(?:the (?:\w+ )?(?:benefits?|advantages?|costs?|drawbacks?|point|purpose|idea|"
    r"role|trade-?offs?|differences?) (?:of|behind|between)\s+)?(?:an?|the)?\s*(?P<subject>.+?)"
    r"(?:\s+(?:work|works|do|does|mean|means|for|used for|used|important|needed|"
    r"useful|actually|really)\b.*)?$",
    re.I,
)


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


def rewrite(question: str, topic: Topic) -> str:
    """The question with the topic put in for what it points at."""
    text = question.strip().rstrip("?!. ")
    title = topic.title
    pointer = re.compile(r"\b(its|their|it's|it|they|them|this|that|these|those)\b|\b(there)$", re.I)

    def name(match: re.Match[str]) -> str:
        if match[2]:
            return f"in {title}"
        word = match[1].lower()
        if word in {"its", "their"}:
            return f"{title}'s"
        return f"{title} is" if word == "it's" else title

    replaced, count = pointer.subn(name, text, count=1)
    if count:
        return f"{replaced}?"
    if not words(text):
        return f"{text or 'More'}: {title}?"
    aside = ASIDE.match(text)
    if aside and len(set(words(aside["other"])) - LOOSE) >= 2:
        return f"What about {aside['other']}?"
    bare = re.sub(r"^(?:and|but|so|ok(?:ay)?|then|also)[,\s]+", "", text, flags=re.I)
    return f"{bare} ({title})?"


def named(title: str, section: Section, question: str) -> str:
    """The section's title as a topic; a plain title ("Benefits") takes its parent's name with it."""
    if len(section.heading_path) > 1 and not set(words(title)) & set(words(question)):
        parent = re.sub(r"^\d+\.\s+", "", section.heading_path[-2]).rstrip("?")
        return f"{parent}: {title.rstrip('?').lower()}"
    return title.rstrip("?")
