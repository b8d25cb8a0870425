"""Chapter 20's samples under the failures they are about: crashes, pauses, late and repeated messages, bad clocks."""

import itertools
import random
import sqlite3

import pytest


def raft_disk(terms, term):
    return {"term": term, "voted_for": None, "log": [(t, n) for n, t in enumerate(terms)]}


def test_no_term_has_two_leaders_although_voters_crash(sample):
    Peer = sample("agreement/raft/code")["Peer"]
    rng = random.Random(3)
    disks = [raft_disk([1, 1], 1) for _ in range(5)]
    winners: dict[int, set[str]] = {}
    for _ in range(400):
        candidate, term = rng.choice("AB"), rng.randint(2, 40)
        votes = sum(Peer(disk).vote(term, candidate, 2, 1)[1] for disk in rng.sample(disks, 4))  # a restart before each
        if votes >= 3:
            winners.setdefault(term, set()).add(candidate)
    assert winners and all(len(who) == 1 for who in winners.values())


def test_a_winner_holds_every_entry_of_a_majority(sample):
    Peer = sample("agreement/raft/code")["Peer"]
    stored = [1, 1, 3]
    voters = [raft_disk(stored, 3), raft_disk(stored, 3), raft_disk(stored, 3), raft_disk([1], 3), raft_disk([1], 3)]
    votes = [Peer(disk).vote(4, "short", 1, 1)[1] for disk in voters]
    assert sum(votes) == 2
    votes = [Peer(disk).vote(5, "long but old", 9, 2)[1] for disk in voters]
    assert sum(votes) == 2


def test_appends_in_any_order_and_number_leave_the_leaders_log(sample):
    Peer = sample("agreement/raft/code")["Peer"]
    log = [(t, f"c{n}") for n, t in enumerate([1, 1, 2, 4, 4])]
    messages = [(4, i, log[i - 1][0] if i else 0, log[i : i + n]) for i in range(5) for n in (1, 2)]
    for seed in range(30):
        disk = raft_disk([1, 1, 2, 2, 3, 3], 3)
        mail = messages * 2
        random.Random(seed).shuffle(mail)
        for message in [*mail, *messages]:
            Peer(disk).append(*message)
        assert [t for t, _ in disk["log"]] == [1, 1, 2, 4, 4]


def test_old_entries_on_a_majority_are_not_committed_by_count(sample):
    committed = sample("agreement/raft/code")["committed"]
    assert committed(4, [(1, "a"), (2, "b")], [2, 2, 2], 1) == 1
    assert committed(4, [(1, "a"), (2, "b"), (4, "c")], [3, 3, 2], 1) == 3
    assert committed(4, [(4, "a"), (4, "b")], [2, 2, 1, 1], 0) == 1  # two of four are no majority


def fenced(sample):
    names = sample("agreement/leases/fencing")
    clock = [0.0]
    return names, clock, names["LeaseService"](lambda: clock[0]), names["Storage"]()


def test_a_paused_holder_cannot_write_after_the_next_has_claimed(sample):
    names, clock, lease, storage = fenced(sample)
    old = names["Holder"](lease, storage, lambda: clock[0])

    def takeover():
        clock[0] += 11
        new = names["Holder"](lease, storage, lambda: clock[0])
        assert storage.claim(new.token) == 0  # claimed and read, not written yet

    with pytest.raises(names["Stale"]):
        old.add(1, pause=takeover)
    assert storage.value == 0


def test_a_lease_is_given_up_in_time_and_never_renewed_late(sample):
    names, clock, lease, storage = fenced(sample)
    holder = names["Holder"](lease, storage, lambda: clock[0])
    clock[0] = 9.0  # within the lease, inside the margin
    with pytest.raises(names["Stale"]):
        holder.add(1)
    assert lease.renew(holder.token, 10)
    clock[0] = 19.0
    assert not lease.renew(holder.token, 10)
    assert lease.acquire(10) == holder.token + 1
    assert not lease.renew(holder.token, 10)


def test_the_fence_in_sql_lets_only_the_newest_through(sql):
    with sqlite3.connect(":memory:") as db:
        create, insert, old, new = [part for part in sql("agreement/leases/fencing").split(";") if "shard_state" in part]
        db.execute(create)
        db.execute(insert)
        assert db.execute(old).rowcount == 0
        assert db.execute(new).rowcount == 1
        assert db.execute("SELECT total FROM shard_state").fetchone() == (20,)


def test_one_bad_clock_does_not_drag_the_others(sample):
    names = sample("agreement/clocks/vector")
    clock = names["HLC"](lambda: 1_000)
    before = clock.tick()
    with pytest.raises(names["TooFarAhead"]):
        clock.tick((9_000, 0))
    assert before < clock.tick() < (1_500, 0)


