"""Chapter 18: late requests, outages without end, cancelled callers, standing queues, floods and blips."""

import asyncio
import random
import threading

import pytest

DEADLINE = "overload/deadlines/propagation"
BUDGET = "overload/retries/budget"
HEDGING = "overload/retries/hedging"
QUEUE = "overload/queues/lifo-codel"
SHEDDING = "overload/shedding/priority"
LIMIT = "overload/concurrency-limits"
METASTABLE = "overload/metastable"
BURN = "overload/slo/burn-rate"


class Clock:
    def __init__(self):
        self.time = 1_000.0

    def __call__(self):
        return self.time


# Deadlines


def test_a_deadline_shrinks_at_every_hop_and_stops_the_chain(sample):
    names, clock, header, hops = sample(DEADLINE), Clock(), "800", 0
    with pytest.raises(names["Expired"]):
        while True:
            deadline = names["Deadline"].from_header(header, now=clock)
            clock.time += 0.1  # each hop works 100 ms
            smaller = deadline.header()
            assert int(smaller) < int(header)
            header, hops = smaller, hops + 1
    assert hops == 6  # 800 ms hold six hops of 120 ms, and the seventh never calls on


def test_a_callers_deadline_of_an_hour_is_cut_to_the_services_own(sample):
    names, clock = sample(DEADLINE), Clock()
    assert names["Deadline"].from_header("3600000", longest=3.0, now=clock).left() == pytest.approx(3.0)


def test_the_query_is_not_begun_when_less_than_its_usual_time_is_left(sample):
    names, clock, begun = sample(DEADLINE), Clock(), []

    def wait():
        clock.time += 0.06

    with pytest.raises(names["Expired"]):
        names["handle"]("100", wait, begun.append, now=clock)  # 40 ms left, 50 needed
    assert begun == []


# Retry budget


def outage(names, budget, calls, error):
    sent = []

    def send():
        sent.append(1)
        raise error

    for _ in range(calls):
        with pytest.raises(type(error)):
            names["call"](send, budget)
    return len(sent)


def test_retries_of_an_outage_stay_within_the_share(sample):
    names = sample(BUDGET)
    assert outage(names, names["RetryBudget"](), 10_000, names["Transient"]()) <= 11_000 + 10


def test_a_rare_failure_is_still_retried_up_to_three_times(sample):
    names = sample(BUDGET)
    assert outage(names, names["RetryBudget"](), 1, names["Transient"]()) == 3


def test_an_error_that_is_not_transient_is_never_repeated(sample):
    names = sample(BUDGET)
    assert outage(names, names["RetryBudget"](), 5, ValueError("422")) == 5


def test_a_quiet_night_saves_up_no_storm(sample):
    names = sample(BUDGET)
    budget = names["RetryBudget"]()
    for _ in range(1_000_000):
        budget.request()
    assert outage(names, budget, 100, names["Transient"]()) <= 100 + 10 + 10


