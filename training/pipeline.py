"""Fitting in order: each stage says what it reads and writes one artefact under `tutor/parameters`.

`python -m training` refits what is stale, `python -m training STAGE …` those stages, `--check` lists what is stale and
fails. A stage is stale when its data, the guide, a model, or the numbers of a stage before it are not those that its
artefact names. Does not know how a decision is fitted.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training.datasets import described
from tutor.corpus.read import corpus_digest, read_corpus
from tutor.models import MODELS
from tutor.parameters import store
from tutor.settings import PROJECT
from tutor.tutor import Tutor
from tutor.verification.cross_encoder import VERIFIER

DIGITS = 4
"""Digits behind the point that an artefact keeps of a number."""
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Fitted:
    """What a fitter found: weights and bias for each part, thresholds with the rule that chose them, figures."""

    weights: Mapping[str, Weights] = field(default_factory=dict)
    bias: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    metrics: Mapping[str, float | int] = field(default_factory=dict)
    folds: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Stage:
    """One artefact: the sets it is fitted on, the artefacts its signals rest on, and whether they rest on the guide."""

    name: str
    module: str
    data: tuple[str, ...]
    after: tuple[str, ...] = ()
    guide: bool = True
    verifier: bool = True
    writes: tuple[str, ...] = ()
    """Further artefacts that are fitted together with the first."""

    @property
    def artefacts(self) -> tuple[str, ...]:
        """All that the stage writes."""
        return (self.name, *self.writes)


STAGES = (
    Stage("ranking", "training.ranking", ("questions",), verifier=False),
    Stage("extract", "training.extract", ("key_sentences",), ("ranking",), verifier=False),
    Stage("answerability", "training.answerability", ("questions", "unanswerable"), ("ranking", "extract")),
    Stage("premise", "training.premise", ("premises", "questions"), ("ranking",)),
    Stage(
        "followup", "training.followup", ("conversations", "questions", "unanswerable"), ("ranking",),
        verifier=False, writes=("followup_ranking",),
    ),
    Stage("item_matcher", "training.item_matcher", ("check_items",), guide=False),
    Stage("scoping", "training.scoping", ("scoping",), guide=False, verifier=False),
)  # fmt: skip
"""In order. What needs the open data (the verifier, its calibration, grading) has scripts of its own in
`training/verifier`."""


def inputs(stage: Stage, tutor: Tutor) -> dict[str, Any]:
    """What a stage reads, as its artefact names it."""
    found: dict[str, Any] = {
        "data": {name: described(name) for name in stage.data},
        "encoder": MODELS["embedding"].sha256[:16],
    }
    if stage.guide:
        found["guide"] = corpus_digest(read_corpus(tutor.settings.corpus))
    else:
        problems = sorted((PROJECT / "corpus" / "problems").rglob("*.yaml"))
        found["problems"] = digest(file.read_bytes() for file in problems)
    if stage.verifier:
        found["verifier"] = digest([VERIFIER.read_bytes()])
    if stage.after:
        found["after"] = {name: numbers(name) for name in stage.after}
    return found


def numbers(name: str) -> str:
    """What identifies the numbers of an artefact, whatever is said of where they came from."""
    held = json.loads((store.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    kept = {key: value for key, value in held.items() if key != "fitted"}
    return digest([json.dumps(kept, sort_keys=True).encode()])


def digest(parts: Iterable[bytes]) -> str:
    """Sixteen hexadecimal digits."""
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def stale(tutor: Tutor, stages: Sequence[Stage] = STAGES) -> dict[str, list[str]]:
    """The stages whose artefacts were fitted on something else, each with what has changed."""
    found = {}
    for stage in stages:
        wanted = inputs(stage, tutor)
        for name in stage.artefacts:
            held = store.load(name).fitted
            changed = [key for key, value in wanted.items() if held.get(key) != value]
            if changed:
                found[stage.name] = changed
    return found


def run(stage: Stage, tutor: Tutor, say: Callable[[str], None]) -> None:
    """Fit a stage and write its artefacts."""
    began = time.monotonic()
    fit: Callable[[Tutor], Fitted | tuple[Fitted, ...]] = importlib.import_module(stage.module).fit
    found = fit(tutor)
    fitted = found if isinstance(found, tuple) else (found,)
    for name, part in zip(stage.artefacts, fitted, strict=True):
        write(store.FOLDER / f"{name}.json", part, inputs(stage, tutor))
        say(f"{name}: " + ", ".join(f"{key} {value}" for key, value in part.metrics.items()))
    store.load.cache_clear()
    store.decision.cache_clear()
    say(f"{stage.name} fitted in {time.monotonic() - began:.0f} s")


def write(file: Path, fitted: Fitted, read: Mapping[str, Any]) -> None:
    """Keep what was fitted and on what."""
    held: dict[str, Any] = {}
    if fitted.weights:
        held["weights"] = {part: rounded(weights) for part, weights in fitted.weights.items()}
    if fitted.bias:
        held["bias"] = rounded(fitted.bias)
    if fitted.thresholds:
        held["thresholds"] = {
            key: {"value": round(value, DIGITS), "rule": rule} for key, (value, rule) in fitted.thresholds.items()
        }
    held["fitted"] = {
        "date": datetime.now(UTC).date().isoformat(), "commit": commit(), **read, "folds": fitted.folds,
        "seed": fitted.seed, "metrics": fitted.metrics,
    }  # fmt: skip
    file.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def rounded(weights: Weights) -> dict[str, float]:
    """Numbers as an artefact keeps them."""
    return {name: round(float(value), DIGITS) for name, value in weights.items()}


def commit() -> str:
    """The commit that the fitter stood at."""
    done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=PROJECT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
