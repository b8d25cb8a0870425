"""The blocks of a section (paragraphs, lists, tables, code) and its sentences, with spans.

Does not know how long a passage may be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tutor.corpus.read import FENCE, HEADING, lines_with_offsets
from tutor.schema import Section

Kind = Literal["paragraph", "list", "table", "code", "comment"]
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+")
TABLE_RULE = re.compile(r"^[\s:|]*-[\s:|-]*$")
ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|vs|cf|etc|approx|resp|Dr|Mr|Ms|St|No|Fig|ca)|\b[A-Z])\.$")
SOLID = re.compile(r"\S")
END = re.compile(r"[.!?](?:[\"'”’)\]*_`]+)?(?=\s)")
LINK_END = re.compile(r"[)\s]")
LONGEST_ABBREVIATION = 8


@dataclass(frozen=True, slots=True)
class Block:
    """A run of lines of one kind; offsets into the file."""

    kind: Kind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A sentence, list item or table row: the smallest thing a citation points at.

    `text == file[start:end]`; `plain` is the same without Markdown marks.
    """

    section_id: str
    path: str
    start: int
    end: int
    text: str
    plain: str
    kind: Literal["prose", "item", "row"]


def kind_of(line: str, previous: Kind | None) -> Kind | None:
    """What a line outside fences belongs to; None for a blank line."""
    bare = line.strip()
    if not bare:
        return None
    if bare.startswith("<!--"):
        return "comment"
    if bare.startswith("|"):
        return "table"
    if LIST_ITEM.match(line) or (previous == "list" and line[:1] in " \t"):
        return "list"
    return "list" if previous == "list" else "paragraph"


def blocks(section: Section) -> list[Block]:
    """The section's blocks below its heading, in order."""
    found: list[Block] = []
    fence, code_start, in_comment = "", 0, False
    kind: Kind | None = None
    gap = True
    for offset, line in lines_with_offsets(section.text):
        start, end = section.start + offset, section.start + offset + len(line)
        if offset == 0 and HEADING.match(line.rstrip("\r\n")):
            continue
        mark = FENCE.match(line)
        if fence:
            if mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                found.append(Block("code", code_start, end))
                fence, gap = "", True
            continue
        if mark:
            fence, code_start, kind = mark[1], start, None
            continue
        if in_comment or line.lstrip().startswith("<!--"):
            in_comment = "-->" not in line
            found.append(Block("comment", start, end))
            gap = True
            continue
        previous = kind if not gap or kind == "list" else None
        now = kind_of(line, previous)
        if now is None:
            gap = True
            continue
        if gap and kind == "list" and now == "list" and not (LIST_ITEM.match(line) or line[:1] in " \t"):
            now = "paragraph"
        if found and found[-1].kind == now and (not gap or now == "list"):
            found[-1] = Block(now, found[-1].start, end)
        else:
            found.append(Block(now, start, end))
        kind, gap = now, False
    if fence:
        found.append(Block("code", code_start, section.end))
    return found


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the sentences of a paragraph, without surrounding white space."""
    start = 0
    for match in END.finditer(text):
        stop = match.start() + 1
        if ABBREVIATION.search(text[max(start, stop - LONGEST_ABBREVIATION - 1) : stop]):
            continue
        following = SOLID.search(text, match.end())
        if following and following[0].islower():
            continue
        yield from trimmed(text, start, match.end())
        start = match.end()
    yield from trimmed(text, start, len(text))


def trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The span without white space at its ends, if anything is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def unlinked(markdown: str) -> str:
    """Markdown with each link or picture reduced to its words."""
    parts: list[str] = []
    done, stop = 0, -1
    opening = markdown.find("[")
    while opening >= 0 and (closing := markdown.find("]", opening)) >= 0:
        end = -1
        if markdown.startswith("(", closing + 1):
            if stop < closing + 2:
                found = LINK_END.search(markdown, closing + 2)
                stop = found.start() if found else len(markdown)
            end = stop if markdown.startswith(")", stop) else -1
        if end >= 0:
            start = opening - 1 if opening > done and markdown[opening - 1] == "!" else opening
            parts += [markdown[done:start], markdown[opening + 1 : closing]]
            done = end + 1
        opening = markdown.find("[", max(done, closing))
    return "".join([*parts, markdown[done:]])


def plain(markdown: str) -> str:
    """A sentence without Markdown marks, on one line."""
    text = unlinked(markdown)
    text = LIST_ITEM.sub("", text)
    text = re.sub(r"(\*\*|__|`)", "", text)
    text = re.sub(r"(?<!\w)[*_](\S[^*_]*)[*_](?!\w)", r"\1", text)
    if text.lstrip().startswith("|"):
        text = ", ".join(cell.strip() for cell in text.strip().strip("|").split("|") if cell.strip())
    return re.sub(r"\s+", " ", text).strip()


def passages(section: Section) -> list[Passage]:
    """The section's sentences, list items and table rows; no code, no comments."""
    found: list[Passage] = []

    def add(start: int, end: int, kind: Literal["prose", "item", "row"]) -> None:
        text = section.text[start - section.start : end - section.start]
        if bare := plain(text):
            found.append(Passage(section.id, section.path, start, end, text, bare, kind))

    for block in blocks(section):
        text = section.text[block.start - section.start : block.end - section.start]
        if block.kind == "paragraph":
            for start, end in sentence_spans(text):
                add(block.start + start, block.start + end, "prose")
        elif block.kind == "list":
            for start, end in item_spans(text):
                add(block.start + start, block.start + end, "item")
        elif block.kind == "table":
            rows = [(offset, line) for offset, line in lines_with_offsets(text)]
            for offset, line in rows[1:]:
                if not TABLE_RULE.match(line.strip()):
                    for start, end in trimmed(line, 0, len(line)):
                        add(block.start + offset + start, block.start + offset + end, "row")
    return found


def item_spans(text: str) -> Iterator[tuple[int, int]]:
    """Spans of the items of a list, marker left out."""
    starts: list[tuple[int, int]] = []
    for offset, line in lines_with_offsets(text):
        if marker := LIST_ITEM.match(line):
            starts.append((offset, offset + marker.end()))
    for index, (_, body) in enumerate(starts):
        end = starts[index + 1][0] if index + 1 < len(starts) else len(text)
        yield from trimmed(text, body, end)
