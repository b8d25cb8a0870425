"""Chapter 19: moves that die or oversleep, transfers that repeat, primaries that wake up, failovers that crash."""

import random

import pytest

MOVE = "regions/home-region/moving"
ESCROW = "regions/conflicts/escrow"
FENCING = "regions/split-brain/fencing"
FAILOVER = "regions/failover/code"
SHUFFLE = "regions/cells/shuffle-sharding"


class Crash(BaseException):
    """The process dies: no handler of the sample runs after it."""


# Moves


class World:
    """Two regions and a directory; the mover dies before its n-th step."""

    def __init__(self, names):
        self.names = names
        self.eu, self.us = names["Region"]("eu"), names["Region"]("us")
        self.regions, self.directory = {"eu": self.eu, "us": self.us}, names["Directory"](ada=("eu", 7, None))
        self.eu.adopt("ada", "v1", 7)

    def owners(self):
        return [name for name, region in self.regions.items() if "ada" in region.owned]

    def move(self, to="us", dies_before=None):
        world, count = self, [0]

        def step():
            assert len(world.owners()) <= 1
            count[0] += 1
            if count[0] == dies_before:
                raise Crash

        class Region:
            def __init__(self, region):
                self.region = region

            def release(self, *arguments):
                step()
                return self.region.release(*arguments)

            def adopt(self, *arguments):
                step()
                return self.region.adopt(*arguments)

        class Directory(dict):
            def swap(self, *arguments):
                step()
                return world.directory.swap(*arguments)

        regions = {name: Region(region) for name, region in self.regions.items()}
        self.names["move"](Directory(self.directory), regions, "ada", to)
        return count[0]


@pytest.mark.parametrize("dies_before", [1, 2, 3, 4])
def test_a_move_that_dies_at_any_step_is_finished_by_a_second_run(sample, dies_before):
    world = World(sample(MOVE))
    with pytest.raises(Crash):
        world.move(dies_before=dies_before)
    assert len(world.owners()) <= 1
    world.move()
    assert world.directory["ada"] == ("us", 8, None) and world.owners() == ["us"] and world.us.rows["ada"] == "v1"


@pytest.mark.parametrize("slept_before", [1, 2, 3, 4])
def test_a_mover_that_oversleeps_undoes_nothing(sample, slept_before):
    names = sample(MOVE)
    world = World(names)

    class Sleepy:
        """At its n-th step the first mover sleeps, while others move Ada to the US and back and she writes."""

        def __init__(self):
            self.count = 0

        def step(self):
            self.count += 1
            if self.count == slept_before:
                world.move("us")
                world.move("eu")
                names["write"](world.directory, {}, world.regions, "ada", "newest")

    sleepy = Sleepy()

    class Region:
        def __init__(self, region):
            self.region = region

        def release(self, *arguments):
            sleepy.step()
            return self.region.release(*arguments)

        def adopt(self, *arguments):
            sleepy.step()
            return self.region.adopt(*arguments)

    class Directory(dict):
        def swap(self, *arguments):
            sleepy.step()
            return world.directory.swap(*arguments)

    regions = {name: Region(region) for name, region in world.regions.items()}
    with pytest.raises((names["Conflict"], names["NotOwner"])):
        names["move"](Directory(world.directory), regions, "ada", "us")
    assert world.directory["ada"] == ("eu", 9, None) and world.owners() == ["eu"] and world.eu.rows["ada"] == "newest"


def test_a_user_in_the_middle_of_a_move_is_told_to_try_again(sample):
    names = sample(MOVE)
    world = World(names)
    with pytest.raises(Crash):
        world.move(dies_before=3)  # released, not yet adopted
    with pytest.raises(names["NotOwner"]):
        names["write"](world.directory, {}, world.regions, "ada", "lost?")
    world.move()
    names["write"](world.directory, {}, world.regions, "ada", "v2")
    assert world.us.rows["ada"] == "v2"


# Shares