def test_hybrid_stamps_respect_causes_under_skew(sample):
    HLC = sample("agreement/clocks/vector")["HLC"]
    rng = random.Random(5)
    now = [0]
    nodes = [HLC(lambda skew=skew: now[0] + skew) for skew in (0, 200, -150)]
    stamp = (0, 0)
    for _ in range(500):  # one chain of causes through random nodes, the time now and then stepping back
        now[0] += rng.randint(-5, 10)
        later = rng.choice(nodes).tick(stamp)
        assert later > stamp
        stamp = later


def test_a_half_written_value_is_seen_by_all_reads_or_none_after_the_first(sample):
    names = sample("agreement/leaderless/read-repair")
    for down in itertools.product(range(3), repeat=4):
        replicas = [names["Replica"]() for _ in range(3)]
        for replica in replicas:
            replica.put(1, "old")
        replicas[0].put(2, "new")
        seen = []
        for lost in down:
            for i, replica in enumerate(replicas):
                replica.up = i != lost
            seen.append(names["read"](replicas, 2))
        assert seen == sorted(seen, reverse=True)  # "old" sorts after "new": never new, then old


def test_hashes_find_every_difference_and_few_are_compared(sample):
    names = sample("agreement/leaderless/anti-entropy")
    mine = {f"k{n}": 1 for n in range(3_000)}
    theirs = {**mine, "k5": 2, "extra": 1}
    del theirs["k9"]
    leaves, compared = names["differing_leaves"](names["tree"](mine, 10), names["tree"](theirs, 10))
    assert set(leaves) == {names["leaf_of"](key, 10) for key in ("k5", "extra", "k9")}
    assert compared < 70
    assert names["digest"](b"ab", b"c") != names["digest"](b"a", b"bc")


def test_blind_and_concurrent_writes_are_kept_and_read_ones_replaced(sample):
    Replica = sample("agreement/leaderless/version-vectors")["Replica"]
    rng = random.Random(11)
    for _ in range(100):
        replicas = [Replica(name) for name in "ABC"]
        alive: dict[str, bool] = {}
        for n in range(20):
            one = rng.choice(replicas)
            values, context = one.get() if rng.random() < 0.7 else ([], {})
            target = rng.choice(replicas)  # the write may reach another replica than the read
            target.put(f"v{n}", context)
            alive |= dict.fromkeys(values, False) | {f"v{n}": True}
            rng.choice(replicas).merge(rng.choice(replicas))
        for one in replicas * 2:
            for other in replicas:
                one.merge(other)
        expected = sorted(value for value, kept in alive.items() if kept)
        assert all(replica.get()[0] == expected for replica in replicas)


def test_an_add_concurrent_with_a_remove_survives_in_any_order(sample):
    ORSet = sample("agreement/crdts/sets")["ORSet"]
    for first in (0, 1):
        a, b = ORSet("A"), ORSet("B")
        a.add("x")
        b.merge(a)
        a.remove("x")
        b.add("x")
        one, two = (a, b) if first else (b, a)
        one.merge(two)
        two.merge(one)
        assert a.items() == b.items() == {"x"}


def test_counts_survive_lost_repeated_and_reordered_states(sample):
    names = sample("agreement/crdts/counters")
    a, b = names["GCounter"]("A"), names["GCounter"]("B")
    a.add(10)
    old = names["copy"].deepcopy(a)
    a.add()
    b.add()
    for state in (a, old, a, old):
        b.merge(state)
    assert b.value() == 12
    with pytest.raises(ValueError, match="only grows"):
        a.add(-1)


def test_no_snowflake_is_issued_twice_over_restarts_and_clock_steps(sample):
    names = sample("agreement/ids/clock-back")
    rng = random.Random(8)
    clock, disk, issued = [names["EPOCH_MS"]], {}, []

    def sleep(ms):
        clock[0] += ms

    def start():
        return names["Snowflake"](1, disk, lambda: clock[0], sleep)

    maker = start()
    for _ in range(300):
        clock[0] += rng.randint(-300, 400)
        if rng.random() < 0.1:
            maker = start()  # all in memory is gone
        try:
            issued += [maker.next_id() for _ in range(rng.choice([1, 10, 5_000]))]
        except names["ClockBehind"]:
            clock[0] += 5_000
    assert len(issued) > 10_000
    assert len(set(issued)) == len(issued) and issued == sorted(issued)


def test_blocks_of_ids_never_overlap(sql):
    create, insert, take = (part for part in sql("agreement/ids/tickets").split(";") if part.strip())
    with sqlite3.connect(":memory:") as db:
        db.execute(create)
        db.execute(insert)
        assert [db.execute(take).fetchone()[0] for _ in range(3)] == [1, 1001, 2001]
