"""The proximity samples under rebuilds, late and repeated changes, midnight, holidays, and lists that change."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

PLACES = "more/proximity/deep-dives"
CELLS = "abcd"


@pytest.mark.parametrize("seed", range(40))
def test_no_change_is_lost_or_undone_however_rebuilds_and_deliveries_mix(sample, seed):
    rng, LiveIndex = random.Random(seed), sample(f"{PLACES}/live-index")["LiveIndex"]
    history = []

    def state(seq):
        rows = {}
        for _, place, cell, info in history[:seq]:
            rows[place] = (place, cell, info)
        return [row for row in rows.values() if row[1] is not None]

    index, delivered, base = LiveIndex([], 0), 0, 0
    for _ in range(200):
        if rng.random() < 0.6:
            place, cell = rng.randrange(8), rng.choice([*CELLS, None])
            history.append((len(history) + 1, place, cell, f"v{len(history) + 1}"))
        if rng.random() < 0.7 and delivered < len(history):
            index.apply(*history[delivered])
            delivered += 1
        if rng.random() < 0.3 and delivered:
            index.apply(*rng.choice(history[:delivered]))  # delivered again
        if rng.random() < 0.2:
            at = rng.randrange(len(history) + 1)  # older than the node, or newer if the log is late
            index.swap(state(at), at)
            base = max(base, at)
        truth = {place: (cell, info) for place, cell, info in state(max(base, delivered))}
        for cell in CELLS:
            assert index.search([cell]) == {p: info for p, (c, info) in truth.items() if c == cell}


def test_a_reader_that_began_before_a_change_reads_on_undisturbed(sample):
    index = sample(f"{PLACES}/live-index")["LiveIndex"]([(1, "a", "x")], 1)
    index.apply(2, 2, "a", "y")
    before = index.state[1]["a"]
    reading = iter(before.items())
    index.apply(3, 3, "a", "z")
    assert list(reading) == [(2, "y")] and index.search("a") == {1: "x", 2: "y", 3: "z"}


@pytest.fixture(scope="module")
def open_until(sample):
    return sample(f"{PLACES}/open-now")["open_until"]


def local(zone, *moment):
    return datetime(*moment, tzinfo=ZoneInfo(zone)).astimezone(UTC)


HOLIDAY = {date(2026, 5, 3): []}


@pytest.mark.parametrize(
    ("hours", "exceptions", "zone", "moment", "left"),
    [
        (
            {5: [(1200, 1560)]},
            HOLIDAY,
            "Asia/Kolkata",
            (2026, 5, 3, 1, 30),
            30,
        ),  # Sunday's holiday is not Saturday's
        ({6: [(1200, 1560)]}, HOLIDAY, "Asia/Kolkata", (2026, 5, 4, 1, 30), None),
        ({6: [(1200, 1560)]}, {date(2026, 5, 3): [(600, 700)]}, "UTC", (2026, 5, 3, 11, 0), 40),
        ({n: [(0, 1440)] for n in range(7)}, {}, "America/New_York", (2026, 5, 3, 23, 0), 60 + 1440),
        (
            {0: [(600, 2880)], 2: [(0, 60)]},
            {},
            "UTC",
            (2026, 5, 5, 23, 0),
            120,
        ),  # two days long, then Wednesday
        ({0: [(600, 2880)], 1: [(0, 60)]}, {}, "UTC", (2026, 5, 5, 23, 0), 60),
        ({0: [(600, 720), (780, 1080)]}, {}, "UTC", (2026, 5, 4, 12, 30), None),  # lunch break
        ({0: [(600, 720), (780, 1080)]}, {}, "UTC", (2026, 5, 4, 13, 0), 300),
        ({6: [(1320, 1500)]}, {}, "UTC", (2026, 5, 4, 0, 30), 30),  # the week wraps: Sunday to Monday
        ({}, {}, "UTC", (2026, 5, 4, 12, 0), None),
    ],
)
def test_opening_hours_count_from_the_day_they_begin_on(open_until, hours, exceptions, zone, moment, left):
    assert open_until(hours, exceptions, zone, local(zone, *moment)) == left


def test_the_places_zone_decides_and_not_the_servers(open_until):
    shop, noon = {n: [(540, 1080)] for n in range(7)}, datetime(2026, 5, 4, 12, tzinfo=UTC)
    states = {
        zone: open_until(shop, {}, zone, noon)
        for zone in ("Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles")
    }
    assert states == {"Europe/Berlin": 240, "Asia/Tokyo": None, "America/Los_Angeles": None}


@pytest.mark.parametrize("seed", range(20))
def test_pages_show_each_place_that_stays_once_although_others_come_and_go(sample, seed):
    page, rng = sample(f"{PLACES}/rare")["page"], random.Random(seed)
    stay = {(rng.randrange(50), n) for n in range(90)}
    guests = [(rng.randrange(50), 100 + n) for n in range(30)]
    shown, cursor, first = [], None, True
    while first or cursor:
        present = [*stay, *rng.sample(guests, 15)]
        rng.shuffle(present)
        got, cursor = page(present, cursor, size=20)
        shown, first = shown + got, False
    assert shown == sorted(set(shown)) and stay <= set(shown)


def test_the_last_page_has_no_cursor_and_an_empty_result_neither(sample):
    page = sample(f"{PLACES}/rare")["page"]
    assert page([], None) == ([], None)
    assert page([(n, n) for n in range(20)]) == ([(n, n) for n in range(20)], None)


def test_a_cursor_that_was_changed_is_refused(sample):
    made = sample(f"{PLACES}/rare")
    token = made["seal"](b"k", {"last": [5, 7], "category": 12})
    assert made["unseal"](b"k", token) == {"last": [5, 7], "category": 12}
    for bad in (b"x" + token, token[:-1], token.replace(b".", b"A."), b"", b"."):
        with pytest.raises(ValueError):
            made["unseal"](b"k", bad)
    with pytest.raises(ValueError):
        made["unseal"](b"other", token)


def test_a_week_of_minutes_agrees_with_a_plain_calendar(open_until):
    hours = {0: [(480, 720)], 2: [(1380, 1500)], 4: [(0, 1440)], 5: [(0, 30)]}
    open_minutes = {
        day * 1440 + minute
        for day, spans in hours.items()
        for start, end in spans
        for minute in range(start, end)
    }
    monday = datetime(2026, 5, 4, tzinfo=UTC)
    for minute in range(0, 7 * 1440, 7):
        assert (open_until(hours, {}, "UTC", monday + timedelta(minutes=minute)) is not None) == (
            minute in open_minutes
        )
