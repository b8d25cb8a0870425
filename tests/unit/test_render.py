"""What reaches the page: nothing a learner, a model or a corpus writes becomes markup."""

import pytest

from tutor.ui.render import answer_markdown, safe, verbatim

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/p.png)",
    "<a href='http://evil.example'>x</a>",
    "`<b>`</code><script>",
    "$$\\href{javascript:alert(1)}{x}$$",
    "| a | b |\n|---|---|",
    "&lt;script&gt;",
    "~~~html\n<script>\n~~~",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("shown", [safe, verbatim])
def test_no_tag_link_or_image_survives(attack, shown):
    text = shown(attack)
    outside_code = "".join(part for i, part in enumerate(text.split("`")) if i % 2 == 0 or "<" not in part)
    assert "<" not in outside_code.replace("&lt;", "")
    assert "](" not in text.replace("\\](", "").replace("\\]\\(", "")


def answer(**more):
    citation = {"n": 1, "section_id": "caching/eviction", "title": "Evict <b>", "start": 3, "end": 9}
    return {
        "status": "answered", "text": "", "nearest": [], "degraded": None, "citations": [citation],
        "extract": [{"text": "LRU drops <i>old</i> entries.", "citation": 1}],
        "sentences": [
            {"text": "LRU drops old entries.", "verdict": "supported", "citations": [1]},
            {"text": "LRU is invented here.", "verdict": "unsupported", "citations": []},
        ],
        **more,
    }  # fmt: skip


def test_an_unsupported_sentence_is_counted_and_never_shown():
    text = answer_markdown(answer())
    assert "invented" not in text and "1 sentence was left out" in text


def test_each_shown_sentence_links_to_its_passage():
    text = answer_markdown(answer())
    assert text.count("#cite-caching/eviction@3-9") == 2 and "<i>" not in text and "<b>" not in text


def test_not_covered_says_so_and_offers_the_nearest():
    near = [{"section_id": "caching", "title": "Caching", "score": 0.2}]
    text = answer_markdown(answer(status="not_covered", text="The guide does not cover this.", nearest=near))
    assert text.startswith("The guide does not cover this.") and "#cite-caching@0-0" in text
    assert "From the guide" not in text


def test_a_degraded_answer_says_why():
    assert "model is down" in answer_markdown(answer(degraded="The model is down."))
