"""The chat samples under lost acknowledgments, racing senders, late disconnects, dead gateways and lost pushes."""

import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

CHAT = "more/chat/deep-dives"
SCHEMA = """
    CREATE TABLE chats (chat_id INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE chat_members (chat_id, user_id, left_seq, PRIMARY KEY (chat_id, user_id));
    CREATE TABLE messages (chat_id, seq, sender_id, client_id, body, PRIMARY KEY (chat_id, seq),
                           UNIQUE (chat_id, sender_id, client_id));
    INSERT INTO chats (chat_id) VALUES (7), (8);
    INSERT INTO chat_members (chat_id, user_id) VALUES (7, 1), (7, 2), (8, 1);
"""


@pytest.fixture
def store(tmp_path):
    def connect():
        return sqlite3.connect(tmp_path / "chat.db", isolation_level=None, timeout=30)

    connect().executescript(SCHEMA)
    return connect


def test_many_senders_at_once_leave_no_gap_and_no_repeat_although_each_retries(sample, store):
    send = sample(f"{CHAT}/sequence")["send"]

    start = Barrier(4)

    def device(user, name):
        db = store()
        start.wait()
        return [send(db, 7, user, f"{name}-{n // 2}", "x") for n in range(20)]  # each message is sent twice

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(device, [1, 1, 2, 2], "abcd"))
    assert all(one[::2] == one[1::2] for one in numbers)
    assert sorted(seq for one in numbers for seq in one[::2]) == list(range(1, 41))


def test_nobody_else_can_write_between_the_look_for_a_first_try_and_the_insert(sample, store):
    send, db, other, refused = sample(f"{CHAT}/sequence")["send"], store(), store(), []
    other.execute("PRAGMA busy_timeout = 0")

    def probe(statement):
        if "SELECT seq" in statement:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                refused.append(statement)

    db.set_trace_callback(probe)
    assert send(db, 7, 1, "a", "x") == 1 and len(refused) == 1


def test_a_crash_before_the_commit_uses_up_no_number(sample, store):
    send = sample(f"{CHAT}/sequence")["send"]
    db = store()
    db.execute(
        "CREATE TRIGGER full BEFORE INSERT ON messages WHEN NEW.body = 'big' BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    assert send(db, 7, 1, "a", "x") == 1
    with pytest.raises(sqlite3.IntegrityError):
        send(db, 7, 1, "b", "big")
    assert send(db, 7, 2, "a", "another device may use the same id") == 2
    assert send(db, 8, 1, "a", "and so may another chat") == 1


def test_who_has_left_sends_nothing(sample, store):
    send, db = sample(f"{CHAT}/sequence")["send"], store()
    db.execute("UPDATE chat_members SET left_seq = 1 WHERE user_id = 2")
    for user in (2, 3):
        with pytest.raises(PermissionError):
            send(db, 7, user, "a", "x")
    assert db.execute("SELECT last_seq FROM chats WHERE chat_id = 7").fetchone() == (0,)


@pytest.fixture
def registry(sample):
    made = sample(f"{CHAT}/registry")
    registry = made["Registry"]()
    registry.attach = made["attach"]
    return registry


def test_a_late_disconnect_does_not_put_a_reconnected_device_offline(registry):
    registry.renew("g1", 0)
    old = registry.connect("phone", "g1")
    new = registry.connect("phone", "g1")  # even on the same gateway
    registry.disconnect("phone", old)
    assert registry.find("phone", 1) == "g1"
    registry.disconnect("phone", new)
    assert registry.find("phone", 1) is None


def test_a_dead_gateway_takes_its_devices_with_it_and_a_restart_does_not_revive_them(registry):
    registry.renew("g1#1", 0)
    registry.connect("phone", "g1#1")
    assert registry.find("phone", 14.9) == "g1#1" and registry.find("phone", 15) is None
    registry.renew("g1#2", 16)
    assert registry.find("phone", 17) is None and registry.find("unknown", 17) is None


@pytest.mark.parametrize("moment", ["before", "registered", "read"])
def test_a_message_during_a_reconnect_arrives(registry, sample, moment):
    ChatView = sample(f"{CHAT}/receipts")["ChatView"]
    stored, now = ["one"], 1
    view = ChatView([], None)
    registry.renew("g1", 0)

    def deliver(device, message):
        view.receive(*message)

    def arrive():
        stored.append("two")
        if registry.find("phone", now):
            deliver("phone", (2, "two"))

    def missed(_device):
        if moment == "registered":
            arrive()
        backlog = list(enumerate(stored, 1))
        if moment == "read":
            arrive()
        return backlog

    view.fetch = lambda after, upto: {n: stored[n - 1] for n in range(after + 1, upto + 1)}
    if moment == "before":
        arrive()
    registry.attach(registry, "phone", "g1", missed, deliver)
    assert view.disk == ["one", "two"]


@pytest.mark.parametrize("seed", range(30))
def test_a_device_confirms_only_what_it_holds_and_shows_each_message_once(sample, seed):
    rng = random.Random(seed)
    sent = [f"m{n}" for n in range(1, 41)]

    def fetch(after, upto):
        if rng.random() < 0.3:
            raise ConnectionError
        return {n: sent[n - 1] for n in range(after + 1, upto + 1)}

    view = sample(f"{CHAT}/receipts")["ChatView"]([], fetch)
    pushed = [n for n in range(1, 41) if rng.random() < 0.7]  # the others are lost
    pushed += rng.choices(pushed, k=10)
    rng.shuffle(pushed)
    for seq in pushed:
        confirmed = view.receive(seq, sent[seq - 1])
        assert view.disk == sent[:confirmed]
    for _ in range(100):
        if view.learn(40) == 40:
            break
    assert view.disk == sent


def test_a_confirmation_waits_while_the_gap_cannot_be_fetched(sample):
    def offline(after, upto):
        raise ConnectionError

    view = sample(f"{CHAT}/receipts")["ChatView"]([], offline)
    assert view.receive(2, "b") == 0
    assert view.receive(1, "a") == 2 and view.disk == ["a", "b"]


def test_receipts_never_move_back_and_ticks_are_counted_from_cursors(sql):
    db = sqlite3.connect(":memory:")
    db.create_function("GREATEST", 2, max)
    db.execute("CREATE TABLE chat_members (chat_id, user_id, joined_seq, left_seq, delivered_seq, read_seq)")
    db.executemany(
        "INSERT INTO chat_members VALUES (7001, ?, ?, ?, ?, ?)",
        [
            (1, 0, None, 130, 130),
            (42, 0, None, 110, 110),
            (43, 0, None, 119, 100),
            (44, 118, None, 0, 0),
            (45, 0, 90, 90, 90),
        ],
    )
    update, ticks = sql(f"{CHAT}/receipts").split(";")[:2]
    assert db.execute(ticks).fetchone() == (1, 0, 2)
    cursors = "SELECT delivered_seq, read_seq FROM chat_members WHERE user_id = 42"
    assert db.execute(update).rowcount == 1 and db.execute(update).rowcount == 0
    assert db.execute(ticks).fetchone() == (2, 1, 2)
    for delivered, read in (("100", "119"), ("130", "90"), ("1", "1")):
        before = db.execute(cursors).fetchone()
        db.execute(update.replace("120", delivered).replace("118", read))
        assert all(new >= old for new, old in zip(db.execute(cursors).fetchone(), before, strict=True))
    assert db.execute(cursors).fetchone() == (130, 119)
