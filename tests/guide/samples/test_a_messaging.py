"""The samples of chapter 7 survive the failures their prose is about: poison, crashes, lost answers, repeats."""

import re
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import rules

CHAPTER = rules.read_pages([Path(__file__).parents[3] / "corpus" / "guide" / "07-message-queues.md"])
HANDLER = next(
    block.body
    for page in CHAPTER
    for block in page.blocks
    if page.section_id == "messaging/idempotency/key" and block.info == "python runnable"
)


class CountingBroker:
    """Counts deliveries per message as SQS does: a copy that is published is a new message and starts at 1.

    `dies` names steps at which the worker's process ends, each once.
    """

    def __init__(self, *dies):
        self.now, self.serial, self.queue, self.dead, self.seen, self.dies = 0, 0, {}, [], [], list(dies)

    def publish(self, body, visible_at=0):
        self.serial += 1
        self.queue[self.serial] = {"id": self.serial, "body": body, "count": 0, "at": visible_at}

    def receive(self):
        held = min(self.queue.values(), key=lambda m: (m["at"], m["id"]))
        self.now = max(self.now, held["at"])
        held["count"] += 1
        held["at"] = self.now + 30
        self.seen.append((self.now, held["count"]))
        return {"id": held["id"], "body": held["body"], "attempt": held["count"]}

    def step(self, name):
        if name in self.dies:
            self.dies.remove(name)
            raise Killed

    def ack(self, delivery):
        self.step("ack")
        del self.queue[delivery["id"]]

    def retry_later(self, delivery, delay):
        self.queue[delivery["id"]]["at"] = self.now + delay

    def dead_letter(self, delivery, reason):
        self.dead.append((delivery["body"], reason))
        self.step("between copy and delete")
        del self.queue[delivery["id"]]


class Killed(BaseException):
    """The process is gone: no exception handler runs for it."""


def drain(broker, consume, handle, limit=50):
    while broker.queue and len(broker.seen) < limit:
        with suppress(Killed):
            consume(broker, broker.receive(), handle)


@pytest.fixture
def consuming(sample):
    return sample("messaging/failures/dlq")


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionError(), KeyError("amount"), ValueError("{")])
def test_what_fails_each_time_is_dead_lettered_at_the_last_attempt(consuming, error):
    def handle(body):
        raise error

    broker = CountingBroker()
    broker.publish("m")
    drain(broker, consuming["consume"], handle)
    assert broker.seen == [(0, 1), (60, 2), (180, 3)]
    assert broker.dead == [("m", repr(error))] and not broker.queue


def test_a_permanent_error_is_dead_lettered_at_once(consuming):
    def handle(body):
        raise consuming["Permanent"]("no such account")

    broker = CountingBroker()
    broker.publish("m")
    drain(broker, consuming["consume"], handle)
    assert len(broker.seen) == len(broker.dead) == 1


def test_a_message_that_kills_the_worker_is_dead_lettered_too(consuming):
    def handle(body):
        raise Killed

    broker = CountingBroker()
    broker.publish("bomb")
    drain(broker, consuming["consume"], handle)
    assert [body for body, _ in broker.dead] == ["bomb"] and len(broker.seen) == 4


def test_a_crash_between_copy_and_delete_repeats_the_dead_letter_and_loses_nothing(consuming):
    def handle(body):
        raise consuming["Permanent"]

    broker = CountingBroker("between copy and delete")
    broker.publish("m")
    drain(broker, consuming["consume"], handle)
    assert [body for body, _ in broker.dead] == ["m", "m"] and not broker.queue


def test_a_crash_before_the_ack_repeats_the_message(consuming):
    done, broker = [], CountingBroker("ack")
    broker.publish("m")
    drain(broker, consuming["consume"], done.append)
    assert done == ["m", "m"] and not broker.queue and not broker.dead


def test_a_published_copy_starts_at_one_so_republishing_never_ends():
    """What the guide warns of; shows that the brokers above count as the real ones do."""

    def republish(broker, delivery, handle):
        try:
            handle(delivery["body"])
        except TimeoutError:
            if delivery["attempt"] >= 3:
                broker.dead_letter(delivery, "limit")
                return
            broker.publish(delivery["body"], broker.now + 60)
        broker.ack(delivery)

    def handle(body):
        raise TimeoutError

    broker = CountingBroker()
    broker.publish("m")
    drain(broker, republish, handle)
    assert len(broker.seen) == 50 and not broker.dead and broker.queue


class Provider:
    """Moves the money once per key, and fails before or after that as told, one entry a call."""

    def __init__(self, declined, *plan):
        self.declined, self.plan, self.booked, self.calls = declined, list(plan), {}, []

    def __call__(self, key, cents):
        self.calls.append(key)
        what = self.plan.pop(0) if self.plan else "ok"
        if what == "declined":
            raise self.declined("card declined")
        if what == "lost request":
            raise ConnectionError
        self.booked.setdefault(key, f"receipt {cents}")
        if what == "lost answer":
            raise TimeoutError
        if what == "crash":
            raise Killed
        return self.booked[key]


@pytest.fixture
def shop(sample):
    """`shop(*plan)` gives (payments, provider, clock) over an empty database with the guide's own tables."""
    found = sample("messaging/idempotency/key")

    def build(*plan):
        db = sqlite3.connect(":memory:", check_same_thread=False)
        db.executescript(re.search(r'executescript\("""(.*?)"""', HANDLER, re.S)[1])
        clock = [1000.0]
        provider = Provider(found["Declined"], *plan)
        return found["Payments"](db, provider, now=lambda: clock[0]), provider, clock

    return build


def payments_of(shop):
    return shop.db.execute("SELECT count(*), coalesce(sum(cents), 0) FROM payments").fetchone()


