"""The embedded chat model: a real server in a real child process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tutor.answering import prompt
from tutor.errors import LLMError
from tutor.llm.base import Message
from tutor.verification.chat_signal import opinion_of

LONG = [
    Message("system", "You are brief. " + "A cache keeps copies of data. " * 120),
    Message("user", "What?"),
]


@pytest.fixture(scope="module")
def model(tutor):
    return tutor.model()


def wait_gone(pid, seconds=10.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_its_opinion_tells_what_a_source_says_from_what_it_does_not(model):
    opinion = opinion_of(model)
    source = "Redis keeps its data in memory and answers in less than a millisecond."
    said, foreign = opinion(source, "Redis keeps data in memory."), opinion(source, "Kafka was written in Scala.")
    assert said is not None and foreign is not None
    assert 0 <= foreign < said <= 1


def test_it_streams_text(model):
    parts = list(model.stream([Message("user", "Say the word cache.")], max_tokens=12))
    assert len([part for part in parts if part]) > 1 and "cache" in "".join(parts).lower()


def test_it_gives_the_same_text_again(model):
    asked = [Message("user", "Name one use of a queue.")]
    first = "".join(model.stream(asked, max_tokens=20))
    assert first == "".join(model.stream(asked, max_tokens=20))


def test_a_section_seen_before_starts_much_sooner(tutor, model):
    section = tutor.section("components/cdn")

    def first_token():
        began = time.perf_counter()
        for delta in model.stream(prompt.messages(section, "What is it?", []), max_tokens=4):
            if delta:
                return time.perf_counter() - began
        raise AssertionError("no token")

    model.states.drop(prompt.prefix(section)[0].content)
    list(model.stream([Message("user", "Something else entirely, to use the slot.")], max_tokens=2))
    unseen = first_token()
    list(model.stream(prompt.messages(section, "What is it?", []), max_tokens=2))
    list(model.stream([Message("user", "Something else entirely, to use the slot.")], max_tokens=2))
    assert model.states.has(prompt.prefix(section)[0].content)
    assert first_token() < unseen / 2


def test_a_reader_who_stops_during_the_reading_waits_less_than_two_seconds(model):
    stopped = False
    stream = model.stream(LONG, max_tokens=50, cancelled=lambda: stopped)
    began = None
    for _ in stream:
        if not stopped:
            stopped, began = True, time.perf_counter()
    assert began and time.perf_counter() - began < 2
    began = time.perf_counter()
    assert "".join(model.stream([Message("user", "Say hi.")], max_tokens=4))
    assert time.perf_counter() - began < 12


def test_a_killed_server_is_an_error_then_a_restart(model):
    model.server.address()
    generation = model.server.generation
    stream = model.stream(LONG, max_tokens=60)
    next(stream)
    os.kill(model.server.pid, signal.SIGKILL)
    with pytest.raises(LLMError):
        list(stream)
    assert "".join(model.stream([Message("user", "Say hi.")], max_tokens=4))
    assert model.server.generation == generation + 1


def test_a_damaged_state_costs_time_and_nothing_else(tutor, model):
    section = tutor.section("components/dns")
    model.prepare(prompt.prefix(section))
    file = model.states.folder / model.states.name(prompt.prefix(section)[0].content)
    file.write_bytes(b"nonsense" * 100)
    assert "".join(model.stream(prompt.messages(section, "What is it?", []), max_tokens=6)).strip()


def test_the_server_listens_here_only_and_wants_its_key(model):
    import httpx

    model.server.address()
    assert model.server.url.startswith("http://127.0.0.1:")
    for key in ("none", "wrong"):
        answer = httpx.post(
            model.server.url + "/v1/chat/completions", headers={"Authorization": f"Bearer {key}"},
            json={"messages": [{"role": "user", "content": "hi"}]}, trust_env=False,
        )  # fmt: skip
        assert answer.status_code == 401


def test_the_server_ends_with_its_parent(settings):
    code = (
        "import sys, time; from tutor.settings import load_settings; from tutor.llm.connect import connect;"
        f"m = connect(load_settings(home={str(settings.home)!r}, chat_model='small'));"
        "m.server.address(); print(m.server.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_gone(child)


def test_a_whole_answer_is_cited_to_the_file_s_own_characters(tutor, corpus):
    *_, last = tutor.ask("What does a CDN do?")
    answer = last.answer.to_json()
    assert answer["status"] == "answered" and answer["extract"] and answer["model"]
    for citation in answer["citations"]:
        text = (corpus / citation["path"]).read_text(encoding="utf-8")
        assert text[citation["start"] : citation["end"]] == citation["quote"]
    numbers = {citation["n"] for citation in answer["citations"]}
    for sentence in answer["sentences"]:
        assert bool(sentence["citations"]) == (sentence["verdict"] == "supported")
        assert set(sentence["citations"]) <= numbers
