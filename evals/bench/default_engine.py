"""LlamaIndex's default engine over the same guide and models: what the product is compared with.

Everything is LlamaIndex's and llama.cpp's default but the models, the threads, the context, which is as long as
LlamaIndex takes it to be, and the length of an answer, which is the number of tokens that LlamaIndex plans for.
Does not know Tutor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONTEXT = 4096
MAX_TOKENS = 256


def index_of(corpus: Path, model: Any) -> Any:
    """The default index over a folder of Markdown; `model` is a sentence-transformers model."""
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding

    class Embedding(BaseEmbedding):  # type: ignore[misc, unused-ignore]
        """sentence-transformers behind LlamaIndex's interface, whose own package for it is not installed."""

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            found: list[list[float]] = model.encode(
                texts, normalize_embeddings=True, show_progress_bar=False
            ).tolist()
            return found

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embeddings([query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

    files = sorted(corpus.rglob("*.md"))
    documents = [Document(text=file.read_text(encoding="utf-8")) for file in files]
    return VectorStoreIndex.from_documents(documents, embed_model=Embedding())


@contextmanager
def engine(corpus: Path, model: Any, chat_model: Path, threads: int) -> Iterator[Any]:
    """The default query engine, streaming, with a chat model in llama.cpp's server; the server ends with it."""
    from llama_index.llms.openai_like import OpenAILike

    index = index_of(corpus, model)
    child = subprocess.Popen(
        [sys.executable, "-m", "evals.bench.default_engine", str(chat_model), str(threads)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert child.stdin and child.stdout
    try:
        url = json.loads(next(line for line in child.stdout if line.startswith("{")))["url"]
        llm = OpenAILike(
            model="chat", api_base=url + "/v1", api_key="none", is_chat_model=True, max_tokens=MAX_TOKENS,
            timeout=300.0,
        )  # fmt: skip
        yield index.as_query_engine(streaming=True, llm=llm)
    finally:
        child.stdin.close()
        child.wait(20)


def answered(asked: Any, question: str) -> tuple[float, float, str]:
    """Seconds to an engine's first token and to the end of its answer, and the answer.

    Raises:
        RuntimeError: the engine said nothing.
    """
    began, first, text = time.perf_counter(), 0.0, ""
    for delta in asked.query(question).response_gen:
        if delta and not first:
            first = time.perf_counter() - began
        text += delta
    if not first:
        raise RuntimeError("LlamaIndex's default engine said nothing.")
    return first, time.perf_counter() - began, text


def main(chat_model: str, threads: int) -> None:
    """Serve a chat model with llama.cpp's defaults until standard input closes."""
    import os

    import xllamacpp

    p = xllamacpp.CommonParams()
    p.model.path = chat_model
    p.hostnames, p.port = ["127.0.0.1"], 0
    p.n_ctx, p.n_parallel, p.n_gpu_layers = CONTEXT, 1, 0
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(p)
    print(json.dumps({"url": server.listening_address}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
