"""The index on disk: built beside the old one, verified, then swapped in by one small file.

Does not know how a question is ranked. Layout under `home/index`: `CURRENT` names a folder
`<fingerprint>/` that holds `meta.json`, `corpus.json`, `chroma/` with the chunks' vectors, and `vectors.npz` with those of
sentences and headings.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tutor.corpus import chunk as chunking
from tutor.corpus.blocks import Passage, passages
from tutor.corpus.read import read_corpus
from tutor.errors import CorpusError, IndexMissing, IndexStale, RetrievalError, TutorError
from tutor.retrieval import vectors as vector_store
from tutor.retrieval.embedder import Embedder, Vectors
from tutor.schema import Chunk, Document, Section

FORMAT = "3"
log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class IndexReport:
    """What an index run did; chunks are counted in added, removed and unchanged."""

    documents: int
    sections: int
    chunks: int
    added: int
    removed: int
    unchanged: int
    seconds: float


@dataclass(frozen=True)
class Index:
    """An opened index: everything but the vectors' store is in memory, row `i` of each in step."""

    fingerprint: str
    documents: tuple[Document, ...]
    sections: tuple[Section, ...]
    chunks: tuple[Chunk, ...]
    passages: tuple[Passage, ...]
    chunk_vectors: Vectors
    passage_vectors: Vectors
    section_vectors: Vectors
    store: vector_store.VectorStore


def embedded_text(chunk: Chunk) -> str:
    """What is embedded for a chunk: its heading path, then its text."""
    return " › ".join(chunk.heading_path[-3:]) + "\n" + chunk.text


def passage_text(passage: Passage, titles: dict[str, str]) -> str:
    """What is embedded for a passage: its section's title, then its words."""
    return f"{titles[passage.section_id]}: {passage.plain}"


def heading_text(section: Section) -> str:
    """What is embedded for a section's heading: its path."""
    return " › ".join(section.heading_path)


def embedded_texts(
    sections: Sequence[Section], chunks: Sequence[Chunk], found: Sequence[Passage]
) -> list[str]:
    """Everything that is embedded of a corpus, in the order in which the vectors are kept: chunks, passages, headings."""
    titles = {section.id: section.title for section in sections}
    return [
        *(embedded_text(chunk) for chunk in chunks),
        *(passage_text(passage, titles) for passage in found),
        *(heading_text(section) for section in sections),
    ]


def fingerprint_of(documents: tuple[Document, ...], embedder: Embedder) -> str:
    """Changes with any text, the chunker or the embedder."""
    parts = [FORMAT, chunking.VERSION, embedder.fingerprint]
    parts += [f"{document.path}:{document.sha256}" for document in documents]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def key_of(text: str) -> str:
    """Content hash of an embedded text."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def current_folder(index_dir: Path) -> Path | None:
    """The folder that `CURRENT` names, if there is one."""
    try:
        name = (index_dir / "CURRENT").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    return index_dir / name if name and (index_dir / name).is_dir() else None


def read_meta(folder: Path) -> dict[str, Any] | None:
    """The index's meta data, or None where it is incomplete or unreadable."""
    try:
        meta: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return meta if meta.get("complete") else None


