"""The rules about the network, from what is measured or told to the alert in an incident: detectors, shipped rules and alerting as the service has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import ManualClock
from core.names import INCIDENT
from core.records import Event, Record, Sample
from core.settings import Settings
from detectors.rules.told import Told
from detectors.series.forecast import Forecast
from detectors.series.lost import Lost
from inventory.asset import Asset
from inventory.credentials import Vault
from service.alerting.journal import DiskJournal
from service.alerting.live import LiveAlerting
from service.alerting.loading import load_configuration
from service.pipeline import Pipeline
from store.open import open_store

START = datetime(2026, 3, 2, 1, tzinfo=UTC)
MINUTE, HOUR, WEEK = 60.0, 3600.0, 7 * 86400.0
PORT = {"interface": "Gi0/1", "direction": "receive"}
Step = tuple[float, dict[str, float], dict[str, str]]


class House:
    """One after another: a device, what is measured of it, and the rules of the incidents that it is in."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data=folder)
        self.store, self.clock, self.count = open_store("embedded", folder, "service"), ManualClock(START), 0
        assets = tuple(Asset(id=f"device-{number}", kind="switch") for number in range(40))
        loaded = load_configuration(settings.site_folder / "alerting", assets, (), (), "Asia/Shanghai")
        self.alerting = LiveAlerting(settings, self.store, Vault(self.store, bytes(32)), self.clock, loaded, DiskJournal(folder / "alerting.db"))
        told = Told()
        self.pipeline = Pipeline(self.store, self.alerting, [Lost(), Forecast(), told], self.clock, readers=[told])

    def device(self) -> str:
        self.count += 1
        return f"device-{self.count}"

    def take(self, asset: str, seconds: float, records: Sequence[Record]) -> None:
        self.clock.advance(seconds)
        self.pipeline.take(asset, records)

    def rules(self, asset: str) -> set[str]:
        self.alerting.tick()
        bodies: list[dict[str, Any]] = [dict(document.body) for document in self.store.documents.find(INCIDENT).items]
        return {member["rule"] for body in bodies for member in body["members"] if member["asset"] == asset}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("network"))
    yield made
    made.alerting.close()
    made.store.close()


def each(metric: str, values: Sequence[float], every: float, labels: dict[str, str]) -> list[Step]:
    return [(every, {metric: value}, labels) for value in values]


MEASURED: dict[str, list[Step]] = {
    "interface_lost": each("network.interface.oper", (1, 1, 0), WEEK, {"interface": "Gi0/1"}),
    "interface_errors": each("network.interface.errors", (3, 3, 3), 5 * MINUTE, PORT),
    "interface_discards": each("network.interface.discards", (60, 90, 70), 5 * MINUTE, PORT),
    "interface_busy": each("network.interface.utilization", (95, 96, 95, 95), 5 * MINUTE, PORT),
    "half_duplex": each("network.interface.half_duplex", (0, 1), MINUTE, {"interface": "Gi0/1"}),
    "lag_lost": each("network.lag.members", (2, 2, 1), HOUR, {"interface": "Po1"}),
    "bgp_lost": each("network.bgp.peer.up", (1, 1, 0), HOUR, {"peer": "192.0.2.1"}),
    "ospf_lost": each("network.ospf.neighbour.up", (1, 1, 0), HOUR, {"peer": "192.0.2.2"}),
    "isis_lost": each("network.isis.neighbour.up", (1, 1, 0), HOUR, {"peer": "Gi0/2"}),
    "temperature_limit": each("hw.temperature.margin", (8, -1, -2, -2), 2 * MINUTE, {"sensor": "CPU"}),
    "optical_limit": each("hw.optical_power.margin", (2, -0.5, -0.6, -0.5), 5 * MINUTE, {"sensor": "Te1 receive"}),
    "forecast": each("hw.optical_power.margin", [4 - 0.2 * hour / 24 for hour in range(24 * 9)], HOUR, {"sensor": "Te2 receive"}),
}
LEAK = each("hw.memory.utilization", [50 + 3 * hour / 24 for hour in range(24 * 6)], HOUR, {"pool": "main"})
SAID = {
    "ha_role_changed": ("ha_role_changed", {}),
    "told_power": ("power_supply_failed", {"hw.sensor": "PSU 2"}),
    "told_fan": ("fan_failed", {"hw.sensor": "Fan 1"}),
    "told_access_point": ("access_point_down", {"wireless.access_point": "ap-3"}),
    "told_pool": ("pool_member_down", {"network.peer.address": "192.0.2.8"}),
    "rogue_seen": ("rogue_found", {"source.mac": "02:00:00:00:00:09"}),
}


def measure(house: House, steps: Sequence[Step]) -> set[str]:
    asset = house.device()
    for seconds, values, labels in steps:
        time = house.clock.now() + timedelta(seconds=seconds)
        house.take(asset, seconds, [Sample(time=time, asset=asset, metric=metric, value=value, labels=labels) for metric, value in values.items()])
    return house.rules(asset)


@pytest.mark.parametrize(("rule", "steps"), [*MEASURED.items(), ("forecast", LEAK)])
def test_what_is_measured_becomes_an_alert_of_its_rule(house: House, rule: str, steps: list[Step]) -> None:
    assert measure(house, steps) == {rule}
    assert measure(house, steps[:1]) == set()


@pytest.mark.parametrize("rule", SAID)
def test_what_a_device_says_becomes_an_alert_of_its_rule(house: House, rule: str) -> None:
    kind, fields = SAID[rule]
    asset = house.device()
    time = house.clock.now() + timedelta(seconds=30)
    house.take(asset, 30, [Event(id=rule, time=time, asset=asset, kind=kind, message="said", fields=fields)])
    assert house.rules(asset) == {rule}


def test_a_fall_told_by_trap_and_log_line_counts_once_and_five_falls_are_flapping(house: House) -> None:
    asset = house.device()

    def fall(number: int, seconds: float) -> None:
        time = house.clock.now() + timedelta(seconds=seconds)
        fields = {"network.interface": "Gi0/1"}
        house.take(asset, seconds, [Event(id=f"fall-{number}", time=time, asset=asset, kind="link_down", message="down", fields=fields)])

    for number in range(4):
        fall(2 * number, 60)
        fall(2 * number + 1, 1)
    assert house.rules(asset) == set()
    fall(8, 60)
    assert house.rules(asset) == {"interface_flapping"}
