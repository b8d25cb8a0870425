"""`tutor serve`: the browser app. Does not know what a page looks like."""

from __future__ import annotations

import os
import threading
from typing import Annotated

import typer

from tutor.cli.main import ENVIRONMENT, Corpus, app, reported, settings
from tutor.errors import TutorError


@app.command("serve")
@reported
def serve(
    corpus: Corpus = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks one.")] = None,
) -> None:
    """Serve the browser app on this machine."""
    start(corpus=corpus, host=host, port=port)


def start(**flags: object) -> None:
    """Serve until interrupted; the guide loads while the page is already up."""
    os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})
    chosen = settings(**flags)  # type: ignore[arg-type]
    from tutor.store import Store, database_url
    from tutor.tutor import Tutor
    from tutor.ui.app import serve as serve_app

    tutor = Tutor(chosen, build_missing=True)

    def load() -> None:
        for step in (tutor.load, tutor.model, tutor.prepare_interviews):
            try:
                step()
            except TutorError as error:
                typer.echo(str(error), err=True)

    threading.Thread(target=load, daemon=True).start()
    try:
        serve_app(tutor, Store(database_url(chosen)), chosen)
    finally:
        tutor.close()
