"""How a move is worded: by the model where it stays within what the move may say, else by template.

Does not decide what to say.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

from tutor.errors import LLMError
from tutor.interview.cues import matches
from tutor.interview.policy import Move
from tutor.interview.problem import CheckItem
from tutor.llm.base import ChatModel, Message

log = logging.getLogger(__name__)
WORDED = ("probe", "follow_up", "challenge", "hint", "slow_down", "curveball")
"""Moves the model may word; facts, times and endings are said as they are."""
MAX_TOKENS = 60
DEADLINE_S = 4.5
SYSTEM = (
    "You are a calm senior engineer who interviews a candidate. You are given one line to say. Say it in "
    "your own words, in one or two short sentences, friendly and plain. Keep its meaning exactly. Never add "
    "advice, names of technologies, numbers or solutions. Never greet. Output only the words you say."
)
NUMBER = re.compile(r"\d+")


class Voice:
    """Words moves; with no model it speaks in templates."""

    def __init__(self, connect: Callable[[], ChatModel] | None) -> None:
        self._connect = connect

    def word(self, move: Move, candidate: str, hidden: Sequence[CheckItem]) -> str:
        """The text of a move; `hidden` are the items it must not give away."""
        if self._connect is None or move.kind not in WORDED:
            return move.says
        try:
            text = self._asked(move)
        except LLMError as error:
            log.warning("interviewer's wording: %s", error)
            return move.says
        return text if faithful(text, move, hidden) else move.says

    def _asked(self, move: Move) -> str:
        assert self._connect is not None
        model, began = self._connect(), time.monotonic()
        parts = []
        stream = model.stream(
            [Message("system", SYSTEM), Message("user", f"The line: {move.says}")],
            max_tokens=MAX_TOKENS,
            cancelled=lambda: time.monotonic() - began > DEADLINE_S,
        )
        for delta in stream:
            parts.append(delta)
        return " ".join("".join(parts).split()).strip('"“” ')


def faithful(text: str, move: Move, hidden: Sequence[CheckItem]) -> bool:
    """Whether a wording keeps to its move: no leak, no new number, a question where one is asked, short."""
    if not text or len(text) > 60 + 2 * len(move.says) or not re.search(r"[.?!]$", text):
        return False
    if ("?" in move.says) != ("?" in text):
        return False
    if set(NUMBER.findall(text)) - set(NUMBER.findall(move.says)):
        return False
    quotes = re.findall(r"“([^”]+)”", move.says)
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
