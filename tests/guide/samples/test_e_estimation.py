"""Chapter 17: availability against brute force, cache levels by playing requests, Little's law when requests overtake."""

import random
from itertools import product

import pytest

LITTLE = "estimation/littles-law"
AVAILABILITY = "estimation/availability"
CACHE = "estimation/cache-hits"


@pytest.mark.parametrize(("needed", "copies"), [(0, 2), (1, 1), (1, 3), (2, 3), (3, 5), (5, 5)])
def test_k_of_n_counts_every_combination_of_failures(sample, needed, copies):
    part = 0.9
    total = sum(
        part ** sum(up) * (1 - part) ** (copies - sum(up))
        for up in product([0, 1], repeat=copies)
        if sum(up) >= needed
    )
    assert sample(AVAILABILITY)["k_of_n"](part, needed, copies) == pytest.approx(total)


def test_a_shared_cause_caps_any_number_of_copies(sample):
    k_of_n = sample(AVAILABILITY)["k_of_n"]
    assert all(k_of_n(0.999, 1, copies, shared=0.001) <= 0.999 for copies in range(1, 20))


def test_more_parts_needed_than_there_are_is_a_mistake_and_not_a_zero(sample):
    with pytest.raises(ValueError):
        sample(AVAILABILITY)["k_of_n"](0.99, 4, 3)


def test_the_source_sees_what_a_played_traffic_lets_through(sample):
    rng, reached = random.Random(1), 0
    for _ in range(100_000):
        if rng.random() < 0.8:  # answered by the CDN
            continue
        if rng.random() < 0.1 or rng.random() >= 0.9:  # the key's node is lost, or the key is not held
            reached += 1
    expected = sample(CACHE)["source_load"](100_000, [0.8, 0.9], lost_share=0.1)
    assert reached == pytest.approx(expected, rel=0.05)


def test_hit_rates_in_percent_are_refused(sample):
    with pytest.raises(ValueError):
        sample(CACHE)["source_load"](1_000, [95])


@pytest.mark.parametrize("workers", [1, 8, 64])
def test_littles_law_holds_idle_and_overloaded(sample, workers):
    littles_law = sample(LITTLE)["littles_law"]
    rng, clock, arrivals = random.Random(2), 0.0, []
    for _ in range(2_000):
        clock += rng.expovariate(100)
        arrivals.append(clock)
    number, rate, inside = littles_law(arrivals, [rng.expovariate(20) for _ in arrivals], workers)
    assert number == pytest.approx(rate * inside)


def test_one_worker_makes_the_second_request_wait(sample):
    assert sample(LITTLE)["littles_law"]([0.0, 0.0], [1.0, 1.0], workers=1) == (1.5, 1.0, 1.5)
