"""The running app under attack: `python app.py` on loopback, and requests that no page of ours sends."""

import contextlib
import json
import secrets
import socket
import sqlite3
import stat
import time
from pathlib import Path

import httpx
import pytest
from running import App

from tutor.schema import Answer
from tutor.store import Store, terminal_id

REFUSED = {400, 403, 404, 405, 413, 415, 421, 422}
FILE = {"meta": {"_type": "gradio.FileData"}}


@pytest.fixture(scope="module")
def app(settings, tutor, tmp_path_factory):
    """One app for all attacks; what Gradio copies anywhere would lie in `cache`."""
    running = App(settings.home, settings.corpus, tmp_path_factory.mktemp("log") / "app.log")
    running.cache = tmp_path_factory.mktemp("cache")
    running.start(GRADIO_TEMP_DIR=str(running.cache), TUTOR_LLM_API_KEY="sk-attack-me")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def web(app):
    """Requests as a program on this machine sends them."""
    with httpx.Client(base_url=app.url, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def config(web):
    return web.get("/config").raise_for_status().json()


def call(web, fn, data, **more):
    """Call a function by its number as the page does; (status, what came back as text)."""
    session = secrets.token_hex(6)
    body = {"fn_index": fn, "data": data, "session_hash": session, "event_data": None, "trigger_id": None, **more}
    session, sent = body["session_hash"], json.dumps(body)  # in ASCII: half a pair of characters stays one
    joined = web.post("/gradio_api/queue/join", content=sent, headers={"Content-Type": "application/json"})
    if joined.status_code != 200:
        return joined.status_code, joined.text
    said = []
    with web.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:"):
                said.append(line)
                if '"process_completed"' in line or '"close_stream"' in line:
                    break
    return 200, "\n".join(said)


def outputs(text):
    """The values of the last message of a call."""
    last = [json.loads(line[5:]) for line in text.splitlines() if "process_completed" in line][-1]
    return last["output"].get("data", [])


def functions(config):
    """Every function that runs on the server: (number, number of inputs)."""
    return [(d["id"], len(d["inputs"])) for d in config["dependencies"] if d["backend_fn"]]


def named(config, web, *, inputs, outputs):
    """Numbers of the functions with so many inputs and outputs."""
    return [
        d["id"] for d in config["dependencies"]
        if d["backend_fn"] and len(d["inputs"]) == inputs and len(d["outputs"]) == outputs
    ]  # fmt: skip


def forms(home: Path):
    """A file asked for in every form that Gradio reads as one."""
    paths = [
        "/etc/passwd", "/proc/self/environ", str(home / "tutor.db"), "../../../../../../etc/passwd",
        "pyproject.toml", "file:///etc/passwd", "http://127.0.0.1:1/x", "https://localhost/x.svg",
    ]  # fmt: skip
    for path in paths:
        whole = {"path": path, "url": path, "orig_name": "x", **FILE}
        yield from ({"path": path, **FILE}, whole, [whole], {"a": [{"b": whole}]}, [[[whole]], {"owner": whole}])


def test_no_function_takes_a_file_from_the_machine(app, web, config):
    found = functions(config)
    assert len(found) >= 30
    for fn, width in found:
        for form in forms(app.home):
            status, text = call(web, fn, [form] * width) if width else (400, "")
            assert status in REFUSED, (fn, form, status, text[:300])
    assert [p for p in app.cache.rglob("*") if p.is_file()] == []


def test_no_event_s_own_data_takes_a_file(app, web, config):
    for fn, width in functions(config):
        for event in ({"value": {"path": "/etc/passwd", **FILE}}, {"index": [0], "value": [{"path": "/etc/passwd"}]}):
            status, text = call(web, fn, [None] * width, event_data=event)
            assert status in REFUSED, (fn, text[:300])
    assert [p for p in app.cache.rglob("*") if p.is_file()] == []


def test_no_component_s_server_function_takes_a_file(app, web, config):
    ids = [c["id"] for c in config["components"]]
    names = {name for c in config["components"] for name in c.get("props", {}).get("server_fns", [])}
    assert names == {"passage"}
    for component in ids:
        for name in (*names, "ls", "preprocess", "postprocess", "move_resource_to_block_cache", "__init__"):
            body = {"component_id": component, "fn_name": name, "session_hash": "s", "data": {"path": "/etc/passwd", **FILE}}
            assert web.post("/gradio_api/component_server", json=body).status_code in REFUSED
    for target in ("/etc/passwd", "../../../etc/passwd@0-9", "\x00", "caching@0-99999999999999999999"):
        body = {"component_id": ids[0], "fn_name": "passage", "session_hash": "s", "data": target}
        for component in ids:
            answer = web.post("/gradio_api/component_server", json={**body, "component_id": component})
            assert "root:" not in answer.text


@pytest.mark.parametrize("path", [
    "/gradio_api/file=/etc/passwd", "/file=/etc/passwd", "/gradio_api/file//etc/passwd", "/gradio_api/file=http://127.0.0.1:1/",
    "/gradio_api/proxy=http://127.0.0.1:1/x", "/static/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
    "/assets/..%2f..%2f..%2fconfig.json", "/static/../../../../../../etc/passwd", "/svelte/..%2f..%2fetc/passwd",
    "/gradio_api/custom_component/1/client/component/style.css", "/openapi.json", "/docs", "/redoc",
    "/gradio_api/openapi.json", "/gradio_api/deep_link?session_hash=x", "/monitoring", "/monitoring/summary",
    "/gradio_api/runs", "/gradio_api/vibe-code", "/gradio_api/stream/a/b/1/playlist.m3u8", "/gradio_api/user",
    "/gradio_api/token", "/gradio_api/app_id", "/dev/reload", "/gradio_api/profiling/traces",
    "/gradio_api/upload_progress?upload_id=x",
    "/gradio_api/call/ask/x", "/gradio_api/mcp/sse", "/pwa_icon",
])  # fmt: skip
def test_what_the_page_does_not_need_is_not_there(web, path):
    answer = web.get(path)
    assert answer.status_code in {400, 404, 405} and "root:" not in answer.text, answer.text[:200]


@pytest.mark.parametrize("path", [
    "/gradio_api/upload", "/upload", "/gradio_api/upload/", "/gradio_api/run/predict", "/gradio_api/api/predict",
    "/run/predict", "/api/predict", "/gradio_api/call/ask", "/gradio_api/call/v2/ask", "/gradio_api/stream/x",
    "/gradio_api/process_recording", "/gradio_api/vibe-edit", "/gradio_api/vibe-code", "/login",
    "/gradio_api/run-history/connect",
])  # fmt: skip
def test_nothing_but_the_page_s_own_calls_is_taken(app, web, path):
    upload = web.post(path, files={"files": ("x.txt", b"x" * 5000)})
    asked = web.post(path, json={"fn_index": 0, "data": []})
    assert {upload.status_code, asked.status_code} <= {404, 405, 415}
    assert [p for p in app.cache.rglob("*") if p.is_file()] == []


def test_a_page_of_another_origin_can_neither_call_nor_read(app, web, config):
    port = app.url.rsplit(":", 1)[1]
    body = {"fn_index": 0, "data": [], "session_hash": "s"}
    foreign = ("http://localhost:9999", "http://127.0.0.1:9999", f"http://localhost:{port}", "https://evil.example", "null")
    for origin in foreign:
        for path in ("/config", "/", "/healthz", "/gradio_api/queue/data?session_hash=s"):
            answer = web.get(path, headers={"Origin": origin})
            assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers
        assert web.post("/gradio_api/queue/join", json=body, headers={"Origin": origin}).status_code == 403
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
        preflight = web.options("/gradio_api/queue/join", headers=asked)
        assert preflight.status_code in {403, 405} and "access-control-allow-origin" not in preflight.headers
    for site in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
        assert web.get("/config", headers=headers).status_code == 403
        assert web.post("/gradio_api/queue/join", json=body, headers={"Sec-Fetch-Site": site}).status_code == 403
        link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert web.get("/", headers=link).status_code == 200
        frame = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
        assert web.get("/", headers=frame).status_code == 403
    own = web.get("/config", headers={"Origin": app.url, "Sec-Fetch-Site": "same-origin"})
    assert own.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_a_body_that_a_form_could_send_is_refused(web, kind):
    headers = {"Content-Type": kind} if kind else {}
    answer = web.post("/gradio_api/queue/join", content=b'{"fn_index": 0, "data": []}', headers=headers)
    assert answer.status_code == 415


HOSTS = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0", "192.0.2.1", "a" * 4000, ""]


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_name_is_refused(web, host):
    assert web.get("/config", headers={"Host": host}).status_code in {400, 421}


def test_large_and_deep_bodies_are_refused(web):
    path, headers = "/gradio_api/queue/join", {"Content-Type": "application/json"}
    assert web.post(path, content=b'"' + b"x" * 1_100_000 + b'"', headers=headers).status_code == 413

    def chunks():
        for _ in range(40):
            yield b" " * 50_000

    assert web.post(path, content=chunks(), headers=headers).status_code == 413
    assert web.post(path, content=b"[" * 100_000 + b"]" * 100_000, headers=headers).status_code == 400
    deep = '{"fn_index":0,"session_hash":"s","data":[' + "[" * 500 + "]" * 500 + "]}"
    assert web.post(path, content=deep, headers=headers).status_code == 400
    assert web.post(path, content=b"\xff\xfe{", headers=headers).status_code == 400
    assert web.get("/healthz").status_code == 200


def test_a_body_that_lies_about_its_length_or_never_ends_is_refused(app):
    host, port = app.url.removeprefix("http://").split(":")
    head = f"POST /gradio_api/queue/join HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
    for length in ("999999999", "-1", "1e3"):
        with socket.create_connection((host, int(port)), timeout=10) as raw:
            raw.sendall(f"{head}Content-Length: {length}\r\n\r\n".encode() + b"{")
            assert raw.recv(200).split()[1] in {b"400", b"413"}


def test_a_request_whose_head_does_not_come_is_not_waited_for(app, web):
    host, port = app.url.removeprefix("http://").split(":")
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection((host, int(port)), timeout=30)) for _ in range(20)]
        for n, raw in enumerate(held):
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x"[: n * 2])
        began = time.monotonic()
        assert [raw.recv(1) for raw in held] == [b""] * 20
        assert time.monotonic() - began < 20
        assert web.get("/healthz").status_code == 200


