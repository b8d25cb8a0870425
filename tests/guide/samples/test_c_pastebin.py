"""Pastebin's samples under crashes, a failing object store and readers that race."""

import sqlite3
from types import SimpleNamespace

import pytest

DAY = 86_400
LONG = "x" * 20_000


class Objects:
    """An object store that can be down."""

    def __init__(self):
        self.held, self.down = {}, False

    def put(self, key, data, now):
        self.held[key] = (data, now)

    def get(self, key):
        if self.down:
            raise ConnectionError("503")
        return self.held[key][0]

    def delete(self, key):
        del self.held[key]

    def list(self):
        return [(key, at) for key, (_, at) in self.held.items()]


@pytest.fixture
def bin_(sample):
    made = SimpleNamespace(**sample("designs/pastebin/storage/write-order"))
    made.db = sqlite3.connect(":memory:")
    made.db.execute("CREATE TABLE pastes (code PRIMARY KEY, inline_text, object_key)")
    made.objects = Objects()
    return made


def test_small_texts_stay_in_the_row_and_large_ones_leave_it(bin_):
    small, large = (bin_.create(bin_.db, bin_.objects, text, 0) for text in ("hi", LONG))
    assert len(bin_.objects.held) == 1
    bin_.objects.down = True
    assert bin_.read(bin_.db, bin_.objects, small) == "hi"
    with pytest.raises(ConnectionError):
        bin_.read(bin_.db, bin_.objects, large)
    bin_.objects.down = False
    assert bin_.read(bin_.db, bin_.objects, large) == LONG


def test_a_crash_between_object_and_row_leaves_an_orphan_that_the_sweeper_removes(bin_):
    def die():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bin_.create(bin_.db, bin_.objects, LONG, now=0, new_code=die)
    kept = bin_.create(bin_.db, bin_.objects, LONG, now=0)
    assert len(bin_.objects.held) == 2
    bin_.sweep(bin_.db, bin_.objects, now=DAY)  # too young: its row may be about to be written
    assert len(bin_.objects.held) == 2
    bin_.sweep(bin_.db, bin_.objects, now=DAY + 1)
    assert len(bin_.objects.held) == 1
    assert bin_.read(bin_.db, bin_.objects, kept) == LONG


def test_a_taken_code_is_drawn_again_and_the_object_is_used_once(bin_):
    codes = iter(["taken", "taken", "free"])
    bin_.create(bin_.db, bin_.objects, "first", 0, lambda: next(codes))
    assert bin_.create(bin_.db, bin_.objects, LONG, 0, lambda: next(codes)) == "free"
    assert len(bin_.objects.held) == 1


@pytest.fixture
def burning(sample):
    made = sample("designs/pastebin/api-flow/burn")
    made["db"].execute("INSERT INTO pastes VALUES ('k', NULL, 'obj', 1), ('kept', 'text', NULL, 0)")
    return made


def test_a_failing_object_store_burns_nothing(burning):
    objects = Objects()
    objects.put("obj", "secret", 0)
    objects.down = True
    with pytest.raises(ConnectionError):
        burning["burn"](burning["db"], objects, "k")
    objects.down = False
    assert burning["burn"](burning["db"], objects, "k") == "secret"


def test_of_two_readers_at_once_one_sees_the_text(burning):
    seen = []

    class Racing(Objects):
        def get(self, key):
            if not seen:
                seen.append(None)
                seen[0] = burning["burn"](burning["db"], self, "k")
            return super().get(key)

    objects = Racing()
    objects.put("obj", "secret", 0)
    seen.append(burning["burn"](burning["db"], objects, "k"))
    assert sorted(seen, key=str) == [None, "secret"]


def test_an_ordinary_paste_is_not_burned(burning):
    assert burning["burn"](burning["db"], {}, "kept") is None
    assert burning["db"].execute("SELECT count(*) FROM pastes WHERE code = 'kept'").fetchone() == (1,)
