"""The prompt: what is stable (rules and one section) first, the question last.

Does not know how a model is reached. The prefix depends on the section alone, so that its
compiled state can be kept and used for every question on that section.
"""

from __future__ import annotations

from tutor.corpus.blocks import blocks, plain
from tutor.llm.base import Message
from tutor.schema import Section

VERSION = "1"
MAX_CHARACTERS = 1250
"""About 300 tokens: four seconds of reading for a 1.5B model on two cores."""
RULES = (
    "You explain system design to a learner. Answer in two to four plain sentences, using only the"
    " text below. Do not add facts, numbers or names that are not in it.\n\n"
)


def section_text(section: Section) -> str:
    """The section's prose and lists, cut at a block's end to the budget."""
    kept: list[str] = []
    size = 0
    for block in blocks(section):
        if block.kind in {"code", "comment"}:
            continue
        text = section.text[block.start - section.start : block.end - section.start]
        if block.kind == "paragraph":
            text = plain(text)
        if kept and size + len(text) > MAX_CHARACTERS:
            break
        kept.append(text.strip()[:MAX_CHARACTERS])
        size += len(text)
    return "\n".join(kept)


def prefix(section: Section) -> list[Message]:
    """The stable part for a section."""
    title = " › ".join(section.heading_path[-2:])
    return [Message("system", f"{RULES}{title}\n{section_text(section)}")]


def messages(section: Section, question: str, also: list[str]) -> list[Message]:
    """The whole prompt; `also` are sentences of other sections that bear on the question."""
    extra = "".join(f"The text also says: {sentence}\n" for sentence in also)
    return [*prefix(section), Message("user", f"{extra}{question}")]
