"""Conversations in a real SQLite file."""

from pathlib import Path

import pytest

from tutor.errors import SessionError
from tutor.schema import Answer, Citation, ExtractSentence
from tutor.store import Store, new_owner

ANSWER = Answer(
    id="a", question="What is a cache?", standalone_question="What is a cache?", status="answered",
    extract=(ExtractSentence("A cache keeps copies.", 1),), text="A cache keeps copies.",
    citations=(Citation(1, "caching/why", "Why cache?", "06.md", 10, 31, "A cache keeps copies."),),
)  # fmt: skip


ME, YOU = new_owner(), new_owner()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'tutor.db'}")


def test_turns_come_back_in_order_after_a_restart(store: Store, tmp_path: Path):
    conversation, _ = store.add_turn(ME, None, ANSWER.to_json())
    again, _ = store.add_turn(ME, conversation, ANSWER.to_json())
    assert again == conversation
    reopened = Store(f"sqlite:///{tmp_path / 'tutor.db'}")
    assert [c.title for c in reopened.conversations(ME)] == ["What is a cache?"]
    assert reopened.history(ME, conversation) == [("What is a cache?", "A cache keeps copies.")] * 2


def test_nobody_reads_renames_or_deletes_anothers_conversation(store: Store):
    conversation, turn = store.add_turn(ME, None, ANSWER.to_json())
    store.rename(YOU, conversation, "mine now")
    store.delete(YOU, conversation)
    store.set_feedback(YOU, turn, "down")
    assert store.turns(YOU, conversation) == [] and store.conversations(YOU) == []
    assert store.conversations(ME)[0].title == "What is a cache?" and store.feedback(turn) is None


def test_rename_delete_and_feedback(store: Store):
    conversation, turn = store.add_turn(ME, None, ANSWER.to_json())
    store.rename(ME, conversation, "  Caches ")
    assert store.conversations(ME)[0].title == "Caches"
    store.set_feedback(ME, turn, "up")
    store.set_feedback(ME, turn, "down", "wrong section")
    assert store.feedback(turn) == ("down", "wrong section")
    store.delete(ME, conversation)
    assert store.conversations(ME) == [] and store.feedback(turn) is None


def test_export_links_every_citation_to_its_section(store: Store):
    conversation, _ = store.add_turn(ME, None, ANSWER.to_json())
    text = store.export_markdown(ME, conversation, "corpus/guide/")
    assert "> A cache keeps copies. [1]" in text
    assert "1. [Why cache?](corpus/guide/06.md#caching/why)" in text


def test_a_database_that_cannot_be_opened_is_a_session_error(tmp_path: Path):
    with pytest.raises(SessionError, match="cannot be read or written"):
        Store(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 50)
    with pytest.raises(SessionError):
        Store(f"sqlite:///{tmp_path / 'bad.db'}")


def test_a_named_terminal_conversation_continues(store: Store):
    store.add_terminal_turn("study", ANSWER)
    store.add_terminal_turn("study", ANSWER)
    assert len(store.terminal_history("study")) == 2 and store.terminal_history("other") == []
