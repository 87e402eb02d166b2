"""A second factor in a real browser: set up from the picture's key, a login with its code, a used code, a recovery code."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Running, settled
from tests.browser.test_login import PASSWORD, changed, log_in

__all__ = ["changed"]
pytestmark = [pytest.mark.browser, pytest.mark.slow]
PICTURES = os.environ.get("WANGLOU_PICTURES")


def picture(page: Page, name: str) -> None:
    """For looking at, when asked for."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def give(page: Page, code: str) -> None:
    page.fill("#code", code)
    page.get_by_role("button", name="Log in").click()


def leave(page: Page, console: Running) -> None:
    page.goto(f"{console.url}/logout")
    page.get_by_role("button", name="Log out").click()


def first_step(page: Page, console: Running) -> None:
    page.goto(f"{console.url}/login?language=en")
    page.fill("#name", "admin")
    page.fill("#password", PASSWORD)
    page.click("button")
    expect(page).to_have_url(f"{console.url}/login/code?next=/")


def set_up(page: Page, console: Running) -> tuple[str, list[str]]:
    """From My account through the picture to the recovery codes: (key, codes)."""
    page.goto(f"{console.url}/me")
    settled(page)
    picture(page, "me-without")
    page.get_by_role("link", name="Set up a second factor").click()
    page = page.context.pages[-1]
    page.goto(f"{console.url}/second")
    assert page.evaluate("document.querySelector('img.qr').naturalWidth") > 100
    picture(page, "enrol")
    key = page.locator("ol code").inner_text().replace(" ", "")
    page.fill("#password", PASSWORD)
    page.fill("#code", "000")
    page.get_by_role("button", name="Use this second factor").click()
    expect(page.get_by_role("alert")).to_contain_text("clocks")
    assert page.locator("ol code").inner_text().replace(" ", "") == key
    page.fill("#password", PASSWORD)
    page.fill("#code", pyotp.TOTP(key).now())
    page.get_by_role("button", name="Use this second factor").click()
    codes = page.locator(".codes").inner_text().split()
    picture(page, "codes")
    return key, codes


def test_from_setting_it_up_to_the_recovery_code(page: Page, changed: Running) -> None:
    log_in(page, changed)
    key, codes = set_up(page, changed)
    assert len(codes) == 10
    leave(page, changed)
    first_step(page, changed)
    picture(page, "code")
    totp = pyotp.TOTP(key)
    code = totp.generate_otp(totp.timecode(datetime.now(UTC)) + 1)  # the code of setting up is used already
    give(page, code)
    settled(page)
    expect(page).to_have_url(f"{changed.url}/")
    page.goto(f"{changed.url}/me")
    settled(page)
    expect(page.get_by_text("10 recovery codes are left")).to_be_visible()
    picture(page, "me-with")
    leave(page, changed)
    first_step(page, changed)
    give(page, code)
    expect(page.get_by_role("alert")).to_contain_text("used before")
    picture(page, "used")
    give(page, codes[0])
    settled(page)
    page.goto(f"{changed.url}/second")
    expect(page.get_by_text("9 recovery codes are left")).to_be_visible()
    picture(page, "manage")
    leave(page, changed)
    first_step(page, changed)
    give(page, codes[0])
    expect(page.get_by_role("alert")).to_contain_text("used before")
    page.goto(f"{changed.url}/incidents")
    expect(page).to_have_url(f"{changed.url}/login?next=/incidents")
