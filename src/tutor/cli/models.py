"""`tutor models`: fetch, list and check the model files. Does not know where they come from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tutor import models as library
from tutor.cli.index import bar
from tutor.cli.main import Json, app, reported, settings
from tutor.errors import ConfigError, SetupError


def megabytes(label: str, done: int, total: int) -> None:
    """A progress bar in megabytes."""
    bar(f"{label} (MB)", done // 1_000_000, max(1, total // 1_000_000))


@app.command("models")
@reported
def models(
    action: Annotated[str, typer.Argument(help="list, pull or verify")] = "list",
    names: Annotated[list[str] | None, typer.Argument(help="embedding, default, small")] = None,
    as_json: Json = False,
) -> None:
    """List, pull or verify the models."""
    chosen = settings()
    wanted = names or (["embedding", chosen.chat_model] if action == "pull" else list(library.MODELS))
    wanted = [name for name in wanted if name in library.MODELS]
    if action == "pull":
        library.pull(wanted, chosen, megabytes)
    elif action not in {"list", "verify"}:
        raise ConfigError(f"There is no `tutor models {action}`.", "Use list, pull or verify.")
    rows = [state(name, full=action == "verify") for name in wanted]
    if as_json:
        typer.echo(json.dumps({"models": rows}))
    else:
        for row in rows:
            typer.echo(f"{row['name']:<10} {row['state']:<9} {row['path'] or row['hint']}")
    if action != "list" and any(row["state"] != "ok" for row in rows):
        raise typer.Exit(2)


def state(name: str, *, full: bool) -> dict[str, str | None]:
    """Whether one model is there and sound."""
    chosen = settings()
    try:
        path = library.verify(name, chosen) if full else library.resolve(name, chosen)
    except SetupError as error:
        kind = "missing" if type(error).__name__ == "ModelMissing" else "corrupt"
        return {"name": name, "state": kind, "path": None, "hint": str(error)}
    return {"name": name, "state": "ok", "path": str(path), "hint": ""}
