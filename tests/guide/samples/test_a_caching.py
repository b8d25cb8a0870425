"""The samples of chapter 6 survive what their prose is about: a dead cache, slow loads, lost deletes and events."""

import random
import threading
import time
from contextlib import suppress

import pytest


class Flaky:
    """A store that counts its calls and fails on the operations named in `fails`, after doing them if told to."""

    def __init__(self, error, **data):
        self.error, self.data, self.fails, self.calls = error, dict(data), set(), []

    def _do(self, name):
        self.calls.append(name)
        if name in self.fails:
            raise self.error

    def get(self, key):
        self._do("get")
        return self.data.get(key)

    def set(self, key, value, ttl=None):
        self._do("set")
        self.data[key] = value

    def put(self, key, value):
        self._do("put")
        self.data[key] = value

    def delete(self, key):
        self._do("delete")
        self.data.pop(key, None)


@pytest.mark.parametrize("fails", [{"set"}, {"get"}, {"get", "set"}])
@pytest.mark.parametrize(("user", "answer"), [("7", "Ada"), ("8", None)])
def test_cache_aside_survives_the_loss_of_the_cache(sample, fails, user, answer):
    found = sample("caching/patterns/cache-aside")
    cache, database = Flaky(found["CacheDown"]), Flaky(OSError, **{"7": "Ada"})
    cache.fails = fails
    users = found["Users"](cache, database)
    assert [users.get(user), users.get(user)] == [answer, answer]
    assert database.calls == ["get", "get"]


def test_cache_aside_does_not_hide_an_error_of_the_database(sample):
    found = sample("caching/patterns/cache-aside")
    database = Flaky(OSError)
    database.fails = {"get"}
    cache = Flaky(found["CacheDown"])
    with pytest.raises(OSError):
        found["Users"](cache, database).get("7")
    assert "set" not in cache.calls


def test_read_through_keeps_no_error_and_loads_again_after_the_ttl(sample):
    clock, outcomes = [0.0], iter([OSError(), "v1", "v2"])

    def load(key):
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    cache = sample("caching/patterns/read-through")["ReadThrough"](load, ttl=60.0, now=lambda: clock[0])
    with pytest.raises(OSError):
        cache.get("k")
    assert [cache.get("k"), cache.get("k")] == ["v1", "v1"]
    clock[0] = 60.0
    assert cache.get("k") == "v2"


def test_read_through_frees_waiting_readers_after_a_failed_load(sample):
    started, answers = threading.Event(), []

    def load(key):
        if not started.is_set():
            started.set()
            time.sleep(0.05)
            raise OSError
        return "value"

    cache = sample("caching/patterns/read-through")["ReadThrough"](load)

    def first():
        with suppress(OSError):
            cache.get("k")

    leader = threading.Thread(target=first)
    leader.start()
    started.wait(5)
    follower = threading.Thread(target=lambda: answers.append(cache.get("k")))
    follower.start()
    leader.join(5)
    follower.join(5)
    assert answers == ["value"]


@pytest.fixture
def write_through(sample):
    found = sample("caching/patterns/write-through")
    cache, database = Flaky(found["CacheDown"], k="v1"), Flaky(OSError, k="v1")
    return found["WriteThrough"](cache, database), cache, database


def test_write_through_shows_no_value_that_the_database_refused(write_through):
    layer, _cache, database = write_through
    database.fails = {"put"}
    with pytest.raises(OSError):
        layer.put("k", "v2")
    database.fails = set()
    assert layer.get("k") == "v1"


@pytest.mark.parametrize("fails", [{"set"}, {"set", "get"}, {"set", "delete"}, {"set", "get", "delete"}])
def test_write_through_never_answers_an_old_value_after_a_failed_set(write_through, fails):
    layer, cache, _database = write_through
    cache.fails = fails
    layer.put("k", "v2")
    assert layer.get("k") == "v2"
    cache.fails = set()
    assert layer.get("k") == "v2" and cache.data.get("k") != "v1"


