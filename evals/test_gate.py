"""The gate as pytest: `pytest evals`. The tier without a chat model."""

import json

import pytest

from evals.cases import GATING, load
from evals.report import SetReport, console
from evals.run import BASELINE, gate, run


@pytest.fixture(scope="session")
def reports() -> dict[str, SetReport]:
    """All sets, scored once and compared with the baseline."""
    held = {entry.name: entry for entry in run(GATING, use_llm=False)}
    before = json.loads(BASELINE.read_text(encoding="utf-8"))
    for entry in held.values():
        gate(entry, before)
    return held


@pytest.mark.parametrize("name", GATING)
def test_nothing_regressed(name: str, reports: dict[str, SetReport]) -> None:
    assert not reports[name].failures, console([reports[name]])


@pytest.mark.parametrize("name", GATING)
def test_cases_are_well_formed(name: str) -> None:
    cases = load(name)
    assert cases and all("reason" in c or "kind" in c for c in cases)
