"""The interview room: picker, chat, phase bar, whiteboard, notes, debrief.

Does not know how an interview is run, and stores nothing itself.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from tutor.errors import TutorError
from tutor.interview.debrief import Debrief, to_markdown
from tutor.interview.problem import LENGTHS, LEVELS
from tutor.interview.room import Said, too_long
from tutor.interview_store import InterviewMoved, InterviewStore, Record
from tutor.schema import Section
from tutor.tutor import Tutor
from tutor.ui import progress, render, seen_by, theme, whiteboard
from tutor.ui.debrief import debrief_html, export_html

log = logging.getLogger(__name__)
WIRE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
TICK_S = 5
TRIES = 4
"""How often something is done again on an interview that moved meanwhile: what was said is never lost."""
SAVE = """(file) => {
  if (!file) return;
  const { name, type, text } = JSON.parse(file);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
}"""
Act = Callable[[Any], Iterator[Said]]


class RoomPage:
    """Builds the room's tab; holds nothing of any candidate."""

    def __init__(self, tutor: Tutor, store: InterviewStore) -> None:
        self.tutor, self.store = tutor, store
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def build(self, blocks: Any, seen: Any, chat_seen: Any) -> None:
        """The parts of the tab; `seen` and `chat_seen` are what the browser keeps of the interview and of the chat.

        They are apart, so that an answer that is still being written never overwrites the interview's.
        """
        self.seen, self.chat_seen = seen, chat_seen
        with gr.Column(visible=True, elem_id="setup") as self.setup:
            gr.Markdown(
                "## Practise an interview\nPick a problem. The interviewer holds the scenario; you lead."
            )
            with gr.Row():
                self.difficulty = gr.Radio(["all", "easy", "medium", "hard"], value="all", label="Difficulty")
                self.topic = gr.Dropdown([], label="Topic", value=None)
                self.level = gr.Radio(list(LEVELS), value="mid", label="Level")
                self.minutes = gr.Radio(list(LENGTHS), value=45, label="Minutes")
            self.problem = gr.Radio([], label="Problem", elem_id="problems")
            self.start = gr.Button("Start the interview", variant="primary", elem_id="start")
            self.past = gr.Radio([], label="Your interviews", elem_id="past", visible=False)
        with gr.Column(visible=False, elem_id="room") as self.room:
            self.bar = gr.HTML("", elem_id="phases")
            with gr.Row(equal_height=False, elem_id="floor"):
                with gr.Column(scale=6, min_width=320):
                    self.chat = gr.Chatbot(
                        elem_id="talk", height="calc(100vh - 400px)", min_height=320, show_label=False,
                        label="Interview", layout="bubble", buttons=["copy"], **theme.FINISHED,
                    )  # fmt: skip
                    self.box = gr.Textbox(
                        elem_id="say", placeholder="Speak to the interviewer", label="What you say",
                        show_label=False, submit_btn=True, max_lines=8, autofocus=True,
                    )  # fmt: skip
                    with gr.Row():
                        self.hint = gr.Button("Hint", size="sm", elem_id="hint", min_width=140)
                        self.next = gr.Button("Next phase", size="sm", elem_id="next", min_width=140)
                        self.pause = gr.Button("Pause", size="sm", elem_id="pause", min_width=140)
                        self.end = gr.Button("End and debrief", size="sm", variant="stop", elem_id="end", min_width=140)
                with gr.Column(scale=5, min_width=300, elem_id="board"):
                    self.drawn = gr.HTML(whiteboard.EMPTY, elem_id="drawn", apply_default_css=False)
                    with gr.Row():
                        self.from_ = gr.Dropdown([], label="From", allow_custom_value=True, min_width=120)
                        self.to = gr.Dropdown([], label="To", allow_custom_value=True, min_width=120)
                        self.join = gr.Button("Add arrow", size="sm", elem_id="join", min_width=90)
                    self.mermaid = gr.Textbox(
                        label="Whiteboard (Mermaid)", lines=6, max_lines=14, elem_id="mermaid",
                        placeholder="flowchart LR\n  A[Client] --> B[Server]",
                    )  # fmt: skip
                    self.show_it = gr.Button("Show it to the interviewer", size="sm", elem_id="draw")
                    self.wrong = gr.HTML("", elem_id="wrong")
                    self.notes = gr.Textbox(
                        label="Notes (only for you)", lines=3, max_lines=10, elem_id="notes"
                    )
        with gr.Column(visible=False, elem_id="after") as self.after:
            self.report = gr.HTML("", elem_id="report")
            with gr.Row():
                self.as_markdown = gr.Button("Export as Markdown", size="sm")
                self.as_html = gr.Button("Export as one HTML page", size="sm", elem_id="as-html")
                self.again = gr.Button("Another interview", size="sm", variant="primary", elem_id="again")
                self.remove = gr.Button("Delete", size="sm", variant="stop")
        self.file = gr.Textbox(visible="hidden")
        self.clock = gr.Timer(TICK_S)
        self._wire(blocks)

    def _wire(self, blocks: Any) -> None:
        page = [
            self.seen, self.setup, self.room, self.after, self.bar, self.chat, self.box, self.drawn, self.mermaid,
            self.wrong, self.notes, self.report, self.pause, self.past, self.problem, self.topic, self.from_, self.to,
        ]  # fmt: skip
        filters = [self.difficulty, self.topic]
        blocks.load(self.restore, [self.seen, self.chat_seen], page, **WIRE)
        for picked in filters:
            picked.input(self.choices, filters, [self.problem], **WIRE)
        self.start.click(self.begin, [self.problem, self.level, self.minutes, self.seen], page, **WIRE)
        self.past.input(self.open, [self.past, self.seen], page, **WIRE)
        # Enter while the interviewer still speaks is kept for afterwards; by default it would be dropped.
        self.box.submit(
            self.say, [self.box, self.seen], page, concurrency_limit=2, trigger_mode="always_last", **WIRE
        )
        self.hint.click(lambda seen: self.press("hint", seen), [self.seen], page, **WIRE)
        self.next.click(lambda seen: self.press("next_phase", seen), [self.seen], page, **WIRE)
        self.end.click(lambda seen: self.press("end", seen), [self.seen], page, **WIRE)
        self.pause.click(self.pause_it, [self.seen], page, **WIRE)
        self.join.click(
            whiteboard.add_arrow,
            [self.from_, self.to, self.mermaid],
            [self.mermaid, self.drawn, self.wrong],
            **WIRE,
        )
        self.mermaid.change(
            whiteboard.preview, [self.mermaid], [self.drawn, self.wrong], trigger_mode="always_last", **WIRE
        )
        self.show_it.click(self.draw, [self.mermaid, self.seen], page, **WIRE)
        self.notes.change(self.note, [self.notes, self.seen], None, trigger_mode="always_last", **WIRE)
        self.clock.tick(self.tick, [self.seen], [self.bar], **WIRE)
        self.again.click(self.leave, [self.seen], page, **WIRE)
        self.remove.click(self.delete, [self.seen], page, **WIRE)
        for button, kind in ((self.as_markdown, "md"), (self.as_html, "html")):
            button.click(
                lambda seen, kind=kind: self.export(kind, seen), [self.seen], [self.file], **WIRE
            ).then(None, [self.file], None, js=SAVE, **WIRE)

    def record(self, seen: dict[str, Any]) -> Record | None:
        """The open interview."""
        key = seen.get("interview")
        return self.store.get(seen_by.known(seen)["owner"], str(key)) if key else None

    def restore(self, seen: dict[str, Any] | None, chat_seen: dict[str, Any] | None) -> Any:
        """The tab after a reload; interviews from when both were kept in one place belong to the chat's owner."""
        return self.view(seen_by.known(seen or chat_seen), self.store.database.unkept)

    def view(self, seen: dict[str, Any], error: str = "") -> tuple[Any, ...]:
        """Every part of the tab as the stored interview has it."""
        seen = seen_by.known(seen)
        try:
            record = self.record(seen)
        except TutorError as failed:
            record, error = None, str(failed)
        running = record is not None and record.debrief is None
        ended = record is not None and record.debrief is not None
        state = record.state if record else None
        return (
            seen,
            gr.update(visible=record is None),
            gr.update(visible=running),
            gr.update(visible=ended),
            progress.bar(state, bool(record and record.paused)) if running and state else "",
            progress.messages(state),
            gr.update(value=record.draft if record else "", interactive=not (record and record.paused)),
            whiteboard.shown(state),
            state.diagram if state else "",
            render.warning(error),
            record.notes if record else "",
            self.reported(record, seen) if ended and record else "",
            gr.update(value="Go on" if record and record.paused else "Pause"),
            self.earlier(seen),
            self.choices("all", None) if record is None else gr.skip(),
            gr.update(choices=self.topics()) if record is None else gr.skip(),
            *(whiteboard.parts(state) if running and state else (gr.skip(), gr.skip())),
        )

    def topics(self) -> list[str]:
        """All topics of all problems."""
        try:
            return sorted({topic for p in self.tutor.problems().values() for topic in p.topics})
        except TutorError:
            return []

    def choices(self, difficulty: str, topic: str | None) -> Any:
        """The problems of a difficulty and topic."""
        try:
            held = self.tutor.problems().values()
        except TutorError as error:
            return gr.update(choices=[], label=str(error))
        fitting = [
            (f"{p.title} · {p.difficulty}", p.id)
            for p in held
            if difficulty in ("all", p.difficulty) and (not topic or topic in p.topics)
        ]
        return gr.update(choices=fitting, value=fitting[0][1] if fitting else None)

    def earlier(self, seen: dict[str, Any]) -> Any:
        """The candidate's interviews."""
        try:
            held = self.store.listed(seen_by.known(seen)["owner"])
        except TutorError:
            held = []
        rows = []
        for record in held:
            done = record.debrief
            what = f"{done['verdict']}" if done else "in progress"
            name = done["title"] if done else record.problem
            rows.append((f"{name} · {record.created[:10]} · {what}", record.id))
        return gr.update(choices=rows, value=None, visible=bool(rows))

    @seen_by.told
    def begin(self, problem: str | None, level: str, minutes: int, seen: dict[str, Any]) -> Any:
        """Start a new interview."""
        if not problem:
            return self.view(seen, "Pick a problem first.")
        room = self.tutor.interview(problem, level=level, minutes=int(minutes))
        list(room.open())
        seen = seen_by.known(seen)
        key = self.store.add(seen["owner"], room.state)
        return self.view({**seen, "interview": key})

    def open(self, key: str, seen: dict[str, Any]) -> Any:
        """An earlier interview: its debrief, or where it stood."""
        return self.view({**seen, "interview": key})

    def leave(self, seen: dict[str, Any]) -> Any:
        """Back to the picker."""
        return self.view({**seen, "interview": None})

    @seen_by.told
    def delete(self, seen: dict[str, Any]) -> Any:
        """Delete the open interview."""
        self.store.delete(seen_by.known(seen)["owner"], str(seen.get("interview")))
        return self.leave(seen)

    def say(self, text: str, seen: dict[str, Any]) -> Iterator[Any]:
        """The candidate speaks: kept first, shown at once, then answered."""
        if long := too_long(text):
            yield self.going_on(self.view(seen, long))
            return
        try:
            record = self.record(seen) if text.strip() else None
            if record is not None:
                self.store.keep_draft(seen_by.known(seen)["owner"], record.id, text)
        except TutorError as error:
            yield self.view(seen, str(error))
            return
        if record is None:
            yield self.going_on(self.view(seen))
            return
        waiting = [*progress.messages(record.state), render.said(text)]
        # What the browser keeps is sent whole: Gradio would patch a skip into the stored value itself.
        yield (seen, *(gr.skip() for _ in range(4)), waiting, "", *(gr.skip() for _ in range(11)))
        yield self.act(seen, lambda room: room.say(text))

    def press(self, action: str, seen: dict[str, Any]) -> Any:
        """A button."""
        return self.act(seen, lambda room: room.do(action))

    def draw(self, mermaid: str, seen: dict[str, Any]) -> Any:
        """Show the whiteboard to the interviewer."""
        return self.act(seen, lambda room: room.draw(mermaid))

    def act(self, seen: dict[str, Any], act: Act) -> Any:
        """Do something in the stored interview and store what came of it, one thing after the other."""
        try:
            if self.record(seen) is None:
                return self.going_on(self.view(seen))
        except TutorError as error:
            return self.view(seen, str(error))
        for attempt in range(TRIES):
            try:
                with self._turns[str(seen.get("interview"))]:
                    wrong = self.acted(seen, act)
                return self.going_on(self.view(seen, wrong))
            except InterviewMoved as error:
                if attempt == TRIES - 1:
                    return self.view(seen, str(error))
            except TutorError as error:
                return self.view(seen, str(error))

    def going_on(self, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        """A view that leaves alone what the candidate may be typing: the box, the whiteboard and its text, the notes."""
        kept = (6, 7, 8, 10)
        return tuple(gr.skip() if i in kept else part for i, part in enumerate(parts))

    def acted(self, seen: dict[str, Any], act: Act) -> str:
        """Do it on the interview as it now stands; returns what was wrong, if anything.

        Raises:
            InterviewMoved: another tab, or another button, was quicker.
        """
        owner = seen_by.known(seen)["owner"]
        self.store.tick(owner, str(seen.get("interview")))
        record = self.record(seen)
        if record is None or record.debrief is not None:
            return ""
        room = self.tutor.interview(record.problem, state=record.state)
        said = list(act(room))
        result = self.tutor.debrief(room.state).to_json() if room.state.ended else None
        self.store.save(owner, record.id, room.state, record.revision, result)
        return " ".join(line.text for line in said if line.type == "error")

    @seen_by.told
    def pause_it(self, seen: dict[str, Any]) -> Any:
        """Stop the clock, or let it run again."""
        record = self.record(seen)
        if record:
            self.store.pause(seen_by.known(seen)["owner"], record.id, not record.paused)
        return self.view(seen)

    def tick(self, seen: dict[str, Any] | None) -> Any:
        """Move the clock and show it."""
        seen = seen or {}
        if not seen.get("interview"):
            return gr.skip()
        try:
            self.store.tick(seen_by.known(seen)["owner"], str(seen["interview"]))
            record = self.record(seen)
        except TutorError:
            return gr.skip()
        return progress.bar(record.state, record.paused) if record and record.debrief is None else gr.skip()

    @seen_by.told
    def note(self, text: str, seen: dict[str, Any]) -> None:
        """Keep the notes."""
        if seen.get("interview"):
            self.store.keep_notes(seen_by.known(seen)["owner"], str(seen["interview"]), text)

    def reported(self, record: Record, seen: dict[str, Any]) -> str:
        """The stored debrief beside earlier ones."""
        assert record.debrief is not None
        past = [r.debrief for r in reversed(self.store.listed(seen_by.known(seen)["owner"])) if r.debrief]
        return debrief_html(
            record.debrief, record.state.phase_ends, past, self.section, self.outdated(record)
        )

    def section(self, key: str) -> Section | None:
        """A section of the guide; none while it cannot be read: a stored debrief is shown all the same."""
        try:
            return self.tutor.section(key)
        except TutorError:
            return None

    def outdated(self, record: Record) -> str:
        """Which version of the problem a stored debrief was judged against, where it has changed since."""
        assert record.debrief is not None
        version = record.debrief["version"]
        try:
            changed = self.tutor.problem(record.problem).version != version
        except TutorError:
            return f"This problem no longer exists; judged against its version {version}."
        return f"Judged against version {version} of this problem; it has changed since." if changed else ""

    def export(self, kind: str, seen: dict[str, Any]) -> str:
        """The stored debrief as a file for the browser to save."""
        record = self.record(seen)
        if record is None or record.debrief is None:
            return ""
        name, note = f"debrief-{record.problem}.{kind}", self.outdated(record)
        if kind == "html":
            lines = record.state.to_json()["transcript"]
            text = export_html(record.debrief, record.state.phase_ends, lines, self.section, note)
        else:
            kept = replace(Debrief.from_json(record.debrief), note=note)
            text = to_markdown(kept, record.state, self.section, "corpus/guide/")
        mime = "text/html" if kind == "html" else "text/markdown"
        return json.dumps({"name": name, "type": mime, "text": text})
