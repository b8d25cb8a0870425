"""Problems, cues, diagrams, the policy and the debrief, without any model."""

import contextlib
import re
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutor.corpus.read import read_corpus
from tutor.errors import CorpusError
from tutor.interview.cues import matches
from tutor.interview.debrief import Debrief, debrief, to_markdown
from tutor.interview.diagram import DiagramError, findings, parse
from tutor.interview.matching import Match
from tutor.interview.policy import Move, reply
from tutor.interview.problem import evaluate, load_problems
from tutor.interview.reading import Reading
from tutor.interview.room import new_state
from tutor.interview.state import Evidence, Line, State
from tutor.interview.statements import Statement, statements
from tutor.interview.wording import Voice, faithful
from tutor.llm.scripted import ScriptedModel
from tutor.ui.debrief import export_html

ROOT = Path(__file__).parents[2]
PROBLEMS = load_problems(ROOT / "corpus" / "problems")
SHORTENER = PROBLEMS["url-shortener"]


def test_there_are_eighteen_problems_with_enough_items():
    assert len(PROBLEMS) == 18
    for problem in PROBLEMS.values():
        assert 25 <= len(problem.all_items()) <= 45 and len(problem.facts) >= 7
        assert sum(len(fact.phrasings) for fact in problem.facts) >= 10


def test_every_item_and_fact_is_known_in_many_ways_and_what_does_not_count_too():
    for problem in PROBLEMS.values():
        assert len(problem.unknown) >= 200
        for item in problem.all_items():
            assert len(item.says) >= 9 and len(item.misses) >= 6, (problem.id, item.id)
        for fact in problem.facts:
            assert len(fact.phrasings) >= 14, (problem.id, fact.id)
            assert not set(fact.phrasings) & set(problem.unknown), (problem.id, fact.id)


def test_a_spoken_file_that_speaks_of_an_unknown_item_is_refused(tmp_path):
    import shutil

    folder = ROOT / "corpus" / "problems"
    for file in (folder / "_shared.yaml", folder / "url-shortener.yaml"):
        shutil.copy(file, tmp_path)
    (tmp_path / "spoken").mkdir()
    (tmp_path / "spoken" / "url-shortener.yaml").write_text("items: {base63: [We use base63.]}\n")
    with pytest.raises(CorpusError, match="base63"):
        load_problems(tmp_path)


def test_every_reference_to_the_guide_resolves():
    held = {s.id for d in read_corpus(ROOT / "corpus" / "guide") for s in d.sections}
    for problem in PROBLEMS.values():
        wanted = {
            problem.guide,
            *(i.section for i in problem.all_items()),
            *(f.section for f in problem.red_flags),
        }
        assert wanted <= held, wanted - held


def test_no_question_or_first_hint_gives_an_item_away():
    broad = {"abuse", "monitoring"}
    for problem in PROBLEMS.values():
        for item in problem.all_items():
            for other in problem.all_items():
                if not item.asked and item.id not in broad:
                    assert not matches(item.cues, other.probe), (problem.id, item.id, other.id)
                    assert not matches(item.cues, other.hints[0]), (problem.id, item.id, other.id)


def test_what_an_item_says_holds_its_cues():
    for problem in PROBLEMS.values():
        for item in problem.all_items():
            assert any(matches(item.cues, text) for text in item.says), (problem.id, item.id)


def test_a_broken_problem_names_file_and_field(tmp_path):
    (tmp_path / "x.yaml").write_text("id: x\ntitle: X\n")
    with pytest.raises(CorpusError, match=r"x\.yaml"):
        load_problems(tmp_path)


def test_formulas_are_arithmetic_and_nothing_else():
    assert evaluate("100e6/2592000") == pytest.approx(38.58, rel=1e-3)
    with pytest.raises(ValueError):
        evaluate("__import__('os').getpid()")


def test_questions_are_told_from_assertions():
    said = statements(
        "How many users? We cache hot links. What I would do is shard. Is it public and who can see it?"
    )
    assert [s.asks for s in said] == [True, False, False, True, True]


def test_a_diagram_is_read_and_its_gaps_are_found():
    graph = parse("flowchart LR\n A[Client] --> B(Load balancer)\n B -->|http| C[App]\n D[(Database)]")
    assert graph.nodes["D"] == "Database" and ("A", "B") in graph.edges
    kinds = {(f.kind, f.subject) for f in findings(graph, SHORTENER.parts)}
    assert ("unreachable", "Database") in kinds and ("missing", "cache") in kinds


