"""Reading the candidate: statements matched to check items, facts asked for, numbers, red flags.

Cues find, similarity and the verifier confirm. Does not know phases, moves or scores.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tutor.interview.cues import matches, tokens
from tutor.interview.problem import CheckItem, Estimate, Fact, Problem, RedFlag
from tutor.interview.quantities import Quantity, quantities
from tutor.retrieval.embedder import Embedder, Vectors
from tutor.verification.cross_encoder import CrossEncoder

MAX_CHARACTERS = 20_000
"""What is read of one turn; all of it is kept."""
STATEMENT = re.compile(r"[^.!?\n]+(?:\.(?=\w)[^.!?\n]*)*[.!?]*", re.S)
JOINED = re.compile(r",? and (?=(?:what|how|who|which|do|does|is|are|should|will)\b)", re.I)
KEPT = 2_000
"""Statements whose reading is kept."""
JOINT = 0.95
PAIR_WORDS = 45
"""Two sentences of at most this many words are also read together."""
VERB = re.compile(r"\b(?:GET|POST|PUT|PATCH|DELETE)\s+/")
DENIAL = re.compile(
    r"\b(?:no|not|never|without|don't|doesn't|won't|wouldn't|isn't|aren't|can't|cannot|avoid|skip|needn't"
    r"|instead of|rather than|unnecessary|ignore)\b",
    re.I,
)
ASKING = re.compile(
    r"\?|^(?:so |ok |okay |and |also |first,? |well,? )*(?:what (?!i\b|we\b)|how (?!i\b|we\b)|who|which|does|do"
    r"|is|are|should|can i assume|can we|could|will|would|may i|am i|did|tell me|let me ask|any |is there"
    r"|i(?:'d| would) like to (?:know|ask))",
    re.I,
)
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
class Statement:
    """A sentence of a turn with its span; `asks` tells a question from an assertion."""

    text: str
    start: int
    end: int
    asks: bool


@dataclass(frozen=True)
class Match:
    """A statement that covers an item wholly or in part."""

    item: str
    statement: Statement
    score: float
    covered: bool


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


def statements(text: str) -> list[Statement]:
    """The sentences of a turn."""
    found = []
    for match in STATEMENT.finditer(text[:MAX_CHARACTERS]):
        start, end = match.span()
        while start < end and (text[start].isspace() or text[start] in "-*•"):
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        if not re.search(r"\w", text[start:end]):
            continue
        asks = bool(ASKING.search(text[start:end]))
        cuts = [m.span() for m in JOINED.finditer(text, start, end)] if asks else []
        for a, b in zip([start, *(b for _, b in cuts)], [*(a for a, _ in cuts), end], strict=True):
            found.append(Statement(text[a:b], a, b, asks))
    return found


def pairs(text: str, said: Sequence[Statement]) -> list[Statement]:
    """Neighbouring assertions read together: a thought often takes two sentences."""
    found = []
    for first, second in pairwise(said):
        both = text[first.start : second.end]
        if not first.asks and not second.asks and len(both.split()) <= PAIR_WORDS:
            found.append(Statement(both, first.start, second.end, False))
    return found


class Matcher:
    """Decides whether statements cover check items; items' vectors are made once per problem."""

    COVERED = 0.5
    PARTIAL = 0.36

    def __init__(self, embedder: Embedder, encoder: CrossEncoder) -> None:
        self._embedder, self._encoder = embedder, encoder
        self._known: dict[str, Vectors] = {}
        self._read: dict[tuple[str, tuple[str, ...]], list[tuple[float, list[tuple[int, int]]]]] = {}

    def vectors(self, item: CheckItem) -> Vectors:
        """Unit vectors of what the item says, one row each."""
        key = item.id + "\0" + "\0".join(item.says)
        if key not in self._known:
            self._known[key] = self._embedder.embed(item.says)
        return self._known[key]

    def scores(
        self, said: Sequence[str], items: Sequence[CheckItem]
    ) -> list[list[tuple[float, list[tuple[int, int]]]]]:
        """For each statement and item the score (0..1) and the spans of its cues; what was read is kept."""
        key = tuple(item.says[0] for item in items)
        new = list(dict.fromkeys(text for text in said if (text, key) not in self._read))
        if len(self._read) > KEPT:
            self._read.clear()
            new = list(dict.fromkeys(said))
        self._read.update({(text, key): row for text, row in zip(new, self._scored(new, items), strict=True)})
        return [self._read[(text, key)] for text in said]

    def _scored(
        self, said: Sequence[str], items: Sequence[CheckItem]
    ) -> list[list[tuple[float, list[tuple[int, int]]]]]:
        if not said or not items:
            return [[] for _ in said]
        mine = self._embedder.embed(list(said))
        similarity = np.stack([(mine @ self.vectors(item).T).max(axis=1) for item in items], axis=1)
        best = [(mine @ self.vectors(item).T).argmax(axis=1) for item in items]
        cued = [[matches(item.cues, text) for item in items] for text in said]
        near = [
            (i, j)
            for i in range(len(said))
            for j in range(len(items))
            if cued[i][j] or similarity[i, j] >= 0.5
        ]
        read = self._encoder.probabilities([(said[i], items[j].says[int(best[j][i])]) for i, j in near])
        reading = {pair: read[n] for n, pair in enumerate(near)}
        out = []
        for i, text in enumerate(said):
            row = []
            for j in range(len(items)):
                got = reading.get((i, j))
                score = (
                    0.0
                    if got is None
                    else score_of(
                        bool(cued[i][j]), float(similarity[i, j]), float(got[2]), denied(text, cued[i][j])
                    )
                )
                row.append((score, cued[i][j]))
            out.append(row)
        return out

    def match(
        self, said: Sequence[Statement], items: Sequence[CheckItem], joint: Sequence[Statement] = ()
    ) -> list[Match]:
        """The best match of each item; a question earns only an item that may be asked for.

        `joint` are neighbouring statements read together; they count a little less.
        """
        every = [*said, *joint]
        table = self.scores([statement.text for statement in every], items)
        found: dict[str, Match] = {}
        for i, (statement, row) in enumerate(zip(every, table, strict=True)):
            for item, (value, _) in zip(items, row, strict=True):
                score = value if i < len(said) else value * JOINT
                if score < self.PARTIAL or (statement.asks and not item.asked):
                    continue
                if item.id not in found or score > found[item.id].score:
                    found[item.id] = Match(item.id, statement, round(score, 4), score >= self.COVERED)
        return list(found.values())


