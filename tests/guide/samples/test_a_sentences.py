"""Sentences of chapters 0 to 7 name their subject, so that one alone makes sense."""

import re
from pathlib import Path

import rules

FILES = sorted((Path(__file__).parents[3] / "corpus" / "guide").glob("0[0-7]-*.md"))
COSTS = "price|costs?|gains?|advantages?|disadvantages?|benefits?|weakness(?:es)?|remedy|remedies"
SHOWN = "table|diagram|picture|matrix|timeline|example|program|code"
COUNTED = "remedies|means|traps|mistakes|ways|costs|details|kinds|cures"
NAMELESS = re.compile(
    r"^(?:(?:And|But|So|Then),? )?(?:It|Its|They|Their|These|Those|Notice|Here"
    rf"|The (?:main |only |best )?(?:{COSTS})(?: (?:is|are|grow)\b|:)"
    rf"|The (?:following |last |first )?(?:{SHOWN}) (?:shows|lists|compares|does|tests|puts|sums|uses|marks|follows|gives)"
    rf"|(?:Two|Three|Four|Five) (?:{COUNTED}) (?:exist|are|work|follow|need))\b"
)


def sentences():
    for page in rules.read_pages(FILES):
        for line in page.prose.splitlines():
            if not re.match(r"\s*(?:[-*]|\d+\.) ", line):
                for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(0-9])", line.strip()):
                    if len(sentence.split()) > 3:
                        yield page.section_id, sentence


def test_no_sentence_opens_without_its_subject():
    assert [(where, text) for where, text in sentences() if NAMELESS.match(text)] == []


def test_the_pattern_finds_what_it_is_for():
    for text in [
        "It costs a hop.",
        "The price is a hop.",
        "Notice that it waits.",
        "The table shows five.",
        "Two remedies exist.",
    ]:
        assert NAMELESS.match(text)
    assert not NAMELESS.match("The price of a layer 7 balancer is a hop.")
