"""What reaches the page: nothing a learner, a model or a corpus writes becomes markup."""

import html
import re
import uuid

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.hostile import STRINGS
from tutor import markdown
from tutor.interview.diagram import parse, still
from tutor.schema import Section
from tutor.store import Store
from tutor.ui import panel, render, whiteboard

TEXTS = st.one_of(
    st.text(), st.text("<>&`*_[]()!#|\\~$:/'\"{}=- \nab1.@%"),
    st.lists(st.sampled_from(STRINGS), min_size=1, max_size=4).map(" ".join),
)  # fmt: skip
OWNER = uuid.uuid4().hex
ALLOWED = markdown.TEXT_TAGS | markdown.PAGE_TAGS | markdown.CHART_TAGS
ATTRIBUTES = {"class", "href", "title", "start", "role", "aria-label", "tabindex", "open"}


def tree(markup):
    """The markup as a browser's parser reads it."""
    return html5lib.parseFragment(markup, container="div", treebuilder="etree", namespaceHTMLElements=False)


def visible(markup):
    return "".join(tree(markup).itertext())


def assert_harmless(markup):
    for element in tree(markup).iter():
        if element.tag == "DOCUMENT_FRAGMENT":
            continue
        assert isinstance(element.tag, str) and element.tag in ALLOWED, f"{element.tag} in {markup!r}"
        assert set(element.attrib) <= ATTRIBUTES, f"{element.attrib} in {markup!r}"
        if "href" in element.attrib:
            assert markdown.CITE.fullmatch(element.attrib["href"]), element.attrib["href"]


def letters(text):
    return re.sub(r"[\W_]", "", text)


def shown(message):
    return "".join(part["text"] for part in message["content"])


def answer(text="LRU drops old entries.", **more):
    citation = {"n": 1, "section_id": "caching/eviction", "path": "03.md", "title": text, "start": 3, "end": 9}
    return {
        "question": text, "status": "answered", "text": text, "nearest": [], "degraded": None,
        "citations": [citation], "extract": [{"text": text, "citation": 1}],
        "sentences": [
            {"text": text, "verdict": "supported", "citations": [1]},
            {"text": "LRU is invented here.", "verdict": "unsupported", "citations": []},
        ],
        **more,
    }  # fmt: skip


def section(text, title="Eviction"):
    whole = f"## {title}\n\n{text}\n"
    return Section(
        "caching/eviction", title, ("Caching", title), 2, "03.md", 0, len(whole), whole, "caching"
    )


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_what_a_learner_types_is_shown_exactly_and_never_as_markup(text):
    markup = shown(render.said(text))
    assert_harmless(markup)
    assert {e.tag for e in tree(markup).iter()} <= {"DOCUMENT_FRAGMENT", "div", "p", "bdi"}
    assert visible(markup) == markdown.whole(text)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_every_letter_of_a_sentence_is_shown_and_nothing_else_acts(text):
    markup = markdown.inline(text)
    assert_harmless(markup)
    assert {e.tag for e in tree(markup).iter()} <= {"DOCUMENT_FRAGMENT", "bdi", "strong", "em", "code", "br"}
    bare = text.replace("&", "+")  # an entity is read as its character
    assert letters(visible(markdown.inline(bare))) == letters(markdown.whole(bare))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_answers_drafts_turns_notes_and_sections_hold_nothing_that_acts(text):
    near = [{"section_id": text, "title": text, "score": 0.2}]
    messages = [
        render.answered(answer(text), draft=text, progress="…", done=False),
        render.answered(answer(text, status="not_covered", nearest=near)),
        render.answered(answer(text, degraded=text)), render.spoken(text, "Requirements"), render.note(text),
    ]  # fmt: skip
    for message in messages:
        assert_harmless(shown(message))
    assert_harmless(render.warning(text))
    assert_harmless(panel.section_html(section(text, title=text), 0, 4))
    assert_harmless(panel.contents_html([section(text, title=text)]))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("0 #")
