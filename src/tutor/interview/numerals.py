"""Plain numbers as people write and say them: "12,000", "10^9", "half a", "two hundred and fifty", "1.5".

Does not know units. Numbers that are part of a name ("IPv4", "SHA-256", "HTTP 404", "p99") are no numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES = {
    "thousand": 1e3, "thousands": 1e3, "k": 1e3, "million": 1e6, "millions": 1e6, "mn": 1e6, "mil": 1e6,
    "mio": 1e6, "m": 1e6,
    "billion": 1e9, "billions": 1e9, "bn": 1e9, "b": 1e9, "trillion": 1e12, "trillions": 1e12, "t": 1e12,
    "lakh": 1e5, "lakhs": 1e5, "crore": 1e7, "crores": 1e7, "hundred": 1e2, "hundreds": 1e2,
}  # fmt: skip
LONG_SCALES = {"thousand", "million", "billion", "trillion", "lakh", "crore"}
PHRASES = (
    (re.compile(r"(?:a |one )?half(?: (?:of )?an?\b|(?= (?:million|billion|trillion)\b))", re.I), 0.5),
    (re.compile(r"(?:a |one )?quarter(?: (?:of )?an?\b|(?= (?:million|billion|trillion)\b))", re.I), 0.25),
    (re.compile(r"three quarters of an?\b", re.I), 0.75),
    (re.compile(r"(?:a )?couple(?: of)?\b(?! with)", re.I), 2.0),
    (re.compile(r"half a dozen\b", re.I), 6.0),
    (re.compile(r"(?:a |one )?dozen\b", re.I), 12.0),
    (re.compile(r"a few(?= (?:hundred|thousand|million|billion|trillion)\b)", re.I), 3.0),
    (re.compile(r"(?<=\bfor )an?(?= (?:second|minute|hour|day|week|month|year)\b)", re.I), 1.0),
    (re.compile(r"(?<=\bwithin )an?(?= (?:second|minute|hour|day|week|month|year)\b)", re.I), 1.0),
    (re.compile(r"(?<=\bthan )an?(?= (?:second|minute|hour|day|week|month|year)\b)", re.I), 1.0),
    (re.compile(r"an?(?= (?:(?:kilo|mega|giga|tera|peta)?bytes?|[kmgtp]b)\b)", re.I), 1.0),
    (re.compile(r"an?(?= (?:hundred|thousand|million|billion|trillion|lakh|crore)\b)", re.I), 1.0),
)
"""Words for a number that do not add up, tried from the top."""
HALF = re.compile(r"\s+and\s+a\s+half\b", re.I)
POINT = re.compile(r"\s+point((?:\s+(?:zero|one|two|three|four|five|six|seven|eight|nine))+)\b", re.I)
DIGITS = re.compile(
    r"(?:(?P<times>[0-9]+(?:\.[0-9]+)?)\s*[x×*·]\s*(?=10\^))?(?P<base>[0-9]+)\^(?P<power>[0-9]{1,3})|[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?"
    r"|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}"
    r"|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+(?![\d.])"
    r"|[0-9]+(?:\.[0-9]+)?(?:e[0-9]{1,2}(?![a-z0-9]))?",
    re.I,
)
LONGEST = 310
"""Digits of the largest number a float can hold."""
WORD = re.compile(r"[a-z]+", re.I)
GAP = re.compile(r"[\s-]+")
NAMING = re.compile(
    r"(?:\b(?:http|https|oauth|tls|ssl|iso|rfc|utf|sha|md|step|steps|version|phase|option|port|status|error|code|tier|layer"
    r"|level|part|chapter|question|section|hsts|python|java|redis|postgres|kafka|mysql|mqtt|route|usb|wi-?fi|ipv)s?\s?[-/#]?\s*"
    r"|[a-z]\.|[a-z]|[a-z]-|[a-z][a-z]/|#|v\.?\s?)$",
    re.I,
)
"""What stands before a number that belongs to a name."""
ORDINAL = re.compile(
    r"(?:st|nd|rd|th)\b|-?(?:tier|way|phase|layer|tuple)\b|PC\b|NF\b|FA\b|D\b(?=\s+(?:array|matrix))"
)
"""What stands after one."""
COUNTED = re.compile(
    r"\s?(?:%|[a-z]?b\b|ms\b|[kmbt]\b|(?!(?:the|gets|is|says|means|has|lets|tells|makes|needs)\b)[a-z-]{1,14}s\b)", re.I
)
"""What follows a number that counts something, after an article: "a 503 byte page", "a 200 ms budget"."""
RESOLUTIONS = frozenset(("240", "360", "480", "720", "1080", "1440", "2160"))
"""Lines of a video format, as in 1080p."""
STATUS = re.compile(r"(?:20[0-6]|30[0-8]|4(?:0[0-9]|1[0-8]|2[269])|50[0-4])\Z")
STATUS_WORDS = re.compile(
    r"\b(?:http|status|redirects?|permanent|temporary|retry-after|not found|unauthori[sz]ed|forbidden|moved|returns?"
    r"|answers?|responds?|response|respond with|get a|give a|gets? an?|too many requests|conflict)\b",
    re.I,
)


@dataclass(frozen=True)
class Numeral:
    """A number and where it stands; `scale` is the last scale word that it holds itself, 1 for none."""

    value: float
    start: int
    end: int
    scale: float = 1.0


def numerals(text: str) -> Iterator[Numeral]:
    """The plain numbers of a text in order, without scale letters, units or names."""
    at = 0
    while at < len(text):
        found = None
        if text[at] in "0123456789":
            match = DIGITS.match(text, at)
            assert match is not None
            if named(text, match):
                at = past_name(text, match.end())
                continue
            found = Numeral(digits(match), at, match.end())
        elif text[at].isalpha():
            word = WORD.match(text, at)
            if word is None:
                at += 1
                continue
            found = spelled(text, at)
            if found is None:
                at = word.end()
                continue
        if found is None:
            at += 1
            continue
        yield found
        at = found.end


def digits(match: re.Match[str]) -> float:
    """The value of a number in digits; a power too large for a number is infinite."""
    if match["base"]:
        try:
            if len(match["base"]) > LONGEST and int(match["power"]):
                return float("inf")
            return float(match["times"] or 1) * float(int(match["base"]) ** int(match["power"]))
        except OverflowError:
            return float("inf")
    return float(re.sub(r"[, \u00a0\u202f]", "", match[0]))


def named(text: str, match: re.Match[str]) -> bool:
    """Whether a number in digits belongs to a name: a protocol, a status code, an ordinal, an address."""
    before, after = text[max(0, match.start() - 14) : match.start()], text[match.end() : match.end() + 14]
    if re.match(r"\.\d", after) or (re.search(r"\d[./]$", before) and re.match(r"[./]\d|\.", after)):
        return True
    if re.match(r"p\b", after) and match[0] in RESOLUTIONS:
        return True
    if ORDINAL.match(after) or NAMING.search(before):
        return not re.search(r"(?:^|[^a-z])x$", before, re.I)
    if re.match(r"/7\b", after) or re.search(r"\b24/$", before):
        return True
    return bool(STATUS.match(match[0])) and is_status(text, match, before, after)


def is_status(text: str, match: re.Match[str], before: str, after: str) -> bool:
    """Whether a number that may be an HTTP status is one: by an article before it, or by what is said around it."""
    if re.match(r"s\b", after):
        return True
    if re.search(r"\ban?\s$", before):
        return not COUNTED.match(after)
    if re.match(r"\s(?:redirect|with|when|or 30\d|if|for|response)\b", after):
        return True
    window = text[max(0, match.start() - 60) : match.end() + 40]
    return bool(STATUS_WORDS.search(window)) and not re.match(r"\s?[a-z%]", after, re.I)


def past_name(text: str, at: int) -> int:
    """The end of a name that goes on after its number: "10.0.0.1", "3-tier", "HTTP/1.1"."""
    match = re.match(r"(?:[.:/]\d+)*(?:-?[A-Za-z]+)?", text[at:])
    return at + (match.end() if match else 0)


def spelled(text: str, at: int) -> Numeral | None:
    """A number in words that starts here, with the scales inside it; None where there is none."""
    if at and (text[at - 1].isalnum() or text[at - 1] == "'"):
        return None
    for pattern, value in PHRASES:
        match = pattern.match(text, at)
        if match:
            return scaled(text, value, match.end(), at)
    total, current, end, scale = 0.0, 0.0, at, 1.0
    while (word := WORD.match(text, end if end == at else GAP.match(text, end).end())) is not None:  # type: ignore[union-attr]
        low = word[0].lower()
        if low in SMALL:
            current += SMALL[low]
        elif low in TENS:
            current += TENS[low]
        elif low == "hundred" and (current or end == at):
            current = (current or 1.0) * 100
        elif low in LONG_SCALES and current:
            total, current, scale = total + current * SCALES[low], 0.0, SCALES[low]
        elif low == "and" and end > at and (current >= 100 or total) and continues(text, word.end()):
            pass
        else:
            break
        end = word.end()
        half, point = HALF.match(text, end), POINT.match(text, end)
        if half and current:
            current, end = current + 0.5, half.end()
        if point:
            digits_after = [str(SMALL[word.lower()]) for word in point[1].split()]
            current, end = current + float("0." + "".join(digits_after)), point.end()
        if not GAP.match(text, end):
            break
    if end == at:
        return None
    return Numeral(total + current, at, end, scale)


def continues(text: str, at: int) -> bool:
    """Whether a number in words goes on after an "and"."""
    match = re.match(r"\s+([a-z]+)", text[at:], re.I)
    return bool(match) and match[1].lower() in {**SMALL, **TENS} if match else False


def scaled(text: str, value: float, end: int, start: int) -> Numeral:
    """The number times the scale words that follow ("hundred thousand")."""
    scale = 1.0
    while match := re.match(
        r"\s+(hundreds?|thousand|million|billion|trillion|lakh|crore)\b", text[end:], re.I
    ):
        scale *= SCALES[match[1].lower()]
        end += match.end()
    return Numeral(value * scale, start, end, scale)
