"""The rate limiter's samples: the Lua scripts on Lua 5.1 over a fake Redis, outages, clocks and lost pushes."""

import itertools
from collections import Counter

import pytest
from conftest import PAGES
from lupa.lua51 import LuaRuntime

LIMITER = "designs/rate-limiter"


class Redis:
    """What the scripts use of Redis: strings in and out as there, a clock that tests set, one shard."""

    def __init__(self):
        self.now, self.data, self.expires = 1_700_000_000.0, {}, {}
        self.lua = LuaRuntime()
        self.lua.globals().redis = self.lua.table(call=self.call)

    def call(self, command, *words):
        key, *rest = [f"{w:.17g}" if isinstance(w, float) else str(w) for w in words] or [None]
        answer = getattr(self, command.lower())(key, *rest)
        if isinstance(answer, list):
            return self.lua.table(*[False if item is None else item for item in answer])
        return answer

    def time(self, _key):
        return [str(int(self.now)), str(int(self.now % 1 * 1e6))]

    def hmget(self, key, *names):
        return [self.data.get(key, {}).get(name) for name in names]

    def hset(self, key, *pairs):
        self.data.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))

    def pexpire(self, key, ms):
        self.expires[key] = self.now + int(ms) / 1000

    def zremrangebyscore(self, key, low, high):
        held = self.data.setdefault(key, {})
        for member in [m for m, s in held.items() if float(low) <= float(s) <= float(high)]:
            del held[member]

    def zcard(self, key):
        return len(self.data.get(key, {}))

    def zadd(self, key, score, member):
        self.data.setdefault(key, {})[member] = score

    def zrange(self, key, _low, _high, _withscores):
        member, score = min(self.data[key].items(), key=lambda pair: float(pair[1]))
        return [member, score]

    def run(self, section, keys, *values):
        (block,) = [b for b in PAGES[f"{LIMITER}/{section}"].blocks if b.info == "lua"]
        script = self.lua.eval(f"function(KEYS, ARGV) {block.body} end")
        return list(script(self.lua.table(*keys), self.lua.table(*map(str, values))).values())


@pytest.fixture
def redis():
    return Redis()


def test_the_sliding_window_admits_its_limit_and_starves_nobody(redis):
    def check(n):
        return redis.run("redis-sliding", ["sw"], 100, 60_000, f"r{n}")

    assert sum(check(n)[0] for n in range(6_000)) == 100  # all within one second
    assert check("late")[2] == 60_000
    start, passed = redis.now, 0
    for second in range(1, 601):
        redis.now = start + second
        passed += sum(check(f"{second}-{n}")[0] for n in range(3))  # a client that never stops trying
    assert (
        passed == 903
    )  # the first hundred block a minute; then 100 a window nine times, and 3 in the last second


def test_the_token_bucket_admits_its_rate_whatever_the_number_of_tries(redis):
    start, passed = redis.now, 0
    for step in range(4_800):
        redis.now = start + step / 8
        passed += redis.run("redis-token-bucket", ["tb"], 10, 1, 1)[0]
    assert passed in (609, 610)  # the full bucket, then one a second


def test_a_slower_clock_after_a_failover_neither_takes_nor_gives_tokens(redis):
    def take():
        return redis.run("redis-token-bucket", ["tb"], 10, 1, 1)

    assert take()[1] == "9"
    redis.now -= 5
    assert [take()[1] for _ in range(3)] == ["8", "7", "6"]
    redis.now += 5
    assert take()[1] == "5"  # no refill for the five seconds that never were
    redis.now += 2
    assert take()[1] == "6"


def test_a_refused_check_takes_nothing_from_the_other_limit(redis):
    keys = ["{acct}:second", "{acct}:hour"]
    rules = (10, 10, 20, 20 / 3600)

    def check():
        return redis.run("deep-dives/several-limits", keys, 1, *rules)

    passed = 0
    for _ in range(4):
        passed += sum(check()[0] for _ in range(10))
        redis.now += 1
    assert passed == 20
    allowed, wait = check()
    assert allowed == 0 and float(wait) > 170  # the hour decides
    assert float(redis.data[keys[0]]["tokens"]) == 10
    assert set(redis.expires) == set(keys)


def test_one_bucket_after_the_other_would_charge_for_refused_requests(redis):
    redis.run("redis-token-bucket", ["second"], 10, 10, 1)
    redis.data["hour"] = {"tokens": "0", "ts": str(redis.now)}
    assert redis.run("redis-token-bucket", ["hour"], 20, 0.005, 1)[0] == 0
    assert float(redis.data["second"]["tokens"]) == 9  # what the joint script avoids


class Store:
    """A shared count that can be down and knows how often it was asked."""

    def __init__(self):
        self.asked, self.down = 0, True

    def __call__(self, rule, key):
        self.asked += 1
        if self.down:
            raise TimeoutError
        return True


OPEN = {"name": "api", "per_second": 100, "on_store_failure": "open"}
CLOSED = {"name": "login", "per_second": 5, "on_store_failure": "closed"}


def test_an_outage_is_asked_about_once_a_second_and_admits_no_more_than_the_limit(sample):
    clock, store = [0.0], Store()
    guarded = sample(f"{LIMITER}/deep-dives/store-failure")["Guarded"]
    gateways = [guarded(store, 20, now=lambda: clock[0]) for _ in range(20)]
    admitted = 0
    for millisecond in range(10_000):
        clock[0] = millisecond / 1000
        admitted += sum(gateway.allow(OPEN, "ada") for gateway in gateways)
    assert 1_000 <= admitted <= 1_100  # 100 a second for ten seconds, and one full local share each
    assert store.asked <= 20 * (5 + 10)
    assert not any(gateway.allow(CLOSED, "ada") for gateway in gateways)


def test_the_store_is_used_again_after_the_outage(sample):
    clock, store = [0.0], Store()
    gateway = sample(f"{LIMITER}/deep-dives/store-failure")["Guarded"](store, 20, now=lambda: clock[0])
    for _ in range(5):
        assert not gateway.allow(CLOSED, "ada")
    store.down = False
    assert not gateway.allow(CLOSED, "ada")
    clock[0] = 1.0
    assert gateway.allow(CLOSED, "ada")


@pytest.mark.parametrize("lost", list(itertools.product([True, False], repeat=3)))
def test_quotas_never_exceed_the_limit_when_pushes_are_lost(sample, lost):
    """Each push may be applied although its confirmation is lost, or be lost altogether."""
    rebalance = sample(f"{LIMITER}/deep-dives/regions")["rebalance"]
    for applied in itertools.product([True, False], repeat=3):
        real = Counter(us=500, eu=300, asia=200)
        fate = dict(zip(real, zip(lost, applied, strict=True), strict=True))

        def push(region, quota, real=real, fate=fate):
            unconfirmed, arrived = fate[region]
            if arrived or not unconfirmed:
                real[region] = quota
            return not unconfirmed

        held = rebalance(dict(real), {"us": 200, "eu": 600, "asia": 200}, push)
        assert sum(real.values()) <= 1_000 and sum(held.values()) <= 1_000
        assert all(real[region] <= held[region] for region in real)
