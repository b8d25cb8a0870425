"""Events and stored answers become chat messages: Markdown with escaped text and citation links.

Does not know Gradio, sessions or the network. Everything that comes from a learner, a model or a
corpus passes `safe` first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

CODE = re.compile(r"(`[^`\n]+`)")


def safe(text: str) -> str:
    """Markdown without HTML, images or links; code spans stay as they are."""
    parts = CODE.split(text)
    for i in range(0, len(parts), 2):
        part = parts[i].replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        parts[i] = re.sub(r"([\[\]!#$~|])", r"\\\1", part).replace("`", "\\`")
    return "".join(parts)


def verbatim(text: str) -> str:
    """A learner's own words, shown as typed."""
    return re.sub(r"([*_\\{}()+-])", r"\\\1", safe(text.replace("`", "'")))


def link(citation: Mapping[str, Any]) -> str:
    """A numbered citation as a link that the source panel understands."""
    target = f"{quote(str(citation['section_id']), safe='/')}@{citation['start']}-{citation['end']}"
    return f"[{citation['n']}: {safe(str(citation['title']))}](#cite-{target})"


def marks(numbers: Iterable[int], citations: Sequence[Mapping[str, Any]]) -> str:
    """The links of some citation numbers."""
    by_number = {citation["n"]: citation for citation in citations}
    return " ".join(link(by_number[n]) for n in numbers if n in by_number)


def answer_markdown(
    answer: Mapping[str, Any], *, draft: str = "", progress: str = "", done: bool = True
) -> str:
    """An answer as far as it has come: extract, checked sentences, notes.

    Sentences that nothing in the guide supports are counted, never shown.
    """
    citations = answer["citations"]
    lines: list[str] = []
    if answer["status"] == "not_covered":
        cited = marks([s["citation"] for s in answer["extract"]], citations)
        lines.append(f"{safe(answer['text'])} {cited}".strip())
        if answer["nearest"]:
            lines.append("**Closest in the guide**")
            lines += ["\n".join(f"- {section_link(near)}" for near in answer["nearest"])]
        return "\n\n".join(lines)
    if answer["extract"]:
        lines.append("**From the guide**")
        rows = (f"- {safe(s['text'])} {marks([s['citation']], citations)}" for s in answer["extract"])
        lines.append("\n".join(rows))
    kept = [s for s in answer["sentences"] if s["verdict"] == "supported"]
    if kept or draft or progress:
        lines.append("**In short**")
        body = " ".join(f"{safe(s['text'])} {marks(s['citations'], citations)}" for s in kept)
        muted = f" *{safe(draft).replace('*', '')} …*" if draft else ""
        lines.append((body + muted).strip() or f"*{progress}*")
    dropped = len(answer["sentences"]) - len(kept)
    if done and dropped:
        plural = "sentence was" if dropped == 1 else "sentences were"
        lines.append(f"*{dropped} {plural} left out: the guide does not say so.*")
    if answer["degraded"]:
        lines.append(f"*{safe(answer['degraded'])}*")
    return "\n\n".join(lines)


def section_link(near: Mapping[str, Any]) -> str:
    """A link that opens a whole section in the panel."""
    return f"[{safe(str(near['title']))}](#cite-{quote(str(near['section_id']), safe='/')}@0-0)"


def messages(turns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Stored answers as chat messages; the last one offers the next questions."""
    shown: list[dict[str, Any]] = []
    for answer in turns:
        shown.append({"role": "user", "content": verbatim(answer["question"])})
        shown.append({"role": "assistant", "content": answer_markdown(answer)})
    return shown


def with_options(shown: list[dict[str, Any]], questions: Sequence[str]) -> list[dict[str, Any]]:
    """The messages with next questions as buttons under the last one."""
    if shown and questions:
        options = [{"label": question, "value": question} for question in questions]
        shown[-1] = {**shown[-1], "options": options}
    return shown
