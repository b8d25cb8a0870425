"""The scheduler samples under two planners, outages, crashes at every step, zombies and changing clocks."""

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, time, timedelta
from threading import Barrier
from zoneinfo import ZoneInfo

import pytest

SCHEDULER = "more/scheduler/deep-dives"
TABLES = """
    CREATE TABLE schedules (id INTEGER PRIMARY KEY, next_due, on_missed);
    CREATE TABLE runs (id INTEGER PRIMARY KEY, schedule, due, UNIQUE (schedule, due));
"""


def minutely(_schedule, due):
    return due + 60


def test_four_planners_at_once_plan_each_run_once_and_none_is_missed(sample, tmp_path):
    plan = sample(f"{SCHEDULER}/planner")["plan"]

    def connect():
        return sqlite3.connect(tmp_path / "plan.db", isolation_level=None, timeout=30)

    connect().executescript(TABLES)
    connect().executemany("INSERT INTO schedules VALUES (?, 60, 'all')", [(n,) for n in range(20)])
    start = Barrier(4)

    def planner(_):
        db = connect()
        start.wait()
        for now in range(60, 660, 60):
            plan(db, now, minutely)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(planner, range(4)))
    runs = connect().execute("SELECT schedule, due FROM runs ORDER BY schedule, due").fetchall()
    assert runs == [(n, due) for n in range(20) for due in range(60, 660, 60)]


@pytest.mark.parametrize("crash", ["INSERT INTO runs", "UPDATE schedules"])
def test_a_planner_that_dies_half_way_loses_nothing(sample, crash):
    plan = sample(f"{SCHEDULER}/planner")["plan"]
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(TABLES + "INSERT INTO schedules VALUES (1, 60, 'all')")

    class Dying:
        """The real database, until the fatal statement."""

        def __enter__(self):
            return db.__enter__()

        def __exit__(self, *error):
            return db.__exit__(*error)

        def execute(self, statement, *values):
            if statement.startswith(crash):
                raise ConnectionError
            return db.execute(statement, *values)

    with pytest.raises(ConnectionError):
        plan(Dying(), 60, minutely)
    assert db.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert plan(db, 60, minutely) == [(1, 60)]


def test_what_a_long_outage_leaves_behind_is_the_owners_choice_and_limited(sample):
    plan = sample(f"{SCHEDULER}/planner")["plan"]
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(
        TABLES + "INSERT INTO schedules VALUES (1, 60, 'all'), (2, 60, 'latest'), (3, 60, 'skip')"
    )
    plan(db, 60 * 1_000, minutely)
    counts = dict(db.execute("SELECT schedule, count(*) FROM runs GROUP BY schedule"))
    assert counts == {1: 100, 2: 1, 3: 2}  # the last two are at most a minute late
    assert {due for (due,) in db.execute("SELECT next_due FROM schedules")} == {60 * 1_001}


def test_a_job_that_runs_once_is_planned_once_and_a_repeated_insert_changes_nothing(sample):
    plan = sample(f"{SCHEDULER}/planner")["plan"]
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(
        TABLES + "INSERT INTO schedules VALUES (1, 60, 'all'); INSERT INTO runs VALUES (9, 1, 60)"
    )
    plan(db, 90, lambda *_: None)
    assert db.execute("SELECT * FROM runs").fetchall() == [(9, 1, 60)] and plan(db, 9_999, minutely) == []


@pytest.fixture
def leases(sample):
    return sample(f"{SCHEDULER}/leases")


