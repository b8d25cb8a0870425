"""Interviews in SQL, beside the conversations.

The state is written under a revision, so that two tabs cannot overwrite each other; what the candidate
says is kept as a draft before anything is made of it. Does not know how an interview is run.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, String, Text, select, update
from sqlalchemy.orm import Mapped, mapped_column

from tutor.errors import SessionError
from tutor.interview.state import State
from tutor.store import Base, Database, checked, connect, now

MAX_STEP_S = 20.0
"""The clock never moves further than this between two signs of life: a closed page or a clock that
jumps costs the candidate nothing."""


class InterviewMoved(SessionError):
    """The interview was changed by someone else since it was read."""


class InterviewRow(Base):
    """One interview of one owner; `state` is `State.to_json`, `debrief` is set when it has ended."""

    __tablename__ = "interviews"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), index=True)
    problem: Mapped[str] = mapped_column(String(64))
    state: Mapped[dict[str, Any]] = mapped_column(JSON)
    revision: Mapped[int] = mapped_column(default=0)
    clock_s: Mapped[float] = mapped_column(default=0.0)
    seen_at: Mapped[float] = mapped_column(default=0.0)
    paused: Mapped[bool] = mapped_column(default=False)
    draft: Mapped[str] = mapped_column(Text, default="")
    notes: Mapped[str] = mapped_column(Text, default="")
    debrief: Mapped[dict[str, Any] | None] = mapped_column(JSON, nullable=True)
    created: Mapped[str] = mapped_column(String(40))


@dataclass(frozen=True)
class Record:
    """A stored interview."""

    id: str
    problem: str
    state: State
    revision: int
    paused: bool
    draft: str
    notes: str
    debrief: dict[str, Any] | None
    created: str


class InterviewStore:
    """All stored interviews; safe to use from several threads and processes."""

    def __init__(self, database: str | Database) -> None:
        self.database = connect(database) if isinstance(database, str) else database
        self._session = self.database.session

    def add(self, owner: str, state: State) -> str:
        """Keep a new interview."""
        checked(owner)
        key = uuid.uuid4().hex
        with self._session() as session:
            session.add(
                InterviewRow(
                    id=key,
                    owner=owner,
                    problem=state.problem,
                    state=state.to_json(),
                    revision=0,
                    clock_s=state.clock_s,
                    seen_at=time.time(),
                    paused=False,
                    draft="",
                    notes="",
                    debrief=None,
                    created=now(),
                )
            )
        return key

    def get(self, owner: str, key: str) -> Record | None:
        """One interview of the owner with its clock as it stands; None where it is not theirs."""
        checked(owner)
        with self._session() as session:
            row = session.get(InterviewRow, key)
            if row is None or row.owner != owner:
                return None
            state = State.from_json(row.state)
            state.clock_s = max(state.clock_s, row.clock_s)
            return Record(
                row.id, row.problem, state, row.revision, row.paused, row.draft, row.notes, row.debrief,
                row.created,
            )  # fmt: skip

    def listed(self, owner: str) -> list[Record]:
        """The owner's interviews, newest first."""
        checked(owner)
        with self._session() as session:
            keys = session.scalars(
                select(InterviewRow.id)
                .where(InterviewRow.owner == owner)
                .order_by(InterviewRow.created.desc())
            ).all()
        return [record for key in keys if (record := self.get(owner, key))]

    def tick(self, owner: str, key: str) -> float:
        """Move the clock on by the time since the last sign of life, at most `MAX_STEP_S`; its reading."""
        checked(owner)
        with self._session() as session:
            row = session.get(InterviewRow, key)
            if row is None or row.owner != owner:
                return 0.0
            at = time.time()
            if not row.paused and row.debrief is None:
                row.clock_s += min(MAX_STEP_S, max(0.0, at - row.seen_at))
            row.seen_at = at
            return row.clock_s

    def pause(self, owner: str, key: str, paused: bool) -> None:
        """Stop the clock, or let it run."""
        self.tick(owner, key)
        self._set(owner, key, paused=paused)

    def keep_draft(self, owner: str, key: str, text: str) -> None:
        """Keep what was said until it is part of the state."""
        self._set(owner, key, draft=text)

    def keep_notes(self, owner: str, key: str, text: str) -> None:
        """Keep the candidate's own notes."""
        self._set(owner, key, notes=text[:20_000])

    def _set(self, owner: str, key: str, **values: Any) -> None:
        checked(owner)
        with self._session() as session:
            session.execute(
                update(InterviewRow)
                .where(InterviewRow.id == key, InterviewRow.owner == owner)
                .values(**values)
            )

    def save(
        self, owner: str, key: str, state: State, revision: int, debrief: dict[str, Any] | None = None
    ) -> None:
        """Write the state if nobody else did since `revision` was read.

        Raises:
            InterviewMoved: another tab was quicker; nothing is changed, the draft is kept.
        """
        checked(owner)
        values: dict[str, Any] = {"state": state.to_json(), "revision": revision + 1, "draft": ""}
        if debrief is not None:
            values["debrief"] = debrief
        with self._session() as session:
            mine = (
                InterviewRow.id == key, InterviewRow.owner == owner, InterviewRow.revision == revision,
            )  # fmt: skip
            done = session.execute(update(InterviewRow).where(*mine).values(**values))
            if done.rowcount != 1:  # type: ignore[attr-defined]
                raise InterviewMoved(
                    "This interview went on in another tab.", "It is shown as it stands now; say it again."
                )

    def delete(self, owner: str, key: str) -> None:
        """Remove an interview."""
        checked(owner)
        with self._session() as session:
            row = session.get(InterviewRow, key)
            if row is not None and row.owner == owner:
                session.delete(row)
