"""Markdown files become Documents: trees of Sections with stable ids and character spans.

Does not know how sections are cut into passages.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tutor.errors import CorpusError
from tutor.schema import Document, Section

HEADING = re.compile(r"^(#{1,6})[ \t]+(.+)$")
ATTRIBUTE = re.compile(r"\{#([A-Za-z0-9][\w./-]*)\}$")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Heading:
    """A heading line: its level 1..6, title, explicit id, and character span."""

    level: int
    title: str
    explicit_id: str | None
    start: int


def lines_with_offsets(text: str) -> Iterator[tuple[int, str]]:
    """Each line (with its line ending) and its character offset."""
    offset = 0
    for line in text.splitlines(keepends=True):
        yield offset, line
        offset += len(line)


def headings(text: str) -> Iterator[Heading]:
    """ATX headings outside fenced blocks."""
    fence = ""
    for offset, line in lines_with_offsets(text):
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        elif not fence and (match := HEADING.match(line.rstrip("\r\n"))):
            title = match[2].rstrip(" \t").rstrip("#").rstrip(" \t") or match[2][:1]
            attribute = ATTRIBUTE.search(title)
            if attribute:
                title = title[: attribute.start()]
            yield Heading(
                len(match[1]), title.strip(), attribute[1] if attribute else None, offset
            )


def slug(title: str) -> str:
    """A heading as an id part: lower case, dashes, no leading numbering."""
    plain = re.sub(r"^\d+\.\s+", "", title.lower())
    return re.sub(r"[^\w]+", "-", plain, flags=re.UNICODE).strip("-") or "section"


def sections(text: str, path: str, taken: set[str]) -> tuple[Section, ...]:
    """All sections of one file in reading order; `taken` holds ids used so far and grows."""
    found = list(headings(text))
    if not found:
        if not text.strip():
            return ()
        found = [Heading(1, Path(path).stem, None, 0)]
    elif text[: found[0].start].strip():
        found.insert(0, Heading(1, Path(path).stem, None, 0))
    result: list[Section] = []
    stack: list[tuple[int, str, str]] = []
    for index, head in enumerate(found):
        end = found[index + 1].start if index + 1 < len(found) else len(text)
        while stack and stack[-1][0] >= head.level:
            stack.pop()
        parent = stack[-1][1] if stack else None
        section_id = head.explicit_id or (f"{parent}/" if parent else "") + slug(head.title)
        section_id = unique(section_id, taken, path)
        stack.append((head.level, section_id, head.title))
        result.append(
            Section(
                section_id, head.title, tuple(entry[2] for entry in stack), head.level, path,
                head.start, end, text[head.start : end], parent,
            )
        )  # fmt: skip
    return tuple(result)


def unique(section_id: str, taken: set[str], path: str) -> str:
    """The id itself, or with a number where it is taken already."""
    candidate, count = section_id, 1
    while candidate in taken:
        count += 1
        candidate = f"{section_id}-{count}"
    if count > 1:
        log.warning("%s: section id %s is used twice; the later one is %s", path, section_id, candidate)
    taken.add(candidate)
    return candidate


def read_text(path: Path) -> tuple[str, str]:
    """A file's text and the SHA-256 of its bytes.

    Raises:
        CorpusError: the file cannot be read or is not UTF-8.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise CorpusError(
            f"{path}, line {line}: not UTF-8 text.", "Save the file as UTF-8 and index again."
        ) from error
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.", "Check the file.") from error
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise CorpusError(f"{path}, line {line}: binary data.", "Remove the file from the corpus.")
    return text, hashlib.sha256(data).hexdigest()


def read_corpus(folder: Path) -> tuple[Document, ...]:
    """Every Markdown file below `folder`, in name order.

    Raises:
        CorpusError: the folder holds no Markdown, or a file cannot be read.
    """
    files = sorted(path for path in folder.rglob("*.md") if path.is_file())
    if not files:
        raise CorpusError(f"No Markdown files in {folder}.", "Name the folder with --corpus.")
    taken: set[str] = set()
    documents = []
    for file in files:
        text, digest = read_text(file)
        path = file.relative_to(folder).as_posix()
        found = sections(text, path, taken)
        if not found:
            log.warning("%s is empty and was left out", path)
        documents.append(Document(path, digest, found))
    return tuple(documents)


def corpus_digest(documents: Iterable[Document]) -> str:
    """Sixteen hexadecimal digits that identify the text of a corpus, whatever its folder is."""
    parts = sorted(f"{document.path}:{document.sha256}" for document in documents)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
