"""The page: its parts, and the handlers that connect them.

Does not know how an answer is made, and stores nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from tutor.errors import TutorError
from tutor.interview_store import InterviewStore
from tutor.store import Store
from tutor.tutor import Tutor
from tutor.ui import panel, render, seen_by, theme
from tutor.ui.room import RoomPage
from tutor.ui.turn import STOPPED, Page

ASKING: Any = gr.update(submit_btn=True, stop_btn=False)
WIRE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
DOWNLOAD = """(title, text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  link.download = (title.replace(/[^\\w-]+/g, "-").slice(0, 40) || "conversation") + ".md";
  link.click();
}"""
TITLE = (
    '<div id="head"><h1>Tutor<span class="dot">.</span></h1>'
    "<p>System design, answered from one guide. Every sentence shows where it comes from.</p></div>"
)


def mermaid_address() -> str:
    """Where Gradio's own copy of Mermaid is served."""
    folder = Path(gr.__file__).parent / "templates" / "frontend" / "assets"
    found = sorted(folder.glob("mermaid.core-*.js"))
    return f"/assets/{found[0].name}" if found else ""


class ChatPage:
    """Builds the page over a core and a store; holds nothing of any reader."""

    def __init__(self, tutor: Tutor, store: Store, interviews: InterviewStore) -> None:
        self.tutor, self.store = tutor, store
        self.room = RoomPage(tutor, interviews)

    def build(self) -> Any:
        """The page as Gradio blocks."""
        with gr.Blocks(title="Tutor", analytics_enabled=False) as blocks:
            self.seen = gr.BrowserState({}, storage_key="tutor", secret=seen_by.KEY)
            interview_seen = gr.BrowserState({}, storage_key="tutor-interview", secret=seen_by.KEY)
            self.chosen = gr.State("")
            gr.HTML(TITLE)
            with gr.Row(elem_id="main", equal_height=False):
                with gr.Column(scale=7, min_width=320, elem_id="tabs"), gr.Tabs():
                    with gr.Tab("Ask"), gr.Row(equal_height=False, elem_id="asking"):
                        self._side()
                        self._centre()
                    with gr.Tab("Interview", elem_id="interview"):
                        self.room.build(blocks, interview_seen, self.seen)
                with gr.Column(scale=4, min_width=300, elem_id="beside"):
                    self._panel()
            self._wire(blocks)
        return blocks

    def _side(self) -> None:
        with gr.Column(scale=2, min_width=230, elem_id="side"):
            self.new = gr.Button("New conversation", size="sm")
            self.list = gr.Radio([], label="Conversations", elem_id="list", container=False)
            with gr.Accordion("This conversation", open=False):
                self.title = gr.Textbox(label="Title", max_length=200)
                self.rename = gr.Button("Rename", size="sm")
                self.export = gr.Button("Export as Markdown", size="sm")
                self.exported = gr.Textbox(visible="hidden")
                self.delete = gr.Button("Delete", size="sm", variant="stop")
            with gr.Accordion("Contents of the guide", open=True):
                self.contents = gr.HTML("<p>Loading…</p>")

    def _centre(self) -> None:
        with gr.Column(scale=5, min_width=320, elem_id="centre"):
            self.chat = gr.Chatbot(
                elem_id="chat", height="calc(100vh - 290px)", min_height=360, buttons=["copy"],
                show_label=False, label="Conversation", layout="bubble", feedback_options=("Like", "Dislike"),
                **theme.FINISHED,
                placeholder="### What do you want to understand?\nAnswers come only from the guide.",
            )  # fmt: skip
            with gr.Group(visible=False) as self.rewritten_box:
                self.rewritten = gr.Textbox(label="Understood as (edit and press Enter)", max_lines=2)
            with gr.Group(visible=False) as self.note_box:
                self.note = gr.Textbox(label="What was wrong? (Enter sends)", max_length=2000)
            self.box = gr.Textbox(
                elem_id="ask", placeholder="Ask about system design", label="Your question",
                show_label=False, submit_btn=True, stop_btn=False, autofocus=True, max_lines=4,
            )  # fmt: skip

    def _panel(self) -> None:
        def passage(target: str) -> str:
            return self.passage(target)

        script = (theme.ASSETS / "panel.js").read_text(encoding="utf-8")
        self.panel = gr.HTML(
            {"html": panel.EMPTY}, elem_id="panel",
            html_template='<div class="page" aria-live="polite">${value.html}</div>',
            js_on_load=script.replace("@MERMAID@", mermaid_address()),
            server_functions=[passage], apply_default_css=False,
        )  # fmt: skip

    def _wire(self, blocks: Any) -> None:
        page = [self.chat, self.box, self.seen, self.list, self.rewritten_box, self.rewritten]
        asked = [self.box, self.seen]
        runs = [
            self.box.submit(self.ask, asked, page, concurrency_limit=2, trigger_mode="always_last", **WIRE),
            self.chat.option_select(self.ask_option, [self.seen], page, concurrency_limit=2, **WIRE),
            self.chat.example_select(self.ask_option, [self.seen], page, concurrency_limit=2, **WIRE),
            self.chat.retry(self.retry, [self.seen], page, concurrency_limit=2, **WIRE),
            self.rewritten.submit(
                self.ask_rewritten, [self.rewritten, self.seen], page, concurrency_limit=2, **WIRE
            ),
        ]
        self.box.stop(None, cancels=runs, **WIRE).then(
            self.stopped, [self.seen], [self.chat, self.box, self.list], **WIRE
        )
        self.box.input(self.typed, [self.box], None, trigger_mode="always_last", **WIRE)
        shown = [self.chat, self.seen, self.list, self.title, self.rewritten_box]
        blocks.load(self.restore, [self.seen], [*shown, self.contents], **WIRE)
        self.new.click(self.start_new, [self.seen], shown, **WIRE)
        self.list.input(self.open, [self.list, self.seen], shown, **WIRE)
        self.rename.click(self.rename_it, [self.title, self.seen], [self.list], **WIRE)
        self.delete.click(self.delete_it, [self.seen], shown, **WIRE)
        self.export.click(self.export_it, [self.seen], [self.exported], **WIRE).then(
            None, [self.title, self.exported], None, js=DOWNLOAD, **WIRE
        )
        self.chat.like(self.like, [self.seen], [self.note_box, self.chosen], **WIRE)
        self.note.submit(
            self.send_note, [self.note, self.chosen, self.seen], [self.note_box, self.note], **WIRE
        )

    def passage(self, target: str) -> str:
        """A section as HTML with the cited span marked; empty for anything that is not a citation."""
        wanted = panel.parse_target(target) if isinstance(target, str) else None
        try:
            section = self.tutor.section(wanted[0]) if wanted else None
        except TutorError:
            return ""
        if wanted is None or section is None:
            return ""
        return panel.section_html(section, wanted[1], wanted[2])

    def ask(self, question: str, seen: dict[str, Any], standalone: str | None = None) -> Iterator[Any]:
        """Answer what was typed; the stop button stands where the ask button was."""
        seen = seen_by.known(seen)
        page = Page(self.tutor, self.store, seen["owner"], seen.get("conversation"))
        kept = {**seen, "conversation": page.conversation}
        if not question.strip():
            yield gr.skip(), ASKING, kept, gr.skip(), gr.skip(), gr.skip()
            return
        box = gr.update(value="", submit_btn=False, stop_btn=True)
        for messages in page.ask(question, standalone):
            # What the browser keeps is sent whole each time: Gradio would patch a skip into the stored value itself.
            yield messages, box, kept, gr.skip(), self.rewritten_as(page), page.standalone
            box = gr.skip()
        kept["conversation"] = page.conversation
        yield gr.skip(), ASKING, kept, self.listed(kept), self.rewritten_as(page), page.standalone

    def rewritten_as(self, page: Page) -> Any:
        """Shows the rewritten question where there is one."""
        return gr.update(visible=bool(page.standalone))

    def stopped(self, seen: dict[str, Any]) -> tuple[Any, Any, Any]:
        """What is kept of a stopped answer, once it is kept."""
        seen = seen_by.known(seen)
        page = Page(self.tutor, self.store, seen["owner"], seen.get("conversation"))
        until = time.monotonic() + 3
        while time.monotonic() < until:
            turns = self.store.turns(page.owner, page.conversation)
            if turns and turns[-1].answer["degraded"] == STOPPED:
                return page.shown(), ASKING, self.listed(seen)
            time.sleep(0.1)
        return gr.skip(), ASKING, self.listed(seen)

    def ask_option(self, seen: dict[str, Any], event: gr.SelectData) -> Iterator[Any]:
        """Ask a suggested question."""
        value = event.value
        yield from self.ask(str(value["text"] if isinstance(value, dict) else value), seen)

    def ask_rewritten(self, standalone: str, seen: dict[str, Any]) -> Iterator[Any]:
        """Ask again with the learner's own reading of the question."""
        yield from self.ask(standalone, seen, standalone)

    def retry(self, seen: dict[str, Any]) -> Iterator[Any]:
        """Ask the last question again."""
        seen = seen_by.known(seen)
        turns = self.store.turns(seen["owner"], str(seen.get("conversation")))
        if turns:
            last = turns[-1].answer
            yield from self.ask(last["question"], seen, last["standalone_question"])

    def typed(self, text: str) -> None:
        """Let the core make the likely section ready."""
        if self.tutor.ready() is None:
            self.tutor.prepare_for(text[:300])

    def listed(self, seen: dict[str, Any]) -> Any:
        """The owner's conversations."""
        try:
            found = self.store.conversations(seen_by.known(seen)["owner"])
        except TutorError:
            found = []
        choices = [(entry.title, entry.id) for entry in found]
        held = seen.get("conversation")
        return gr.update(choices=choices, value=held if held in {c[1] for c in choices} else None)

    def restore(self, seen: dict[str, Any] | None) -> Any:
        """The page after a reload: conversation, list, contents."""
        seen = seen_by.known(seen)
        try:
            contents = panel.contents_html(self.tutor.sections())
        except TutorError as error:
            contents = render.warning(str(error))
        return *self.show(seen), contents

    def show(self, seen: dict[str, Any]) -> tuple[Any, ...]:
        """Chat, state, list, title of a conversation."""
        page = Page(self.tutor, self.store, seen["owner"], seen.get("conversation"))
        try:
            messages = page.shown()
            examples = self.tutor.examples()
        except TutorError as error:
            messages = [render.note(str(error))]
            examples = ()
        titles = {c.id: c.title for c in self.store.conversations(seen["owner"])}
        title = titles.get(str(seen.get("conversation")), "")
        chat = gr.update(value=messages, examples=[{"text": text} for text in examples])
        return chat, seen, self.listed(seen), title, gr.update(visible=False)

    @seen_by.told
    def start_new(self, seen: dict[str, Any]) -> Any:
        """An empty conversation."""
        return self.show({**seen_by.known(seen), "conversation": None})

    @seen_by.told
    def open(self, conversation: str, seen: dict[str, Any]) -> Any:
        """A stored conversation."""
        return self.show({**seen_by.known(seen), "conversation": conversation})

    @seen_by.told
    def rename_it(self, title: str, seen: dict[str, Any]) -> Any:
        """Another title for the open conversation."""
        seen = seen_by.known(seen)
        self.store.rename(seen["owner"], str(seen.get("conversation")), title)
        return self.listed(seen)

    @seen_by.told
    def delete_it(self, seen: dict[str, Any]) -> Any:
        """Delete the open conversation."""
        seen = seen_by.known(seen)
        self.store.delete(seen["owner"], str(seen.get("conversation")))
        return self.start_new(seen)

    @seen_by.told
    def export_it(self, seen: dict[str, Any]) -> str:
        """The open conversation as Markdown."""
        seen = seen_by.known(seen)
        owner, conversation = seen["owner"], str(seen.get("conversation"))
        return self.store.export_markdown(owner, conversation, "corpus/guide/")

    @seen_by.told
    def like(self, seen: dict[str, Any], event: gr.LikeData) -> Any:
        """Keep a thumb; a thumb down asks what was wrong."""
        seen = seen_by.known(seen)
        turns = self.store.turns(seen["owner"], str(seen.get("conversation")))
        at = int(event.index if isinstance(event.index, int) else event.index[0]) // 2
        if not 0 <= at < len(turns):
            return gr.update(visible=False), ""
        liked = event.liked is True or event.liked == "Like"
        self.store.set_feedback(seen["owner"], turns[at].id, "up" if liked else "down")
        return gr.update(visible=not liked), turns[at].id

    @seen_by.told
    def send_note(self, note: str, turn: str, seen: dict[str, Any]) -> Any:
        """Keep what the learner says was wrong."""
        if turn:
            self.store.set_feedback(seen_by.known(seen)["owner"], turn, "down", note)
        return gr.update(visible=False), ""
