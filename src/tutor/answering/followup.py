"""Does a question need its history, and what is it alone? A fitted decision, then a rewrite.

The decision weighs how the question is worded against what retrieval finds for it alone and for it with its topic.
"""

from __future__ import annotations

import re
from math import log

from tutor.logistic import Logistic
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
FEATURES = (
    "rule", "opener", "pointer", "content words", "words", "score", "overlap", "similarity", "rarity", "joint score",
    "same topic", "loose pointers", "joint topic", "shared words", "joint gain", "foreign words",
)  # fmt: skip
LEANS = Logistic(
    (1.86, 0.31, -0.51, 0.26, -1.77, -3.06, 0.34, -0.78, -0.12, 5.21, 0.99, 1.39, 0.56, -5.62, -0.59, -1.12), 0.54
)
"""How surely a question leans, by `features`, from `evals/fit_followup.py`."""
SUBJECT = re.compile(
    r"^(?:(?:so|ok(?:ay)?|and|please|can you|could you)[,\s]+)*"
    r"(?:what(?:'s| is| are| does| do)|how (?:does|do|is|are)|explain(?: to me)?|describe|define|"
    r"tell me (?:more )?about|when (?:should|do|would) (?:i|we|you) (?:use|choose|pick)|"
    r"why (?:use|is|are|do|does))\s+"
    r"(?:the (?:\w+ )?(?:benefits?|advantages?|costs?|drawbacks?|point|purpose|idea|"
    r"role|trade-?offs?|differences?) (?:of|behind|between)\s+)?(?:(?:an?|the)\s+)?(?P<subject>.+?)"
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
    in, and whether the question alone leads to the topic of the last. Again of the wording: the number of loosely
    pointing words; whether the question with the topic leads to the topic of the last, the share of its words that the
    last question has, what the topic adds to the last question's best score, and the number of words unknown to the guide.
    """
    content, text = words(question), question.strip()
    together = rewrite(question, last)
    vector, before, _ = retriever.embed_all([question, last, together])
    hits, former, joint = retriever.best(question, 3), retriever.best(last, 1), retriever.best(together, 1)
    idf = retriever.vocabulary.idf
    return [
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
    ]


def leaning(question: str, last: str, retriever: Retriever) -> float:
    """How surely (0..1) the question leans on the one before it."""
    return LEANS.probability(features(question, last, retriever)) if words(question) else 1.0


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
