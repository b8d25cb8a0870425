"""The interviewer's policy: what to do next, decided from the state alone.

Pure functions: they read a state and a reading and return moves; nothing is changed here. Does not
know how a move is worded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from tutor.interview.problem import LEVELS, PHASES, CheckItem, PhaseName, Problem
from tutor.interview.reading import Reading
from tutor.interview.state import State

Kind = Literal[
    "open", "answer", "your_call", "probe", "follow_up", "challenge", "number", "diagram", "phase",
    "curveball", "hint", "tell", "think", "stay", "acknowledge", "slow_down", "close",
]  # fmt: skip
MAX_FOLLOW_UPS = 2
"""A vague claim is followed up at most this often; then the interviewer moves on."""
PROBES = {"requirements": 4, "high-level": 6, "deep-dive": 7, "bottlenecks": 6}
"""Questions per phase in 45 minutes; shorter interviews have fewer."""
THINKING = re.compile(
    r"^\W*(?:hm+|um+|uh+|let me think|give me a (?:moment|minute|second)|one moment|wait|thinking"
    r"|just a (?:moment|sec\w*)|i need a (?:moment|minute))[\s\w]{0,20}\W*$",
    re.I,
)
STUCK = re.compile(
    r"\b(?:i don'?t know|no idea|i'?m (?:stuck|lost|not sure)|(?:a|any|some) hint|can you help|(?:need )?help me"
    r"|need help)\b",
    re.I,
)
DESIGNING = re.compile(
    r"\b(?:database|cache|redis|kafka|queue|load balancer|microservices?|shard\w*|postgres\w*|cassandra|cdn|s3"
    r"|mongodb|dynamodb|api gateway)\b",
    re.I,
)


@dataclass(frozen=True)
class Move:
    """One thing the interviewer does; `says` is all that its wording may say beyond courtesies."""

    kind: Kind
    says: str
    item: str | None = None
    subject: str | None = None


def weight(item: CheckItem, state: State) -> int:
    """An item's weight at the interview's level."""
    return item.weight[LEVELS.index(state.level)]


def items_of(problem: Problem, state: State) -> list[CheckItem]:
    """The items in play: those of the problem, and of the curveball once it was thrown."""
    return list(problem.items) + (list(problem.curveball.items) if state.curveball else [])


def open_items(problem: Problem, state: State) -> list[CheckItem]:
    """Items of the current phase worth a question, the most valuable first."""
    left = [
        item
        for item in items_of(problem, state)
        if item.phase == state.phase
        and item.id not in state.credited
        and item.id not in state.told
        and not state.asked.get(item.id)
        and weight(item, state) > 0
    ]
    thrown = {item.id for item in problem.curveball.items}
    return sorted(left, key=lambda item: (item.id not in thrown, -weight(item, state)))


def budget(state: State) -> int:
    """How many questions the current phase may hold."""
    return max(2, round(PROBES[state.phase] * state.minutes / 45))


def asked_in_phase(problem: Problem, state: State) -> int:
    """Items of the current phase asked about so far."""
    return sum(
        1 for item in items_of(problem, state) if item.phase == state.phase and state.asked.get(item.id)
    )


def next_phase(state: State) -> PhaseName | None:
    """The phase after the current one."""
    at = PHASES.index(state.phase) + 1
    return PHASES[at] if at < len(PHASES) else None


def out_of_time(problem: Problem, state: State) -> bool:
    """Whether the interview's time is over."""
    return state.clock_s >= state.minutes * 60


def overrun(problem: Problem, state: State) -> bool:
    """Whether the current phase has used its minutes."""
    return state.clock_s - state.phase_began_s >= problem.minutes(state.minutes)[state.phase] * 60


def reply(problem: Problem, state: State, reading: Reading, text: str) -> list[Move]:
    """The moves that answer a turn of the candidate, in order; `state` already holds the turn."""
    if out_of_time(problem, state):
        return [Move("close", "That is our time. Thank you: let us look at how it went.")]
    if STUCK.search(text) and not reading.facts:
        return hint(problem, state)
    moves = answers(state, reading)
    if reading.injected and not moves:
        moves.append(Move("stay", "Let us stay with the design. What would you do next?"))
        return moves
    if THINKING.match(text):
        return [Move("think", "Take your time.")]
    if overrun(problem, state):
        return [*moves, *advance(problem, state, late=True)]
    moves += objections(problem, state, reading)
    if moves and moves[-1].kind in ("answer", "your_call"):
        return moves
    if moves and moves[-1].kind in ("challenge", "number", "slow_down", "diagram"):
        return moves
    return [*moves, *drive(problem, state, reading)]


