"""What every page of the guide must satisfy, as plain functions over its Markdown.

Knows the heading, table, fence and annotation conventions of `corpus/guide/`.
Does not know how the product splits or indexes a page: the guide is judged as text.

Run on single files while writing: ``python tests/guide/rules.py corpus/guide/06-*.md``.
"""

from __future__ import annotations

import ast
import operator
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from math import comb, log, log2, sqrt
from pathlib import Path

import yaml

TOPICS = Path(__file__).with_name("topics.yaml")
HEADING = re.compile(r"^(#{1,6}) +(.+?)(?: +\{#([^}]+)\})? *$")
FENCE = re.compile(r"^(`{3,}|~{3,})(.*)$")
LINK = re.compile(r"\[[^\]]*\]\(#([^)\s]+)\)")
CALC = re.compile(r"<!-- calc: (.+?) = ([-+\d.,eE_%]+)(?: \"([^\"]+)\")? -->")
COMMENT = re.compile(r"<!--.*?-->", re.S)
MAX_PROSE_WORDS = 900


@dataclass
class Block:
    """A fenced block: its info string and body."""

    info: str
    body: str
    line: int


@dataclass
class Page:
    """One heading with everything up to the next heading."""

    file: str
    line: int
    level: int
    title: str
    section_id: str | None
    lines: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All of the section as written, comments removed."""
        return COMMENT.sub("", "\n".join([self.title, *self.lines]))

    @property
    def prose(self) -> str:
        """Text without fences, tables and comments."""
        kept, inside = [], False
        for line in COMMENT.sub("", "\n".join(self.lines)).splitlines():
            if FENCE.match(line):
                inside = not inside
            elif not inside and not line.lstrip().startswith("|"):
                kept.append(line)
        return "\n".join(kept)

    @property
    def prose_words(self) -> int:
        """Number of words of prose."""
        return len(re.findall(r"\w[\w'’.,/-]*", self.prose))


def read_pages(paths: Iterable[Path]) -> list[Page]:
    """Split files into pages at headings; fences are never mistaken for headings."""
    pages: list[Page] = []
    for path in paths:
        fence: str | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            mark = FENCE.match(line)
            if fence is None and (head := HEADING.match(line)):
                pages.append(Page(path.name, number, len(head[1]), head[2], head[3]))
                continue
            if not pages:
                continue
            page = pages[-1]
            page.lines.append(line)
            if mark and fence is None:
                fence = mark[1]
                page.blocks.append(Block(mark[2].strip(), "", number))
            elif mark and fence is not None and line.startswith(fence) and not mark[2].strip():
                fence = None
            elif fence is not None:
                page.blocks[-1].body += line + "\n"
    return pages


def read_topics() -> list[dict[str, object]]:
    """The list of topics the guide must hold, in reading order."""
    topics: list[dict[str, object]] = yaml.safe_load(TOPICS.read_text(encoding="utf-8"))
    return topics


def normalise(text: str) -> str:
    """Fold case, dashes and spaces so that figures and terms compare."""
    text = text.replace("\u00a0", " ").replace("\u202f", " ").replace("\u2011", "-")
    text = re.sub(r"[\u2012\u2013\u2014\u2212]", "-", text)
    return re.sub(r"\s+", " ", text.lower())


def shows_figure(figure: str, text: str) -> bool:
    """Whether the figure stands in the text as a number of its own (commas are optional)."""
    plain = normalise(text)
    wanted = normalise(figure)
    forms = {wanted, wanted.replace(",", ""), wanted.replace("-", " to "), wanted.replace("-", " - ")}
    if re.fullmatch(r"\d{4,}", wanted):
        forms.add(f"{int(wanted):,}")
    return any(re.search(rf"(?<![\w.,]){re.escape(form)}(?![\w])(?![.,]\d)", plain) for form in forms)


def topic_text(pages: list[Page], topic_id: str, known: set[str]) -> str:
    """The topic's own text plus that of sub-headings that are not topics themselves."""
    return "\n".join(
        page.text
        for page in pages
        if page.section_id
        and (
            page.section_id == topic_id
            or (page.section_id.startswith(topic_id + "/") and owner(page.section_id, known) == topic_id)
        )
    )


def owner(section_id: str, known: set[str]) -> str:
    """The nearest ancestor (or the id itself) that is a known topic."""
    parts = section_id.split("/")
    while parts:
        if "/".join(parts) in known:
            return "/".join(parts)
        parts.pop()
    return section_id


