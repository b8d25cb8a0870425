"""Hostile text in every place that shows text, in the running app and a real Chromium."""

import json
import re
import sqlite3
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import html5lib
import pytest

from tests.conftest import linked_home
from tests.e2e.conftest import App
from tests.hostile import STRINGS
from tutor.interview.state import Line
from tutor.interview_store import InterviewStore
from tutor.settings import load_settings
from tutor.store import Store
from tutor.tutor import Tutor

PROSE = (
    "A cache keeps copies of answers near those who ask for them. An eviction policy decides which entry leaves a"
    " full cache. Least recently used drops the entry that has not been read for the longest time.\n"
)
WATCH = """() => {
  const allowed = new Set(ALLOWED);
  const drawing = new Set(DRAWING);
  window.faults = [];
  const fault = (e, why) => window.faults.push(why + ": " + e.outerHTML.slice(0, 300));
  window.inspect = (within) => {
    const drawn = "figure.diagram *";
    const places = '[data-testid="bot"], [data-testid="user"], #panel, #drawn, #wrong, #report, nav.contents';
    for (const root of document.querySelectorAll(within || places)) {
      for (const e of root.querySelectorAll("*")) {
        if (e.closest('[data-testid="status-tracker"]')) continue;  // Gradio's own
        const inFigure = e.matches(drawn);
        if (!(inFigure ? drawing : allowed).has(e.localName)) fault(e, "element");
        for (const { name, value } of e.attributes) {
          if (/^on/i.test(name)) fault(e, "handler");
          if (name === "style" && !inFigure) fault(e, "style");
          if (name === "style" && /position|url\\(/i.test(value)) fault(e, "reach");
          if (/href$/i.test(name) && !(inFigure ? /^#/ : /^#cite-[^"'<> ]+@\\d+-\\d+$/).test(value)) fault(e, "link");
          if (/^(src|srcset|action|formaction|target|data|xlink:href)$/.test(name)) fault(e, "address");
        }
        if (getComputedStyle(e).position === "fixed") fault(e, "overlay");
      }
    }
    const nowhere = "form, iframe, object, embed, dialog, marquee, [href*=evil]:not([href^='#cite-']), [src*=evil]";
    for (const e of document.querySelectorAll(nowhere))
      fault(e, "anywhere");
    return window.faults.splice(0);
  };
  window.seenDrafts = new Set();
  new MutationObserver(() => {
    const draft = document.querySelector("#chat .draft");
    if (draft) window.seenDrafts.add(draft.textContent);
    for (const f of window.inspect("#chat [data-testid]")) (window.kept = window.kept || []).push(f);
  }).observe(document.querySelector("#chat"), { childList: true, subtree: true });
}"""
ALLOWED = (
    "a bdi blockquote br code div em h1 h2 h3 h4 h5 h6 hr li mark ol p pre s span strong table tbody td th thead tr ul"
    " article nav details summary figure figcaption q b small svg g rect circle line polyline text title"
).split()
DRAWING = (
    "svg g path rect circle ellipse line polyline polygon text tspan title desc defs marker style foreignobject"
    " foreignObject div span p br b i em strong clippath clipPath lineargradient linearGradient stop filter"
    " fedropshadow feDropShadow use"
    " symbol mask pattern code pre ul ol li table tbody tr td th"
).split()


