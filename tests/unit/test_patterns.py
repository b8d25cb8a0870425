"""No pattern of the package becomes slow on a long text, whatever it repeats; and those rewritten match as before."""

import ast
import importlib
import pkgutil
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tutor
from tutor.answering.answer import complete_sentences
from tutor.answering.followup import SUBJECT, needs_history, rewrite
from tutor.corpus import blocks, read
from tutor.interview import diagram, quantities, statements
from tutor.interview.numerals import numerals
from tutor.interview.room import MAX_TURN, too_long
from tutor.markdown import inline, literal, page, sentence
from tutor.verification import facts, verifier

LENGTH, BUDGET_S = 3_000, 0.5
"""Characters of a text, and the seconds of this thread that one pattern may take for it; the slow ones took minutes."""
REPEATED = (
    "1",
    "1,",
    "1 ",
    "123,",
    "123 ",
    "1.",
    "1 a ",
    "10^",
    "1 x ",
    "1e",
    "a",
    "a ",
    "A",
    "Aa",
    "aA ",
    "é",
    "a.b",
    "a. ",
    "a, ",
    "a-",
    "a/",
    "a'",
    "(",
    "[",
    "[]",
    "](#",
    "[](",
    "![",
    "`",
    '"',
    "“",
    "'",
    "-",
    "- ",
    "--",
    "-- a ",
    "_",
    "*",
    "**",
    "#",
    "# ",
    "{#",
    "{",
    "|",
    "| ",
    "<",
    "<!--",
    "<br ",
    "=",
    "~",
    ".",
    ". ",
    "? ",
    "!",
    "\n",
    " ",
    "\t",
    " \n",
    "ok ",
    "so ",
    "so, ",
    "and ",
    "to ",
    "the ",
    "word ",
    "one ",
    "hundred ",
    "million ",
    "twenty ",
    "half ",
    "of ",
    "per ",
    "in a ",
    "qps ",
    "is ",
    "b ",
    "kb ",
    "s ",
    "what is ",
    "tell me ",
    "ignore ",
    "not ",
    "for ",
    "GET ",
    "/",
    "@",
    "%",
    "$",
    "&",
    "🙂",
)
ENDS = ("", "!")


