"""Sentences of chapters 22 to 24 open with a subject that names the thing, so that each can be quoted alone."""

import re
from pathlib import Path

import rules

FILES = sorted((Path(__file__).parents[3] / "corpus" / "guide").glob("2[234]-*.md"))
NAMELESS = re.compile(
    r"^(?:(?:And|But|So|Then),? )?(?:It|Its|They|Their|These|Those|This|That|Both|Such|Notice|Here|One of them"
    r"|The (?:main |real |usual |only )?(?:costs?|prices?|gains?|advantages?|drawbacks?|weakness(?:es)?|remed(?:y|ies)"
    r"|loser|winner|rest|difference|reason|result|answer)(?! (?:of|for|from|to|between|why|in)\b)"
    r"|The (?:table|diagram|picture|example|sequence|timeline|code|sample|program|list|figures?"
    r"|first|second|third|last|latter|former|same|other)\b"
    r"|(?:Two|Three|Four|Five|Six|Seven|Eight|Ten|Several|Most|Some|Others?)"
    r")\b"
)


def sentences():
    for page in rules.read_pages(FILES):
        for line in page.prose.splitlines():
            if not re.match(r"\s*(?:[-*]|\d+\.) ", line):
                for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(0-9])", line.strip()):
                    if len(sentence.split()) > 3:
                        yield page.section_id, sentence


def test_no_sentence_opens_without_its_subject():
    found = list(sentences())
    assert len(found) > 450
    assert [(where, text) for where, text in found if NAMELESS.match(text)] == []


def test_the_pattern_finds_what_it_is_for():
    for text in [
        "Its costs are two.",
        "The price is a hop.",
        "This fails.",
        "The same holds here.",
        "Some do it later.",
    ]:
        assert NAMELESS.match(text)
    assert not NAMELESS.match("The price of a replica is a copy of the data.")


def test_every_topic_says_how_to_use_it_in_an_interview():
    pages = rules.read_pages(FILES)
    for topic in [page for page in pages if page.level == 2]:
        text = " ".join(page.text for page in pages if page.section_id.startswith(topic.section_id))
        for words in ("strong sentence on", "weak sentence", "ollow-up"):
            assert words in text, (topic.section_id, words)
