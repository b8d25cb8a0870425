"""Quantities in what a candidate says: numbers with scale, unit and period.

Does not know which quantity was asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["/s", "B", "B/s", "s", "%", "count"]
SCALES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mil": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6,
    "b": 1e9, "bn": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "trillion": 1e12,
    "hundred": 1e2, "lakh": 1e5, "crore": 1e7,
}  # fmt: skip
PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}
BINARY = {"ki": 1024.0, "mi": 1024.0**2, "gi": 1024.0**3, "ti": 1024.0**4, "pi": 1024.0**5}
NAMED = {
    "byte": 1.0, "kilobyte": 1e3, "megabyte": 1e6, "gigabyte": 1e9, "terabyte": 1e12, "petabyte": 1e15,
    "exabyte": 1e18, "gig": 1e9, "meg": 1e6, "bit": 0.125, "kilobit": 125.0, "megabit": 125e3,
    "gigabit": 125e6, "terabit": 125e9,
}  # fmt: skip
PERIODS = {
    "second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0,
    "h": 3600.0, "day": 86_400.0, "daily": 86_400.0, "d": 86_400.0, "week": 604_800.0, "month": 2_592_000.0,
    "monthly": 2_592_000.0, "year": 31_536_000.0, "yr": 31_536_000.0, "annum": 31_536_000.0,
    "yearly": 31_536_000.0,
}  # fmt: skip
WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
NUMBER = (
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|10\^\d+|\d+(?:\.\d+)?(?:e\d+)?"
    r"|(?<![a-z])(?:(?:a few|a)(?=\s(?:hundred|thousand|million|billion|trillion)\b)"
    rf"|{'|'.join(WORDS)})(?![a-z]))"
)
SIZE = (
    r"(?P<bytes>(?:ki|mi|gi|ti|pi)b|[kmgtpe]?bps|[kmgtpe]bits?|[kmgtpe]b|(?:kilo|mega|giga|tera|peta|exa)?bytes?"
    r"|(?:kilo|mega|giga|tera)?bits?|gigs?|megs?|b(?=\s|$|[.,;/)]))"
)
PERIOD = "|".join(sorted(PERIODS, key=len, reverse=True))
QUANTITY = re.compile(
    NUMBER + r"(?:\s*(?P<scale>(?:hundred|thousand|millions?|billions?|trillion|mil|mio|bn|lakh|crore)\b"
    r"|[kmbt](?![a-z]))(?:\s+(?P<scale2>thousand|million|billion)\b)?)?"
    + rf"(?:\s*[-–]?\s*{SIZE}(?![a-z]))?"
    + r"(?P<rate>\s*(?:qps|rps|tps|iops|hz)\b)?"
    + r"(?P<percent>\s*(?:%|percent\b))?",
    re.I,
)
EACH = re.compile(
    r"(?:\s+(?:of\s+)?(?!(?:per|an?|each|every|in|and|or|is|are|for|at|to|so|over|with|each)\b)[a-z][a-z-]*){0,4}?"
    rf"(?:\s*(?:/|\bper\b|\bevery\b|\beach\b|\b(?:in )?an?\b)\s*(?P<period>{PERIOD})s?\b"
    r"|\s+(?P<adverb>daily|monthly|yearly)\b(?!\s+(?:active|users)))",
    re.I,
)
"""What follows a number that is a rate: "writes a second", "requests/s", "uploads per day"."""
DURATION = re.compile(
    rf"{NUMBER}\s*(?P<unit>ms|milliseconds?|us|µs|seconds?|secs?|s|minutes?|mins?|hours?|days?|weeks?|months?|years?)"
    r"(?![a-z])",
    re.I,
)
LENGTHS = {"ms": 1e-3, "millisecond": 1e-3, "us": 1e-6, "µs": 1e-6}


@dataclass(frozen=True)
class Quantity:
    """A number in base units (bytes, per second, seconds) and where it stands in the text."""

    value: float
    unit: Unit
    start: int
    end: int
    text: str


def number_of(text: str) -> float:
    """A plain number: digits, thousands commas, a power of ten, or a small word."""
    low = text.lower()
    if low in WORDS:
        return float(WORDS[low])
    if low == "a":
        return 1.0
    if low == "a few":
        return 3.0
    if low.startswith("10^"):
        return 10.0 ** int(low[3:])
    return float(low.replace(",", ""))


def bytes_of(unit: str) -> float:
    """Bytes in one of a unit of size."""
    low = unit.lower()
    if low[:2] in BINARY and len(low) == 3:
        return BINARY[low[:2]]
    if low.rstrip("s") in NAMED:
        return NAMED[low.rstrip("s")]
    prefix = PREFIXES.get(low[0], 1.0) if len(low) > 1 else 1.0
    return prefix / 8 if low.endswith("bps") or "bit" in low else prefix


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text in order; durations and percentages included."""
    found: list[Quantity] = []
    taken = [(m.start(), m.end()) for m in DURATION.finditer(text) if not after_per(text, m.start())]
    for match in QUANTITY.finditer(text):
        held = next(((a, b) for a, b in taken if a == match.start()), None)
        if held is not None and not match["bytes"]:
            duration = DURATION.match(text, match.start())
            assert duration is not None
            word = duration["unit"].lower()
            each = LENGTHS.get(word.rstrip("s") if len(word) > 2 else word)
            seconds = each if each is not None else PERIODS[word.rstrip("s") or "s"]
            found.append(
                Quantity(number_of(duration["number"]) * seconds, "s", *duration.span(), duration[0])
            )
            continue
        found.append(quantity_of(match))
    return found


def after_per(text: str, start: int) -> bool:
    """Whether what starts here is the period of a rate."""
    return bool(re.search(r"(?:/|\bper|\bevery|\beach)\s*$", text[:start], re.I))


def quantity_of(match: re.Match[str]) -> Quantity:
    """A quantity in base units."""
    value = number_of(match["number"])
    for scale in (match["scale"], match["scale2"]):
        value *= SCALES[scale.lower()] if scale else 1.0
    each = None if match["percent"] else EACH.match(match.string, match.end())
    period = (each["period"] or each["adverb"]).lower() if each else ""
    end = each.end() if each else match.end()
    unit: Unit
    if match["percent"]:
        unit = "%"
    elif match["bytes"]:
        value *= bytes_of(match["bytes"])
        rate = match["bytes"].lower().endswith("bps") or bool(period)
        unit, value = ("B/s", value / PERIODS.get(period, 1.0)) if rate else ("B", value)
    elif match["rate"] or period:
        unit, value = "/s", value / PERIODS.get(period, 1.0)
    else:
        unit = "count"
    return Quantity(value, unit, match.start(), end, match.string[match.start() : end].strip())
