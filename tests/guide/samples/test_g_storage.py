"""The samples of chapter 22 survive what their prose is about: power loss, short writes, lost commits, bit rot."""

import itertools
import os
import random
import threading
from unittest.mock import Mock

import pytest


class PowerLoss(BaseException):
    """The machine stops before this disk operation takes effect."""


def make(sample, dies_at):
    """A disk that loses power at its n-th change, and the tree's class."""
    names = sample("storage/engines/lsm/code")

    class Dying(names["Disk"]):
        count = itertools.count()

        def change(self, name, *args):
            if next(self.count) == dies_at:
                raise PowerLoss
            getattr(super(), name)(*args)

        def append(self, *args):
            self.change("append", *args)

        def sync(self, *args):
            self.change("sync", *args)

        def replace(self, *args):
            self.change("replace", *args)

        def delete(self, *args):
            self.change("delete", *args)

    return Dying(), names["Tree"]


@pytest.mark.parametrize("kept", [0, 7, 30, 10_000])
def test_an_lsm_tree_keeps_every_acknowledged_write_wherever_the_power_fails(sample, kept):
    for dies_at in range(2, 120):
        disk, tree_class = make(sample, dies_at)
        rng, model, pending = random.Random(dies_at), {}, None
        try:
            tree = tree_class(disk)
            for step in range(40):
                key = f"k{rng.randrange(6)}"
                pending = (key, None if rng.random() < 0.3 else step)
                tree.put(*pending)
                model[key] = pending[1]
                pending = None
                if step % 11 == 10:
                    tree.compact()
        except PowerLoss:
            pass
        disk.crash(kept)
        disk.count = itertools.count(1_000)  # no second failure
        tree = tree_class(disk)
        for key in map("k{}".format, range(6)):
            allowed = {model.get(key)} | ({pending[1]} if pending and pending[0] == key else set())
            assert tree.get(key) in allowed, (dies_at, key)
        tree.put("after", 1)
        # what is written after the recovery is not lost behind a torn record
        assert tree_class(disk).get("after") == 1


def test_a_partial_compaction_that_drops_tombstones_would_revive_a_key(sample):
    """What the prose warns of: the sample merges all files, so its tombstones may go."""
    names = sample("storage/engines/lsm/code")
    tree = names["Tree"](names["Disk"](), limit=1)
    tree.put("k", "old")
    tree.delete("k")
    assert tree.get("k") is None and len(tree.tables) == 2
    oldest = tree.load(tree.tables[-1])
    assert oldest["k"] == "old"  # without the tombstone in the newer file this would be the answer
    tree.compact()
    assert tree.get("k") is None and len(tree.tables) == 1


def test_a_file_is_old_or_new_whichever_call_fails(sample, tmp_path, monkeypatch):
    replace_file = run_in(sample, tmp_path, monkeypatch)
    path = tmp_path / "f"
    path.write_bytes(b"old" * 1000)
    for name in ("write", "fsync", "replace"):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, Mock(side_effect=OSError(name)))
            with pytest.raises(OSError, match=name):
                replace_file(str(path), b"new" * 2000)
        assert path.read_bytes() == b"old" * 1000


def test_the_bytes_are_forced_before_the_name_and_the_folder_after_it(sample, tmp_path, monkeypatch):
    replace_file = run_in(sample, tmp_path, monkeypatch)
    calls, real = [], {name: getattr(os, name) for name in ("write", "fsync", "replace")}
    for name in real:
        monkeypatch.setattr(os, name, lambda *args, _n=name: calls.append(_n) or real[_n](*args))
    short = real["write"]
    monkeypatch.setattr(os, "write", lambda file, data: calls.append("write") or short(file, data[:5]))
    replace_file(str(tmp_path / "f"), b"0123456789ab")
    assert (tmp_path / "f").read_bytes() == b"0123456789ab"
    assert calls == ["write", "write", "write", "fsync", "replace", "fsync"]


def run_in(sample, folder, monkeypatch):
    work = folder / "work"
    work.mkdir(exist_ok=True)
    monkeypatch.chdir(work)
    return sample("storage/durability/replace-file")["replace_file"]


def test_no_commit_of_many_writers_is_lost(sample):
    names = sample("storage/columnar/lakehouse/commit")
    store = names["ObjectStore"]()
    table = names["Table"](store)

    def append(writer):
        for n in range(25):
            base, _ = table.snapshot()
            table.commit(base, add=[f"{writer}-{n}"])

    threads = [threading.Thread(target=append, args=(w,)) for w in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    version, files = table.snapshot()
    assert version == 150 and len(files) == 150


def test_two_rewrites_of_one_file_conflict_and_a_crashed_writer_stays_invisible(sample):
    names = sample("storage/columnar/lakehouse/commit")
    table = names["Table"](names["ObjectStore"]())
    table.commit(0, add=["a"])
    base, _ = table.snapshot()
    table.store.objects["data/orphan"] = b"written, never committed"
    table.commit(base, add=["a1"], remove=["a"])
    with pytest.raises(names["Conflict"]):
        table.commit(base, add=["a2"], remove=["a"])
    assert table.snapshot() == (2, {"a1"})


@pytest.mark.parametrize(("k", "m"), [(4, 2), (6, 3), (10, 4)])
def test_any_k_fragments_rebuild_the_data(sample, k, m):
    names = sample("storage/erasure-coding/code")
    data = random.Random(k).randbytes(333)
    stored = names["encode"](data, k, m)
    for kept in itertools.combinations(stored, k):
        assert names["decode"]({i: stored[i] for i in kept}, k, len(data)) == data


def test_a_silently_changed_fragment_is_never_used(sample):
    names = sample("storage/erasure-coding/code")
    data = random.Random(5).randbytes(80)
    for i in range(6):
        stored = names["encode"](data, 4, 2)
        check, fragment = stored[i]
        stored[i] = (check, bytes([fragment[0] ^ 1]) + fragment[1:])
        assert names["decode"](stored, 4, len(data)) == data
        # as if nobody had kept checksums
        wrong = {n: (names["zlib"].crc32(f), f) for n, (_, f) in stored.items()}
        if i < 4:
            assert names["decode"](wrong, 4, len(data)) != data


def test_more_losses_than_parity_are_reported(sample):
    names = sample("storage/erasure-coding/code")
    stored = names["encode"](b"x" * 50, 4, 2)
    for i in (0, 2, 5):
        del stored[i]
    with pytest.raises(OSError, match="3 intact fragments"):
        names["decode"](stored, 4, 50)
