"""A measured figure with its bar and its reference, the table of many, and the README's copy of it.

Does not measure.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tutor.hardware import Processor

HEAD = (
    "| figure | measured | bar | n | reference, same run | ratio | reached |\n|---|---|---|---|---|---|---|"
)
KINDS = ("AVX-512", "AVX2")
"""The kinds of processor that the README has a table for."""
Bars = Mapping[str, tuple[float, ...]] | tuple[float, ...]


@dataclass(frozen=True)
class Reference:
    """What somebody would have without the product, timed in the same run; `at_least` is the ratio's bar."""

    name: str
    samples: tuple[float, ...]
    at_least: float | None = None


@dataclass(frozen=True)
class Figure:
    """Samples of one quantity; shown are the percentiles in `shown`, each with its bar (none is above it).

    The unit is ms, s or GB. `detail` holds parts of the samples that explain the whole, by name.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    bars: tuple[float, ...] = ()
    shown: tuple[int, ...] = (50,)
    reference: Reference | None = None
    detail: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def measured(self) -> tuple[float, ...]:
        """The percentiles that are shown."""
        return tuple(percentile(self.samples, share) for share in self.shown)

    @property
    def ratio(self) -> float | None:
        """How many times as long the reference takes, median to median."""
        if self.reference is None or not self.reference.samples:
            return None
        return statistics.median(self.reference.samples) / statistics.median(self.samples)

    @property
    def reached(self) -> bool | None:
        """Whether every bar is reached; None where there is none."""
        wanted = self.reference.at_least if self.reference else None
        if not self.bars and wanted is None:
            return None
        within = all(value <= bar for value, bar in zip(self.measured, self.bars, strict=False))
        return within and (wanted is None or (self.ratio or 0.0) >= wanted)

    def row(self) -> str:
        """The figure's line of the table."""
        labels = "" if self.shown == (50,) else ", " + " / ".join(label(share) for share in self.shown)
        bar = f"≤ {amounts(self.bars, self.unit)}" if self.bars else ""
        beside, ratio = "", ""
        if self.reference is not None and self.ratio is not None:
            values = [percentile(self.reference.samples, share) for share in self.shown]
            beside = f"{self.reference.name}: {amounts(values, self.unit)}"
            ratio = f"{self.ratio:.{2 if self.ratio < 1 else 1 if self.ratio < 10 else 0}f}×"
            bar += f"{', ' if bar else ''}≥ {self.reference.at_least:g}×" if self.reference.at_least else ""
        reached = {None: "", True: "yes", False: "**no**"}[self.reached]
        cells = (
            self.name + labels,
            amounts(self.measured, self.unit),
            bar,
            len(self.samples),
            beside,
            ratio,
            reached,
        )
        return "| " + " | ".join(map(str, cells)) + " |"

    def to_json(self) -> dict[str, Any]:
        """Plain data with every sample."""
        return {**asdict(self), "measured": self.measured, "ratio": self.ratio, "reached": self.reached}


def percentile(samples: Sequence[float], share: int) -> float:
    """The value that this share (0..100) of the samples does not exceed; the median lies between two."""
    if share == 50:
        return statistics.median(samples)
    held = sorted(samples)
    return held[max(0, -(-len(held) * share // 100) - 1)]


def label(share: int) -> str:
    """What a percentile is called."""
    return "highest" if share == 100 else f"p{share}"


def amounts(values: Sequence[float], unit: str) -> str:
    """Values of one unit, rounded to what can be told apart."""
    digits = 2 if unit == "GB" else None
    return (
        " / ".join(f"{value:.{decimals(value, unit) if digits is None else digits}f}" for value in values)
        + f" {unit}"
    )


def decimals(value: float, unit: str) -> int:
    """Decimal places of a time."""
    if unit == "ms":
        return 0 if value >= 10 else 1
    return 1 if value >= 10 else 2


def bar_for(bars: Bars, kind: str) -> tuple[float, ...]:
    """The bar on this kind of processor: its own where bars differ, the slower one's where it is neither."""
    if isinstance(bars, tuple):
        return bars
    return bars.get(kind, bars["AVX2"])


def table(figures: Sequence[Figure]) -> str:
    """All figures as a Markdown table."""
    return "\n".join([HEAD, *(figure.row() for figure in figures)])


def put(text: str, kind: str, machine: Sequence[str], figures: Sequence[Figure]) -> str:
    """The README's text with the table of one kind of processor replaced, and nothing else.

    Raises:
        ValueError: it has no place for that kind.
    """
    begin, end = f"<!-- bench {kind} begin -->", f"<!-- bench {kind} end -->"
    if kind not in KINDS or text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"The README has no table for {kind}; it has {' and '.join(KINDS)}.")
    whole = "\n".join([begin, f"**{kind}.** " + " ".join(machine), "", table(figures), end])
    return re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: whole, text, flags=re.DOTALL)


def shortfall(figures: Sequence[Figure]) -> list[str]:
    """Names of the figures that miss their bar."""
    return [figure.name for figure in figures if figure.reached is False]


def machine_lines(here: Processor, threads: str, versions: Mapping[str, str], others: float) -> list[str]:
    """What every table says of where it was measured: processor, threads, versions, and what else was running."""
    busy = (
        f" Other processes took {others:.0%} of the processors' time: it was busy." if others > 0.05 else ""
    )
    return [
        f"{here}.",
        f"Threads: {threads}.",
        ", ".join(f"{name} {version}" for name, version in versions.items()) + "." + busy,
    ]