@pytest.mark.parametrize(
    "text, line",
    [
        ("A --> B", 1),
        ("graph LR\nA[x --> B", 2),
        ("graph LR\nA --> ", 2),
        ("flowchart LR\nA ~ B", 2),
        ("", 1),
    ],
)
def test_a_diagram_that_cannot_be_read_names_its_line(text, line):
    with pytest.raises(DiagramError) as caught:
        parse(text)
    assert caught.value.line == line


def test_a_line_that_joins_all_with_all_takes_no_memory():
    line = "flowchart LR\n" + "&".join("a" * 4000) + "-->" + "&".join("b" * 4000)
    tracemalloc.start()
    with pytest.raises(DiagramError):
        parse(line)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


@given(st.text(max_size=300))
def test_no_diagram_breaks_the_parser(text):
    with contextlib.suppress(DiagramError):
        parse("flowchart LR\n" + text)


@given(st.integers(0, 2**32), st.integers(0, 3000))
def test_the_policy_never_asks_an_item_twice_and_always_ends(seed, clock):
    import random

    rng = random.Random(seed)
    state = new_state(SHORTENER, rng.choice(["junior", "mid", "senior"]), rng.choice([20, 35, 45]))
    asked: list[str] = []
    for _ in range(80):
        state.clock_s += rng.choice([0, clock / 20])
        moves = reply(
            SHORTENER, state, Reading(), rng.choice(["We use a thing.", "hm", "give me a hint", "..."])
        )
        assert moves
        for move in moves:
            carried(state, move)
            if move.kind == "probe":
                assert move.item not in asked
                asked.append(str(move.item))
            if move.kind == "close":
                return
    raise AssertionError("it never ended")


def test_one_statement_is_followed_up_for_one_item_only():
    state = new_state(SHORTENER)
    state.phase = "deep-dive"
    said = "We get 177,778 per second."
    vague = [
        Match(item.id, Statement(said, 0, len(said), False), 0.4, False)
        for item in SHORTENER.items
        if item.phase == "deep-dive"
    ][:3]
    heard = []
    for _ in range(12):
        for match in vague:
            state.partial[match.item] = said
        for move in reply(SHORTENER, state, Reading(matches=vague), said):
            carried(state, move)
            if move.kind == "follow_up":
                heard.append(move.says)
    assert heard and len(heard) == len(set(heard))


def carried(state: State, move: Move) -> None:
    if move.kind in ("probe", "follow_up", "hint", "curveball") and move.item:
        state.asked[move.item] = state.asked.get(move.item, 0) + 1
        state.focus = move.item
        if move.kind == "hint":
            state.hinted[move.item] = state.hinted.get(move.item, 0) + 1
    if move.kind == "follow_up":
        state.followed[str(move.subject)] = str(move.item)
    if move.kind == "curveball":
        state.curveball = True
    if move.kind == "tell":
        state.told.append(str(move.item))
        state.focus = None
    if move.kind == "phase":
        state.phase, state.phase_began_s, state.focus = move.subject, state.clock_s, None
    if move.kind in ("challenge", "number", "slow_down"):
        state.flagged.append(str(move.subject))


def scored(quote: str, said: str) -> float | None:
    state = new_state(SHORTENER)
    state.transcript.append(Line("candidate", said, 1.0, "deep-dive"))
    state.ledger.append(Evidence("base62", "unaided", quote, 0, 0, len(quote), 1.0, "deep-dive", 0.9))
    return debrief(SHORTENER, state).score


def test_no_quote_no_credit():
    assert scored("a counter in base62", "We take a counter in base62.") == 1.0
    assert scored("a counter in base62", "We take something else.") is None


def test_what_was_never_reached_is_not_assessed():
    result = debrief(SHORTENER, new_state(SHORTENER))
    assert result.score is None and result.verdict == "too little to judge"
    assert {item.status for item in result.items} == {"not assessed"}


def test_a_debrief_from_stored_state_is_the_same():
    state = new_state(SHORTENER)
    state.transcript.append(Line("candidate", "base62 of a counter", 1.0, "deep-dive"))
    state.ledger.append(Evidence("base62", "probe", "base62 of a counter", 0, 0, 19, 1.0, "deep-dive", 0.9))
    assert debrief(SHORTENER, State.from_json(state.to_json())) == debrief(SHORTENER, state)


def test_a_stored_debrief_reads_back_as_it_was_judged():
    import json

    state = new_state(SHORTENER)
    state.transcript.append(Line("candidate", "base62 of a counter", 1.0, "deep-dive"))
    state.ledger.append(Evidence("base62", "probe", "base62 of a counter", 0, 0, 19, 1.0, "deep-dive", 0.9))
    result = debrief(SHORTENER, state)
    assert Debrief.from_json(json.loads(json.dumps(result.to_json()))) == result


