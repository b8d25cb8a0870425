"""The web application around the page: host check, content policy, health, serving.

Does not know what is on the page.
"""

from __future__ import annotations

import logging
import secrets
import socket
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from tutor.errors import ConfigError
from tutor.interview_store import InterviewStore
from tutor.settings import Settings
from tutor.store import Store, database_url
from tutor.tutor import Tutor
from tutor.ui import theme
from tutor.ui.page import ChatPage
from tutor.ui.security import ContentPolicy

log = logging.getLogger(__name__)


def browser_secret(home: Path) -> str:
    """The key of what browsers store; made once, so that a restart does not lose conversations."""
    file = home / "browser-secret"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
    return file.read_text().strip()


def build_app(tutor: Tutor, store: Store, settings: Settings) -> FastAPI:
    """The application, ready to be served."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    def healthz() -> dict[str, Any]:
        """Alive, and whether questions can be answered yet."""
        return {"ready": tutor.ready() is None, "status": tutor.ready() or "ready"}

    interviews = InterviewStore(database_url(settings))
    blocks = ChatPage(tutor, store, interviews, browser_secret(settings.home)).build()
    blocks.queue(max_size=16, default_concurrency_limit=4)
    mounted = gr.mount_gradio_app(
        app, blocks, path="/", theme=theme.theme(), css=theme.css(), head=theme.HEAD,
        footer_links=[], run_history=False, show_error=False, max_file_size="100kb",
        ssr_mode=False, pwa=False,
    )  # fmt: skip
    extra = [host.strip() for host in settings.allowed_hosts.split(",") if host.strip()]
    mounted.add_middleware(ContentPolicy)
    mounted.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", *extra])
    served: FastAPI = mounted
    return served


def serve(tutor: Tutor, store: Store, settings: Settings) -> None:
    """Serve until interrupted; prints the address.

    Raises:
        ConfigError: the port is taken or the address is not this machine's.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"{settings.host}:{settings.port} cannot be used: {error.strerror}.",
            "Set TUTOR_PORT to another port; 0 picks a free one.",
        ) from error
    listener.listen(128)
    app = build_app(tutor, store, settings)
    port = listener.getsockname()[1]
    print(f"Tutor is at http://{settings.host}:{port}  (Ctrl-C stops it)", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    server.run(sockets=[listener])
