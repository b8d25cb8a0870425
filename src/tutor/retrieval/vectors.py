"""The vector store: Chroma through LlamaIndex, in a folder or on a server.

The only file that knows Chroma and LlamaIndex's nodes. Does not know what a chunk says.
"""

from __future__ import annotations

import logging
import math
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np

from tutor.errors import RetrievalError
from tutor.retrieval.embedder import Vectors

log = logging.getLogger(__name__)
BATCH = 64
CONFIGURATION = {"hnsw": {"space": "cosine", "ef_search": 200, "ef_construction": 200, "max_neighbors": 32}}


class VectorStore:
    """One collection of unit vectors with ids."""

    def __init__(self, collection: Any) -> None:
        self.scratch: object = None
        """What must live as long as this does."""
        self._collection = collection

    @cached_property
    def _store(self) -> Any:
        """LlamaIndex's view of the collection; importing it takes longer than opening the index."""
        from llama_index.vector_stores.chroma import ChromaVectorStore

        return ChromaVectorStore(chroma_collection=self._collection)

    def add(self, ids: Sequence[str], vectors: Vectors, texts: Sequence[str]) -> None:
        """Store vectors under ids, in batches."""
        from llama_index.core.schema import TextNode

        for start in range(0, len(ids), BATCH):
            part = slice(start, start + BATCH)
            nodes = [
                TextNode(id_=key, text=text, embedding=vector.tolist())
                for key, text, vector in zip(ids[part], texts[part], vectors[part], strict=True)
            ]
            try:
                self._store.add(nodes)
            except Exception as error:
                raise translated(error) from error

    def query(self, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """Ids and cosine similarities (-1..1), best first.

        Raises:
            RetrievalError: the store cannot be searched.
        """
        from llama_index.core.vector_stores.types import VectorStoreQuery

        request = VectorStoreQuery(query_embedding=vector.tolist(), similarity_top_k=k)
        try:
            result = self._store.query(request)
        except Exception as error:
            raise translated(error) from error
        scores = result.similarities or []
        return [
            (key, 1.0 + math.log(max(score, 1e-9))) for key, score in zip(result.ids or [], scores, strict=True)
        ]

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """The stored vectors of all of the collection's ids in this order, shape (len(ids), dims).

        Raises:
            RetrievalError: the store cannot be read, or does not hold just these ids.
        """
        try:
            held = self._collection.get(include=["embeddings"])
        except Exception as error:
            raise translated(error) from error
        at = {key: i for i, key in enumerate(held["ids"])}
        if at.keys() != set(ids):
            raise RetrievalError("The vector store holds other passages.", "Run `tutor index --rebuild`.")
        found: Vectors = np.asarray(held["embeddings"], dtype=np.float32)[[at[key] for key in ids]]
        return found

    def count(self) -> int:
        """Number of stored vectors."""
        try:
            return int(self._collection.count())
        except Exception as error:
            raise translated(error) from error


def client(folder: Path, url: str) -> Any:
    """A Chroma client: the server at `url`, or else the database in `folder`."""
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    # Without its `_env_file` Chroma would take addresses and class names from a `.env` in the current folder.
    quiet = ChromaSettings(_env_file=None, anonymized_telemetry=False)
    try:
        if not url:
            return chromadb.PersistentClient(path=str(folder), settings=quiet)
        address = urlparse(url)
        return chromadb.HttpClient(
            host=address.hostname or url,
            port=address.port or (443 if address.scheme == "https" else 8000),
            ssl=address.scheme == "https",
            settings=quiet,
        )
    except Exception as error:
        raise translated(error) from error


def create(folder: Path, url: str, name: str) -> VectorStore:
    """A new, empty collection; one of the same name is replaced."""
    chroma = client(folder, url)
    try:
        if any(found.name == name for found in chroma.list_collections()):
            chroma.delete_collection(name)
        collection = chroma.create_collection(name, configuration=CONFIGURATION, embedding_function=None)
    except Exception as error:
        raise translated(error) from error
    return VectorStore(collection)


def drop(url: str, name: str) -> None:
    """Remove a collection from a Chroma server, if it is there and the server answers."""
    try:
        client(Path(), url).delete_collection(name)
    except Exception as error:
        log.warning("the old collection %s was not removed: %s", name, translated(error))


def open_existing(folder: Path, url: str, name: str) -> VectorStore:
    """The collection of that name.

    Raises:
        RetrievalError: it is not there or cannot be read.
    """
    try:
        return collection_of(folder, url, name)
    except RetrievalError as error:
        if url or not folder.is_dir():
            raise
        return from_copy(folder, name, error)


def collection_of(folder: Path, url: str, name: str) -> VectorStore:
    """The collection of that name, read once; its errors translated."""
    try:
        store = VectorStore(client(folder, url).get_collection(name, embedding_function=None))
        store.count()
        return store
    except RetrievalError:
        raise
    except Exception as error:
        raise translated(error) from error


def from_copy(folder: Path, name: str, because: RetrievalError) -> VectorStore:
    """The collection from a copy of its folder: Chroma reads only where it may write, which a home need not allow.

    Raises:
        RetrievalError: `because`, where the copy cannot be read either.
    """
    try:
        scratch = tempfile.TemporaryDirectory(prefix="tutor-", ignore_cleanup_errors=True)
        for path in folder.rglob("*"):
            if path.is_file():
                target = Path(scratch.name) / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)  # without its mode: the copy must be writable
        store = collection_of(Path(scratch.name), "", name)
    except (OSError, RetrievalError):
        raise because from None
    store.scratch = scratch
    return store


def translated(error: Exception) -> RetrievalError:
    """Any exception of the vendor (it has no common base) as ours; bugs of our own pass through."""
    if isinstance(error, (AttributeError, NameError, AssertionError)):
        raise error
    return RetrievalError(
        f"The vector store failed: {error}", "Run `tutor index --rebuild` to make the index again."
    )
