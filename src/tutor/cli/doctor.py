"""`tutor doctor`: each setting with its source, and whether every part works. Fixes nothing itself."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from tutor import __version__
from tutor import models as library
from tutor.cli.main import Corpus, Json, app, reported
from tutor.errors import TutorError
from tutor.settings import Settings, from_files, load_settings, masked

ADDRESSES = ("chroma_url", "database_url", "llm_base_url")
"""Settings that may carry a password."""


@app.command("doctor")
@reported
def doctor(corpus: Corpus = None, as_json: Json = False) -> None:
    """Say what is set, what is there, and what to do about the rest."""
    chosen = load_settings(corpus=corpus)
    values = [value(chosen, name, corpus) for name in Settings.model_fields]
    checks = [model_check(chosen, "embedding"), model_check(chosen, chosen.chat_model)]
    checks += [index_check(chosen), space_check(chosen)]
    if as_json:
        typer.echo(json.dumps({"version": __version__, "settings": values, "checks": checks}))
    else:
        typer.echo(f"tutor {__version__}, Python {sys.version.split()[0]}")
        for row in values:
            typer.echo(f"  {row['name']:<16} {row['value']!s:<40} ({row['source']})")
        for check in checks:
            typer.echo(f"{'ok ' if check['ok'] else 'NO '} {check['what']}: {check['detail']}")
    if not all(check["ok"] for check in checks):
        raise typer.Exit(2)


def value(chosen: Settings, name: str, corpus: Path | None) -> dict[str, Any]:
    """One setting: its value (secrets masked) and where it comes from."""
    held = getattr(chosen, name)
    if isinstance(held, SecretStr):
        held = "********" if held.get_secret_value() else ""
    elif name in ADDRESSES:
        held = masked(str(held))
    files = from_files(chosen.home)
    if name == "corpus" and corpus is not None:
        source = "flag"
    elif f"TUTOR_{name.upper()}" in {key.upper() for key in os.environ}:
        source = f"TUTOR_{name.upper()}"
    elif name in files:
        source = str(files[name][1])
    else:
        source = "default"
    return {"name": name, "value": str(held), "source": source}


def model_check(chosen: Settings, name: str) -> dict[str, Any]:
    """Whether a model is there; a remote endpoint needs none."""
    if name != "embedding" and chosen.llm_base_url:
        return {"what": "chat model", "ok": True, "detail": f"{name} at {masked(chosen.llm_base_url)}"}
    try:
        return {"what": f"model {name}", "ok": True, "detail": str(library.resolve(name, chosen))}
    except TutorError as error:
        return {"what": f"model {name}", "ok": False, "detail": str(error)}


def index_check(chosen: Settings) -> dict[str, Any]:
    """Whether the index opens."""
    from tutor.tutor import Tutor

    try:
        found = len(Tutor(chosen).sections())
    except TutorError as error:
        return {"what": "index", "ok": False, "detail": str(error)}
    return {"what": "index", "ok": True, "detail": f"{found} sections"}


def space_check(chosen: Settings) -> dict[str, Any]:
    """Whether the home folder has room for models and states."""
    folder = chosen.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    return {"what": "disk", "ok": free > 500_000_000, "detail": f"{free / 1e9:.1f} GB free"}