def compiled():
    """Every pattern that a module holds, by name, and every one that is written where it is used."""
    for found in pkgutil.walk_packages(tutor.__path__, "tutor."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            yield from ((f"{found.name}.{name}", p) for p in patterns_in(value))
    for file in sorted(Path(tutor.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if is_inline(node):
                flags = [eval(ast.unparse(a), {"re": re}) for a in node.args[1:] if "re." in ast.unparse(a)]
                yield f"{file.stem}:{node.lineno}", re.compile(node.args[0].value, flags[0] if flags else 0)


def is_inline(node):
    """Whether a node is a call such as `re.sub("…", …)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
        return False
    name = getattr(node.func.value, "id", "")
    return name == "re" and node.func.attr != "escape" and isinstance(node.args[0], ast.Constant)


def patterns_in(value):
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list)):
        for held in value:
            yield from patterns_in(held)


PATTERNS = {(p.pattern, p.flags): (name, p) for name, p in reversed(list(compiled()))}


def tried(pattern, text):
    """Look for the pattern everywhere; one that begins with white space goes on after a word, so only there."""
    if not pattern.pattern.startswith((r"\s*", r"(?:\s", r"\s+", r"(?:(?<=\d)")):
        return sum(1 for _ in pattern.finditer(text))
    places = (at for at in range(len(text)) if at == 0 or not text[at - 1].isspace())
    return sum(1 for at in places if pattern.match(text, at))


def spent(run):
    began = time.thread_time()
    run()
    return time.thread_time() - began


def long(unit, length=LENGTH, end=""):
    return (unit * (length // len(unit) + 1))[:length] + end


@pytest.mark.parametrize(("name", "pattern"), PATTERNS.values(), ids=[name for name, _ in PATTERNS.values()])
def test_no_pattern_is_slow_on_a_long_text(name, pattern):
    for unit in REPEATED:
        for end in ENDS:
            text = long(unit, end=end)
            # A text that is slow at a tenth of its length is not tried at all of it.
            for held in (text[: LENGTH // 10] + end, text):
                took = spent(lambda held=held: tried(pattern, held))
                assert took < BUDGET_S, f"{name}: {took:.2f} s for {len(held)} characters of {unit!r}"


def test_the_walk_finds_the_patterns():
    names = [name for name, _ in PATTERNS.values()]
    assert len(names) > 70
    for wanted in ("quantities.EACH", "statements.STATEMENT", "blocks.TABLE_RULE", "verifier.SENTENCE"):
        assert any(name.endswith(wanted) for name in names), wanted


READERS = {
    "statements": statements.statements,
    "quantities": quantities.quantities,
    "numerals": lambda t: list(numerals(t)),
    "sentences": verifier.sentences,
    "sentence spans": lambda t: list(blocks.sentence_spans(t)),
    "plain": blocks.plain,
    "complete sentences": complete_sentences,
    "numbers": facts.numbers,
    "names": facts.names,
    "headings": lambda t: list(read.headings(t)),
    "inline": inline,
    "literal": literal,
    "sentence": sentence,
    "page": lambda t: page(t, diagram.still),
    "still": diagram.still,
    "rewrite": lambda t: rewrite("why is it", t),
    "needs history": lambda t: needs_history(t, True),
    "board": lambda t: drawn(t),
}


def drawn(text):
    try:
        diagram.parse("flowchart LR\n" + text)
    except diagram.DiagramError:
        return


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_time_in_proportion_to_the_text(name):
    for unit in REPEATED:
        for length in (800, MAX_TURN):
            text = long(unit, length, "!")
            took = spent(lambda held=text: READERS[name](held))
            assert took < 2.0, f"{name}: {took:.2f} s for {length} characters of {unit!r}"


def test_a_longer_turn_is_refused_in_plain_words():
    assert not too_long("a" * MAX_TURN)
    assert "8,000" in too_long("a" * (MAX_TURN + 1))


MARKS = st.text("ab1 \t.!?:;|-#*_`\"'()[]<>{}=~\n/,", max_size=60)


@settings(max_examples=400, deadline=None)
@given(MARKS)
def test_what_was_rewritten_matches_as_before(text):
    old_link = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")
    assert blocks.unlinked(text) == old_link.sub(r"\1", text)
    old_rule = re.compile(r"^\s*\|?[\s:|-]*-[\s:|-]*$")
    old_sentence = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|\n|$)|[.!?]\S*")
    spans = [m.span() for m in verifier.SENTENCE.finditer(text) if m["word"] is None]
    assert spans == [m.span() for m in old_sentence.finditer(text)]
    old_heading = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*$")
    for line in text.split("\n"):
        assert bool(blocks.TABLE_RULE.match(line)) == bool(old_rule.match(line))
        for held in (line, f"## {line}"):
            old, new = old_heading.match(held), list(read.headings(held))
            assert [head.title for head in new] == ([old_title(old[2])] if old else [])
    old_size = re.compile(quantities.SIZE.pattern.replace(r"(?:\s*[-–])?\s*", r"\s*[-–]?\s*"), re.I)
    for at in range(min(8, len(text))):
        for new, old in ((quantities.SIZE, old_size),):
            found, expected = new.match(text, at), old.match(text, at)
            assert (found and found.span()) == (expected and expected.span())


def old_title(text):
    attribute = re.search(r"[ \t]*\{#([A-Za-z0-9][\w./-]*)\}$", text)
    return (text[: attribute.start()] if attribute else text).strip()


ARROWS = st.lists(
    st.sampled_from(
        ["A", "B", " ", "  ", "--", "-->", "-.->", "==>", "<", "o", "x", "|", "t", ".", "-", "=", ">", "&"]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(ARROWS)
def test_arrows_match_as_before(text):
    old = re.compile(
        r"\s*(?:(?:<|o|x)?(?:--+|==+|-\.+-?)(?:>|o(?=\s)|x(?=\s))?(?:\|[^|]*\||)"
        r"|(?:<)?(?:--|==|-\.)\s+[^-=|>]+?\s+(?:--+>?|==+>?|\.-+>?))\s*"
    )
    for at in range(len(text)):
        found, expected = diagram.ARROW.match(text, at), old.match(text, at)
        assert (found and found.span()) == (expected and expected.span())


QUESTION = st.lists(
    st.sampled_from(
        ["what is", "so", "the", "benefits of", "a", "cache", "work", "used for", "really", ",", "?", "  "]
    ),
    max_size=9,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(QUESTION)
def test_the_subject_of_a_question_is_found_as_before(text):
    old = re.compile(SUBJECT.pattern.replace(r"(?<!\s)\s+(?:work|", r"\s+(?:work|"), re.I)
    assert old.pattern != SUBJECT.pattern
    found, expected = SUBJECT.match(text.strip()), old.match(text.strip())
    assert (found and found["subject"].strip()) == (expected and expected["subject"].strip())


SPEECH = st.lists(
    st.sampled_from(
        [
            "qps",
            "is",
            "about",
            "40",
            "per",
            "every",
            "5",
            "minutes",
            "between",
            "10",
            "and",
            "20 KB",
            "/",
            ",",
            "  ",
            "of",
        ]
    ),
    max_size=12,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(SPEECH)
def test_what_stands_before_a_number_is_read_as_before(text):
    for at in range(len(text) + 1):
        old = bool(re.search(r"(?:(?<!\bw)/|\bper|\bevery|\beach)\s*$", text[:at], re.I))
        assert quantities.periodic(text, at) == old
        rate = re.compile(quantities.RATE_BEFORE.pattern[:-1] + r"\s*$", re.I)
        assert bool(quantities.RATE_BEFORE.search(quantities.before(text, at))) == bool(
            rate.search(text[:at])
        )
        ranged = bool(re.search(r"\bbetween\s*$", text[:at], re.I))
        assert bool(quantities.LIST_RANGE.search(quantities.before(text, at))) == ranged
