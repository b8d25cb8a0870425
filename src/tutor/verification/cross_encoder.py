"""The trained cross-encoder: reads a passage and a claim together.

Its weights are the embedding model's, fine-tuned by `evals.verifier.train` and packed to eight bits by
`evals.verifier.pack`. It also computes in eight bits, each token scaled on its own (Yao et al., "ZeroQuant", 2022),
because one scale for a whole tensor costs accuracy and makes a pair's answer depend on its batch. Does not know
numbers, thresholds or verdicts.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor.errors import ModelCorrupt

WEIGHTS = Path(__file__).parent / "weights"
MAX_TOKENS = 320
"""Tokens of passage and claim together; the longer of the two is cut."""


class CrossEncoder:
    """Passage and claim in, probabilities out; loaded at first use, safe to share between threads."""

    def __init__(self, base: Callable[[], Path], weights: Path = WEIGHTS) -> None:
        self._base, self._weights = base, weights
        self._lock = threading.Lock()
        self._model: Bert | None = None
        self._tokenizer: Any = None

    def load(self) -> Bert:
        """Load tokenizer (the embedding model's) and weights.

        Raises:
            ModelCorrupt: the weights are missing or damaged.
        """
        with self._lock:
            if self._model is None:
                from safetensors import SafetensorError
                from safetensors.torch import load_file
                from transformers import AutoTokenizer

                try:
                    config = json.loads((self._weights / "config.json").read_text())
                    model = Bert(load_file(str(self._weights / "verifier.safetensors")), config)
                    self._tokenizer = AutoTokenizer.from_pretrained(str(self._base()))
                except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
                    raise ModelCorrupt(
                        f"The verifier's weights in {self._weights} cannot be loaded: {error}",
                        "Install Tutor again.",
                    ) from error
                self._model = model
            return self._model

    def tokens(self, passage: str, claim: str) -> list[int]:
        """What is read of a pair, as token ids."""
        self.load()
        return list(self._read([(passage, claim)])["input_ids"][0])

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """(passage, claim) pairs to shape (n, 3): contradicted, not said, supported.

        Each pair is read by itself, so its answer does not depend on the others.
        """
        out = np.zeros((len(pairs), 3), dtype=np.float32)
        if not pairs:
            return out
        model = self.load()
        read = self._read(pairs)
        for i, (ids, types) in enumerate(zip(read["input_ids"], read["token_type_ids"], strict=True)):
            out[i] = model.probabilities(ids, types)
        return out

    def _read(self, pairs: Sequence[tuple[str, str]]) -> Mapping[str, list[list[int]]]:
        """Token ids and types (0 passage, 1 claim) of pairs."""
        with self._lock:
            read: Mapping[str, list[list[int]]] = self._tokenizer(
                [passage for passage, _ in pairs], [claim for _, claim in pairs],
                truncation="longest_first", max_length=MAX_TOKENS,
            )  # fmt: skip
        return read


class Linear:
    """Linear layers over the same input, computed as one: int8 weights, int8 input with one scale for each token.

    Where the processor's int8 product is not at hand, the same weights are multiplied in fp32.
    """

    def __init__(self, held: Mapping[str, Any], *names: str) -> None:
        import torch

        weight = torch.cat([held[name + ".weight"] for name in names])
        scale = torch.cat([held[name + ".weight.scale"] for name in names])
        self._bias = torch.cat([held[name + ".bias"] for name in names])
        self._int8 = torch.backends.mkldnn.is_available()
        self._scale = scale
        self._weight = weight.t().contiguous() if self._int8 else weight.float() * scale.unsqueeze(1)

    def __call__(self, x: Any) -> Any:
        """Shape (tokens, in) to (tokens, out), fp32."""
        import torch

        if not self._int8:
            return torch.nn.functional.linear(x, self._weight, self._bias)
        step = x.abs().amax(1, keepdim=True).clamp_(min=1e-8).mul_(1 / 127)
        product = torch._int_mm((x / step).round_().to(torch.int8), self._weight)
        return torch.addcmul(self._bias, product.float().mul_(step), self._scale)


class Bert:
    """BERT (Devlin et al., 2019) with a classifier on its first token, one sequence at a time.

    Args:
        held: the packed tensors by name, int8 rows with their scales.
        config: `hidden_size`, `num_attention_heads`, `num_hidden_layers`, `layer_norm_eps`.
    """

    def __init__(self, held: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        self._heads, self._size = int(config["num_attention_heads"]), int(config["hidden_size"])
        self._eps = float(config["layer_norm_eps"])
        tables = ("word", "position", "token_type")
        self._tables = [whole(held, f"bert.embeddings.{name}_embeddings.weight") for name in tables]
        self._first = norm(held, "bert.embeddings.LayerNorm")
        self._layers = []
        for i in range(int(config["num_hidden_layers"])):
            at = f"bert.encoder.layer.{i}."
            heads = [at + "attention.self." + name for name in ("query", "key", "value")]
            self._layers.append(
                (
                    Linear(held, *heads), Linear(held, at + "attention.output.dense"),
                    norm(held, at + "attention.output.LayerNorm"), Linear(held, at + "intermediate.dense"),
                    Linear(held, at + "output.dense"), norm(held, at + "output.LayerNorm"),
                )
            )  # fmt: skip
        self._pooler, self._classifier = (
            (whole(held, name + ".weight"), held[name + ".bias"]) for name in ("bert.pooler.dense", "classifier")
        )

    def probabilities(self, ids: Sequence[int], types: Sequence[int]) -> Any:
        """Class probabilities of one sequence of token ids and types: shape (classes,)."""
        import torch
        from torch.nn.functional import gelu, linear, scaled_dot_product_attention

        n, size = len(ids), self._size
        with torch.inference_mode():
            words, positions, kinds = self._tables
            x = words[torch.tensor(ids)] + positions[:n] + kinds[torch.tensor(types)]
            x = self._normed(x, self._first)
            for i, (heads, out, norm1, up, down, norm2) in enumerate(self._layers):
                q, k, v = heads(x).view(1, n, 3, self._heads, size // self._heads).permute(2, 0, 3, 1, 4)
                if i == len(self._layers) - 1:  # only the first token is read
                    q, x = q[:, :, :1], x[:1]
                mixed = scaled_dot_product_attention(q, k, v)[0].transpose(0, 1).reshape(len(x), size)
                x = self._normed(x + out(mixed), norm1)
                x = self._normed(x + down(gelu(up(x))), norm2)
            pooled = torch.tanh(linear(x[:1], *self._pooler))
            return torch.softmax(linear(pooled, *self._classifier)[0], dim=0).numpy()

    def _normed(self, x: Any, by: tuple[Any, Any]) -> Any:
        from torch.nn.functional import layer_norm

        return layer_norm(x, (self._size,), *by, self._eps)


def norm(held: Mapping[str, Any], name: str) -> tuple[Any, Any]:
    """Weight and bias of a layer norm."""
    return held[name + ".weight"], held[name + ".bias"]


def whole(held: Mapping[str, Any], name: str) -> Any:
    """A tensor in fp32, unpacked where it is packed."""
    scale = held.get(name + ".scale")
    return held[name] if scale is None else held[name].float() * scale.unsqueeze(1)


def unpacked(file: Path) -> dict[str, Any]:
    """All weights in fp32 from a file of int8 rows with a scale each, for further training."""
    from safetensors.torch import load_file

    held = load_file(str(file))
    return {name: whole(held, name) for name in held if not name.endswith(".scale")}
