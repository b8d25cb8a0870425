"""Reads the artefacts beside this file: weights by signal, thresholds with the rule that chose them, provenance.

Does not write: `training.pipeline` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from tutor.errors import ModelCorrupt
from tutor.parameters.linear import Linear

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Parameters:
    """One artefact.

    `weights` holds a list of named weights for each class or part of the decision, most often one; `thresholds` numbers
    by name, each with its `rule`; `fitted` says on what: data with hashes and counts, guide, models, commit, folds,
    seed, figures.
    """

    name: str
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)

    def linear(self, signals: Sequence[str], part: str = "") -> Linear:
        """A part of the decision over the caller's signals, in the caller's order; signals it does not name weigh 0.

        Raises:
            ModelCorrupt: it names a signal that the caller does not have, or there is no such part.
        """
        weights = self.parts.get(part)
        if weights is None or (unknown := set(weights) - set(signals)):
            lacking = f"part `{part}`" if weights is None else f"signals: {', '.join(sorted(unknown))}"
            raise ModelCorrupt(f"The parameters `{self.name}` and the program disagree on {lacking}.", "Run `make fit`.")
        return Linear(
            tuple(signals), tuple(weights.get(name, 0.0) for name in signals), self.biases.get(part, 0.0)
        )


@lru_cache(maxsize=64)
def load(name: str, folder: Path = FOLDER) -> Parameters:
    """An artefact, read once.

    Raises:
        ModelCorrupt: it is missing or damaged.
    """
    file = folder / f"{name}.json"
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        return Parameters(
            name,
            {part: {k: float(v) for k, v in weights.items()} for part, weights in held.get("weights", {}).items()},
            {part: float(bias) for part, bias in held.get("bias", {}).items()},
            {key: float(entry["value"]) for key, entry in held.get("thresholds", {}).items()},
            held.get("fitted", {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelCorrupt(f"The parameters in {file} cannot be read: {error}", "Install Tutor again.") from error


@lru_cache(maxsize=64)
def decision(name: str, signals: tuple[str, ...], part: str = "") -> Linear:
    """A part of an artefact over named signals; see `Parameters.linear`.

    Raises:
        ModelCorrupt: it is missing, damaged, or weighs other signals.
    """
    return load(name).linear(signals, part)


def threshold(name: str, key: str) -> float:
    """A threshold of an artefact.

    Raises:
        ModelCorrupt: there is none.
    """
    found = load(name).thresholds
    if key not in found:
        raise ModelCorrupt(f"The parameters `{name}` have no threshold `{key}`.", "Install Tutor again.")
    return found[key]
