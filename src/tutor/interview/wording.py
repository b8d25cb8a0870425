"""How a move is worded: by the model where it stays within what the move may say, else by template.

Does not decide what to say.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from tutor.errors import LLMError
from tutor.interview.cues import matches
from tutor.interview.policy import Move
from tutor.interview.problem import PHASES, CheckItem, Problem
from tutor.llm.base import ChatModel, Message

log = logging.getLogger(__name__)
WORDED = ("probe", "follow_up", "challenge", "hint", "slow_down", "curveball")
"""Moves the model may word; facts, times and endings are said as they are."""
MAX_TOKENS = 60
REPLY_S = 1.2
"""Within so many seconds after the candidate spoke, all that is said must be complete: a wording that is not is given
up, and the template is said. What can be foreseen is worded ahead, without a deadline."""
WORTH_S = 0.3
"""With less time left than this no wording is asked for."""
PAUSE_S = 0.05
"""How often the wording ahead looks whether it may go on."""
SYSTEM = (
    "You are a calm senior engineer who interviews a candidate. You are given one line to say. Say it in "
    "your own words, in one or two short sentences, friendly and plain. Keep its meaning exactly. Never add "
    "advice, names of technologies, numbers or solutions. Never greet. Output only the words you say."
)
NUMBER = re.compile(r"\d+")


class Voice:
    """Words moves; with no model it speaks in templates. Safe to share between threads."""

    def __init__(self, connect: Callable[[], ChatModel] | None, kept: dict[str, str] | None = None) -> None:
        """`kept` holds wordings by the line they word; several voices of one model may share it."""
        self._connect = connect
        self._kept = {} if kept is None else kept
        self._attending = 0
        self._lock = threading.Lock()

    def word(self, move: Move, hidden: Sequence[CheckItem], left_s: float = REPLY_S) -> str:
        """The text of a move; `hidden` are the items it must not give away, `left_s` the seconds it may take."""
        if self._connect is None or move.kind not in WORDED:
            return move.says
        text = self._kept.get(move.says) or self._now(move, left_s)
        return text if faithful(text, move, hidden) else move.says

    def prepare(self, lines: Iterable[str], ended: Callable[[], bool]) -> None:
        """Word lines ahead, one after the other, giving way to a candidate who is attended to; stops at `ended`."""

        def gives_way() -> bool:
            return ended() or self._attending > 0

        for line in lines:
            while self._connect is not None and line not in self._kept and not ended():
                if gives_way():
                    time.sleep(PAUSE_S)
                    continue
                try:
                    text = self._asked(line, gives_way)
                except LLMError as error:
                    log.warning("interviewer's wording ahead: %s", error)
                    return
                if gives_way():
                    continue
                if re.search(r"[.?!]$", text):
                    self._kept[line] = text
                break

    @contextmanager
    def attending(self) -> Iterator[None]:
        """While a candidate waits, nothing is worded ahead: the processor is theirs."""
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _now(self, move: Move, left_s: float) -> str:
        """The wording where it comes in time, else nothing; a model that is still starting is not waited for."""
        if left_s < WORTH_S:
            return ""
        ends = time.monotonic() + left_s
        said: list[str] = []

        def ask() -> None:
            try:
                said.append(self._asked(move.says, lambda: time.monotonic() > ends))
            except LLMError as error:
                log.warning("interviewer's wording: %s", error)
            finally:
                self._count(-1)

        self._count(1)
        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(left_s)
        return said[0] if said else ""

    def _count(self, change: int) -> None:
        with self._lock:
            self._attending += change

    def _asked(self, line: str, cancelled: Callable[[], bool]) -> str:
        assert self._connect is not None
        stream = self._connect().stream(
            [Message("system", SYSTEM), Message("user", f"The line: {line}")],
            max_tokens=MAX_TOKENS,
            cancelled=cancelled,
        )
        return " ".join("".join(stream).split()).strip('"“” ')


def foreseen(problem: Problem) -> list[str]:
    """The lines of a problem that may be worded and are known before it begins, in the order of the phases."""
    items = sorted(problem.all_items(), key=lambda item: PHASES.index(item.phase))
    return [*(item.probe for item in items), problem.curveball.says, *(flag.challenge for flag in problem.red_flags)]


def faithful(text: str, move: Move, hidden: Sequence[CheckItem]) -> bool:
    """Whether a wording keeps to its move: no leak, no new number, a question where one is asked, short."""
    if not text or len(text) > 60 + 2 * len(move.says) or not re.search(r"[.?!]$", text):
        return False
    if ("?" in move.says) != ("?" in text):
        return False
    if set(NUMBER.findall(text)) - set(NUMBER.findall(move.says)):
        return False
    quotes = re.findall(r"“([^”]+)”", move.says[: move.says.rfind("”") + 1])
    if any(quote not in text for quote in quotes):
        return False
    return not leaks(text, move, hidden)


def leaks(text: str, move: Move, hidden: Sequence[CheckItem]) -> list[str]:
    """Hidden items whose cues a text holds although the move itself does not."""
    return [
        item.id
        for item in hidden
        if not item.asked and matches(item.cues, text) and not matches(item.cues, move.says)
    ]
