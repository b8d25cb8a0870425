"""What an interview has come to: transcript, ledger and clock, as plain data that can be stored.

Does not decide anything.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from tutor.interview.problem import PHASES, Level, PhaseName

How = Literal["unaided", "probe", "hint", "told"]


@dataclass
class Line:
    """One line of the transcript; `at_s` are seconds since the start."""

    who: Literal["interviewer", "candidate"]
    text: str
    at_s: float
    phase: PhaseName
    move: str = ""
    item: str | None = None


@dataclass
class Evidence:
    """Why an item is credited: the candidate's own words (`line` and span) and how they came to it."""

    item: str
    how: How
    quote: str
    line: int
    start: int
    end: int
    at_s: float
    phase: PhaseName
    score: float


@dataclass
class NumberSeen:
    """An estimate the candidate made, beside what it should be."""

    estimate: str
    value: float
    expected: float
    right: bool
    quote: str
    line: int


@dataclass
class State:
    """The whole interview. Everything the policy and the debrief know is in here."""

    id: str
    problem: str
    version: str
    level: Level
    minutes: int
    clock_s: float = 0.0
    phase: PhaseName = "requirements"
    phase_began_s: float = 0.0
    transcript: list[Line] = field(default_factory=list)
    ledger: list[Evidence] = field(default_factory=list)
    partial: dict[str, str] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    followed: dict[str, str] = field(default_factory=dict)
    hinted: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    numbers: list[NumberSeen] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    pointed: list[str] = field(default_factory=list)
    moved: int = 0
    focus: str | None = None
    curveball: bool = False
    phase_ends: dict[str, float] = field(default_factory=dict)
    diagram: str = ""
    notes: str = ""
    ended: bool = False

    @property
    def credited(self) -> set[str]:
        """Items with evidence."""
        return {entry.item for entry in self.ledger}

    def phases_reached(self) -> list[PhaseName]:
        """The phases up to the current one."""
        return list(PHASES[: PHASES.index(self.phase) + 1])

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @staticmethod
    def from_json(held: dict[str, Any]) -> State:
        """The state from plain data."""
        rest = {key: value for key, value in held.items() if key not in ("transcript", "ledger", "numbers")}
        return State(
            **rest,
            transcript=[Line(**line) for line in held["transcript"]],
            ledger=[Evidence(**entry) for entry in held["ledger"]],
            numbers=[NumberSeen(**entry) for entry in held["numbers"]],
        )
