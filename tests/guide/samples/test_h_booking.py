"""The booking samples under racing clicks, late payments, crashes, no-shows, forged tokens and repeated requests."""

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import pytest

BOOKING = "more/booking/deep-dives"
SEATS = """
    CREATE TABLE orders (id INTEGER PRIMARY KEY, user, state, seat_count);
    CREATE TABLE seats (seat INTEGER PRIMARY KEY, state DEFAULT 'available', order_id, held_until,
                        CHECK ((state = 'available') = (order_id IS NULL)),
                        CHECK ((state = 'held') = (held_until IS NOT NULL)));
    CREATE TABLE tickets (seat INTEGER PRIMARY KEY, order_id);
"""


@pytest.fixture
def made(sample):
    return sample(f"{BOOKING}/hold")


@pytest.fixture
def connect(tmp_path):
    def connect():
        return sqlite3.connect(tmp_path / "booking.db", isolation_level=None, timeout=30)

    db = connect()
    db.executescript(SEATS)
    db.executemany("INSERT INTO seats (seat) VALUES (?)", [(n,) for n in range(1, 41)])
    return connect


def seats(db):
    return dict(db.execute("SELECT seat, state FROM seats"))


def test_of_racing_shoppers_each_seat_goes_to_one_and_nobody_gets_half(made, connect):
    start = Barrier(4)

    def shopper(seed):
        db, rng, orders = connect(), random.Random(seed), {}
        start.wait()
        for _ in range(15):
            wanted = rng.sample(range(1, 41), 3)
            try:
                order = made["hold"](db, seed, wanted, now=0)
                orders[order] = wanted
                assert made["pay"](db, order, lambda _: "paid", now=1) == "paid"
            except made["Taken"]:
                pass
        return orders

    with ThreadPoolExecutor(4) as pool:
        sold = {order: got for orders in pool.map(shopper, range(4)) for order, got in orders.items()}
    tickets = connect().execute("SELECT seat, order_id FROM tickets").fetchall()
    assert sorted(tickets) == sorted((seat, order) for order, got in sold.items() for seat in got)
    assert sum(state == "sold" for state in seats(connect()).values()) == len(tickets)


def test_a_hold_that_fails_leaves_neither_seats_nor_an_order(made, connect):
    db = connect()
    made["hold"](db, "ada", [2], now=0)
    with pytest.raises(made["Taken"]):
        made["hold"](db, "bo", [1, 2, 3], now=1)
    assert seats(db)[1] == seats(db)[3] == "available"
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_a_late_payer_is_refused_before_any_money_moves(made, connect):
    db, charged = connect(), []
    ada = made["hold"](db, "ada", [1, 2], now=0)
    made["hold"](db, "bo", [2], now=480)
    with pytest.raises(made["Expired"]):
        made["pay"](db, ada, charged.append, now=481)
    assert charged == [] and seats(db)[1] == "held"
    cy = made["hold"](db, "cy", [3], now=0)
    with pytest.raises(made["Expired"]):
        made["pay"](db, cy, charged.append, now=480)


def test_seats_that_are_being_paid_for_do_not_expire(made, connect):
    db = connect()
    ada = made["hold"](db, "ada", [1], now=0)

    def slow(_reference):
        with pytest.raises(made["Taken"]):
            made["hold"](db, "bo", [1], now=10_000)
        return "paid"

    assert made["pay"](db, ada, slow, now=479) == "paid" and seats(db)[1] == "sold"


@pytest.mark.parametrize(
    ("answer", "state", "seat"), [("paid", "paid", "sold"), ("declined", "declined", "available")]
)
def test_an_unknown_outcome_keeps_the_seats_until_the_provider_tells_and_is_applied_once(
    made, connect, answer, state, seat
):
    db, calls = connect(), []
    ada = made["hold"](db, "ada", [1, 2], now=0)

    def silent(reference):
        calls.append(reference)
        raise TimeoutError

    assert made["pay"](db, ada, silent, now=1) == "unknown" and seats(db)[1] == "paying"
    assert made["pay"](db, ada, silent, now=2) == "paying" and len(calls) == 1  # a second click
    assert made["settle"](db, ada, answer) == state
    other = "declined" if answer == "paid" else "paid"
    assert made["settle"](db, ada, other) == state  # a contradicting late message
    assert seats(db)[1] == seats(db)[2] == seat


def test_a_killed_server_charges_nobody_twice_and_the_sweeper_finishes(made, connect):
    db = connect()
    ada = made["hold"](db, "ada", [1], now=0)

    def dies(_reference):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made["pay"](db, ada, dies, now=1)
    after = connect()
    with pytest.raises(made["Taken"]):
        made["hold"](after, "bo", [1], now=10_000)
    assert made["settle"](after, ada, "paid") == "paid"
    assert after.execute("SELECT * FROM tickets").fetchall() == [(1, ada)]


