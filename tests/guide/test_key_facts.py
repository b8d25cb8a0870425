"""The key facts of the eval questions stand in the guide sections they are taken from."""

import json
from pathlib import Path

from tutor.corpus.read import read_corpus
from tutor.interview.cues import matches, parsed

ROOT = Path(__file__).parents[2]
SECTIONS = [s for d in read_corpus(ROOT / "corpus" / "guide") for s in d.sections]
CASES = [
    json.loads(line)
    for file in sorted((ROOT / "evals" / "sets" / "retrieval").glob("*.jsonl"))
    for line in file.read_text(encoding="utf-8").splitlines()
]


def test_every_question_has_key_facts_and_a_reason():
    assert len(CASES) >= 300
    assert all(1 <= len(case["key_facts"]) <= 3 and case["reason"] for case in CASES)


def test_every_key_fact_is_found_in_its_section_and_not_in_its_question():
    for case in CASES:
        ids = case["section_ids"]
        texts = [s.text for s in SECTIONS if any(s.id == key or s.id.startswith(key + "/") for key in ids)]
        for fact in case["key_facts"]:
            assert all(all(part for part in alternative) for alternative in parsed(fact["cues"])), case["id"]
            assert any(matches(fact["cues"], text) for text in texts), (case["id"], fact["fact"])
            assert not matches(fact["cues"], case["question"]), (case["id"], fact["fact"])
