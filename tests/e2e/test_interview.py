"""The interview room in a real browser, on the real stack."""

import re
import time


def open_room(page, app, problem="URL shortener · easy"):
    page.goto(app.url)
    page.wait_for_selector("#ask textarea")
    page.get_by_role("tab", name="Interview").click()
    page.get_by_text(problem).click()
    page.click("#start")
    page.wait_for_selector("#talk .bot")


def say(page, text, expect):
    page.fill("#say textarea", text)
    page.press("#say textarea", "Enter")
    page.wait_for_function(
        "text => document.querySelector('#talk').innerText.includes(text)", arg=expect, timeout=30_000
    )


def test_an_interview_from_the_first_question_to_the_debrief(page, app):
    open_room(page, app)
    say(page, "How many URLs are shortened per month?", "100 million new links a month")
    say(page, "100 million a month is about 40 writes per second.", "writes per second")
    page.fill("#mermaid textarea", "flowchart LR\n A[Browser] --> B[App server]\n B --> C[(Database)]")
    page.wait_for_selector("#drawn svg")
    page.click("#draw")
    page.wait_for_function(
        "() => document.querySelector('#talk').innerText.includes('“Database” in your diagram')"
    )
    page.click("#next")
    page.wait_for_function("() => /HIGH-LEVEL DESIGN/i.test(document.querySelector('#talk').innerText)")
    page.click("#end")
    page.wait_for_selector(".debrief")
    text = page.inner_text(".debrief")
    assert "40 writes per second" in text and "of weight" in text
    assert page.locator(".debrief svg.chart").count() >= 3


def test_what_is_sent_while_the_interviewer_still_speaks_is_answered_afterwards(page, app):
    open_room(page, app)
    page.fill("#say textarea", "How many URLs are shortened per month?")
    page.press("#say textarea", "Enter")
    page.wait_for_function("() => document.querySelector('#say textarea').value === ''")
    say(page, "How long do links live?", "five years")
    text = page.inner_text("#talk")
    assert text.index("per month?") < text.index("100 million new links") < text.index("links live?")


def test_an_interview_survives_a_reload(page, app):
    open_room(page, app, "Pastebin · easy")
    say(page, "How many pastes per day do we expect?", "One million pastes a day")
    page.fill("#notes textarea", "ask about size")
    time.sleep(1.5)
    page.reload()
    page.wait_for_selector("#ask textarea")
    page.get_by_role("tab", name="Interview").click()
    page.wait_for_function(
        "() => document.querySelector('#talk')?.innerText.includes('One million pastes a day')"
    )
    assert page.input_value("#notes textarea") == "ask about size"


def test_an_interview_opens_and_goes_on_while_an_answer_is_being_written(page, app):
    page.goto(app.url)
    page.fill("#ask textarea", "How do read replicas scale reads, and what do they cost?")
    page.press("#ask textarea", "Enter")
    page.wait_for_selector('#chat .bot a[href*="#cite-"]')
    page.get_by_role("tab", name="Interview").click()
    page.get_by_text("URL shortener · easy").click()
    page.click("#start")
    page.wait_for_selector("#talk .bot")
    page.get_by_role("button", name="Stop").wait_for(state="detached", timeout=60_000)
    say(page, "How many URLs are shortened per month?", "100 million new links a month")


def test_a_diagram_that_cannot_be_read_names_its_line_and_keeps_the_last(page, app):
    open_room(page, app)
    page.fill("#mermaid textarea", "flowchart LR\n A --> B")
    page.wait_for_selector("#drawn svg")
    page.fill("#mermaid textarea", "flowchart LR\n A --> [")
    page.wait_for_function("() => /Line 2/.test(document.querySelector('#wrong').innerText)")
    assert page.locator("#drawn svg").count() == 1


def test_the_clock_runs_and_can_be_paused(page, app):
    open_room(page, app)

    def left():
        return re.search(r"(\d+):(\d\d)", page.inner_text("#phases .left"))

    first = left()[0]
    page.wait_for_function(
        f"() => !document.querySelector('#phases .left').innerText.includes('{first}')", timeout=15_000
    )
    page.click("#pause")
    page.wait_for_function("() => document.querySelector('#phases .left').innerText.includes('paused')")


def test_markup_in_what_a_candidate_says_never_runs(page, app):
    open_room(page, app)
    page.evaluate("() => { window.hacked = false }")
    say(
        page, '<img src=x onerror="window.hacked=true"> How many URLs are shortened per month?', "100 million"
    )
    page.fill("#mermaid textarea", "flowchart LR\n A[<img src=x onerror=alert(1)>] --> B")
    time.sleep(2)
    assert page.evaluate("() => window.hacked") is False
    assert page.locator("#talk img").count() == 0