def test_shares_never_oversell_whatever_messages_are_lost_or_repeated(sample):
    names = sample(ESCROW)
    for seed in range(50):
        rng, shares, messages = random.Random(seed), [names["Share"](60), names["Share"](40)], []
        for step in range(300):
            who = rng.randrange(2)
            if rng.random() < 0.5:
                try:
                    shares[who].sell(rng.randint(1, 3))
                except names["SoldOut"]:
                    messages.append((who, f"t{step}", rng.randint(1, 10)))
            elif messages:
                to, transfer, amount = rng.choice(messages)  # any message, any number of times
                granted = shares[1 - to].give(transfer, amount)
                if rng.random() < 0.7:
                    shares[to].receive(transfer, granted)
        assert sum(share.sold for share in shares) <= 100
        assert all(share.left >= 0 for share in shares)


def test_a_repeated_transfer_adds_nothing(sample):
    names = sample(ESCROW)
    a, b = names["Share"](0), names["Share"](10)
    for _ in range(5):
        a.receive("t", b.give("t", 4))
    assert (a.left, b.left) == (4, 6)


# Fencing


def test_no_two_regions_hold_the_lease_at_once(sample):
    clock, rng = [0.0], random.Random(3)
    witness, may_write_until = sample(FENCING)["Witness"](lambda: clock[0]), {}
    for _ in range(5_000):
        clock[0] += rng.random() * 3
        region = rng.choice("AB")
        asked = clock[0]
        if rng.random() < 0.3 and (grant := witness.acquire(region)):
            may_write_until[region] = asked + grant[1]
        assert sum(until > clock[0] for until in may_write_until.values()) <= 1


def test_epochs_only_grow_and_change_with_the_holder(sample):
    clock = [0.0]
    witness = sample(FENCING)["Witness"](lambda: clock[0])
    assert witness.acquire("A")[0] == witness.acquire("A")[0] == 1
    clock[0] = 100.0
    assert witness.acquire("B")[0] == 2 and witness.acquire("A") is None


def test_storage_refuses_the_primary_of_yesterday_for_every_key(sample):
    names = sample(FENCING)
    storage = names["Storage"]()
    storage.write(1, "x", "old")
    storage.write(2, "y", "new")
    with pytest.raises(names["Fenced"]):
        storage.write(1, "x", "late")
    assert storage.rows == {"x": "old", "y": "new"}


# Failover


@pytest.mark.parametrize("step", ["promote", "redirect", "verify"])
def test_a_failover_that_crashes_goes_on_where_it_stopped(sample, step):
    names = sample(FAILOVER)
    standby, log = names["Standby"](breaks_at=step), []
    with pytest.raises(ConnectionError):
        names["fail_over"](standby, log, rpo_s=5)
    names["fail_over"](standby, log, rpo_s=5)
    names["fail_over"](standby, log, rpo_s=5)  # a second operator presses the button as well
    assert standby.did == ["promote", "redirect", "verify"] and log == list(names["STEPS"])


def test_an_unfenced_region_stops_the_failover_even_when_the_loss_is_approved(sample):
    names = sample(FAILOVER)
    standby, log = names["Standby"](fenced=False), []
    with pytest.raises(names["NeedsHuman"]):
        names["fail_over"](standby, log, rpo_s=5, approved={"loss"})
    assert standby.did == [] and log == []
    standby.fenced = True  # the network was cut by hand, and the fence is confirmed now
    names["fail_over"](standby, log, rpo_s=5)
    assert standby.did[0] == "promote"


def test_the_loss_is_measured_after_the_fence(sample):
    names, order = sample(FAILOVER), []

    class Region(names["Standby"]):
        def fence(self):
            order.append("fence")
            return True

        def lag_s(self):
            order.append("lag")
            return 1.0

    names["fail_over"](Region(), [], rpo_s=5)
    assert order[0] == "fence" and "lag" in order


# Shuffle sharding


def test_a_customers_workers_stay_when_a_worker_is_added(sample):
    workers_of, workers = sample(SHUFFLE)["workers_of"], [f"w{n}" for n in range(20)]
    moved = sum(workers_of(c, workers, 3) != workers_of(c, [*workers, "w20"], 3) for c in range(2_000))
    assert 0.10 < moved / 2_000 < 0.19  # 3 of 21 customers, not all


def test_one_customers_sets_do_not_depend_on_other_customers_or_the_order(sample):
    workers_of, workers = sample(SHUFFLE)["workers_of"], [f"w{n}" for n in range(8)]
    assert workers_of("ada", workers, 2) == workers_of("ada", workers[::-1], 2)