def test_write_through_does_not_trust_the_cache_after_a_crash_between_the_two_writes(write_through):
    layer, cache, _database = write_through
    cache.error = KeyboardInterrupt  # the process dies; what it noted first is durable in production
    cache.fails = {"set"}
    with pytest.raises(KeyboardInterrupt):
        layer.put("k", "v2")
    cache.fails = set()
    assert layer.get("k") == "v2"


def test_write_through_keeps_the_order_of_concurrent_writers(write_through):
    layer, cache, database = write_through
    slow = database.put

    def put(key, value):
        slow(key, value)
        time.sleep(0.05 if value == "first" else 0)

    database.put = put
    first = threading.Thread(target=layer.put, args=("k", "first"))
    first.start()
    while database.data["k"] != "first":
        pass
    layer.put("k", "second")
    first.join(5)
    assert cache.data["k"] == database.data["k"] == "second"


class Counters:
    """Commits a numbered batch once; `plan` says what happens to each call."""

    def __init__(self, *plan):
        self.plan, self.total, self.last = list(plan), 0, 0

    def save(self, number, batch):
        what = self.plan.pop(0) if self.plan else "ok"
        if what == "refused":
            raise OSError
        if number > self.last:
            self.total, self.last = self.total + sum(batch.values()), number
        if what == "lost answer":
            raise TimeoutError


def test_write_behind_counts_each_write_once_whatever_the_flush_does(sample):
    rng = random.Random(5)
    plan = [rng.choice(["ok", "refused", "lost answer"]) for _ in range(60)]
    database = Counters(*plan)
    buffer = sample("caching/patterns/write-behind")["WriteBehind"](database.save)
    for n in range(300):
        buffer.add(n % 7)
        if n % 5 == 0:
            with suppress(OSError, TimeoutError):
                buffer.flush()
    for _ in range(3):
        buffer.flush()
    assert database.total == 300 and not buffer.dirty


def test_write_behind_refuses_writes_when_the_database_is_down_too_long(sample):
    found = sample("caching/patterns/write-behind")
    database = Counters(*["refused"] * 99)
    buffer = found["WriteBehind"](database.save, limit=3)
    with pytest.raises(found["BacklogFull"]):
        for key in "abcdefghij":
            buffer.add(key)
            with suppress(OSError):
                buffer.flush()
    database.plan.clear()
    accepted = sum((buffer.batch or {}).values()) + sum(buffer.dirty.values())
    buffer.flush()
    buffer.flush()
    assert database.total == accepted > 0


def test_refresh_ahead_answers_with_the_old_value_while_the_source_is_down_and_not_longer(sample):
    clock, jobs, down = [0.0], [], [False]

    def load(key):
        if down[0]:
            raise OSError
        return f"at {clock[0]:.0f}"

    cache = sample("caching/patterns/refresh-ahead")["RefreshAhead"](load, jobs.append, lambda: clock[0])
    cache.get("k")
    down[0] = True
    for clock[0] in (240.0, 260.0, 299.0):
        assert cache.get("k") == "at 0"
        assert len(jobs) == 1  # one reload at a time, and another try after a failed one
        jobs.pop()()
    clock[0] = 300.0
    with pytest.raises(OSError):
        cache.get("k")
    down[0] = False
    assert cache.get("k") == "at 300"


@pytest.mark.parametrize("ends", ["cache down", "crash"])
def test_an_explicit_delete_is_repeated_until_it_succeeds(sample, ends):
    found = sample("caching/invalidation/explicit")
    cache = Flaky(found["CacheDown"] if ends == "cache down" else KeyboardInterrupt, **{"price:lamp": 1})
    prices = found["Prices"](found["db"], cache)
    cache.fails = {"delete"}
    with suppress(KeyboardInterrupt):
        prices.change("lamp", 2)
    assert cache.data and found["db"].execute("SELECT cents FROM prices").fetchone() == (2,)
    cache.fails = set()
    prices.delete_pending()
    assert not cache.data
    prices.delete_pending()
    assert cache.calls.count("delete") == 2


def test_a_change_that_is_rolled_back_deletes_nothing(sample):
    found = sample("caching/invalidation/explicit")
    cache = Flaky(found["CacheDown"], **{"price:lamp": 1})
    found["db"].execute("DROP TABLE prices")
    with pytest.raises(Exception, match="prices"):
        found["Prices"](found["db"], cache).change("lamp", 2)
    assert cache.data and not cache.calls


