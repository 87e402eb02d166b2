"""An uplink of the simulated bureau is cut: one incident with all that it takes along, and another for a fault elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from core.clock import SystemClock
from core.names import INCIDENT
from core.settings import read_settings
from service.serve import Service, build
from store.base import Selector
from tests.peers.program import accepts, free_port, running, until

pytestmark = [pytest.mark.slow, pytest.mark.peer, pytest.mark.timeout(400)]
LAB = {"lab-r1", "lab-core", "lab-acc1", "lab-acc2"}
OUTAGE = {"reach", "interface_lost", "http_down", "probe_down"}


@dataclass(frozen=True)
class House:
    """The service and the control page of the bureau that it watches."""

    service: Service
    control: int

    def fault(self, name: str, on: bool) -> None:
        httpx2.post(f"http://127.0.0.1:{self.control}/faults/{name}", json={"on": on}).raise_for_status()

    def outages(self) -> list[dict[str, Any]]:
        """Incidents about what is unreachable, those that went into others left out."""
        found = [dict(document.body) for document in self.service.store.documents.find(INCIDENT).items]
        return [one for one in found if one["state"] != "merged" and {member["rule"] for member in one["members"]} & OUTAGE]

    def knows(self, asset: str) -> bool:
        """Whether the device was read."""
        selector = Selector(metric="network.interface.oper", asset=asset)
        return bool(self.service.store.metrics.latest(selector, self.service.settings.events_age, self.service.clock.now()))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    control, net, data = free_port(), str(2 + os.getpid() % 17), tmp_path / "data"
    arguments = [sys.executable, "-m", "simulator", "--site", str(data / "site"), "--net", net, "--control", str(control), "--speed", "0"]
    with running(arguments, lambda: accepts(control), tmp_path / "log", timeout_s=60):
        made = build(read_settings(None, {"WANGLOU_DATA": str(data), "WANGLOU_LOG_LEVEL": "error"}), SystemClock())
        made.start()
        yield House(made, control)
        made.stop()


def assets(incident: dict[str, Any]) -> set[str]:
    return {member["asset"] for member in incident["members"]}


def test_a_cut_uplink_is_one_incident_and_a_fault_elsewhere_another(house: House) -> None:
    until(lambda: all(house.knows(name) for name in (*LAB, "hq-r1", "hq-core2")), "every device was read", 120)
    assert house.outages() == []
    house.fault("uplink-cut", on=True)
    until(lambda: any(assets(one) >= {*LAB, "hq-r1"} for one in house.outages()), "the outage is seen whole", 150)
    until(lambda: len(house.outages()) == 1, "it is one incident", 30)
    (outage,) = house.outages()
    assert outage["root"] == "lab-r1"
    assert {member["rule"] for member in outage["members"] if member["asset"] == "hq-r1"} == {"interface_lost"}
    house.fault("core2-off", on=True)
    until(lambda: any("hq-core2" in assets(one) for one in house.outages()), "the second fault is seen", 120)
    until(lambda: {one["root"] for one in house.outages()} == {"lab-r1", "hq-core2"}, "two incidents, one of each fault", 60)
    assert len(house.outages()) == 2


def test_a_second_fault_behind_a_cut_uplink_is_an_incident_of_its_own_once_it_can_be_told_apart(house: House) -> None:
    """While the uplink is cut nobody can know of it; when the uplink is back, what stays silent is another fault."""
    until(lambda: all(house.knows(name) for name in (*LAB, "hq-r1")), "every device was read", 120)
    house.fault("uplink-cut", on=True)
    until(lambda: any(assets(one) >= {*LAB, "hq-r1"} for one in house.outages()), "the outage is seen whole", 150)
    house.fault("access-off", on=True)
    until(lambda: len(house.outages()) == 1, "it is one incident", 30)
    house.fault("uplink-cut", on=False)
    until(lambda: {one["root"]: one["state"] for one in house.outages()}.get("lab-r1") in ("resolved", "closed"), "the outage is over", 150)
    until(lambda: [one["root"] for one in house.outages() if one["state"] == "open"] == ["lab-acc2"], "the second fault alone is open", 90)
    (second,) = (one for one in house.outages() if one["state"] == "open")
    assert assets(second) >= {"lab-acc2", "lab-water", "lab-air", "lab-noise"}
