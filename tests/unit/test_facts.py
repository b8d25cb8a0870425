"""Numbers, names and negation."""

import pytest

from tutor.verification.facts import names_agree, negation_agrees, numbers, numbers_agree


@pytest.mark.parametrize(("claim", "source", "agrees"), [
    ("The TTL is 3600 s.", "A TTL of 3,600 s suits.", True),
    ("The TTL is 360 s.", "A TTL of 3,600 s suits.", False),
    ("It takes 10 ms.", "It takes 10 s.", False),
    ("About 63% of requests.", "63% of requests see a slow one.", True),
    ("There are three replicas.", "It keeps 3 replicas.", True),
    ("There are four replicas.", "It keeps 3 replicas.", False),
    ("No numbers here.", "Nor 5 here.", True),
    ("1.5 GB of memory", "1.5 GB of memory", True),
])  # fmt: skip
def test_a_changed_number_or_unit_never_agrees(claim, source, agrees):
    assert numbers_agree(claim, source) is agrees


def test_numbers_are_read_in_one_notation():
    assert numbers("1,000 req/s, 99.99% and 16 KB") == {"1000", "99.99%", "16kb"}


def test_a_foreign_name_is_noticed():
    assert names_agree("Caches such as Redis help.", "Use Redis or Memcached.")
    assert not names_agree("Caches such as Hazelcast help.", "Use Redis or Memcached.")


def test_negation_is_compared():
    assert not negation_agrees("The cache never loses writes.", "The cache loses writes.")
    assert negation_agrees("It does not block.", "It never blocks.")
