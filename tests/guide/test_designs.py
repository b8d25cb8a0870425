"""The worked designs follow their template: each part is there, with its tables, pictures and answers."""

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import rules

PAGES = rules.read_pages(sorted((Path(__file__).parents[2] / "corpus" / "guide").glob("*.md")))
DESIGNS = [
    "designs/url-shortener",
    "designs/pastebin",
    "designs/rate-limiter",
    "designs/notification-system",
    "designs/news-feed",
    "more/chat",
    "more/booking",
    "more/file-sync",
    "more/crawler",
    "more/scheduler",
    "more/proximity",
]


def pages(design):
    return [page for page in PAGES if f"{page.section_id}/".startswith(design + "/")]


def only(design, part):
    (page,) = [page for page in pages(design) if page.section_id == f"{design}/{part}"]
    return page


def tables(design):
    return [line for page in pages(design) for line in page.lines if line.startswith("| ")]


@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_has_two_small_pictures_a_schema_and_code(design):
    infos = [block.info.split()[0] for page in pages(design) for block in page.blocks]
    assert infos.count("mermaid") >= 2 and "sql" in infos and {"python", "lua"} & set(infos)
    drawn = [block.body for page in pages(design) for block in page.blocks if block.info == "mermaid"]
    assert all(body.count("participant") <= 3 and not body.startswith("flowchart LR") for body in drawn)


@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_shows_calls_choices_and_failures_as_tables(design):
    heads = "\n".join(tables(design))
    for head in (
        "| Quantity | Working | Result |",
        "| Call | Success |",
        "| Choice |",
        "| Failure | Effect | Answer |",
    ):
        assert head in heads, head


@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_answers_six_follow_ups(design):
    questions = [line for line in only(design, "follow-ups").lines if re.match(r"\d\. ", line)]
    assert len(questions) == 6
    assert all(len(line.partition("? ")[2].split()) >= 15 for line in questions)


@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_ends_with_a_spoken_minute_and_what_each_level_adds(design):
    spoken = re.search(r'^"(.+)"$', only(design, "summary").prose, re.M)[1]
    assert 110 <= len(spoken.split()) <= 170
    said = only(design, "strong-weak").prose
    assert len(re.findall(r'^- "', said, re.M)) == 8
    assert all(f"{level} candidate" in said for level in ("A mid-level", "A senior", "a staff"))
