"""The `tutor` command and what all verbs share: settings, errors, exit codes, logs.

Does not know what a verb does.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer

from tutor import __version__
from tutor.errors import ConfigError, SetupError, TutorError
from tutor.home import make_private
from tutor.settings import Settings, load_settings

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "ANONYMIZED_TELEMETRY": "False",
    "OTEL_SDK_DISABLED": "true", "TOKENIZERS_PARALLELISM": "false", "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SHARE": "False", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
"""What keeps the libraries from calling out, and NumPy's threads from fighting torch's (it doubled the
time of a search); set before any of them is imported."""

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
OS_REMEDY = "Check that it exists, that you may use it, and that its disk has room."
P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Prepare for system design interviews on your own machine.",
)  # fmt: skip

Corpus = Annotated[Path | None, typer.Option("--corpus", help="Answer from this folder of Markdown.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def settings(corpus: Path | None = None, **flags: Any) -> Settings:
    """The settings with this command's flags on top; the home is made, or made private."""
    chosen = load_settings(corpus=corpus, **flags)
    make_private(chosen.home)
    return chosen


def reported(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into a message and exit code: 2 where the reader can fix it, else 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except TutorError as error:
            echo(str(error), err=True)
            raise typer.Exit(2 if isinstance(error, SetupError) else 1) from error
        except OSError as error:
            echo(f"{error.strerror or error}: {error.filename or 'a file or address'}. {OS_REMEDY}", err=True)
            raise typer.Exit(2) from error

    return run


def echo(text: str, *, err: bool = False) -> None:
    """Print text of others: what would move a terminal's cursor, set its title or fill a clipboard is a mark."""
    typer.echo(CONTROL.sub("\ufffd", text), err=err)


def lines_of(stream: Iterable[str], *keys: str) -> Iterator[dict[str, Any]]:
    """The JSON objects of an input, one per line; blank lines are passed over.

    Raises:
        ConfigError: a line is not an object, or lacks one of the keys.
    """
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict) or any(key not in entry for key in keys):
            wanted = ", ".join(f'"{key}"' for key in keys)
            raise ConfigError(
                f"Line {number} of the input is not an object with {wanted}.", line.strip()[:120]
            )
        yield entry


def print_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        typer.echo(f"tutor {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Prepare for system design interviews on your own machine."""


def run() -> None:
    """Entry point of the `tutor` command."""
    os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})
    level = logging.DEBUG if "--verbose" in sys.argv else logging.WARNING
    sys.argv = [argument for argument in sys.argv if argument != "--verbose"]
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("bm25s", "httpx", "chromadb", "sentence_transformers", "transformers"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    from tutor.cli import ask, doctor, eval, index, interview, models, search, serve, verify  # noqa: F401

    app()
