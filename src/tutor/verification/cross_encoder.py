"""The trained cross-encoder: reads a passage and a claim together.

Its weights are the embedding model's, fine-tuned by `evals.verifier.train` and packed to eight bits by
`evals.verifier.pack`. Does not know numbers, thresholds or verdicts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor.errors import ModelCorrupt

WEIGHTS = Path(__file__).parent / "weights"
MAX_TOKENS = 320
"""Tokens of passage and claim together; the longer of the two is cut."""
BATCH = 16


class CrossEncoder:
    """Passage and claim in, probabilities out; loaded at first use, safe to share between threads."""

    def __init__(self, base: Callable[[], Path], weights: Path = WEIGHTS) -> None:
        self._base, self._weights = base, weights
        self._lock = threading.Lock()
        self._model: Any = None
        self._tokenizer: Any = None

    def load(self) -> None:
        """Load tokenizer (the embedding model's) and weights.

        Raises:
            ModelCorrupt: the weights are missing or damaged.
        """
        with self._lock:
            if self._model is not None:
                return
            from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

            try:
                config = BertConfig(**json.loads((self._weights / "config.json").read_text()))
                model = BertForSequenceClassification(config)
                model.load_state_dict(unpacked(self._weights / "verifier.safetensors"))
                self._tokenizer = AutoTokenizer.from_pretrained(str(self._base()))
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise ModelCorrupt(
                    f"The verifier's weights in {self._weights} cannot be loaded: {error}",
                    "Install Tutor again.",
                ) from error
            self._model = model.eval()

    def tokens(self, passage: str, claim: str) -> list[int]:
        """What is read of a pair, as token ids."""
        self.load()
        read = self._tokenizer(passage, claim, truncation="longest_first", max_length=MAX_TOKENS)
        return list(read["input_ids"])

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(passage, claim) pairs to shape (n, 3): contradicted, not said, supported."""
        import torch

        self.load()
        out = np.zeros((len(pairs), 3), dtype=np.float32)
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            with self._lock, torch.inference_mode():
                inputs = self._tokenizer(
                    [pairs[i][0] for i in part], [pairs[i][1] for i in part],
                    truncation="longest_first", max_length=MAX_TOKENS, padding=True, return_tensors="pt",
                )  # fmt: skip
                out[part] = torch.softmax(self._model(**inputs).logits, dim=1).numpy()
        return out


def unpacked(file: Path) -> dict[str, Any]:
    """Weights in fp32 from a file of int8 rows with a scale each; what is stored whole stays so."""
    from safetensors.torch import load_file

    held = load_file(str(file))
    return {
        name: value.float() * held[name + ".scale"].unsqueeze(1) if name + ".scale" in held else value
        for name, value in held.items()
        if not name.endswith(".scale")
    }
