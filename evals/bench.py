"""Measure what the README promises: `make bench`. Medians on this machine; prints a Markdown table.

`--write` puts the table into README.md. Everything is measured on the real models and the whole guide.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tutor.cli.main import ENVIRONMENT

os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})

from tutor.answering import prompt
from tutor.llm.base import Message
from tutor.llm.supervisor import EmbeddedServer
from tutor.settings import Settings, load_settings
from tutor.tutor import Tutor

ROOT = Path(__file__).parents[1]
TWO_CHAPTERS = ("02-fundamental-concepts.md", "06-caching-strategies.md", "05-database-design.md")
QUESTIONS = [
    "What is a reverse proxy?", "When do I shard a database?", "How does consistent hashing work?",
    "Why do read replicas serve stale data?", "What does a CDN cache?", "What is eventual consistency?",
    "Which index does a full-text search need?", "how is a leaderboard stored", "What is CQRS?",
    "How long is four nines of downtime a year?",
]  # fmt: skip
Row = tuple[str, str, str]


def timed(call: Callable[[], Any]) -> float:
    """Milliseconds that a call takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def retrieval(tutor: Tutor) -> list[Row]:
    """Question in, ranked sections out."""
    spent = [timed(lambda q=q: tutor.search(q)) for _ in range(12) for q in QUESTIONS]  # type: ignore[misc]
    spent = sorted(spent[len(QUESTIONS) :])
    p95 = spent[int(len(spent) * 0.95)]
    return [("retrieve, p50 / p95", f"{statistics.median(spent):.0f} / {p95:.0f} ms", "25 / 50 ms")]


def index_times(settings: Settings, tutor: Tutor) -> list[Row]:
    """Two chapters from nothing, then again unchanged, on a loaded embedding model."""
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch) / "corpus"
        corpus.mkdir()
        held = [name for name in TWO_CHAPTERS if (settings.corpus / name).is_file()][:2]
        for name in held:
            shutil.copy(settings.corpus / name, corpus)
        (Path(scratch) / "models").symlink_to(settings.models_dir)
        small = Tutor(load_settings(home=Path(scratch), corpus=corpus))
        small.embedder = tutor.embedder
        built = small.index().seconds
        again = statistics.median(small.index().seconds for _ in range(5))
    return [
        (f"index {len(held)} chapters / unchanged", f"{built:.1f} s / {again:.2f} s", "15 s / 1 s"),
    ]


