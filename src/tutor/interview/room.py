"""The room: takes what the candidate does, keeps the state, and yields what the interviewer does.

The only place that changes a state. Does not know where it is stored or shown.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tutor.errors import ConfigError
from tutor.interview import diagram as drawing
from tutor.interview.policy import ANNOUNCED, Move, hint, items_of, next_phase, reply
from tutor.interview.problem import LENGTHS, LEVELS, Level, Problem
from tutor.interview.reading import Reader, Reading
from tutor.interview.state import Evidence, How, Line, NumberSeen, State
from tutor.interview.wording import REPLY_S, Voice

MAX_TURN = 8_000
"""Characters of one turn: eight minutes of speech."""


@dataclass(frozen=True)
class Said:
    """Something for the candidate: a line of the interviewer, a phase, or an error."""

    type: str
    phase: str
    text: str
    move: str = ""
    item: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As `tutor interview --json` prints it."""
        held: dict[str, Any] = {"type": self.type, "phase": self.phase, "text": self.text}
        if self.move:
            held["move"] = self.move
        if self.item:
            held["item"] = self.item
        return held


def too_long(text: str) -> str:
    """What is wrong with the length of a turn; empty where nothing is."""
    if len(text) <= MAX_TURN:
        return ""
    return f"That is {len(text):,} characters; a turn may have {MAX_TURN:,}. Say it in parts."


def new_state(problem: Problem, level: str = "mid", minutes: int = 45) -> State:
    """The state before the first word.

    Raises:
        ConfigError: there is no such level or length.
    """
    if level not in LEVELS:
        raise ConfigError(f"There is no level `{level}`.", f"Use one of {', '.join(LEVELS)}.")
    if minutes not in LENGTHS:
        raise ConfigError(f"An interview of {minutes} minutes is not offered.", "Use 20, 35 or 45.")
    chosen: Level = next(name for name in LEVELS if name == level)
    return State(uuid.uuid4().hex[:12], problem.id, problem.version, chosen, minutes)