class Model(BaseHTTPRequestHandler):
    """A chat model that says whatever hurts, a string at a time."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if asked.get("stream") else "application/json")
        self.end_headers()
        if not asked.get("stream"):
            self.wfile.write(
                json.dumps(self.reply({"role": "assistant", "content": "No."}, "message")).encode()
            )
            return
        for text in STRINGS:
            said = text.replace("\n", " ").encode("utf-8", "replace").decode()
            for piece, pause_s in ((said[:-1], 0.12), (said[-1:], 0.12), ("\n", 0)):
                self.wfile.write(
                    b"data: " + json.dumps(self.reply({"content": piece}, "delta")).encode() + b"\n\n"
                )
                self.wfile.flush()
                time.sleep(pause_s)
        self.wfile.write(b"data: [DONE]\n\n")

    def reply(self, held, kind):
        choice = {"index": 0, kind: held, "finish_reason": None}
        return {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}

    def log_message(self, *_):
        """Nothing is printed."""


def hostile_corpus(folder):
    """A chapter of honest prose, and a page for each hostile string, in its title and its text."""
    folder.mkdir()
    (folder / "000.md").write_text("# Caching {#caching}\n\n" + PROSE, encoding="utf-8")
    for i, text in enumerate(STRINGS):
        body = re.sub(r"[\0-\x08\x0b-\x1f]", "", clean_text(text).replace("\r", "\n"))
        line = re.sub(r"\s+", " ", body)
        page = f"# {line} {{#s{i}}}\n\nAfter {line}\n\n- {line}\n\n{body}\n"
        (folder / f"{i + 1:03}.md").write_text(page, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def hostile_app(tmp_path_factory):
    model = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    folder = tmp_path_factory.mktemp("hostile")
    running = App(linked_home(folder / "home"), hostile_corpus(folder / "corpus"))
    Tutor(load_settings(home=running.home, corpus=running.corpus)).index()
    running.start(
        TUTOR_LLM_BASE_URL=f"http://127.0.0.1:{model.server_address[1]}/v1", TUTOR_LLM_API_KEY="x",
        TUTOR_CHAT_MODEL="m",
    )  # fmt: skip
    yield running
    running.stop()
    model.shutdown()


@pytest.fixture
def page(browser, hostile_app):
    """A reader's page; every request elsewhere, error, dialog, new tab and refused load is kept."""
    context = browser.new_context(viewport={"width": 1400, "height": 860}, accept_downloads=True)
    opened = context.new_page()
    opened.foreign, opened.errors, opened.tabs = [], [], []
    own = hostile_app.url
    opened.on(
        "request",
        lambda r: None if r.url.startswith((own, "data:", "blob:")) else opened.foreign.append(r.url),
    )
    opened.on("console", lambda m: opened.errors.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda e: opened.errors.append(str(e)))
    opened.on("dialog", lambda d: (opened.errors.append("dialog " + d.message), d.dismiss()))
    opened.on("popup", lambda p: opened.tabs.append(p.url))
    go(opened, own)
    yield opened
    assert opened.foreign == [] and opened.tabs == []
    assert not [e for e in opened.errors if "dialog" in e or "Content Security Policy" in e], opened.errors
    assert opened.url.startswith(own)
    context.close()


def go(page, address):
    page.goto(address)
    page.wait_for_selector("#ask textarea")
    page.wait_for_selector("nav.contents")
    page.evaluate(WATCH.replace("ALLOWED", json.dumps(ALLOWED)).replace("DRAWING", json.dumps(DRAWING)))


def ask(page, question):
    before = page.locator("#chat [data-testid=bot]").count()
    page.fill("#ask textarea", question)
    page.press("#ask textarea", "Enter")
    page.wait_for_function(
        "n => document.querySelectorAll('#chat [data-testid=bot]').length > n", arg=before, timeout=30_000
    )
    page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=120_000)


def owner_of(app, table):
    with sqlite3.connect(app.home / "tutor.db") as database:
        return database.execute(f"select owner, id from {table}").fetchall()[-1]


def clean_text(text):
    return text.encode("utf-8", "replace").decode().replace("\0", "")


def test_a_draft_is_harmless_in_every_frame_it_is_shown_in(page):
    ask(page, "What does an eviction policy decide?")
    assert page.evaluate("window.kept || []") == []
    assert page.evaluate("window.inspect()") == []
    drafts = page.evaluate("[...window.seenDrafts]")
    assert len(drafts) > 100, "the drafts were watched while they were written"
    assert any("<img src=x" in draft for draft in drafts) and any(
        "position:fixed" in draft for draft in drafts
    )


SHOWN = """text => {
  const said = [...document.querySelectorAll("#chat [data-testid=user]")].pop();
  const words = (t) => t.split(/\\s+/).filter(Boolean).join(" ");
  return said && words(said.innerText) === words(text);
}"""


