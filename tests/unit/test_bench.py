"""What the benchmark asks, and how it shows what it measured."""

import os
import subprocess
import sys

import pytest

from evals.bench import session
from evals.bench.browser import Memory, family
from evals.bench.figures import Figure, Reference, bar_for, machine_lines, percentile, put, shortfall, table
from evals.bench.indexing import HEADING, revise
from evals.bench.questions import drawn
from evals.cases import GATING, load
from tutor.hardware import Processor

ROOT_TEXT = (
    "before\n<!-- bench AVX-512 begin -->\nold wide\n<!-- bench AVX-512 end -->\n"
    "between\n<!-- bench AVX2 begin -->\nold narrow\n<!-- bench AVX2 end -->\nafter\n"
)


def test_no_question_is_asked_twice_and_every_second_one_is_a_follow_up():
    asked = drawn(130)
    texts = [text.casefold() for q in asked for text in (q.text, q.before) if text]
    assert len(asked) == 130 and len(set(texts)) == len(texts) == 195
    assert [q.before is not None for q in asked[:4]] == [False, True, False, True]
    assert asked[1].history == [(asked[1].before, "")] and asked[0].history == []
    assert drawn(130) == asked == drawn(200)[:130]


def test_no_question_comes_from_a_gating_set():
    gating = {
        str(text).casefold()
        for name in GATING
        for case in load(name)
        for text in (case.get("question"), *case.get("turns", [])[-1:])
        if text
    }
    assert (
        len([q for q in drawn(360) if q.text.casefold() in gating]) <= 3
    )  # short ones such as "why?" occur in both


def test_more_questions_than_there_are_is_an_error():
    with pytest.raises(ValueError, match="not 5000 different"):
        drawn(5000)


def test_percentiles_are_those_of_the_samples():
    held = [float(n) for n in range(1, 101)]
    assert (percentile(held, 50), percentile(held, 95), percentile(held, 100)) == (50.5, 95.0, 100.0)
    assert percentile([3.0], 95) == 3.0


def test_a_figure_is_shown_with_its_bar_its_reference_and_whether_it_is_reached():
    pair = Figure(
        "verify", "ms", (16.0, 17.0, 18.0), (17.0,), reference=Reference("CrossEncoder", (50.0, 51.0), 1.3)
    )
    assert pair.row() == "| verify | 17 ms | ≤ 17 ms, ≥ 1.3× | 3 | CrossEncoder: 50 ms | 3.0× | yes |"
    slow = Figure("retrieve", "ms", tuple(range(1, 101)), (60.0, 50.0), (50, 95))
    assert slow.row() == "| retrieve, p50 / p95 | 50 / 95 ms | ≤ 60 / 50 ms | 100 |  |  | **no** |"
    near = Figure("verify", "ms", (45.0,), (60.0,), reference=Reference("CrossEncoder", (54.0,), 1.3))
    assert near.reached is False and shortfall([pair, slow, near]) == ["retrieve", "verify"]
    free = Figure("start", "s", (7.25,))
    assert free.row() == "| start | 7.25 s |  | 1 |  |  |  |" and free.reached is None
    memory = Figure("memory", "GB", (2.5, 2.64), (2.6,), (100,))
    assert memory.row() == "| memory, highest | 2.64 GB | ≤ 2.60 GB | 2 |  |  | **no** |"
    assert table([free]).splitlines()[2] == free.row()


def test_bars_may_differ_by_processor():
    bars = {"AVX-512": (17.0,), "AVX2": (30.0,)}
    assert [bar_for(bars, kind) for kind in ("AVX-512", "AVX2", "NEON")] == [(17.0,), (30.0,), (30.0,)]
    assert bar_for((25.0,), "AVX2") == (25.0,)


def test_writing_replaces_the_table_of_one_kind_of_processor_only():
    text = put(ROOT_TEXT, "AVX2", ["A processor.", "onnxruntime 1\\2."], [Figure("start", "s", (7.0,))])
    assert (
        "old wide" in text and "old narrow" not in text and "**AVX2.** A processor. onnxruntime 1\\2." in text
    )
    assert (
        text.startswith("before\n")
        and "\nbetween\n" in text
        and text.endswith("<!-- bench AVX2 end -->\nafter\n")
    )
    again = put(text, "AVX2", ["B."], [])
    assert "A processor." not in again and again.count("bench AVX2 begin") == 1
    for kind, held in (("NEON", ROOT_TEXT), ("AVX2", "no table")):
        with pytest.raises(ValueError, match="no table for"):
            put(held, kind, [], [])


def test_a_table_says_where_it_was_measured_and_whether_the_machine_was_busy():
    here = Processor("A chip", 2, ("avx2",))
    lines = machine_lines(here, "chat 2", {"torch": "2"}, 0.03)
    assert lines == ["A chip, 2 cores; avx2.", "Threads: chat 2.", "torch 2."]
    assert "Other processes took 24% of" in machine_lines(here, "", {}, 0.24)[-1]


def test_the_work_of_other_processes_is_seen_while_ours_rest(monkeypatch):
    busy = iter([100.0, 100.1, 200.0, 200.02])
    monkeypatch.setattr(session, "busy_s", lambda: next(busy))
    monkeypatch.setattr(session.os, "cpu_count", lambda: 2)
    neighbours = session.Neighbours()
    assert neighbours.share == 0.0
    neighbours.look(0.1)
    neighbours.look(0.1)
    assert neighbours.share == pytest.approx((0.5 + 0.1) / 2)


@pytest.mark.skipif(not os.path.isfile("/proc/stat"), reason="reads /proc")
def test_a_busy_process_is_seen():
    before = session.busy_s()
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    assert session.busy_s() > before


def test_revising_a_chapter_changes_every_heading_and_no_id(tmp_path):
    file = tmp_path / "a.md"
    file.write_text("# 1. Caching {#caching}\n\nText # not one.\n\n## Why?\n\nMore.\n")
    revise(file)
    assert (
        file.read_text()
        == "# 1. Caching, revised {#caching}\n\nText # not one.\n\n## Why?, revised\n\nMore.\n"
    )
    assert len(HEADING.findall(file.read_text())) == 2


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="reads /proc")
def test_memory_counts_a_process_with_its_children_and_rest_is_noticed():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert parent.stdout.readline() == "1\n"
        assert len(family(parent.pid)) == 2
        memory = Memory(parent.pid)
        memory.quiet()
        memory.take()
        assert 0.004 < memory.samples[0] < 0.2
    finally:
        parent.communicate("\n", timeout=10)


def test_a_table_of_some_figures_is_not_written_into_the_readme():
    done = subprocess.run(
        [sys.executable, "-m", "evals.bench", "--write", "--quick"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "--write wants every figure" in done.stderr and not done.stdout
