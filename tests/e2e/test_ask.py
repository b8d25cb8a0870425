"""A learner asks in the browser."""

import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

CITE = '#chat .bot a[href*="#cite-"]'
ANSWERED = re.compile(r"In short|left out|own sentences|Stopped|Closest", re.I)


def ask(page, question):
    """Type a question, wait until its answer is whole (its suggestions, or the end of streaming)."""
    before = page.locator("#chat .bot").count()
    page.fill("#ask textarea", question)
    page.press("#ask textarea", "Enter")
    expect(page.locator("#chat .bot")).to_have_count(before + 1, timeout=20_000)
    page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=60_000)
    page.wait_for_timeout(300)


def test_a_question_gets_cited_sentences_and_a_citation_opens_its_passage(page, corpus):
    ask(page, "What does a CDN do?")
    link = page.locator(CITE).first
    target = link.get_attribute("href").split("#cite-")[1]
    section, span = target.split("@")
    start, end = map(int, span.split("-"))
    link.click()
    mark = page.locator("#panel mark").first
    expect(mark).to_be_in_viewport(timeout=5000)
    files = [file.read_text(encoding="utf-8") for file in corpus.glob("*.md")]
    marked = "".join(page.locator("#panel mark").all_inner_texts())
    plain = [re.sub(r"[*_`]|\]\([^)]*\)|\[", "", text[start:end]) for text in files]
    assert any(re.sub(r"\W+", " ", marked).strip() == re.sub(r"\W+", " ", text).strip() for text in plain)
    assert section.startswith("components/cdn")
    assert page.foreign == [] and page.errors == []


def test_a_conversation_survives_reload_and_keeps_its_topic(page):
    ask(page, "What is a reverse proxy?")
    ask(page, "What are its benefits?")
    rewritten = page.get_by_label("Understood as (edit and press Enter)")
    assert "reverse proxy" in rewritten.input_value().lower()
    page.reload()
    page.wait_for_selector(CITE)
    assert page.locator("#chat .user").count() == 2
    assert "reverse proxy" in page.locator("#chat .user").first.inner_text().lower()


def test_the_rewritten_question_can_be_edited_and_asked_again(page):
    ask(page, "What is a reverse proxy?")
    ask(page, "When should I use it?")
    rewritten = page.get_by_label("Understood as (edit and press Enter)")
    rewritten.fill("When should I use a CDN?")
    rewritten.press("Enter")
    expect(page.locator("#chat .bot")).to_have_count(3, timeout=20_000)
    page.wait_for_selector(f"{CITE}[href*='components/cdn']", timeout=20_000)


def test_what_the_guide_does_not_cover_is_said(page):
    ask(page, "How do I bake sourdough bread?")
    text = page.locator("#chat .bot").last.inner_text()
    assert "does not cover" in text and "CLOSEST" in text.upper()
    page.locator("#chat .bot a[href*='@0-0']").first.click()
    expect(page.locator("#panel h3")).not_to_have_text("The guide")


def test_a_suggested_question_is_asked_by_pressing_it(page):
    ask(page, "What is DNS?")
    button = page.locator("#chat .options button, #chat .option").first
    text = button.inner_text()
    button.click()
    expect(page.locator("#chat .user")).to_have_count(2, timeout=20_000)
    assert text.strip() in page.locator("#chat .user").last.inner_text()


def test_markup_in_a_question_is_shown_and_never_run(page):
    payload = "What is a CDN? <img src=x onerror=alert(1)><script>alert(2)</script> [x](javascript:alert(3))"
    page.fill("#ask textarea", payload)
    page.press("#ask textarea", "Enter")
    page.wait_for_selector("#chat .bot")
    page.wait_for_timeout(2500)
    assert page.locator("#chat img[src='x']").count() == 0 and page.locator("#chat script").count() == 0
    assert page.locator("#chat a[href^='javascript']").count() == 0
    assert "<script>" in page.locator("#chat .user").inner_text()
    assert page.foreign == [] and not [e for e in page.errors if "dialog" in e]


