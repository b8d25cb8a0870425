"""Vectors that ship with the guide, by content: what the reader did not change is not embedded again.

`training.ship_vectors` makes the file. Does not know what the texts are for.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tutor.retrieval.embedder import Embedder, Vectors

log = logging.getLogger(__name__)
KEY_BYTES = 12
"""Bytes of a content hash, of which `index.key_of` gives the hexadecimal digits."""


def write(file: Path, vectors: Mapping[str, Vectors], embedder: Embedder) -> None:
    """Keep unit vectors by content hash, each as 384 int8 steps and the size of its step."""
    keys = sorted(vectors)
    held = np.stack([vectors[key] for key in keys])
    step = (np.abs(held).max(axis=1) / 127).astype(np.float32)
    with file.open("wb") as out:
        np.savez(
            out, embedder=np.array(embedder.fingerprint), step=step,
            keys=np.frombuffer(bytes.fromhex("".join(keys)), np.uint8).reshape(-1, KEY_BYTES),
            vectors=np.rint(held / step[:, None]).astype(np.int8),
        )  # fmt: skip


def read(file: Path, embedder: Embedder) -> dict[str, Vectors]:
    """Unit vectors by content hash; none where the file is missing, damaged, or of another embedding model."""
    try:
        with np.load(file) as held:
            if str(held["embedder"]) != embedder.fingerprint:
                return {}
            vectors = held["vectors"].astype(np.float32) * held["step"][:, None]
            keys = [bytes(key).hex() for key in held["keys"]]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s cannot be read; its texts are embedded anew: %s", file, error)
        return {}
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return dict(zip(keys, vectors, strict=True))
