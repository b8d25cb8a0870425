"""One password for everybody, where others than this machine can reach the app.

Does not know what it guards. What a browser holds afterwards is a signed expiry date, so that several replicas with
the same password know it; nothing is kept but failed tries.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import secrets
import time
from collections import defaultdict, deque

COOKIE = "tutor-login"
LASTS_S = 7 * 24 * 3600
TRIES, ALL_TRIES, WINDOW_S = 5, 100, 60.0
"""Wrong passwords within the window: from one address, from all of them."""
FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tutor</title>
<meta name="viewport" content="width=device-width"><style>body{font:1rem/1.5 system-ui,sans-serif;display:grid;
place-content:center;min-height:90vh;margin:0 1rem;color-scheme:light dark}form{display:grid;gap:.6rem}
input,button{font:inherit;padding:.5rem .7rem}p{color:#c22;margin:0}</style></head>
<body><form method="post" action="/login"><h1>Tutor</h1>%s<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Enter</button></form></body></html>"""


class Login:
    """Checks the password and what a browser shows afterwards."""

    def __init__(self, password: str) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        # Slow on purpose: whoever holds a cookie could otherwise try passwords against its signature.
        self._key = hashlib.scrypt(password.encode(), salt=b"tutor login", n=2**14, r=8, p=1)
        self._wrong: defaultdict[str, deque[float]] = defaultdict(deque)
        self._all: deque[float] = deque()

    def known(self, cookies: str) -> bool:
        """Whether a `Cookie` header holds a login that has not expired."""
        # Not `http.cookies`: what it does with a quoted value takes time by the square of its length.
        pairs = (part.strip().partition("=") for part in cookies.split(";"))
        return any(self._good(value) for name, _, value in pairs if name == COOKIE)

    def _good(self, value: str) -> bool:
        """Whether one cookie is a login; another server on this host name may have set one of the same name."""
        expires, _, rest = value.partition(".")
        nonce, _, signature = rest.partition(".")
        right = hmac.compare_digest(signature.encode(), self._signature(expires, nonce).encode())
        return right and expires.isdigit() and int(expires) > time.time()

    def waits(self, client: str) -> bool:
        """Whether there were too many wrong passwords of late, from this address or in all."""
        late = time.monotonic() - WINDOW_S
        for times in (self._all, self._wrong.get(network(client), deque())):
            while times and times[0] < late:
                times.popleft()
        self._wrong = defaultdict(deque, {key: times for key, times in self._wrong.items() if times})
        return len(self._all) >= ALL_TRIES or len(self._wrong.get(network(client), ())) >= TRIES

    def enter(self, client: str, password: str) -> str:
        """The cookie's value where the password is right; else nothing, and the try counts."""
        given = hashlib.sha256(password.encode("utf-8", "replace")).digest()
        if not hmac.compare_digest(given, self._digest):
            self._wrong[network(client)].append(time.monotonic())
            self._all.append(time.monotonic())
            return ""
        expires, nonce = str(int(time.time()) + LASTS_S), secrets.token_hex(8)
        return f"{expires}.{nonce}.{self._signature(expires, nonce)}"

    def _signature(self, expires: str, nonce: str) -> str:
        return hmac.new(self._key, f"{expires}.{nonce}".encode(), "sha256").hexdigest()


def network(client: str) -> str:
    """What counts as one address: an IPv6 network of 64 bits belongs to one household."""
    try:
        parsed = ipaddress.ip_address(client.split("%")[0])
    except ValueError:
        return client
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else client


def form(error: str = "") -> str:
    """The page that asks for the password."""
    return FORM % (f'<p role="alert">{html.escape(error)}</p>' if error else "")
