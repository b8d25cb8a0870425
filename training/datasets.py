"""The development sets under `training/data`, and open data elsewhere. Nothing here opens a set that gates.

Does not know what is fitted on them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of a set in order, each with the stem of its `file`.

    Raises:
        FileNotFoundError: there is no such set.
    """
    files = sorted((DATA / name).glob("*.jsonl"))
    if not files:
        raise FileNotFoundError(f"There is no development set {DATA / name}.")
    return [
        {**json.loads(line), "file": file.stem}
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def described(name: str) -> dict[str, Any]:
    """What identifies a set: its number of cases and the digest of its files."""
    files = sorted((DATA / name).glob("*.jsonl"))
    text = b"".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)
    return {"n": len(cases(name)), "sha256": hashlib.sha256(text).hexdigest()[:16]}


def near(found: str, wanted: Sequence[str]) -> bool:
    """Whether a section is a wanted one or lies inside it."""
    return any(found == key or found.startswith(key + "/") for key in wanted)
