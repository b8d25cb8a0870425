"""What a browser remembers between visits: who it is, and what it had open.

Everything in it comes from outside and may be made up. Does not know what is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from tutor.errors import SessionError
from tutor.store import is_owner, new_owner

KEY = "not a secret"
"""Gradio encrypts what the browser keeps under a key that it hands to every page, so that the key protects nothing:
what a browser keeps is protected by being readable for our own pages only. A key of our own would be a secret given away."""
P = ParamSpec("P")
R = TypeVar("R")


def known(seen: Any) -> dict[str, Any]:
    """The memory with an owner in it: its own, or a new one where it names none or makes one up."""
    kept = dict(seen) if isinstance(seen, dict) else {}
    if not is_owner(kept.get("owner")):
        return {"owner": new_owner()}
    for name in ("conversation", "interview"):
        if not isinstance(kept.get(name), str):
            kept[name] = None
    return kept


def told(handler: Callable[P, R]) -> Callable[P, R]:
    """Show the reader why something could not be kept, instead of failing silently."""

    @wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except SessionError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return run
