"""The glossary: enough terms, each once, in order, defined in one sentence, explained where its link leads."""

import re
from pathlib import Path

import rules

PAGES = rules.read_pages(sorted((Path(__file__).parents[3] / "corpus" / "guide").glob("*.md")))
ENTRY = re.compile(r"^- \[([^\]]+)\]\(#([^)]+)\) \(([^)]+)\): (.+)$")
LINES = [(page, line) for page in PAGES if page.file.startswith("16-") for line in page.lines if line.startswith("- ")]
ENTRIES = [(page, *match.groups()) for page, line in LINES if (match := ENTRY.match(line))]


def key(term):
    return re.sub(r"[^a-z0-9]", "", term.lower())


def text_of(section_id):
    return " ".join(p.text for p in PAGES if p.section_id and (p.section_id + "/").startswith(section_id + "/"))


def test_every_line_is_an_entry_and_there_are_at_least_200():
    assert len(ENTRIES) == len(LINES) >= 200


def test_terms_are_unique_in_order_and_under_their_letter():
    terms = [key(term) for _, term, *_ in ENTRIES]
    assert terms == sorted(set(terms))
    for page, term, *_ in ENTRIES:
        low, _, high = page.section_id.removeprefix("glossary/").partition("-")
        assert low <= term[0].lower() <= (high or low), term


def test_a_definition_is_one_sentence_that_does_not_lean_on_another():
    for _, term, _, _, definition in ENTRIES:
        assert definition.endswith(".") and ". " not in definition, term
        assert len(definition.split()) >= 5, term
        assert not re.match(r"(?:it|its|this|that|these|they|see|same)\b", definition, re.I), term


def words(text):
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def test_a_link_leads_to_a_section_that_speaks_of_the_term():
    silent = []
    for _, term, section_id, others, _ in ENTRIES:
        there = {word.rstrip("s") for word in words(text_of(section_id))}
        named = words(re.sub(r" in (?:CAP|ACID)$", "", term)) | words(others)
        if not any(word.rstrip("s") in there for word in named if len(word) > 2 or not word.isalpha()):
            silent.append((term, section_id))
    assert silent == []
