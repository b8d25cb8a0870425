"""Sentences of chapters 20 and 21 open with a subject that names the thing."""

import re
from pathlib import Path

import rules

FILES = sorted((Path(__file__).parents[3] / "corpus" / "guide").glob("2[01]-*.md"))
NAMELESS = re.compile(
    r"^(?:(?:And|But|So|Then),? )?(?:It|Its|They|Their|These|Those|This|That|Both|Each of them|Notice|Here|There|Such"
    r"|The (?:main |real |usual |best |only )?(?:costs?|prices?|gains?|advantages?|drawbacks?|weakness(?:es)?|remed(?:y|ies)"
    r"|answer|reason|result|effect)(?! (?:of|for|to)\b)"
    r"|The (?:table|diagram|example|sequence|timeline|code|SQL|list|first|second|third|last|latter|former|same|other)\b"
    r"|(?:Two|Three|Four|Five|Six|Seven|Ten|Several|Most)\b"
    r"|(?:Older|Newer|Larger|Smaller|Other|Another|One) (?:\w+ )?(?:is|are|has|have)\b"
    r")\b"
)


def sentences():
    for page in rules.read_pages(FILES):
        for paragraph in re.split(r"\n\s*\n", page.prose):
            for line in paragraph.strip().splitlines():
                for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z`\"(0-9])", re.sub(r"^\s*(?:[-*]|\d+\.) ", "", line)):
                    if len(sentence.split()) > 3:
                        yield page.section_id, sentence


def test_no_sentence_opens_without_its_subject():
    found = list(sentences())
    assert len(found) > 500
    assert [(where, text) for where, text in found if NAMELESS.match(text)] == []


def test_the_pattern_finds_what_it_is_for():
    for text in ["It costs a hop.", "The price is a hop.", "The price, then, is a hop.", "This helps.", "Two exist."]:
        assert NAMELESS.match(text)
    assert not NAMELESS.match("The price of a lease is a delay.")
