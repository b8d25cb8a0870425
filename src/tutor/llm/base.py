"""What a chat model is to the rest of Tutor. Does not know any vendor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatModel(Protocol):
    """A model that continues a chat; failures are LLMError and nothing else."""

    @property
    def name(self) -> str:
        """Name for the reader."""

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        on_progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """Text as it comes; an empty string marks progress in reading the prompt (share 0..1)."""

    def judge(self, messages: Sequence[Message]) -> float | None:
        """Probability (0..1) that the reply begins with yes rather than no; None where none is reported."""

    def prepare(self, prefix: Sequence[Message]) -> None:
        """Make the state of a stable prompt prefix ready, where the model can."""

    def close(self) -> None:
        """Free what is held."""
