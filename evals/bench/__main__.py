"""`python -m evals.bench` (`make bench`): measure, print a table, and put it into the README where asked.

Everything runs on the real models and the whole guide, with nothing kept from an earlier question.
"""

from __future__ import annotations

import os

from tutor.cli.main import ENVIRONMENT

os.environ.update({key: os.environ.get(key, value) for key, value in ENVIRONMENT.items()})

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from evals.bench import browser, indexing, model, retrieval, verify
from evals.bench.figures import Figure, machine_lines, put, shortfall, table
from evals.bench.session import ROOT, Neighbours, Session, quick_settings
from tutor.errors import TutorError
from tutor.settings import load_settings

GROUPS: dict[str, Callable[[Session], list[Figure]]] = {
    "verify": verify.figures, "index": indexing.figures, "retrieval": retrieval.figures,
    "model": model.figures, "browser": browser.figures,
}  # fmt: skip
"""In this order: what is timed without a chat model comes before questions are looked through for what is timed with one."""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m evals.bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="Put the table into README.md.")
    parser.add_argument("--json", action="store_true", help="Print JSON instead of a table.")
    parser.add_argument("--only", default="", help=f"Comma-separated groups of figures: {', '.join(GROUPS)}.")
    parser.add_argument(
        "--quick", action="store_true", help="Two chapters, a few times, to see that it works."
    )
    chosen = parser.parse_args()
    wanted = [name for name in chosen.only.split(",") if name] or list(GROUPS)
    chosen.groups = [name for name in GROUPS if name in wanted]
    if unknown := [name for name in wanted if name not in GROUPS]:
        parser.error(f"there are no figures {unknown[0]!r}; there are {', '.join(GROUPS)}")
    if chosen.write and (chosen.only or chosen.quick or chosen.json):
        parser.error("--write wants every figure as a table: leave --only, --quick and --json out")
    return chosen


def measure(
    session: Session, groups: list[str], neighbours: Neighbours
) -> tuple[list[Figure], dict[str, float]]:
    """The figures of the groups, and the seconds that each group took; before each it is seen what else runs."""
    found, took = [], {}
    for name in groups:
        neighbours.look()
        began = time.perf_counter()
        found += GROUPS[name](session)
        took[name] = round(time.perf_counter() - began, 1)
        print(f"{name}: {took[name]:.0f} s", file=sys.stderr)
    return found, took


def main() -> int:
    """Measure, print, and keep where asked; 0 also where a figure misses its bar, which the table says."""
    chosen, settings = arguments(), load_settings()
    if settings.llm_base_url:
        print("The embedded chat model is measured: unset TUTOR_LLM_BASE_URL.", file=sys.stderr)
        return 2
    neighbours = Neighbours()
    with tempfile.TemporaryDirectory(prefix="tutor-bench-") as scratch:
        session = Session(quick_settings(settings, Path(scratch)) if chosen.quick else settings, chosen.quick)
        try:
            figures, took = measure(session, chosen.groups, neighbours)
        except TutorError as error:
            print(f"{error.message}\n{error.hint}".rstrip(), file=sys.stderr)
            return 2
    if chosen.json:
        machine = {"processor": session.processor.to_json(), "threads": session.threads()}
        rest = {"versions": session.versions(), "others": round(neighbours.share, 3), "seconds": took}
        print(json.dumps({**machine, **rest, "figures": [figure.to_json() for figure in figures]}))
    else:
        said = machine_lines(session.processor, session.threads(), session.versions(), neighbours.share)
        print("\n".join([*said, "", table(figures)]))
        if chosen.write:
            write(session.processor.kind, said, figures)
    if missed := shortfall(figures):
        print(f"Below their bar: {'; '.join(missed)}.", file=sys.stderr)
    return 0


def write(kind: str, said: list[str], figures: list[Figure]) -> None:
    """Put the table of this kind of processor into the README.

    Raises:
        ValueError: the README has no place for that kind.
    """
    readme = ROOT / "README.md"
    readme.write_text(put(readme.read_text(encoding="utf-8"), kind, said, figures), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
