"""Eval cases as they lie under `evals/sets`, one JSON object per line. See `evals/sets/README.md`.

Does not know how a case is scored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SETS = Path(__file__).parent / "sets"
GATING = (
    "retrieval", "unanswerable", "followup", "hostile", "pairs", "interview", "check_items", "scoping", "quantities",
)  # fmt: skip
"""The sets a run covers; those whose name begins with `dev` are for fitting and never gate."""


def load(name: str) -> list[dict[str, Any]]:
    """The cases of a set, in order.

    Raises:
        ValueError: there is no such set, a line is not a case, or an id occurs twice.
    """
    folder = SETS / name
    if not folder.is_dir():
        raise ValueError(f"There is no eval set `{name}`; there are {', '.join(GATING)}.")
    found: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            case = json.loads(line)
            if "id" not in case:
                raise ValueError(f"{file}:{number} has no id.")
            found.append(case)
    if len({case["id"] for case in found}) < len(found):
        raise ValueError(f"An id occurs twice in the set `{name}`.")
    return found
