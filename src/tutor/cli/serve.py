"""`tutor serve`: the browser app. Does not know what a page looks like."""

from __future__ import annotations

import os
import sys
import threading
from typing import Annotated, Any

import typer

from tutor.cli.main import ENVIRONMENT, Corpus, app, echo, reported, settings
from tutor.errors import ConfigError, SessionError, TutorError


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
    """Serve until interrupted; the guide loads while the page is already up.

    Raises:
        SetupError: a setting, the address or the database cannot be used; nothing was started.
    """
    os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})
    chosen = settings(**flags)  # type: ignore[arg-type]
    from tutor.ui.door import listen

    with listen(chosen) as listener:
        from tutor.interview_store import InterviewStore  # noqa: F401  (its table is made with the others)
        from tutor.store import open_database
        from tutor.tutor import Tutor

        try:
            database = open_database(chosen)
        except SessionError as error:
            raise ConfigError(error.message, error.hint) from error
        if database.unkept:
            echo(database.unkept, err=True)
        tutor = Tutor(chosen, build_missing=True)
        try:
            from tutor.ui.app import serve as serve_app

            threading.Thread(target=load, args=(tutor,), daemon=True).start()
            serve_app(tutor, database, chosen, listener)
        finally:
            tutor.close()


def load(tutor: Any) -> None:
    """Load what questions need; what is wrong is told, and the page says it too."""
    for step in (tutor.load, tutor.model, tutor.prepare_interviews):
        try:
            step()
        except TutorError as error:
            echo(str(error), err=True)


def main() -> None:
    """`python app.py`: serve; an error is one line and an exit code."""
    try:
        reported(start)()
    except typer.Exit as ended:
        sys.exit(ended.exit_code)
