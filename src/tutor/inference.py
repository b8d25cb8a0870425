"""The small models, run by ONNX Runtime on the CPU: sessions, tokens, batches.

The only file that knows ONNX Runtime. Does not know what a model is for. ONNX Runtime picks its kernels by what the
processor can do; nothing is chosen here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

THREADS = 2
"""Threads of a model unless told otherwise: a learner's two cores to spare."""
BATCH_TOKENS = 1_024
"""Tokens of a batch at most, padding included."""
Encodings = Sequence[Any]
"""What a tokenizer gave: objects with `ids` and `type_ids`."""


def threads(wanted: int = THREADS) -> int:
    """How many threads a model may use: those wanted, or fewer where the process has fewer cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(wanted, cores))


class Session:
    """One loaded model; safe to share between threads.

    Args:
        graph: the ONNX file.
        weights: the folder of the file that holds its weights, for a graph that names their places in another file.
        wanted: threads it may use.
    """

    def __init__(self, graph: Path, weights: Path | None = None, wanted: int = THREADS) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads(wanted)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if weights:
            options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
        self._session = onnxruntime.InferenceSession(
            graph.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {given.name for given in self._session.get_inputs()}

    def run(self, encodings: Encodings) -> NDArray[np.float32]:
        """The model's first output for a batch of encoded texts, shape (len(encodings), ...); padded to the longest."""
        longest = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(encodings), longest), dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            n = len(encoding.ids)
            ids[row, :n], mask[row, :n], types[row, :n] = encoding.ids, 1, encoding.type_ids
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        feed = {name: value for name, value in given.items() if name in self._inputs}
        out: NDArray[np.float32] = self._session.run(None, feed)[0]
        return out


def failures() -> tuple[type[Exception], ...]:
    """What loading a model may raise when its files are damaged."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kinds = (
        "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented", "RuntimeException",
    )  # fmt: skip
    return (OSError, ValueError, RuntimeError, KeyError, *(getattr(state, kind) for kind in kinds))


def tokenizer(folder: Path, longest: int) -> Any:
    """The tokenizer in a model's folder; texts are cut to `longest` tokens, of a pair the longer one first.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    from tokenizers import Tokenizer

    try:
        made = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:
        raise ValueError(str(error)) from error
    made.enable_truncation(longest, strategy="longest_first")
    made.no_padding()
    return made


def batches(lengths: Sequence[int], tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Positions of texts to run together: of like length, longest first, under a budget of padded tokens."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch
