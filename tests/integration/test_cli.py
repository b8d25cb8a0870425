"""The command line as other programs use it: JSON on stdout, exit codes, no tracebacks."""

import json
import os
import subprocess
import sys

import pytest

from tutor import __version__


@pytest.fixture
def run(settings, corpus, tutor):
    def go(*arguments, stdin=""):
        done = subprocess.run(
            [sys.executable, "-m", "tutor", *arguments], input=stdin, capture_output=True, text=True,
            env={**os.environ, "TUTOR_HOME": str(settings.home), "TUTOR_CORPUS": str(corpus),
                 "TUTOR_CHAT_MODEL": "small"},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return done

    return go


def test_index_reports_what_it_did(run):
    done = run("index", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(report) >= {"documents", "sections", "chunks", "added", "removed", "unchanged", "seconds"}
    assert report["documents"] == 2 and report["added"] == 0 and report["unchanged"] == report["chunks"]


def test_search_spans_are_the_file_s_text(run, corpus):
    found = json.loads(run("search", "consistent hashing", "-k", "3", "--json").stdout)
    assert len(found["hits"]) == 3 and found["ms"] > 0
    for rank, hit in enumerate(found["hits"], 1):
        assert hit["rank"] == rank and hit["heading_path"]
        text = (corpus / hit["path"]).read_text(encoding="utf-8")
        assert text[hit["start"] : hit["end"]] == hit["text"]


def test_ask_answers_with_the_whole_contract(run):
    answer = json.loads(run("ask", "What is a reverse proxy?", "--no-llm", "--json").stdout)
    assert set(answer) >= {
        "id", "question", "standalone_question", "status", "extract", "sentences", "text", "citations",
        "nearest", "suggestions", "degraded", "timings", "model",
    }  # fmt: skip
    assert answer["status"] == "answered" and answer["extract"] and answer["suggestions"]
    assert {c["n"] for c in answer["citations"]} >= {s["citation"] for s in answer["extract"]}
    assert set(answer["timings"]) >= {"retrieve_ms", "extract_ms", "first_token_ms", "total_ms"}


def test_jsonl_keeps_ids_and_sessions(run):
    lines = [
        {"id": "a", "question": "What is a CDN?", "session": "s"},
        {"id": "b", "question": "and its benefits?", "session": "s"},
        {"id": "c", "question": "How do I bake bread?"},
        {"id": "d", "question": "   "},
    ]
    done = run("ask", "--jsonl", "--no-llm", stdin="\n".join(map(json.dumps, lines)))
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == ["a", "b", "c", "d"] and done.returncode == 0
    assert "cdn" in answers[1]["standalone_question"].lower()
    assert answers[2]["status"] == "not_covered" and "error" in answers[3]


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (["ask"], "", 2),
        (["ask", "--jsonl"], "not json\n", 2),
        (["index", "--corpus", "/no/such/folder"], "", 2),
        (["search", "x", "-k", "0"], "", 2),
        (["nonsense"], "", 2),
    ],
)
def test_what_the_reader_can_fix_exits_with_2_and_a_remedy(run, arguments, stdin, code):
    done = run(*arguments, stdin=stdin)
    assert done.returncode == code and not done.stdout.strip() and done.stderr.strip()


def test_the_version_is_told(run):
    done = run("--version")
    assert done.returncode == 0 and done.stdout.strip() == f"tutor {__version__}"


def test_models_and_doctor_speak_json(run):
    listed = json.loads(run("models", "list", "--json").stdout)
    assert listed
    found = json.loads(run("doctor", "--json", "--speed").stdout)
    assert all(check["ok"] for check in found["checks"])
    assert found["processor"]["model"] and found["threads"] == {
        "cores": found["processor"]["cores"], "chat_model": 2, "small_models": min(2, found["processor"]["cores"])
    }  # fmt: skip
    speeds = {speed["name"]: speed for speed in found["speeds"]}
    assert list(speeds) == ["embed", "verify", "prefill"] and all(speed["value"] > 0 for speed in speeds.values())
    quick = {speed["name"]: speed for speed in json.loads(run("doctor", "--json").stdout)["speeds"]}
    assert quick["verify"]["value"] > 0 and quick["prefill"]["value"] is None and "--speed" in quick["prefill"]["verdict"]


def test_the_doctor_says_which_speeds_it_could_not_measure(run, monkeypatch):
    monkeypatch.setenv("TUTOR_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    spoken = run("doctor", "--speed").stdout
    assert "chat model, reading its prompt: not measured: The chat model cannot be reached" in spoken
    assert "processor: " in spoken and "verifier, a pair of 128 tokens: " in spoken


def test_verify_with_the_chat_model_shows_its_word_beside_the_other_checks(run):
    claim = {"id": "1", "claim": "Redis keeps data in memory.", "passages": ["Redis keeps its data in memory."]}
    done = run("verify", "--jsonl", "--model", stdin=json.dumps(claim) + "\n")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["verdict"] == "supported"
    assert 0 <= found["checks"]["chat"] <= 1
