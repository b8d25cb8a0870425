"""The samples of chapter 23 survive what their prose is about: failovers, crashes between two writes, races, zombies."""

import itertools
import random
import sqlite3
from unittest.mock import Mock

import pytest


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def kafka(sample):
    return sample("streams/kafka/replication/code")


@pytest.mark.parametrize("seed", range(60))
def test_no_acknowledged_record_is_lost_by_any_mix_of_failures(kafka, seed):
    rng, p, acknowledged = random.Random(seed), kafka["Partition"](), {}
    for step in range(120):
        action = rng.choice(["append", "append", "fetch", "fetch", "drop", "fail"])
        try:
            if action == "append":
                p.append(step)
            elif action == "fetch":
                p.fetch(rng.choice([r for r in p.logs if r != p.leader]))
            elif action == "drop":
                p.drop(rng.choice([r for r in p.logs if r != p.leader]))
            else:
                p.fail_leader()
        except (kafka["NotEnoughReplicas"], kafka["Offline"]):
            pass
        for offset, record in enumerate(p.logs[p.leader]):
            if p.acknowledged(offset):
                assert acknowledged.setdefault(offset, record) == record
        assert [p.logs[p.leader][o] for o in acknowledged] == list(acknowledged.values())


def test_a_record_acknowledged_by_the_leader_alone_can_vanish(kafka):
    p = kafka["Partition"]()
    offset = p.append("acks=1 would say stored")
    p.fail_leader()
    assert not p.acknowledged(offset) and p.logs[p.leader] == []


def test_acks_all_with_the_default_min_isr_of_one_can_lose_an_acknowledged_record(kafka):
    p = kafka["Partition"](min_isr=1)
    p.drop(1), p.drop(2)
    offset = p.append("acknowledged by the only replica in sync")
    assert p.acknowledged(offset)
    with pytest.raises(kafka["Offline"]):
        p.fail_leader()  # nobody else has it


def test_an_old_leader_cannot_write_and_gives_up_what_nobody_copied(kafka):
    p = kafka["Partition"]()
    p.append("x"), p.append("y")
    p.fail_leader()
    with pytest.raises(kafka["Fenced"]):
        p.append("late", epoch=1)
    p.append("z"), p.fetch(0)
    assert p.logs[0] == [(2, "z")]


def test_a_replay_of_the_whole_topic_needs_the_transitive_check(sample):
    names = sample("streams/schema/check")
    none, check = names["NOTHING"], names["check"]
    history = [{"a": ("int", none)}, {"a": ("int", none), "b": ("string", "")}]
    new = {"a": ("long", none), "b": ("string", none)}
    assert check("BACKWARD", new, history) == []
    assert check("BACKWARD_TRANSITIVE", new, history) == ["b: missing in the data and without a default"]
    assert check("FULL", new, history) == ["a: long cannot be read as int"]


@pytest.mark.parametrize("mode", ["BACKWARD", "FORWARD"])
def test_a_rename_is_a_removal_and_an_addition(sample, mode):
    names = sample("streams/schema/check")
    old, new = {"usd": ("long", names["NOTHING"])}, {"cents": ("long", names["NOTHING"])}
    assert names["check"](mode, new, [old])


class Crashing(sqlite3.Connection):
    """Ends the process at the n-th statement; an open transaction is rolled back, as by a restart."""

    count, dies_at = 0, None

    def execute(self, *args):
        self.count += 1
        if self.count == self.dies_at:
            self.rollback()
            raise Killed
        return super().execute(*args)


def outbox(sample):
    names = sample("streams/outbox")
    orders = sqlite3.connect(":memory:", factory=Crashing)
    billing = sqlite3.connect(":memory:", factory=Crashing)
    orders.executescript(names["ORDERS"])
    billing.executescript(names["BILLING"])
    return names, orders, billing


def test_a_crash_between_the_two_inserts_leaves_neither(sample):
    names, orders, _ = outbox(sample)
    orders.dies_at = 2
    with pytest.raises(Killed):
        names["place"](orders, "o1", 500)
    assert orders.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    names["place"](orders, "o1", 500)  # the client tries again
    assert orders.execute("SELECT count(*) FROM outbox").fetchone() == (1,)


@pytest.mark.parametrize("dies_at", range(1, 30))
def test_wherever_relay_or_consumer_crash_the_revenue_is_right(sample, dies_at):
    names, orders, billing = outbox(sample)
    for n in range(4):
        names["place"](orders, f"o{n}", 100)
    topic, step, next_offset = [], itertools.count(1), 0
    orders.count = billing.count = 0

    def publish(*event):
        if next(step) == dies_at:
            raise Killed  # before the broker has it
        topic.append(event)
        if next(step) == dies_at:
            raise Killed  # after the broker has it, before the row is marked

    orders.dies_at = billing.dies_at = dies_at
    for _ in range(4):  # each process is restarted after its crash
        try:
            while names["relay"](orders, publish):
                pass
        except Killed:
            continue
    for _ in range(4):
        try:
            while next_offset < len(topic):
                names["consume"](billing, topic[next_offset][0], topic[next_offset][2])
                next_offset += 1
        except Killed:
            next_offset = 0  # its offsets were not committed: all is delivered again
    billing.dies_at = None
    assert billing.execute("SELECT cents FROM revenue").fetchone() == (400,)
    assert [key for _, key, _ in topic] == sorted(key for _, key, _ in topic)