def answers(state: State, reading: Reading) -> list[Move]:
    """Scoping questions answered from facts; what no fact covers is the candidate's call."""
    moves = [Move("answer", fact.says, subject=fact.id) for fact in reading.facts[:3]]
    if reading.open_questions and not moves:
        moves.append(Move("your_call", "That is your call: state an assumption and go on."))
    return moves


def objections(problem: Problem, state: State, reading: Reading) -> list[Move]:
    """One objection at a time: a red flag, a number that is far off, a leap past the requirements."""
    for flag in reading.flags:
        if flag.id not in state.flagged:
            return [Move("challenge", flag.challenge, subject=flag.id)]
    for number in reading.numbers:
        key = f"number:{number.estimate.id}"
        if not number.right and key not in state.flagged:
            says = f"You said “{number.quantity.text}” for {number.estimate.name}. How do you get there?"
            return [Move("number", says, subject=key)]
    leaps = state.phase == "requirements" and "leap" not in state.flagged and not state.facts
    if (
        leaps
        and sum(bool(DESIGNING.search(s.text)) for s in reading.statements) >= 1
        and not reading.matches_phase("requirements", problem)
    ):
        return [
            Move("slow_down", "Before we build anything: what would you want to know first?", subject="leap")
        ]
    return []


def drive(problem: Problem, state: State, reading: Reading) -> list[Move]:
    """Follow up on what was vague, else ask for the most valuable missing item, else go on."""
    focus = state.focus
    if focus and focus in state.partial and focus not in state.credited:
        times = state.asked.get(focus, 0)
        if 0 < times <= MAX_FOLLOW_UPS and new_for(state.partial[focus], focus, state):
            return [follow_up(state.partial[focus], focus, times)]
    for match in reading.matches:
        item = problem.item(match.item)
        fresh = not match.covered and match.item not in state.credited and not state.asked.get(match.item)
        fresh = fresh and new_for(match.statement.text, match.item, state)
        if fresh and item.phase == state.phase and weight(item, state) >= 2:
            return [follow_up(match.statement.text, match.item, 0)]
    left = open_items(problem, state)
    if left and asked_in_phase(problem, state) < budget(state):
        return [Move("probe", left[0].probe, item=left[0].id)]
    return advance(problem, state)


def quoted(said: str) -> str:
    """What the candidate said as it is given back."""
    return " ".join(said.split())[:90].rstrip(" .,")


def new_for(said: str, item: str, state: State) -> bool:
    """Whether what was said may be followed up for an item: not where it was for another, or a question would return."""
    return state.followed.get(quoted(said), item) == item


def follow_up(said: str, item: str, times: int) -> Move:
    """Ask for more on something the candidate said, each time in another way."""
    quote = quoted(said)
    ways = (
        f"You said “{quote}”. Can you be more concrete about how that works?",
        f"Stay with “{quote}” for a moment: what exactly happens, step by step?",
        f"What would I see if I looked inside “{quote}”?",
    )
    return Move("follow_up", ways[min(times, len(ways) - 1)], item=item, subject=quote)


def advance(problem: Problem, state: State, late: bool = False) -> list[Move]:
    """On to the curveball, the next phase, or the end."""
    if state.phase == "deep-dive" and not state.curveball and not late:
        first = problem.curveball.items[0]
        return [Move("curveball", problem.curveball.says, item=first.id)]
    following = next_phase(state)
    if following is None:
        return [Move("close", "I have what I need. Thank you: let us look at how it went.")]
    begin = "I have to move us on. " if late else ""
    return [Move("phase", begin + ANNOUNCED[following], subject=following)]


ANNOUNCED: dict[PhaseName, str] = {
    "requirements": "Let us begin with what the system must do.",
    "high-level": "Let us turn to the high-level design: sketch the main parts and how a request flows.",
    "deep-dive": "Let us go deeper into the parts that are hard.",
    "bottlenecks": "Let us talk about limits and failures: what breaks first, and what do you do about it?",
}


def hint(problem: Problem, state: State) -> list[Move]:
    """The next hint for the item in focus; after the second the interviewer tells and moves on."""
    key = state.focus
    if key is None or key in state.credited or key in state.told:
        left = open_items(problem, state)
        if not left:
            return [Move("acknowledge", "You have covered what I was after here. What comes next?")]
        key = left[0].id
    item = problem.item(key)
    given = state.hinted.get(key, 0)
    if given < 2:
        return [Move("hint", item.hints[given], item=key)]
    told = Move("tell", f"Let me fill that in: {item.fill}", item=key)
    after = replace_state(state, key)
    return [told, *drive(problem, after, Reading())]


def replace_state(state: State, told: str) -> State:
    """The state as it is once an item was told."""
    return replace(state, told=[*state.told, told], focus=None)
