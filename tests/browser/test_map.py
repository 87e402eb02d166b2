"""The map in a real browser, over the simulated bureau: every cable found, an uplink cut, one incident, what lies behind it shown."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from simulator.estate import load_estate
from tests.browser.conftest import settled
from tests.peers.program import accepts, free_port, running, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
PASSWORD = "Morning-tower-7-rain"
WITHIN_S = 240  # three missed polls at half a minute, on a busy machine


@dataclass(frozen=True)
class House:
    """The running product beside the bureau that it watches."""

    url: str
    password: str
    control: int

    def fault(self, name: str) -> None:
        httpx2.post(f"http://127.0.0.1:{self.control}/faults/{name}", json={"on": True}).raise_for_status()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("map")
    net, port, control = 120 + free_port() % 100, free_port(), free_port()
    site, log = folder / "data" / "site", folder / "up.log"
    bureau = [sys.executable, "-m", "simulator", "--site", str(site), "--net", str(net), "--control", str(control), "--speed", "0"]
    environment = {"WANGLOU_DATA": str(folder / "data"), "WANGLOU_PORT": str(port)}
    with (
        running(bureau, lambda: accepts(control), folder / "simulator.log", timeout_s=60),
        running([sys.executable, "-m", "service", "up"], lambda: b"ready: " in log.read_bytes(), log, environment=environment, timeout_s=120),
    ):
        found = re.search(r"one-time password (\S+)", log.read_text())
        assert found
        yield House(f"http://127.0.0.1:{port}", found[1], control)


def shot(page: Page, name: str) -> None:
    folder = ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"map-{name}.png")


def items(page: Page, house: House, path: str) -> list[dict[str, Any]]:
    """The API with the browser's own session."""
    found: list[dict[str, Any]] = page.request.get(f"{house.url}/api/v1/{path}").json()["items"]
    return found


def test_the_map_is_found_and_a_cut_uplink_is_one_incident_with_all_behind_it(page: Page, house: House) -> None:
    page.goto(f"{house.url}/login?language=en")
    page.fill("#name", "admin")
    page.fill("#password", house.password)
    page.click("button")
    page.fill("#old", house.password)
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button")
    settled(page)

    cables, nodes = len(load_estate().cables), len(load_estate().by_id)
    until(lambda: sum(link["state"] == "there" for link in items(page, house, "network/links")) == cables, "every cable", WITHIN_S)
    page.goto(f"{house.url}/map")
    settled(page)
    expect(page.get_by_text(re.compile(rf"{nodes} nodes, {cables} lines"))).to_be_visible(timeout=60_000)
    expect(page.locator("canvas").first).to_be_visible()
    shot(page, "1-found")

    page.goto(f"{house.url}/finder?q=127.")
    settled(page)
    expect(page.get_by_text(re.compile(r"\d+ of \d+ machines fit"))).to_be_visible(timeout=60_000)
    page.goto(f"{house.url}/finder?q=lab-water")
    settled(page)
    expect(page.get_by_text(re.compile(r"监测站自动站交换机 GigabitEthernet1/0/2")).first).to_be_visible(timeout=60_000)
    shot(page, "2-machine")

    house.fault("uplink-cut")
    behind = [name for name in load_estate().by_id if name.startswith("lab-")]
    until(lambda: len(unreachable(page, house)) >= len(behind) - 1, "everything behind the uplink", WITHIN_S)
    page.goto(f"{house.url}/map?asset=hq-r1")
    settled(page)
    expect(page.get_by_text(re.compile(r"⊘ \d+ cannot be reached behind something else"))).to_be_visible(timeout=60_000)
    expect(page.locator("canvas").first).to_be_visible()
    page.wait_for_timeout(1000)  # the picture is for people: it may be drawn late, nothing is asserted of it
    shot(page, "3-cut")
    living = [one for one in items(page, house, "incidents?state=open") if "lab-" in str(one) or "hq-r1" in str(one)]
    assert len(living) == 1, [one.get("title") for one in living]


def unreachable(page: Page, house: House) -> list[str]:
    return [asset["id"] for asset in items(page, house, "assets") if asset["state"] == "unreachable"]
