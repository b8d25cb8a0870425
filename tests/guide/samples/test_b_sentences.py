"""Sentences of chapters 8, 9, 11, 13 to 16 and 25 open with a subject that names the thing."""

import re
from pathlib import Path

import rules

CHAPTERS = ("08", "09", "11", "13", "14", "15", "16", "25")
FILES = [f for f in sorted((Path(__file__).parents[3] / "corpus" / "guide").glob("*.md")) if f.name[:2] in CHAPTERS]
NAMELESS = re.compile(
    r"^(?:It|Its|They|Their|These|Those|This|That|Both|Notice|Here|And|But"
    r"|The (?:main |real |usual )?(?:costs?|prices?|gains?|advantages?|drawbacks?|weakness(?:es)?|remed(?:y|ies))"
    r"(?! (?:of|for)\b)"
    r"|The (?:table|diagram|example|sequence|timeline|code|SQL|list|first|second|third|last|latter|former)\b"
    r"|(?:Two|Three|Four|Five|Six|Seven|Ten|Several|Most)"
    r")\b"
)


def sentences():
    for page in rules.read_pages(FILES):
        for paragraph in re.split(r"\n\s*\n", page.prose):
            if not re.match(r"\s*(?:[-*\"]|\d+\.)", paragraph):
                for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(0-9])", paragraph.strip()):
                    if len(sentence.split()) > 3:
                        yield page.section_id, sentence


def test_no_sentence_opens_without_its_subject():
    found = list(sentences())
    assert len(found) > 1_000
    assert [(where, text) for where, text in found if NAMELESS.match(text)] == []


def test_the_pattern_finds_what_it_is_for():
    for text in ["Its costs are two.", "The price is a hop.", "Notice that it waits.", "The table shows it.", "Two exist."]:
        assert NAMELESS.match(text)
    assert not NAMELESS.match("The price of a proxy is a hop.")