@pytest.mark.parametrize("seed", range(20))
def test_only_one_attempt_counts_however_workers_sleep(leases, seed):
    rng, runs, ends = random.Random(seed), leases["Runs"](most_attempts=50), []
    for n in range(5):
        runs.add(n)
    held = []
    for now in range(0, 3_000, 5):
        runs.reap(now)
        if (got := runs.claim(now)) is not None:
            assert all(one[1] < got[1] for one in held if one[0] == got[0])
            held.append(got)
        for one in rng.sample(held, len(held) // 2):  # the others are asleep
            alive = runs.heartbeat(*one, now)
            newest = runs.rows[one[0]]["attempt"] == one[1] and runs.rows[one[0]]["state"] == "running"
            assert alive == newest
            if rng.random() < 0.3:
                if runs.finish(*one, True, now):
                    ends.append(one[0])
                held.remove(one)
    assert sorted(ends) == [0, 1, 2, 3, 4] and {row["state"] for row in runs.rows.values()} == {"succeeded"}


def test_a_run_that_beats_keeps_its_lease_and_a_silent_one_is_given_away_after_its_backoff(leases):
    runs = leases["Runs"]()
    runs.add("r")
    run, attempt = runs.claim(0)
    for now in range(10, 200, 10):
        assert runs.heartbeat(run, attempt, now)
        runs.reap(now)
    assert runs.claim(219) is None
    runs.reap(220)
    assert runs.claim(229) is None and runs.claim(230) == ("r", 2)


def test_a_run_that_loses_all_its_workers_fails_and_stays_so(leases):
    runs, now = leases["Runs"](most_attempts=3), 0
    runs.add("r")
    for attempt in (1, 2, 3):
        now = runs.rows["r"]["after"]
        assert runs.claim(now) == ("r", attempt)
        runs.reap(now + 30)
    assert runs.rows["r"]["state"] == "failed" and runs.claim(10**6) is None
    assert not runs.finish("r", 3, True, now)


def test_the_resource_refuses_a_zombie_only_once_a_newer_attempt_has_written(leases):
    ledger = leases["Ledger"]()
    ledger.write("r", 1, "a")
    ledger.write("r", 1, "b")
    ledger.write("other", 7, "x")
    ledger.write("r", 2, "c")
    with pytest.raises(PermissionError):
        ledger.write("r", 1, "d")
    assert ledger.entries == ["a", "b", "x", "c"]


class Killed(BaseException):
    """The process is gone: no handler runs."""


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("deaths", range(1, 12))
def test_a_workflow_that_dies_at_any_moment_ends_with_each_effect_once(sample, deaths, fails):
    made = sample(f"{SCHEDULER}/workflows")
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE steps (run, step, state, output, PRIMARY KEY (run, step))")
    effects, moments, follows = {}, [0], {"a": ["b", "sum"], "b": ["sum"]}

    def moment():
        moments[0] += 1
        if moments[0] == deaths:
            raise Killed

    def step(name, value, fatal=False):
        def do(key, *inputs):
            moment()
            if fatal:
                raise made["Failed"](name)
            effects[key] = value + sum(inputs)  # the service knows the key: a repeat changes nothing
            moment()
            return effects[key]

        def undo(key, output):
            moment()
            assert all(effects.get(f"r:{later}") is None for later in follows.get(name, ()))
            effects.pop(key, None)
            moment()

        return do, undo

    workflow = {
        "sum": (("a", "b"), *step("sum", 0)),
        "a": ((), *step("a", 1)),
        "b": (("a",), *step("b", 10)),
        "last": (("sum",), *step("last", 100, fatal=fails)),
    }
    for _ in range(3):
        try:
            outcome = made["execute"](db, "r", workflow)
            break
        except Killed:
            continue
    assert outcome == ("failed" if fails else "succeeded")
    assert effects == ({} if fails else {"r:a": 1, "r:b": 11, "r:sum": 12, "r:last": 112})
    before = moments[0]
    assert made["execute"](db, "r", workflow) == outcome and moments[0] == before


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]
)
@pytest.mark.parametrize("at", [time(0, 0), time(2, 0), time(2, 15), time(2, 30), time(3, 0), time(12, 0)])
def test_a_daily_job_runs_once_on_every_day_of_the_year(sample, zone, at):
    next_daily = sample(f"{SCHEDULER}/time-zones")["next_daily"]
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    days = []
    while len(days) < 365:
        now = next_daily(now, at, zone)
        local = now.astimezone(ZoneInfo(zone))
        days.append(local.date())
        if local.time() != at:  # only right after a gap, whose end is the first valid moment
            before = (now - timedelta(seconds=1)).astimezone(ZoneInfo(zone))
            assert before.utcoffset() < local.utcoffset() and before.time() < at < local.time()
        else:
            assert local.fold == 0
    assert days == [days[0] + timedelta(n) for n in range(365)]