def test_questions_are_shown_as_typed(page):
    for i in range(0, 60, 6):
        text = re.sub(r"\s", " ", " ".join(STRINGS[i : i + 6]))
        page.fill("#ask textarea", text)
        page.press("#ask textarea", "Enter")
        page.wait_for_function(SHOWN, arg=text, timeout=30_000)
        page.wait_for_timeout(500)
        if page.get_by_role("button", name="Stop").count():
            page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Ask").wait_for(timeout=20_000)
    assert page.evaluate("(window.kept || []).concat(window.inspect())") == []


def test_every_stored_text_is_harmless_after_a_reload(page, hostile_app):
    page.fill("#ask textarea", "What is a cache?")
    page.press("#ask textarea", "Enter")
    page.wait_for_selector('#chat a[href*="#cite-"]')
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Ask").wait_for(timeout=20_000)
    page.wait_for_timeout(500)
    owner, conversation = owner_of(hostile_app, "conversations")
    store = Store(f"sqlite:///{hostile_app.home / 'tutor.db'}")
    for i, raw in enumerate(STRINGS):
        text = clean_text(raw)
        citation = {"n": 1, "section_id": f"s{i}", "title": text, "path": "01-caching.md", "start": 0, "end": 9,
                    "quote": text}  # fmt: skip
        store.add_turn(owner, conversation, {
            "id": str(i), "question": text, "standalone_question": text, "status": ("answered", "not_covered")[i % 2],
            "text": text, "extract": [{"text": text, "citation": 1}],
            "sentences": [{"text": text, "verdict": "supported", "citations": [1]}], "citations": [citation],
            "nearest": [{"section_id": text, "title": text, "score": 0.5}], "suggestions": [text], "degraded": text,
            "timings": {}, "model": None,
        })  # fmt: skip
    store.rename(owner, conversation, "<img src=x onerror=alert(1)> http://evil.example")
    go(page, hostile_app.url)
    page.wait_for_function(
        "n => document.querySelectorAll('#chat [data-testid=user]').length >= n",
        arg=len(STRINGS) + 1,
        timeout=60_000,
    )
    page.wait_for_timeout(1500)
    assert page.evaluate("(window.kept || []).concat(window.inspect())") == []
    shown = page.locator("#chat [data-testid=user]").all_inner_texts()[1:]
    for text, seen in zip(STRINGS, shown, strict=True):
        assert seen.split() == clean_text(text).split(), (text, seen)
    assert page.locator("#list img").count() == 0


def test_every_section_of_a_hostile_page_is_harmless_in_the_panel(page):
    assert page.evaluate("window.inspect()") == []
    drawn = 0
    for i in range(len(STRINGS)):
        page.evaluate("id => window.tutorPanel.open(id)", f"s{i}@0-0")
        page.wait_for_function("() => document.querySelector('#panel .page')")
        faults = page.evaluate("window.inspect()")
        assert faults == [], (STRINGS[i], faults)
        drawn += page.locator("#panel figure.diagram svg").count()
        assert FILLED not in page.evaluate(FILLS, "#panel")
        assert page.locator("body > [id^=ddiagram-]").count() == 0, "what Mermaid could not draw is taken away"
    assert drawn >= 3


HOSTILE_DIAGRAM = """flowchart LR
 A["<img src=x onerror=alert(1)>"] --> B[www.evil.example]
 click A href "http://evil.example"
"""
FILLED = "rgb(0, 0, 0)"
FILLS = """place => [...document.querySelectorAll(place + " figure.diagram .node rect")]
  .map((e) => getComputedStyle(e).fill)"""
"""The colours of a diagram's boxes: black is what is left of one without its style."""
NAVIGATES = (
    'flowchart LR\n  A[press] --> B\n  click A href "http://evil.example" _self',
    'flowchart LR\n  A[press] --> B\n  click A "javascript:alert(1)"',
    "flowchart LR\n  A[press] --> B; click A call alert(1)",
    "%%{init: {'securityLevel': 'loose'}}%%\nflowchart LR\n  A[press] --> B\n  click A call alert(1)",
    'classDiagram\n  class press\n  link press "http://evil.example" "t"',
    "sequenceDiagram\n  participant press\n  link press: Go @ http://evil.example\n  press->>press: hi",
)  # fmt: skip


