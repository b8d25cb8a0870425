"""Quantities in what a candidate says: numbers with scale, unit and period, in base units.

Does not know which quantity was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from tutor.interview.numerals import SCALES, Numeral, numerals

Unit = Literal["/s", "B", "B/s", "s", "%", "count"]
PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18}
BINARY = {"ki": 1024.0, "mi": 1024.0**2, "gi": 1024.0**3, "ti": 1024.0**4, "pi": 1024.0**5}
NAMED = {
    "byte": 1.0, "kilobyte": 1e3, "megabyte": 1e6, "gigabyte": 1e9, "terabyte": 1e12, "petabyte": 1e15,
    "exabyte": 1e18, "gig": 1e9, "meg": 1e6, "bit": 0.125, "kilobit": 125.0, "megabit": 125e3,
    "gigabit": 125e6, "terabit": 125e9,
}  # fmt: skip
PERIODS = {
    "second": 1.0, "sec": 1.0, "s": 1.0, "minute": 60.0, "min": 60.0, "hour": 3600.0, "hr": 3600.0,
    "h": 3600.0, "day": 86_400.0, "daily": 86_400.0, "d": 86_400.0, "week": 604_800.0, "weekly": 604_800.0,
    "month": 2_592_000.0, "monthly": 2_592_000.0, "mo": 2_592_000.0, "year": 31_536_000.0, "yr": 31_536_000.0,
    "annum": 31_536_000.0, "yearly": 31_536_000.0, "hourly": 3600.0, "y": 31_536_000.0,
}  # fmt: skip
LENGTHS = {
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milisecond": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6,
    "microsecond": 1e-6, "ns": 1e-9, "nanosecond": 1e-9, "decade": 315_360_000.0,
}  # fmt: skip
SCALE = re.compile(
    r"\s*(?:(hundreds?|thousands?|thosands?|mill?i?ons?|bill?i?ons?|trill?i?ons?|mil|mn|mio|bn|lakhs?|crores?)\b(?:\s+of\b(?!\s+the\b))?"
    r"|([kmt]|(?<=\d)b)(?![a-z])|([kKmM])(?=qps|rps|tps|iops|req))",
    re.I,
)
WIDE_B = re.compile(
    r"\s+B\s+(?!per\b|each\b|of\b|for\b|is\b|and\b|an?\b|x\b|on\b|in\b|plus\b|or\b|(?:gives|makes|equals|adds|comes|takes|needs|times)\b)(?:[a-z]{2,}s|people)\b"
)
"""A letter B, set apart, before what is counted: billions. Otherwise it is bytes."""
SIZE = re.compile(
    r"(?:\s+of)?(?:\s*[-–])?\s*(?P<bytes>(?:ki|mi|gi|ti|pi)b(?:yte)?s?|[kmgtpe]?bps|[kmgtpe]bits?|[kmgtpe]b(?:yte)?s?"
    r"|(?:kilo|mega|giga|tera|terra|peta|exa)?bytes?|(?:kilo|mega|giga|tera)?bits?|gigs?|megs?|b)(?![a-z0-9])",
    re.I,
)
RATE = re.compile(r"\s*(?:qps|rps|tps|iops|hz|ops|(?P<minutely>[rq]pm))\b", re.I)
RATE_BEFORE = re.compile(
    r"\b(?:qps|rps|tps|iops)\s*"
    r"(?:=|:|~|(?:is|are|of|at|about|around|roughly|maybe|say|probably|be|would|some)\b[\s,]*){0,3}$",
    re.I,
)
PERCENT = re.compile(r"\s*(?:%|percent\b|per\s?cent\b|pct\b)", re.I)
PERIOD = "|".join(sorted(PERIODS, key=len, reverse=True))
OTHER = r"(?!(?:per|an?|each|every|in|and|or|is|are|for|at|to|so|over|with|but|from|by|than|which)\b)"
EACH = re.compile(
    rf"(?:(?<=\d)[a-z]{{2,}}(?=/s|/min|/h|/day))?(?:\s+(?:of\s+)?{OTHER}[a-z][a-z-]*){{0,4}}?"
    rf"(?:\s*(?:/|\bper\b|\beach\b|\bevery\b)\s*(?!(?:{PERIOD})s?\b)[a-z]+)?"
    rf"(?:\s*(?:/|\bper\b|\bevery\b|\beach\b|\bp\.|\b(?:in )?an?\b)\s*(?P<period>{PERIOD})s?\b"
    r"|\s*(?:/|\bper\b)\s*(?P<typo>[a-z]{5,8})\b"
    r"|\s+(?P<adverb>daily|monthly|yearly|hourly|weekly)\b(?!\s+(?:active|users|uniques)))",
    re.I,
)
"""What follows a number that is a rate: "writes a second", "requests/s", "posts per user per day"."""
DURATION = re.compile(
    r"(?:\s*[-–])?\s*(?P<unit>ms|msecs?|mill?iseconds?|microseconds?|nanoseconds?|us|µs|μs|ns|seconds?|secs?|s|minutes?"
    r"|mins?|hours?|hrs?|h|days?|weeks?|months?|years?|yrs?|decades?)(?![a-z0-9])",
    re.I,
)
RANGE = re.compile(r"\s*(?:-|–|—|to|up to|and|or)\s*$", re.I)
LIST_RANGE = re.compile(r"\bbetween$", re.I)
PERIODIC = re.compile(r"(?:(?<!\bw)/|\bper|\bevery|\beach)$", re.I)
LOOK_BACK = 200
"""Characters read before a number, white space next to it left out."""


@dataclass(frozen=True)
class Quantity:
    """A number in base units (bytes, per second, seconds) and where it stands in the text."""

    value: float
    unit: Unit
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Parsed:
    """A number with what belongs to it: scale, unit, how many base units one is, and the end."""

    numeral: Numeral
    scale: float
    unit: Unit
    each: float
    end: int

    @property
    def value(self) -> float:
        """In base units."""
        return self.numeral.value * self.scale * self.each


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text in order; durations and percentages included; both ends of a range."""
    found: list[Parsed] = []
    taken = 0
    for numeral in numerals(text):
        if numeral.start < taken or periodic(text, numeral.start):
            continue
        found.append(parsed(text, numeral))
        taken = found[-1].end
    return [quantity(text, item) for item in ranged(text, found) if item.value < float("inf")]


