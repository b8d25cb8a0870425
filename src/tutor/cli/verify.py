"""`tutor verify`: does a passage support a claim? Does not know how that is decided."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from tutor.cli.main import app, lines_of, reported, settings
from tutor.errors import ConfigError

Jsonl = Annotated[bool, typer.Option("--jsonl", help="One claim object per input line.")]
Model = Annotated[bool, typer.Option("--model", help="Also ask the chat model for its yes or no.")]
Passages = Annotated[list[str] | None, typer.Option("--passage", help="A passage; may be given again.")]


@app.command("verify")
@reported
def verify(
    claim: Annotated[str | None, typer.Argument()] = None,
    passage: Passages = None,
    jsonl: Jsonl = False,
    model: Model = False,
) -> None:
    """Decide whether passages support a claim."""
    from tutor.tutor import Tutor
    from tutor.verification.chat_signal import opinion_of

    if (claim is None) == (not jsonl) or (claim is not None and not passage):
        raise ConfigError(
            "Give a claim with --passage, or --jsonl with claims on standard input.",
            'Each line is {"id": …, "claim": …, "passages": […]}.',
        )
    tutor = Tutor(settings())
    try:
        opinion = opinion_of(tutor.model()) if model else None
        if claim is not None:
            read = tutor.verifier().verify(claim, passage or [], opinion=opinion).to_json()
            typer.echo(json.dumps(read, ensure_ascii=False))
            return
        for entry in lines_of(sys.stdin, "id", "claim", "passages"):
            read = tutor.verifier().verify(str(entry["claim"]), texts(entry), opinion=opinion).to_json()
            typer.echo(json.dumps({"id": entry["id"], **read}, ensure_ascii=False))
            sys.stdout.flush()
    finally:
        tutor.close()


def texts(entry: dict[str, Any]) -> list[str]:
    """The passages of an input line."""
    held = entry["passages"]
    if isinstance(held, list) and all(isinstance(text, str) for text in held):
        return held
    raise ConfigError(f"The passages of {entry['id']!r} are not a list of texts.", "Correct that line.")
