"""Compiled prompt states on disk."""

import os

from tutor.llm.states import StateFolder


def put(states, prefix, size, age):
    name = states.pending()
    (states.folder / name).write_bytes(b"x" * size)
    states.commit(name, prefix)
    file = states.folder / states.name(prefix)
    if file.exists():
        os.utime(file, (1_000_000 - age, 1_000_000 - age))


def test_the_name_changes_with_text_and_engine(tmp_path):
    one, two = StateFolder(tmp_path, "engine 1", 100), StateFolder(tmp_path, "engine 2", 100)
    assert len({one.name("a"), one.name("b"), two.name("a")}) == 3


def test_the_least_recently_used_go_first_and_the_budget_holds(tmp_path):
    states = StateFolder(tmp_path, "engine", 100)
    put(states, "old", 40, age=300)
    put(states, "middle", 40, age=200)
    put(states, "new", 40, age=100)
    assert not states.has("old") and states.has("middle") and states.has("new")
    states.used("middle")
    put(states, "newest", 40, age=0)
    assert states.has("middle") and not states.has("new")
    assert sum(file.stat().st_size for file in tmp_path.glob("*.state")) <= 100


def test_a_dropped_state_is_gone(tmp_path):
    states = StateFolder(tmp_path, "engine", 100)
    put(states, "a", 10, age=0)
    states.drop("a")
    assert not states.has("a")
    states.drop("a")
    states.used("a")