class Room:
    """One interview in progress."""

    def __init__(self, problem: Problem, state: State, reader: Reader, voice: Voice) -> None:
        self.problem, self.state, self._reader, self._voice = problem, state, reader, voice
        self._reply_by = 0.0

    def open(self) -> Iterator[Said]:
        """The first words."""
        yield self._phase()
        yield self._say(Move("open", self.problem.opening + " Where would you like to start?"))

    def at(self, seconds: float) -> None:
        """Set the clock; one that runs backwards, or leaps beyond the end, does no harm."""
        self.state.clock_s = max(self.state.clock_s, min(float(seconds), self.state.minutes * 60.0 + 60))

    def say(self, text: str) -> Iterator[Said]:
        """The candidate speaks. What was said is kept before anything can fail."""
        if self.state.ended:
            return
        self._reply_by = time.monotonic() + REPLY_S
        if long := too_long(text):
            yield Said("error", self.state.phase, long, move="say")
            return
        self.state.transcript.append(Line("candidate", text, self.state.clock_s, self.state.phase))
        spoken = [line.text for line in self.state.transcript if line.who == "interviewer"]
        with self._voice.attending():
            reading = self._reader.read(text, items_of(self.problem, self.state), spoken)
        self._credit(reading)
        yield from self._do(reply(self.problem, self.state, reading, text))

    def draw(self, mermaid: str) -> Iterator[Said]:
        """The candidate draws; a diagram that cannot be read leaves the last one in place."""
        if self.state.ended:
            return
        self._reply_by = time.monotonic() + REPLY_S
        try:
            graph = drawing.parse(mermaid)
        except drawing.DiagramError as error:
            yield Said("error", self.state.phase, error.message + " " + error.hint, move="diagram")
            return
        self.state.diagram = mermaid
        described = ". ".join(f"{graph.nodes[a]} to {graph.nodes[b]}" for a, b in graph.edges)
        self.state.transcript.append(
            Line("candidate", f"Diagram: {described or ', '.join(graph.nodes.values())}",
                 self.state.clock_s, self.state.phase)
        )  # fmt: skip
        for finding in drawing.findings(graph, self.problem.parts):
            key = f"{finding.kind}:{finding.subject}"
            if finding.question and key not in self.state.pointed:
                self.state.pointed.append(key)
                yield self._say(Move("diagram", finding.question, subject=finding.subject))
                return
        yield self._say(Move("acknowledge", "I see the diagram. Walk me through one request."))

    def do(self, action: str) -> Iterator[Said]:
        """A button: `hint`, `next_phase` or `end`.

        Raises:
            ConfigError: there is no such action.
        """
        self._reply_by = time.monotonic() + REPLY_S
        if action == "end":
            yield from self._do([Move("close", "Let us stop here and look at how it went.")])
        elif action == "hint":
            yield from self._do(hint(self.problem, self.state))
        elif action == "next_phase":
            following = next_phase(self.state)
            if following is None:
                yield from self.do("end")
            else:
                yield from self._do([Move("phase", ANNOUNCED[following], subject=following)])
        else:
            raise ConfigError(f"There is no action `{action}`.", "Use hint, next_phase or end.")

    def _credit(self, reading: Reading) -> None:
        """Enter what was earned into the ledger, and what was noticed into the state."""
        state, line = self.state, len(self.state.transcript) - 1
        for match in reading.matches:
            if match.item in state.credited or match.item in state.told:
                continue
            if not match.covered:
                state.partial[match.item] = match.statement.text
                continue
            how: How = "unaided"
            if state.asked.get(match.item):
                how = "hint" if state.hinted.get(match.item) else "probe"
            state.ledger.append(
                Evidence(
                    match.item, how, match.statement.text, line, match.statement.start,
                    match.statement.end, state.clock_s, state.phase, match.score,
                )
            )  # fmt: skip
            state.partial.pop(match.item, None)
        for number in reading.numbers:
            known = {seen.estimate for seen in state.numbers if seen.right}
            if number.estimate.id not in known:
                state.numbers.append(
                    NumberSeen(number.estimate.id, number.quantity.value, number.estimate.result, number.right,
                               number.statement.text, line)
                )  # fmt: skip
        state.facts += [fact.id for fact in reading.facts if fact.id not in state.facts]

    def _do(self, moves: list[Move]) -> Iterator[Said]:
        """Carry out moves one after the other."""
        for move in moves:
            self._note(move)
            if move.kind == "phase":
                yield self._enter(move)
                continue
            yield self._say(move)
            if move.kind == "close":
                self.state.phase_ends[self.state.phase] = self.state.clock_s
                self.state.ended = True

    def _note(self, move: Move) -> None:
        """What a move changes in the state."""
        state = self.state
        if move.kind in ("probe", "follow_up") and move.item:
            state.asked[move.item] = state.asked.get(move.item, 0) + 1
            state.focus = move.item
        if move.kind == "follow_up" and move.item and move.subject:
            state.followed[move.subject] = move.item
        if move.kind == "curveball":
            state.curveball = True
            for item in self.problem.curveball.items[:1]:
                state.asked[item.id] = state.asked.get(item.id, 0) + 1
            state.focus = move.item
        if move.kind == "hint" and move.item:
            state.hinted[move.item] = state.hinted.get(move.item, 0) + 1
            state.asked.setdefault(move.item, 1)
            state.focus = move.item
        if move.kind == "tell" and move.item:
            state.told.append(move.item)
            state.focus = None
        if move.kind in ("challenge", "number", "slow_down") and move.subject:
            state.flagged.append(move.subject)

    def _enter(self, move: Move) -> Said:
        """Begin the next phase."""
        state = self.state
        state.phase_ends[state.phase] = state.clock_s
        state.phase = move.subject  # type: ignore[assignment]
        state.phase_began_s, state.focus = state.clock_s, None
        state.transcript.append(Line("interviewer", move.says, state.clock_s, state.phase, "phase"))
        return self._phase(move.says)

    def _phase(self, text: str = "") -> Said:
        return Said("phase", self.state.phase, text, move="phase" if text else "")

    def _say(self, move: Move) -> Said:
        hidden = [
            item
            for item in self.problem.all_items()
            if item.id not in self.state.credited and item.id not in self.state.told
        ]
        text = self._voice.word(move, hidden, self._reply_by - time.monotonic())
        self.state.transcript.append(
            Line("interviewer", text, self.state.clock_s, self.state.phase, move.kind, move.item)
        )
        return Said("interviewer", self.state.phase, text, move.kind, move.item)
