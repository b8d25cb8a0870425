"""The web application around the page: gate, content policy, health, serving.

Does not know what is on the page.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import gradio as gr
import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from tutor.interview_store import InterviewStore
from tutor.settings import Settings
from tutor.store import Database, Store
from tutor.tutor import Tutor
from tutor.ui import theme
from tutor.ui.door import Names, printed
from tutor.ui.login import Login
from tutor.ui.page import ChatPage
from tutor.ui.security import ContentPolicy, Gate

log = logging.getLogger(__name__)
HEAD_TIMEOUT_S = 10.0


def build_app(tutor: Tutor, database: Database, settings: Settings, bound: str = "127.0.0.1") -> FastAPI:
    """The application, ready to be served at the address `bound`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """Alive, and whether questions can be answered yet."""
        return {"ready": tutor.ready() is None, "status": tutor.ready() or "ready"}

    blocks = ChatPage(tutor, Store(database), InterviewStore(database)).build()
    blocks.queue(max_size=16, default_concurrency_limit=4)
    served: FastAPI = mounted(app, blocks)
    password = settings.password.get_secret_value()
    names = Names(bound, settings.allowed_hosts.split(","))
    served.add_middleware(Gate, names=names, login=Login(password) if password else None)
    served.add_middleware(ContentPolicy)
    return served


def mounted(app: FastAPI, blocks: Any) -> Any:
    """The page within the application."""
    made = gr.mount_gradio_app(
        app, blocks, path="/", theme=theme.theme(), css=theme.css(), head=theme.HEAD,
        footer_links=[], run_history=False, show_error=False, max_file_size="100kb",
        ssr_mode=False, pwa=False,
    )  # fmt: skip
    # Gradio 6.31 checks which files a caller may name only in a page that was launched, and takes a mounted one for
    # not launched: any file of the machine would be copied and served (`processing_utils._check_allowed`).
    blocks.has_launched = True
    return made


class Connection(H11Protocol):
    """A connection that is closed when a request's head does not come: anybody could hold all of them open."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting while the head is not whole; uvicorn itself waits between requests, and the gate for bodies."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def serve(tutor: Tutor, database: Database, settings: Settings, listener: socket.socket) -> None:
    """Serve on a listening socket until interrupted; prints the address."""
    app = build_app(tutor, database, settings, listener.getsockname()[0])
    print(f"Tutor is at {printed(listener)}  (Ctrl-C stops it)", flush=True)
    # A proxy's headers are not believed: whom a request comes from decides what it may do. h11 bounds their size.
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=2, proxy_headers=False, server_header=False, http=Connection
    )
    uvicorn.Server(config).run(sockets=[listener])