@example("a ## ")
def test_exported_text_means_only_itself_to_other_markdown_programs(text):
    viewer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for wrapped in (markdown.literal(text), f"- {markdown.literal(text)}", f"## {markdown.literal(text)}"):
        markup = viewer.render(wrapped)
        tags = {e.tag for e in tree(markup).iter()} - {"DOCUMENT_FRAGMENT", "p", "ul", "li", "h2"}
        assert not tags, (wrapped, markup)
        assert visible(markup).split() == markdown.whole(text).split()


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_an_exported_sentence_reads_as_it_was_shown(text):
    viewer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    markup = viewer.render("x " + markdown.sentence(text))
    tags = {e.tag for e in tree(markup).iter()} - {"DOCUMENT_FRAGMENT", "p", "strong", "em", "code"}
    assert not tags, (markdown.sentence(text), markup)
    assert letters(visible(markup)) == "x" + letters(visible(markdown.inline(text)))


@pytest.mark.parametrize("text", STRINGS)
def test_no_bare_address_of_an_export_is_a_link_to_a_program_that_looks_for_them(text):
    seeker = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    assert "<a" in seeker.render("http://evil.example")
    for wrapped in (markdown.literal(text), markdown.sentence(text)):
        assert "<a" not in seeker.render(wrapped), seeker.render(wrapped)


def test_the_hostile_strings_are_many_and_different():
    assert len(set(STRINGS)) >= 100


@pytest.mark.parametrize("text", STRINGS)
def test_a_hostile_string_is_harmless_wherever_it_is_shown(text):
    test_what_a_learner_types_is_shown_exactly_and_never_as_markup.hypothesis.inner_test(text)
    test_answers_drafts_turns_notes_and_sections_hold_nothing_that_acts.hypothesis.inner_test(text)


def test_a_backslash_before_a_code_span_opens_no_way_out():
    """The hole: the mark was code to one reader and text to the other."""
    attack = "\\`<div style=position:fixed;inset:0><form action=//evil.example>`"
    markup = shown(render.answered(answer(attack)))
    assert_harmless(markup)
    assert "<div style=position:fixed" in visible(markup)


def test_emphasis_code_and_lists_keep_working():
    assert markdown.inline("**a** *b* `c<d>`") == (
        "<bdi><strong>a</strong> <em>b</em> <code>c&lt;d&gt;</code></bdi>"
    )
    assert "<li>one</li>" in markdown.blocks("Two:\n\n- one\n- two")
    table = panel.section_html(section("| a | b |\n|---|--:|\n| 1 | 2 |"))
    assert '<td class="right">2</td>' in table and "<table>" in table


def test_a_link_of_a_section_opens_the_panel_and_any_other_address_is_only_read():
    markup = panel.section_html(section("[in](#caching/ttl) [out](http://evil.example/x) http://bare.example"))
    assert 'href="#cite-caching/ttl@0-0"' in markup
    assert [e.attrib for e in tree(markup).iter("a")] == [{"href": "#cite-caching/ttl@0-0"}]
    assert "http://bare.example" in visible(markup) and "out" in visible(markup)


def test_a_comment_is_left_out_and_one_in_code_is_not():
    text = "Before <!-- hidden --> after\n<!-- a\nb -->\n```html\n<!-- kept -->\n```"
    seen = visible(panel.section_html(section(text)))
    assert "hidden" not in seen and "<!-- kept -->" in seen and "after" in seen


def test_marked_passages_stay_marked():
    held = section("LRU drops old entries.")
    start = held.text.index("LRU")
    assert "<mark>LRU drops</mark>" in panel.section_html(held, start, start + 9)


def test_an_unsupported_sentence_is_counted_and_never_shown():
    text = shown(render.answered(answer()))
    assert "invented" not in text and "1 sentence was left out" in text


def test_each_shown_sentence_links_to_its_passage():
    text = shown(render.answered(answer("LRU drops <i>old</i> entries.")))
    assert text.count("#cite-caching/eviction@3-9") == 2 and "<i>" not in text


