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

from tutor import inference
from tutor.errors import ModelCorrupt

Vectors = NDArray[np.float32]
GRAPH = Path(__file__).parent / "weights" / "embedder.onnx"
"""The model's graph, from `training.onnx_export`; it names where in `model.safetensors` each weight lies."""
DIMENSIONS = 384
MAX_TOKENS = 256
"""Tokens of a text that are read; the rest is cut."""


class Embedder(Protocol):
    """Texts in, unit vectors out."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever vectors of the same text would."""

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Unit vectors, shape (len(texts), dims); `progress` gets the number done so far."""


class SentenceEmbedder:
    """all-MiniLM-L6-v2 on the CPU; loaded at first use, safe to share between threads.

    The same vectors as sentence-transformers gives, to rounding (see `tests/integration/test_models_agree.py`).

    Args:
        folder: gives the model's folder, as sentence-transformers keeps it.
        fingerprint: the digest of its weights.
        threads: CPU threads it may use.
    """

    def __init__(self, folder: Callable[[], Path], fingerprint: str, threads: int = inference.THREADS) -> None:
        self._folder, self._fingerprint, self._threads = folder, fingerprint, threads
        self._lock = threading.Lock()
        self._loaded: tuple[inference.Session, Any] | None = None

    @property
    def fingerprint(self) -> str:
        """The model's digest."""
        return self._fingerprint

    def load(self) -> tuple[inference.Session, Any]:
        """The session and its tokenizer, loaded once.

        Raises:
            ModelCorrupt: the model's files are missing or damaged.
        """
        with self._lock:
            if self._loaded is None:
                folder = self._folder()
                try:
                    session = inference.Session(GRAPH, folder, self._threads)
                    self._loaded = session, inference.tokenizer(folder, MAX_TOKENS)
                except inference.failures() as error:
                    raise ModelCorrupt(
                        f"The embedding model in {folder} cannot be loaded: {error}",
                        "Run `tutor models pull` to fetch it again.",
                    ) from error
            return self._loaded

    def embed(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> Vectors:
        """Unit vectors of the texts, in order."""
        session, tokenizer = self.load()
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        encoded = tokenizer.encode_batch(list(texts))
        done = 0
        for batch in inference.batches([len(encoding.ids) for encoding in encoded]):
            vectors[batch] = session.run([encoded[i] for i in batch])
            done += len(batch)
            if progress:
                progress(done)
        return vectors