@pytest.mark.parametrize("source", NAVIGATES)
def test_a_click_on_a_diagram_goes_nowhere(page, source):
    """Also where the source reaches the drawing unfiltered: what was drawn is cleaned once more."""
    page.evaluate(
        """async (source) => {
          const place = document.querySelector("#panel .page");
          const block = document.createElement("pre");
          block.className = "mermaid";
          block.textContent = source;
          place.replaceChildren(block);
          await window.tutorPanel.drawAll();
        }""",
        source,
    )
    page.wait_for_selector("#panel figure.diagram svg")
    assert page.evaluate("window.inspect()") == []
    before = page.url
    for part in page.locator("#panel figure.diagram svg :text('press')").all()[:4]:
        part.click(force=True)
    page.wait_for_timeout(300)
    assert page.url == before


def test_an_interview_with_hostile_words_is_harmless_to_its_end_and_in_its_exports(page, hostile_app):
    page.get_by_role("tab", name="Interview").click()
    page.get_by_text("URL shortener · easy").click()
    page.click("#start")
    page.wait_for_selector("#talk .bot")
    owner, key = owner_of(hostile_app, "interviews")
    store = InterviewStore(f"sqlite:///{hostile_app.home / 'tutor.db'}")
    record = store.get(owner, key)
    for text in map(clean_text, STRINGS):
        record.state.transcript.append(Line("candidate", text, 1.0, "requirements"))
        record.state.transcript.append(Line("interviewer", text, 1.0, "requirements", "probe"))
    store.save(owner, key, record.state, record.revision, None)
    store.keep_notes(owner, key, "\n".join(map(clean_text, STRINGS)))
    store.keep_draft(owner, key, STRINGS[0])
    go(page, hostile_app.url)
    page.get_by_role("tab", name="Interview").click()
    page.wait_for_function(
        "n => document.querySelectorAll('#talk [data-testid=user]').length >= n",
        arg=len(STRINGS),
        timeout=60_000,
    )
    page.wait_for_timeout(1000)
    assert page.evaluate("window.inspect()") == []
    page.fill("#mermaid textarea", HOSTILE_DIAGRAM)
    page.wait_for_selector("#drawn figure.diagram svg")
    assert set(page.evaluate(FILLS, "#drawn")) - {FILLED} and FILLED not in page.evaluate(FILLS, "#drawn")
    assert page.evaluate("window.inspect()") == []
    page.fill("#mermaid textarea", "flowchart LR\n A --> <img src=x onerror=alert(1)>")
    page.wait_for_function("() => /Line 2/.test(document.querySelector('#wrong').innerText)")
    assert page.evaluate("window.inspect()") == []
    page.click("#end")
    page.wait_for_selector(".debrief", timeout=60_000)
    assert page.evaluate("window.inspect()") == []
    with page.expect_download() as download:
        page.click("#as-html")
    markup = download.value.path().read_text(encoding="utf-8")
    tree = html5lib.parse(markup, treebuilder="etree", namespaceHTMLElements=False)
    tags = {e.tag.split("}")[-1] for e in tree.iter() if isinstance(e.tag, str)}
    assert tags <= {*ALLOWED, "html", "head", "meta", "title", "style", "body"}
    assert not [e for e in tree.iter() if "href" in e.attrib or "src" in e.attrib or "style" in e.attrib]
    assert "default-src 'none'" in markup


def test_what_is_copied_is_what_is_read(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask_stopped(page, "What does an eviction policy decide? <b>x</b>")
    page.locator("#chat").hover()
    page.get_by_label("Copy message").last.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "From the guide" in copied and "<div" not in copied and "evict" in copied.lower()


def ask_stopped(page, question):
    page.fill("#ask textarea", question)
    page.press("#ask textarea", "Enter")
    page.wait_for_selector('#chat a[href*="#cite-"]')
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Ask").wait_for(timeout=20_000)
    page.wait_for_timeout(400)
