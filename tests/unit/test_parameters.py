"""Learned numbers: linear decisions against values worked out by hand, and the files they are read from."""

import json
from typing import NamedTuple

import numpy as np
import pytest

from tutor.errors import ModelCorrupt
from tutor.parameters.linear import Linear, probability
from tutor.parameters.store import load


class Signals(NamedTuple):
    similarity: float
    length: float


def test_a_value_is_bias_and_weighted_signals():
    assert Linear(("a", "b"), (2.0, -1.0), 0.5).value((1.5, 4.0)) == pytest.approx(-0.5)
    assert Linear(("a", "b"), (2.0, -1.0), 0.5).values(np.array([[1.5, 4.0], [0.0, 0.0]])).tolist() == [-0.5, 0.5]


def test_even_odds_are_a_half_and_extremes_stay_between_zero_and_one():
    assert probability(0.0) == 0.5
    assert Linear(("a",), (1.0,)).probability((1.0986123,)) == pytest.approx(0.75)
    assert 0.0 < probability(-1e9) < 1e-12 and 1 - 1e-12 < probability(1e9) < 1.0


def test_missing_and_exchanged_signals_are_errors():
    with pytest.raises(ValueError):
        Linear(("a", "b"), (1.0, 2.0)).value((1.0,))
    with pytest.raises(ValueError, match="not similarity, length"):
        Linear(("length", "similarity"), (1.0, 2.0)).value(Signals(1.0, 2.0))


@pytest.fixture
def written(tmp_path):
    def write(**held):
        (tmp_path / "made.json").write_text(json.dumps(held))
        load.cache_clear()
        return load("made", tmp_path)

    return write


def test_weights_go_by_name_whatever_their_order(written):
    made = written(weights={"": {"length": 3.0, "similarity": 2.0}}, bias={"": -1.0})
    assert made.linear(Signals._fields).value(Signals(10.0, 1.0)) == pytest.approx(22.0)


def test_a_decision_may_use_fewer_signals_but_none_that_is_not_there(written):
    made = written(weights={"few": {"length": 3.0}, "other": {"colour": 1.0}})
    assert made.linear(Signals._fields, "few").value(Signals(10.0, 1.0)) == pytest.approx(3.0)
    with pytest.raises(ModelCorrupt, match="colour"):
        made.linear(Signals._fields, "other")
    with pytest.raises(ModelCorrupt, match="disagree"):
        made.linear(Signals._fields, "none")


def test_a_damaged_file_says_so(tmp_path):
    (tmp_path / "torn.json").write_text("{")
    for name in ("torn", "missing"):
        with pytest.raises(ModelCorrupt, match=name):
            load(name, tmp_path)
