"""Discovery in a real browser, over the simulated bureau: search a range, see what answered, take a switch in, see its ports."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from collectors.network.discovery.agent import Key, access_with, answers
from core.names import CANDIDATE
from core.secrets import Secret
from store.open import open_store
from tests.browser.conftest import settled
from tests.peers.program import free_port, running, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
PASSWORD = "Morning-tower-7-rain"
WITHIN_S = 60


@dataclass(frozen=True)
class House:
    """The running product beside a bureau that it knows nothing of."""

    url: str
    password: str
    data: Path
    net: int


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("discovery")
    net, port = 120 + free_port() % 100, free_port()
    bureau = [sys.executable, "-m", "simulator", "--net", str(net), "--control", str(free_port()), "--speed", "0"]
    environment = {
        "WANGLOU_DATA": str(folder / "data"),
        "WANGLOU_PORT": str(port),
        "WANGLOU_DISCOVERY__ALLOWED": f"127.{net}.0.0/16",
        "WANGLOU_DISCOVERY__RATE_PER_S": "200",
    }
    log, core = folder / "up.log", access_with(Key("", Secret()), f"127.{net}.1.1", 1161, 1.0)
    with (
        running(bureau, lambda: answers(core), folder / "simulator.log", timeout_s=60),
        running([sys.executable, "-m", "service", "up"], lambda: b"ready: " in log.read_bytes(), log, environment=environment, timeout_s=120),
    ):
        found = re.search(r"one-time password (\S+)", log.read_text())
        assert found
        yield House(f"http://127.0.0.1:{port}", found[1], folder / "data", net)


def shot(page: Page, name: str) -> None:
    folder = ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"discovery-{name}.png")


def in_the_inbox(house: House) -> dict[str, str]:
    """Name of each candidate -> its id."""
    store = open_store("embedded", house.data, "console")
    try:
        return {document.body["guess"].get("name", ""): document.id for document in store.documents.find(CANDIDATE).items}
    finally:
        store.close()


def test_from_a_range_to_a_watched_switch(page: Page, house: House) -> None:
    page.goto(f"{house.url}/login?language=en")
    page.fill("#name", "admin")
    page.fill("#password", house.password)
    page.click("button")
    expect(page).to_have_url(f"{house.url}/password")
    page.fill("#old", house.password)
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button")
    settled(page)

    page.goto(f"{house.url}/discovery")
    settled(page)
    expect(page.get_by_text("Nothing has been searched yet.").first).to_be_visible(timeout=WITHIN_S * 1000)
    page.get_by_role("button", name="Search the network").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Ranges").fill(f"127.{house.net}.1.1-20")
    dialog.get_by_label("SNMP ports").fill("1161")
    dialog.get_by_label("TCP ports").fill("8080")
    shot(page, "1-search")
    dialog.get_by_role("button", name="Search", exact=True).click()
    until(lambda: "hq-core1" in in_the_inbox(house), "the core switch is found", WITHIN_S)
    page.goto(f"{house.url}/discovery")
    settled(page)
    expect(page.get_by_text(re.compile(r"[1-9]\d* devices are new")).first).to_be_visible(timeout=WITHIN_S * 1000)
    shot(page, "2-inbox")

    page.goto(f"{house.url}/candidate?id={in_the_inbox(house)['hq-core1']}")
    settled(page)
    expect(page.get_by_text("S12704").first).to_be_visible(timeout=WITHIN_S * 1000)
    shot(page, "3-found")
    page.get_by_role("button", name="Take in", exact=True).click()
    expect(page).to_have_url(re.compile(r"/asset\?id=hq-core1"), timeout=WITHIN_S * 1000)

    metric = f"{house.url}/api/v1/metrics/latest?metric=network.interface.oper&asset=hq-core1"
    until(lambda: page.request.get(metric).json()["items"] != [], "the first poll", 2 * WITHIN_S)
    page.goto(f"{house.url}/asset?id=hq-core1&tab=ports")
    settled(page)
    expect(page.get_by_text(re.compile("✓ up")).first).to_be_visible(timeout=WITHIN_S * 1000)
    shot(page, "4-ports")

    entries = page.request.get(f"{house.url}/api/v1/audit?limit=1000").json()["items"]
    actions = {(entry["actor"], entry["action"]) for entry in entries}
    assert {("admin", "discovery.search"), ("admin", "discovery.end"), ("admin", "discovery.take_in"), ("admin", "asset.add")} <= actions
