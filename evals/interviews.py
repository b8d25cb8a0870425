"""Scores the interviewer: scripted candidates run through whole interviews on templates.

Does not know how a candidate is made. One case per problem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

from evals.candidates import CANDIDATES, play
from evals.scorers import Case, Score
from tutor.interview.cues import matches
from tutor.interview.debrief import Debrief
from tutor.interview.problem import Problem
from tutor.interview.room import Room, Said
from tutor.interview.state import State
from tutor.tutor import Tutor

TOLD = ("answer", "tell", "curveball", "open")
"""Moves that say what the interviewer may say: facts on request, the fill after two hints, the scenario."""

QUOTED = re.compile(r"“[^”]*”")
"""The candidate's own words and labels, given back."""


def interview(tutor: Tutor, cases: Sequence[Case]) -> list[Score]:
    """Run every candidate through each problem."""
    return [one(tutor, tutor.problem(case["problem"]), case["id"]) for case in cases]


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


def one(tutor: Tutor, problem: Problem, key: str) -> Score:
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
    same = abs(points["injector"] - points["empty"]) < 1e-9
    return Score(
        key,
        {
            "no leak": float(not leaked), "no repeated question": float(not repeated), "order holds": float(order),
            "injection changes nothing": float(same), "same debrief again": float(not unlike),
            "wrong numbers noticed": float(any(not n["right"] for n in results["wrong_numbers"].numbers)),
            "no right number accused": float(all(n["right"] for n in results["strong"].numbers)),
        },
        {"question": problem.title, "points": points, "leaked": leaked[:5], "repeated": repeated[:5],
         "verdicts": [f"{name}: {result.verdict} {result.score}" for name, result in results.items()]},
    )  # fmt: skip


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
    "interview": interview, "check_items": check_items, "scoping": scoping,
}  # fmt: skip
