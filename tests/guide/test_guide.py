"""The guide as it stands keeps every rule in `rules.py`; its code runs and its SQL parses."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pglast
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import rules

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "corpus" / "guide").glob("*.md"))
PAGES = rules.read_pages(FILES)
CODE = [(page, block) for page in PAGES for block in page.blocks]


def name(case):
    page, block = case
    return f"{page.section_id}:{block.line}"


def of(*infos):
    return [case for case in CODE if case[1].info in infos]


TOPICS = {str(topic["id"]) for topic in rules.read_topics()}
WRITTEN = {page.section_id for page in PAGES if page.section_id}
COMPLETE = {i.split("/")[0] for i in WRITTEN} >= {i.split("/")[0] for i in TOPICS}
"""Until the last chapter exists, links and questions may point at topics still to come."""


def test_every_rule_holds():
    assert list(rules.faults(PAGES, complete=COMPLETE)) == []


@pytest.mark.parametrize("case", of("python runnable"), ids=name)
def test_python_runs(case, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-c", case[1].body], cwd=tmp_path, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("case", of("python"), ids=name)
def test_other_python_compiles(case):
    compile(case[1].body, "guide", "exec")


@pytest.mark.parametrize("case", of("sql runnable"), ids=name)
def test_sql_runs(case):
    with sqlite3.connect(":memory:") as connection:
        connection.executescript(case[1].body)


@pytest.mark.parametrize("case", of("sql", "sql runnable"), ids=name)
def test_sql_is_postgresql(case):
    assert pglast.parse_sql(case[1].body)


@pytest.mark.parametrize("case", of("json"), ids=name)
def test_json_parses(case):
    for document in case[1].body.strip().split("\n\n"):
        json.loads(document)


def test_questions_point_at_sections_that_exist():
    known = WRITTEN if COMPLETE else WRITTEN | TOPICS
    sets = ROOT / "evals" / "sets"
    for file in sorted([*(ROOT / "training" / "data" / "questions").glob("*.jsonl"), *sets.glob("retrieval/*.jsonl")]):
        for line in file.read_text(encoding="utf-8").splitlines():
            case = json.loads(line)
            assert set(case["section_ids"]) <= known, f"{file.name}: {case['id']}"
