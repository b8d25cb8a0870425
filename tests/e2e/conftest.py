"""The app in a process of its own, and a real Chromium that may speak to nothing else."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-default-apps",
]  # fmt: skip


class App:
    """The running app; `restart` keeps its home."""

    def __init__(self, home: Path, corpus: Path) -> None:
        self.home, self.corpus = home, corpus
        self.process: subprocess.Popen[str] | None = None
        self.url = ""

    def start(self, **extra: str) -> None:
        environment = {
            **os.environ, "TUTOR_HOME": str(self.home), "TUTOR_CORPUS": str(self.corpus), "TUTOR_PORT": "0",
            "TUTOR_CHAT_MODEL": "small", **extra,
        }  # fmt: skip
        root = Path(__file__).parents[2]
        self.log = (self.home / "app.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=root, env=environment, stdout=subprocess.PIPE,
            stderr=self.log, text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        assert "http://127.0.0.1:" in line, (self.home / "app.log").read_text()
        self.url = line.split("at ")[1].split()[0]
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with urllib.request.urlopen(self.url + "/healthz") as answer:
                if b'"ready":true' in answer.read():
                    return
            time.sleep(0.3)
        raise AssertionError("the app never became ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process.stdout.close()
            self.log.close()
            self.process = None


@pytest.fixture(scope="session")
def app(settings, tutor):
    tutor.reader(tutor.problem("url-shortener")).prepare()  # as `tutor index` does for the guide's own problems
    running = App(settings.home, settings.corpus)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium is installed"
    with sync_playwright() as play:
        made = play.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def page(browser, app):
    """A fresh reader's page; requests to anywhere else, console errors and uncaught errors are kept."""
    context = browser.new_context(viewport={"width": 1400, "height": 860}, accept_downloads=True)
    opened = context.new_page()
    opened.foreign, opened.errors = [], []
    own = app.url

    def seen(request):
        if not request.url.startswith((own, "data:", "blob:", "ws://127.0.0.1")):
            opened.foreign.append(request.url)

    opened.on("request", seen)
    opened.on("console", lambda m: opened.errors.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda e: opened.errors.append(str(e)))
    opened.on("dialog", lambda d: (opened.errors.append("dialog " + d.message), d.dismiss()))
    opened.goto(own)
    opened.wait_for_selector("#ask textarea")
    opened.wait_for_selector("nav.contents")
    yield opened
    context.close()
