"""Conversations and feedback in SQL: a SQLite file, or PostgreSQL by URL.

Does not know how an answer is made or shown; answers are kept as the JSON of the contract.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import JSON, Engine, ForeignKey, String, create_engine, event, func, select
from sqlalchemy.exc import DatabaseError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import QueuePool

from tutor.errors import SessionError
from tutor.home import make_private, touch
from tutor.markdown import literal, sentence
from tutor.schema import Answer
from tutor.settings import Settings

TERMINAL = "terminal"
"""Owner of what the command line keeps: no id, so that no caller of the page can be it."""
OWNER = re.compile(r"[0-9a-f]{32}")
CONVERSATION = re.compile(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}")
"""A random id (UUID 4). Those of the command line are made from a name (UUID 5) and cannot be taken beforehand."""
TRIES = 40


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


def new_owner() -> str:
    """An id that nobody guesses (128 bits)."""
    return secrets.token_hex(16)


def is_owner(value: object) -> bool:
    """Whether something is the id of an owner, and not merely a name somebody made up."""
    return isinstance(value, str) and OWNER.fullmatch(value) is not None


def checked(owner: str) -> str:
    """The owner's id.

    Raises:
        SessionError: it is none.
    """
    if not is_owner(owner):
        raise SessionError("Nobody is known by this name.", "Reload the page.")
    return owner


def database_url(settings: Settings) -> str:
    """The SQLAlchemy URL of the settings; the default is a file in `home`."""
    return settings.database_url or f"sqlite:///{settings.home / 'tutor.db'}"


@dataclass(frozen=True)
class Database:
    """An engine with its tables; `unkept` says why what is written lasts only as long as this process, if so."""

    engine: Engine
    unkept: str = ""

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction.

        Raises:
            SessionError: it failed; nothing of it was stored.
        """
        try:
            with Session(self.engine) as session, session.begin():
                yield session
        except SQLAlchemyError as error:
            raise failed(error) from error


def connect(url: str) -> Database:
    """The database at a URL, its tables made where they are missing.

    Raises:
        SessionError: it cannot be opened or written.
    """
    try:
        engine = create_engine(url)
        if url.startswith("sqlite"):
            event.listen(engine, "connect", configure_sqlite)
        make_tables(engine)
    except (SQLAlchemyError, ImportError) as error:
        raise failed(error) from error
    return Database(engine)


def open_database(settings: Settings) -> Database:
    """The database of the settings; where the home cannot be written, a copy in memory that is gone afterwards.

    Raises:
        SessionError: the configured database cannot be used, or the file in the home is damaged.
    """
    if settings.database_url:
        return connect(settings.database_url)
    file = settings.home / "tutor.db"
    try:
        make_private(settings.home)
        touch(file)
        return connect(database_url(settings))
    except OSError as error:
        cause = error.strerror or str(error)
    except SessionError as error:
        if not unwritable(error.__cause__):
            raise
        cause = str(getattr(error.__cause__, "orig", error))
    return in_memory(file, cause)


def in_memory(file: Path, cause: str) -> Database:
    """A database in memory, begun with what can still be read of a file."""

    def begin() -> sqlite3.Connection:
        memory = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            if file.is_file() and file.stat().st_size:
                copy(file, memory)
        except (OSError, sqlite3.Error) as error:
            raise SessionError(f"{file} cannot be read: {error}.", "Check its owner and its disk.") from error
        memory.execute("PRAGMA foreign_keys=ON")
        return memory

    # One connection for all threads: each waits for its turn, and the data lives as long as the connection.
    engine = create_engine("sqlite://", creator=begin, poolclass=QueuePool, pool_size=1, max_overflow=0)
    make_tables(engine)
    return Database(
        engine, f"Nothing is kept: {file.parent} cannot be written ({cause}). What you do here lasts until Tutor stops."
    )


def copy(file: Path, into: sqlite3.Connection) -> None:
    """Copy a database that cannot be written, with what stands only in its log yet."""
    log = file.with_name(file.name + "-wal")
    with tempfile.TemporaryDirectory() as folder:
        source = file
        if log.is_file() and log.stat().st_size:
            source = Path(folder) / file.name
            shutil.copy(file, source)
            shutil.copy(log, source.with_name(log.name))
        how = "mode=rw" if source != file else "mode=ro&immutable=1"
        found = sqlite3.connect(f"{source.absolute().as_uri()}?{how}", uri=True)
        try:
            found.backup(into)
        finally:
            found.close()


def unwritable(error: BaseException | None) -> bool:
    """Whether a database's error says that its file cannot be written: no right to, or no room."""
    name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
    return name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_PERM"))


def make_tables(engine: Engine) -> None:
    """Make missing tables; several processes may do so at once, and see that the file can be written."""
    for attempt in range(TRIES):
        try:
            Base.metadata.create_all(engine)
            if engine.dialect.name == "sqlite":
                with engine.connect() as connection:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    connection.exec_driver_sql("ROLLBACK")
            return
        except DatabaseError as error:
            if attempt == TRIES - 1 or not quicker(error):
                raise
            time.sleep(0.05 + secrets.randbelow(50) / 1000)