def finished():
    state = new_state(SHORTENER)
    state.transcript.append(Line("candidate", "base62 of a <b>counter</b>", 1.0, "deep-dive"))
    state.ledger.append(
        Evidence("base62", "probe", "base62 of a <b>counter</b>", 0, 0, 26, 1.0, "deep-dive", 0.9)
    )
    return state, debrief(SHORTENER, state)


def test_a_debrief_in_markdown_names_sections_and_its_links_lead_to_them():
    guide = {s.id: s for d in read_corpus(ROOT / "corpus" / "guide") for s in d.sections}
    state, result = finished()
    text = to_markdown(result, state, guide.get, "corpus/guide/")
    links = re.findall(r"\[([^]]+)\]\(([^#)]+)#([^)]+)\)", text)
    assert links
    for label, file, key in links:
        assert label == guide[key].label and f"{{#{key}}}" in (ROOT / file).read_text(encoding="utf-8")


def test_a_debrief_in_one_file_needs_nothing_else_and_runs_no_markup():
    guide = {s.id: s for d in read_corpus(ROOT / "corpus" / "guide") for s in d.sections}
    state, result = finished()
    text = export_html(result.to_json(), state.phase_ends, state.to_json()["transcript"], guide.get)
    assert "<b>counter</b>" not in text and "&lt;b&gt;counter&lt;/b&gt;" in text
    assert not re.search(r"(?:href|src)=|url\(|#cite-", text)
    assert "10-real-world-designs.md" in text


def test_wording_that_leaks_or_adds_is_refused():
    move = Move("probe", "A redirect has to be quick. Where does it find the address?", item="cache")
    hidden = SHORTENER.items
    assert faithful("Redirects should be fast. Where would the address come from?", move, hidden)
    assert not faithful("Would you put hot links in a Redis cache for redirects?", move, hidden)
    assert not faithful("It must take 100 ms. Where does it find the address?", move, hidden)
    assert not faithful("Keep it quick.", move, hidden)


def test_a_foreseen_line_is_worded_ahead_and_said_at_once():
    probe = next(item.probe for item in SHORTENER.items if item.id == "cache")
    model = ScriptedModel(["Redirects should be fast. Where would the address come from?"])
    voice = Voice(lambda: model)
    voice.prepare([probe], lambda: False)
    assert voice.word(Move("probe", probe, item="cache"), SHORTENER.items).startswith("Redirects should")
    assert len(model.prompts) == 1


def test_wording_ahead_waits_while_a_candidate_is_attended_to_and_goes_on_afterwards():
    probe = next(item.probe for item in SHORTENER.items if item.id == "cache")
    model = ScriptedModel(["Redirects should be fast. Where would the address come from?"])
    voice = Voice(lambda: model)
    ahead = threading.Thread(target=voice.prepare, args=([probe], lambda: False))
    with voice.attending():
        ahead.start()
        time.sleep(0.2)
        assert not model.prompts
    ahead.join(5)
    assert voice.word(Move("probe", probe, item="cache"), SHORTENER.items).startswith("Redirects should")
    assert len(model.prompts) == 1


def test_a_wording_that_comes_too_late_gives_way_to_the_template():
    probe = next(item.probe for item in SHORTENER.items if item.id == "cache")
    slow = ScriptedModel(["Redirects should be fast, so where would the address come from?"], delay_s=0.4)
    assert Voice(lambda: slow).word(Move("probe", probe, item="cache"), SHORTENER.items) == probe


def test_no_wording_is_asked_for_when_the_time_for_the_reply_is_spent():
    probe = next(item.probe for item in SHORTENER.items if item.id == "cache")
    model = ScriptedModel(["Redirects should be fast. Where would the address come from?"])
    move = Move("probe", probe, item="cache")
    assert Voice(lambda: model).word(move, SHORTENER.items, left_s=0.1) == probe and not model.prompts
    assert Voice(lambda: model).word(move, SHORTENER.items, left_s=1.0).startswith("Redirects should")


def test_a_model_that_is_still_starting_is_not_waited_for():
    probe = next(item.probe for item in SHORTENER.items if item.id == "cache")

    def starting() -> ScriptedModel:
        time.sleep(4)
        return ScriptedModel(["Redirects should be fast. Where would the address come from?"])

    began = time.monotonic()
    assert Voice(starting).word(Move("probe", probe, item="cache"), SHORTENER.items) == probe
    assert time.monotonic() - began < 2.5


def test_a_line_worded_ahead_still_may_not_leak():
    probe = next(item.probe for item in SHORTENER.items if item.id == "cache")
    voice = Voice(lambda: ScriptedModel(["Would you put hot links in a Redis cache for redirects?"]))
    voice.prepare([probe], lambda: False)
    assert voice.word(Move("probe", probe, item="cache"), SHORTENER.items) == probe