@pytest.mark.parametrize("fault", ["lost answer", "lost request"])
def test_an_unknown_outcome_does_not_wedge_the_key(shop, fault):
    payments, provider, _ = shop(fault)
    with pytest.raises((TimeoutError, ConnectionError)):
        payments.pay("k", 500)
    assert payments.pay("k", 500) == payments.pay("k", 500) == (200, "receipt 500")
    assert provider.booked == {"k": "receipt 500"} and len(provider.calls) == 2
    assert payments_of(payments) == (1, 500)


def test_a_crash_is_taken_over_when_the_lease_has_lapsed_and_not_before(shop):
    payments, provider, clock = shop("crash")
    with pytest.raises(Killed):
        payments.pay("k", 500)
    assert payments.pay("k", 500)[0] == 409 and len(provider.calls) == 1
    clock[0] += 61
    assert payments.pay("k", 500) == (200, "receipt 500")
    assert len(provider.booked) == 1 and payments_of(payments) == (1, 500)


def test_a_decline_is_final_and_answered_alike(shop):
    payments, provider, _ = shop("declined")
    assert payments.pay("k", 500) == payments.pay("k", 500) == (402, "card declined")
    assert len(provider.calls) == 1 and payments_of(payments) == (0, 0)


def test_a_holder_that_outlives_its_lease_books_nothing_twice(shop):
    payments, provider, clock = shop()
    inner = provider.__call__

    def slow(key, cents):
        payments.charge = inner
        clock[0] += 61  # paused; meanwhile a second attempt takes over and finishes
        assert payments.pay(key, cents) == (200, "receipt 500")
        return inner(key, cents)

    payments.charge = slow
    assert payments.pay("k", 500) == (200, "receipt 500")
    assert payments_of(payments) == (1, 500) and len(provider.booked) == 1


def test_the_result_and_the_payment_row_are_stored_together_or_not_at_all(shop):
    payments, _provider, clock = shop()
    payments.db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON payments BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    )
    with pytest.raises(sqlite3.DatabaseError):
        payments.pay("k", 500)
    assert payments.db.execute("SELECT state FROM idempotency_keys").fetchone() == ("in_progress",)
    payments.db.execute("DROP TRIGGER full")
    clock[0] += 61
    assert payments.pay("k", 500) == (200, "receipt 500") and payments_of(payments) == (1, 500)


def test_concurrent_requests_charge_once(shop):
    payments, provider, _ = shop()
    inner, gate, answers = provider.__call__, threading.Barrier(2), []

    def slow(key, cents):
        gate.wait(5)
        return inner(key, cents)

    payments.charge = slow
    first = threading.Thread(target=lambda: answers.append(payments.pay("k", 500)))
    first.start()
    while not payments.db.execute("SELECT 1 FROM idempotency_keys").fetchone():
        pass
    assert payments.pay("k", 500)[0] == 409
    gate.wait(5)
    first.join()
    assert answers == [(200, "receipt 500")] and len(provider.calls) == 1


def test_the_printed_table_is_the_one_that_the_handler_uses(sql):
    columns = [re.findall(r"^ *(\w+) +(?:text|bigint|timestamptz)\b", sql("messaging/idempotency/key"), re.M)]
    in_code = re.findall(r"(\w+) (?:text|bigint|timestamptz)\b", HANDLER[HANDLER.index("executescript") :])
    assert columns == [in_code]


def statements(text):
    return [part for part in re.sub(r"--.*", "", text).split(";") if part.strip()]


def test_a_repeat_harms_the_increment_only(sql):
    *_, increment, absolute, movement = statements(sql("messaging/idempotency/natural"))

    def after_three_deliveries(statement):
        db = sqlite3.connect(":memory:")
        for made in statements(sql("messaging/idempotency/natural"))[:3]:
            db.execute(made)
        for _ in range(3):
            db.execute(statement)
        return db.execute(
            "SELECT shares, (SELECT coalesce(sum(shares), 0) FROM movements) FROM holdings"
        ).fetchone()

    assert after_three_deliveries(increment) == (80, 0)
    assert after_three_deliveries(absolute) == (100, 0)
    assert after_three_deliveries(movement) == (110, -10)


def test_the_absolute_value_does_not_overwrite_a_concurrent_writer(sql):
    db = sqlite3.connect(":memory:")
    *made, _, absolute, _ = statements(sql("messaging/idempotency/natural"))
    for statement in made[:3]:
        db.execute(statement)
    db.execute("UPDATE holdings SET shares = 60, version = 8")  # another sale in between
    assert db.execute(absolute).rowcount == 0
    assert db.execute("SELECT shares FROM holdings").fetchone() == (60,)


def test_immediate_retry_ends_with_the_last_error_and_leaves_others_alone(sample):
    found = sample("messaging/failures/immediate-retry")
    retry, glitch = found["retry_at_once"], found["Glitch"]
    outcomes = iter([glitch("1"), glitch("2"), "done"])

    def call():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert retry(call) == "done"
    calls = []

    def fails(error):
        def run():
            calls.append(error)
            raise error(len(calls))

        return run

    with pytest.raises(glitch, match="3"):
        retry(fails(glitch))
    calls.clear()
    with pytest.raises(TimeoutError):
        retry(fails(TimeoutError))
    assert len(calls) == 1  # an unknown outcome is not repeated blindly


def test_the_inbox_takes_a_message_once(sql):
    db = sqlite3.connect(":memory:", isolation_level=None)
    text = sql("messaging/delivery-guarantees/exactly-once")
    db.executescript(text)
    with pytest.raises(sqlite3.IntegrityError):
        db.executescript(text[text.index("BEGIN;") :])
    db.execute("ROLLBACK")
    assert db.execute("SELECT cents FROM balances").fetchone() == (500,)
