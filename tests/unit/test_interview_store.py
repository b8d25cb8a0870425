"""Stored interviews: revisions, clock, drafts."""

from pathlib import Path

import pytest

from tutor.errors import SessionError
from tutor.interview.problem import load_problems
from tutor.interview.room import new_state
from tutor.interview_store import MAX_STEP_S, InterviewStore

PROBLEM = load_problems(Path(__file__).parents[2] / "corpus" / "problems")["pastebin"]


@pytest.fixture
def store(tmp_path):
    return InterviewStore(f"sqlite:///{tmp_path / 'x.db'}")


def test_an_interview_comes_back_as_it_was_kept(store):
    key = store.add("me", new_state(PROBLEM))
    store.keep_draft("me", key, "what I was about to say")
    record = store.get("me", key)
    assert record.draft == "what I was about to say" and record.state.problem == "pastebin"
    assert store.get("someone else", key) is None


def test_the_second_of_two_tabs_is_told_and_changes_nothing(store):
    key = store.add("me", new_state(PROBLEM))
    first, second = store.get("me", key), store.get("me", key)
    first.state.notes = "from the first"
    store.save("me", key, first.state, first.revision)
    with pytest.raises(SessionError, match="another tab"):
        store.save("me", key, second.state, second.revision)
    assert store.get("me", key).state.notes == "from the first"


def test_a_clock_that_jumps_costs_at_most_a_step(store, monkeypatch):
    key = store.add("me", new_state(PROBLEM))
    now = __import__("time").time()
    monkeypatch.setattr("tutor.interview_store.time.time", lambda: now + 90_000)
    assert store.tick("me", key) <= MAX_STEP_S
    monkeypatch.setattr("tutor.interview_store.time.time", lambda: now - 90_000)
    assert store.tick("me", key) <= MAX_STEP_S


def test_a_paused_clock_stands_still(store, monkeypatch):
    key = store.add("me", new_state(PROBLEM))
    store.pause("me", key, True)
    before = store.tick("me", key)
    now = __import__("time").time()
    monkeypatch.setattr("tutor.interview_store.time.time", lambda: now + 10)
    assert store.tick("me", key) == before
