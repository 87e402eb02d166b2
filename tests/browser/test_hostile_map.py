"""A neighbour whose name is markup, on the map in a real browser: it stays text in the picture, in what is told when pointed at, and in the tables."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from console.desk import open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from core.settings import Settings
from store.embedded import open_embedded
from tests.browser.conftest import settled, wait_for
from tests.console.network import seed_network
from tests.peers.program import free_port

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
PASSWORD = "Morning-tower-7-rain"
STEP = 20
TOLD = """() => [...document.querySelectorAll('div')].filter(one => !one.children.length).map(one => one.textContent)
    .filter(text => text.includes('onerror')).join()"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    store, now, port = open_embedded(tmp_path, "service"), datetime.now(UTC), free_port()
    seed_network(store, now, tmp_path)
    accounts = open_desk(store, Settings(data=tmp_path)).identity.accounts
    accounts.add(Account(name="wang", roles=(Role.DUTY_LEADER,), created_by="test"), now)
    accounts.change_password(accounts.get("wang"), PASSWORD, now)
    store.close()
    with (tmp_path / "console.log").open("wb") as log:
        program = [sys.executable, "-m", "console.server", "--data", str(tmp_path), "--port", str(port)]
        process = subprocess.Popen(program, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def test_a_name_that_is_markup_stays_text_wherever_the_map_shows_it(page: Page, url: str) -> None:
    said: list[str] = []

    def heard(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", heard)
    page.goto(f"{url}/login?language=en")
    page.fill("#name", "wang")
    page.fill("#password", PASSWORD)
    page.click("button")
    settled(page)
    page.goto(f"{url}/map?asset=core")
    settled(page)
    picture = page.locator("canvas").first
    expect(picture).to_be_visible(timeout=60_000)
    told = set()
    box = picture.bounding_box()
    assert box
    for x in range(10, int(box["width"]), STEP):
        for y in range(10, int(box["height"]), STEP):
            page.mouse.move(box["x"] + x, box["y"] + y)
            told.add(page.evaluate(TOLD))
    assert any("onerror" in text for text in told), "the hostile neighbour was pointed at"
    assert page.locator("img[src='x']").count() == 0
    assert said == []
