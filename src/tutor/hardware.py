"""What this machine computes with, and how fast the models run on it.

Knows processors and clocks; does not know a model: what is timed is handed in as a function.
"""

from __future__ import annotations

import importlib
import os
import platform
import random
import statistics
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

INSTRUCTIONS = {
    "avx2": "AVX2", "fma": "FMA3", "avx_vnni": None, "avx512f": "AVX512F", "avx512_vnni": "AVX512VNNI",
    "avx512_bf16": "AVX512BF16", "amx_int8": None, "amx_bf16": None, "asimd": "ASIMD", "asimddp": "ASIMDDP",
    "i8mm": None, "sve": "SVE",
}  # fmt: skip
"""The instruction sets that decide how fast small models run: the kernel's name and NumPy's, where it has one."""
BEHIND_AVX512 = ("avx512", "amx", "avx_vnni")
"""What a process that is kept from AVX-512 does not see either; NumPy does not say so of all of them."""
MACOS = {
    "hw.optional.arm.FEAT_DotProd": "asimddp",
    "hw.optional.arm.FEAT_I8MM": "i8mm",
    "hw.optional.neon": "asimd",
}
PAIR_TOKENS = 128
PREFILL_TOKENS = 120
BUDGET_MS = 1500
"""Time for one median, so that a machine that is far too slow is told so soon."""
WORDS = (
    "the of and in to a is was for on as with by he that at from his it an were are which this also be had or has"
    " first their one its new after but who not they have her she two been other when time all during there into"
    " school more may years over only year most would world city some where between later three state such then"
    " national used made known under many university united while part season team these american than film second"
    " born south became states war through being including both before north high however people family early history"
).split()
"""Words that are one token each to the verifier and to the chat models."""


@dataclass(frozen=True)
class Processor:
    """The processor as this process sees it; `hidden` are instruction sets the kernel lists and the process lacks."""

    model: str
    cores: int
    instructions: tuple[str, ...]
    hidden: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The widest instructions: AVX-512, AVX2, NEON or other."""
        widest = (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("asimd", "NEON"))
        return next((kind for name, kind in widest if name in self.instructions), "other")

    def __str__(self) -> str:
        held = " ".join(self.instructions) or "no instruction set that is known here"
        cores = f"{self.cores} core{'s' if self.cores != 1 else ''}"
        hidden = f" (hidden from this process: {' '.join(self.hidden)})" if self.hidden else ""
        return f"{self.model}, {cores}; {held}{hidden}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "kind": self.kind}


def processor() -> Processor:
    """The processor of this machine; on systems that are not known, what NumPy says of it."""
    model, listed = platform.processor() or "unknown processor", None
    if platform.system() == "Linux":
        model, listed = from_cpuinfo(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    elif platform.system() == "Darwin":
        model, listed = from_sysctl(output_of("sysctl", "machdep.cpu", "hw.optional"))
    kept, hidden = instructions(listed, numpy_features())
    return Processor(model, usable_cores(), kept, hidden)


def from_cpuinfo(text: str) -> tuple[str, set[str]]:
    """Model and instruction sets from the text of /proc/cpuinfo: the first processor's."""
    held: dict[str, str] = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            held.setdefault(name.strip().lower(), value.strip())
    model = held.get("model name") or held.get("hardware") or ""
    if "cpu family" in held and "model" in held:
        model += f" (family {held['cpu family']}, model {held['model']})"
    elif not model and "cpu implementer" in held:
        model = f"ARM (implementer {held['cpu implementer']}, part {held.get('cpu part', 'unknown')})"
    return model.strip() or "unknown processor", set(
        (held.get("flags") or held.get("features") or "").split()
    )


def from_sysctl(text: str) -> tuple[str, set[str]]:
    """Model and instruction sets from the output of `sysctl machdep.cpu hw.optional`."""
    held = {
        name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())
    }
    words = (
        f"{held.get('machdep.cpu.features', '')} {held.get('machdep.cpu.leaf7_features', '')}".lower().split()
    )
    found = set(words) | {ours for theirs, ours in MACOS.items() if held.get(theirs) == "1"}
    return held.get("machdep.cpu.brand_string") or "unknown processor", found


