"""From the printed one-time password to the pages, in a real browser."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from tests.browser.conftest import Running, settled

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PASSWORD = "Morning-tower-7-rain"
PAGES = (
    "", "incidents", "incident?id=i00000", "mutes", "assets", "asset?id=server-000", "network", "discovery", "candidate?id=d0",
    "events", "compliance", "health", "users", "audit", "settings", "me",
)  # fmt: skip


@pytest.fixture(scope="module")
def changed(console: Running) -> Running:
    """The console after the first login: the password has been changed over plain HTTP, as a form does it."""
    with httpx2.Client(base_url=console.url, follow_redirects=False) as client:
        client.get("/login")
        sent = client.post("/login", data={"form": client.cookies["wanglou_form"], "name": "admin", "password": console.password})
        assert sent.status_code == 303
        mark = client.get("/password").text.split('name="form" value="')[1].split('"')[0]
        assert client.post("/password", data={"form": mark, "old": console.password, "new": PASSWORD, "again": PASSWORD}).status_code == 303
    return console


def log_in(page: Page, console: Running, language: str = "en") -> None:
    page.goto(f"{console.url}/login?language={language}")
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("button")
    settled(page)


def test_the_first_login_leads_through_the_change_of_the_password(page: Page, console: Running) -> None:
    page.goto(f"{console.url}/incident?id=i00000")
    expect(page).to_have_url(f"{console.url}/login?next=/incident%3Fid%3Di00000")
    page.fill("#name", "admin")
    page.fill("#password", console.password)
    page.click("button")
    expect(page).to_have_url(f"{console.url}/password")
    page.goto(f"{console.url}/assets")
    expect(page).to_have_url(f"{console.url}/password")
    page.fill("#old", console.password)
    page.fill("#new", "short")
    page.fill("#again", "short")
    page.click("button")
    expect(page).to_have_url(f"{console.url}/password")


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_every_page_opens_without_an_error_and_without_leaving_the_house(page: Page, changed: Running, language: str) -> None:
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 404" not in message.text:  # the frontend probes where its server lies
            problems.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.append(request.url) if not request.url.startswith((changed.url, "data:", "blob:")) else None)
    log_in(page, changed, language)
    for path in PAGES:
        page.goto(f"{changed.url}/{path}")
        settled(page)
        page.wait_for_timeout(300)
        assert page.locator("[data-testid=stException]").count() == 0, path
        assert "Page not found" not in page.inner_text("body"), path
    assert problems == []


def test_a_deep_link_opens_the_incident_and_a_phone_can_acknowledge(page: Page, changed: Running) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    log_in(page, changed)
    page.goto(f"{changed.url}/incident?id=i00001")
    settled(page)
    expect(page.get_by_text("switch-001: processor utilization too high").first).to_be_visible()
    button = page.get_by_role("button", name="Acknowledge")
    expect(button).to_be_visible()
    box = button.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    button.click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Acknowledge")).to_be_visible()


def test_what_was_typed_survives_the_refresh_of_live_parts(page: Page, changed: Running) -> None:
    log_in(page, changed)
    page.goto(f"{changed.url}/incident?id=i00000")
    settled(page)
    field = page.get_by_placeholder("what you see, what you do")
    field.fill("half a sent")
    before = page.get_by_text("min)").first.inner_text()
    page.wait_for_timeout(11_000)  # two refreshes of the live parts
    assert field.input_value() == "half a sent"
    assert before


def test_after_logging_out_the_page_is_gone(page: Page, changed: Running, tmp_path: Path) -> None:
    log_in(page, changed)
    page.goto(f"{changed.url}/logout")
    page.get_by_role("button", name="Log out").click()
    page.goto(f"{changed.url}/assets")
    expect(page).to_have_url(f"{changed.url}/login?next=/assets")
