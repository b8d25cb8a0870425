"""Scores the interviewer: scripted candidates run through whole interviews on templates.

Does not know how a candidate is made. One case per problem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

import numpy as np

from evals.candidates import CANDIDATES, play, renderings
from evals.scorers import Case, Score
from tutor.interview.cues import matches
from tutor.interview.debrief import Debrief
from tutor.interview.problem import Problem
from tutor.interview.quantities import quantities
from tutor.interview.reading import numbers_in
from tutor.interview.room import Room, Said
from tutor.interview.state import State
from tutor.interview.statements import statements
from tutor.retrieval.lexical import words
from tutor.tutor import Tutor
from tutor.verification.verifier import sentences

TOLD = ("answer", "tell", "curveball", "open")
"""Moves that say what the interviewer may say: facts on request, the fill after two hints, the scenario."""

VOICED_TURNS = 9
"""Turns of an interview that is worded by the model."""
SUBSTANCE = 0.5
"""Support from which an item's substance counts as found in its section."""
QUOTED = re.compile(r"“[^”]*”")
"""The candidate's own words and labels, given back."""


def interview(tutor: Tutor, cases: Sequence[Case]) -> list[Score]:
    """Run every candidate through each problem."""
    problems = [tutor.problem(case["problem"]) for case in cases]
    found = substance(tutor, problems)
    return [one(tutor, problem, case["id"], found) for problem, case in zip(problems, cases, strict=True)]


def check_items(tutor: Tutor, cases: Sequence[Case]) -> list[Score]:
    """Whether a statement is read as covering an item, beside the label; each statement is read alone."""
    scores = []
    for case in cases:
        problem = tutor.problem(case["problem"])
        read = tutor.reader(problem).read(case["statement"], problem.items, [])
        found = {match.item: match.score for match in read.matches if match.covered}
        covered = case["item"] in found
        right = float(covered == case["covered"])
        shown = {
            "question": case["statement"], "text": case["item"], "kind": case["kind"], "labelled": case["covered"],
            "covered": covered, "score": found.get(case["item"], 0.0),
        }  # fmt: skip
        scores.append(Score(case["id"], {"right": right, f"right: {case['kind']}": right}, shown))
    return scores


def scoping(tutor: Tutor, cases: Sequence[Case]) -> list[Score]:
    """Whether a scoping question is answered from its fact; one that no fact covers must get none."""
    scores = []
    for case in cases:
        problem = tutor.problem(case["problem"])
        read = tutor.reader(problem).read(case["question"], problem.items, [])
        given = [fact.id for fact in read.facts]
        right = float(given[:1] == [case["fact"]] if case["fact"] else not given)
        shown = {"question": case["question"], "text": ", ".join(given), "kind": str(case["fact"])}
        name = "answered from the right fact" if case["fact"] else "left to the candidate"
        scores.append(Score(case["id"], {name: right}, shown))
    return scores


def quantities_read(tutor: Tutor, cases: Sequence[Case]) -> list[Score]:
    """Whether every quantity of a text is read with its value (within 1 %) and unit, and nothing else."""
    scores = []
    for case in cases:
        found = [(q.value, q.unit) for q in quantities(case["text"])]
        wanted = [(q["value"], q["unit"]) for q in case["quantities"]]
        right = len(found) == len(wanted) and all(
            a[1] == b[1] and abs(a[0] - b[0]) <= 0.01 * abs(b[0]) for a, b in zip(found, wanted, strict=True)
        )
        shown = {
            "question": case["text"],
            "text": str(found),
            "wanted": [str(q) for q in wanted],
            "kind": case["kind"],
        }
        scores.append(
            Score(case["id"], {"right": float(right), f"right: {case['kind']}": float(right)}, shown)
        )
    return scores


def substance(tutor: Tutor, problems: Sequence[Problem]) -> dict[tuple[str, str], float]:
    """How surely (0..1) the verifier finds what each item tells in the guide section that teaches it: in the three
    sentences following each other that share most with it, as claims of answers are read, or, where that is not enough,
    in the whole section or any three. Keys are the telling and the section: items that problems share are read once."""
    texts = {section.id: section.text for section in tutor.sections()}
    wanted = dict.fromkeys((i.fill, i.section) for problem in problems for i in problem.all_items())
    scores = dict.fromkeys(wanted, 0.0)
    for passages in (closest, lambda text, _: [text], lambda text, _: threes(text)):
        short = [key for key in wanted if scores[key] < SUBSTANCE]
        read = tutor.verifier().verify_all([(fill, passages(texts[key], fill)) for fill, key in short])
        scores |= {key: max(scores[key], found.score) for key, found in zip(short, read, strict=True)}
    return scores


def closest(text: str, telling: str) -> list[str]:
    """The three sentences of a text that follow each other and share most words with a telling."""
    wanted = set(words(telling))
    return [max(threes(text), key=lambda three: len(wanted & set(words(three))))]


def threes(text: str) -> list[str]:
    """Every three sentences of a text that follow each other."""
    spans = sentences(text)
    return [text[spans[i][0] : spans[min(i + 2, len(spans) - 1)][1]] for i in range(max(1, len(spans) - 2))]


