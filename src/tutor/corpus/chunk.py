"""Sections become Chunks: passages short enough for the embedding model, none cut from its lead-in.

Does not know the embedding model; it works with a character budget derived from its 256 tokens.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tutor.corpus.blocks import Block, blocks, sentence_spans
from tutor.corpus.read import lines_with_offsets
from tutor.schema import Chunk, Section

VERSION = "1"
TARGET = 850
"""Characters of a chunk: about 200 word pieces, which leaves room for the heading path."""
HARD_LIMIT = 3200
"""A table, list or code block up to this size stays in one piece with its lead-in."""

Span = tuple[int, int]


def chunks(section: Section) -> list[Chunk]:
    """The section's passages in order; spans never overlap and `text == file[start:end]`."""
    made = []
    for start, end in pack(list(units(section))):
        text = section.text[start - section.start : end - section.start]
        stripped = text.strip()
        if not stripped:
            continue
        start += text.index(stripped[0])
        end = start + len(stripped)
        key = hashlib.sha256(f"{section.id}\0{start}\0{stripped}".encode()).hexdigest()[:20]
        made.append(
            Chunk(key, section.id, section.path, start, end, stripped, section.heading_path)
        )
    return made


def units(section: Section) -> Iterator[Span]:
    """Spans that must not be cut: sentences, and blocks together with their lead-in sentence."""
    lead: Span | None = None
    for block in blocks(section):
        text = section.text[block.start - section.start : block.end - section.start]
        if block.kind == "comment":
            continue
        if block.kind == "paragraph":
            spans = [(block.start + a, block.start + b) for a, b in sentence_spans(text)]
            if lead:
                yield lead
            yield from spans[:-1]
            lead = spans[-1] if spans else None
            continue
        yield from glue(lead, block, text)
        lead = None
    if lead:
        yield lead


def glue(lead: Span | None, block: Block, text: str) -> Iterator[Span]:
    """The block joined to its lead-in; a block over the hard limit is cut between lines."""
    start = lead[0] if lead else block.start
    if block.end - start <= HARD_LIMIT:
        yield start, block.end
        return
    for offset, line in lines_with_offsets(text):
        end = block.start + offset + len(line)
        while end - start > HARD_LIMIT:
            yield start, start + HARD_LIMIT
            start += HARD_LIMIT
        if end - start > TARGET:
            yield start, end
            start = end
    if start < block.end:
        yield start, block.end


def pack(spans: list[Span]) -> Iterator[Span]:
    """Join neighbours up to the target size."""
    current: Span | None = None
    for start, end in spans:
        if current and end - current[0] <= TARGET:
            current = (current[0], end)
            continue
        if current:
            yield current
        current = (start, end)
    if current:
        yield current
