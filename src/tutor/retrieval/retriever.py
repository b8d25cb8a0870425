"""A question in, ranked sections out: dense, lexical and title evidence in one score.

Does not know whether the guide answers the question; that is decided in `answering`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from tutor.parameters.store import decision
from tutor.retrieval.embedder import Embedder, Vectors
from tutor.retrieval.index import Index
from tutor.retrieval.lexical import LexicalIndex, Vocabulary, words
from tutor.retrieval.ranking import FEATURES, Evidence
from tutor.schema import Chunk, ScoredChunk, Section, SectionHit

KEPT = 64
"""Queries whose vectors, shares and scores are kept: a turn asks for the same ones again."""


class Retriever:
    """Searches one opened index."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self.index = index
        self.embedder = embedder
        self._section_at = {section.id: i for i, section in enumerate(index.sections)}
        texts = [" ".join(chunk.heading_path) + "\n" + chunk.text for chunk in index.chunks]
        self._lexical = LexicalIndex(texts)
        self.evidence = Evidence(index, self._lexical)
        self._weights = np.array(decision("ranking", FEATURES).weights, dtype=np.float32)
        self._chunks_of = grouped(chunk.section_id for chunk in index.chunks)
        self._passages_of = grouped(passage.section_id for passage in index.passages)
        self._passage_words: dict[int, list[str]] = {}
        self._rows = lru_cache(KEPT)(self._rows_now)
        self._scored = lru_cache(KEPT)(lambda query: self.rows(query) @ self._weights)
        self._shares = lru_cache(KEPT)(lambda query: self.evidence.text.share(set(words(query))))
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def vocabulary(self) -> Vocabulary:
        """How rare each stem is in the guide."""
        return self._lexical.vocabulary

    def section(self, section_id: str) -> Section | None:
        """The section of that id."""
        at = self._section_at.get(section_id)
        return None if at is None else self.index.sections[at]

    def section_overlap(self, query: str, section_id: str) -> float:
        """Share (0..1), by idf, of the query's content words that the section holds."""
        return float(self._shares(query)[self._section_at[section_id]])

    def embed(self, text: str) -> Vectors:
        """The unit vector of one text."""
        return self.embed_all([text])[0]

    def embed_all(self, texts: Sequence[str]) -> list[Vectors]:
        """The unit vectors of texts; those not embedded lately are embedded together."""
        with self._lock:
            held = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in held]
        if missing:
            held.update(zip(missing, self.embedder.embed(missing), strict=True))
        with self._lock:
            for text in dict.fromkeys(texts):
                self._vectors[text] = held[text]
                self._vectors.move_to_end(text)
            while len(self._vectors) > KEPT:
                self._vectors.popitem(last=False)
        return [held[text] for text in texts]

    def passages_of(self, section_id: str) -> Sequence[int]:
        """Positions in the index of a section's passages, in reading order."""
        return self._passages_of.get(section_id, ())

    def passage_words(self, at: int) -> list[str]:
        """Stems of the content words of the passage at a position in the index."""
        if at not in self._passage_words:
            self._passage_words[at] = words(self.index.passages[at].plain)
        return self._passage_words[at]

    def scores(self, query: str) -> Vectors:
        """Every section's score for a query, in reading order.

        Raises:
            RetrievalError: the vector store failed.
        """
        scores: Vectors = self._scored(query)
        return scores

    def search(self, query: str, k: int = 10, order: Vectors | None = None) -> list[SectionHit]:
        """At most `k` sections with their best passages, best first; none for an empty query.

        `order` ranks them instead of the query's scores: one number for each section, in reading order.

        Raises:
            RetrievalError: the vector store failed.
        """
        if not query.strip() or k < 1:
            return []
        scores = self.scores(query)
        ranked = np.argsort(-(scores if order is None else order), kind="stable")
        best = [self.index.sections[i] for i in ranked[:k]]
        found = self._passages(query, {section.id for section in best})
        return [
            SectionHit(section, float(scores[self._section_at[section.id]]), found[section.id])
            for section in best
            if found.get(section.id)
        ]

    def best(self, query: str, k: int) -> list[tuple[Section, float]]:
        """At most `k` sections that hold text, with their scores, best first; none for an empty query.

        Raises:
            RetrievalError: the vector store failed.
        """
        if not query.strip() or k < 1:
            return []
        scores = self.scores(query)
        ranked = np.argsort(-scores, kind="stable")[:k].tolist()
        found = [(self.index.sections[i], float(scores[i])) for i in ranked]
        return [(section, value) for section, value in found if section.id in self._chunks_of]

    def rows(self, query: str) -> Vectors:
        """The sections' features for a query, shape (sections, len(ranking.FEATURES))."""
        rows: Vectors = self._rows(query)
        return rows

    def _rows_now(self, query: str) -> Vectors:
        return self.evidence.rows(query, self.embed(query), self._shares(query))

    def _passages(self, query: str, owners: set[str]) -> dict[str, tuple[ScoredChunk, ...]]:
        """Every chunk of the given sections with its scores, best first."""
        wanted, vector = words(query), self.embed(query)
        found: dict[str, list[ScoredChunk]] = defaultdict(list)
        for i in sorted(i for owner in owners for i in self._chunks_of.get(owner, ())):
            similarity = float(self.index.chunk_vectors[i] @ vector)
            overlap = self.vocabulary.overlap(wanted, self._lexical.tokens[i])
            found[self.index.chunks[i].section_id].append(score(self.index.chunks[i], similarity, overlap))
        return {
            owner: tuple(sorted(pieces, key=lambda piece: -piece.score)) for owner, pieces in found.items()
        }


def grouped(owners: Iterable[str]) -> dict[str, list[int]]:
    """Positions by owner, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for at, owner in enumerate(owners):
        found[owner].append(at)
    return found


def score(chunk: Chunk, similarity: float, overlap: float) -> ScoredChunk:
    """A chunk judged on its own."""
    return ScoredChunk(chunk, 0.6 * similarity + 0.4 * overlap, similarity, overlap)