def score_of(cued: bool, similarity: float, reading: float, denial: bool) -> float:
    """One score (0..1) from a statement's cues, similarity to the item and the verifier's reading.

    Without a cue only a close paraphrase passes; with one, a minimum of similarity keeps mere words out.
    """
    close = min(1.0, max(0.0, (similarity - 0.15) / 0.55))
    score = 0.42 * cued + 0.38 * close + 0.2 * reading
    return score * (0.5 if denial else 1.0)


def denied(text: str, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether a denial stands within four words before a cue, in the same clause."""
    for start, _ in spans:
        before = re.split(r"[,:;]|\bbut\b|\bso\b", text[:start])[-1]
        if DENIAL.search(" ".join(before.split()[-4:])):
            return True
    return False


def echoed(statement: str, lines: Sequence[str]) -> bool:
    """Whether a statement only repeats what the interviewer said."""
    mine = [word for word, _, _ in tokens(statement)]
    if len(mine) < 4:
        return False
    for line in lines:
        held = {word for word, _, _ in tokens(line)}
        if sum(word in held for word in mine) / len(mine) >= 0.85:
            return True
    return False


def facts_asked(
    said: Sequence[Statement], facts: Sequence[Fact], vectors: Vectors, embedder: Embedder
) -> tuple[list[Fact], list[Statement]]:
    """The facts that questions ask for, and questions no fact answers; `vectors` are the facts' phrasings."""
    asking = [statement for statement in said if statement.asks]
    if not asking:
        return [], []
    mine = embedder.embed([statement.text for statement in asking])
    owner = [i for i, fact in enumerate(facts) for _ in (*fact.phrasings, fact.says)]
    found: list[Fact] = []
    left = []
    for statement, vector in zip(asking, mine, strict=True):
        similar = np.full(len(facts), -1.0)
        for row, i in enumerate(owner):
            similar[i] = max(similar[i], float(vectors[row] @ vector))
        cued = np.array([bool(matches(fact.asks, statement.text)) for fact in facts])
        total = similar + 0.35 * cued
        best = int(np.argmax(total)) if len(facts) else -1
        if best >= 0 and (total[best] >= 0.62 if cued[best] else total[best] >= 0.6):
            if facts[best] not in found:
                found.append(facts[best])
            also = [i for i in np.argsort(-total) if i != best and cued[i] and similar[i] > 0.6]
            found += [facts[i] for i in also[:1] if facts[i] not in found]
        else:
            left.append(statement)
    return found, left


def numbers_in(said: Sequence[Statement], problem: Problem) -> list[NumberMatch]:
    """Quantities that are meant for an estimate; only where unit and words agree."""
    found = []
    for statement in said:
        if statement.asks:
            continue
        for estimate in problem.estimates:
            peak = bool(PEAK.search(statement.text))
            if peak != bool(PEAK.search(estimate.name)) or not matches(estimate.cues, statement.text):
                continue
            fitting = [q for q in quantities(statement.text) if q.unit == estimate.unit]
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
    """Reads turns of one interview's problem."""

    def __init__(self, problem: Problem, matcher: Matcher, embedder: Embedder) -> None:
        self.problem, self._matcher, self._embedder = problem, matcher, embedder
        rows = [text for fact in problem.facts for text in (*fact.phrasings, fact.says)]
        self._facts = embedder.embed(rows)

    def read(self, text: str, items: Sequence[CheckItem], interviewer: Sequence[str]) -> Reading:
        """What a turn holds; `interviewer` are the interviewer's lines so far."""
        said = statements(text)
        injected = any(INJECTION.search(statement.text) for statement in said)
        kept = [s for s in said if not INJECTION.search(s.text) and not echoed(s.text, interviewer)]
        matched = self._matcher.match(kept, items, pairs(text, kept))
        known = {item.id for item in items}
        for key, shows in ((ESTIMATE, sizes), (API, VERB.search)):
            first = next((s for s in kept if not s.asks and shows(s.text)), None)
            if first and key in known:
                matched = [m for m in matched if m.item != key] + [Match(key, first, 0.8, True)]
        found, left = facts_asked(kept, self.problem.facts, self._facts, self._embedder)
        return Reading(
            statements=kept,
            matches=matched,
            facts=found,
            open_questions=left,
            numbers=numbers_in(kept, self.problem),
            flags=[
                flag
                for flag in self.problem.red_flags
                if any(
                    (spans := matches(flag.cues, s.text)) and not denied(s.text, spans)
                    for s in kept
                    if not s.asks
                )
            ],
            injected=injected,
        )
