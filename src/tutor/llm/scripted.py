"""A chat model with a queue of replies, for testing logic. Never used to claim quality."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from tutor.errors import LLMBadOutput, LLMError
from tutor.llm.base import Message


class ScriptedModel:
    """Plays its replies in order, word by word; an exception in the queue is raised."""

    def __init__(self, replies: Sequence[str | LLMError], delay_s: float = 0.0) -> None:
        self.replies = list(replies)
        self.prompts: list[list[Message]] = []
        self.prepared: list[list[Message]] = []
        self.delay_s = delay_s

    @property
    def name(self) -> str:
        """Name for the reader."""
        return "scripted"

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        on_progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """The next reply."""
        self.prompts.append(list(messages))
        if not self.replies:
            raise LLMBadOutput("The script has no further reply.")
        reply = self.replies.pop(0)
        if isinstance(reply, LLMError):
            raise reply
        if on_progress:
            on_progress(1.0)
            yield ""
        for word in reply.split(" "):
            if cancelled and cancelled():
                return
            time.sleep(self.delay_s)
            yield word + " "

    def judge(self, messages: Sequence[Message]) -> float | None:
        """1 where the next reply begins with yes, 0 where it does not."""
        return float("".join(self.stream(messages, max_tokens=1)).lower().startswith("yes"))

    def prepare(self, prefix: Sequence[Message]) -> None:
        """Remember what was prepared."""
        self.prepared.append(list(prefix))

    def close(self) -> None:
        """Nothing is held."""
