"""Scores sets in several processes, each with one thread and a tutor of its own.

One case on one thread is nearly as fast as on two, so two processes take half the time. Does not aggregate.
"""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from evals.interviews import INTERVIEW_SCORERS
from evals.scorers import SCORERS, Case, Score
from tutor.cli.index import bar
from tutor.settings import load_settings
from tutor.tutor import Tutor

PARTS = 6
"""Parts of a set for each process: enough that none waits long for the other at the end."""
Part = tuple[list[Score], float]
_tutor: Tutor | None = None
"""A worker's own."""


def begin() -> None:
    """Make a worker ready; its parent has built the index."""
    global _tutor
    logging.basicConfig(level=logging.ERROR)
    _tutor = Tutor(load_settings(threads=1))
    _tutor.load()


def score(name: str, cases: Sequence[Case]) -> Part:
    """Scores of some cases of a set, in order, and the seconds they took."""
    assert _tutor is not None
    began = time.monotonic()
    if name in INTERVIEW_SCORERS:
        found = INTERVIEW_SCORERS[name](_tutor, cases)
    else:
        found = SCORERS[name](_tutor, cases, False)
    return found, time.monotonic() - began


def score_all(sets: Mapping[str, Sequence[Case]], jobs: int) -> dict[str, Part]:
    """Every set's scores in the order of its cases, and the processes' seconds; progress goes to stderr.

    Raises:
        TutorError: a case could not be scored.
    """
    held: dict[str, list[Part | None]] = {}
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=jobs, mp_context=spawn, initializer=begin) as pool:
        waiting = {}
        for name, cases in sets.items():
            size = max(1, -(-len(cases) // (jobs * PARTS)))
            parts = [cases[at : at + size] for at in range(0, len(cases), size)]
            held[name] = [None] * len(parts)
            waiting.update({pool.submit(score, name, part): (name, i) for i, part in enumerate(parts)})
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                name, i = waiting[future]
                held[name][i] = future.result()
                bar("Scoring", done, len(waiting))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    found = {name: [part for part in parts if part] for name, parts in held.items()}
    return {
        name: ([s for part, _ in parts for s in part], sum(took for _, took in parts))
        for name, parts in found.items()
    }
