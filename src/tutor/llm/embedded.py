"""The embedded chat model: the supervised server plus compiled prompt prefixes.

A prefix is the system message. Its state is restored into a slot before a request and saved after
the first one that read it. Does not know what a prefix says.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tutor.errors import LLMError, LLMUnavailable
from tutor.llm.base import Message
from tutor.llm.client import OpenAIChatModel
from tutor.llm.states import StateFolder
from tutor.llm.supervisor import CONTEXT, SLOTS, EmbeddedServer

log = logging.getLogger(__name__)


class EmbeddedChatModel:
    """Runs requests on the server's slots, one at a time each."""

    def __init__(self, name: str, server: EmbeddedServer, states: StateFolder, timeout_s: float) -> None:
        self._name, self.server, self.states, self._timeout_s = name, server, states, timeout_s
        self._changed = threading.Condition()
        self._free = list(range(SLOTS))
        self._preparing: str | None = None
        self._made: tuple[tuple[str, str], OpenAIChatModel] | None = None
        self._abort = False

    @property
    def name(self) -> str:
        """Name of the weights."""
        return self._name

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        on_progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """Text as it comes; only what follows a compiled prefix is read anew.

        Raises:
            LLMError: the server is down or refuses.
        """
        prefix = prefix_of(messages)
        for last in (False, True):
            self.server.address()
            slot = self._take(prefix)
            begun = False
            try:
                known = self._restore(slot, prefix)
                for delta in self._request(slot, messages, max_tokens, on_progress, cancelled):
                    begun = True
                    yield delta
                if not known and not (cancelled and cancelled()):
                    self._save(slot, prefix)
                return
            except LLMUnavailable:
                if begun or last or not self.server.gone():
                    raise
            finally:
                self._give_back(slot)

    def judge(self, messages: Sequence[Message]) -> float | None:
        """Probability (0..1) that the reply begins with yes (see `OpenAIChatModel.judge`).

        Raises:
            LLMError: the server is down or refuses.
        """
        self.server.address()
        slot = self._take(prefix_of(messages))
        try:
            return self._client().judge(messages, {"id_slot": slot, "cache_prompt": True})
        finally:
            self._give_back(slot)

    def prepare(self, prefix: Sequence[Message]) -> None:
        """Compile a prefix unless it is, or unless a reader is waiting; a reader's request stops it."""
        text = prefix_of(prefix)
        if self.states.budget_bytes == 0 or self.states.has(text):
            return
        self.server.address()
        with self._changed:
            if len(self._free) < SLOTS or self._preparing is not None:
                return
            slot = self._free.pop()
            self._preparing, self._abort = text, False
        try:
            probe = [*prefix, Message("user", "?")]
            for _ in self._request(slot, probe, 1, None, lambda: self._abort):
                pass
            if not self._abort:
                self._save(slot, text)
        finally:
            with self._changed:
                self._preparing = None
            self._give_back(slot)

    def close(self) -> None:
        """Stop the server."""
        self._abort = True
        self.server.stop()

    def _take(self, prefix: str) -> int:
        """A free slot; waits for the preparation of the same prefix, stops any other."""
        with self._changed:
            if self._preparing == prefix:
                self._changed.wait_for(lambda: self._preparing != prefix, self._timeout_s)
            elif self._preparing is not None:
                self._abort = True
            if not self._changed.wait_for(lambda: bool(self._free), self._timeout_s):
                raise LLMUnavailable("The chat model is busy with other questions")
            return self._free.pop(0)

    def _give_back(self, slot: int) -> None:
        with self._changed:
            self._free.append(slot)
            self._free.sort()
            self._changed.notify_all()

    def _request(
        self,
        slot: int,
        messages: Sequence[Message],
        max_tokens: int,
        on_progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> Iterator[str]:
        body = {"id_slot": slot, "cache_prompt": True, "return_progress": True}
        return self._client().stream(
            messages, max_tokens=max_tokens, on_progress=on_progress or (lambda share: None),
            cancelled=cancelled, extra_body=body,
        )  # fmt: skip

    def _client(self) -> OpenAIChatModel:
        """A client of the running server; another one after a restart."""
        place = (self.server.url, self.server.key)
        if self._made is None or self._made[0] != place:
            client = OpenAIChatModel(
                "tutor", place[0] + "/v1", place[1], self._timeout_s, context_window=CONTEXT // SLOTS
            )
            self._made = place, client
        return self._made[1]

    def _restore(self, slot: int, prefix: str) -> bool:
        """Load the prefix's state into the slot; one that does not load is dropped."""
        if not self.states.has(prefix):
            return False
        try:
            self._slot_action(slot, "restore", self.states.name(prefix))
        except LLMError as error:
            log.warning("a compiled prompt could not be used: %s", error)
            self.states.drop(prefix)
            return False
        self.states.used(prefix)
        return True

    def _save(self, slot: int, prefix: str) -> None:
        """Keep the slot's state; a full disk only costs the next reader time."""
        if self.states.budget_bytes == 0:
            return
        pending = self.states.pending()
        try:
            self._slot_action(slot, "save", pending)
            self.states.commit(pending, prefix)
        except (LLMError, OSError) as error:
            log.warning("a compiled prompt could not be kept: %s", error)
            with suppress(OSError):
                Path(self.states.folder / pending).unlink(missing_ok=True)

    def _slot_action(self, slot: int, action: str, filename: str) -> None:
        import httpx

        try:
            answer = httpx.post(
                f"{self.server.url}/slots/{slot}", params={"action": action},
                json={"filename": filename}, timeout=20.0, trust_env=False,
                headers={"Authorization": f"Bearer {self.server.key}"},
            )  # fmt: skip
        except httpx.HTTPError as error:
            raise LLMUnavailable(f"The chat model cannot be reached ({error})") from error
        if answer.status_code != 200:
            raise LLMUnavailable(f"The chat model could not {action} a state ({answer.text[:120]})")


def prefix_of(messages: Sequence[Message]) -> str:
    """The stable part of a prompt: its system message."""
    return messages[0].content if messages and messages[0].role == "system" else ""
