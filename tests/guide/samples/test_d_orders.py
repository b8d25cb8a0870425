"""The order execution samples in the failures their prose is about: silence, races, repeats, crashes."""

import re
import sqlite3
from itertools import product

import pytest

AT = "domain/order-execution"
FINAL = {"FILLED", "CANCELLED", "EXPIRED", "REJECTED", "FAILED"}


def test_every_open_state_is_in_the_index_and_every_state_in_the_check(sample, sql):
    moves = sample(f"{AT}/states")["MOVES"]
    text = sql(f"{AT}/schema")
    lists = [set(re.findall(r"'([A-Z_]+)'", part)) for part in re.findall(r"status IN\s*\(([^)]*)\)", text)]
    assert set(moves) | FINAL in lists and set(moves) in lists
    assert set().union(*moves.values()) <= set(moves) | FINAL
    assert not set(moves) & FINAL


def test_no_event_moves_an_order_backward_or_out_of_an_end_state(sample):
    names = sample(f"{AT}/states")
    move, moves = names["move"], names["MOVES"]
    for final, to in product(FINAL, set(moves) | FINAL):
        assert move(final, to) == final
        assert names["cancel_refused"](final, 4) == final
    for state in ("SUBMITTING", "SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "CANCEL_PENDING"):
        assert move(state, "FILLED") == "FILLED"  # the last fill is never refused
    assert move("PARTIALLY_FILLED", "CANCEL_PENDING") == "CANCEL_PENDING"  # the commonest cancel
    assert move("PARTIALLY_FILLED", "ACCEPTED") == "PARTIALLY_FILLED"
    assert move("SUBMITTING", "CANCEL_PENDING") == "SUBMITTING"  # only noted until the outcome is known
    assert names["cancel_refused"]("CANCEL_PENDING", 0) == "ACCEPTED"
    seen, paths = {"QUEUED"}, ["QUEUED"]
    while paths:
        for to in moves.get(paths.pop(), ()):
            if to not in seen:
                seen.add(to)
                paths.append(to)
    assert seen == set(moves) | FINAL  # each state can be reached


def test_the_schema_refuses_a_repeated_key_and_a_limit_order_without_limit(sql):
    db = sqlite3.connect(":memory:")
    db.executescript(sql(f"{AT}/schema"))
    db.execute("INSERT INTO users (id, email) VALUES (1, 'a@example.com')")
    db.execute("INSERT INTO accounts (id, user_id, cash) VALUES (1, 1, 100)")
    insert = (
        "INSERT INTO orders (id, account_id, idempotency_key, request_hash, instrument_id, client_order_id, side,"
        " order_type, quantity, limit_price, status) VALUES (?, 1, ?, 'h', 5, ?, 'BUY', ?, 10, ?, ?)"
    )
    db.execute(insert, (1, "k1", "c1", "LIMIT", 10, "QUEUED"))
    for row in [
        (2, "k1", "c2", "LIMIT", 10, "PENDING"),
        (2, "k2", "c1", "LIMIT", 10, "PENDING"),
        (2, "k2", "c2", "LIMIT", None, "PENDING"),
        (2, "k2", "c2", "MARKET", 10, "PENDING"),
        (2, "k2", "c2", "LIMIT", 10, "SENT"),
    ]:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(insert, row)
    fill = "INSERT INTO fills VALUES (?, ?, 'f-1', 1, 5, 10, '2026-03-02', '2026-03-03', NULL)"
    db.execute(fill, ("B1", "2026-03-02"))
    db.execute(fill, ("B2", "2026-03-02"))  # fill ids are unique for one broker and day only
    db.execute(fill, ("B1", "2026-03-03"))
    with pytest.raises(sqlite3.IntegrityError):
        db.execute(fill, ("B1", "2026-03-02"))


class Broker:
    """Executes at once, shows an order after a while, and can fall silent before or after it has acted."""

    def __init__(self, names, shows_after=0, checks=True):
        self.names, self.shows_after, self.checks = names, shows_after, checks
        self.now, self.executed, self.fails = 0, [], []

    def query(self, client_order_id):
        if self.fails and self.fails[0] == "query":
            self.fails.pop(0)
            raise self.names["Unknown"]
        shown = [n for n, (c, _, at) in enumerate(self.executed) if c == client_order_id and self.now >= at]
        return f"B-{shown[0]}" if shown else None

    def place(self, **order):
        how = self.fails.pop(0) if self.fails else None
        if how == "before":
            raise self.names["Unknown"]
        if how == "rejected":
            raise self.names["Rejected"]
        if self.checks and any(c == order["client_order_id"] for c, _, _ in self.executed):
            raise self.names["Duplicate"]
        self.executed.append((order["client_order_id"], order, self.now + self.shows_after))
        if how == "after":
            raise self.names["Unknown"]
        return f"B-{len(self.executed) - 1}"


ORDER = {
    "id": 1, "client_order_id": "c1", "instrument": "ABC", "side": "SELL", "order_type": "LIMIT",
    "quantity": 5, "limit_price": "10.00", "status": "PENDING",
}  # fmt: skip


def run(names, broker, orders, times, worker="w"):
    states = []
    for now in times:
        broker.now = now
        states.append(names["submit"](1, worker, orders, broker, now))
    return states


@pytest.fixture
def names(sample):
    return sample(f"{AT}/idempotency")


@pytest.mark.parametrize(
    "fails", [[], ["after"], ["before"], ["after", "query"], ["before", "query", "query", "before"]]
)
@pytest.mark.parametrize("shows_after", [0, 40])
def test_whatever_answers_are_lost_the_order_is_executed_once(names, fails, shows_after):
    broker, orders = Broker(names, shows_after), names["Orders"](dict(ORDER))
    broker.fails = list(fails)
    run(names, broker, orders, range(0, 600, 10))
    assert [order for _, order, _ in broker.executed] == [{k: ORDER[k] for k in names["FIELDS"]}]
    assert orders.rows[1]["status"] == "SUBMITTED"


def test_not_found_is_not_taken_for_a_no_before_the_brokers_delay(names):
    broker, orders = Broker(names, shows_after=40, checks=False), names["Orders"](dict(ORDER))
    broker.fails = ["after"]
    assert run(names, broker, orders, [0, 31, 62]) == ["SUBMITTING", "SUBMITTING", "SUBMITTED"]
    assert len(broker.executed) == 1  # even this broker, which checks no duplicates


def test_a_worker_that_wakes_after_its_lease_trades_nothing_twice(names):
    orders, broker = names["Orders"](dict(ORDER)), Broker(names)

    class Sleeper:
        """Between the worker's last look at its lease and its call, another worker does everything."""

        def place(self, **order):
            broker.now = 90
            assert names["submit"](1, "other", orders, broker, 90) == "SUBMITTED"
            return broker.place(**order)

    assert names["submit"](1, "sleeper", orders, Sleeper(), 0) == "held or done"
    assert len(broker.executed) == 1 and orders.rows[1]["owner"] == "other"


def test_a_fill_that_overtakes_the_acknowledgment_is_not_overwritten(names):
    orders, broker = names["Orders"](dict(ORDER)), Broker(names)

    class Fast:
        def place(self, **order):
            found = broker.place(**order)
            orders.rows[1]["status"] = "FILLED"  # from the stream, before the answer
            return found

    assert names["submit"](1, "w", orders, Fast(), 0) == "held or done"
    assert orders.rows[1]["status"] == "FILLED"


def test_a_crash_before_the_call_does_not_lose_the_order_and_a_rejection_is_final(names):
    orders, broker = names["Orders"](dict(ORDER)), Broker(names)

    class Dies:
        def place(self, **order):
            raise MemoryError

    with pytest.raises(MemoryError):
        names["submit"](1, "w", orders, Dies(), 0)
    assert run(names, broker, orders, [10, 31, 62])[-1] == "SUBMITTED"
    orders, broker = names["Orders"](dict(ORDER)), Broker(names)
    broker.fails = ["rejected"]
    assert run(names, broker, orders, [0, 31, 62]) == ["REJECTED", "held or done", "held or done"]
    assert broker.executed == []


def test_a_resting_limit_order_is_no_case_and_a_silent_one_is(sample):
    poll_due = sample(f"{AT}/failures")["poll_due"]
    applied, asked = [], []

    class Answers:
        def query(self, client_order_id):
            asked.append(client_order_id)
            if client_order_id == "down":
                raise TimeoutError
            return {"status": "ACCEPTED"} if client_order_id == "resting" else None

    def order(name, acknowledged):
        return {"client_order_id": name, "acknowledged": acknowledged, "next_poll_at": 0, "silent_polls": 0}

    orders = [order("down", False), order("resting", True), order("lost", False)]
    for now in range(0, 46):
        poll_due(orders, Answers(), lambda o, r: applied.append(o["client_order_id"]), now)
    cases = [o["client_order_id"] for o in orders if "case" in o]
    assert cases == ["down", "lost"] and applied == ["resting"]  # one that fails does not stop the others
    assert asked.count("lost") == 10 and asked.count("resting") == 1
    for now in range(46, 6000):
        poll_due(orders, Answers(), lambda o, r: None, now)
    assert "case" not in orders[1]


def test_fills_are_booked_once_and_in_any_state_and_never_beyond_the_order(sql):
    text = sql(f"{AT}/failures")
    body = text[text.index("BEGIN;") :]
    for status, after in [
        ("SUBMITTING", "FILLED"),
        ("ACCEPTED", "FILLED"),
        ("PARTIALLY_FILLED", "FILLED"),
        ("CANCEL_PENDING", "FILLED"),
        ("CANCELLED", "CANCELLED"),
        ("EXPIRED", "EXPIRED"),
    ]:
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.executescript(text.replace("(7, 'CANCEL_PENDING', 10, 4, NULL)", f"(7, '{status}', 10, 4, NULL)"))
        assert db.execute("SELECT status, filled_quantity FROM orders").fetchone() == (after, 10)
        assert db.execute("SELECT quantity FROM holdings").fetchone() == (10,)
        with pytest.raises(sqlite3.IntegrityError):
            db.executescript(body)  # the event comes again
        db.rollback()
        assert db.execute("SELECT quantity FROM holdings").fetchone() == (10,)
        db.execute("BEGIN")
        update = body[body.index("UPDATE orders") : body.index("UPDATE holdings")]
        assert db.execute(update.rstrip().rstrip(";")).rowcount == 0  # more than was ordered
    db = sqlite3.connect(":memory:")
    db.executescript(text.replace("'CANCEL_PENDING', 10, 4", "'CANCEL_PENDING', 30, 4"))
    assert db.execute("SELECT status FROM orders").fetchone() == ("CANCEL_PENDING",)  # the cancel still runs


def test_a_crash_while_placing_leaves_nothing_and_two_orders_never_spend_the_same_cash(sample):
    names = sample(f"{AT}/deep-dives/reservation")
    db, place, refused = names["db"], names["place"], names["Refused"]

    class Dies:
        """A connection whose server goes away at the given statement."""

        def __init__(self, at):
            self.at = at

        def execute(self, text, values=()):
            if self.at in text:
                raise sqlite3.OperationalError("server closed the connection")
            return db.execute(text, values)

        def __enter__(self):
            return db.__enter__()

        def __exit__(self, *error):
            return db.__exit__(*error)

    def counts():
        tables = ("orders", "reservations", "outbox")
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables]

    db.execute("INSERT INTO accounts VALUES (72, 100, 0)")
    db.commit()
    for at in ("UPDATE accounts", "INSERT INTO reservations", "INSERT INTO outbox"):
        with pytest.raises(sqlite3.OperationalError):
            place(Dies(at), 72, "k1", "h1", 60)
        assert counts() == [1, 1, 1]  # those of the sample itself
        assert db.execute("SELECT reserved FROM accounts WHERE id = 72").fetchone() == (0,)
    first = place(db, 72, "k1", "h1", 60)
    assert place(db, 72, "k1", "h1", 60) == first
    with pytest.raises(refused):
        place(db, 72, "k2", "h2", 60)
    place(db, 72, "k3", "h3", 40)
    assert db.execute("SELECT reserved FROM accounts WHERE id = 72").fetchone() == (100,)
    assert counts() == [3, 3, 3]
