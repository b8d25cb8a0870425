"""Sentences of chapters 17 to 19 open with a subject that names the thing."""

import re
from pathlib import Path

import rules

GUIDE = Path(__file__).parents[3] / "corpus" / "guide"
FILES = [f for f in sorted(GUIDE.glob("*.md")) if f.name[:2] in ("17", "18", "19")]
COUNTED = "remedies|means|traps|mistakes|ways|costs|details|kinds|cures|reasons|rules|steps|decisions|sentences|levels|parts"
NAMELESS = re.compile(
    r"^(?:(?:And|But|So|Then),? )?"
    r"(?:It|Its|They|Their|These|Those|This|That|Both|Each of them|Together they|Notice|Here|There|Such"
    r"|The (?:main |real |usual )?(?:costs?|prices?|gains?|advantages?|drawbacks?|weakness(?:es)?|remed(?:y|ies))"
    r"(?! (?:of|for)\b)"
    r"|The (?:table|diagram|example|sequence|timeline|code|SQL|list|first|second|third|last|latter|former)\b(?! of\b)"
    rf"|(?:Two|Three|Four|Five|Six|Seven|Ten|Several|Most|Others?) (?:{COUNTED})"
    r"|A (?:weak|strong) sentence (?:is|says))\b"
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
    assert len(found) > 500
    assert [(where, text) for where, text in found if NAMELESS.match(text)] == []


def test_the_pattern_finds_what_it_is_for():
    for text in ["Its costs are two.", "The price is a hop.", "There is one.", "The table shows it.", "Two rules exist."]:
        assert NAMELESS.match(text)
    assert not NAMELESS.match("The price of a proxy is a hop.")
