"""Mistakes that circulate in material of this kind: what the guide must say instead, and what it must never say.

They are data, one file under `errata/` for each round of corrections: `must` patterns are looked for in the sections
under a prefix, `never` patterns in the whole guide.
"""

import re
from pathlib import Path

import pytest
import yaml

from tutor.corpus.read import read_corpus

HERE = Path(__file__).parent
SECTIONS = [s for document in read_corpus(HERE.parents[1] / "corpus" / "guide") for s in document.sections]
FILES = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(HERE.glob("errata/*.yaml"))]
MUST = [(name, *rule) for held in FILES for name, rule in (held.get("must") or {}).items()]
NEVER = [rule for held in FILES for rule in (held.get("never") or {}).items()]


@pytest.mark.parametrize(("name", "prefix", "pattern"), MUST, ids=[rule[0] for rule in MUST])
def test_the_guide_says_what_is_right(name, prefix, pattern):
    text = " ".join(s.text for s in SECTIONS if s.id == prefix or s.id.startswith(prefix + "/"))
    assert text, f"no section {prefix}"
    assert re.search(pattern, text, re.I), f"{name}: {prefix} does not hold {pattern}"


@pytest.mark.parametrize(("name", "pattern"), NEVER, ids=[rule[0] for rule in NEVER])
def test_the_guide_never_says_what_is_wrong(name, pattern):
    found = [s.id for s in SECTIONS if re.search(pattern, s.text, re.M)]
    assert not found, found
