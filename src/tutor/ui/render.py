"""Events and stored answers become chat messages: clean HTML, each block of a message a part of its own.

Does not know Gradio, sessions or the network. Everything that comes from a learner, a model or a corpus passes
`tutor.markdown` first; the browser gets nothing to interpret.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tutor.markdown import blocks, clean, escaped, inline, whole

Message = dict[str, Any]


def message(role: str, *parts: str) -> Message:
    """A chat message. A part that does not change is not drawn anew while another one grows."""
    shown = [{"type": "text", "text": clean(f'<div class="prose">{part}</div>')} for part in parts if part]
    return {"role": role, "content": shown}


def said(text: str) -> Message:
    """A learner's own words, shown as typed."""
    return message("user", verbatim(text))


def spoken(text: str, title: str = "") -> Message:
    """The interviewer's words, under a title where there is one."""
    return message("assistant", (heading(title) if title else "") + blocks(text))


def note(text: str) -> Message:
    """A message of the app itself."""
    return message("assistant", f"<p><em>{escaped(text)}</em></p>")


def verbatim(text: str) -> str:
    """A paragraph that shows the text as it stands."""
    return f'<p class="said">{escaped(text)}</p>'


def warning(text: str) -> str:
    """What went wrong, as HTML for the place beside a form; nothing for nothing."""
    return clean(verbatim(text)) if text else ""


def heading(title: str) -> str:
    """The name of a part of a message."""
    return f'<p class="part"><strong>{html.escape(title)}</strong></p>'


def target(section_id: str, start: int = 0, end: int = 0) -> str:
    """The address that opens a passage in the panel; a whole section without a span."""
    return f"#cite-{quote(whole(section_id), safe='/')}@{start}-{end}"


def link(citation: Mapping[str, Any]) -> str:
    """A numbered citation as a link that the source panel understands."""
    where = target(str(citation["section_id"]), int(citation["start"]), int(citation["end"]))
    return f'<a href="{where}">{int(citation["n"])}: {inline(str(citation["title"]))}</a>'


def marks(numbers: Iterable[int], citations: Sequence[Mapping[str, Any]]) -> str:
    """The links of some citation numbers."""
    by_number = {citation["n"]: citation for citation in citations}
    return " ".join(link(by_number[n]) for n in numbers if n in by_number)


def section_link(near: Mapping[str, Any]) -> str:
    """A link that opens a whole section in the panel."""
    return f'<a href="{target(str(near["section_id"]))}">{inline(str(near["title"]))}</a>'


def listed(items: Iterable[str]) -> str:
    """Pieces of HTML as a list."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def answer_parts(
    answer: Mapping[str, Any], *, draft: str = "", progress: str = "", done: bool = True
) -> list[str]:
    """An answer as far as it has come: extract, checked sentences, notes.

    Sentences that nothing in the guide supports are counted, never shown.
    """
    citations = answer["citations"]
    if answer["status"] == "not_covered":
        cited = marks([s["citation"] for s in answer["extract"]], citations)
        parts = [f"<p>{inline(answer['text'])} {cited}</p>"]
        if answer["nearest"]:
            parts.append(heading("Closest in the guide") + listed(map(section_link, answer["nearest"])))
        return parts
    parts = []
    if answer["extract"]:
        rows = (f"{inline(s['text'])} {marks([s['citation']], citations)}" for s in answer["extract"])
        parts.append(heading("From the guide") + listed(rows))
    kept = [s for s in answer["sentences"] if s["verdict"] == "supported"]
    if kept or draft or progress:
        body = " ".join(f"{inline(s['text'])} {marks(s['citations'], citations)}" for s in kept)
        muted = f' <em class="draft">{inline(draft)} …</em>' if draft else ""
        waiting = "" if body or muted else f"<em>{html.escape(progress)}</em>"
        parts.append(f"{heading('In short')}<p>{body}{muted}{waiting}</p>")
    dropped = len(answer["sentences"]) - len(kept)
    notes = []
    if done and dropped:
        plural = "sentence was" if dropped == 1 else "sentences were"
        notes.append(f"{dropped} {plural} left out: the guide does not say so.")
    if answer["degraded"]:
        notes.append(str(answer["degraded"]))
    if notes:
        parts.append("".join(f"<p><em>{escaped(text)}</em></p>" for text in notes))
    return parts


def answered(answer: Mapping[str, Any], **shown: Any) -> Message:
    """An answer as a chat message; `shown` as for `answer_parts`."""
    return message("assistant", *answer_parts(answer, **shown))


def messages(turns: Iterable[Mapping[str, Any]]) -> list[Message]:
    """Stored answers as chat messages."""
    found: list[Message] = []
    for answer in turns:
        found += [said(answer["question"]), answered(answer)]
    return found


def with_options(shown: list[Message], questions: Sequence[str]) -> list[Message]:
    """The messages with next questions as buttons under the last one."""
    if shown and questions:
        options = [{"label": question, "value": question} for question in questions]
        shown[-1] = {**shown[-1], "options": options}
    return shown