def test_half_a_pair_of_characters_breaks_no_interview(app, web, config):
    owner, session, half = secrets.token_hex(16), secrets.token_hex(6), "Cache \ud800 x"
    by_name = {d["api_name"]: d["id"] for d in config["dependencies"]}
    seen = {"owner": owner, "conversation": None}
    call(web, by_name["restore"], [seen, seen], session_hash=session)
    _, text = call(web, by_name["begin"], ["cache-system", "mid", 45, seen], session_hash=session)
    seen["interview"] = outputs(text)[0]["interview"]
    for name, data in (("draw", [f"flowchart LR\n a[{half}] --> b", seen]), ("say", [half, seen]), ("note", [half, seen])):
        assert '"success":true' in call(web, by_name[name], data)[1], name
    _, text = call(web, by_name["restore"], [seen, seen], session_hash=session)
    assert '"success":true' in text and "Cache ?" in text


def test_forwarded_names_are_not_repeated(web):
    lies = {"X-Forwarded-Host": "evil.example", "X-Gradio-Server": "http://evil.example", "Forwarded": "host=evil.example"}
    for path in ("/", "/config", "/gradio_api/info"):
        assert "evil.example" not in web.get(path, headers=lies).text


def test_no_secret_stands_in_the_configuration(app, web, config):
    shown = json.dumps(config) + web.get("/").text
    assert "sk-attack-me" not in shown and str(app.home) not in shown
    held = app.home / "browser-secret"
    assert not held.exists() or held.read_text().strip() not in shown


