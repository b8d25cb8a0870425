"""The samples of chapters 2, 4 and 5 survive what their prose is about: lag, failover, forged calls, crashes, races."""

import itertools
import random
import re
import sqlite3

import pytest


@pytest.fixture
def cluster(sample):
    found = sample("fundamentals/consistency-models/read-after-write")
    made = found["Cluster"](replicas=2)
    return made, lambda: found["Session"](made)


def test_a_session_reads_its_writes_whatever_the_replicas_lag(cluster):
    made, session = cluster
    rng, mine = random.Random(11), session()
    for turn in range(200):
        mine.write("k", turn)
        if rng.random() < 0.3:
            made.replicate(rng.choice(made.replicas))
        assert mine.read("k") == turn


def test_a_session_pinned_to_one_replica_reads_an_old_value(cluster):
    made, session = cluster
    mine = session()
    mine.write("k", "new")
    assert made.replicas[0].rows.get("k") is None  # what a pin to this replica would answer
    assert mine.read("k") == "new"


def test_reads_of_a_session_never_go_back_in_time(cluster):
    made, session = cluster
    writer, reader = session(), session()
    writer.write("k", 1)
    made.replicate(made.replicas[0])
    assert reader.read("k") == 1
    made.replicas.reverse()  # the next read would meet the replica that has nothing yet
    assert reader.read("k") == 1


def test_a_write_that_a_failover_lost_is_noticed_and_not_answered_with_an_old_value(cluster):
    made, session = cluster
    mine = session()
    mine.write("k", 1)
    made.replicate(made.replicas[0])
    mine.write("k", 2)
    made.primary = made.replicas[0]  # promoted without the second write
    with pytest.raises(LookupError):
        mine.read("k")


@pytest.mark.parametrize("signature", ["forged", "gefälscht", "", "\udcff", "0" * 64])
def test_a_forged_signature_is_refused_and_crashes_nothing(sample, signature):
    inbox = sample("scalability/async/webhook")["WebhookInbox"](b"key", clock=lambda: 1000)
    assert inbox.receive(1000, signature, b'{"event_id": "e"}') == 401 and not inbox.events


def test_a_repeated_and_a_replayed_event_change_nothing(sample):
    inbox = sample("scalability/async/webhook")["WebhookInbox"](b"key", clock=lambda: clock[0])
    clock, body = [1000], b'{"event_id": "e"}'
    signature = inbox.sign(1000, body)
    assert inbox.receive(1000, signature, body) == inbox.receive(1000, signature, body) == 200
    clock[0] = 1301
    assert inbox.receive(1000, signature, body) == 401
    assert len(inbox.events) == 1


def windows(sample, events, crashes=()):
    """The state after all events, where the process dies after the numbered ones, with a checkpoint every third."""
    make = sample("scalability/stream/windows")["TumblingCount"]
    counter, saved = make(), make().checkpoint()
    done, crashes = 0, set(crashes)
    while counter.offset < len(events):
        counter.on_event(*events[counter.offset])
        done += 1
        if counter.offset % 3 == 0:
            saved = counter.checkpoint()
        if done in crashes:
            counter = make()
            counter.restore(saved)
    return counter


def test_a_crash_at_any_event_changes_no_count(sample):
    rng = random.Random(2)
    events = [(n * 7 + rng.randint(-25, 25), rng.choice("ab")) for n in range(30)]
    steady = windows(sample, events)
    for crash in range(1, 30):
        crashed = windows(sample, events, {crash, crash + 2})
        assert (crashed.closed, crashed.open, crashed.late) == (steady.closed, steady.open, steady.late)


def test_every_event_is_in_a_window_or_named_late(sample):
    rng = random.Random(4)
    events = [(n * 5 + rng.randint(-80, 10), "c") for n in range(100)]
    state = windows(sample, events)
    assert state.late
    assert sum(state.closed.values()) + sum(state.open.values()) + len(state.late) == 100


def guard(sql):
    text = sql("database/denormalization/example")
    return text[text.index("ON CONFLICT") :].rstrip().rstrip(";")


COLUMNS = "portfolio_id, user_id, total_value, holdings, as_of, holdings_version, price_version"


def rebuilds(sql, *versions):
    """What is stored after rebuilds that finish in this order; each is (holdings_version, price_version)."""
    db = sqlite3.connect(":memory:")
    db.execute(f"CREATE TABLE portfolio_snapshots ({COLUMNS}, PRIMARY KEY (portfolio_id))")
    for held, priced in versions:
        db.execute(
            f"INSERT INTO portfolio_snapshots AS s ({COLUMNS}) VALUES (1, 7, 0, '[]', '', ?, ?) {guard(sql)}",
            (held, priced),
        )
    return db.execute("SELECT holdings_version, price_version FROM portfolio_snapshots").fetchone()


def test_a_rebuild_that_read_before_a_trade_does_not_overwrite_the_one_after_it(sql):
    assert rebuilds(sql, (41, 88213), (40, 88213)) == (41, 88213)
    assert rebuilds(sql, (41, 88213), (40, 88214)) == (41, 88213)


def test_the_newest_holdings_win_in_every_order_of_finishing(sql):
    for order in itertools.permutations([(40, 88213), (40, 88214), (41, 88213), (41, 88214)]):
        assert rebuilds(sql, *order) == (41, 88214)


def test_a_trade_is_shown_although_a_rebuild_with_newer_prices_came_first(sql):
    assert rebuilds(sql, (40, 88214), (41, 88213)) == (41, 88213)


def test_the_snapshot_copies_the_version_that_it_read_with_the_holdings(sql):
    text = sql("database/denormalization/example")
    assert re.search(r"SELECT p\.id.*\$2, p\.holdings_version, \$3", text, re.S)


def test_a_transfer_leaves_no_trace_when_it_fails(sample):
    found = sample("database/transactions/atomicity")
    db, transfer = found["db"], found["transfer"]
    before = found["balances"]()
    for call, error in [
        ((9, 1, 2, 10**9), ValueError),
        ((10, 1, 404, 1), ValueError),
        ((7001, 1, 2, 1), sqlite3.IntegrityError),  # the same transfer once more
    ]:
        with pytest.raises(error):
            transfer(db, *call)
        assert found["balances"]() == before
    assert db.execute("SELECT sum(amount) FROM ledger_entries").fetchone() == (0,)


def test_a_lasting_conflict_reaches_the_caller_and_other_errors_are_not_retried(sample):
    found = sample("database/transactions/isolation-levels/serializable")
    for state, tries in (("40001", 5), ("40P01", 5), ("23505", 1)):
        calls, pauses = [], []

        def work(state=state, calls=calls):
            calls.append(1)
            raise found["DatabaseError"](state)

        with pytest.raises(found["DatabaseError"], match=state):
            found["run_with_retry"](work, pauses.append)
        assert (len(calls), len(pauses)) == (tries, tries - 1)
