"""The URL shortener's samples under the failures that their sections are about."""

import sqlite3
from collections import Counter

import pytest

DIVE = "designs/url-shortener/deep-dives"


class Cache(dict):
    """As Redis: `add` is SET NX, plain assignment is SET."""

    def add(self, key, row):
        self.setdefault(key, row)


@pytest.fixture
def shortener(sample):
    """`find` over a replica with old rows, a primary that can be down, and counted queries."""
    code = sample("designs/url-shortener/encoding/base62")
    permute = code["Permutation"](b"secret", 62**7)
    made = sample(f"{DIVE}/unknown-codes")
    asked: Counter[str] = Counter()
    issued = 6_000_000_000

    class World:
        cache, rows, fresh, primary_down = Cache(), {}, {}, False
        Unavailable = made["Unavailable"]

        def code(self, number):
            return code["encode"](permute.apply(number), width=7)

        def id_of(self, text):
            return permute.invert(code["decode"](text)) if len(text) == 7 else None

        def replica(self, text):
            asked["replica"] += 1
            return self.rows.get(text)

        def primary(self, text):
            asked["primary"] += 1
            if self.primary_down:
                raise made["Unavailable"]
            return self.fresh.get(text) or self.rows.get(text)

        def find(self, text):
            return made["find"](text, self.id_of, issued, self.cache, self.replica, self.primary)

    world = World()
    world.asked, world.issued = asked, issued
    return world


def test_known_links_redirect_while_the_primary_is_down(shortener):
    known = shortener.code(77)
    shortener.rows[known], shortener.primary_down = {"url": "https://example.com"}, True
    assert shortener.find(known) == {"url": "https://example.com"}
    assert shortener.find(known) and shortener.asked == {"replica": 1}


def test_a_scanner_reaches_no_database(shortener):
    never = [shortener.code(shortener.issued + 2_000_000 + n) for n in range(500)]
    assert [shortener.find(code) for code in never] == [None] * 500
    assert not shortener.asked
    old = [shortener.code(n) for n in range(500)]
    assert [shortener.find(code) for code in old] == [None] * 500
    assert [shortener.find(code) for code in old] == [None] * 500
    assert shortener.asked == {"replica": 500}


def test_a_fresh_link_is_asked_of_the_primary_and_its_outage_is_not_remembered(shortener):
    fresh = shortener.code(shortener.issued - 5)
    shortener.fresh[fresh], shortener.primary_down = {"url": "https://new.example"}, True
    with pytest.raises(shortener.Unavailable):
        shortener.find(fresh)
    assert fresh not in shortener.cache
    shortener.primary_down = False
    assert shortener.find(fresh) == {"url": "https://new.example"}


def test_a_slow_reader_does_not_undo_a_block_or_a_creation(shortener):
    code = shortener.code(9)

    def replica(text):  # the link is blocked while this reader waits for a lagging replica
        shortener.cache[text] = {"status": "blocked"}
        return {"status": "active"}

    shortener.replica = replica
    shortener.find(code)
    assert shortener.find(code) == {"status": "blocked"}


@pytest.fixture
def clicks():
    db = sqlite3.connect(":memory:")
    db.executescript(
        "CREATE TABLE clicks (link, day, n, PRIMARY KEY (link, day));"
        "CREATE TABLE click_progress (part PRIMARY KEY, next_offset);"
        "INSERT INTO click_progress VALUES (0, 0);"
    )
    return db


class Crashing:
    """A connection whose process dies before the offset is saved."""

    def __init__(self, db, on):
        self.db, self.on = db, on

    def __enter__(self):
        return self.db.__enter__()

    def __exit__(self, *error):
        return self.db.__exit__(*error)

    def execute(self, text, values=()):
        if text.startswith(self.on):
            raise ConnectionError("died")
        return self.db.execute(text, values)


BATCH = [(n, n % 3, "2026-03-01") for n in range(30)]


def total(db):
    return db.execute("SELECT COALESCE(SUM(n), 0) FROM clicks").fetchone()[0]


def test_a_crash_before_the_offset_counts_nothing_twice(sample, clicks):
    count = sample(f"{DIVE}/analytics")["count_clicks"]
    with pytest.raises(ConnectionError):
        count(Crashing(clicks, "UPDATE"), 0, BATCH)
    assert total(clicks) == 0
    count(clicks, 0, BATCH)
    count(clicks, 0, BATCH)  # delivered again
    count(clicks, 0, [*BATCH[20:], (30, 0, "2026-03-01")])  # overlaps by ten
    assert total(clicks) == 31


def test_a_consumer_that_lost_its_partition_counts_nothing(sample, clicks):
    count = sample(f"{DIVE}/analytics")["count_clicks"]

    class Zombie(Crashing):
        def execute(self, text, values=()):
            if text.startswith("UPDATE"):  # the new owner was faster
                self.db.execute("UPDATE click_progress SET next_offset = 30 WHERE part = 0")
            return self.db.execute(text, values)

    with pytest.raises(RuntimeError, match="another consumer"):
        count(Zombie(clicks, "never"), 0, BATCH)
    assert total(clicks) == 0


def test_hash_codes_survive_collisions_and_give_up_in_the_end(sample):
    made = sample("designs/url-shortener/encoding/hash")
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE links (code TEXT NOT NULL UNIQUE, url TEXT NOT NULL)")
    codes = [
        made["create"](db, "https://a.example", made["hash_codes"]("https://a.example", "ada"))
        for _ in range(5)
    ]
    assert len(set(codes)) == 5 and {len(code) for code in codes} == {7}
    with pytest.raises(RuntimeError, match="nearly full"):
        made["create"](db, "https://a.example", made["hash_codes"]("https://a.example", "ada"))


def test_an_alias_of_seven_letters_is_a_possible_code_and_six_are_not(sample):
    code = sample("designs/url-shortener/encoding/base62")
    assert code["decode"]("mylinks") == 1_281_068_381_776 < 62**7
    assert all(len(code["encode"](n, width=7)) == 7 for n in (0, 62**6, 62**7 - 1))
    assert len(code["encode"](2**42 - 1)) == 8
