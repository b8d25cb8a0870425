"""`tutor index` and `tutor warm`: make the guide searchable, and its prompts ready.

Does not know how an index is laid out.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from tutor.cli.main import Corpus, Json, app, reported, settings


def bar(label: str, done: int, total: int) -> None:
    """Draw a progress bar on stderr."""
    if not total:
        return
    filled = 30 * done // total
    end = "\n" if done >= total else ""
    sys.stderr.write(f"\r{label} [{'#' * filled}{'.' * (30 - filled)}] {done}/{total}{end}")
    sys.stderr.flush()


@app.command("index")
@reported
def index(
    corpus: Corpus = None,
    as_json: Json = False,
    rebuild: Annotated[bool, typer.Option(help="Throw the old index away first.")] = False,
) -> None:
    """Build the index, or bring it up to date."""
    from tutor.tutor import Tutor

    tutor = Tutor(settings(corpus))
    report = tutor.index(rebuild=rebuild, progress=bar)
    tutor.prepare_interviews(lambda done, total: bar("Preparing interviews", done, total))
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    typer.echo(
        f"{report.documents} documents, {report.sections} sections, {report.chunks} chunks: "
        f"{report.added} added, {report.removed} removed, {report.unchanged} unchanged "
        f"({report.seconds:.1f} s)"
    )


@app.command("warm")
@reported
def warm(corpus: Corpus = None) -> None:
    """Compile the prompt of every section, so that the model starts at once."""
    from tutor.tutor import Tutor

    tutor = Tutor(settings(corpus))
    try:
        count = tutor.warm(lambda done, total: bar("Compiling prompts", done, total))
    finally:
        tutor.close()
    typer.echo(f"{count} sections ready.")