_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.USub: operator.neg,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "log": log, "log2": log2, "sqrt": sqrt, "max": max, "min": min, "round": round, "comb": comb,
}  # fmt: skip


def evaluate(expression: str) -> float:
    """Evaluate an arithmetic expression of numbers, operators and a few functions."""

    def walk(node: ast.AST) -> float:
        match node:
            case ast.Constant(value=int() | float() as value):
                return value
            case ast.BinOp(left, op, right):
                return _OPERATORS[type(op)](walk(left), walk(right))
            case ast.UnaryOp(op, operand):
                return _OPERATORS[type(op)](walk(operand))
            case ast.Call(func=ast.Name(id=name), args=args):
                return _FUNCTIONS[name](*map(walk, args))
        raise ValueError(f"not arithmetic: {ast.dump(node)}")

    return walk(ast.parse(expression, mode="eval").body)


def calc_faults(page: Page) -> Iterator[str]:
    """Annotations whose result is wrong or is not what the page shows."""
    for match in CALC.finditer("\n".join(page.lines)):
        expression, result, shown = match.groups()
        number = result.replace(",", "").replace("_", "").rstrip("%")
        try:
            value = evaluate(expression)
        except (ValueError, SyntaxError, KeyError, ZeroDivisionError, TypeError) as error:
            yield f"calc cannot be read: {expression} ({error})"
            continue
        stated = Decimal(number)
        exponent = stated.as_tuple().exponent
        unit = 10.0 ** int(exponent) if isinstance(exponent, int) else 1.0
        if abs(value - float(stated)) > unit / 2 * 1.0001:
            yield f"calc is wrong: {expression} = {value!r}, annotated {result}"
        if not (shows_figure(shown, page.text) if shown else shows_figure(result, page.text)):
            yield f"calc result not shown on the page: {shown or result}"


def faults(pages: list[Page], *, complete: bool) -> Iterator[str]:
    """Everything wrong with the pages; `complete` also asks for every topic and link target."""
    topics = read_topics()
    known = {str(topic["id"]) for topic in topics}
    present = [page.section_id for page in pages]
    for page in pages:
        where = f"{page.file}:{page.line} {page.section_id or page.title}"
        if page.section_id is None:
            yield f"{where}: heading without {{#id}}"
            continue
        if present.count(page.section_id) > 1:
            yield f"{where}: id used more than once"
        if page.level != min(6, page.section_id.count("/") + 1):
            yield f"{where}: level {page.level}, but the id is {page.section_id.count('/') + 1} deep"
        if page.prose_words < 15:
            yield f"{where}: heading without text"
        if page.prose_words > MAX_PROSE_WORDS:
            yield f"{where}: {page.prose_words} words of prose, at most {MAX_PROSE_WORDS}"
        for fault in calc_faults(page):
            yield f"{where}: {fault}"
        for target in LINK.findall(page.text):
            if target not in present and (complete or target not in known):
                yield f"{where}: link to unknown section #{target}"
    files = {page.section_id.split("/")[0] for page in pages if page.section_id}
    for topic in topics:
        topic_id = str(topic["id"])
        if topic_id not in present:
            if complete or topic_id.split("/")[0] in files:
                yield f"{topic_id}: topic is missing"
            continue
        text = topic_text(pages, topic_id, known)
        for term in topic["must_mention"]:  # type: ignore[attr-defined]
            if normalise(str(term)) not in normalise(text):
                yield f"{topic_id}: key term missing: {term!r}"
        for figure in topic["figures"]:  # type: ignore[attr-defined]
            if not all(shows_figure(part, text) for part in re.split(r",\s+", str(figure))):
                yield f"{topic_id}: figure missing: {figure!r}"
    order = [str(topic["id"]) for topic in topics]
    seen = [section_id for section_id in present if section_id in known]
    if seen != [topic_id for topic_id in order if topic_id in seen]:
        yield "topics are not in reading order"


if __name__ == "__main__":
    found = read_pages(map(Path, sys.argv[1:]))
    problems = list(faults(found, complete=False))
    print("\n".join(problems) or "no faults")
    print(f"{len(found)} sections, {sum(page.prose_words for page in found):,} words of prose")
    raise SystemExit(bool(problems))
