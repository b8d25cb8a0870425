"""The app as a learner meets it: its start, the extract on screen, and what memory it takes."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals.bench.figures import Figure
from evals.bench.model import is_answered
from evals.bench.questions import Question, drawn
from evals.bench.session import ROOT, Session
from tutor.tutor import Tutor

START_TIMEOUT_S = 300.0
QUIET_TIMEOUT_S = 120.0
READING_S = 1.5
"""How long a learner looks at an extract before the next question, while the model reads and writes."""
POOL = 480
"""Questions looked through for conversations that the guide answers."""
WATCH = """n => {
  window.shown = null;
  const box = document.querySelector("#ask textarea");
  const there = () => {
    const said = document.querySelectorAll("#chat .user").length, last = [...document.querySelectorAll("#chat .bot")].at(-1);
    return said === n && last && last.querySelector('a[href*="#cite-"]');
  };
  box.addEventListener("keydown", () => {
    const asked = performance.now();
    const look = new MutationObserver(() => {
      if (!there()) return;
      look.disconnect();
      requestAnimationFrame(() => { window.shown = performance.now() - asked; });
    });
    look.observe(document.body, { childList: true, subtree: true, characterData: true });
  }, { once: true, capture: true });
}"""
"""Has the page itself time its next question: from the key that sends it to the frame after its first citation."""


@dataclass
class App:
    """The app's process and its address."""

    process: subprocess.Popen[str]
    url: str
    started_s: float


def figures(session: Session) -> list[Figure]:
    """Start, extract on screen alone and while a draft is written, memory; none without Chromium on Linux."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium or platform.system() != "Linux":
        print("No Chromium on Linux: the app is not measured.", file=sys.stderr)
        return []
    turns = session.count(20, 2)
    told = list(conversations(session, turns + session.count(4, 1)))
    started = []
    for _ in range(session.count(2, 0)):
        with session.home("models", "index", "vectors") as home, running(session, home) as app:
            started.append(app.started_s)
    with session.home("models", "index", "vectors") as home, running(session, home) as app:
        started.append(app.started_s)
        memory = Memory(app.process.pid)
        with pages(chromium, app.url) as (one, other):
            alone = [spent for pair in told[: turns // 2] for spent in asked_alone(one, pair, memory)]
            during = asked_in_turn(one, other, told[turns // 2 :], turns, memory)
    return [
        Figure("extract on screen, alone", "s", tuple(alone), session.bars((0.35, 0.6)), (50, 95)),
        Figure("extract on screen, while a draft is written", "s", tuple(during), session.bars((0.6, 1.0)), (50, 95)),
        Figure("start until questions are answered", "s", tuple(started), session.bars((8.0,))),
        Figure("memory of the app with its chat model", "GB", tuple(memory.samples), session.bars((2.6,)), (100,)),
    ]  # fmt: skip


def conversations(session: Session, count: int) -> Iterator[tuple[str, str]]:
    """Two questions each, the second a follow-up on the first, all of them answered by the guide.

    They are looked through by a tutor that is not the app's, so the app has seen none of them.
    """
    tutor: Tutor = session.tutor
    found = 0
    for question in drawn(POOL):
        if question.before is None:
            continue
        if is_answered(tutor, Question(question.before)) and is_answered(tutor, question):
            yield question.before, question.text
            found += 1
            if found == count:
                return


@contextmanager
def running(session: Session, home: Path) -> Iterator[App]:
    """The app over a home, from its start until it says that it is ready; it ends with this."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=ROOT, env=session.environment(home, TUTOR_PORT="0"),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout
    try:
        line = process.stdout.readline()
        if "at http" not in line:
            raise RuntimeError("The app did not start.")
        url = line.split("at ")[1].split()[0]
        while not ready(url):
            if process.poll() is not None or time.perf_counter() - began > START_TIMEOUT_S:
                raise RuntimeError("The app never became ready.")
            time.sleep(0.05)
        yield App(process, url, time.perf_counter() - began)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def ready(url: str) -> bool:
    """Whether the app says that questions are answered."""
    try:
        with urllib.request.urlopen(url + "/healthz", timeout=5) as answer:
            return bool(json.load(answer)["ready"])
    except (urllib.error.URLError, TimeoutError):
        return False


