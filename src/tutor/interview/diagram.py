"""Diagrams: Mermaid flowchart text to a graph, what the graph lacks, and any Mermaid text without what acts.

Does not know how it is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tutor.errors import TutorError
from tutor.interview.cues import matches
from tutor.interview.problem import Part

MAX_NODES, MAX_EDGES = 200, 1000
MAX_CHARACTERS = 20_000
"""What a diagram may have; it is drawn by hand, and anything larger is refused with its reason."""
HEADER = re.compile(r"^(?:graph|flowchart)(?:\s+(?:TB|TD|BT|RL|LR))?\s*;?$", re.I)
SKIPPED = re.compile(r"^(?:%%|style\b|classDef\b|class\b|linkStyle\b|click\b|direction\b|end\b|subgraph\b)")
OPENERS = ("[(", "[[", "[/", "((", "([", "{{", "[", "(", "{", ">")
CLOSERS = {
    "[(": ")]", "[[": "]]", "[/": "/]", "((": "))", "([": "])", "{{": "}}",
    "[": "]", "(": ")", "{": "}", ">": "]",
}  # fmt: skip
ARROW = re.compile(
    r"\s*(?:<|o|x)?(?:--+|==+|-\.+-?)(?:>|o(?=\s)|x(?=\s))?(?:\|[^|]*\||)\s*"
)
LABEL = re.compile(r"\|\s*\"?([^|\"]*)\"?\s*\|")
IDENTIFIER = re.compile(r"[\w.]+(?:-[\w.]+)*", re.UNICODE)
COPIES = re.compile(
    r"\b(?:replicas?|cluster|copies|fleet|pool|nodes|servers|shards?|workers|x\s?\d+|\d+\s?x)\b", re.I
)


class DiagramError(TutorError):
    """A diagram that cannot be read; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(
            f"Line {line} of the diagram: {reason}.", "The last diagram that could be read is kept."
        )
        self.line, self.reason = line, reason


@dataclass(frozen=True)
class Graph:
    """Nodes by id with their labels, and directed edges."""

    nodes: dict[str, str]
    edges: tuple[tuple[str, str], ...]

    def reached(self, starts: Iterable[str], without: str | None = None) -> set[str]:
        """Nodes that can be reached from the starts along edges, leaving one node out."""
        seen: set[str] = set()
        todo = [node for node in starts if node != without]
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += [b for a, b in self.edges if a == node and b != without and b not in seen]
        return seen


def parse(text: str) -> Graph:
    """Read a Mermaid flowchart.

    Raises:
        DiagramError: a line cannot be read, or it is not a flowchart.
    """
    nodes: dict[str, str] = {}
    edges: list[tuple[str, str]] = []
    begun = False
    if len(text) > MAX_CHARACTERS:
        raise DiagramError(1, f"more than {MAX_CHARACTERS:,} characters")
    for number, raw in enumerate(text.splitlines(), 1):
        for line in (part.strip() for part in raw.split(";")):
            if not line or SKIPPED.match(line):
                continue
            if not begun:
                if not HEADER.match(line):
                    raise DiagramError(number, "it must begin with `flowchart LR` or `graph TD`")
                begun = True
                continue
            read_line(line, number, nodes, edges)
            if len(nodes) > MAX_NODES:
                raise DiagramError(number, f"more than {MAX_NODES} nodes")
            if len(edges) > MAX_EDGES:
                raise DiagramError(number, f"more than {MAX_EDGES:,} arrows")
    if not nodes:
        raise DiagramError(1, "there is no node")
    return Graph(nodes, tuple(dict.fromkeys(edges)))


ACTING = frozenset("click callback link links href properties details call".split())
"""First words of statements that make a part of a diagram do something."""
MAX_NESTED = 5
STYLING = frozenset("style classDef linkStyle cssClass".split())
NOT_LOOKS = ("url", "position", "\\", "import", "expression", "inset", "z-index", "content")


def still(source: str) -> str:
    """The source of any Mermaid diagram without settings, links, callbacks, pictures and styles that reach out."""
    lines = without_settings(source).split("\n")
    return "\n".join(";".join(part for part in split_statements(line) if looks_only(part)) for line in lines)


def looks_only(statement: str) -> bool:
    """Whether a statement draws, and does nothing else."""
    words = statement.split(None, 2)
    if not words:
        return True
    first = words[0].lower()
    if first in ACTING and len(words) > 1 and not words[1].startswith(("-", "=", "<", "&", "~", "|", ".")):
        return False
    if words[0] in STYLING:
        return not any(name in statement.lower() for name in NOT_LOOKS)
    return not statement.lstrip().startswith("%%")


