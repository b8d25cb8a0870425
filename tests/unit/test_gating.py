"""The gate of the evals: what counts as a regression against a baseline."""

import json

from evals.report import SetReport
from evals.run import baseline, gate, metrics_of
from evals.scorers import Score


def report(values: list[float], name: str = "retrieval", metric: str = "key facts") -> SetReport:
    scores = [Score(f"case-{n}", {metric: value}) for n, value in enumerate(values)]
    return SetReport(name, metrics_of(name, scores), scores)


def failures(before: list[float], now: list[float], **of: str) -> list[str]:
    stored = json.loads(json.dumps({"cases": baseline([report(before, **of)])}))
    entry = report(now, **of)
    gate(entry, stored)
    return entry.failures


def test_the_same_run_again_is_no_regression_even_where_values_are_thirds() -> None:
    thirds = [n / 3 for n in (1, 2, 2, 2, 2, 2, 2, 2, 2, 2)]
    assert failures(thirds, thirds) == []


def test_a_broad_drop_fails_and_names_its_cases() -> None:
    (said,) = failures([1.0] * 10, [2 / 3] * 6 + [1.0] * 4)
    assert "key facts dropped" in said and "case-0" in said and "case-9" not in said


def test_a_few_cases_each_way_are_chance() -> None:
    assert failures([1.0, 0.0] * 5, [0.0, 1.0, *[1.0, 0.0] * 4]) == []


def test_one_hard_break_fails_whatever_the_baseline() -> None:
    (said,) = failures([1.0, 0.0], [1.0, 0.0], name="hostile", metric="resisted")
    assert "resisted is broken by case-1" in said
