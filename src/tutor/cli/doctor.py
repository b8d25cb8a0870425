"""`tutor doctor`: each setting with its source, whether every part works, and how fast it is here.

Fixes nothing itself.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from tutor import __version__, hardware
from tutor import models as library
from tutor.cli.main import Corpus, Json, app, reported
from tutor.corpus.read import corpus_digest, read_corpus
from tutor.errors import TutorError
from tutor.inference import threads
from tutor.llm.base import Message
from tutor.parameters.store import load
from tutor.settings import Settings, from_files, load_settings, masked

ADDRESSES = ("chroma_url", "database_url", "llm_base_url")
"""Settings that may carry a password."""


@app.command("doctor")
@reported
def doctor(
    corpus: Corpus = None,
    as_json: Json = False,
    with_chat: Annotated[bool, typer.Option("--speed", help="Measure the chat model too.")] = False,
) -> None:
    """Say what is set, what is there, how fast it runs here, and what to do about the rest."""
    chosen = load_settings(corpus=corpus)
    values = [value(chosen, name, corpus) for name in Settings.model_fields]
    checks = [model_check(chosen, "embedding"), model_check(chosen, chosen.chat_model)]
    checks += [index_check(chosen), parameters_check(chosen), space_check(chosen)]
    here = hardware.processor()
    small, chat = (bool(check["ok"]) for check in checks[:2])
    speeds = measured(chosen, small, chat, with_chat)
    if as_json:
        found = {"version": __version__, "settings": values, "checks": checks, "processor": here.to_json()}
        used = {"cores": here.cores, "chat_model": chosen.llm_threads, "small_models": threads()}
        typer.echo(json.dumps({**found, "threads": used, "speeds": [each.to_json() for each in speeds]}))
    else:
        typer.echo(f"tutor {__version__}, Python {sys.version.split()[0]}")
        for row in values:
            typer.echo(f"  {row['name']:<16} {row['value']!s:<40} ({row['source']})")
        for check in checks:
            typer.echo(f"{'ok ' if check['ok'] else 'NO '} {check['what']}: {check['detail']}")
        typer.echo(f"processor: {here}")
        typer.echo(f"threads: the chat model on {chosen.llm_threads}, each small model on {threads()}")
        for each in speeds:
            typer.echo(spoken(each))
    if not all(check["ok"] for check in checks):
        raise typer.Exit(2)


def spoken(speed: hardware.Speed) -> str:
    """A line on one speed, with what the product needs and a plain word."""
    need = speed.need
    if speed.value is None:
        return f"-   {need.what}: {speed.verdict}"
    bar = f"{'at least' if need.at_least else 'at most'} {need.value:g}"
    mark = "ok " if speed.enough else "NO "
    return f"{mark} {need.what}: {speed.value:.0f} {need.unit} (needs {bar}): {speed.verdict}"


def measured(chosen: Settings, small: bool, chat: bool, with_chat: bool) -> list[hardware.Speed]:
    """The three speeds, measured now: those of the small models and of the chat model where they are there."""
    from tutor.tutor import Tutor

    tutor = Tutor(chosen)
    try:
        return [
            speed("embed", small, lambda: hardware.embedding_ms(tutor.embedder.embed)),
            speed("verify", small, lambda: hardware.pair_ms(tutor.verifier().read)),
            speed("prefill", chat, lambda: hardware.prefill_tokens_s(reads(tutor)))
            if with_chat
            else hardware.Speed("prefill", None, "add --speed, which takes about ten seconds"),
        ]
    finally:
        tutor.close()


def reads(tutor: Any) -> Callable[[str], object]:
    """Has the chat model read a text; it says one token."""
    model = tutor.model()
    return lambda text: model.judge([Message("user", text)])


def speed(name: str, there: bool, measure: Callable[[], float | None]) -> hardware.Speed:
    """One speed, or why there is none."""
    if not there:
        return hardware.Speed(name, None, "the model is not there")
    try:
        value = measure()
    except TutorError as error:
        return hardware.Speed(name, None, error.message)
    return hardware.Speed(name, value, "" if value else "the clock is too coarse")


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


def parameters_check(chosen: Settings) -> dict[str, Any]:
    """Whether the learned numbers were fitted on this corpus; on another one they still work, less exactly."""
    what = "learned numbers"
    try:
        fitted, here = load("ranking").fitted.get("guide"), corpus_digest(read_corpus(chosen.corpus))
    except TutorError as error:
        return {"what": what, "ok": False, "detail": str(error)}
    if fitted == here:
        return {"what": what, "ok": True, "detail": "fitted on this corpus"}
    detail = "fitted on another corpus: answers are less exact here; `make fit` refits those of a changed guide"
    return {"what": what, "ok": True, "detail": detail}


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