def test_the_part_that_does_not_change_stays_the_same_while_the_draft_grows():
    first, second = (render.answered(answer(), draft=draft, done=False)["content"] for draft in ("A", "A b"))
    assert first[0] == second[0] and first[1] != second[1]


def test_not_covered_says_so_and_offers_the_nearest():
    near = [{"section_id": "caching", "title": "Caching", "score": 0.2}]
    text = shown(render.answered(answer("The guide does not cover this.", status="not_covered", nearest=near)))
    assert "The guide does not cover this." in text and "#cite-caching@0-0" in text
    assert "From the guide" not in text


def test_a_degraded_answer_says_why():
    assert "model is down" in shown(render.answered(answer(degraded="The model is down.")))


def test_an_exported_conversation_is_only_text(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'a.db'}")
    hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) http://evil.example\n# Not a heading"
    conversation, _ = store.add_turn(OWNER, "c", answer(hostile))
    text = store.export_markdown(OWNER, conversation)
    markup = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    tags = {e.tag for e in tree(markup).iter()}
    assert not tags & {"img", "script", "h1"} and "javascript" not in str(
        [e.attrib for e in tree(markup).iter("a")]
    )
    assert html.unescape(markup).count("http://evil.example") >= 3


ACTS = (
    "flowchart LR\n  A --> B\n  click A href \"https://evil.example\" _blank",
    "flowchart LR\n  A --> B; click A call alert(1)",
    "flowchart LR\n  A --> B\nclick B \"javascript:alert(1)\"",
    "%%{init: {'securityLevel': 'loose', 'themeCSS': '* { position: fixed }'}}%%\nflowchart LR\n  A --> B",
    "---\nconfig:\n  securityLevel: loose\n---\nflowchart LR\n  A --> B",
    "%%{\n init: {'securityLevel':\n 'loose'} }%%\nflowchart LR\n  A --> B",
    "classDiagram\n  class A\n  link A \"https://evil.example\" \"t\"\n  callback A \"alert\"",
    "sequenceDiagram\n  participant A\n  link A: Dashboard @ https://evil.example\n  links A: {\"x\": \"https://evil.example\"}",
    "flowchart LR\n  A@{ img: \"https://evil.example/p.png\" } --> B",
    "flowchart LR\n  A\n  A@@{x}{ img: \"https://evil.example/p.png\" }",
    "flowchart LR\n  A\n  A%%{@{x}x}%%@@{x}{ img: \"https://evil.example/p.png\" }",
    "flowchart LR %%%%{x}%%{init: {'securityLevel': 'loose'}}%%\n  A --> B",
    "flowchart LR\n  A --> B %@{x}%{init: {'securityLevel': 'loose'}}%%",
    "flowchart LR\n  A --> B\n  style A fill:url(https://evil.example/x)\n  classDef c position:fixed",
)  # fmt: skip


@pytest.mark.parametrize("source", ACTS)
def test_a_diagram_keeps_its_drawing_and_loses_what_acts(source):
    left = still(source)
    for word in ("click", "evil.example", "securityLevel", "callback", "javascript", "position", "%%"):
        assert word not in left
    assert "A" in left


def test_a_diagram_of_settings_within_settings_is_not_drawn():
    deep = "%%{init: {'securityLevel': 'loose'}}%%"
    for _ in range(30):
        deep = deep.replace("%%{", "%%%%{x}%%{", 1)
    assert "securityLevel" not in still(f"flowchart LR {deep}\n  A --> B")


def test_words_that_only_look_like_actions_stay():
    source = 'flowchart LR\n  link --> call["a; click b"]\n  call --> details'
    assert still(source) == source


def test_the_whiteboard_is_drawn_anew_from_what_was_read():
    drawn = whiteboard.picture("flowchart LR\n A[<img src=x onerror=alert(1)>] --> B[www.evil.example]")
    assert_harmless(drawn)
    assert parse(visible(drawn)).edges == (("n0", "n1"),)