def test_threads_share_one_budget(sample):
    names = sample(BUDGET)
    budget, granted = names["RetryBudget"](share=0.0, reserve=50.0), []

    def ask():
        for _ in range(100):
            if budget.may_retry():
                granted.append(1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 50


# Hedging


class Replica:
    def __init__(self, seconds, answer=None, error=None):
        self.seconds, self.answer, self.error = seconds, answer, error
        self.asked = self.cancelled = 0

    async def __call__(self):
        self.asked += 1
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return self.answer


def test_a_failed_first_copy_asks_the_second_at_once(sample):
    first, second = Replica(0, error=ConnectionError()), Replica(0, "ok")
    assert asyncio.run(sample(HEDGING)["hedged"]([first, second], delay=60)) == "ok"


def test_a_failed_hedge_does_not_beat_a_slow_success(sample):
    first, second = Replica(0.05, "ok"), Replica(0, error=ConnectionError())
    assert asyncio.run(sample(HEDGING)["hedged"]([first, second], delay=0.01)) == "ok"


def test_all_copies_failed_is_an_error_and_not_none(sample):
    copies = [Replica(0, error=ConnectionError("a")), Replica(0, error=ConnectionError("b"))]
    with pytest.raises(ConnectionError):
        asyncio.run(sample(HEDGING)["hedged"](copies, delay=60))


@pytest.mark.parametrize("error", [None, ConnectionError()])
def test_without_budget_no_second_copy_leaves(sample, error):
    first, second = Replica(0.03, "ok", error), Replica(0, "hedge")
    run = sample(HEDGING)["hedged"]([first, second], delay=0.001, may_hedge=lambda: False)
    if error:
        with pytest.raises(ConnectionError):
            asyncio.run(run)
    else:
        assert asyncio.run(run) == "ok"
    assert second.asked == 0


def test_a_cancelled_caller_cancels_both_copies(sample):
    first, second, hedged = Replica(5), Replica(5), sample(HEDGING)["hedged"]

    async def leave():
        task = asyncio.ensure_future(hedged([first, second], delay=0.001))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert (first.cancelled, second.cancelled) == (1, 1)


# Queue


def test_a_short_burst_is_served_in_order_and_whole(sample):
    clock = Clock()
    queue = sample(QUEUE)["CoDelQueue"](clock)
    for number in range(50):
        assert queue.put(number)
    served = []
    while (item := queue.take()) is not None:
        clock.time += 0.001
        served.append(item)
    assert served == list(range(50)) and queue.dropped == []


def test_a_standing_queue_serves_the_newest_and_names_what_it_drops(sample):
    clock = Clock()
    queue, number, served = sample(QUEUE)["CoDelQueue"](clock), 0, []
    for step in range(1_000):
        clock.time += 0.001
        queue.put(number := number + 1)
        queue.put(number := number + 1)
        if step % 2 and (item := queue.take()) is not None:
            served.append(item)
    assert served[-1] > number - 5
    left = len(queue.items)
    assert len(served) + len(queue.dropped) + left == number  # each is answered, refused or still waits
    assert left < 50


def test_a_full_queue_refuses_instead_of_growing(sample):
    queue = sample(QUEUE)["CoDelQueue"](Clock(), most=10)
    assert [queue.put(n) for n in range(12)] == [True] * 10 + [False] * 2


def test_the_queue_returns_to_first_come_when_the_overload_ends(sample):
    clock = Clock()
    queue = sample(QUEUE)["CoDelQueue"](clock)
    queue.put("old")
    clock.time += 5
    assert queue.take() is None and queue.dropped == ["old"]
    queue.put("a")
    queue.put("b")
    assert [queue.take(), queue.take()] == ["a", "b"]


# Shedding


def test_a_flood_of_background_work_leaves_room_for_checkout(sample):
    shedder = sample(SHEDDING)["Shedder"](slots=10)
    release, started, codes = threading.Event(), threading.Semaphore(0), []

    def hold():
        started.release()
        release.wait(5)

    threads = [
        threading.Thread(target=lambda: codes.append(shedder.run("background", hold)[0])) for _ in range(100)
    ]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert started.acquire(timeout=5)
    assert shedder.run("critical", lambda: "paid") == (200, "paid")
    release.set()
    for thread in threads:
        thread.join(5)
    assert codes.count(200) >= 5 and shedder.busy == 0


def test_a_failing_request_gives_its_slot_back(sample):
    shedder = sample(SHEDDING)["Shedder"](slots=1)

    def crash():
        raise RuntimeError

    for _ in range(10):
        with pytest.raises(RuntimeError):
            shedder.run("critical", crash)
    assert shedder.run("critical", lambda: 1) == (200, 1)


def test_a_misspelt_class_does_not_outrank_checkout(sample):
    shedder = sample(SHEDDING)["Shedder"](slots=2)
    inner = []
    shedder.run("critical", lambda: inner.append(shedder.run("Critcal", lambda: 1)[0]))
    assert inner == [503]


# Adaptive limit


def timeout():
    raise TimeoutError


def test_twenty_timeouts_of_one_moment_cut_the_limit_once(sample):
    limit = sample(LIMIT)["AdaptiveLimit"](start=20)
    barrier = threading.Barrier(20)

    def slow():
        barrier.wait(5)
        raise TimeoutError

    def call():
        with pytest.raises(TimeoutError):
            limit.call(slow)

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert limit.limit == pytest.approx(18) and limit.busy == 0


def test_the_callers_mistakes_do_not_shrink_the_limit(sample):
    limit = sample(LIMIT)["AdaptiveLimit"](start=20)

    def wrong():
        raise ValueError("422")

    for _ in range(100):
        with pytest.raises(ValueError):
            limit.call(wrong)
    assert limit.limit == 20 and limit.busy == 0


def test_calls_beyond_the_limit_are_refused_unstarted(sample):
    names, done = sample(LIMIT), []
    limit = names["AdaptiveLimit"](start=1)

    def outer():
        with pytest.raises(names["Overloaded"]):
            limit.call(lambda: done.append(1))

    limit.call(outer)
    assert done == []


def test_after_an_outage_the_limit_finds_its_way_back(sample):
    names = sample(LIMIT)
    limit = names["AdaptiveLimit"](start=20)
    for _ in range(100):
        with pytest.raises(TimeoutError):
            limit.call(timeout)

    def nest(depth):
        try:
            limit.call(lambda: nest(depth + 1))
        except names["Overloaded"]:
            pass

    for _ in range(200):  # callers that use whatever is allowed
        nest(0)
    assert limit.limit > 10


# Metastable failure


def test_the_storm_outlasts_its_trigger_and_only_the_storm(sample):
    simulate = sample(METASTABLE)["simulate"]
    assert sum(simulate(tries=3, budget_share=1.0, seconds=600)[60:]) == 0
    assert min(simulate(tries=3, budget_share=0.1, seconds=600)[80:]) >= 800


def test_a_load_with_slack_for_all_its_retries_recovers(sample):
    goodput = sample(METASTABLE)["simulate"](tries=3, budget_share=1.0, load=300, seconds=200)
    assert min(goodput[100:]) >= 300


# Burn rate


def minutes(share, count):
    return [(round(10_000 * (1 - share)), round(10_000 * share))] * count


def test_an_outage_of_everything_pages_within_a_minute_and_a_slow_leak_within_a_day(sample):
    alerts, calm = sample(BURN)["alerts"], minutes(0.0, 4_320)
    assert alerts(calm + minutes(1.0, 1)) == "page"
    leak = next(n for n in range(1, 2_000) if alerts(calm + minutes(0.007, n)) == "page")
    assert 300 < leak <= 360  # burn rate 7 is caught by the six-hour rule


def test_a_page_ends_soon_after_the_failure(sample):
    alerts, history = sample(BURN)["alerts"], minutes(0.0, 4_320) + minutes(0.5, 10)
    assert alerts(history) == "page"
    assert alerts(history + minutes(0.0, 31)) != "page"


def test_burning_exactly_at_budget_never_pages(sample):
    assert sample(BURN)["alerts"](minutes(0.001, 5_000)) in (None, "ticket")


def test_a_simulated_month_of_noise_pages_nobody(sample):
    alerts, rng = sample(BURN)["alerts"], random.Random(8)
    noise = [(1_000 - bad, bad) for bad in (rng.choice([0, 0, 0, 1, 1]) for _ in range(10_000))]
    assert all(alerts(noise[:end]) != "page" for end in range(500, 10_000, 97))
