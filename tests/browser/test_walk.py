"""The whole main job in a real browser: log in, change the password, see the machine, break something real, watch the
incident come, acknowledge it, mend the thing, see it resolve, find it all in the audit. Screenshots are kept under artefacts/.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import settled
from tests.peers.program import end_session, free_port, running, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
PASSWORD = "Morning-tower-7-rain"
WITHIN_MS = 45_000


@dataclass
class House:
    """The running product and the process that it watches."""

    url: str
    password: str
    pidfile: Path
    watched: subprocess.Popen[bytes] | None = None

    def start_watched(self) -> None:
        self.watched = subprocess.Popen(["sleep", "600"], start_new_session=True)
        self.pidfile.write_text(str(self.watched.pid))

    def stop_watched(self) -> None:
        assert self.watched is not None
        end_session(self.watched)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("walk")
    pidfile = folder / "watched.pid"
    site = folder / "data" / "site"
    (site / "alerting").mkdir(parents=True)
    host = {"services": [{"name": "watched", "pidfile": str(pidfile)}], "interval": 2}
    (site / "assets.yaml").write_text(json.dumps({"assets": [{"id": "box", "name": "Front desk server", "importance": "high", "collect": {"host": host}}]}))
    (site / "alerting" / "main.yaml").write_text(json.dumps({"settings": {"group_wait": "1s", "group_interval": "2s"}}))
    port, log = free_port(), folder / "up.log"
    made = House(f"http://127.0.0.1:{port}", "", pidfile)
    made.start_watched()
    environment = {"WANGLOU_DATA": str(folder / "data"), "WANGLOU_PORT": str(port)}
    with running([sys.executable, "-m", "service", "up"], lambda: b"ready: " in log.read_bytes(), log, environment=environment, timeout_s=120):
        found = re.search(r"one-time password (\S+)", log.read_text())
        assert found
        made.password = found[1]
        yield made
    made.stop_watched()


def shot(page: Page, name: str) -> None:
    folder = ROOT / "artefacts"
    folder.mkdir(exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")


def incidents(page: Page, house: House) -> list[dict[str, Any]]:
    """The API with the browser's own session."""
    found: list[dict[str, Any]] = page.request.get(f"{house.url}/api/v1/incidents").json()["items"]
    return [one for one in found if "Service is down" in json.dumps(one)]


def test_from_the_one_time_password_to_the_audit(page: Page, house: House) -> None:
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
    shot(page, "1-now")

    until(
        lambda: page.request.get(f"{house.url}/api/v1/metrics/latest?metric=system.cpu.utilization&asset=box").json()["items"] != [],
        "the first numbers",
        WITHIN_MS / 1000,
    )
    page.goto(f"{house.url}/asset?id=box")
    settled(page)
    expect(page.get_by_text("Front desk server").first).to_be_visible()
    expect(page.get_by_text("Processor utilization", exact=False).first).to_be_visible(timeout=WITHIN_MS)
    shot(page, "2-machine")

    house.stop_watched()
    until(lambda: len(incidents(page, house)) == 1, "the incident", WITHIN_MS / 1000)
    page.goto(house.url)
    settled(page)
    expect(page.get_by_text(re.compile(r"incident.* need")).first).to_be_visible(timeout=WITHIN_MS)
    shot(page, "3-now-with-incident")

    (incident,) = incidents(page, house)
    page.goto(f"{house.url}/incident?id={incident['id']}")
    settled(page)
    expect(page.get_by_text("Front desk server: Service is down").first).to_be_visible(timeout=WITHIN_MS)
    page.get_by_role("button", name="Acknowledge").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Comment").fill("on my way")
    dialog.get_by_role("button", name="Acknowledge").click()
    until(lambda: incidents(page, house)[0]["state"] == "acknowledged", "the acknowledgement", WITHIN_MS / 1000)
    expect(dialog).to_be_hidden(timeout=WITHIN_MS)
    page.reload()
    settled(page)
    expect(page.get_by_text("on my way").first).to_be_visible(timeout=WITHIN_MS)
    shot(page, "4-acknowledged")

    house.start_watched()
    until(lambda: incidents(page, house)[0]["state"] == "resolved", "the end", WITHIN_MS / 1000)
    page.goto(f"{house.url}/incident?id={incident['id']}")
    settled(page)
    shot(page, "5-resolved")

    page.goto(f"{house.url}/audit")
    settled(page)
    shot(page, "6-audit")
    entries = page.request.get(f"{house.url}/api/v1/audit?limit=1000").json()["items"]
    actions = [(entry["actor"], entry["action"]) for entry in entries]
    assert ("admin", "alert.acknowledge") in actions
    assert ("system", "alert.resolve") in actions
