"""The whole guide from nothing, again unchanged, and with one chapter revised; each by the command a reader runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from evals.bench.default_engine import index_of
from evals.bench.figures import Figure, Reference
from evals.bench.session import ROOT, Session, timed

HEADING = re.compile(r"^(#+ .*?)(\s*\{#[^}]*\})?$", re.MULTILINE)


def figures(session: Session) -> list[Figure]:
    """Seconds that `tutor index` reports, and those of the whole command, which also prepares the interviews."""
    with session.home("models") as home:
        corpus = home / "guide"
        shutil.copytree(session.settings.corpus, corpus)
        problems = session.settings.corpus.parent / "problems"
        if problems.is_dir() and not session.quick:
            (home / "problems").symlink_to(problems.resolve())
        built, whole = index(session, home, corpus)
        again = tuple(index(session, home, corpus)[0] for _ in range(session.count(3, 1)))
        chapter = sorted(corpus.rglob("*.md"), key=lambda file: file.stat().st_size)[-1]
        share = chapter.stat().st_size / sum(file.stat().st_size for file in corpus.rglob("*.md"))
        revise(chapter)
        revised, _ = index(session, home, corpus)
    model = session.sentence_transformer
    reference = timed(lambda: index_of(session.settings.corpus, model))
    return [
        Figure(
            "whole guide indexed", "s", (built,), session.bars((25.0,)),
            reference=Reference("LlamaIndex's default index", (reference,)),
        ),
        Figure("whole guide indexed again, unchanged", "s", again, session.bars((1.0,))),
        Figure(f"indexed again, every heading of one chapter changed ({share:.0%} of the guide)", "s", (revised,)),
        Figure("the command `tutor index`, guide and interviews", "s", (whole,)),
    ]  # fmt: skip


def index(session: Session, home: Path, corpus: Path) -> tuple[float, float]:
    """Seconds of the index as the command reports them, and of the whole command."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tutor", "index", "--json"], cwd=ROOT, capture_output=True, text=True,
        env=session.environment(home, TUTOR_CORPUS=str(corpus)),
    )  # fmt: skip
    whole = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"`tutor index` failed: {done.stderr.strip()[-500:]}")
    return float(json.loads(done.stdout)["seconds"]), whole


def revise(chapter: Path) -> None:
    """Change every heading of a file, so that each of its texts is embedded anew."""
    text = chapter.read_text(encoding="utf-8")
    chapter.write_text(HEADING.sub(lambda m: f"{m[1]}, revised{m[2] or ''}", text), encoding="utf-8")
