"""A reader on the network: the printed address, the password, and the page behind it."""

import httpx
import pytest
from playwright.sync_api import expect
from running import App


@pytest.fixture(scope="module")
def open_app(settings, tutor, tmp_path_factory):
    running = App(settings.home, settings.corpus, tmp_path_factory.mktemp("log") / "app.log")
    running.start(ready=False, TUTOR_HOST="0.0.0.0", TUTOR_PASSWORD="correct horse")
    yield running
    running.stop()


def test_an_honest_reader_logs_in_at_the_printed_address_and_asks(browser, open_app):
    context = browser.new_context()
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(open_app.url)
    assert page.url == open_app.url + "/login"
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Enter").click()
    page.wait_for_selector("nav.contents", timeout=120_000)
    page.fill("#ask textarea", "What is a reverse proxy?")
    page.press("#ask textarea", "Enter")
    page.wait_for_selector('#chat .bot a[href*="#cite-"]', timeout=60_000)
    assert page.evaluate("document.cookie") == "" and errors == []
    (cookie,) = context.cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    page.reload()
    page.wait_for_selector('#chat .bot a[href*="#cite-"]', timeout=60_000)
    context.close()


def test_without_the_password_nothing_but_a_sign_of_life(open_app):
    port = open_app.url.rsplit(":", 1)[1]
    for address in (open_app.url, f"http://127.0.0.1:{port}"):
        with httpx.Client(base_url=address, trust_env=False, timeout=20) as web:
            assert web.get("/healthz").json() == {"alive": True}
            for path in ("/config", "/gradio_api/info", "/theme.css", "/gradio_api/heartbeat/x", "/gradio_api/file=/x"):
                assert web.get(path).status_code == 401
            asked = web.post("/gradio_api/queue/join", json={"fn_index": 0, "data": [], "session_hash": "s"})
            assert asked.status_code == 401
    if "127.0.0.1" not in open_app.url:  # there is a network to come from
        answer = httpx.get(open_app.url + "/healthz", headers={"Host": "localhost"}, trust_env=False)
        assert answer.status_code == 400
