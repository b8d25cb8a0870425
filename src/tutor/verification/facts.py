"""Numbers, names and negation in a sentence: what may never differ from the source.

Does not know similarity or thresholds.
"""

from __future__ import annotations

import re

NUMBER = re.compile(
    r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:\s?(?:%|[kKMGTPE]?B\b|ms\b|µs\b|ns\b|s\b|[kKMB]\b))?"
)
WORD_NUMBERS = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "dozen": "12", "hundred": "100", "thousand": "1000",
    "million": "1000000", "billion": "1000000000",
}  # fmt: skip
NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b(?:[A-Z][a-z]+[A-Z]\w*|[A-Z]{2,}\w*|[A-Z][a-z]{2,})\b|`[^`]+`")
NEGATION = re.compile(
    r"\b(?:not|never|no|none|cannot|can't|don't|doesn't|isn't|aren't|won't|without|neither|nor|unlike)\b",
    re.I,
)


def numbers(text: str) -> set[str]:
    """Numbers of a text in one notation: no thousands commas, unit joined, number words counted."""
    found = set()
    for match in NUMBER.findall(text):
        value = match.replace(",", "").replace(" ", "").lstrip("+")
        found.add(value.rstrip(".").lower())
    return found


def spelled(text: str) -> set[str]:
    """Numbers written as words, as digits."""
    return {WORD_NUMBERS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in WORD_NUMBERS}


def bare(number: str) -> str:
    """A number without its unit."""
    return re.sub(r"[^\d.+-]", "", number)


def numbers_agree(claim: str, source: str) -> bool:
    """Whether every number of the claim stands in the source, with the same unit where it has one."""
    given = numbers(source) | spelled(source)
    loose = {bare(number) for number in given}
    for number in numbers(claim):
        if number not in given and (number != bare(number) or number not in loose):
            return False
    large = {value for value in spelled(claim) if int(value) > 1}
    return large <= given | loose | spelled(source)


def names(text: str) -> set[str]:
    """Names within a sentence: acronyms, camel case, capitalised words, code."""
    return {match.strip("`").lower() for match in NAME.findall(text)}


def names_agree(claim: str, source: str) -> bool:
    """Whether every name of the claim stands somewhere in the source."""
    held = source.lower()
    return all(name in held or name.rstrip("s") in held for name in names(claim))


def negation_agrees(claim: str, source: str) -> bool:
    """Whether claim and source agree on holding a negation."""
    return bool(NEGATION.search(claim)) == bool(NEGATION.search(source))
