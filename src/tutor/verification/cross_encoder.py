"""The trained cross-encoder: reads a passage and a claim together.

Its weights are the embedding model's, fine-tuned by `training.verifier.train` and exported by `training.onnx_export`.
Does not know numbers, thresholds or verdicts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor import inference
from tutor.errors import ModelCorrupt

WEIGHTS = Path(__file__).parent / "weights"
VERIFIER = WEIGHTS / "verifier.onnx"
CLASSES = 3
MAX_TOKENS = 320
"""Tokens of passage and claim together; the longer of the two is cut."""


class CrossEncoder:
    """Passage and claim in, probabilities out; loaded at first use, safe to share between threads.

    Args:
        base: gives the embedding model's folder, whose tokenizer it shares.
        weights: the exported model.
        threads: CPU threads it may use.
    """

    def __init__(
        self, base: Callable[[], Path], weights: Path = VERIFIER, threads: int = inference.THREADS
    ) -> None:
        self._base, self._weights, self._threads = base, weights, threads
        self._lock = threading.Lock()
        self._loaded: tuple[inference.Session, Any] | None = None

    def load(self) -> tuple[inference.Session, Any]:
        """The session and its tokenizer, loaded once.

        Raises:
            ModelCorrupt: the weights are missing or damaged.
        """
        with self._lock:
            if self._loaded is None:
                try:
                    session = inference.Session(self._weights, wanted=self._threads)
                    self._loaded = session, inference.tokenizer(self._base(), MAX_TOKENS)
                except inference.failures() as error:
                    raise ModelCorrupt(
                        f"The verifier's weights in {self._weights} cannot be loaded: {error}",
                        "Install Tutor again.",
                    ) from error
            return self._loaded

    def tokens(self, passage: str, claim: str) -> list[int]:
        """What is read of a pair, as token ids."""
        _, tokenizer = self.load()
        return list(tokenizer.encode(passage, claim).ids)

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(passage, claim) pairs to shape (n, 3): contradicted, not said, supported.

        Pairs of like length are read together; what a pair is read with changes its answer by rounding only.
        """
        out = np.zeros((len(pairs), CLASSES), dtype=np.float32)
        if not pairs:
            return out
        session, tokenizer = self.load()
        encoded = tokenizer.encode_batch(list(pairs))
        for batch in inference.batches([len(encoding.ids) for encoding in encoded]):
            logits = session.run([encoded[i] for i in batch])
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            out[batch] = shifted / shifted.sum(axis=1, keepdims=True)
        return out
