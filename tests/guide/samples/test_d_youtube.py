"""The video service's samples in the failures their prose is about: crashes, redelivery, falling bandwidth."""

import random
import sqlite3
from itertools import pairwise, product

import pytest

AT = "designs/youtube"


class Crash(Exception):
    """The worker dies here."""


class World:
    """Storage, table and queue; a worker dies before or after the given step, and its message comes again."""

    def __init__(self, encode_task, segments, crashes):
        self.encode_task, self.crashes = encode_task, list(crashes)
        self.objects, self.rows, self.published, self.encoded = {}, set(), [], 0
        self.queue = [
            {"video": 7, "preset": "p1", "quality": q, "number": n, "segments": segments}
            for q, n in product(("360p", "720p"), range(segments))
        ]

    def step(self, name, act):
        for when in ("before", "after"):
            if (name, when) in self.crashes and when == "before":
                self.crashes.remove((name, when))
                raise Crash
            if when == "before":
                act()
            elif (name, when) in self.crashes:
                self.crashes.remove((name, when))
                raise Crash

    def exists(self, key):
        return key in self.objects

    def put(self, key, data):
        self.step("put", lambda: self.objects.update({key: data}))

    def add(self, *row):
        self.step("add", lambda: self.rows.add(row))

    def count(self, *stream):
        return sum(row[:-1] == stream for row in self.rows)

    def encode(self, task):
        self.encoded += 1
        return b"segment"

    def publish(self, video, preset, quality):
        assert sum(f"/{quality}/" in key for key in self.objects) == 5  # never with a hole
        self.step("publish", lambda: self.published.append(quality))

    def run(self):
        random.Random(1).shuffle(self.queue)
        while self.queue:
            task = self.queue.pop(0)
            try:
                self.encode_task(task, self, self, self.encode, self.publish)
            except Crash:
                self.queue += [
                    task,
                    task,
                ]  # not acknowledged: delivered again, and once more for good measure


@pytest.mark.parametrize(
    "crashes", [[], *[[(s, w)] * 3 for s in ("put", "add", "publish") for w in ("before", "after")]]
)
def test_a_quality_is_published_whole_whatever_step_a_worker_dies_in(sample, crashes):
    world = World(sample(f"{AT}/deep-dives/transcoding")["encode_task"], 5, crashes)
    world.run()
    assert set(world.published) == {"360p", "720p"} and not world.crashes
    assert world.encoded == 10 + crashes.count(("put", "before"))  # what was stored is not encoded again


def test_a_repeated_segment_does_not_stand_in_for_a_missing_one(sample):
    world = World(sample(f"{AT}/deep-dives/transcoding")["encode_task"], 5, [])
    first = world.queue[0]
    for _ in range(5):
        world.encode_task(first, world, world, world.encode, world.publish)
    assert world.published == [] and world.encoded == 1
    world.run()
    assert sorted(set(world.published)) == ["360p", "720p"]
    again = [t | {"preset": "p2"} for t in (first,)]  # new settings: the old segments do not count
    published = list(world.published)
    world.encode_task(again[0], world, world, world.encode, world.publish)
    assert world.published == published


def test_views_are_neither_lost_nor_repeated_when_the_consumer_dies(sample):
    names = sample(f"{AT}/deep-dives/view-counts")
    db, apply = names["db"], names["apply"]
    db.executescript("DELETE FROM view_counts; UPDATE view_progress SET next_offset = 0")
    dice = random.Random(5)
    log = [dice.choice([7, 7, 7, 8, 9]) for _ in range(1000)]

    class Dies:
        def __init__(self, at):
            self.at = at

        def execute(self, text, *values):
            if self.at in text:
                raise sqlite3.OperationalError("server closed the connection")
            return db.execute(text, *values)

        executemany = staticmethod(db.executemany)

        def __enter__(self):
            return db.__enter__()

        def __exit__(self, *error):
            return db.__exit__(*error)

    committed = 0  # what the broker believes
    while committed < len(log):
        batch = log[committed : committed + 90]
        what = dice.choice(["dies", "forgets", "works"])
        if what == "dies":  # totals written, progress not: both must go
            with pytest.raises(sqlite3.OperationalError):
                apply(Dies("UPDATE view_progress"), 0, committed, batch)
            continue
        apply(db, 0, committed, batch)
        if what == "works":
            committed += len(batch) - dice.choice([0, 30])
    assert dict(db.execute("SELECT * FROM view_counts")) == {v: log.count(v) for v in (7, 8, 9)}
    with pytest.raises(LookupError):
        apply(db, 0, 1001, [7])


def play(choose, bandwidth, segment_s=4.0, cap_s=30.0):
    """Seconds of standstill and the rungs of a player on a line whose Mbps is a function of time."""
    ladder, now, buffer_s, stalled, rungs, current = (0.8, 1.4, 2.8, 5.0), 0.0, 0.0, 0.0, [], 0
    average = measured = 3.0
    while now < 600:
        current = choose(measured, buffer_s, current)
        rungs.append(current)
        left, took = ladder[current] * segment_s, 0.0
        while left > 0:
            left -= bandwidth(now + took) * 0.05
            took += 0.05
        last = ladder[current] * segment_s / took
        average = 0.7 * average + 0.3 * last
        measured = min(last, average)  # a fall counts at once, a rise has to last
        stalled += max(took - buffer_s, 0)
        buffer_s = max(buffer_s - took, 0) + segment_s
        now += took
        if buffer_s > cap_s:
            now += buffer_s - cap_s
            buffer_s = cap_s
    return stalled, rungs


def test_falling_bandwidth_makes_the_picture_coarser_and_does_not_stop_it(sample):
    choose = sample(f"{AT}/adaptive-bitrate")["next_rung"]

    def tunnel(at):
        return 1.1 if 200 < at < 320 else 12.0

    stalled, rungs = play(choose, tunnel)
    assert stalled < 600 * 0.01 and max(rungs) == 3 and 0 in rungs[20:]  # under 1% of the time
    assert rungs[-1] == 3  # and it climbs again
    fixed, _ = play(lambda *_: 3, tunnel)
    assert fixed > 60  # a player that keeps 1080p stands still for a tenth of the time
    changes = sum(a != b for a, b in pairwise(rungs))
    assert changes < 15  # no hunting between rungs


def test_tables_refuse_double_likes_and_segments(sql):
    db = sqlite3.connect(":memory:")
    db.executescript(sql(f"{AT}/schema"))
    for row in ("video_likes VALUES (7, 1, '2026-03-02')", "segments_done VALUES (7, 'p1', '360p', 0)"):
        db.execute(f"INSERT INTO {row}")
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(f"INSERT INTO {row}")
