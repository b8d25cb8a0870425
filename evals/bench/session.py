"""What the groups of figures share: settings, the machine, a loaded tutor, homes of their own. Does not measure."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evals.bench.figures import Bars, bar_for
from tutor import hardware, models
from tutor.inference import threads
from tutor.settings import Settings, load_settings
from tutor.tutor import Tutor

ROOT = Path(__file__).parents[2]
PACKAGES = ("onnxruntime", "torch", "sentence-transformers", "llama-index-core", "xllamacpp")


@dataclass
class Session:
    """One run; `quick` asks each thing a few times over two chapters, to see that it works."""

    settings: Settings
    quick: bool

    @cached_property
    def processor(self) -> hardware.Processor:
        """The processor as this process sees it."""
        return hardware.processor()

    @cached_property
    def tutor(self) -> Tutor:
        """A tutor over the reader's home, its index brought up to date; it never asks the chat model."""
        made = Tutor(self.settings)
        made.index()
        made.load()
        return made

    @cached_property
    def sentence_transformer(self) -> Any:
        """The embedding model as sentence-transformers runs it: the references' own."""
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(str(self.embedding_folder), device="cpu")

    @property
    def embedding_folder(self) -> Path:
        """Where the embedding model lies."""
        return models.resolve("embedding", self.settings)

    def bars(self, bars: Bars) -> tuple[float, ...]:
        """The bar on this kind of processor; none where two chapters were measured."""
        return () if self.quick else bar_for(bars, self.processor.kind)

    def count(self, whole: int, quick: int) -> int:
        """How often something is measured."""
        return quick if self.quick else whole

    @contextmanager
    def home(self, *kept: str) -> Iterator[Path]:
        """A home of its own that shares what is named with the reader's, gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="tutor-bench-") as made:
            for name in kept:
                if (self.settings.home / name).exists():
                    (Path(made) / name).symlink_to((self.settings.home / name).resolve())
            yield Path(made)

    def at(self, home: Path) -> Settings:
        """The settings over another home."""
        return self.settings.model_copy(update={"home": home})

    def environment(self, home: Path, **more: str) -> dict[str, str]:
        """The environment of a process over another home."""
        paths = os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(
            os.pathsep
        )
        corpus = str(self.settings.corpus.resolve())
        held = {"PYTHONPATH": paths, "TUTOR_HOME": str(home), "TUTOR_CORPUS": corpus}
        return {**os.environ, **held, "TUTOR_CHAT_MODEL": self.settings.chat_model, **more}

    def versions(self) -> dict[str, str]:
        """The versions of what computes."""
        found = {}
        for name in PACKAGES:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "not installed"
        return found

    def threads(self) -> str:
        """How many threads each model may use."""
        return f"the chat model {self.settings.llm_threads}, each small model {threads()}"


def quick_settings(settings: Settings, folder: Path) -> Settings:
    """The settings over two chapters of middling size, in a home of their own under `folder`."""
    (folder / "corpus").mkdir()
    files = sorted(settings.corpus.rglob("*.md"), key=lambda file: file.stat().st_size)
    for file in files[max(0, len(files) // 2 - 1) :][:2]:
        shutil.copy(file, folder / "corpus")
    (folder / "home").mkdir()
    (folder / "home" / "models").symlink_to(settings.models_dir.resolve())
    return load_settings(home=folder / "home", corpus=folder / "corpus", chat_model=settings.chat_model)


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def settle(seconds: float = 0.03) -> None:
    """Let threads that spin after their work go to sleep, so that what is timed next does not pay for it."""
    time.sleep(seconds)


class Neighbours:
    """What other processes take of the processors, looked at while nothing of ours runs; not known but on Linux."""

    def __init__(self) -> None:
        self._shares: list[float] = []

    def look(self, seconds: float = 1.0) -> None:
        """Rest for a while and see what runs."""
        if (before := busy_s()) is not None:
            time.sleep(seconds)
            taken = (busy_s() or before) - before
            self._shares.append(min(1.0, taken / (seconds * (os.cpu_count() or 1))))

    @property
    def share(self) -> float:
        """Their mean share (0..1) of all processors' time."""
        return statistics.mean(self._shares) if self._shares else 0.0


def busy_s() -> float | None:
    """Seconds that all processors together have been busy, or withheld by the machine's host."""
    try:
        held = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(ticks) for ticks in held)
    return (user + nice + system + irq + softirq + steal) / float(os.sysconf("SC_CLK_TCK"))
