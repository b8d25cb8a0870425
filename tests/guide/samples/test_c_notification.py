"""The notification worker under two workers, crashes, outages, poison and lost leases."""

import re
import sqlite3
from collections import Counter
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

DESIGN = "designs/notification-system"


class Provider:
    """Accepts mail, knows idempotency keys, and can be down, slow or deadly."""

    def __init__(self):
        self.fault, self.calls, self.delivered = None, 0, Counter()

    def __call__(self, recipient, key):
        self.calls += 1
        if self.fault == "down":
            raise TimeoutError
        if self.fault == "dies before":
            raise KeyboardInterrupt  # the process is killed: nothing runs afterwards
        self.delivered[key] = 1  # a repeated key is recognized
        if self.fault == "dies after":
            raise KeyboardInterrupt


@pytest.fixture
def system(sample, sql):
    made = sample(f"{DESIGN}/worker")
    allowed = re.search(r"status IN\s*\((.*?)\)\)", sql(f"{DESIGN}/schema"), re.S)[1]

    class System:
        provider, is_open, unwanted, quiet = Provider(), False, False, 0
        Permanent = made["Permanent"]
        db = sqlite3.connect(":memory:")

        def work(self, now, provider=None):
            return made["work"](
                self.db,
                1,
                provider or self.provider,
                lambda _: not self.unwanted,
                lambda _, at: max(at, self.quiet),
                lambda: self.is_open,
                now,
                rng=lambda: 0.0,
            )

        def row(self):
            return self.db.execute("SELECT status, attempts, next_attempt_at FROM notifications").fetchone()

    system = System()
    system.db.execute(
        "CREATE TABLE notifications (id, recipient, category DEFAULT 'transactional', dedupe_key DEFAULT 'k',"
        f" status TEXT DEFAULT 'queued' CHECK (status IN ({allowed})), attempts DEFAULT 0,"
        " next_attempt_at DEFAULT 0, lease_until, expires_at)"
    )
    system.db.execute("INSERT INTO notifications (id, recipient) VALUES (1, 'a@example.com')")
    return system


def test_a_second_worker_is_refused_while_the_first_sends(system):
    seen = []

    def slow(recipient, key):
        seen.append(system.work(now=10))
        seen.append(system.work(now=29))
        system.provider(recipient, key)

    assert system.work(now=0, provider=slow) == "sent"
    assert seen == ["not mine", "not mine"] and system.provider.calls == 1
    assert system.work(now=100) == "not mine"


def test_after_a_crash_the_lease_expires_and_the_message_goes_out_once(system):
    system.provider.fault = "dies after"
    with pytest.raises(KeyboardInterrupt):
        system.work(now=0)
    system.provider.fault = None
    assert system.work(now=29) == "not mine"
    assert system.work(now=30) == "sent"
    assert system.provider.calls == 2 and system.provider.delivered == {"k": 1}


def test_a_worker_that_lost_its_lease_changes_nothing(system):
    def slow(recipient, key):
        assert system.work(now=31) == "sent"
        raise TimeoutError

    assert system.work(now=0, provider=slow) == "lease lost"
    assert system.row()[0] == "sent"


def test_a_late_failure_does_not_take_the_lease_from_the_next_worker(system):
    def slow(recipient, key):
        system.provider.fault = "dies before"  # the second worker is still sending, or dead
        with pytest.raises(KeyboardInterrupt):
            system.work(now=31)
        raise TimeoutError

    assert system.work(now=0, provider=slow) == "lease lost"
    assert system.row()[:2] == ("sending", 2)
    assert system.work(now=40) == "not mine"


def test_three_retries_wait_60_120_and_240_seconds_and_then_it_is_dead(system):
    system.provider.fault = "down"
    now, waits = 0, []
    while len(waits) < 10 and system.work(now) == "queued":
        due = system.row()[2]
        assert system.work(due - 1) == "not mine"
        waits.append(due - now)
        now = due
    assert waits == [60, 120, 240] and system.row()[:2] == ("dead-letter", 4)
    assert system.provider.calls == 4


def test_a_login_code_retries_within_seconds_and_is_dropped_when_it_has_expired(system):
    system.db.execute("UPDATE notifications SET category = 'security', expires_at = 300")
    system.provider.fault = "down"
    assert system.work(now=0) == "queued" and system.row()[2] == 1
    system.provider.fault = None
    assert system.work(now=301) == "expired" and system.provider.calls == 1


def test_an_hour_of_outage_uses_up_no_attempt(system):
    system.is_open = True
    assert {system.work(now) for now in range(0, 3600, 10)} == {"paused"}
    system.is_open = False
    assert system.work(now=3600) == "sent" and system.row()[1] == 1


def test_a_message_that_kills_its_workers_ends_as_dead_letter(system):
    system.provider.fault = "dies before"
    for crash in range(4):
        with pytest.raises(KeyboardInterrupt):
            system.work(now=crash * 30)
    assert system.work(now=120) == "dead-letter" and system.provider.calls == 4


@pytest.mark.parametrize("error", [KeyError("name"), ValueError("template")])
def test_an_error_that_nobody_foresaw_is_counted_and_never_endless(system, error):
    def broken(recipient, key):
        raise error

    now = 0
    for _ in range(10):
        if system.work(now, broken) != "queued":
            break
        now = system.row()[2]
    assert system.row()[0] == "dead-letter"


def test_a_bad_address_is_not_retried(system):
    def refuses(recipient, key):
        raise system.Permanent

    assert system.work(0, refuses) == "failed"


def test_an_opt_out_acts_at_the_send_and_quiet_hours_only_wait(system):
    system.quiet = 500
    assert system.work(now=0) == "postponed" and system.row() == ("queued", 0, 500)
    assert system.work(now=499) == "postponed"
    system.unwanted = True
    assert system.work(now=500) == "suppressed" and system.provider.calls == 0


def test_the_dedupe_key_lets_two_channels_and_two_phones_through_and_no_repeat(sql):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE notifications (event_day, id, event_id, user_id, category, channel, recipient, template,"
               " template_version, data, dedupe_key, UNIQUE (event_day, dedupe_key))")  # fmt: skip
    assert "UNIQUE (event_day, dedupe_key)" in sql(f"{DESIGN}/schema")
    insert = sql(f"{DESIGN}/duplicates")
    for statement in (
        insert,
        insert,
        insert.replace("device-7", "device-8"),
        insert.replace("push", "email").replace("device-7", "ada@example.com"),
    ):
        db.execute(statement)
    assert db.execute("SELECT count(*) FROM notifications").fetchone() == (3,)


@pytest.mark.parametrize(
    ("zone", "now", "due"),
    [
        ("Europe/Berlin", "2026-03-28T22:30", "2026-03-29T06:00"),  # summer time begins that night
        ("Europe/Berlin", "2026-10-24T22:30", "2026-10-25T07:00"),  # and ends
        ("Europe/Berlin", "2026-03-28T05:00", "2026-03-28T07:00"),  # after midnight: the same day
        ("America/Los_Angeles", "2026-01-10T15:00", "2026-01-10T16:00"),
        ("Asia/Kolkata", "2026-01-10T12:00", "2026-01-10T12:00"),
    ],
)
def test_quiet_hours_end_at_eight_local_time(sample, zone, now, due):
    allowed = sample(f"{DESIGN}/preferences")["next_allowed"]
    now, due = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (now, due))
    assert allowed(now, zone) == due
    assert due == now or due.astimezone(ZoneInfo(zone)).time() == time(8)
