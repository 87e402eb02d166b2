"""A person on duty with a telephone: from the list to the incident, who is told, and the acknowledgement, at 360 pixels."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Running, settled
from tests.browser.test_login import changed, log_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]
__all__ = ["changed"]
WIDTH, HEIGHT = 360, 740


def fits(page: Page) -> bool:
    """Nothing stands beside the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth")) <= WIDTH


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_list_the_incident_and_the_mutes_fit_a_phone(page: Page, changed: Running, language: str) -> None:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    log_in(page, changed, language)
    for place in ("incidents", "incident?id=i00001", "mutes", "duty", "review"):
        page.goto(f"{changed.url}/{place}")
        settled(page)
        assert fits(page), place


def test_a_phone_acknowledges_with_two_touches(page: Page, changed: Running) -> None:
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    log_in(page, changed)
    page.goto(f"{changed.url}/incident?id=i00000")
    settled(page)
    first = page.get_by_role("button", name="Acknowledge")
    expect(first).to_be_in_viewport()
    first.click()
    dialog = page.get_by_role("dialog")
    second = dialog.get_by_role("button", name="Acknowledge")
    expect(second).to_be_in_viewport()
    assert fits(page)
    second.click()
    expect(page.get_by_text("the service carries it out as soon as it can")).to_be_visible(timeout=30_000)  # no service runs here
    expect(dialog).to_have_count(0, timeout=30_000)
