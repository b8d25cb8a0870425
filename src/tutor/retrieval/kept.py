"""Vectors of fixed texts, kept on disk so that each is computed once.

Does not know what the texts are for. A file that is missing or damaged is computed again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tutor.retrieval.embedder import Embedder, Vectors
from tutor.retrieval.index import embed_missing, key_of

log = logging.getLogger(__name__)


class KeptVectors:
    """Unit vectors by text in one file of a folder; safe to share between threads.

    Processes that share the folder may each compute the same texts; whoever writes last is kept, and nothing is wrong.
    """

    def __init__(
        self, folder: Path, embedder: Embedder, known: Callable[[], Mapping[str, Vectors]] = dict
    ) -> None:
        """`known` gives vectors by `key_of` that need not be computed or kept again."""
        name = hashlib.sha256(embedder.fingerprint.encode()).hexdigest()[:12]
        self._file, self._embedder = folder / f"{name}.npz", embedder
        self._known = known
        self._lock = threading.Lock()
        self._held: dict[str, Vectors] | None = None

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts in order, shape (len(texts), dims)."""
        with self._lock:
            if self._held is None:
                self._held = self._read()
            if not texts:
                return self._embedder.embed([])
            known = self._known()
            vectors = embed_missing(texts, {**known, **self._held}, self._embedder, None)
            before = len(self._held)
            made = zip(map(key_of, texts), vectors, strict=True)
            self._held.update((key, vector) for key, vector in made if key not in known)
            if len(self._held) > before:
                self._write()
            return vectors

    def _read(self) -> dict[str, Vectors]:
        try:
            with np.load(self._file) as held:
                return dict(zip(held["keys"].tolist(), held["vectors"], strict=True))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            log.warning("%s cannot be read and is computed again: %s", self._file, error)
            return {}

    def _write(self) -> None:
        assert self._held is not None
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            draft = self._file.with_suffix(f".{os.getpid()}.part")
            with draft.open("wb") as out:
                np.savez(out, keys=np.array(list(self._held)), vectors=np.stack(list(self._held.values())))
            draft.replace(self._file)
        except OSError as error:
            log.warning("vectors cannot be kept in %s: %s", self._file.parent, error)