def build(
    corpus: Path,
    index_dir: Path,
    embedder: Embedder,
    *,
    chroma_url: str = "",
    rebuild: bool = False,
    known: Mapping[str, Vectors] | None = None,
    progress: Progress | None = None,
) -> IndexReport:
    """Bring the index up to date; a run that is killed leaves the previous one in place.

    Args:
        corpus: folder of Markdown files.
        index_dir: where the corpus's indexes are kept.
        embedder: embeds what is not known yet.
        chroma_url: a Chroma server; empty keeps the vectors in `index_dir`.
        rebuild: build although nothing changed, and take nothing from the index before.
        known: vectors by `key_of` that need not be computed.
        progress: told how many texts were embedded.

    Raises:
        CorpusError: a file cannot be read.
        RetrievalError: the vector store failed.
    """
    began = time.perf_counter()
    documents = read_corpus(corpus)
    sections = [section for document in documents for section in document.sections]
    chunks = [piece for section in sections for piece in chunking.chunks(section)]
    if not chunks:
        raise CorpusError(f"The files in {corpus} hold no text.", "Add text, then index again.")
    found = [passage for section in sections for passage in passages(section)]
    fingerprint = fingerprint_of(documents, embedder)
    old = current_folder(index_dir)
    meta = read_meta(old) if old else None
    before = set(meta["chunk_ids"]) if meta else set()
    now = {chunk.id for chunk in chunks}

    def report() -> IndexReport:
        return IndexReport(
            len(documents), len(sections), len(chunks), len(now - before), len(before - now),
            len(now & before), round(time.perf_counter() - began, 3),
        )  # fmt: skip

    if not rebuild and meta and meta["fingerprint"] == fingerprint and intact(old, meta):
        return report()
    stored = {} if rebuild or old is None else stored_vectors(old, embedder, chroma_url)
    texts = embedded_texts(sections, chunks, found)
    embedded = embed_missing(texts, {**(known or {}), **stored}, embedder, progress)
    folder = index_dir / f"{fingerprint[:12]}-{uuid.uuid4().hex[:6]}"
    try:
        folder.mkdir(parents=True)
        write(folder, documents, found, chunks, embedded, fingerprint, embedder, chroma_url)
        pending = index_dir / f".CURRENT-{uuid.uuid4().hex[:6]}"
        pending.write_text(folder.name, encoding="utf-8")
        os.replace(pending, index_dir / "CURRENT")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise RetrievalError(
            f"The index could not be written: {error.strerror or error}.",
            f"Free some space under {index_dir} and run `tutor index` again.",
        ) from error
    except TutorError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    remove_old(index_dir, {folder.name, old.name if old else ""}, chroma_url)
    return report()


