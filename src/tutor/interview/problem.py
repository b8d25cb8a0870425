"""Problems: what an interview is about, as written in `corpus/problems/*.yaml`.

`corpus/problems/spoken` holds, file by file, further ways in which candidates say an item or ask for a fact.
Does not know how an interview runs.
"""

from __future__ import annotations

import ast
import hashlib
import operator
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tutor.errors import CorpusError

PhaseName = Literal["requirements", "high-level", "deep-dive", "bottlenecks"]
Dimension = Literal["communication", "problem solving", "technical knowledge", "pragmatism"]
Level = Literal["junior", "mid", "senior"]
PHASES: tuple[PhaseName, ...] = ("requirements", "high-level", "deep-dive", "bottlenecks")
DIMENSIONS: tuple[Dimension, ...] = (
    "communication", "problem solving", "technical knowledge", "pragmatism",
)  # fmt: skip
LEVELS: tuple[Level, ...] = ("junior", "mid", "senior")
LENGTHS = (20, 35, 45)
SHARES = {"requirements": 5, "high-level": 14, "deep-dive": 18, "bottlenecks": 8}
"""Minutes of a 45-minute interview; shorter ones are scaled."""
SHARED = "_shared.yaml"
SPOKEN = "spoken"


class Strict(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CheckItem(Strict):
    """One thing a good answer covers.

    `says` are statements as candidates make them, `cues` the words they hold (see `interview.cues`);
    `weight` is for junior, mid and senior, 0 to 3; `fill` is what the interviewer tells in the end.
    """

    id: str
    phase: PhaseName
    dimension: Dimension
    weight: tuple[int, int, int]
    section: str
    says: tuple[str, ...] = Field(min_length=1)
    cues: str
    probe: str
    hints: tuple[str, str]
    fill: str
    asked: bool = False
    """Whether a question of the candidate earns it."""
    misses: tuple[str, ...] = ()
    """Statements on the same thing that do not cover it: vague, denied, wrong, or beside the point."""


class Fact(Strict):
    """What the interviewer knows and gives when asked; `asks` are cues, `phrasings` ways to ask."""

    id: str
    asks: str
    says: str
    phrasings: tuple[str, ...] = ()


class Estimate(Strict):
    """A quantity to be estimated: `formula` in plain arithmetic, right within `factor` either way."""

    id: str
    name: str
    cues: str
    formula: str
    unit: Literal["/s", "B", "B/s", "count"]
    factor: float = Field(default=1.6, gt=1)
    shown: str = ""

    @property
    def result(self) -> float:
        """The expected value in the unit."""
        return evaluate(self.formula)


class RedFlag(Strict):
    """A statement that a good interviewer challenges."""

    id: str
    cues: str
    challenge: str
    section: str


class Curveball(Strict):
    """A change of the requirements in the deep dive, with what a good answer to it covers."""

    says: str
    items: tuple[CheckItem, ...] = Field(min_length=1)


class Part(Strict):
    """A role in the reference diagram: words that name it, and whether it keeps data."""

    role: str
    names: str
    store: bool = False
    needed: bool = True


class Spoken(Strict):
    """Further statements per item and questions per fact, as candidates speak; and what does not count."""

    items: dict[str, tuple[str, ...]] = {}
    misses: dict[str, tuple[str, ...]] = {}
    facts: dict[str, tuple[str, ...]] = {}
    unknown: tuple[str, ...] = ()


class Problem(Strict):
    """A whole problem; `version` changes with the file."""

    id: str
    title: str
    difficulty: Literal["easy", "medium", "hard"]
    topics: tuple[str, ...]
    guide: str
    opening: str
    facts: tuple[Fact, ...]
    estimates: tuple[Estimate, ...]
    items: tuple[CheckItem, ...]
    parts: tuple[Part, ...]
    edges: tuple[tuple[str, str], ...]
    curveball: Curveball
    red_flags: tuple[RedFlag, ...] = ()
    model_answer: str = ""
    unknown: tuple[str, ...] = ()
    """Scoping questions that no fact answers, of all problems."""
    version: str = ""

    def all_items(self) -> tuple[CheckItem, ...]:
        """The items with those of the curveball."""
        return self.items + self.curveball.items

    def item(self, key: str) -> CheckItem:
        """An item by id.

        Raises:
            KeyError: there is none.
        """
        for item in self.all_items():
            if item.id == key:
                return item
        raise KeyError(key)

    def minutes(self, total: int) -> dict[PhaseName, float]:
        """Minutes of each phase of an interview of `total` minutes."""
        return {phase: SHARES[phase] * total / 45 for phase in PHASES}


OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip


def evaluate(formula: str) -> float:
    """The value of plain arithmetic; nothing else is understood.

    Raises:
        ValueError: it is not plain arithmetic.
    """

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return float(OPERATORS[type(node.op)](value(node.left), value(node.right)))
        raise ValueError(f"not plain arithmetic: {formula}")

    try:
        return value(ast.parse(formula, mode="eval").body)
    except SyntaxError as error:
        raise ValueError(f"not plain arithmetic: {formula}") from error


def load_problems(folder: Path) -> dict[str, Problem]:
    """All problems of a folder by id, easiest first.

    Raises:
        CorpusError: a file cannot be read or breaks the schema.
    """
    shared = read_yaml(folder / SHARED) if (folder / SHARED).is_file() else {}
    found = [
        problem_from(file, shared) for file in sorted(folder.glob("*.yaml")) if not file.name.startswith("_")
    ]
    if not found:
        raise CorpusError(f"There are no problems in {folder}.", "Name the right corpus with --corpus.")
    unknown = tuple(dict.fromkeys(text for problem in found for text in problem.unknown))
    found = [problem.model_copy(update={"unknown": unknown}) for problem in found]
    order = ("easy", "medium", "hard")
    return {p.id: p for p in sorted(found, key=lambda p: (order.index(p.difficulty), p.title))}


def read_yaml(file: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping."""
    import yaml

    try:
        held = yaml.load(file.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CorpusError(f"{file} cannot be read: {error}", "Correct the file.") from error
    if not isinstance(held, dict):
        raise CorpusError(f"{file} does not hold a mapping.", "Correct the file.")
    return held


def problem_from(file: Path, shared: dict[str, Any]) -> Problem:
    """One problem; `shared: [ids]` in the file takes items from the shared list."""
    held = read_yaml(file)
    wanted = held.pop("shared", [])
    missing = [key for key in wanted if key not in shared]
    if missing:
        raise CorpusError(f"{file} uses shared items that do not exist: {', '.join(missing)}.", "Correct it.")
    common = [{"id": key, **shared[key]} for key in wanted]
    held["items"] = [*held.get("items", []), *common]
    held["version"] = hashlib.sha256(file.read_bytes()).hexdigest()[:12]
    try:
        problem = with_spoken(Problem.model_validate(held), file)
        for estimate in problem.estimates:
            evaluate(estimate.formula)
    except (ValidationError, ValueError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        where = ".".join(str(part) for part in first["loc"])
        raise CorpusError(f"{file}: {where}: {first['msg']}", "Correct the file.") from error
    repeated = duplicates(item.id for item in problem.all_items())
    if repeated:
        raise CorpusError(f"{file} holds items twice: {', '.join(repeated)}.", "Rename them.")
    return problem


def with_spoken(problem: Problem, file: Path) -> Problem:
    """The problem with the further phrasings of its spoken file and of the shared one.

    Raises:
        CorpusError: such a file cannot be read, or names an item or fact that does not exist.
    """
    for source in (file.parent / SPOKEN / SHARED, file.parent / SPOKEN / file.name):
        if not source.is_file():
            continue
        try:
            spoken = Spoken.model_validate(read_yaml(source))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise CorpusError(f"{source}: {where}: {first['msg']}", "Correct the file.") from error
        known = {item.id for item in problem.all_items()} | {fact.id for fact in problem.facts}
        unknown = [key for key in (*spoken.items, *spoken.misses, *spoken.facts) if key not in known]
        if unknown and source.name != SHARED:
            raise CorpusError(
                f"{source} speaks of what {file.name} lacks: {', '.join(unknown)}.", "Correct it."
            )

        def more(item: CheckItem, spoken: Spoken = spoken) -> CheckItem:
            return item.model_copy(
                update={
                    "says": item.says + spoken.items.get(item.id, ()),
                    "misses": item.misses + spoken.misses.get(item.id, ()),
                }
            )

        facts = [
            fact.model_copy(update={"phrasings": fact.phrasings + spoken.facts.get(fact.id, ())})
            for fact in problem.facts
        ]
        curveball = problem.curveball.model_copy(
            update={"items": tuple(more(item) for item in problem.curveball.items)}
        )
        problem = problem.model_copy(
            update={
                "items": tuple(more(i) for i in problem.items),
                "facts": tuple(facts),
                "curveball": curveball,
                "unknown": problem.unknown + spoken.unknown,
            }
        )
    return problem


def duplicates(keys: Iterable[str]) -> list[str]:
    """Keys that occur more than once."""
    seen: set[str] = set()
    return [key for key in keys if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
