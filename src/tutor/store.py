"""Conversations and feedback in SQL: a SQLite file, or PostgreSQL by URL.

Does not know how an answer is made or shown; answers are kept as the JSON of the contract.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, create_engine, event, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tutor.errors import SessionError
from tutor.schema import Answer
from tutor.settings import Settings

TERMINAL = "terminal"


class Base(DeclarativeBase):
    """The tables."""


class ConversationRow(Base):
    """A conversation of one owner."""

    __tablename__ = "conversations"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    title: Mapped[str] = mapped_column(String(200))
    updated: Mapped[str] = mapped_column(String(40))


class TurnRow(Base):
    """One question and its answer; `position` counts from 0."""

    __tablename__ = "turns"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    conversation: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    answer: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[str] = mapped_column(String(40))


class FeedbackRow(Base):
    """A thumb up or down on a turn, with a note."""

    __tablename__ = "feedback"
    turn: Mapped[str] = mapped_column(ForeignKey("turns.id", ondelete="CASCADE"), primary_key=True)
    value: Mapped[str] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(String(2000))


@dataclass(frozen=True)
class Conversation:
    """A conversation as listed."""

    id: str
    title: str
    updated: str


@dataclass(frozen=True)
class Turn:
    """A stored turn: the answer as the contract's JSON."""

    id: str
    answer: dict[str, Any]


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat()


def database_url(settings: Settings) -> str:
    """The SQLAlchemy URL of the settings; the default is a file in `home`.

    Raises:
        SessionError: the home folder cannot be made.
    """
    if settings.database_url:
        return settings.database_url
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SessionError(
            f"{settings.home} cannot be made: {error.strerror}.", "Point TUTOR_HOME elsewhere."
        ) from error
    return f"sqlite:///{settings.home / 'tutor.db'}"


class Store:
    """All stored conversations; safe to use from several threads and processes."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = create_engine(url)
            if url.startswith("sqlite"):
                event.listen(self._engine, "connect", configure_sqlite)
            Base.metadata.create_all(self._engine)
        except (SQLAlchemyError, ImportError) as error:
            raise failed(error) from error

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise failed(error) from error

    def conversations(self, owner: str) -> list[Conversation]:
        """The owner's conversations, newest first."""
        with self._session() as session:
            rows = session.scalars(
                select(ConversationRow)
                .where(ConversationRow.owner == owner)
                .order_by(ConversationRow.updated.desc())
            )
            return [Conversation(row.id, row.title, row.updated) for row in rows]

    def turns(self, owner: str, conversation: str) -> list[Turn]:
        """The turns of a conversation in order; none where it is not the owner's."""
        with self._session() as session:
            rows = session.scalars(
                select(TurnRow)
                .join(ConversationRow)
                .where(ConversationRow.owner == owner, TurnRow.conversation == conversation)
                .order_by(TurnRow.position)
            )
            return [Turn(row.id, row.answer) for row in rows]

    def history(self, owner: str, conversation: str) -> list[tuple[str, str]]:
        """(standalone question, answer text) pairs."""
        return [
            (turn.answer["standalone_question"], turn.answer["text"])
            for turn in self.turns(owner, conversation)
        ]

    def add_turn(self, owner: str, conversation: str | None, answer: dict[str, Any]) -> tuple[str, str]:
        """Append an answer; makes the conversation where needed, under the given id unless that is
        someone else's. Returns (conversation, turn) ids.

        Raises:
            SessionError: it could not be stored.
        """
        with self._session() as session:
            row = session.get(ConversationRow, conversation) if conversation else None
            if row is None or row.owner != owner:
                taken = row is not None or not conversation
                row = ConversationRow(
                    id=uuid.uuid4().hex if taken else conversation,
                    owner=owner,
                    title=answer["question"][:80],
                    updated=now(),
                )
                session.add(row)
                session.flush()
            count = session.scalar(
                select(func.count()).select_from(TurnRow).where(TurnRow.conversation == row.id)
            )
            turn = TurnRow(
                id=uuid.uuid4().hex, conversation=row.id, position=count or 0,
                answer=json.loads(json.dumps(answer)), created=now(),
            )  # fmt: skip
            row.updated = now()
            session.add(turn)
            return row.id, turn.id

    def rename(self, owner: str, conversation: str, title: str) -> None:
        """Give a conversation another title; a blank one is ignored."""
        with self._session() as session:
            row = session.get(ConversationRow, conversation)
            if row is not None and row.owner == owner and title.strip():
                row.title = title.strip()[:200]

    def delete(self, owner: str, conversation: str) -> None:
        """Remove a conversation with its turns and feedback."""
        with self._session() as session:
            row = session.get(ConversationRow, conversation)
            if row is not None and row.owner == owner:
                session.delete(row)

    def set_feedback(self, owner: str, turn: str, value: str, note: str = "") -> None:
        """Keep a thumb and its note; a later one replaces it."""
        with self._session() as session:
            row = session.get(TurnRow, turn)
            held = session.get(ConversationRow, row.conversation) if row else None
            if held is not None and held.owner == owner:
                session.merge(FeedbackRow(turn=turn, value=value, note=note[:2000]))

    def feedback(self, turn: str) -> tuple[str, str] | None:
        """The thumb and note of a turn."""
        with self._session() as session:
            row = session.get(FeedbackRow, turn)
            return (row.value, row.note) if row else None

    def terminal_history(self, name: str) -> Sequence[tuple[str, str]]:
        """History of a conversation named on the command line."""
        return self.history(TERMINAL, terminal_id(name))

    def add_terminal_turn(self, name: str, answer: Answer) -> None:
        """Append to a conversation named on the command line."""
        with self._session() as session:
            if session.get(ConversationRow, terminal_id(name)) is None:
                session.add(
                    ConversationRow(id=terminal_id(name), owner=TERMINAL, title=name[:80], updated=now())
                )
        self.add_turn(TERMINAL, terminal_id(name), answer.to_json())

    def export_markdown(self, owner: str, conversation: str, link_base: str = "") -> str:
        """A conversation as Markdown; each citation links to its section's anchor."""
        parts = []
        for turn in self.turns(owner, conversation):
            answer = turn.answer
            parts.append(f"## {answer['question']}\n")
            if answer["status"] == "not_covered":
                parts.append(answer["text"] + "\n")
            for sentence in answer["extract"]:
                parts.append(f"> {sentence['text']} [{sentence['citation']}]\n>")
            kept = [s for s in answer["sentences"] if s["verdict"] == "supported"]
            if kept:
                marks = (s["text"] + " " + "".join(f"[{n}]" for n in s["citations"]) for s in kept)
                parts.append("\n" + " ".join(marks) + "\n")
            for citation in answer["citations"]:
                target = f"{link_base}{citation['path']}#{citation['section_id']}"
                parts.append(f"{citation['n']}. [{citation['title']}]({target})")
            parts.append("")
        return "\n".join(parts)


def terminal_id(name: str) -> str:
    """A conversation's id from its name on the command line."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"tutor:{name}").hex


def configure_sqlite(connection: Any, _record: object) -> None:
    """Several processes may share the file; deleting a conversation takes its turns along."""
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def failed(error: Exception) -> SessionError:
    """A database's exception as ours."""
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    return SessionError(
        f"The conversations cannot be read or written: {cause}",
        "Check free disk space and TUTOR_DATABASE_URL; nothing stored was changed.",
    )
