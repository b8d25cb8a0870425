"""Instagram's samples in the failures their prose is about: repeated taps, crashes, photos that come back."""

import sqlite3
from itertools import combinations

import pytest

AT = "designs/instagram"


def test_the_schema_knows_private_accounts_and_refuses_double_rows(sql):
    db = sqlite3.connect(":memory:")
    db.executescript(sql(f"{AT}/schema"))
    db.execute("INSERT INTO users VALUES (1, 'a', 'a@example.com', TRUE, '2026-03-02', NULL)")
    db.execute("INSERT INTO photos VALUES (1, 1, 'u1', NULL, NULL, 'processing', '2026-03-02')")
    for row in [
        "photos VALUES (2, 1, 'u1', NULL, NULL, 'processing', '2026-03-02')",  # the upload was repeated
        "photos VALUES (2, 1, 'u2', NULL, NULL, 'broken', '2026-03-02')",
        "follows VALUES (1, 1, 'accepted', '2026-03-02')",
        "follows VALUES (1, 2, 'perhaps', '2026-03-02')",
    ]:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute(f"INSERT INTO {row}")
    plan = db.execute(
        "EXPLAIN QUERY PLAN SELECT user_id FROM likes WHERE photo_id = 9 ORDER BY created_at DESC LIMIT 20"
    )
    text = plan.fetchall()[0][3]
    assert "likes_by_photo" in text and "SCAN" not in text


def test_repeated_taps_and_crashes_leave_count_and_rows_equal(sample):
    names = sample(f"{AT}/deep-dives/like-counts")
    db, like, unlike, likes = names["db"], names["like"], names["unlike"], names["likes"]
    db.executescript("DELETE FROM likes; DELETE FROM like_counts")

    class Dies:
        def execute(self, text, values=()):
            if "like_counts" in text:
                raise sqlite3.OperationalError("server closed the connection")
            return db.execute(text, values)

        def __enter__(self):
            return db.__enter__()

        def __exit__(self, *error):
            return db.__exit__(*error)

    for user in range(200):
        if user % 3 == 0:
            with pytest.raises(sqlite3.OperationalError):  # between the row and the counter
                like(Dies(), user, 9, "2026-03-02")
        like(db, user, 9, "2026-03-02")
        like(db, user, 9, "2026-03-02")
        if user % 4 == 0:
            with pytest.raises(sqlite3.OperationalError):
                unlike(Dies(), user, 9)
            unlike(db, user, 9)
            unlike(db, user, 9)
    assert likes(db, 9) == db.execute("SELECT count(*) FROM likes").fetchone()[0] == 150
    shards = [n for (n,) in db.execute("SELECT likes FROM like_counts WHERE photo_id = 9")]
    assert len(shards) > 8 and max(shards) < 75  # spread, not one hot row
    assert likes(db, 10) == 0


class Stores(dict):
    """Each store gives up items in batches of ten and dies where it is told to."""

    def __init__(self, dies_at=None):
        self.items = {}
        self.dies_at, self.calls = dies_at, []
        super().__init__()

    def __missing__(self, step):
        def delete(user):
            self.calls.append(step)
            held = self.items.setdefault((user, step), 25)
            if self.dies_at == step and held < 25:
                self.dies_at = None
                raise ConnectionError(step)
            self.items[user, step] = max(held - 10, 0)
            return held - self.items[user, step]

        return delete


def test_an_erasure_that_crashes_goes_on_where_it_stopped_and_hides_first(sample):
    names = sample(f"{AT}/deep-dives/deletion")
    for dies_at in (None, *names["STEPS"]):
        stores, journal = Stores(dies_at), set()
        for _ in range(2):
            try:
                names["erase"](5, stores, journal)
                break
            except ConnectionError:
                assert ("hide" in stores.calls) and (dies_at == "hide" or (5, "hide") in journal)
        assert stores.calls[0] == "hide"
        assert set(stores.items) == {(5, step) for step in names["STEPS"]}
        assert not any(stores.items.values())
        before = len(stores.calls)
        names["erase"](5, stores, journal)
        assert len(stores.calls) == before  # finished steps are not repeated


def test_a_photo_that_is_deleted_while_it_is_processed_stays_away(sample):
    finish_photo = sample(f"{AT}/deep-dives/deletion")["finish_photo"]

    def run(places, eraser):
        rows, objects = (
            {9: {"status": "processing"}, 10: {"status": "ready"}},
            {"9/original": 1, "10/large": 1},
        )
        actions = {
            "mark": lambda: rows[9].update(status="deleted") if 9 in rows else None,
            "objects": lambda: [objects.pop(key) for key in list(objects) if key.startswith("9/")],
            "row": lambda: rows.pop(9),
            "put": lambda: objects.update({"9/large": 1, "9/medium": 1}),
            "finish": lambda: finish_photo(9, rows, objects),
        }
        steps = [iter(("put", "finish")), iter(eraser)]
        for position in range(2 + len(eraser)):
            actions[next(steps[0] if position in places else steps[1])]()
        assert "10/large" in objects
        return any(key.startswith("9/") for key in objects)

    left = [run(places, ("mark", "objects", "row")) for places in combinations(range(5), 2)]
    assert not any(left)  # whatever the order of the five steps
    unmarked = [run(places, ("objects", "row")) for places in combinations(range(4), 2)]
    assert any(unmarked)  # the mark is needed


def test_a_finished_photo_is_finished_once(sample):
    finish_photo = sample(f"{AT}/deep-dives/deletion")["finish_photo"]
    rows, objects = {9: {"status": "processing"}}, {"9/large": 1}
    assert finish_photo(9, rows, objects) and rows[9]["status"] == "ready"
    assert objects == {"9/large": 1}
    finish_photo(9, rows, objects)  # the job is delivered again
    assert objects == {"9/large": 1}
