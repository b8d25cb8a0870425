"""The file-sync samples under shifted bytes, racing commits, a collector in between, crashes and offline edits."""

import hashlib
import random
import sqlite3
from contextlib import suppress

import pytest

SYNC = "more/file-sync/deep-dives"


@pytest.fixture(scope="module")
def chunking(sample):
    return sample(f"{SYNC}/chunking")


@pytest.mark.parametrize("seed", range(3))
def test_an_edit_anywhere_costs_a_few_chunks_and_the_pieces_are_the_file(chunking, seed):
    rng = random.Random(seed)
    old = rng.randbytes(200_000)
    place = rng.randrange(len(old))
    new = old[:place] + rng.randbytes(50) + old[place + rng.randrange(100) :]
    assert b"".join(chunking["cut"](new)) == new
    assert sum(map(len, chunking["new_chunks"](old, new, chunking["cut"]))) < 80_000
    if place < 100_000:
        assert sum(map(len, chunking["new_chunks"](old, new, chunking["fixed"]))) >= 90_000


def test_monotonous_and_empty_files_neither_explode_nor_stay_whole(chunking):
    cut, most, least = chunking["cut"], chunking["MOST"], chunking["LEAST"]
    assert list(cut(b"")) == [] and list(cut(b"x")) == [b"x"]
    sizes = [len(chunk) for chunk in cut(bytes(300_000))]
    assert max(sizes) <= most and all(size >= least for size in sizes[:-1])


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def made(sample):
    made = sample(f"{SYNC}/commit")
    made["db"] = sqlite3.connect(":memory:", isolation_level=None)
    made["db"].executescript(made["SCHEMA"])
    made["blobs"] = {}
    return made


def upload(made, data, now, space=5):
    made["store"](made["db"], made["blobs"], space, digest(data), data, now)


def read(made, file, space=5):
    rows = made["db"].execute(
        """SELECT object FROM version_chunks v LEFT JOIN chunks c ON c.space = v.space AND c.hash = v.hash
           WHERE v.space = ? AND file = ? AND version = (SELECT max(version) FROM versions WHERE file = ?) ORDER BY place""",
        (space, file, file),
    )
    return b"".join(made["blobs"][key] for (key,) in rows)


def test_a_commit_without_its_chunks_changes_nothing(made):
    db = made["db"]
    upload(made, b"one", 0)
    with pytest.raises(made["Missing"]):
        made["commit"](db, 5, "a", 0, [digest(b"one"), digest(b"two")])
    assert db.execute(
        "SELECT (SELECT count(*) FROM versions), last_seq FROM spaces WHERE space = 5"
    ).fetchone() == (0, 0)
    upload(made, b"two", 0)
    assert made["commit"](db, 5, "a", 0, [digest(b"two"), digest(b"one"), digest(b"two")]) == 1
    assert read(made, "a") == b"twoonetwo"


def test_of_two_devices_on_one_base_the_second_gets_a_conflict(made):
    for text in (b"ada", b"bo"):
        upload(made, text, 0)
    assert made["commit"](made["db"], 5, "a", 0, [digest(b"ada")]) == 1
    with pytest.raises(made["Conflict"]):
        made["commit"](made["db"], 5, "a", 0, [digest(b"bo")])
    assert made["commit"](made["db"], 5, "a", 1, [digest(b"bo")]) == 2


def test_a_promised_chunk_outlives_the_collector_and_an_unpromised_one_does_not(made):
    db, blobs, day = made["db"], made["blobs"], 24 * 3600
    upload(made, b"old", 0)
    assert made["missing"](db, 5, [digest(b"old")], now=day - 1) == []
    made["collect"](db, blobs, now=day + 1)
    assert made["commit"](db, 5, "a", 0, [digest(b"old")]) == 1
    upload(made, b"orphan", 0)
    made["collect"](db, blobs, now=10 * day)
    assert read(made, "a") == b"old" and list(blobs.values()) == [b"old"]
    assert made["missing"](db, 5, [digest(b"orphan")], now=10 * day) == [digest(b"orphan")]


def test_a_commit_that_comes_after_the_collector_is_refused_and_never_lists_a_lost_chunk(made):
    upload(made, b"late", 0)
    made["collect"](made["db"], made["blobs"], now=24 * 3600)
    with pytest.raises(made["Missing"]):
        made["commit"](made["db"], 5, "a", 0, [digest(b"late")])


def test_a_late_delete_of_the_collector_does_not_hit_the_chunk_that_was_uploaded_again(made):
    class Slow(dict):
        def pop(self, key, default=None):
            upload(made, b"again", 24 * 3600)  # between the row and the object
            return super().pop(key, default)

    upload(made, b"again", 0)
    made["blobs"] = blobs = Slow(made["blobs"])
    made["collect"](made["db"], blobs, now=24 * 3600)
    made["commit"](made["db"], 5, "a", 0, [digest(b"again")])
    assert read(made, "a") == b"again"


