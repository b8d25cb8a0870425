"""Stored interviews: revisions, clock, drafts."""

from pathlib import Path

import pytest

from tutor.errors import SessionError
from tutor.interview.problem import load_problems
from tutor.interview.room import new_state
from tutor.interview_store import MAX_STEP_S, InterviewStore
from tutor.store import new_owner

PROBLEM = load_problems(Path(__file__).parents[2] / "corpus" / "problems")["pastebin"]
ME = new_owner()


@pytest.fixture
def store(tmp_path):
    return InterviewStore(f"sqlite:///{tmp_path / 'x.db'}")


def test_an_interview_comes_back_as_it_was_kept(store):
    key = store.add(ME, new_state(PROBLEM))
    store.keep_draft(ME, key, "what I was about to say")
    record = store.get(ME, key)
    assert record.draft == "what I was about to say" and record.state.problem == "pastebin"
    assert store.get(new_owner(), key) is None


def test_the_second_of_two_tabs_is_told_and_changes_nothing(store):
    key = store.add(ME, new_state(PROBLEM))
    first, second = store.get(ME, key), store.get(ME, key)
    first.state.notes = "from the first"
    store.save(ME, key, first.state, first.revision)
    with pytest.raises(SessionError, match="another tab"):
        store.save(ME, key, second.state, second.revision)
    assert store.get(ME, key).state.notes == "from the first"


def test_a_made_up_owner_is_refused(store):
    for owner in ("terminal", "None", "", "%", "0" * 31, ME.upper()):
        with pytest.raises(SessionError):
            store.add(owner, new_state(PROBLEM))
        with pytest.raises(SessionError):
            store.listed(owner)


def test_a_clock_that_jumps_costs_at_most_a_step(store, monkeypatch):
    key = store.add(ME, new_state(PROBLEM))
    now = __import__("time").time()
    monkeypatch.setattr("tutor.interview_store.time.time", lambda: now + 90_000)
    assert store.tick(ME, key) <= MAX_STEP_S
    monkeypatch.setattr("tutor.interview_store.time.time", lambda: now - 90_000)
    assert store.tick(ME, key) <= MAX_STEP_S


def test_a_paused_clock_stands_still(store, monkeypatch):
    key = store.add(ME, new_state(PROBLEM))
    store.pause(ME, key, True)
    before = store.tick(ME, key)
    now = __import__("time").time()
    monkeypatch.setattr("tutor.interview_store.time.time", lambda: now + 10)
    assert store.tick(ME, key) == before
