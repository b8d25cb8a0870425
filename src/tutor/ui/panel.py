"""A section as safe HTML with one passage marked, and the table of contents.

Does not know Gradio. Raw HTML in a section is shown as text, never run.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from urllib.parse import unquote

from markdown_it import MarkdownIt

from tutor.schema import Section

OPEN, CLOSE = "\ue000", "\ue001"
TARGET = re.compile(r"^(?P<id>[^@\s]{1,200})@(?P<start>\d{1,9})-(?P<end>\d{1,9})$")
COMMENT = re.compile(r"<!--.*?-->", re.S)
HEADING_ATTRIBUTE = re.compile(r"[ \t]*\{#[^}\n]+\}[ \t]*$", re.M)
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")


def parse_target(target: str) -> tuple[str, int, int] | None:
    """A citation link's section id and span, or None where it is not one."""
    match = TARGET.match(unquote(target))
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
    source = HEADING_ATTRIBUTE.sub("", COMMENT.sub("", marked_source(section, start, end)))
    source = re.sub(r"^#{1,6} .*\n", "", source, count=1)
    body = _markdown.render(source)
    body = body.replace(OPEN, "<mark>").replace(CLOSE, "</mark>")
    body = re.sub(r'<a href="(?!#)[^"]*"', '<a rel="noreferrer"', body)
    body = re.sub(r'<a href="#([^"@]+)"', r'<a href="#cite-\1@0-0"', body)
    body = re.sub(r"<img[^>]*>", "", body)
    body = re.sub(
        r'<pre><code class="language-mermaid">(.*?)</code></pre>',
        r'<pre class="mermaid" role="img" aria-label="Diagram">\1</pre>',
        body,
        flags=re.S,
    )
    body = body.replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    trail = " › ".join(html.escape(clean(title)) for title in section.heading_path[:-1])
    head = f'<p class="trail">{trail}</p>' if trail else ""
    return f'{head}<h3 tabindex="-1">{html.escape(clean(section.title))}</h3>{body}'


def clean(title: str) -> str:
    """A heading without Markdown code marks."""
    return title.replace("`", "")


def contents_html(sections: Sequence[Section]) -> str:
    """The guide's table of contents; chapters fold out, entries open in the panel."""
    parts: list[str] = []
    is_open = False
    for section in sections:
        target = f"#cite-{html.escape(section.id)}@0-0"
        title = html.escape(clean(section.title))
        if section.level == 1:
            parts.append("</ul></details>" if is_open else "")
            parts.append(
                f'<details><summary>{title}</summary><ul><li><a href="{target}">Introduction</a></li>'
            )
            is_open = True
        elif section.level <= 3:
            parts.append(f'<li class="l{section.level}"><a href="{target}">{title}</a></li>')
    parts.append("</ul></details>" if is_open else "")
    return f'<nav aria-label="Contents of the guide" class="contents">{"".join(parts)}</nav>'


EMPTY = (
    '<div class="hint"><h3 tabindex="-1">The guide</h3><p>Each sentence of an answer carries a number.'
    " Choose one, and the passage it rests on opens here.</p></div>"
)
