"""What every request and response passes before Gradio sees it, as plain ASGI.

The gate lets through what the page needs and nothing else: named routes with their parameters, our own origin, bounded
JSON without references to files. Does not know the app behind it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from tutor.ui.door import Names
from tutor.ui.login import COOKIE, Login, form

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:;"
    " frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    # Not `no-referrer`: with it a browser sends the login form under the origin `null`.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
PAGES: dict[str, set[str]] = {
    "/": {"__theme"}, "/config": set(), "/theme.css": {"v"}, "/gradio_api/theme.css": {"v"}, "/favicon.ico": set(),
    "/manifest.json": set(), "/robots.txt": set(), "/gradio_api/info": set(), "/healthz": set(),
    "/gradio_api/startup-events": set(), "/gradio_api/queue/data": {"session_hash"},
}  # fmt: skip
"""What may be read, with the parameters that are passed on."""
FOLDERS = ("/assets/", "/static/", "/gradio_api/heartbeat/")
CALLS: dict[str, set[str]] = {
    "/gradio_api/queue/join": {"data", "event_data", "fn_index", "session_hash", "trigger_id"},
    "/gradio_api/component_server": {"component_id", "data", "fn_name", "session_hash"},
    "/gradio_api/cancel": {"event_id", "fn_index", "session_hash"},
    "/gradio_api/reset": {"event_id", "fn_index", "session_hash"},
}
"""What may be called, with the fields that are passed on."""
FILE_KEYS = {"_type", "path"}
"""Gradio takes an object with these keys for a file and copies what it names; no component of ours takes one."""
DROPPED = (b"x-", b"forwarded", b"origin", b"cookie", b"authorization")
"""Headers that Gradio would repeat, obey or answer with; the origin is checked here and allowed nowhere else."""
MAX_BODY, MAX_LOGIN, MAX_DEPTH, MAX_WIDTH, BODY_TIMEOUT_S = 1_000_000, 4_000, 60, 10_000, 20.0
PLAIN, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
Receive = Callable[[], Awaitable[Any]]
Headers = dict[bytes, bytes]


class ContentPolicy:
    """Adds the security headers to each response."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
            await send(message)

        await self.app(scope, receive, with_headers)


