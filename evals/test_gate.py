"""The gate as pytest: `pytest evals`. The tier without a chat model."""

import pytest

from evals.cases import GATING, load
from evals.run import BASELINE, main


@pytest.mark.parametrize("name", GATING)
def test_nothing_regressed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert BASELINE.is_file()
    assert main([name]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("name", GATING)
def test_cases_are_well_formed(name: str) -> None:
    cases = load(name)
    assert cases and all("reason" in c or "kind" in c for c in cases)