def test_a_deep_link_is_not_followed(web):
    plain = web.get("/config").json()
    assert web.get("/config", params={"deep_link": "../../../../etc"}).json() == plain


ANSWER = Answer(id="a", question="Terminal secret", standalone_question="Terminal secret", status="answered", text="t")


def test_no_guessed_owner_is_served(app, web, config):
    """Whatever owner a caller makes up, the terminal's conversations are neither listed, exported, renamed nor deleted."""
    store = Store(f"sqlite:///{app.home / 'tutor.db'}")
    store.add_terminal_turn("study", ANSWER)
    asking = {d["id"] for d in config["dependencies"] if d["targets"] and d["targets"][0][1] in ("submit", "retry")}
    for owner in ("terminal", "None", "", "TERMINAL", "terminal ", None, ["terminal"], "' OR 1=1 --", "%", "0" * 31):
        seen = {"owner": owner, "conversation": terminal_id("study"), "interview": "x"}
        for dependency in config["dependencies"]:
            if not dependency["backend_fn"] or (dependency["id"] in asking and owner != "terminal"):
                continue
            data = [value_for(config, key, seen) for key in dependency["inputs"]]
            event = {"index": [0, 0], "value": "x", "liked": "Like", "_data": {"index": [0, 0], "value": "x", "liked": True}}
            _, text = call(web, dependency["id"], data, event_data=event)
            assert "Terminal secret" not in text and "study" not in text, (dependency["id"], owner)
    assert [text for _, text in store.terminal_history("study")] == ["t"]
    with sqlite3.connect(app.home / "tutor.db") as raw:
        assert raw.execute("select title from conversations where owner='terminal'").fetchall() == [("study",)]
        owners = {row[0] for row in raw.execute("select owner from conversations where owner != 'terminal'")}
        owners |= {row[0] for row in raw.execute("select owner from interviews")}
    assert all(len(owner) >= 32 and set(owner) <= set("0123456789abcdef") for owner in owners), owners


def value_for(config, key, seen):
    """What a caller would put into a component: the made-up owner where the browser's memory goes."""
    kind = next(c["type"] for c in config["components"] if c["id"] == key)
    return {"browserstate": seen, "state": None, "radio": seen["conversation"], "dropdown": None}.get(kind, "mine now")


def test_the_home_is_its_owner_s_alone(app):
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)  # noqa: E731
    assert mode(app.home) == 0o700
    held = [p for name in ("tutor.db", "tutor.db-wal", "tutor.db-shm", "browser-secret") if (p := app.home / name).exists()]
    assert app.home / "tutor.db" in held and all(mode(p) == 0o600 for p in held)
