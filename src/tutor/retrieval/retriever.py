"""A question in, ranked sections out: dense and lexical lists, fused by reciprocal rank.

Does not know whether the guide answers the question; that is decided in `answering`.
Fusion after Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from tutor.retrieval.embedder import Embedder, Vectors
from tutor.retrieval.index import Index
from tutor.retrieval.lexical import LexicalIndex, Vocabulary, words
from tutor.schema import Chunk, ScoredChunk, Section, SectionHit

POOL = 60
RRF_K = 20.0
WEIGHTS = {"dense": 1.0, "lexical": 0.9, "passage": 0.9, "title": 0.5}
"""Weight of each ranked list in the fusion; chosen on `evals/sets/dev`."""


class Retriever:
    """Searches one opened index."""

    def __init__(self, index: Index, embedder: Embedder) -> None:
        self.index = index
        self.embedder = embedder
        self._chunk_at = {chunk.id: i for i, chunk in enumerate(index.chunks)}
        self._section_at = {section.id: i for i, section in enumerate(index.sections)}
        texts = [" ".join(chunk.heading_path) + "\n" + chunk.text for chunk in index.chunks]
        self._lexical = LexicalIndex(texts)
        self._titles = LexicalIndex([" ".join(s.heading_path[-2:]) for s in index.sections])
        self._section_words: dict[str, list[str]] = defaultdict(list)
        for chunk, tokens in zip(index.chunks, self._lexical.tokens, strict=True):
            self._section_words[chunk.section_id] += tokens

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
        return self.vocabulary.overlap(words(query), self._section_words[section_id])

    def embed(self, text: str) -> Vectors:
        """The unit vector of one text."""
        vector: Vectors = self.embedder.embed([text])[0]
        return vector

    def search(self, query: str, k: int = 10, vector: Vectors | None = None) -> list[SectionHit]:
        """At most `k` sections with their best passages, best first; none for an empty query.

        Raises:
            RetrievalError: the vector store failed.
        """
        if not query.strip() or k < 1:
            return []
        vector = self.embed(query) if vector is None else vector
        similar = {
            key: score
            for key, score in self.index.store.query(vector, min(POOL, len(self.index.chunks)))
            if key in self._chunk_at
        }
        lexical = self._lexical.search(query, POOL)
        scores: dict[str, float] = defaultdict(float)
        add_ranks(scores, [self._owner(key) for key in similar], WEIGHTS["dense"])
        owners = [self.index.chunks[i].section_id for i, _ in lexical]
        add_ranks(scores, owners, WEIGHTS["lexical"])
        add_ranks(scores, self._by_passage(vector), WEIGHTS["passage"])
        titles = [self.index.sections[i].id for i, _ in self._titles.search(query, 20)]
        add_ranks(scores, titles, WEIGHTS["title"])
        best = sorted(scores, key=lambda owner: (-scores[owner], self._section_at[owner]))[:k]
        found = self._passages(query, vector, set(best))
        return [
            SectionHit(self.index.sections[self._section_at[owner]], scores[owner], found[owner])
            for owner in best
            if found.get(owner)
        ]

    def _owner(self, chunk_id: str) -> str:
        return self.index.chunks[self._chunk_at[chunk_id]].section_id

    def _by_passage(self, vector: Vectors) -> list[str]:
        """Sections by their single most similar sentence, from the sentence vectors in memory."""
        similarity = self.index.passage_vectors @ vector
        best = np.argsort(-similarity, kind="stable")[:POOL]
        return [self.index.passages[int(i)].section_id for i in best]

    def _passages(self, query: str, vector: Vectors, owners: set[str]) -> dict[str, tuple[ScoredChunk, ...]]:
        """Every chunk of the given sections with its scores, best first."""
        wanted = words(query)
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


def add_ranks(scores: dict[str, float], owners: list[str], weight: float) -> None:
    """Add one ranked list to the fused scores; a section counts where it first appears."""
    rank = 0
    seen: set[str] = set()
    for owner in owners:
        if owner not in seen:
            seen.add(owner)
            scores[owner] += weight / (RRF_K + rank)
            rank += 1
