"""The words of the core: what a corpus holds, what an answer is, and the events it arrives in.

Does not know where any of it comes from or how it is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the corpus with its own text.

    `start`/`end` are character offsets into the file at `path`, heading included, up to the
    next heading of any level; `heading_path` runs from the chapter to the section's own title.
    """

    id: str
    title: str
    heading_path: tuple[str, ...]
    level: int
    path: str
    start: int
    end: int
    text: str
    parent: str | None

    @property
    def label(self) -> str:
        """Title for a reader who sees it by itself: with the heading above, unless that is the chapter's."""
        return " › ".join(self.heading_path[1:][-2:] or self.heading_path)


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the corpus: `sha256` of its bytes and its sections in reading order."""

    path: str
    sha256: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of one section; `text == file[start:end]`."""

    id: str
    section_id: str
    path: str
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A chunk with its fused score (higher is better) and its cosine similarity (-1..1)."""

    chunk: Chunk
    score: float
    similarity: float
    overlap: float = 0.0


@dataclass(frozen=True, slots=True)
class SectionHit:
    """A section with its best passages, best first."""

    section: Section
    score: float
    passages: tuple[ScoredChunk, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """Number `n` of an answer: a span of the file at `path`, and its text as `quote`."""

    n: int
    section_id: str
    title: str
    path: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class ExtractSentence:
    """A sentence of the guide, shown as it stands; `citation` is a citation number."""

    text: str
    citation: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of the model's draft after checking; `citations` are citation numbers."""

    text: str
    verdict: Literal["supported", "unsupported"]
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Nearest:
    """A section close to a question, with its score."""

    section_id: str
    title: str
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question came to; `to_json` gives the contract of `tutor ask --json`."""

    id: str
    question: str
    standalone_question: str
    status: Literal["answered", "not_covered"]
    extract: tuple[ExtractSentence, ...] = ()
    sentences: tuple[Sentence, ...] = ()
    text: str = ""
    citations: tuple[Citation, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    suggestions: tuple[str, ...] = ()
    degraded: str | None = None
    timings: dict[str, float | None] = field(default_factory=dict)
    model: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The answer as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Event: the question as it stands alone; `changed` tells whether history was needed."""

    standalone_question: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Event: ranked sections, after `ms` milliseconds."""

    hits: tuple[SectionHit, ...]
    ms: float


@dataclass(frozen=True, slots=True)
class Extracted:
    """Event: the guide's own sentences, with the citations they use."""

    sentences: tuple[ExtractSentence, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class NotCovered:
    """Event: the guide does not answer this; `reply` says so, `nearest` is what comes closest."""

    reply: str
    nearest: tuple[Nearest, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """Event: the model has read this share (0..1) of its prompt."""

    share: float


@dataclass(frozen=True, slots=True)
class Drafted:
    """Event: the unfinished, not yet checked sentence the model is writing."""

    text: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Event: one finished sentence of the draft with its verdict and any new citations."""

    sentence: Sentence
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Degraded:
    """Event: part of the machinery did not work; `reason` is for the reader."""

    reason: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Event: the last one; the whole answer."""

    answer: Answer


Event = Rewritten | Retrieved | Extracted | NotCovered | Reading | Drafted | Checked | Degraded | Finished
