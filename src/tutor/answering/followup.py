"""Does a question need its history, and what is it alone? A fitted decision, then a rewrite.

The decision weighs how the question is worded against what retrieval finds for it alone and for it with its topic.
"""

from __future__ import annotations

import re
from math import log

from tutor.answering import suggest
from tutor.logistic import Logistic
from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever
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
CLAUSE = re.compile(r"\b(?:that|this) (?:the|a|an|is|are|i|we|you|has|have|can)\b|\bso that\b", re.I)


ASIDE = re.compile(
    r"^and (?P<other>(?:an? |the )?[\w-]+(?: (?!for\b|with\b|in\b|on\b|to\b)[\w-]+){1,3})$", re.I
)
"""A follow-up that only names another subject: "and header versioning?"."""
LEADING = re.compile(r"^(?:(?:and|but|so|ok(?:ay)?|then|also)\b[,\s]*)+", re.I)
PRONOUN = re.compile(r"\b(its|their|it's|it|they|them|this|that|these|those)\b|\b(there)$", re.I)
FEATURES = (
    "rule", "opener", "pointer", "content words", "words", "score", "overlap", "similarity", "rarity", "joint score",
    "same topic",
)  # fmt: skip
LEANS = Logistic((1.62, 0.44, 0.57, -0.46, -1.12, -3.75, 1.21, -2.67, -0.19, 4.98, 1.41), 0.71)
"""The decision on `features`, from `evals/fit_followup.py`."""
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


def features(question: str, last: str, retriever: Retriever) -> list[float]:
    """Evidence, in the order of FEATURES, that a question leans on the one before it, `last`.

    Of the wording: the rule of `needs_history`, an opening or a pointing word, the logs of the numbers of content words
    and of all words. Of retrieval: the best section's score, the highest idf share of the question's words in a leading
    section, the cosine of both questions, the sum of the idf of the question's words, the best score with the topic put
    in, and whether the question alone leads to the topic of the last.
    """
    content, text = words(question), question.strip()
    vector, before = retriever.embed(question), retriever.embed(last)
    hits = retriever.search(question, 3)
    former = retriever.search(last, 1)
    joint = retriever.search(rewrite(question, last), 1)
    idf = retriever.vocabulary.idf
    return [
        float(needs_history(question, True)),
        float(bool(OPENER.match(text))),
        float(bool(POINTER.search(CLAUSE.sub(" ", text)))),
        log(1 + len(content)),
        log(1 + len(text.split())),
        hits[0].score if hits else 0.0,
        max((retriever.section_overlap(question, hit.section.id) for hit in hits), default=0.0),
        float(vector @ before),
        sum(idf(word) for word in content if retriever.vocabulary.knows(word)),
        joint[0].score if joint else 0.0,
        float(bool(hits and former) and chapter(hits[0].section.id) == chapter(former[0].section.id)),
    ]


def leans(question: str, last: str, retriever: Retriever) -> bool:
    """Whether the question leans on the one before it."""
    if not words(question):
        return True
    return LEANS.log_odds(features(question, last, retriever)) >= 0


def chapter(section_id: str) -> list[str]:
    """The first two parts of a section's id: what it is about at large."""
    return section_id.split("/")[:2]


def alone(question: str, last: str, retriever: Retriever) -> str:
    """The question as it stands alone: with what the last one was about put in, where it leans on that.

    A question that plainly points back gets a name for it, the section's where the last question does not name it
    plainly; any other the content words of the last question.
    """
    if not leans(question, last, retriever):
        return question
    hits = retriever.search(last, 1) if needs_history(question, True) else []
    return rewrite(question, last, named(hits[0].section, last) if hits else "")


def rewrite(question: str, last: str, title: str = "") -> str:
    """The question with what the last one was about put in for what it points at, or added to it; `title` is its name
    where the last question does not name it plainly."""
    text = question.strip().rstrip("?!. ")
    subject = subject_of(last) or title
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
    aside = ASIDE.match(text)
    if title and aside and len(set(words(aside["other"])) - LOOSE) >= 2:
        return f"What about {aside['other']}?"
    topic = subject or " ".join(word for word in re.findall(r"[\w/+.-]+", last) if words(word)) or last.strip()
    bare = LEADING.sub("", text)
    return f"{bare} ({topic})?" if bare else f"{text or 'More'}: {topic}?"


def named(section: Section, question: str) -> str:
    """A section's title as a topic; a plain title ("Benefits") takes its parent's name with it."""
    title = re.sub(r"^\d+\.\s+", "", section.title).rstrip("?")
    if len(section.heading_path) > 1 and not set(words(title)) & set(words(question)):
        parent = re.sub(r"^\d+\.\s+", "", section.heading_path[-2]).rstrip("?")
        title = f"{parent}: {title.lower()}"
    return suggest.lower(title)
