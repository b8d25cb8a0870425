"""A question in, ranked sections out: dense, lexical and title evidence in one score.

Does not know whether the guide answers the question; that is decided in `answering`.
"""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache

import numpy as np

from tutor.retrieval.embedder import Embedder, Vectors
from tutor.retrieval.index import Index
from tutor.retrieval.lexical import LexicalIndex, Vocabulary, words
from tutor.retrieval.ranking import Evidence
from tutor.schema import Chunk, ScoredChunk, Section, SectionHit

POOL = 60
KEPT = 64
"""Queries whose vectors and scores are kept: a turn asks for the same ones again."""
WEIGHTS = (0.34, 0.07, 0.64, 0.43, -0.11, 0.34, 0.71, -0.10, 0.16, 0.40, -0.00)
"""Weights of `ranking.FEATURES`."""


class Retriever:
    """Searches one opened index."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self.index = index
        self.embedder = embedder
        self._chunk_at = {chunk.id: i for i, chunk in enumerate(index.chunks)}
        self._section_at = {section.id: i for i, section in enumerate(index.sections)}
        texts = [" ".join(chunk.heading_path) + "\n" + chunk.text for chunk in index.chunks]
        self._lexical = LexicalIndex(texts)
        self.evidence = Evidence(index, self._lexical)
        self._weights = np.array(WEIGHTS, dtype=np.float32)
        self._rows = lru_cache(KEPT)(self._rows_now)
        self._scored = lru_cache(KEPT)(lambda query: self.rows(query) @ self._weights)
        self._embedded = lru_cache(KEPT)(lambda text: embedder.embed([text])[0])

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
        return float(self.evidence.text.share(set(words(query)))[self._section_at[section_id]])

    def embed(self, text: str) -> Vectors:
        """The unit vector of one text."""
        vector: Vectors = self._embedded(text)
        return vector

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

    def rows(self, query: str) -> Vectors:
        """The sections' features for a query, shape (sections, len(ranking.FEATURES))."""
        rows: Vectors = self._rows(query)
        return rows

    def _rows_now(self, query: str) -> Vectors:
        vector = self.embed(query)
        dense = [
            (self._chunk_at[key], score)
            for key, score in self.index.store.query(vector, min(POOL, len(self.index.chunks)))
            if key in self._chunk_at
        ]
        return self.evidence.rows(query, vector, dense)

    def _passages(self, query: str, owners: set[str]) -> dict[str, tuple[ScoredChunk, ...]]:
        """Every chunk of the given sections with its scores, best first."""
        wanted, vector = words(query), self.embed(query)
        found: dict[str, list[ScoredChunk]] = defaultdict(list)
        for i, chunk in enumerate(self.index.chunks):
            if chunk.section_id in owners:
                similarity = float(self.index.chunk_vectors[i] @ vector)
                overlap = self.vocabulary.overlap(wanted, self._lexical.tokens[i])
                found[chunk.section_id].append(score(chunk, similarity, overlap))
        return {
            owner: tuple(sorted(pieces, key=lambda piece: -piece.score)) for owner, pieces in found.items()
        }


def score(chunk: Chunk, similarity: float, overlap: float) -> ScoredChunk:
    """A chunk judged on its own."""
    return ScoredChunk(chunk, 0.6 * similarity + 0.4 * overlap, similarity, overlap)
