"""Chapter 14: values that do not fit, threads on one id generator, two shards and one driver, a crash after a charge."""

import contextlib
import random
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

CACHE = "practice/cache-system/data-api/lru-code"
SNOWFLAKE = "practice/twitter-feed/deep-dives/snowflake"
SHARDS = "practice/uber/deep-dives/across-shards"
UBER = "practice/uber/data-api"
BOARD = "practice/leaderboard/data-api"
LEDGER = "practice/payment-system/data-api"
PAYMENT = "practice/payment-system/deep-dives/idempotency"
TIES = "practice/leaderboard/deep-dives/ties"
SLOTS = "practice/distributed-cache/data-api/api"
TRIE = "practice/search-autocomplete/deep-dives/trie"


class Crash(BaseException):
    """The process dies: no handler of the sample runs after it."""


@pytest.fixture
def lru(sample):
    now = [0.0]
    names = sample(CACHE)
    return names["LruCache"](max_bytes=10_000, clock=lambda: now[0]), now, names


def test_a_value_larger_than_the_cache_stays_readable_for_all_waiters(lru):
    cache, _, names = lru
    entered, go = threading.Event(), threading.Event()

    def loader(_):
        entered.set()
        assert go.wait(5)
        return b"x" * 20_000

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(cache.get_or_load, "big", loader)]
        assert entered.wait(5)
        results += [pool.submit(cache.get_or_load, "big", loader) for _ in range(3)]
        for _ in range(500):
            if cache.misses == 4:
                break
            time.sleep(0.01)
        go.set()
        assert [len(result.result(5)) for result in results] == [20_000] * 4
    assert cache.get("big") is names["MISS"] and cache.bytes == 0


def test_a_failed_load_is_not_remembered(lru):
    cache, _, _ = lru
    answers = iter([ConnectionError(), Crash(), b"row"])

    def loader(_):
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    with pytest.raises(ConnectionError):
        cache.get_or_load("k", loader)
    with pytest.raises(Crash):
        cache.get_or_load("k", loader)
    assert cache.get_or_load("k", loader) == b"row" == cache.get("k")


def test_the_sweep_frees_what_nobody_reads_and_nothing_else(lru):
    cache, now, _ = lru
    for n in range(60):
        cache.put(f"dead{n}", b"1", ttl=1 + n % 5)
    for n in range(20):
        cache.put(f"kept{n}", b"1", ttl=100)
    cache.put("forever", b"1")
    now[0] = 50.0
    random.seed(1)
    cache.sweep(sample=80)
    assert sorted(cache.map) == sorted([f"kept{n}" for n in range(20)] + ["forever"])
    assert {id(node) for node in cache.timed} == {id(cache.map[f"kept{n}"]) for n in range(20)}
    assert [node.at for node in cache.timed] == list(range(20))
    assert cache.bytes == sum(node.size for node in cache.map.values())


def test_the_account_of_bytes_and_timed_nodes_holds_under_any_mixture(lru):
    cache, now, _ = lru
    dice = random.Random(7)
    for _ in range(3_000):
        key = f"k{dice.randrange(150)}"
        match dice.randrange(5):
            case 0 | 1:
                cache.put(key, b"v" * dice.randrange(200), ttl=dice.choice([None, 5, 50]))
            case 2:
                cache.delete(key)
            case 3:
                cache.get(key)
            case _:
                now[0] += 1
                cache.sweep()
        assert cache.bytes == sum(node.size for node in cache.map.values()) <= 10_000
        assert all(cache.timed[node.at] is node for node in cache.map.values() if node.at is not None)
    assert len(cache.timed) == sum(node.expires is not None for node in cache.map.values())


def in_step(generator, barrier, timeout_s):
    """The generator, but two threads read `last` together unless something keeps one of them out."""

    class InStep(generator):
        @property
        def last(self):
            value = self.held
            try:
                barrier.wait(timeout_s)
            except threading.BrokenBarrierError:
                barrier.reset()
            return value

        @last.setter
        def last(self, value):
            self.held = value

    return InStep


@pytest.mark.parametrize(("locked", "different"), [(True, 2), (False, 1)])
def test_two_threads_get_two_snowflakes_because_of_the_lock(sample, locked, different):
    names = sample(SNOWFLAKE)
    generator = in_step(names["Snowflake"], threading.Barrier(2), 0.05 if locked else 5)
    maker = generator(1, lambda: names["EPOCH_MS"] + 5)
    if not locked:
        maker.lock = contextlib.nullcontext()
    with ThreadPoolExecutor(2) as pool:
        ids = [future.result(5) for future in [pool.submit(maker.next_id) for _ in range(2)]]
    assert len(set(ids)) == different


def test_one_driver_is_never_held_for_two_districts(sample):
    names = sample(SHARDS)
    names["home"].execute("INSERT INTO slots (driver) VALUES (5)")
    assert names["hold"](5, "north-2", 1, now=100) == 1
    assert names["hold"](5, "south-2", 1, now=109.9) is None
    assert names["hold"](5, "south-2", 1, now=110) == 2
    assert names["accept"](5, 1, now=111) == 409  # the old offer, on an app that missed the change


def ride(names, name, state="requested", version=1, driver=None):
    names["districts"][name.split("-")[0]].execute("INSERT INTO rides VALUES (?, ?, ?, ?)", (name, state, version, driver))


def slot(names, driver):
    return names["home"].execute("SELECT state FROM slots WHERE driver = ?", (driver,)).fetchone()[0]