def test_an_event_during_a_load_keeps_the_old_value_out(sample):
    rows, cache = {"k": "old"}, None

    def load(key):
        value = rows[key]
        if value == "old":
            rows[key] = "new"
            cache.on_event(1, key)
        return value

    cache = sample("caching/invalidation/event-based")["LocalCache"](load)
    assert cache.get("k") == "old"
    assert cache.get("k") == "new"


def test_a_repeated_event_harms_nothing_and_a_lost_one_empties_the_cache(sample):
    loads = []
    cache = sample("caching/invalidation/event-based")["LocalCache"](lambda key: loads.append(key) or key)
    cache.on_event(1, "a")
    for key in "ab":
        cache.get(key)
    cache.on_event(1, "a")
    cache.get("a")
    assert loads == ["a", "b"]
    cache.on_event(3, "a")
    cache.get("b")
    assert loads == ["a", "b", "b"]


def in_flight(group, load, follow):
    """Starts a leader with `load`, then calls `follow` while it runs."""
    started, release = threading.Event(), threading.Event()

    def held():
        started.set()
        release.wait(5)
        return load()

    def lead():
        with suppress(BaseException):
            group.do("k", held)

    leader = threading.Thread(target=lead)
    leader.start()
    started.wait(5)
    follower = threading.Thread(target=follow)
    follower.start()
    time.sleep(0.05)
    return leader, follower, release


def finish(group, load, patience):
    """What a follower gets: a value or an exception."""
    outcome = []

    def follow():
        try:
            outcome.append(group.do("k", lambda: "own load"))
        except Exception as error:
            outcome.append(error)

    leader, follower, release = in_flight(group, load, follow)
    if patience < 1:
        follower.join(5)
    release.set()
    leader.join(5)
    follower.join(5)
    return outcome[0]


def test_a_follower_that_waits_too_long_gets_a_timeout_and_no_key_error(sample):
    group = sample("caching/stampede")["SingleFlight"](patience=0.1)
    assert isinstance(finish(group, lambda: "late", 0.1), TimeoutError)
    assert group.do("k", lambda: "next") == "next"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_followers_learn_that_the_leader_failed_or_was_cancelled(sample, error):
    def load():
        raise error

    group = sample("caching/stampede")["SingleFlight"](patience=5.0)
    outcome = finish(group, load, 5.0)
    assert isinstance(outcome, OSError if error is OSError else RuntimeError)
    assert group.do("k", lambda: "next") == "next"


def test_a_locked_read_keeps_absent_rows_and_zero(sample):
    found = sample("caching/stampede/locking")
    for value in (0, None):
        store, loads = found["Store"](), []
        for _ in range(5):
            assert (
                found["read"](store, "k", lambda v=value, ran=loads: (ran.append(1), v)[1], wait=None)
                == value
            )
        assert loads == [1]


def test_a_reader_behind_a_lock_gets_the_stale_value_after_bounded_waits(sample):
    found = sample("caching/stampede/locking")
    store, waits = found["Store"](), []
    store.set("lock:k", "somebody", 10, only_if_absent=True)
    assert found["read"](store, "k", lambda: 1 / 0, wait=waits.append, stale="old") == "old"
    assert waits == [0.1] * 20


def test_a_failed_load_frees_the_lock(sample):
    found = sample("caching/stampede/locking")
    store = found["Store"]()
    with pytest.raises(ZeroDivisionError):
        found["read"](store, "k", lambda: 1 / 0, wait=None)
    assert store.get("lock:k") is None


def test_entries_filled_together_do_not_expire_together(sample):
    found = sample("caching/invalidation/ttl")
    for jitter, wave in ((0.0, 1000), (0.1, 20)):
        cache = found["TTLCache"](lambda: 0.0, jitter=jitter, rng=random.Random(3).random)
        for n in range(1000):
            cache.set(n, n)
        seconds = [int(expires) for _, expires in cache.entries.values()]
        assert (
            (max(map(seconds.count, seconds)) == wave)
            if jitter == 0
            else (max(map(seconds.count, seconds)) < wave)
        )