def without_settings(source: str) -> str:
    """The source without front matter, `%%{…}%%` directives and `@{…}` shape data; nothing, where they are nested."""
    text = source.lstrip("\ufeff \t\r\n")
    if text.startswith("---"):
        end = text.find("\n---", 3)
        text = text[end + 4 :] if end >= 0 else ""
    for _ in range(MAX_NESTED):
        if "%%{" not in text and "@{" not in text:
            return text
        text = without(without(text, "%%{", "}%%"), "@{", "}")
    return ""


def without(text: str, opener: str, closer: str) -> str:
    """The text without what stands between two marks; what stood around them may make another such pair."""
    kept, at = [], 0
    while (found := text.find(opener, at)) >= 0:
        kept.append(text[at:found])
        end = text.find(closer, found)
        at = end + len(closer) if end >= 0 else len(text)
    return "".join([*kept, text[at:]])


def split_statements(line: str) -> list[str]:
    """The statements of a line; a semicolon between quotes parts nothing."""
    parts, quoted, start = [], False, 0
    for i, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == ";" and not quoted:
            parts.append(line[start:i])
            start = i + 1
    return [*parts, line[start:]]


def read_line(line: str, number: int, nodes: dict[str, str], edges: list[tuple[str, str]]) -> None:
    """One statement: nodes joined by arrows; `A & B --> C` joins both."""
    at = 0
    previous: list[str] = []
    while True:
        group, at = read_group(line, at, number, nodes)
        if len(previous) * len(group) > MAX_EDGES:
            raise DiagramError(number, f"more than {MAX_EDGES:,} arrows")
        edges += [(a, b) for a in previous for b in group]
        if at >= len(line):
            return
        arrow = ARROW.match(line, at)
        if not arrow or arrow.end() == at:
            raise DiagramError(number, f"an arrow was expected at “{line[at : at + 20]}”")
        at, previous = arrow.end(), group
        if at >= len(line):
            raise DiagramError(number, "the arrow points at nothing")


def read_group(line: str, at: int, number: int, nodes: dict[str, str]) -> tuple[list[str], int]:
    """The nodes of `A & B`, and where they end."""
    group = []
    while True:
        match = IDENTIFIER.match(line, at)
        if not match:
            raise DiagramError(number, f"a node was expected at “{line[at : at + 20]}”")
        key, at = match[0], match.end()
        label, at = read_label(line, at, number)
        if label is not None or key not in nodes:
            nodes[key] = label if label is not None else key
        group.append(key)
        joined = re.compile(r"\s*&\s*").match(line, at)
        if not joined:
            return group, at
        at = joined.end()


def read_label(line: str, at: int, number: int) -> tuple[str | None, int]:
    """The text in a node's brackets, and where it ends."""
    for opener in OPENERS:
        if line.startswith(opener, at):
            if opener == ">" and not line[at - 1].isalnum():
                return None, at
            closer = CLOSERS[opener]
            begin = at + len(opener)
            end = (
                line.find('"' + closer, begin) + 1
                if line[begin : begin + 1] == '"'
                else line.find(closer, begin)
            )
            if end <= 0:
                raise DiagramError(number, f"`{opener}` is never closed by `{closer}`")
            label = re.sub(r"<br\s*/?>", " ", line[begin:end].strip().strip('"'))
            return label.strip() or None, end + len(closer)
    return None, at


@dataclass(frozen=True)
class Finding:
    """Something the diagram lacks: `kind`, the role or node, and a question about it."""

    kind: str
    subject: str
    question: str


def roles(graph: Graph, parts: Sequence[Part]) -> dict[str, str]:
    """The role of each node whose label or id names one."""
    found = {}
    for key, label in graph.nodes.items():
        for part in parts:
            if matches(part.names, f"{label} {key}"):
                found[key] = part.role
                break
    return found


def findings(graph: Graph, parts: Sequence[Part]) -> list[Finding]:
    """Missing roles, stores nothing reaches, and lone stores whose loss cuts the way."""
    held = roles(graph, parts)
    out = []
    stores = {part.role for part in parts if part.store}
    targets = {b for _, b in graph.edges}
    starts = [key for key in graph.nodes if key not in targets] or list(graph.nodes)[:1]
    for key, role in held.items():
        if role in stores and key not in graph.reached([s for s in starts if s != key]):
            name = graph.nodes[key]
            out.append(
                Finding("unreachable", name, f"In your diagram nothing leads to “{name}”. Who talks to it?")
            )
    for key, role in held.items():
        alone = sum(other == role for other in held.values()) == 1
        if role in stores and alone and not COPIES.search(graph.nodes[key]) and len(graph.nodes) > 2:
            name = graph.nodes[key]
            out.append(Finding("single", name, f"What happens when “{name}” in your diagram goes down?"))
    for part in parts:
        if part.needed and part.role not in held.values():
            out.append(Finding("missing", part.role, ""))
    return out
