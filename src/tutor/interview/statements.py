"""A turn as statements: sentences with their spans, questions told from assertions.

Does not know what they are about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from tutor.interview.cues import tokens

STATEMENT = re.compile(r"[^.!?\n]+(?:\.(?=\w)[^.!?\n]*)*[.!?]*", re.S)
JOINED = re.compile(r",? and (?=(?:what|how|who|which|do|does|is|are|should|will)\b)", re.I)
PAIR_WORDS = 45
"""Two sentences of at most this many words are also read together."""
ASKING = re.compile(
    r"\?|^(?:so |ok |okay |and |also |first,? |well,? )*(?:what (?!i\b|we\b)|how (?!i\b|we\b)|who|which|does|do"
    r"|is|are|should|can i assume|can we|could|will|would|may i|am i|did|tell me|let me ask|any |is there"
    r"|i(?:'d| would) like to (?:know|ask|understand)|i(?:'m| am) (?:wondering|curious)|i want to (?:know|understand))",
    re.I,
)


@dataclass(frozen=True)
class Statement:
    """A sentence of a turn with its span; `asks` tells a question from an assertion."""

    text: str
    start: int
    end: int
    asks: bool


def statements(text: str) -> list[Statement]:
    """The sentences of a turn."""
    found = []
    for match in STATEMENT.finditer(text):
        start, end = match.span()
        while start < end and (text[start].isspace() or text[start] in "-*•"):
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if not re.search(r"\w", text[start:end]):
            continue
        asks = bool(ASKING.search(text[start:end]))
        cuts = [m.span() for m in JOINED.finditer(text, start, end)] if asks else []
        for a, b in zip([start, *(b for _, b in cuts)], [*(a for a, _ in cuts), end], strict=True):
            found.append(Statement(text[a:b], a, b, asks))
    return found


def pairs(text: str, said: Sequence[Statement]) -> list[Statement]:
    """Neighbouring assertions read together: a thought often takes two sentences."""
    found = []
    for first, second in pairwise(said):
        both = text[first.start : second.end]
        if not first.asks and not second.asks and len(both.split()) <= PAIR_WORDS:
            found.append(Statement(both, first.start, second.end, False))
    return found


@lru_cache(maxsize=1024)
def words_of(line: str) -> frozenset[str]:
    """The stems of a line."""
    return frozenset(word for word, _, _ in tokens(line))


def echoed(statement: str, lines: Sequence[str]) -> bool:
    """Whether a statement only repeats what the interviewer said."""
    mine = [word for word, _, _ in tokens(statement)]
    if len(mine) < 4:
        return False
    for line in lines:
        held = words_of(line)
        if sum(word in held for word in mine) / len(mine) >= 0.85:
            return True
    return False