class Refused(Exception):
    """A request that is answered at the gate."""

    def __init__(self, status: int, text: str, kind: str = PLAIN, headers: Headers | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.kind, self.headers = status, text, kind, headers or {}


class Gate:
    """Passes on what the page needs; answers everything else itself."""

    def __init__(self, app: Any, names: Names, login: Login | None) -> None:
        self.app, self.names, self.login = app, names, login

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing of ours speaks over a web socket
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            scope, receive = await self._passed(scope, receive)
        except Refused as refused:
            await answer(send, refused, scope["method"] == "HEAD")
            return
        await self.app(scope, receive, send)

    async def _passed(self, scope: Any, receive: Receive) -> tuple[Any, Receive]:
        """What is passed on.

        Raises:
            Refused: nothing is.
        """
        headers, method, path = Headers(scope["headers"]), scope["method"], scope["path"]
        client = (scope.get("client") or ("",))[0]
        self._host(headers, (scope.get("server") or ("",))[0], client)
        same_origin(headers, method, path)
        if self.login is not None and not self.login.known(text(headers, b"cookie")):
            await self._outside(method, path, headers, client, receive)
        elif self.login is not None and path == "/login":
            raise Refused(303, "You are in.", headers={b"location": b"/"})
        kept = [(k, v) for k, v in scope["headers"] if not k.startswith(DROPPED) or secure(k, v)]
        if method in ("GET", "HEAD"):
            allowed = parameters(path)
            query = fields_of(scope["query_string"])
            passed = urlencode([(key, value) for key, value in query if key in allowed]).encode()
            return {**scope, "headers": kept, "query_string": passed}, receive
        if method != "POST":
            raise Refused(405, "Not allowed.")
        fields = CALLS.get(path.rstrip("/"))
        if fields is None:
            raise Refused(404, "Not found.")
        body = clean(await read_json(headers, receive), fields)
        kept = [(k, v) for k, v in kept if k not in (b"content-length", b"transfer-encoding")]
        kept.append((b"content-length", str(len(body)).encode()))
        return {**scope, "headers": kept, "query_string": b""}, replayed(body, receive)

    def _host(self, headers: Headers, server: str, client: str) -> None:
        host = text(headers, b"host")
        if not self.names.answers(host, server, client):
            raise Refused(
                400, "Invalid host header: Tutor does not answer to this name. TUTOR_ALLOWED_HOSTS can add it."
            )

    async def _outside(self, method: str, path: str, headers: Headers, client: str, receive: Receive) -> None:
        """What somebody without a login may do: log in, and see that the app is alive. Always raises `Refused`."""
        assert self.login is not None
        if path == "/healthz" and method in ("GET", "HEAD"):
            raise Refused(200, '{"alive":true}', "application/json")
        if path == "/login" and method in ("GET", "HEAD"):
            raise Refused(200, form(), HTML)
        if path == "/" and method in ("GET", "HEAD"):
            raise Refused(303, "Log in first.", headers={b"location": b"/login"})
        if path != "/login" or method != "POST":
            raise Refused(401, "Log in first.")
        if text(headers, b"content-type").split(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            raise Refused(415, "Send the form.")
        sent = dict(reversed(fields_of(await read(headers, receive, MAX_LOGIN))))
        if self.login.waits(client):  # after the body has come: what waits for it would not be counted
            raise Refused(429, form("Too many tries. Wait a minute."), HTML, {b"retry-after": b"60"})
        value = self.login.enter(client, sent.get("password", ""))
        if not value:
            raise Refused(401, form("That is not the password."), HTML)
        https = "; Secure" if text(headers, b"x-forwarded-proto") == "https" else ""
        cookie = f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict{https}"
        raise Refused(303, "Welcome.", headers={b"location": b"/", b"set-cookie": cookie.encode()})


def fields_of(form: bytes) -> list[tuple[str, str]]:
    """The names and values of a query or a form.

    Raises:
        Refused: there are more than any page of ours sends.
    """
    try:
        return parse_qsl(form.decode("latin-1"), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise Refused(400, "Too many fields.") from None


def text(headers: Headers, name: bytes) -> str:
    """One header; empty where it is missing."""
    return headers.get(name, b"").decode("latin-1")


def secure(name: bytes, value: bytes) -> bool:
    """Whether a header is the word of a proxy that it speaks TLS: the one forwarded header that is believed."""
    return name == b"x-forwarded-proto" and value == b"https"


def same_origin(headers: Headers, method: str, path: str) -> None:
    """Requests of other pages are refused, of another port of this machine too; a link to the page is not.

    Raises:
        Refused: another origin sent it.
    """
    origin, host = headers.get(b"origin"), headers.get(b"host", b"")
    if origin is not None and origin.lower() not in (b"http://" + host.lower(), b"https://" + host.lower()):
        raise Refused(403, "Another page sent this request.")
    site = text(headers, b"sec-fetch-site")
    if site in ("", "same-origin", "none"):
        return
    opened = text(headers, b"sec-fetch-mode") == "navigate" and text(headers, b"sec-fetch-dest") == "document"
    if not (opened and method == "GET" and path in ("/", "/login")):
        raise Refused(403, "Another page sent this request.")


def parameters(path: str) -> set[str]:
    """The parameters that a readable route takes.

    Raises:
        Refused: there is no such route.
    """
    if path in PAGES:
        return PAGES[path]
    inside = path.startswith(FOLDERS) and not any(part in ("..", ".", "") for part in path.split("/")[1:])
    if not inside or "\\" in path or "\0" in path or "%" in path:
        raise Refused(404, "Not found.")
    return set()


async def read(headers: Headers, receive: Receive, limit: int) -> bytes:
    """A whole body of at most `limit` bytes, however it is sent.

    Raises:
        Refused: it is larger, or does not come to an end.
    """
    length = text(headers, b"content-length")
    if length.isdigit() and int(length) > limit:
        raise Refused(413, "Too large.", headers={b"connection": b"close"})
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "Cut off.")
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > limit:
                    raise Refused(413, "Too large.", headers={b"connection": b"close"})
    except TimeoutError:
        raise Refused(408, "Too slow.", headers={b"connection": b"close"}) from None
    return bytes(body)


async def read_json(headers: Headers, receive: Receive) -> Any:
    """The JSON of a body.

    Raises:
        Refused: it is not JSON, or too large.
    """
    if text(headers, b"content-type").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, "Only JSON is taken.")
    try:
        return json.loads(await read(headers, receive, MAX_BODY))
    except (ValueError, RecursionError):
        raise Refused(400, "Not JSON.") from None


def clean(sent: Any, fields: set[str]) -> bytes:
    """The known fields, written anew, so that Gradio's parser sees what was checked.

    Raises:
        Refused: something in it names a file, or it is nested too deep.
    """
    if not isinstance(sent, dict):
        raise Refused(400, "Not an object.")
    kept = {key: value for key, value in sent.items() if key in fields}
    layer: list[Any] = [kept]
    for _ in range(MAX_DEPTH):
        if any(isinstance(value, dict) and not FILE_KEYS.isdisjoint(value) for value in layer):
            raise Refused(400, "Files are not taken.")
        layer = [
            inner
            for value in layer
            if isinstance(value, (dict, list))
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, (dict, list))
        ]
        if len(layer) > MAX_WIDTH:
            raise Refused(400, "Too many parts.")
        if not layer:  # half of a pair of characters would break every answer that repeats it
            return json.dumps(kept, ensure_ascii=False).encode("utf-8", "replace")
    raise Refused(400, "Nested too deep.")


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once and then whatever else comes."""
    given = False

    async def again() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


async def answer(send: Any, refused: Refused, bodiless: bool) -> None:
    """Send an answer of the gate."""
    body = refused.text.encode()
    headers = [
        (b"content-type", refused.kind.encode()), (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"), *refused.headers.items(),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if bodiless else body})
