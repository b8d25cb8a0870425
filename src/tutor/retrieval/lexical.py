"""Words: stemming, inverse document frequency, and BM25 over chunks.

Does not know vectors.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from math import fsum, log

import bm25s
import numpy as np
import Stemmer
from numpy.typing import NDArray

WORD = re.compile(r"[a-z0-9]+(?:[.'’+#/-][a-z0-9]+)*", re.I)
STOP = frozenset(
    "a an and are as at be been being but by can could did do does doing for from had has have he her"
    " his how i if in into is it its just me more most my no not of on or our she should so some such"
    " than that the their them then there these they this those to us use used using was we were what"
    " when where which while who why will with would you your about between explain tell give please"
    " mean means work works need vs".split()
)
_stemmer = Stemmer.Stemmer("english")


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The word's stem, lower case."""
    return str(_stemmer.stemWord(word))


def words(text: str) -> list[str]:
    """Stems of the text's content words; compounds count whole and in parts."""
    found = []
    for token in WORD.findall(text.lower().replace("’", "'")):
        parts = re.split(r"[/-]", token)
        for part in [token, *parts] if len(parts) > 1 else parts:
            if part and part not in STOP:
                found.append(stem(part))
    return found


def weighted_share(wanted: Set[str], held: Set[str], idf: Callable[[str], float]) -> float:
    """Share (0..1), by rarity, of the wanted stems that are held; 0 when nothing is wanted."""
    total = fsum(idf(word) for word in wanted)
    return fsum(idf(word) for word in wanted & held) / total if total else 0.0


class Vocabulary:
    """How rare each stem is over a set of texts."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self._n = len(texts)
        self._count = Counter(word for text in texts for word in set(text))

    def idf(self, word: str) -> float:
        """Inverse document frequency; a word never seen weighs most."""
        return log(1 + (self._n + 1) / (self._count.get(word, 0) + 1))

    def knows(self, word: str) -> bool:
        """Whether any text holds the word."""
        return word in self._count

    def overlap(self, wanted: Sequence[str], given: Sequence[str]) -> float:
        """Share (0..1), weighted by idf, of the wanted stems that are given."""
        return weighted_share(set(wanted), set(given), self.idf)


class LexicalIndex:
    """BM25 over texts, by position."""

    def __init__(self, texts: Sequence[str]) -> None:
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self.tokens = [words(text) for text in texts]
        self.vocabulary = Vocabulary(self.tokens)
        self._bm25 = bm25s.BM25(k1=1.2, b=0.6)
        self._bm25.index([tokens or ["\0"] for tokens in self.tokens], show_progress=False)

    def scores(self, query: str) -> NDArray[np.float32]:
        """BM25 of every text."""
        known = [word for word in words(query) if self.vocabulary.knows(word)]
        if not known or not self.tokens:
            return np.zeros(len(self.tokens), dtype=np.float32)
        return np.asarray(self._bm25.get_scores(known), dtype=np.float32)
