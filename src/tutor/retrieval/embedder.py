"""The embedding model behind one small interface.

Does not know what is embedded, or why.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tutor.errors import ModelCorrupt

Vectors = NDArray[np.float32]
BATCH = 8
"""Texts embedded together: of like length, since each is padded to the longest."""


class Embedder(Protocol):
    """Texts in, unit vectors out."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever vectors of the same text would."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Unit vectors, shape (len(texts), dims); `progress` gets the number done so far."""


class SentenceEmbedder:
    """all-MiniLM-L6-v2 through sentence-transformers on the CPU; loaded at first use."""

    def __init__(self, folder: Callable[[], Path], fingerprint: str) -> None:
        self._folder = folder
        self._fingerprint = fingerprint
        self._lock = threading.Lock()
        self._model: Any = None

    @property
    def fingerprint(self) -> str:
        """The model's digest."""
        return self._fingerprint

    def load(self) -> Any:
        """The model itself, loaded once."""
        with self._lock:
            if self._model is None:
                from sentence_transformers import SentenceTransformer
                from transformers.utils.logging import disable_progress_bar

                disable_progress_bar()
                folder = self._folder()
                try:
                    self._model = SentenceTransformer(str(folder), device="cpu")
                except (OSError, ValueError, RuntimeError, KeyError) as error:
                    raise ModelCorrupt(
                        f"The embedding model in {folder} cannot be loaded: {error}",
                        "Run `tutor models pull` to fetch it again.",
                    ) from error
        return self._model

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Unit vectors of the texts, in order."""
        model = self.load()
        vectors = np.zeros((len(texts), model.get_embedding_dimension()), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        for start in range(0, len(texts), BATCH):
            batch = order[start : start + BATCH]
            with self._lock:
                vectors[batch] = model.encode(
                    [texts[i] for i in batch],
                    batch_size=BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
            if progress:
                progress(min(start + BATCH, len(texts)))
        return vectors