def instructions(
    listed: Collection[str] | None, seen: Mapping[str, bool]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The instruction sets of INSTRUCTIONS that this process has, and those that only the kernel lists.

    Args:
        listed: names as the kernel lists them; None where it lists none.
        seen: NumPy's names with whether this process has them: a debugger or an emulator may answer for the
            processor, and then the kernel's list says more than the process can use.
    """
    if listed is None:
        return tuple(name for name, theirs in INSTRUCTIONS.items() if theirs and seen.get(theirs)), ()
    kept_from_avx512 = "avx512f" in listed and seen.get("AVX512F") is False
    kept: list[str] = []
    hidden: list[str] = []
    for name, theirs in INSTRUCTIONS.items():
        if name not in listed:
            continue
        lacks = theirs is not None and seen.get(theirs) is False
        (hidden if lacks or (kept_from_avx512 and name.startswith(BEHIND_AVX512)) else kept).append(name)
    return tuple(kept), tuple(hidden)


def numpy_features() -> Mapping[str, bool]:
    """What NumPy found the processor to have when it was imported; empty where it does not say."""
    try:
        found: Mapping[str, bool] = importlib.import_module("numpy._core._multiarray_umath").__cpu_features__
    except (ImportError, AttributeError):
        return {}
    return found


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def output_of(*command: str) -> str:
    """What a command prints; nothing where it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


@dataclass(frozen=True)
class Need:
    """The speed that the product needs of a model, and how much of it one answer takes."""

    what: str
    unit: str
    value: float
    per_answer: int
    at_least: bool = False

    def extra_s(self, measured: float) -> float:
        """Seconds that an answer takes longer at the measured speed; 0 where it is fast enough."""
        spent, needed = (
            (1 / measured, 1 / self.value) if self.at_least else (measured / 1000, self.value / 1000)
        )
        return max(0.0, (spent - needed) * self.per_answer)


NEEDS = {
    "embed": Need("embedding model, one question", "ms", 15.0, 8),
    "verify": Need(f"verifier, a pair of {PAIR_TOKENS} tokens", "ms", 30.0, 12),
    "prefill": Need("chat model, reading its prompt", "tokens/s", 60.0, 350, at_least=True),
}
"""A question and its claims are about eight texts, its sentences and claims about twelve pairs, its prompt 350 tokens."""


@dataclass(frozen=True)
class Speed:
    """How fast a model runs here; `value` is None where it was not measured, and `note` says why."""

    name: str
    value: float | None
    note: str = ""

    @property
    def need(self) -> Need:
        """What the product needs of it."""
        return NEEDS[self.name]

    @property
    def enough(self) -> bool | None:
        """Whether it is as fast as the product needs; None where it was not measured."""
        return None if self.value is None else self.need.extra_s(self.value) == 0

    @property
    def verdict(self) -> str:
        """A plain word for the reader."""
        if self.value is None:
            return f"not measured: {self.note}"
        longer = self.need.extra_s(self.value)
        return f"slow: answers will take about {max(longer, 0.1):.1f} s longer" if longer else "fast enough"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name, "what": self.need.what, "value": None if self.value is None else round(self.value, 1),
            "unit": self.need.unit, "needed": self.need.value, "enough": self.enough, "verdict": self.verdict,
        }  # fmt: skip


def timed_ms(call: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def text_of(tokens: int, chance: random.Random) -> str:
    """Words of about that many tokens, in another order each time, so that no cache knows them."""
    return " ".join(chance.choices(WORDS, k=tokens))


def pair_of(tokens: int, chance: random.Random) -> tuple[str, str]:
    """A passage and a claim of that many tokens together, with the three that a reader of pairs puts around them."""
    claim = tokens // 5
    return text_of(tokens - claim - 3, chance), text_of(claim, chance)


def embedding_ms(embed: Callable[[Sequence[str]], object], times: int = 20) -> float:
    """Milliseconds to embed one question of twelve words: the median of as many different ones."""
    chance = random.Random()
    return median_ms(lambda: text_of(12, chance), lambda question: embed([question]), times)


def pair_ms(read: Callable[[Sequence[tuple[str, str]]], object], times: int = 10) -> float:
    """Milliseconds to read one pair of PAIR_TOKENS tokens: the median of as many different ones."""
    chance = random.Random()
    return median_ms(lambda: pair_of(PAIR_TOKENS, chance), lambda pair: read([pair]), times)


def median_ms(make: Callable[[], Any], use: Callable[[Any], object], times: int) -> float:
    """Median milliseconds of a use, each of something newly made, after one that loads; a slow one is timed less often."""
    use(make())
    spent: list[float] = []
    while len(spent) < times and (len(spent) < 2 or sum(spent) < BUDGET_MS):
        made = make()
        spent.append(timed_ms(lambda made=made: use(made)))  # type: ignore[misc]
    return statistics.median(spent)


def prefill_tokens_s(read: Callable[[str], object], tokens: int = PREFILL_TOKENS) -> float | None:
    """Tokens of a prompt that a chat model reads in a second; None where the clock is too coarse to say.

    Args:
        read: has the model read a text and say at most one token.
        tokens: how many more tokens the long text has than the short ones whose time is taken off.
    """
    chance, short = random.Random(), 8
    read(text_of(short, chance))
    spare = min(timed_ms(lambda: read(text_of(short, chance))) for _ in range(2))
    tokens = tokens if spare < BUDGET_MS / 2 else tokens // 3
    spent = timed_ms(lambda: read(text_of(short + tokens, chance))) - spare
    return tokens / spent * 1000 if spent > 0 else None
