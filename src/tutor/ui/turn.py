"""One question from the page: core events in, growing chat messages out, the answer stored.

Does not know Gradio. Updates are at most about twelve a second.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator
from typing import Any

from tutor.errors import SessionError, TutorError
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

log = logging.getLogger(__name__)
STOPPED = "Stopped: what the model had not finished is left out."
PULSE_S = 0.25
FRAME_S = 0.08
LOAD_TIMEOUT_S = 300.0


class Page:
    """What a learner's page shows while a question is answered."""

    def __init__(self, tutor: Tutor, store: Store, owner: str, conversation: str | None) -> None:
        self.tutor, self.store, self.owner = tutor, store, owner
        self.conversation = conversation or uuid.uuid4().hex
        self.question = ""
        self.standalone = ""
        self.suggestions: tuple[str, ...] = ()
        self.answer: dict[str, Any] = {}
        self.unkept = store.database.unkept

    def shown(self) -> list[dict[str, Any]]:
        """The stored turns as messages."""
        return render.messages(t.answer for t in self.store.turns(self.owner, self.conversation))

    def ask(self, question: str, standalone: str | None) -> Iterator[list[dict[str, Any]]]:
        """The chat's messages as they grow; an error becomes a message, never an answer."""
        before: list[dict[str, Any]] = []
        self.question = question[:2000]
        said = render.said(question[:2000])
        try:
            before = self.shown()
            for status in self._loading():
                yield [*before, said, render.note(status)]
            history = self.store.history(self.owner, self.conversation)

            def events(cancelled: Callable[[], bool]) -> Iterator[Event]:
                return self.tutor.ask(question, history=history, standalone=standalone, cancelled=cancelled)

            for answer in self._answers(pumped(events)):
                yield [*before, said, answer]
        except TutorError as error:
            yield [*before, said, render.note(f"{error.message} {error.hint}".strip())]
            return
        messages = [*before, said, render.answered(self.answer)]
        last = [render.note(self.unkept)] if self.unkept else []
        yield render.with_options([*messages, *last], self.suggestions)

    def _loading(self) -> Iterator[str]:
        until = time.monotonic() + LOAD_TIMEOUT_S
        while (status := self.tutor.ready()) and status.endswith("…") and time.monotonic() < until:
            yield status
            time.sleep(0.3)

    def _answers(self, events: Generator[Event | None]) -> Iterator[render.Message]:
        """The answer as a message, again after each event that changes it, throttled."""
        answer: dict[str, Any] = {
            "id": uuid.uuid4().hex[:12],
            "question": self.question,
            "standalone_question": self.question,
            "status": "answered",
            "text": "",
            "extract": [],
            "sentences": [],
            "citations": [],
            "nearest": [],
            "suggestions": [],
            "degraded": None,
            "timings": {},
            "model": None,
        }
        try:
            yield from self._frames(events, answer)
        except GeneratorExit:
            events.close()
            self._keep_stopped(answer)
            raise

    def _frames(self, events: Iterator[Event | None], answer: dict[str, Any]) -> Iterator[render.Message]:
        """Fills `answer` from the events and yields its message."""
        draft, progress, last = "", "", 0.0
        for event in events:
            match event:
                case Rewritten(standalone_question=alone, changed=changed):
                    answer["standalone_question"] = alone
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
            if whole_event or event is None or time.monotonic() - last > FRAME_S:
                last = time.monotonic()
                yield render.answered(answer, draft=draft, progress=progress, done=False)

    def _finish(self, answer: Any) -> None:
        self.answer = answer.to_json()
        self.suggestions = answer.suggestions
        try:
            self.conversation, _ = self.store.add_turn(self.owner, self.conversation, answer.to_json())
        except SessionError as error:
            self.unkept = str(error)

    def _keep_stopped(self, answer: dict[str, Any]) -> None:
        """Keep what a reader saw before stopping or leaving; nothing, where that was nothing."""
        if not answer["extract"] or self.answer:
            return
        kept = [s["text"] for s in answer["sentences"] if s["verdict"] == "supported"]
        answer["text"] = " ".join(kept or [s["text"] for s in answer["extract"]])
        answer["degraded"] = STOPPED
        try:
            self.store.add_turn(self.owner, self.conversation, answer)
        except TutorError as error:
            log.warning("%s", error)


def pumped(start: Callable[[Callable[[], bool]], Iterator[Event]]) -> Generator[Event | None]:
    """The events of a stream that runs in a thread of its own; None each time none came for a while.

    Closing this takes effect at once, also while the model is silent; the stream then ends by itself.
    """
    stop = threading.Event()
    arrived: queue.SimpleQueue[Event | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            for event in start(stop.is_set):
                arrived.put(event)
                if stop.is_set():
                    return
        except Exception as error:
            arrived.put(error)

    threading.Thread(target=run, daemon=True).start()
    try:
        while True:
            try:
                event = arrived.get(timeout=PULSE_S)
            except queue.Empty:
                yield None
                continue
            if isinstance(event, Exception):
                raise event
            yield event
            if isinstance(event, Finished):
                return
    finally:
        stop.set()


def plain(item: Any) -> dict[str, Any]:
    """A small record as a mapping."""
    return {name: getattr(item, name) for name in item.__slots__}
