"""The app in a process of its own, and a real Chromium that may speak to nothing else."""

import shutil

import pytest
from playwright.sync_api import sync_playwright
from running import App

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-default-apps",
]  # fmt: skip


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
