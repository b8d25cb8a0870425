"""The index on a real embedding model and a real Chroma folder."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tests.conftest import linked_home
from tutor.errors import CorpusError, IndexMissing, IndexStale, SetupError
from tutor.retrieval import index as indexing
from tutor.settings import load_settings
from tutor.tutor import Tutor


@pytest.fixture
def small(tmp_path):
    """A tutor over a corpus of two short files."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.md").write_text(
        "# Caches {#caches}\n\nA cache keeps copies of data near its readers.\n\n"
        "## Eviction {#caches/eviction}\n\nLeast recently used eviction drops what was read longest ago.\n"
    )
    (folder / "b.md").write_text(
        "# Queues {#queues}\n\nA queue holds messages until a consumer takes them.\n"
    )
    return Tutor(load_settings(home=linked_home(tmp_path / "home"), corpus=folder))


def test_spans_are_the_file_s_own_characters(tutor, corpus):
    for hit in tutor.search("how does a load balancer share requests between servers", 5):
        for piece in hit.passages:
            text = (corpus / piece.chunk.path).read_text(encoding="utf-8")
            assert text[piece.chunk.start : piece.chunk.end] == piece.chunk.text


def test_a_paraphrase_and_a_typo_find_their_section(tutor):
    assert tutor.search("copies of my pictures close to users all over the world", 3)[
        0
    ].section.id.startswith("components/cdn")
    assert any(
        hit.section.id.startswith("components/dns") for hit in tutor.search("how dose DSN resolv names", 3)
    )


def test_an_empty_query_finds_nothing(tutor):
    assert tutor.search("   ") == [] and tutor.search("cache", 0) == []


def test_only_what_changed_is_embedded_again(small):
    assert small.index().added == 3
    again = small.index()
    assert (again.added, again.removed, again.unchanged) == (0, 0, 3) and again.seconds < 1
    (small.settings.corpus / "b.md").write_text("# Queues {#queues}\n\nA queue smooths bursts of work.\n")
    changed = small.index()
    assert (changed.added, changed.removed, changed.unchanged) == (1, 1, 2)
    assert "bursts" in small.search("bursts of work", 1)[0].section.text


def test_a_running_tutor_follows_a_new_index(small):
    small.index()
    assert small.search("gossip protocol", 1)[0].section.id != "gossip"
    (small.settings.corpus / "c.md").write_text("# Gossip {#gossip}\n\nA gossip protocol spreads news.\n")
    Tutor(small.settings).index()
    assert small.search("gossip protocol", 1)[0].section.id == "gossip"


def test_missing_and_stale_indexes_name_the_remedy(small, monkeypatch):
    with pytest.raises(IndexMissing, match="tutor index"):
        small.search("cache")
    small.index()
    monkeypatch.setattr(indexing.chunking, "VERSION", "other")
    with pytest.raises(IndexStale, match="tutor index"):
        Tutor(small.settings).search("cache")


@pytest.mark.parametrize("damage", ["vectors.npz", "corpus.json", "meta.json", "chroma"])
def test_a_damaged_index_is_noticed_and_rebuilt(small, damage):
    small.index()
    target = indexing.current_folder(small.index_dir) / damage
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.write_bytes(target.read_bytes()[:-20] + b"x" * 20)
    with pytest.raises((IndexStale, SetupError)):
        Tutor(small.settings).search("cache")
    small.index(rebuild=True)
    assert Tutor(small.settings).search("cache")[0].section.id == "caches"


def test_a_killed_build_leaves_the_old_index_serving(small):
    small.index()
    before = indexing.current_folder(small.index_dir)
    (small.settings.corpus / "b.md").write_text(
        "# Queues {#queues}\n\n"
        + "\n\n".join(f"Sentence {n} speaks of queue number {n}." for n in range(3000))
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "tutor", "index", "--corpus", str(small.settings.corpus)],
        env={**os.environ, "TUTOR_HOME": str(small.settings.home)},
        stderr=subprocess.PIPE,
    )
    while b"Reading" not in child.stderr.read(40):
        assert child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert indexing.current_folder(small.index_dir) == before
    assert Tutor(small.settings).search("cache")[0].section.id == "caches"


def test_two_builds_at_once_both_leave_a_sound_index(small):
    failures = []

    def build():
        try:
            Tutor(small.settings).index(rebuild=True)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    assert failures == [] and small.search("cache")[0].section.id == "caches"


def test_many_readers_at_once_get_the_same_hits(tutor):
    queries = ["what is a cdn", "sharding a database", "read replica lag", "dns ttl"] * 4
    expected = [[hit.section.id for hit in tutor.search(query, 5)] for query in queries]
    got = [None] * len(queries)

    def search(at):
        got[at] = [hit.section.id for hit in tutor.search(queries[at], 5)]

    threads = [threading.Thread(target=search, args=(at,)) for at in range(len(queries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def test_an_empty_corpus_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "corpus").mkdir()
    tutor = Tutor(load_settings(home=linked_home(tmp_path / "home"), corpus=tmp_path / "corpus"))
    with pytest.raises(CorpusError):
        tutor.index()


class Elsewhere(BaseHTTPRequestHandler):
    """A server that notes who asks, and answers nothing of use."""

    asked: ClassVar[list[str]] = []

    def handle_one_request(self):
        self.asked.append(self.client_address[0])
        self.close_connection = True

    def log_message(self, *_):
        """Nothing is printed."""


def test_a_file_of_the_current_folder_sends_the_index_nowhere(small, tmp_path, monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        (tmp_path / ".env").write_text(
            "CHROMA_API_IMPL=chromadb.api.fastapi.FastAPI\nCHROMA_SERVER_HOST=127.0.0.1\n"
            f"CHROMA_SERVER_HTTP_PORT={port}\nCHROMA_OTEL_COLLECTION_ENDPOINT=http://127.0.0.1:{port}\n"
        )
        monkeypatch.chdir(tmp_path)
        small.index()
        found = small.search("what keeps copies of data", 1)
        server.shutdown()
    assert found[0].section.id == "caches" and Elsewhere.asked == []