def quicker(error: DatabaseError) -> bool:
    """Whether another process was at the same tables at the same time."""
    said = str(error.orig).lower()
    return "already exists" in said or "locked" in said or "busy" in said or "pg_type_typname" in said


class Store:
    """All stored conversations; safe to use from several threads and processes."""

    def __init__(self, database: str | Database) -> None:
        self.database = connect(database) if isinstance(database, str) else database
        self._session = self.database.session

    def conversations(self, owner: str) -> list[Conversation]:
        """The owner's conversations, newest first."""
        checked(owner)
        with self._session() as session:
            rows = session.scalars(
                select(ConversationRow)
                .where(ConversationRow.owner == owner)
                .order_by(ConversationRow.updated.desc())
            )
            return [Conversation(row.id, row.title, row.updated) for row in rows]

    def turns(self, owner: str, conversation: str) -> list[Turn]:
        """The turns of a conversation in order; none where it is not the owner's."""
        return self._turns(checked(owner), conversation)

    def _turns(self, owner: str, conversation: str) -> list[Turn]:
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
        return pairs(self.turns(owner, conversation))

    def add_turn(self, owner: str, conversation: str | None, answer: dict[str, Any]) -> tuple[str, str]:
        """Append an answer; makes the conversation where needed, under the given id unless that is
        someone else's or none that could have been drawn. Returns (conversation, turn) ids.

        Raises:
            SessionError: it could not be stored.
        """
        drawn = conversation if conversation and CONVERSATION.fullmatch(conversation) else None
        return self._add(checked(owner), drawn, answer)

    def _add(self, owner: str, conversation: str | None, answer: dict[str, Any]) -> tuple[str, str]:
        with self._session() as session:
            row = session.get(ConversationRow, conversation) if conversation else None
            if row is None or row.owner != owner:
                free = conversation if row is None else None
                row = ConversationRow(
                    id=free or uuid.uuid4().hex,
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
        checked(owner)
        with self._session() as session:
            row = session.get(ConversationRow, conversation)
            if row is not None and row.owner == owner and title.strip():
                row.title = title.strip()[:200]

    def delete(self, owner: str, conversation: str) -> None:
        """Remove a conversation with its turns and feedback."""
        checked(owner)
        with self._session() as session:
            row = session.get(ConversationRow, conversation)
            if row is not None and row.owner == owner:
                session.delete(row)

    def set_feedback(self, owner: str, turn: str, value: str, note: str = "") -> None:
        """Keep a thumb and its note; a later one replaces it."""
        checked(owner)
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
        return pairs(self._turns(TERMINAL, terminal_id(name)))

    def add_terminal_turn(self, name: str, answer: Answer) -> None:
        """Append to a conversation named on the command line."""
        with self._session() as session:
            if session.get(ConversationRow, terminal_id(name)) is None:
                session.add(
                    ConversationRow(id=terminal_id(name), owner=TERMINAL, title=name[:80], updated=now())
                )
        self._add(TERMINAL, terminal_id(name), answer.to_json())

    def export_markdown(self, owner: str, conversation: str, link_base: str = "") -> str:
        """A conversation as Markdown; each citation links to its section's anchor."""
        parts = []
        for turn in self.turns(owner, conversation):
            answer = turn.answer
            parts.append(f"## {literal(answer['question'])}\n")
            if answer["status"] == "not_covered":
                parts.append(sentence(answer["text"]) + "\n")
            for quoted in answer["extract"]:
                parts.append(f"> {sentence(quoted['text'])} [{quoted['citation']}]\n>")
            kept = [s for s in answer["sentences"] if s["verdict"] == "supported"]
            if kept:
                marks = (sentence(s["text"]) + " " + "".join(f"[{n}]" for n in s["citations"]) for s in kept)
                parts.append("\n" + " ".join(marks) + "\n")
            for citation in answer["citations"]:
                target = quote(f"{link_base}{citation['path']}#{citation['section_id']}", safe="/#")
                parts.append(f"{citation['n']}. [{sentence(citation['title'])}]({target})")
            parts.append("")
        return "\n".join(parts)


def pairs(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    """(standalone question, answer text) of each turn."""
    return [(turn.answer["standalone_question"], turn.answer["text"]) for turn in turns]


def terminal_id(name: str) -> str:
    """A conversation's id from its name on the command line."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"tutor:{name}").hex


def configure_sqlite(connection: Any, _record: object) -> None:
    """Several processes may share the file; deleting a conversation takes its turns along."""
    for pragma in ("busy_timeout=5000", "foreign_keys=ON", "journal_mode=WAL"):
        connection.execute(f"PRAGMA {pragma}")


def failed(error: Exception) -> SessionError:
    """A database's exception as ours."""
    cause = str(getattr(error, "orig", None) or error).splitlines()[0]
    return SessionError(
        f"The conversations cannot be read or written: {cause}",
        "Check free disk space and TUTOR_DATABASE_URL; nothing stored was changed.",
    )
