"""One question from the page: core events in, growing chat messages out, the answer stored.

Does not know Gradio. Updates are at most about twelve a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from tutor.errors import TutorError
from tutor.schema import (
    Checked,
    Degraded,
    Drafted,
    Event,
    Extracted,
    Finished,
    NotCovered,
    Reading,
    Rewritten,
)
from tutor.store import Store
from tutor.tutor import Tutor
from tutor.ui import render

FRAME_S = 0.08
LOAD_TIMEOUT_S = 300.0


class Page:
    """What a learner's page shows while a question is answered."""

    def __init__(self, tutor: Tutor, store: Store, owner: str, conversation: str | None) -> None:
        self.tutor, self.store, self.owner = tutor, store, owner
        self.conversation = conversation
        self.standalone = ""
        self.suggestions: tuple[str, ...] = ()
        self.answer: dict[str, Any] = {}

    def shown(self) -> list[dict[str, Any]]:
        """The stored turns as messages."""
        if not self.conversation:
            return []
        return render.messages(t.answer for t in self.store.turns(self.owner, self.conversation))

    def ask(
        self, question: str, standalone: str | None, cancelled: Callable[[], bool]
    ) -> Iterator[list[dict[str, Any]]]:
        """The chat's messages as they grow; an error becomes a message, never an answer."""
        before: list[dict[str, Any]] = []
        said = {"role": "user", "content": render.verbatim(question[:2000])}
        try:
            before = self.shown()
            for status in self._loading():
                yield [*before, said, note(status)]
            history = self.store.history(self.owner, self.conversation) if self.conversation else []
            events = self.tutor.ask(question, history=history, standalone=standalone, cancelled=cancelled)
            for content in self._contents(events):
                yield [*before, said, {"role": "assistant", "content": content}]
        except TutorError as error:
            yield [*before, said, note(f"{error.message} {error.hint}".strip())]
            return
        final = {"role": "assistant", "content": render.answer_markdown(self.answer)}
        yield render.with_options([*before, said, final], self.suggestions)

    def _loading(self) -> Iterator[str]:
        until = time.monotonic() + LOAD_TIMEOUT_S
        while (status := self.tutor.ready()) and status.endswith("…") and time.monotonic() < until:
            yield status
            time.sleep(0.3)

    def _contents(self, events: Iterator[Event]) -> Iterator[str]:
        """The answer's Markdown, again after each event that changes it, throttled."""
        answer: dict[str, Any] = {
            "status": "answered", "text": "", "extract": [], "sentences": [], "citations": [],
            "nearest": [], "degraded": None,
        }  # fmt: skip
        draft, progress, last = "", "", 0.0
        for event in events:
            match event:
                case Rewritten(standalone_question=alone, changed=changed):
                    self.standalone = alone if changed else ""
                case NotCovered(reply=reply, nearest=nearest):
                    answer.update(status="not_covered", text=reply, nearest=[plain(n) for n in nearest])
                case Extracted(sentences=sentences, citations=citations):
                    answer["extract"] = [plain(s) for s in sentences]
                    answer["citations"] = [plain(c) for c in citations]
                    progress = "Reading the section …"
                case Reading(share=share):
                    progress = f"Reading the section {share:.0%}"
                case Drafted(text=text):
                    draft = text
                case Checked(sentence=sentence, citations=new):
                    draft = ""
                    held = {c["n"] for c in answer["citations"]}
                    answer["sentences"].append(plain(sentence))
                    answer["citations"] += [plain(c) for c in new if c.n not in held]
                case Degraded(reason=reason):
                    answer["degraded"] = reason
                case Finished(answer=whole):
                    self._finish(whole)
                    return
            whole_event = isinstance(event, (Extracted, NotCovered, Checked, Degraded))
            if whole_event or time.monotonic() - last > FRAME_S:
                last = time.monotonic()
                yield render.answer_markdown(answer, draft=draft, progress=progress, done=False)

    def _finish(self, answer: Any) -> None:
        self.answer = answer.to_json()
        self.suggestions = answer.suggestions
        self.conversation, _ = self.store.add_turn(self.owner, self.conversation, answer)


def plain(item: Any) -> dict[str, Any]:
    """A small record as a mapping."""
    return {name: getattr(item, name) for name in item.__slots__}


def note(text: str) -> dict[str, Any]:
    """A message of the app itself."""
    return {"role": "assistant", "content": f"*{render.safe(text).replace('*', '')}*"}
