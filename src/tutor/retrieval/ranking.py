"""What ranks a section: dense, lexical and title evidence as one feature row per section.

The score is a fixed linear combination, after Bruch, Gai and Ingber, "An Analysis of Fusion Functions
for Hybrid Retrieval", TOIS 2023; `training.ranking` fits the weights. Does not know Chroma.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tutor.retrieval.embedder import Vectors
from tutor.retrieval.index import Index
from tutor.retrieval.lexical import LexicalIndex, Vocabulary, words

POOL = 60
"""Chunks whose place in the list of the most similar ones counts."""
FEATURES = (
    "chunk",          # cosine of the section's best chunk
    "chunk_rank",     # reciprocal rank of that chunk's section in the dense list
    "passage",        # cosine of its best single sentence
    "passages",       # mean cosine of its three best sentences
    "heading",        # cosine of its heading path
    "bm25",           # best chunk by BM25, over the best of all sections
    "overlap",        # share by idf of the query's words in the section
    "title_overlap",  # the same for its own title
    "path_overlap",   # the same for its heading path
    "parent",         # best sentence of its parent
    "child",          # best sentence among its children
)  # fmt: skip


class Postings:
    """Which sections hold which stems, for the idf-weighted share of a query's words."""

    def __init__(self, texts: Sequence[Sequence[str]], vocabulary: Vocabulary) -> None:
        found: dict[str, list[int]] = defaultdict(list)
        for at, tokens in enumerate(texts):
            for word in set(tokens):
                found[word].append(at)
        self._at = {word: np.array(rows) for word, rows in found.items()}
        self._vocabulary, self._n = vocabulary, len(texts)

    def share(self, wanted: set[str]) -> Vectors:
        """Shares (0..1), one per text."""
        total = sum(self._vocabulary.idf(word) for word in wanted)
        held = np.zeros(self._n, dtype=np.float32)
        for word in wanted:
            if word in self._at:
                held[self._at[word]] += self._vocabulary.idf(word)
        return held / np.float32(total) if total else held


class Evidence:
    """Computes the feature rows of every section for a query."""

    def __init__(self, index: Index, lexical: LexicalIndex) -> None:
        at = {section.id: i for i, section in enumerate(index.sections)}
        self.index, self.lexical, self.n = index, lexical, len(index.sections)
        self.of_chunk = np.array([at[chunk.section_id] for chunk in index.chunks])
        self.of_passage = np.array([at[passage.section_id] for passage in index.passages], dtype=int)
        self.parent = np.array([at.get(s.parent or "", -1) for s in index.sections])
        tokens: list[list[str]] = [[] for _ in index.sections]
        for owner, found in zip(self.of_chunk, lexical.tokens, strict=True):
            tokens[owner] += found
        self.text = Postings(tokens, lexical.vocabulary)
        self.title = Postings([words(s.title) for s in index.sections], lexical.vocabulary)
        self.path = Postings([words(" ".join(s.heading_path)) for s in index.sections], lexical.vocabulary)

    def best(self, owners: NDArray[np.intp], values: Vectors) -> Vectors:
        """The highest value of each section, -1 where it has none; `owners` are in reading order."""
        best = np.full(self.n, -1.0, dtype=np.float32)
        if len(owners):
            starts = np.r_[0, np.flatnonzero(np.diff(owners)) + 1]
            best[owners[starts]] = np.maximum.reduceat(values, starts)
        return best

    def rows(self, query: str, vector: Vectors, shares: Vectors) -> Vectors:
        """Features, shape (sections, len(FEATURES)); `shares` is what `text.share` gives for the query's words."""
        wanted = set(words(query))
        chunk = self.best(self.of_chunk, (self.index.chunk_vectors @ vector).astype(np.float32))
        rank = np.zeros(self.n, dtype=np.float32)
        for place, owner in reversed(list(enumerate(self.nearest(vector)))):
            rank[owner] = 1 / (1 + place)
        similar = (self.index.passage_vectors @ vector).astype(np.float32)
        passage = self.best(self.of_passage, similar)
        bm25 = np.maximum(self.best(self.of_chunk, self.lexical.scores(query)), 0)
        child = np.full(self.n, -1.0, dtype=np.float32)
        nested = self.parent >= 0
        np.maximum.at(child, self.parent[nested], passage[nested])
        above = np.where(nested, passage[self.parent], -1.0)
        columns = [
            chunk,
            rank,
            passage,
            self.mean_of_three(similar),
            self.index.section_vectors @ vector,
            bm25 / max(float(bm25.max()), 1e-6),
            shares,
            self.title.share(wanted),
            self.path.share(wanted),
            np.maximum(above, 0),
            np.maximum(child, 0),
        ]
        return np.column_stack(columns).astype(np.float32)

    def nearest(self, vector: Vectors) -> list[int]:
        """The sections of the chunks most similar to a vector, most similar first; a section may come again."""
        similar = self.index.chunk_vectors @ vector
        return [int(self.of_chunk[i]) for i in np.argsort(-similar, kind="stable")[:POOL]]

    def mean_of_three(self, similar: Vectors) -> Vectors:
        """The mean of each section's three most similar sentences."""
        order = np.lexsort((-similar, self.of_passage))
        owners = self.of_passage[order]
        starts = np.r_[0, np.flatnonzero(np.diff(owners)) + 1] if len(owners) else np.array([], dtype=int)
        place = np.arange(len(owners)) - np.repeat(starts, np.diff(np.r_[starts, len(owners)]))
        kept = order[place < 3]
        total = np.bincount(self.of_passage[kept], weights=similar[kept], minlength=self.n)
        count = np.bincount(self.of_passage[kept], minlength=self.n)
        return np.asarray(total / np.maximum(count, 1), dtype=np.float32)
