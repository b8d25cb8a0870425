"""The gate, the names it answers to, the login, and what may be set where."""

import asyncio
import json
import stat
import time

import pytest

from tutor.cli.ask import show
from tutor.cli.main import echo
from tutor.errors import ConfigError, ModelCorrupt, SessionError
from tutor.home import make_private
from tutor.schema import (
    Answer,
    Citation,
    Degraded,
    Extracted,
    ExtractSentence,
    Finished,
    NotCovered,
    Rewritten,
)
from tutor.settings import ANYWHERE, PROJECT, load_settings, masked
from tutor.store import Store, is_owner, new_owner, open_database, terminal_id
from tutor.ui.door import Names, is_loopback, listen
from tutor.ui.login import ALL_TRIES, TRIES, Login
from tutor.ui.security import ContentPolicy, Gate

PASSWORD = "correct horse"
JSON = {"Content-Type": "application/json"}


async def behind(scope, receive, send):
    """An app that tells what reached it."""
    body = await receive()
    said = {"path": scope["path"], "query": scope["query_string"].decode(), "body": body.get("body", b"").decode()}
    said["headers"] = [k.decode() for k, _ in scope["headers"]]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


def request(gate, method="GET", path="/", headers=(), body=b"", client="127.0.0.1", server="127.0.0.1", query=b""):
    """One request through the gate; (status, headers, body)."""
    sent = []
    held = {b"host": f"{server}:7860".encode(), **{k.lower().encode(): v.encode() for k, v in dict(headers).items()}}
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query, "headers": list(held.items()),
        "client": (client, 5), "server": (server, 7860),
    }  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(ContentPolicy(gate)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


def gate(bound="127.0.0.1", extra=(), password=""):
    return Gate(behind, Names(bound, extra), Login(password) if password else None)


def enter(inside, password, client="192.0.2.9", **headers):
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    return request(inside, "POST", "/login", form, f"password={password}".replace(" ", "+").encode(), client, "192.0.2.1")


def test_what_passes_carries_no_foreign_header_or_parameter():
    lies = {"X-Forwarded-Host": "evil", "X-Gradio-Server": "evil", "Cookie": "a=b", "Authorization": "x", "Forwarded": "x"}
    _, headers, body = request(gate(), headers={**lies, "Accept": "x"}, query=b"deep_link=../x&__theme=dark")
    said = json.loads(body)
    assert said["headers"] == ["host", "accept"] and said["query"] == "__theme=dark"
    assert b"default-src 'self'" in headers[b"content-security-policy"]


def test_gradio_s_parser_sees_only_what_was_checked():
    sent = b'{"fn_index": 1, "data": [{"a": 1, "a": 2}], "batched": true, "request": {}, "data": ["\\ud800", NaN]}'
    status, _, body = request(gate(), "POST", "/gradio_api/queue/join", {"Content-Type": "application/json"}, sent)
    assert status == 200
    assert set(json.loads(json.loads(body)["body"])) == {"fn_index", "data"}
    twice = b'{"fn_index": 1, "data": [{"path": "/etc/passwd", "pat\\u0068": "x", "\\u005ftype": 1}]}'
    assert request(gate(), "POST", "/gradio_api/queue/join", {"Content-Type": "application/json"}, twice)[0] == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused(method):
    assert request(gate(), method, "/gradio_api/queue/join")[0] == 405


def test_a_web_socket_is_closed():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(gate()({"type": "websocket", "path": "/", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_names_on_this_machine_alone():
    names = Names("127.0.0.1", ["tutor.example"])
    for host in ("127.0.0.1:7860", "localhost", "LOCALHOST:1", "[::1]:7860", "tutor.example", "127.0.0.1"):
        assert names.answers(host, "127.0.0.1", "127.0.0.1"), host
    for host in ("evil.example", "localhost.evil", "", "192.0.2.1", "127.0.0.1.evil.example", "a:b:c"):
        assert not names.answers(host, "127.0.0.1", "127.0.0.1"), host


def test_names_where_others_reach_it():
    names = Names("0.0.0.0", [])
    assert names.answers("192.0.2.1:7860", "192.0.2.1", "192.0.2.9")  # the printed address
    assert names.answers("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.9")
    assert names.answers("localhost:7860", "127.0.0.1", "127.0.0.1")  # from this machine itself
    for host in ("localhost", "localhost:7860", "127.0.0.1", "0.0.0.0", "192.0.2.2", "evil.example", "[::1]"):
        assert not names.answers(host, "192.0.2.1", "192.0.2.9"), host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0"])
def test_without_a_password_only_this_machine_is_served(host, tmp_path):
    with pytest.raises(ConfigError, match="no password"):
        listen(load_settings(home=tmp_path, host=host, port=0))
    with listen(load_settings(home=tmp_path, host=host, port=0, password=PASSWORD)) as listener:
        assert not is_loopback(listener.getsockname()[0])
    with listen(load_settings(home=tmp_path, port=0)) as listener:
        assert is_loopback(listener.getsockname()[0])


def test_nothing_is_served_before_the_login_but_a_sign_of_life():
    inside = gate("0.0.0.0", password=PASSWORD)
    seen = {"client": "192.0.2.9", "server": "192.0.2.1"}
    assert request(inside, path="/healthz", **seen)[2] == '{"alive":true}'
    assert request(inside, path="/", **seen)[0] == 303
    for path in ("/config", "/assets/x.js", "/gradio_api/queue/data", "/gradio_api/heartbeat/x", "/theme.css", "/nothing"):
        assert request(inside, path=path, **seen)[0] == 401
    for path in ("/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/upload", "/"):
        sent = request(inside, "POST", path, {"Content-Type": "application/json"}, b'{"data": []}', **seen)
        assert sent[0] == 401
    for value in ("", "9999999999.x.y", "a", '"\\000"', "²²²²²²²²²².a.b"):
        assert request(inside, path="/config", headers={"Cookie": f"tutor-login={value}"}, **seen)[0] == 401


def test_the_right_password_lets_in_with_a_cookie_that_scripts_and_others_do_not_get():
    inside = gate("0.0.0.0", password=PASSWORD)
    status, headers, _ = enter(inside, PASSWORD)
    cookie = headers[b"set-cookie"].decode()
    assert status == 303 and "HttpOnly" in cookie and "SameSite=Strict" in cookie and PASSWORD not in cookie
    held = {"Cookie": cookie.split(";")[0]}
    assert request(inside, path="/config", headers=held, client="192.0.2.9", server="192.0.2.1")[0] == 200
    other = gate("0.0.0.0", password="another horse")
    assert request(other, path="/config", headers=held, client="192.0.2.9", server="192.0.2.1")[0] == 401
    assert "Secure" in enter(inside, PASSWORD, **{"X-Forwarded-Proto": "https"})[1][b"set-cookie"].decode()


def test_a_login_expires(monkeypatch):
    login = Login(PASSWORD)
    value = login.enter("192.0.2.9", PASSWORD)
    assert login.known(f"a=b; tutor-login={value}")
    late = __import__("time").time() + 8 * 24 * 3600
    monkeypatch.setattr("tutor.ui.login.time.time", lambda: late)
    assert not login.known(f"tutor-login={value}")
    assert not login.known(f"tutor-login={int(late) + 999}.{value.split('.', 1)[1]}")


@pytest.mark.parametrize("piece", ["\\", '\\"', "\\101", "a=b;", 'a="', "tutor-login=x;", " ", "tutor-login=;"])
def test_no_cookie_takes_long_to_read(piece):
    login = Login(PASSWORD)
    began = time.perf_counter()
    for cookie in (f'tutor-login="{piece * (60_000 // len(piece))}"', piece * (60_000 // len(piece))):
        assert not login.known(cookie)
    assert time.perf_counter() - began < 0.5


def test_a_cookie_that_another_server_set_locks_nobody_out():
    login = Login(PASSWORD)
    value = login.enter("192.0.2.9", PASSWORD)
    assert login.known(f"tutor-login={value}; tutor-login=x") and login.known(f"tutor-login=x; tutor-login={value}")
    assert not login.known(f"tutor-login-x={value}; x-tutor-login={value}; Tutor-Login={value}")


def test_too_many_fields_are_refused():
    assert request(gate(), query=b"__theme=dark&" + b"a=1&" * 60)[0] == 400
    inside = gate("0.0.0.0", password=PASSWORD)
    assert enter(inside, "x" + "&a=1" * 60)[0] == 400
    assert enter(inside, "wrong&password=" + PASSWORD)[0] == 401


def test_halves_of_pairs_do_not_pass_and_other_characters_do():
    sent = json.dumps({"data": ["a\ud800b", {"\udfff": "\U0001f600 \u7cfb\u7edf"}]}).encode()
    passed = json.loads(request(gate(), "POST", "/gradio_api/queue/join", JSON, sent)[2])["body"]
    assert json.loads(passed)["data"] == ["a?b", {"?": "\U0001f600 \u7cfb\u7edf"}]


def test_wide_bodies_are_refused():
    wide = b'{"data": [' + b"[]," * 20_000 + b"[]]}"
    assert request(gate(), "POST", "/gradio_api/queue/join", JSON, wide)[0] == 400


def test_a_page_that_opens_ours_gets_no_hold_of_its_window():
    assert request(gate())[1][b"cross-origin-opener-policy"] == b"same-origin"


@pytest.mark.parametrize("character", ["\x1b]52;c;eA==\x07", "\x1b[2J", "\x9b31m", "\x7f", "\r", "\x08", "\0"])
def test_no_text_of_others_moves_the_terminal(character, capsys):
    text = f"A cache{character} keeps copies."
    cited = Citation(1, f"id{character}", f"Caching{character}", f"a{character}.md", 0, 9, text)
    show(iter([Rewritten(text, changed=True), NotCovered(text, ()), Extracted((ExtractSentence(text, 1),), (cited,)),
               Degraded(text), Finished(Answer(id="a", question=text, standalone_question=text, status="answered",
                                               text=text, citations=(cited,), suggestions=(text,)))]))  # fmt: skip
    echo(text, err=True)
    said = capsys.readouterr()
    assert said.out.count("keeps copies.") == 5 and "keeps copies." in said.err
    assert not [c for c in said.out + said.err if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]


def test_tries_are_bounded_for_one_address_and_for_all():
    inside = gate("0.0.0.0", password=PASSWORD)
    assert [enter(inside, "wrong")[0] for _ in range(TRIES)] == [401] * TRIES
    assert enter(inside, PASSWORD)[0] == 429  # even the right one, for a minute
    assert enter(inside, PASSWORD, client="192.0.2.10")[0] == 303
    for n in range(ALL_TRIES - TRIES):
        enter(inside, "wrong", client=f"198.51.100.{n}")
    assert enter(inside, PASSWORD, client="203.0.113.1")[0] == 429


def test_another_page_cannot_send_the_login_form():
    inside = gate("0.0.0.0", password=PASSWORD)
    assert enter(inside, PASSWORD, Origin="http://evil.example")[0] == 403
    assert enter(inside, PASSWORD, **{"Sec-Fetch-Site": "same-site"})[0] == 403
    assert enter(inside, "x" * 5000)[0] == 413


def test_gradio_s_own_check_is_on(tmp_path):
    """Behind the gate too, a function takes no file that was not uploaded: the cause of the disclosure, at its root."""
    import gradio as gr
    from fastapi import FastAPI
    from gradio.context import LocalContext
    from gradio.exceptions import InvalidPathError

    from tutor.ui.app import mounted

    with gr.Blocks() as blocks:
        box = gr.BrowserState({})
        box.change(lambda value: value, [box], [box])
    mounted(FastAPI(), blocks)
    LocalContext.blocks.set(blocks)
    asked = [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]
    with pytest.raises(InvalidPathError):
        asyncio.run(blocks.preprocess_data(next(iter(blocks.fns.values())), asked, None))


def test_owners_are_drawn_and_made_up_ones_refused(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    assert len({new_owner() for _ in range(100)}) == 100 and is_owner(new_owner())
    for owner in ("terminal", "", "None", "me", "%", "0" * 31, "0" * 33, "g" * 32, "A" * 32, "0" * 32 + "\n"):
        assert not is_owner(owner)
        with pytest.raises(SessionError):
            store.conversations(owner)
    for value in (None, 1, ["terminal"], {"a": 1}):
        assert not is_owner(value)


def test_a_terminal_conversation_s_id_cannot_be_taken_beforehand(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    answer = {"question": "q", "standalone_question": "q", "text": "t"}
    for wanted in (terminal_id("study"), "x" * 32, "' OR 1", "0" * 10_000):
        made, _ = store.add_turn(new_owner(), wanted, answer)
        assert made != wanted


def test_the_home_is_made_and_mended_for_its_owner_alone(tmp_path):
    mode = lambda path: stat.S_IMODE(path.stat().st_mode)  # noqa: E731
    home = tmp_path / "a" / "home"
    open_database(load_settings(home=home)).engine.dispose()
    assert mode(home) == 0o700 and mode(home / "tutor.db") == 0o600
    home.chmod(0o755)
    (home / "tutor.db").chmod(0o644)
    make_private(home)
    assert mode(home) == 0o700 and mode(home / "tutor.db") == 0o600
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)  # such as /tmp: not ours to close
    make_private(shared)
    assert mode(shared) == 0o1777


@pytest.mark.parametrize(("url", "shown"), [
    ("", ""), ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"), ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
    ("postgresql://ada@h/db", "postgresql://ada@h/db"), ("postgresql://ada:p@h/db", "postgresql://ada:********@h/db"),
    ("postgresql://ada:p#a/s?s@w@h/db", "postgresql://ada:********@h/db"), ("https://sk-1@h/v1", "https://********@h/v1"),
    ("http://h/v1?a=1&api_key=2&b=3", "http://h/v1?a=1&api_key=********&b=3"),
    ("postgresql://h/db?user=a&password=b", "postgresql://h/db?user=a&password=********"),
    ("ada:p@h:8000", "ada:********@h:8000"), ("postgresql:ada:p@h", "postgresql:********@h"), ("sk-1@h", "********@h"),
])  # fmt: skip
def test_passwords_in_addresses_are_masked(url, shown):
    assert masked(url) == shown


def test_the_current_folder_sets_only_what_is_harmless(tmp_path, monkeypatch):
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir(), home.mkdir()
    monkeypatch.chdir(here)
    (home / "tutor.toml").write_text('llm_base_url = "http://127.0.0.1:1/v1"\nport = 1\n')
    (here / "tutor.toml").write_text("port = 2\n")
    found = load_settings(home=home)
    assert found.llm_base_url == "http://127.0.0.1:1/v1" and found.port == 2
    monkeypatch.setenv("TUTOR_HOME", str(home))
    assert load_settings().llm_base_url == "http://127.0.0.1:1/v1"
    (here / "tutor.toml").write_text('llm_base_url = "http://evil.example/v1"\n')
    with pytest.raises(ConfigError, match="any folder could"):
        load_settings()
    monkeypatch.chdir(home)
    assert load_settings().port == 1


def test_a_wrong_setting_is_told_without_its_value():
    with pytest.raises(ConfigError) as raised:
        load_settings(password="hush")
    assert "hush" not in str(raised.value) and "TUTOR_PASSWORD" in str(raised.value)
    assert "hushhush" not in repr(load_settings(password="hushhush"))


def test_what_is_read_beside_the_weights_is_checked_too(tmp_path, monkeypatch):
    from tutor import models

    settings = load_settings(home=tmp_path)
    weights = models.place("embedding", settings)
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    models.write_stamp(weights)
    (weights.parent / "README.md").write_text("not read")
    files = {}
    for name in ("modules.json", "tokenizer.json"):
        (weights.parent / name).write_text("{}")
        files[name] = models.digest(weights.parent / name)
    monkeypatch.setitem(models.FILES, "embedding", files)
    assert models.resolve("embedding", settings) == weights.parent
    for change in (
        lambda: (weights.parent / "tokenizer.json").write_text("[]"),
        lambda: (weights.parent / "tokenizer.json").unlink(),
        lambda: [(weights.parent / "tokenizer.json").write_text("{}"), (weights.parent / "code.py").write_text("")],
    ):
        change()
        with pytest.raises(ModelCorrupt):
            models.resolve("embedding", settings)


def test_the_documents_say_what_the_current_folder_may_set():
    for name in ("README.md", "docs/security.md"):
        text = (PROJECT / name).read_text(encoding="utf-8")
        assert all(f"`{setting}`" in text for setting in ANYWHERE), name
