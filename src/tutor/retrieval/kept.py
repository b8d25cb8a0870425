"""Vectors of fixed texts, kept on disk so that they are computed once.

Does not know what the texts are for. A file that is missing or damaged is computed again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tutor.retrieval.embedder import Embedder, Vectors

log = logging.getLogger(__name__)


def kept_vectors(folder: Path, texts: Sequence[str], embedder: Embedder) -> Vectors:
    """Unit vectors of the texts in order, from `folder` where they were kept for the same texts and model."""
    key = hashlib.sha256("\0".join((embedder.fingerprint, *texts)).encode()).hexdigest()[:24]
    file = folder / f"{key}.npz"
    try:
        with np.load(file) as held:
            vectors: Vectors = held["vectors"]
        if len(vectors) == len(texts):
            return vectors
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        log.warning("%s cannot be read and is computed again: %s", file, error)
    vectors = embedder.embed(texts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f"{key}.{os.getpid()}.part"
        with draft.open("wb") as out:
            np.savez(out, vectors=vectors)
        draft.replace(file)
    except OSError as error:
        log.warning("vectors cannot be kept in %s: %s", folder, error)
    return vectors