@pytest.fixture
def room(sample):
    room = sample(f"{BOOKING}/waiting-room")["WaitingRoom"](b"k", capacity=5)
    room.open([f"a{n}" for n in range(100)], random.Random(3))
    return room


@pytest.mark.parametrize("seed", range(10))
def test_the_room_is_never_overfull_and_everyone_is_called_although_some_never_come(room, seed):
    rng, entered = random.Random(seed), set()
    tokens = {n: room.token(account) for account, n in room.numbers.items()}
    absent = set(rng.sample(range(1, 101), 30))
    for now in range(0, 100_000, 20):
        room.tick(now)
        for number in set(range(1, room.serving + 1)) - absent - entered:
            if room.enter(tokens[number], now) == "enter":
                entered.add(number)
        assert len(room.shopping) <= 5 and len(room.called) + len(room.shopping) <= 5
        for number in list(room.shopping):
            if rng.random() < 0.3:
                room.leave(tokens[number])
    assert entered == set(range(1, 101)) - absent


def test_the_number_is_drawn_once_per_account_and_cannot_be_forged(room):
    assert sorted(room.numbers.values()) == list(range(1, 101))
    assert room.token("a7") == room.token("a7") and room.token("late").split(".")[1] == "101"
    drawn = sorted(room.numbers, key=room.numbers.get)
    assert drawn != sorted(drawn)
    account, _, mac = room.token("late").split(".")
    room.tick(0)
    assert room.enter(f"{account}.1.{mac}", 1) == room.enter("late.1.ü", 1) == "forged"


def test_reloading_adds_no_time_and_nobody_pushes_another_out(room):
    token = next(room.token(a) for a, n in room.numbers.items() if n == 1)
    room.tick(0)
    assert room.enter(token, 1) == "enter"
    room.leave(token[:-1] + "x")
    assert room.enter(token, 900) == "enter"
    room.tick(901)
    assert room.enter(token, 901) == "missed"


HOTEL = """
    CREATE TABLE room_nights (room_type, night, sell_limit, booked DEFAULT 0 CHECK (booked >= 0),
                              PRIMARY KEY (room_type, night));
    CREATE TABLE reservations (id INTEGER PRIMARY KEY, guest, request_key, room_type, check_in, check_out, state,
                               UNIQUE (guest, request_key));
"""
START = date(2026, 3, 1)


def test_racing_guests_never_pass_the_limit_of_a_night_and_no_partial_stay_remains(sample, tmp_path):
    made = sample(f"{BOOKING}/nights")

    def connect():
        return sqlite3.connect(tmp_path / "hotel.db", isolation_level=None, timeout=30)

    connect().executescript(HOTEL)
    with connect() as db:
        db.executemany(
            "INSERT INTO room_nights VALUES ('double', ?, 3, 0)",
            [(str(START + timedelta(n)),) for n in range(10)],
        )

    def guest(seed):
        db, rng = connect(), random.Random(seed)
        for n in range(10):
            start = START + timedelta(rng.randrange(9))
            stay = ("double", start, start + timedelta(rng.randrange(1, 4)))
            try:
                number = made["book"](db, seed, n, *stay)
                assert made["book"](db, seed, n, *stay) == number
                if rng.random() < 0.3:
                    made["cancel"](db, number)
                    made["cancel"](db, number)
            except made["Full"]:
                pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(guest, range(4)))
    db = connect()
    stays = db.execute("SELECT check_in, check_out FROM reservations WHERE state = 'booked'").fetchall()
    for night, booked in db.execute("SELECT night, booked FROM room_nights"):
        assert booked == sum(first <= night < last for first, last in stays) <= 3


def test_a_night_that_is_not_on_sale_and_an_empty_stay_are_refused(sample):
    made = sample(f"{BOOKING}/nights")
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(HOTEL)
    db.execute("INSERT INTO room_nights VALUES ('double', ?, 3, 0)", (str(START),))
    with pytest.raises(made["Full"]):
        made["book"](db, "ada", "k", "double", START, START + timedelta(2))
    with pytest.raises(ValueError):
        made["book"](db, "ada", "k", "double", START, START)
    assert db.execute("SELECT booked FROM room_nights").fetchone() == (0,)


def test_the_overflow_probability_agrees_with_a_simulation(sample):
    walked = sample(f"{BOOKING}/overbooking")["walked"]
    rng = random.Random(1)
    nights = [sum(rng.random() < 0.95 for _ in range(104)) for _ in range(4_000)]
    risk, expected = walked(104, 100, 0.95)
    assert risk == pytest.approx(sum(n > 100 for n in nights) / 4_000, abs=0.025)
    assert expected == pytest.approx(sum(max(0, n - 100) for n in nights) / 4_000, abs=0.05)
