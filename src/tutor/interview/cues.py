"""Cues: the words that show that a statement speaks of something.

A cue is written as alternatives, `base62 | hash + collision`; `+` asks for all parts, and a part of
several words must stand together. Words are compared by stem. Does not know meaning.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from tutor.retrieval.lexical import stem

TOKEN = re.compile(r"[a-z0-9]+(?:[.'][a-z0-9]+)*|\d+")


@lru_cache(maxsize=4096)
def tokens(text: str) -> tuple[tuple[str, int, int], ...]:
    """Stems of all words of a text with their spans; hyphens and slashes part words."""
    return tuple((stem(m[0]), m.start(), m.end()) for m in TOKEN.finditer(text.lower().replace("’", "'")))


@lru_cache(maxsize=8192)
def parsed(cue: str) -> tuple[tuple[tuple[str, ...], ...], ...]:
    """A cue as alternatives of parts of stems."""
    return tuple(
        tuple(tuple(word for word, _, _ in tokens(part)) for part in alternative.split("+"))
        for alternative in cue.split("|")
        if alternative.strip()
    )


def find(part: Sequence[str], words: Sequence[str]) -> int:
    """Position of a run of stems in a text, or -1."""
    size = len(part)
    for i in range(len(words) - size + 1):
        if list(words[i : i + size]) == list(part):
            return i
    return -1


def matches(cue: str, text: str) -> list[tuple[int, int]]:
    """Spans of the parts of the first alternative that the text holds; empty where none does."""
    held = tokens(text)
    words = [word for word, _, _ in held]
    for alternative in parsed(cue):
        at = [find(part, words) for part in alternative]
        if all(i >= 0 for i in at):
            return [
                (held[i][1], held[i + len(part) - 1][2])
                for i, part in zip(at, alternative, strict=True)
                if part
            ]
    return []
