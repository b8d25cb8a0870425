"""Logistic decisions against values worked out by hand."""

import pytest

from tutor.logistic import Logistic, probability


def test_log_odds_are_bias_and_weighted_signals():
    assert Logistic((2.0, -1.0), 0.5).log_odds((1.5, 4.0)) == pytest.approx(-0.5)


def test_even_odds_are_a_half_and_extremes_stay_between_zero_and_one():
    assert probability(0.0) == 0.5
    assert Logistic((1.0,), 0.0).probability((1.0986123,)) == pytest.approx(0.75)
    assert 0.0 < probability(-1e9) < 1e-12 and 1 - 1e-12 < probability(1e9) < 1.0


def test_a_missing_signal_is_an_error():
    with pytest.raises(ValueError):
        Logistic((1.0, 2.0), 0.0).log_odds((1.0,))