def test_stop_ends_the_answer_and_keeps_what_is_there(page):
    page.fill("#ask textarea", "How do read replicas scale reads, and what do they cost?")
    page.press("#ask textarea", "Enter")
    page.wait_for_selector(CITE)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Ask").wait_for(timeout=5000)
    text = page.locator("#chat .bot").last.inner_text()
    assert "Stopped" in text
    page.wait_for_timeout(2000)
    assert page.locator("#chat .bot").last.inner_text() == text
    page.reload()
    page.wait_for_selector(CITE)
    assert "Stopped" in page.locator("#chat .bot").last.inner_text()
    ask(page, "What is DNS?")


def test_conversations_are_listed_renamed_exported_and_deleted(page):
    ask(page, "What is DNS?")
    entry = page.locator("#list label")
    expect(entry).to_have_count(1)
    page.get_by_role("button", name="This conversation").click()
    page.get_by_label("Title").fill("Names and addresses")
    page.get_by_role("button", name="Rename").click()
    expect(entry).to_contain_text("Names and addresses")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as Markdown").click()
    text = download.value.path().read_text(encoding="utf-8")
    assert "## What is DNS?" in text and re.search(r"\]\(corpus/guide/\S+\.md#components/dns", text)
    page.get_by_role("button", name="Delete").click()
    expect(entry).to_have_count(0)
    assert page.locator("#chat .bot").count() == 0


def test_a_thumb_down_asks_what_was_wrong(page):
    ask(page, "What is DNS?")
    page.locator("#chat").hover()
    page.get_by_label("Dislike").first.click()
    note = page.get_by_label("What was wrong? (Enter sends)")
    note.fill("I wanted to know about record types")
    note.press("Enter")
    expect(note).not_to_be_visible()


def test_two_readers_do_not_see_each_other(page, browser, app):
    ask(page, "What is DNS?")
    other = browser.new_context().new_page()
    other.goto(app.url)
    other.wait_for_selector("nav.contents")
    other.wait_for_timeout(800)
    assert other.locator("#list label").count() == 0 and other.locator("#chat .user").count() == 0
    other.context.close()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_a_narrow_page_does_not_scroll_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 760})
    ask(page, "What is a reverse proxy?")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator(CITE).first.click()
    expect(page.locator("#panel mark").first).to_be_in_viewport(timeout=5000)


def test_the_keyboard_alone_reaches_question_and_citation(page):
    page.locator("#ask textarea").focus()
    page.keyboard.type("What is DNS?")
    page.keyboard.press("Enter")
    page.wait_for_selector(CITE)
    page.wait_for_selector("#chat .options button, #chat .option", timeout=60_000)
    page.locator(CITE).first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel mark").first).to_be_visible(timeout=5000)
    page.wait_for_function("document.activeElement.closest('#panel') !== null", timeout=3000)


def test_every_control_has_a_name(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, textarea, a[href]')]
        .filter(e => e.offsetParent && !(e.textContent || '').trim() && !e.getAttribute('aria-label')
          && !e.title && !(e.labels && e.labels.length))
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


def test_a_foreign_host_name_is_refused(app):
    request = urllib.request.Request(app.url, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400


def test_the_policy_names_this_origin_only(app):
    with urllib.request.urlopen(app.url) as answer:
        policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "http:" not in policy and "https:" not in policy


def test_no_endpoint_is_offered_to_other_programs(app):
    import json

    with urllib.request.urlopen(app.url + "/gradio_api/info") as answer:
        info = json.load(answer)
    assert info["named_endpoints"] == {} and info["unnamed_endpoints"] == {}


def test_questions_and_answers_survive_a_restart(page, app):
    ask(page, "What is DNS?")
    app.stop()
    app.start(TUTOR_PORT=app.url.rsplit(":", 1)[1])
    page.goto(app.url)
    page.wait_for_selector(CITE)
    assert "DNS" in page.locator("#chat .user").first.inner_text()