def verifying() -> list[Row]:
    """A pair of 128 tokens through the verifier's cross-encoder, alone on one core in a process of its own."""
    code = (
        "import statistics, time, torch; torch.set_num_threads(1)\n"
        "from tutor import models; from tutor.settings import load_settings\n"
        "from tutor.verification.cross_encoder import CrossEncoder\n"
        "folder = models.resolve('embedding', load_settings()); encoder = CrossEncoder(lambda: folder)\n"
        "passage = 'the cache keeps a copy of what was read ' * 12; claim = 'a cache keeps copies of reads ' * 3\n"
        "assert 120 <= len(encoder.tokens(passage, claim)) <= 136\n"
        "def once():\n"
        "    began = time.perf_counter(); encoder.probabilities([(passage, claim)])\n"
        "    return (time.perf_counter() - began) * 1000\n"
        "[once() for _ in range(5)]; print(statistics.median(once() for _ in range(40)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [("verify a pair of 128 tokens, one core", f"{float(done.stdout.split()[-1]):.0f} ms", "20 ms")]


def first_tokens(tutor: Tutor) -> list[Row]:
    """Time to the first token on a section never seen, and on one whose state is kept."""
    model = tutor.model()
    list(model.stream([Message("user", "Say hi.")], max_tokens=2))
    unseen: list[float] = []
    seen: list[float] = []
    for question in QUESTIONS[:5]:
        section = tutor.search(question, 1)[0].section
        states = getattr(model, "states", None)
        if states is not None:
            states.drop(prompt.prefix(section)[0].content)
        for kept in (unseen, seen):
            list(model.stream([Message("user", f"Say {question[:9]}.")], max_tokens=2))
            began = time.perf_counter()
            first = 0.0
            for delta in model.stream(prompt.messages(section, question, []), max_tokens=8):
                if delta and not first:
                    first = time.perf_counter() - began
            kept.append(first)
    return [
        (
            "first model token, section seen / never seen",
            f"{statistics.median(seen):.2f} s / {statistics.median(unseen):.1f} s",
            "1.0 s / 5 s",
        )
    ]


def default_engine(tutor: Tutor, settings: Settings) -> list[Row]:
    """LlamaIndex's default query engine over the same guide and the same model: first token."""
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.llms.openai_like import OpenAILike

    class Ours(BaseEmbedding):  # type: ignore[misc, unused-ignore]
        def _get_text_embedding(self, text: str) -> list[float]:
            found: list[float] = tutor.embedder.embed([text])[0].tolist()
            return found

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    ours: Any = tutor.model()
    ours.close()
    server = EmbeddedServer(
        ours.server.model, ours.server.threads, ours.server.states, ours.server.log_file, context=8192
    )
    server.address()
    files = sorted(settings.corpus.glob("*.md"))[:2]
    documents = [Document(text=file.read_text(encoding="utf-8")) for file in files]
    engine = VectorStoreIndex.from_documents(documents, embed_model=Ours()).as_query_engine(
        streaming=True,
        llm=OpenAILike(
            model="tutor", api_base=server.url + "/v1", api_key=server.key, is_chat_model=True,
            context_window=4096, max_tokens=16, timeout=180,
        ),
    )  # fmt: skip
    spent = []
    try:
        for question in QUESTIONS[:3]:
            began = time.perf_counter()
            for _ in engine.query(question).response_gen:
                spent.append(time.perf_counter() - began)
                break
    finally:
        server.stop()
    if not spent:
        return [("LlamaIndex's default engine, first token", "no token", "")]
    return [("LlamaIndex's default engine, first token", f"{statistics.median(spent):.0f} s", "")]


def resident_mb(pid: int) -> float:
    """Proportional set size of a process and its children, in MB."""
    total = 0.0
    for child in Path(f"/proc/{pid}/task").glob("*/children"):
        total += sum(resident_mb(int(found)) for found in child.read_text().split())
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            total += int(line.split()[1]) / 1000
    return total


def browser(settings: Settings) -> list[Row]:
    """The app as a learner meets it: start, extract on screen, memory after an answer."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path or platform.system() != "Linux":
        return []
    began = time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, "TUTOR_PORT": "0"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert app.stdout
    try:
        url = app.stdout.readline().split("at ")[1].split()[0]
        while True:
            with urllib.request.urlopen(url + "/healthz") as answer:
                if json.load(answer)["ready"]:
                    break
            time.sleep(0.1)
        started = time.perf_counter() - began
        extracts = []
        with sync_playwright() as play:
            page = play.chromium.launch(
                executable_path=path, args=["--no-sandbox", "--disable-gpu"]
            ).new_page()
            page.goto(url)
            page.wait_for_selector("nav.contents")
            for n, question in enumerate(QUESTIONS[:5], 1):
                page.fill("#ask textarea", question)
                asked = time.perf_counter()
                page.press("#ask textarea", "Enter")
                page.wait_for_function(
                    "n => document.querySelectorAll('#chat .user').length === n && [...document"
                    ".querySelectorAll('#chat .bot')].at(-1)?.querySelector('a[href*=\"#cite-\"]')",
                    arg=n, polling=20,
                )  # fmt: skip
                extracts.append(time.perf_counter() - asked)
                page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=90_000)
        memory = resident_mb(app.pid)
    finally:
        app.terminate()
        app.wait(20)
    return [
        ("extract on screen", f"{statistics.median(extracts):.2f} s", "0.4 s"),
        ("start until questions are answered", f"{started:.1f} s", "10 s"),
        ("memory of the app with the chat model", f"{memory / 1000:.1f} GB", "3.5 GB"),
    ]


def main() -> None:
    """Measure, print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="Put the table into README.md.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    chosen = parser.parse_args()
    settings = load_settings()
    tutor = Tutor(settings)
    tutor.index()
    tutor.load()
    rows = [*retrieval(tutor), *verifying(), *index_times(settings, tutor)]
    try:
        rows += [*first_tokens(tutor), *default_engine(tutor, settings)]
    finally:
        tutor.close()
    rows += browser(settings)
    if chosen.json:
        print(json.dumps([{"figure": a, "measured": b, "bar": c} for a, b, c in rows]))
        return
    table = "| figure | measured | bar |\n|---|---|---|\n"
    table += "\n".join(f"| {a} | {b} | {c} |" for a, b, c in rows)
    print(table)
    if chosen.write:
        readme = ROOT / "README.md"
        text = readme.read_text(encoding="utf-8")
        head, rest = text.split("<!-- bench:begin -->")
        tail = rest.split("<!-- bench:end -->")[1]
        whole = f"{head}<!-- bench:begin -->\n{table}\n<!-- bench:end -->{tail}"
        readme.write_text(whole, encoding="utf-8")


if __name__ == "__main__":
    main()
