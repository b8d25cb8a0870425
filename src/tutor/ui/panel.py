"""A section as clean HTML with one passage marked, and the table of contents.

Does not know Gradio. HTML in a section is shown as text, never run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from tutor import markdown
from tutor.corpus.read import FENCE
from tutor.interview.diagram import still
from tutor.schema import Section
from tutor.ui.render import target

OPEN, CLOSE = "\ue000", "\ue001"
TARGET = re.compile(r"^(?P<id>[^@\s]{1,200})@(?P<start>\d{1,9})-(?P<end>\d{1,9})$")


def parse_target(address: str) -> tuple[str, int, int] | None:
    """A citation link's section id and span, or None where it is not one."""
    match = TARGET.match(unquote(address))
    return (match["id"], int(match["start"]), int(match["end"])) if match else None


def marked_source(section: Section, start: int, end: int) -> str:
    """The section's Markdown with sentinels around the span, line by line inside cells and items."""
    text = section.text.replace(OPEN, "").replace(CLOSE, "")
    first, last = start - section.start, end - section.start
    if not (0 <= first < last <= len(text)):
        return text
    return text[:first] + mark(text[first:last]) + text[last:]


def mark(passage: str) -> str:
    """Sentinels around the visible text of each line (and table cell) of a passage."""
    lines = []
    for line in passage.split("\n"):
        if line.strip().startswith("|"):
            cells = line.split("|")
            lines.append("|".join(f" {OPEN}{c.strip()}{CLOSE} " if c.strip() else c for c in cells))
            continue
        lead = re.match(r"\s*(?:(?:[-*+]|\d{1,3}[.)]|#{1,6}|>)\s+)?", line)
        at = lead.end() if lead else 0
        lines.append(line[:at] + OPEN + line[at:] + CLOSE if line[at:].strip() else line)
    return "\n".join(lines)


def section_html(section: Section, start: int = 0, end: int = 0) -> str:
    """The section rendered, the span in `<mark>`; Mermaid blocks become `<pre class="mermaid">`."""
    source = prose(marked_source(section, start, end))
    body = markdown.page(re.sub(r"^#{1,6} .*\n", "", source, count=1), still, (OPEN, CLOSE))
    trail = " › ".join(map(markdown.inline, section.heading_path[:-1]))
    head = f'<p class="trail">{trail}</p>' if trail else ""
    return markdown.clean(f'{head}<h3 tabindex="-1">{markdown.inline(section.title)}</h3>{body}')


def prose(source: str) -> str:
    """A section's Markdown without comments and heading attributes; what stands in code stays as it is."""
    kept: list[str] = []
    fence, in_comment = "", False
    for line in source.split("\n"):
        bare = line.strip()
        if fence:
            closes = bare.startswith(fence) and not bare.strip(fence[0])
            fence = "" if closes else fence
        elif not in_comment and (opened := FENCE.match(line)):
            fence = opened[1]
        else:
            line, in_comment = uncommented(line, in_comment)
            if line.startswith("#") and line.rstrip().endswith("}") and "{#" in line:
                line = line[: line.rindex("{#")].rstrip()
        kept.append(line)
    return "\n".join(kept)


def uncommented(line: str, in_comment: bool) -> tuple[str, bool]:
    """A line without its comments, and whether one goes on after it."""
    kept, at = [], 0
    while at < len(line):
        mark = "-->" if in_comment else "<!--"
        found = line.find(mark, at)
        if not in_comment:
            kept.append(line[at : found if found >= 0 else len(line)])
        if found < 0:
            break
        at, in_comment = found + len(mark), not in_comment
    return "".join(kept), in_comment


def contents_html(sections: Sequence[Section]) -> str:
    """The guide's table of contents; chapters fold out, entries open in the panel."""
    parts: list[str] = []
    is_open = False
    for section in sections:
        where, title = target(section.id), markdown.inline(section.title)
        if section.level == 1:
            parts.append("</ul></details>" if is_open else "")
            parts.append(f'<details><summary>{title}</summary><ul><li><a href="{where}">Introduction</a></li>')
            is_open = True
        elif section.level <= 3:
            parts.append(f'<li class="l{section.level}"><a href="{where}">{title}</a></li>')
    parts.append("</ul></details>" if is_open else "")
    return markdown.clean(
        f'<nav aria-label="Contents of the guide" class="contents">{"".join(parts)}</nav>'
    )


EMPTY = (
    '<div class="hint"><h3 tabindex="-1">The guide</h3><p>Each sentence of an answer carries a number.'
    " Choose one, and the passage it rests on opens here.</p></div>"
)