def test_a_crash_between_slot_and_ride_is_settled_by_the_recovery_job(sample):
    names = sample(SHARDS)
    names["home"].execute("INSERT INTO slots (driver) VALUES (5)")
    ride(names, "north-2")
    offer = names["hold"](5, "north-2", 1, now=0)
    names["home"].execute("UPDATE slots SET state = 'accepted' WHERE driver = 5")  # then the process died
    assert names["hold"](5, "south-1", 1, now=1000) is None  # blocked, and not on two trips
    assert names["settle"](5) == 200 == names["settle"](5)
    assert names["districts"]["north"].execute("SELECT * FROM rides WHERE ride = 'north-2'").fetchone() == (
        "north-2", "matched", 2, 5)  # fmt: skip
    assert offer == 1 and slot(names, 5) == "on_trip"


@pytest.mark.parametrize(("state", "version"), [("cancelled", 2), ("matched", 2), ("requested", 3)])
def test_an_accept_for_a_ride_that_moved_on_frees_the_driver(sample, state, version):
    names = sample(SHARDS)
    names["home"].execute("INSERT INTO slots (driver) VALUES (5)")
    ride(names, "north-2")
    offer = names["hold"](5, "north-2", 1, now=0)
    names["districts"]["north"].execute(
        "UPDATE rides SET state = ?, version = ?, driver = ? WHERE ride = 'north-2'",
        (state, version, 8 if state == "matched" else None),
    )
    assert names["accept"](5, offer, now=5) == 409
    assert slot(names, 5) == "free"
    taken = names["districts"]["north"].execute("SELECT driver FROM rides WHERE ride = 'north-2'").fetchone()[0]
    assert taken == (8 if state == "matched" else None)


def test_a_completed_ride_frees_the_slot_only_for_its_own_offer(sample):
    names = sample(SHARDS)
    assert slot(names, 9) == "on_trip"
    names["districts"]["south"].execute("UPDATE rides SET state = 'completed' WHERE ride = 'south-1'")
    assert names["settle"](9) == 409 and slot(names, 9) == "free"
    assert names["hold"](9, "north-1", 1, now=60) == 3
    assert names["settle"](9) == 409 and slot(names, 9) == "offered"  # a late recovery job changes nothing


@pytest.fixture
def database(sql):
    def made(section):
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(sql(section))
        return db

    return made


def test_a_rider_has_one_active_ride_whatever_the_keys(database):
    db = database(UBER)
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO rides VALUES (2, 51, NULL, 'requested', 1, 100, 'INR', 'another key')")
    db.execute("UPDATE rides SET state = 'completed'")
    db.execute("INSERT INTO rides VALUES (2, 51, NULL, 'requested', 1, 100, 'INR', 'another key')")


def test_an_expired_offer_does_not_block_the_driver(database):
    db = database(UBER)
    assert db.execute("SELECT offer_id, state FROM offers ORDER BY offer_id").fetchall() == [(1, "expired"), (2, "open")]
    with pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO offers VALUES (3, 1, 9, 'open', '2026-03-01T10:01:00Z')")


def test_one_correction_may_take_back_more_than_a_game_may_give(database):
    db = database(BOARD)
    row = "INSERT INTO score_events VALUES (?, 7, 'all', ?, ?, '2025-03-04T10:00:00Z')"
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(row, ("e-2", "game", -3_000_000))
    db.execute(row, ("e-2", "correction", -3_000_000))


def test_refunds_and_outbox_stand_in_the_schema(database):
    db = database(LEDGER)
    names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names >= {"payments", "attempts", "refunds", "ledger_entries", "webhook_inbox", "outbox"}
    with pytest.raises(sqlite3.IntegrityError):  # the same refund sent twice
        db.execute("INSERT INTO refunds VALUES (2, 1, 60000, 'pending', 'refund-1')")


@pytest.mark.parametrize("error", [Crash(), ConnectionError()])
def test_a_crash_after_the_charge_is_found_by_reference_and_charged_once(sample, error):
    names = sample(PAYMENT)

    class Dying(names["FakeProvider"]):
        def charge(self, reference, amount):
            super().charge(reference, amount)
            raise error

    provider = Dying()
    service = names["PaymentService"](provider)
    with pytest.raises(type(error)):
        service.pay("m1", "k1", 500)
    assert service.pay("m1", "k1", 500) == "created"  # a repeat asks nobody
    service.resolve_unknown()
    assert service.pay("m1", "k1", 500) == "captured"
    assert provider.charges == {"m1-k1-1": 500}


def test_not_found_at_the_provider_does_not_make_a_payment_fail(sample):
    names = sample(PAYMENT)

    class Lost(names["FakeProvider"]):
        def charge(self, reference, amount):
            raise names["ProviderTimeout"](reference)

    service = names["PaymentService"](Lost())
    assert service.pay("m1", "k1", 500) == "unknown"
    service.resolve_unknown()
    assert service.pay("m1", "k1", 500) == "unknown"


def test_a_score_beyond_the_exact_range_is_refused_and_not_rounded(sample):
    encode = sample(TIES)["encode"]
    for score, elapsed in ((2**33, 0), (-1, 0), (1, 2**20), (1, -1)):
        with pytest.raises(ValueError):
            encode(score, elapsed)


@pytest.mark.parametrize("key", ["{}x", "{", "}{", "a{}b{c}"])
def test_an_empty_tag_is_no_tag(sample, key):
    slot_of = sample(SLOTS)["key_slot"]
    whole = sample(SLOTS)["binascii"].crc_hqx(key.encode(), 0) % 16384
    assert slot_of(key) == whole


def test_a_blocked_term_that_trends_is_still_not_suggested(sample):
    index = sample(TRIE)["Autocomplete"](k=2, blocklist=frozenset({"bad"}))
    index.add("bat", 1)
    assert index.suggest("ba", trends={"bad": 1e9}) == ["bat"]