def periodic(text: str, start: int) -> bool:
    """Whether what starts here is the period of a rate: "every 5 minutes"."""
    return bool(PERIODIC.search(before(text, start)))


def before(text: str, start: int) -> str:
    """What stands before a place, without the white space next to it."""
    while start > 0 and text[start - 1].isspace():
        start -= 1
    return text[max(0, start - LOOK_BACK) : start]


def parsed(text: str, numeral: Numeral) -> Parsed:
    """A number with the scale and unit that follow it."""
    unit: Unit
    scale, end = (1.0, numeral.end) if numeral.scale > 1 else scale_of(text, numeral.end)
    if percent := PERCENT.match(text, end):
        return Parsed(numeral, scale, "%", 1.0, percent.end())
    if size := SIZE.match(text, end):
        each = EACH.match(text, size.end())
        period = seconds(each)
        per_second = size["bytes"].lower().endswith("bps") or period is not None
        unit = "B/s" if per_second else "B"
        last = each.end() if each and period else size.end()
        return Parsed(numeral, scale, unit, bytes_of(size["bytes"]) / (period or 1.0), last)
    length = DURATION.match(text, end)
    if length and (scale == 1.0 or end > numeral.end + 1):
        each = EACH.match(text, end)
        if not (each and seconds(each) and each.end() > length.end()):
            word = length["unit"].lower()
            return Parsed(numeral, scale, "s", length_of(word), length.end())
    if rate := RATE.match(text, end):
        return Parsed(numeral, scale, "/s", 1 / 60 if rate["minutely"] else 1.0, rate.end())
    each = EACH.match(text, end)
    period = seconds(each)
    if each and period:
        return Parsed(numeral, scale, "/s", 1 / period, each.end())
    unit = "/s" if RATE_BEFORE.search(before(text, numeral.start)) else "count"
    return Parsed(numeral, scale, unit, 1.0, end)


def scale_of(text: str, at: int) -> tuple[float, int]:
    """The scale words or letters after a number, multiplied, and where they end."""
    if WIDE_B.match(text, at):
        return 1e9, at + len(text[at:]) - len(text[at:].lstrip()) + 1
    scale = 1.0
    for _ in range(2):
        match = SCALE.match(text, at)
        if not match:
            break
        word = (match[1] or match[2] or match[3]).lower()
        if len(word) == 1 and text[at].isspace() and word in "mt" and scale > 1:
            break
        close = word if word in SCALES else get_close_matches(word, list(SCALES), 1, 0.7)[0]
        scale, at = scale * SCALES[close], match.end()
        if len(word) == 1:
            break
    return scale, at


def seconds(each: re.Match[str] | None) -> float | None:
    """The period of a rate in seconds; None where there is none."""
    if each is None:
        return None
    if each["typo"]:
        close = get_close_matches(each["typo"].lower(), ("second", "minute", "month"), 1, 0.78)
        return PERIODS[close[0]] if close else None
    return PERIODS[(each["period"] or each["adverb"]).lower()]


def length_of(word: str) -> float:
    """Seconds in one of a unit of time."""
    for held in (word, word.rstrip("s") if len(word) > 1 else word):
        if held in LENGTHS:
            return LENGTHS[held]
        if held in PERIODS:
            return PERIODS[held]
    return LENGTHS["millisecond"] if word.startswith("mil") else 1.0


def bytes_of(unit: str) -> float:
    """Bytes in one of a unit of size."""
    low = unit.lower().replace("terra", "tera")
    if low[:2] in BINARY and low[2:] in ("b", "bs", "byte", "bytes"):
        return BINARY[low[:2]]
    if low.rstrip("s") in NAMED:
        return NAMED[low.rstrip("s")]
    prefix = PREFIXES.get(low[0], 1.0) if len(low.rstrip("s")) > 1 and not low.startswith("b") else 1.0
    return prefix / 8 if low.endswith("bps") or "bit" in low else prefix


def ranged(text: str, found: Sequence[Parsed]) -> list[Parsed]:
    """The quantities with the first end of a range in the unit, and where it has none the scale, of the second."""
    out = list(found)
    for i in range(len(out) - 1, 0, -1):
        first, second = out[i - 1], out[i]
        between = text[first.end : second.numeral.start]
        if first.unit != "count" or not RANGE.fullmatch(between):
            continue
        if between.strip().lower() == "and" and not LIST_RANGE.search(before(text, first.numeral.start)):
            continue
        scale, wide = first.scale, second.scale * second.numeral.scale
        if scale * first.numeral.scale == 1.0 and first.numeral.value < min(
            1000, second.numeral.value * second.scale
        ):
            scale = wide
        out[i - 1] = replace(first, unit=second.unit, each=second.each, scale=scale)
    return out


def quantity(text: str, item: Parsed) -> Quantity:
    """A quantity in base units."""
    start = item.numeral.start
    return Quantity(item.value, item.unit, start, item.end, text[start : item.end].strip())