@contextmanager
def pages(chromium: str, url: str) -> Iterator[tuple[Any, Any]]:
    """Two learners' pages, each with a browser storage of its own."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        opened = [browser.new_context().new_page() for _ in range(2)]
        for page in opened:
            page.goto(url)
            page.wait_for_selector("nav.contents")
        try:
            yield opened[0], opened[1]
        finally:
            browser.close()


def extract_s(page: Any, question: str, turn: int) -> float:
    """Ask in an open conversation; seconds until its `turn`th question has a cited sentence on the screen."""
    page.evaluate(WATCH, turn)
    page.fill("#ask textarea", question)
    page.press("#ask textarea", "Enter")
    page.wait_for_function("window.shown !== null", polling=50, timeout=60_000)
    return float(page.evaluate("window.shown")) / 1000


def begin(page: Any) -> None:
    """An empty conversation."""
    page.get_by_role("button", name="New conversation").click()
    page.wait_for_function("document.querySelectorAll('#chat .user').length === 0", timeout=30_000)


def writes(page: Any) -> bool:
    """Whether an answer is still being written on a page."""
    return bool(page.get_by_role("button", name="Stop").count())


def stop(page: Any) -> None:
    """Stop the answer on a page, if one is being written."""
    if writes(page):
        page.get_by_role("button", name="Stop").click(timeout=10_000)
    page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=90_000)


def asked_alone(page: Any, pair: tuple[str, str], memory: Memory) -> Iterator[float]:
    """Seconds to the extract of a question and its follow-up, each asked while nothing else runs."""
    begin(page)
    for turn, question in enumerate(pair, 1):
        memory.quiet()
        yield extract_s(page, question, turn)
        memory.take()
        stop(page)


def asked_in_turn(
    one: Any, other: Any, told: list[tuple[str, str]], count: int, memory: Memory
) -> list[float]:
    """Seconds to the extract on one page while the answer before is being written on the other.

    The pages take turns. A question whose predecessor's answer was whole before its own extract came is not counted.
    """
    found: list[float] = []
    begin(one)
    begin(other)
    for step in range(len(told) // 2 * 4):
        page, before = (one, other) if step % 2 == 0 else (other, one)
        pair, turn = told[step // 4 * 2 + step % 2], step // 2 % 2
        stop(page)
        if step >= 4 and turn == 0:
            begin(page)
        busy = writes(before)
        spent = extract_s(page, pair[turn], turn + 1)
        if busy and writes(before):
            found.append(spent)
        if len(found) == count:
            break
        time.sleep(READING_S)
        memory.take()
    stop(one)
    stop(other)
    return found


class Memory:
    """What the app's processes take, in GB, and whether they rest."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.samples: list[float] = []

    def take(self) -> None:
        """Take a sample."""
        self.samples.append(sum(resident_mb(pid) for pid in family(self._pid)) / 1000)

    def quiet(self) -> None:
        """Wait until the processes have used a tenth of a core or less for a while.

        Raises:
            RuntimeError: they never rest.
        """
        until = time.monotonic() + QUIET_TIMEOUT_S
        spent: dict[int, float] = {}
        while time.monotonic() < until:
            before = {pid: cpu_s(pid) for pid in family(self._pid)}
            time.sleep(0.4)
            spent = {pid: cpu_s(pid) - held for pid, held in before.items()}
            if sum(spent.values()) <= 0.04:
                return
        raise RuntimeError(f"The app does not come to rest: {spent} s of its processes within 0.4 s.")


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in listed.read_text().split() for one in family(int(child))]
        except OSError:
            continue
    return found


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has taken; 0 when it has ended."""
    try:
        held = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(held[11]) + int(held[12])) / float(os.sysconf("SC_CLK_TCK"))


def resident_mb(pid: int) -> float:
    """Memory of a process in MB, what is shared with others counted in parts; model files count whole."""
    total = model_file = 0.0
    try:
        lines = Path(f"/proc/{pid}/smaps").read_text(errors="replace").splitlines()
    except OSError:
        return 0.0
    for line in lines:
        name, _, value = line.partition(":")
        if "-" in name.split(" ")[0]:
            model_file = float(line.rstrip().endswith(".gguf"))
        elif name == ("Rss" if model_file else "Pss"):
            total += int(value.split()[0]) / 1000
    return total