def test_neither_a_wrong_name_nor_a_foreign_hash_gets_in(made):
    with pytest.raises(ValueError):
        made["store"](made["db"], made["blobs"], 5, digest(b"x"), b"y", 0)
    upload(made, b"secret", 0, space=5)
    assert made["missing"](made["db"], 6, [digest(b"secret")], 1) == [digest(b"secret")]
    with pytest.raises(made["Missing"]):
        made["commit"](made["db"], 6, "a", 0, [digest(b"secret")])


class Server:
    """Keeps all versions; can be unreachable."""

    def __init__(self, conflict):
        self.history, self.conflict, self.fault = {}, conflict, lambda: None

    def paths(self):
        return list(self.history)

    def read(self, path):
        self.fault()
        versions = self.history.get(path, [None])
        return len(versions) - 1, versions[-1]

    def write(self, path, version, content):
        self.fault()
        versions = self.history.setdefault(path, [None])
        if version != len(versions) - 1:
            raise self.conflict
        versions.append(content)
        self.fault()  # stored, but the answer is lost
        return len(versions) - 1


@pytest.fixture
def device(sample):
    made = sample(f"{SYNC}/conflicts")
    server = Server(made["Conflict"])

    class Device:
        def __init__(self, name):
            self.name, self.disk, self.base = name, {}, {}

        def sync(self):
            made["sync"](self.disk, self.base, server, self.name)

    Device.server = server
    return Device


def settle(*devices):
    for _ in range(4):
        for one in devices:
            one.sync()
    assert len({tuple(sorted(one.disk.items())) for one in devices}) == 1


def test_both_offline_edits_survive(device):
    ada, bo = device("Ada"), device("Bo")
    ada.disk["plan.txt"] = "draft"
    settle(ada, bo)
    ada.disk["plan.txt"], bo.disk["plan.txt"] = "by Ada", "by Bo"
    settle(ada, bo)
    assert ada.disk == {"plan.txt": "by Ada", "plan (conflicted copy of Bo).txt": "by Bo"}


@pytest.mark.parametrize("first", ["Ada", "Bo"])
def test_an_edit_beats_a_deletion_and_a_deletion_of_an_untouched_file_spreads(device, first):
    ada, bo = device("Ada"), device("Bo")
    ada.disk.update({"a": "1", "b": "1"})
    settle(ada, bo)
    del ada.disk["a"], ada.disk["b"]
    bo.disk["a"] = "2"
    settle(*sorted((ada, bo), key=lambda one: one.name != first))
    assert ada.disk == {"a": "2"}


def test_edits_that_take_turns_make_no_conflict_copies(device):
    ada, bo = device("Ada"), device("Bo")
    for turn in range(6):
        author, reader = (ada, bo) if turn % 2 else (bo, ada)
        author.disk["a"] = str(turn)
        author.sync()
        reader.sync()
    assert ada.disk == bo.disk == {"a": "5"}


def test_who_loses_the_race_at_the_commit_decides_again(device):
    ada, bo = device("Ada"), device("Bo")
    ada.disk["a"] = "draft"
    settle(ada, bo)
    ada.disk["a"], bo.disk["a"] = "by Ada", "by Bo"
    write, racing = device.server.write, [bo]

    def slow(*call):
        while racing:
            racing.pop().sync()
        return write(*call)

    device.server.write = slow
    ada.sync()
    assert ada.disk["a"] == "by Ada"
    settle(ada, bo)
    assert sorted(ada.disk.values()) == ["by Ada", "by Bo"]


def test_the_same_change_on_both_sides_is_no_conflict(device):
    ada, bo = device("Ada"), device("Bo")
    ada.disk["a"] = bo.disk["a"] = "same"
    settle(ada, bo)
    assert ada.disk == {"a": "same"}


def test_a_second_conflict_does_not_overwrite_the_first_copy(sample):
    name = sample(f"{SYNC}/conflicts")["copy_name"]
    first = name("a.txt", "Bo", set())
    assert name("a.txt", "Bo", {first}) == "a (conflicted copy of Bo 2).txt"
    assert name(".profile", "Bo", set()) == ".profile (conflicted copy of Bo)"
    assert name("Makefile", "Bo", set()) == "Makefile (conflicted copy of Bo)"


@pytest.mark.parametrize("seed", range(60))
def test_a_sync_loses_nothing_that_was_written_although_the_network_fails_at_any_moment(device, seed):
    rng, devices = random.Random(seed), [device(name) for name in ("Ada", "Bo", "Cy")]

    def fault():
        if rng.random() < 0.1:
            raise ConnectionError

    def existing():
        histories = [*device.server.history.values(), *[one.disk.values() for one in devices]]
        return {text for texts in histories for text in texts if text}

    device.server.fault = fault
    for step in range(40):
        one, path = rng.choice(devices), rng.choice("ab")
        if rng.random() < 0.7:
            one.disk[path] = f"{one.name} {step}"
        else:
            one.disk.pop(path, None)
        before = existing()
        with suppress(ConnectionError):
            one.sync()
        assert existing() >= before
    device.server.fault = lambda: None
    settle(*devices)