def embed_missing(
    texts: Sequence[str], known: Mapping[str, Vectors], embedder: Embedder, progress: Progress | None
) -> Vectors:
    """Vectors of all texts; only those whose content is not known are computed."""
    keys = [key_of(text) for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        order = list(missing)
        report = (lambda n: progress("Reading the guide", n, len(order))) if progress else None
        made = embedder.embed([missing[key] for key in order], report)
        known = {**known, **dict(zip(order, made, strict=True))}
    return np.vstack([known[key] for key in keys])


def write(
    folder: Path,
    documents: tuple[Document, ...],
    found: list[Passage],
    chunks: list[Chunk],
    embedded: Vectors,
    fingerprint: str,
    embedder: Embedder,
    chroma_url: str,
) -> None:
    """Write and verify a whole index in a new folder; `meta.json` comes last."""
    chunk_vectors = embedded[: len(chunks)]
    name = f"guide-{folder.name}"
    store = vector_store.create(folder / "chroma", chroma_url, name)
    store.add([chunk.id for chunk in chunks], chunk_vectors, [chunk.text for chunk in chunks])
    if store.count() != len(chunks):
        raise RetrievalError("The vector store kept too few vectors.", "Run `tutor index` again.")
    for probe in (0, len(chunks) // 2, len(chunks) - 1):
        best = store.query(chunk_vectors[probe], 1)
        if not best or best[0][1] < 0.999:
            raise RetrievalError("The vector store lost a vector.", "Run `tutor index` again.")
    with (folder / "vectors.npz").open("wb") as file:
        np.savez(file, vectors=embedded[len(chunks) :])
    corpus = {
        "documents": [asdict(document) for document in documents],
        "chunks": [asdict(chunk) for chunk in chunks],
        "passages": [asdict(passage) for passage in found],
    }
    (folder / "corpus.json").write_text(json.dumps(corpus), encoding="utf-8")
    meta = {
        "format": FORMAT, "chunker": chunking.VERSION, "embedder": embedder.fingerprint,
        "fingerprint": fingerprint, "collection": name, "chunk_ids": [chunk.id for chunk in chunks],
        "digests": digests(folder), "complete": True,
    }  # fmt: skip
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that nothing writes again once an index is complete.

    A damaged HNSW file can crash the process that opens it, so it is checked first.
    """
    files = [folder / "vectors.npz", folder / "corpus.json"]
    files += sorted((folder / "chroma").glob("*/data_level0.bin"))
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.is_file()
    }


def intact(folder: Path | None, meta: dict[str, Any]) -> bool:
    """Whether the index's files are what was written."""
    try:
        return folder is not None and digests(folder) == meta["digests"]
    except OSError:
        return False


def stored_vectors(folder: Path, embedder: Embedder, chroma_url: str) -> dict[str, Vectors]:
    """Vectors of an earlier index by content hash; empty where they cannot be used."""
    meta = read_meta(folder)
    if (
        not meta
        or meta["embedder"] != embedder.fingerprint
        or meta["format"] != FORMAT
        or not intact(folder, meta)
    ):
        return {}
    documents, chunks, found = load_corpus(folder)
    sections = [section for document in documents for section in document.sections]
    texts = embedded_texts(sections, chunks, found)
    try:
        store = vector_store.open_existing(folder / "chroma", chroma_url, meta["collection"])
        vectors = [*store.vectors([chunk.id for chunk in chunks]), *np.load(folder / "vectors.npz")["vectors"]]
    except RetrievalError as error:
        log.warning("the vectors of the index before cannot be read and are computed again: %s", error)
        return {}
    return {key_of(text): vector for text, vector in zip(texts, vectors, strict=True)}


def load_corpus(folder: Path) -> tuple[list[Document], list[Chunk], list[Passage]]:
    """Documents, chunks and passages as they were indexed."""
    data = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    documents = [
        Document(
            entry["path"],
            entry["sha256"],
            tuple(
                Section(**{**section, "heading_path": tuple(section["heading_path"])})
                for section in entry["sections"]
            ),
        )
        for entry in data["documents"]
    ]
    chunks = [Chunk(**{**entry, "heading_path": tuple(entry["heading_path"])}) for entry in data["chunks"]]
    return documents, chunks, [Passage(**entry) for entry in data["passages"]]


def open_index(index_dir: Path, embedder: Embedder, *, chroma_url: str = "") -> Index:
    """Open the current index.

    Raises:
        IndexMissing: none was built yet.
        IndexStale: it was made by another version, or is damaged.
        RetrievalError: the vector store cannot be opened.
    """
    folder = current_folder(index_dir)
    if folder is None:
        raise IndexMissing("There is no index yet.", "Run `tutor index`.")
    meta = read_meta(folder)
    if meta is None or not intact(folder, meta):
        raise IndexStale("The index is damaged.", "Run `tutor index --rebuild`.")
    if (meta["format"], meta["chunker"]) != (FORMAT, chunking.VERSION):
        raise IndexStale("The index was built by another version.", "Run `tutor index`.")
    if meta["embedder"] != embedder.fingerprint:
        raise IndexStale("The index was built with another embedding model.", "Run `tutor index`.")
    documents, chunks, found = load_corpus(folder)
    vectors = np.load(folder / "vectors.npz")["vectors"]
    store = vector_store.open_existing(folder / "chroma", chroma_url, meta["collection"])
    if store.count() != len(chunks):
        raise IndexStale("The index is damaged.", "Run `tutor index --rebuild`.")
    return Index(
        meta["fingerprint"],
        tuple(documents),
        tuple(section for document in documents for section in document.sections),
        tuple(chunks),
        tuple(found),
        store.vectors([chunk.id for chunk in chunks]),
        vectors[: len(found)],
        vectors[len(found) :],
        store,
    )


def remove_old(index_dir: Path, keep: set[str], chroma_url: str) -> None:
    """Drop earlier builds and their collections on a server; the previous one stays for readers that hold it open."""
    for folder in index_dir.iterdir():
        if not folder.is_dir() or folder.name in keep:
            continue
        being_built = read_meta(folder) is None and time.time() - folder.stat().st_mtime < 3600
        if not being_built:
            meta = read_meta(folder)
            if chroma_url and meta:
                vector_store.drop(chroma_url, meta["collection"])
            shutil.rmtree(folder, ignore_errors=True)