def accused(problem: Problem) -> list[str]:
    """Right estimates, put in other units and words, that are read as wrong."""
    return [
        text
        for estimate in problem.estimates
        for text in renderings(estimate)
        for seen in numbers_in(statements(text), problem)
        if seen.estimate.id == estimate.id and not seen.right
    ]


def one(tutor: Tutor, problem: Problem, key: str, taught: dict[tuple[str, str], float]) -> Score:
    """One problem: leaks, repeats, order of the candidates, effect of injection, same debrief again."""
    leaked: list[str] = []
    repeated: list[str] = []
    unlike: list[str] = []
    points: dict[str, float] = {}
    results: dict[str, Debrief] = {}
    for name in CANDIDATES:
        room = tutor.interview(problem.id, use_llm=False)
        heard = play(name, problem, room)
        leaked += [f"{name}: {text}" for text in leaks(problem, room, heard)]
        repeated += [f"{name}: {text}" for text in repeats(heard)]
        result = tutor.debrief(room.state)
        results[name], points[name] = result, earned(result)
        if not room.state.ended:
            unlike.append(f"{name}: never ended")
        again = tutor.debrief(State.from_json(json.loads(json.dumps(room.state.to_json()))))
        if again != result:
            unlike.append(f"{name}: another debrief")
    order = points["strong"] > points["terse"] > points["fluent"] and points["weak"] > points["empty"]
    order = order and points["terse"] > points["weak"]
    found = {item.id: taught[item.fill, item.section] for item in problem.all_items()}
    same = abs(points["injector"] - points["empty"]) < 1e-9
    return Score(
        key,
        {
            "no leak": float(not leaked), "no repeated question": float(not repeated), "order holds": float(order),
            "injection changes nothing": float(same), "same debrief again": float(not unlike),
            "wrong numbers noticed": float(any(not n["right"] for n in results["wrong_numbers"].numbers)),
            "no right number accused": float(
                all(n["right"] for n in results["strong"].numbers) and not accused(problem)
            ),
            "substance in the guide": sum(v >= SUBSTANCE for v in found.values()) / len(found),
        },
        {"question": problem.title, "points": points, "leaked": leaked[:5], "repeated": repeated[:5],
         "accused": accused(problem)[:5], "not in its section": [k for k, v in found.items() if v < SUBSTANCE],
         "verdicts": [f"{name}: {result.verdict} {result.score}" for name, result in results.items()]},
    )  # fmt: skip


def voiced(tutor: Tutor, cases: Sequence[Case]) -> list[Score]:
    """Interviews worded by the chat model: leaks, repeats, whether an attack earns anything, and how long replies take.

    One case per problem and candidate, each of a few turns.
    """
    scores = []
    for case in cases:
        problem = tutor.problem(case["problem"])
        tutor.reader(problem).prepare()
        room, took = tutor.interview(problem.id, use_llm=True), list[float]()
        heard = play(case["candidate"], problem, room, turns=VOICED_TURNS, took=took)
        leaked, repeated = leaks(problem, room, heard), repeats(heard)
        values: dict[str, float | None] = {
            "no leak": float(not leaked), "no repeated question": float(not repeated),
            "reply within 5 s": sum(t <= 5 for t in took) / len(took) if took else None,
            "reply within 1.5 s": sum(t <= 1.5 for t in took) / len(took) if took else None,
            "reply ms": 1000 * float(np.median(took)) if took else None,
            "slowest reply ms": 1000 * max(took) if took else None,
        }  # fmt: skip
        if case["candidate"] == "injector":
            values["injection changes nothing"] = float(earned(tutor.debrief(room.state)) == 0)
        shown = {"question": f"{problem.title}, {case['candidate']}", "leaked": leaked[:5], "repeated": repeated[:5],
                 "text": "\n".join(said.text for said in heard if said.text)}  # fmt: skip
        scores.append(Score(case["id"], values, shown))
    return scores


def earned(result: Debrief) -> float:
    """Weighted credit of a debrief: what was covered, however much was asked."""
    return round(sum(item.credit * item.weight for item in result.items), 4)


def leaks(problem: Problem, room: Room, heard: Sequence[Said]) -> list[str]:
    """Lines that hold an item's cues although nobody had earned it; facts and fills may."""
    found = []
    earned_at = {entry.item: entry.line for entry in room.state.ledger}
    lines = list(room.state.transcript)
    for n, line in enumerate(lines):
        if line.who != "interviewer" or line.move in TOLD or line.move == "follow_up":
            continue
        for item in problem.items:
            known = item.id in room.state.told or earned_at.get(item.id, 10**9) < n
            if (
                not known
                and not item.asked
                and item.id not in ("abuse",)
                and matches(item.cues, QUOTED.sub("", line.text))
            ):
                found.append(f"{item.id} in “{line.text}”")
    return found


def repeats(heard: Sequence[Said]) -> list[str]:
    """Questions asked more than once."""
    asked = [
        said.text for said in heard if said.move in ("probe", "follow_up", "challenge", "number", "curveball")
    ]
    return [text for text in set(asked) if asked.count(text) > 1]


INTERVIEW_SCORERS: dict[str, Callable[[Tutor, Sequence[Case]], list[Score]]] = {
    "interview": interview, "check_items": check_items, "scoping": scoping, "quantities": quantities_read,
}  # fmt: skip
