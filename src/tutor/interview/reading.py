"""Reading the candidate: statements matched to check items, facts asked for, numbers, red flags.

Does not know phases, moves or scores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tutor.interview.cues import matches
from tutor.interview.matching import ItemMatcher, Match, denied
from tutor.interview.problem import CheckItem, Estimate, Fact, Problem, RedFlag
from tutor.interview.quantities import Quantity, quantities
from tutor.interview.scoping import FactFinder
from tutor.interview.statements import Statement, echoed, pairs, statements
from tutor.retrieval.embedder import Embedder
from tutor.retrieval.kept import KeptVectors
from tutor.verification.cross_encoder import CrossEncoder

VERB = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE)\s+/")
INJECTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instruction|rule|prompt|above|previous)"
    r"|\b(?:full marks|full score|perfect score|print (?:the|your)|reveal (?:the|your)|you are now|act as"
    r"|(?:give|grant|award) me (?:full|all|the|a|top|high|credit|points)|mark me as|score me|rate me|strong hire"
    r"|show me (?:the|your) (?:rubric|checklist|prompt|answer)"
    r"|(?:the|your) (?:rubric|system prompt|check ?items?|answer key|checklist))\b",
    re.I,
)
ESTIMATE, API = "estimate", "api"
"""The items that any rate or size, or any call with its method and path, earns."""
PEAK = re.compile(r"\b(?:peak|burst|spike|worst case|busiest)\b", re.I)


@dataclass(frozen=True)
class NumberMatch:
    """A quantity beside the estimate it is meant for; `right` within the estimate's factor."""

    estimate: Estimate
    quantity: Quantity
    statement: Statement
    right: bool


@dataclass
class Reading:
    """What one turn holds."""

    statements: list[Statement] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    open_questions: list[Statement] = field(default_factory=list)
    numbers: list[NumberMatch] = field(default_factory=list)
    flags: list[RedFlag] = field(default_factory=list)
    injected: bool = False

    def matches_phase(self, phase: str, problem: Problem) -> bool:
        """Whether anything said belongs to a phase."""
        return any(problem.item(match.item).phase == phase for match in self.matches)


def numbers_in(said: Sequence[Statement], problem: Problem) -> list[NumberMatch]:
    """Quantities that are meant for an estimate; only where unit and words agree."""
    found = []
    for statement in said:
        if statement.asks:
            continue
        read: list[Quantity] | None = None
        for estimate in problem.estimates:
            peak = bool(PEAK.search(statement.text))
            if peak != bool(PEAK.search(estimate.name)) or not matches(estimate.cues, statement.text):
                continue
            read = quantities(statement.text) if read is None else read
            fitting = [q for q in read if q.unit == estimate.unit]
            if fitting:
                near = min(fitting, key=lambda q: distance(q.value, estimate.result))
                right = distance(near.value, estimate.result) <= estimate.factor
                found.append(NumberMatch(estimate, near, statement, right))
    return found


def distance(a: float, b: float) -> float:
    """How many times one number is the other, at least 1."""
    return float("inf") if a <= 0 or b <= 0 else max(a / b, b / a)


def sizes(text: str) -> bool:
    """Whether a statement puts a rate or a size on something."""
    return any(q.unit in ("/s", "B/s") or (q.unit == "B" and q.value >= 1e6) for q in quantities(text))


class Reader:
    """Reads turns of one problem's interviews; `kept` holds the vectors of what it compares with."""

    def __init__(self, problem: Problem, embedder: Embedder, encoder: CrossEncoder, kept: KeptVectors) -> None:
        self.problem = problem
        self.matcher = ItemMatcher(problem.all_items(), kept, embedder.embed, encoder)
        self.facts = FactFinder(problem.facts, problem.unknown, kept, embedder.embed)

    def fixed_texts(self) -> list[str]:
        """Every text of the problem that is embedded, whoever is interviewed."""
        return [*self.matcher.fixed_texts(), *self.facts.fixed_texts()]

    def prepare(self) -> None:
        """Embed and fit now what the first turn would wait for."""
        self.matcher.fit()
        self.facts.fit()

    def read(self, text: str, items: Sequence[CheckItem], interviewer: Sequence[str]) -> Reading:
        """What a turn holds; `interviewer` are the interviewer's lines so far."""
        said = statements(text)
        injected = any(INJECTION.search(statement.text) for statement in said)
        kept = [s for s in said if not INJECTION.search(s.text) and not echoed(s.text, interviewer)]
        matched = self.matcher.match(kept, items, pairs(text, kept))
        known = {item.id for item in items}
        for key, shows in ((ESTIMATE, sizes), (API, VERB.search)):
            first = next((s for s in kept if not s.asks and shows(s.text)), None)
            if first and key in known:
                matched = [m for m in matched if m.item != key] + [Match(key, first, 0.8, True)]
        found, left = self.facts.asked(kept)
        return Reading(
            statements=kept,
            matches=matched,
            facts=found,
            open_questions=left,
            numbers=numbers_in(kept, self.problem),
            flags=[
                flag for flag in self.problem.red_flags if any(raises(flag, s) for s in kept if not s.asks)
            ],
            injected=injected,
        )


def raises(flag: RedFlag, statement: Statement) -> bool:
    """Whether a statement holds a red flag's cues and does not deny them."""
    spans = matches(flag.cues, statement.text)
    return bool(spans) and not denied(statement.text, spans)