def test_an_event_that_commits_late_with_a_smaller_number_is_still_sent(sample):
    names, orders, _ = outbox(sample)
    sent = []
    orders.execute("INSERT INTO outbox (n, event_id, key, body) VALUES (42, 'b', 'k', '{}')")
    names["relay"](orders, lambda *event: sent.append(event[0]))
    # committed only now
    orders.execute("INSERT INTO outbox (n, event_id, key, body) VALUES (41, 'a', 'k', '{}')")
    names["relay"](orders, lambda *event: sent.append(event[0]))
    assert sent == ["b", "a"]


def test_an_idle_partition_holds_time_back_only_until_it_is_declared_idle(sample):
    mark = sample("streams/event-time/code")["Watermark"]([0, 1], slack_s=5, idle_s=30)
    mark.on_event(0, 100.0, now_s=1.0)
    assert mark.current(now_s=20.0) == float("-inf")
    mark.on_event(0, 130.0, now_s=29.0)
    assert mark.current(now_s=31.0) == 125.0
    assert mark.on_event(1, 90.0, now_s=32.0) and mark.current(now_s=33.0) == 125.0
    assert mark.current(now_s=500.0) == 125.0  # all silent: time neither runs on nor back


@pytest.fixture
def sink(sample):
    names = sample("streams/exactly-once/fencing")
    return names, names["Sink"](sqlite3.connect(":memory:", factory=Crashing))


@pytest.mark.parametrize("dies_at", range(1, 7))
def test_a_crash_inside_a_batch_changes_neither_result_nor_offset(sink, dies_at):
    names, held = sink
    held.take_over(0, 1)
    held.db.count, held.db.dies_at = 0, dies_at
    batch = [("ada", 1), ("ada", 2), ("bob", 4)]
    try:
        held.apply(0, 1, 0, batch)
    except Killed:
        held.db.dies_at = None
        held.apply(0, 1, 0, batch)
    held.db.dies_at = None
    assert dict(held.db.execute("SELECT * FROM totals")) == {"ada": 3, "bob": 4}
    with pytest.raises(names["Stale"]):
        held.apply(0, 1, 0, batch)  # delivered again
    assert dict(held.db.execute("SELECT * FROM totals")) == {"ada": 3, "bob": 4}


def test_a_former_owner_cannot_take_the_partition_back(sink):
    names, held = sink
    held.take_over(0, 2)
    with pytest.raises(names["Stale"]):
        held.take_over(0, 1)
    with pytest.raises(names["Stale"]):
        held.apply(0, 1, 0, [("ada", 1)])


@pytest.mark.parametrize("seed", range(80))
def test_a_migration_loses_nothing_whatever_the_interleaving(sample, seed):
    names = sample("streams/migration/dual-write")
    rng, old, new = random.Random(seed), names["Store"](), names["Store"]()
    keys = [f"k{n}" for n in range(6)]
    for key in keys[:4]:
        old.write(key, "history")
    old.outbox.clear()
    move, model = names["Migration"](old, new), {key: old.read(key) for key in keys}
    for _ in move.backfill():
        for _ in range(rng.randrange(4)):
            key = rng.choice(keys)
            model[key] = None if rng.random() < 0.4 else rng.random()
            move.write(key, model[key])
            if rng.random() < 0.5:
                move.forward()
    for turn in range(5):
        try:
            move.switch()
        except RuntimeError:
            assert turn == 0 and set(old.rows) != set(new.rows)  # refused, not wrong
        key = rng.choice(keys)
        model[key] = turn
        move.write(key, turn)
        assert {k: move.truth.read(k) for k in keys} == model
        assert sum(not side.frozen for side in (old, new)) >= 1
    assert move.differences == []


def test_a_crash_between_the_write_and_its_copy_is_made_good(sample):
    names = sample("streams/migration/dual-write")
    old, new = names["Store"](), names["Store"]()
    move = names["Migration"](old, new)
    move.write("k", 1)
    accept, new.accept = new.accept, Mock(side_effect=Killed)
    with pytest.raises(Killed):
        move.forward()
    new.accept = accept
    names["Migration"](old, new).forward()  # after the restart
    assert new.read("k") == 1


def test_a_switch_is_refused_while_history_is_missing(sample):
    names = sample("streams/migration/dual-write")
    old, new = names["Store"](), names["Store"]()
    old.write("k", 1)
    old.outbox.clear()
    move = names["Migration"](old, new)
    with pytest.raises(RuntimeError, match="differ"):
        move.switch()
    move.write("k", 2)
    assert move.truth is old  # and the old store takes writes again


def test_a_record_is_not_acknowledged_when_the_isr_shrinks_after_the_append(kafka):
    p = kafka["Partition"]()
    offset = p.append("x")
    p.drop(1), p.drop(2)
    assert not p.acknowledged(offset)  # Kafka answers "not enough replicas after append"
    p.fetch(1)
    assert p.acknowledged(offset)
