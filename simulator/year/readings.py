"""What a round of a past day would have read: the bureau's usual values, a little different each day."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime

from compliance.rounds.fill import Facts
from compliance.rounds.template import Item, Template
from core.records import Sample
from inventory.asset import Asset

USUAL = {
    "hw.temperature": (("sensor",), 22.5, 24.5),
    "hw.humidity": (("sensor",), 46, 53),
    "hw.ups.load": (("ups",), 38, 46),
    "hw.ups.charge": (("ups",), 99, 100),
    "hw.ups.on_battery": (("ups",), 0, 0),
    "collector.up": (("switch", "router", "firewall", "server", "ups", "sensor"), 1, 1),
    "system.cpu.utilization": (("switch", "router", "firewall"), 8, 35),
    "system.memory.utilization": (("switch", "router", "firewall", "server"), 30, 62),
    "network.interface.utilization": (("switch", "router", "firewall"), 2, 40),
    "network.interface.errors": (("switch", "router", "firewall"), 0, 0),
    "system.filesystem.utilization": (("server",), 35, 74),
    "tls.certificate.days_left": (("system",), 45, 280),
}
DEVICES = ("switch", "router", "firewall")


def facts(template: Template, assets: list[Asset], now: datetime) -> Facts:
    """Values of everything that the template reads; checks of network devices passed, those of hosts were not there yet."""
    dice = random.Random(f"{template.id} {now:%Y-%m-%d}")
    samples = [sample for item in template.items for sample in _samples(item, assets, now, dice)]
    return Facts(samples=samples, verdicts=list(_verdicts(template, assets, now)), kinds={asset.id: asset.kind for asset in assets})


def _samples(item: Item, assets: list[Asset], now: datetime, dice: random.Random) -> Iterator[Sample]:
    if item.read is None or item.read.metric not in USUAL:
        return
    kinds, least, most = USUAL[item.read.metric]
    for asset in assets:
        if asset.kind in kinds and (not item.read.kinds or asset.kind in item.read.kinds):
            yield Sample(time=now, asset=asset.id, metric=item.read.metric, value=round(dice.uniform(least, most), 1))


def _verdicts(template: Template, assets: list[Asset], now: datetime) -> Iterator[dict[str, str]]:
    for check in {name for item in template.items if item.read for name in item.read.checks if name.startswith("net-")}:
        yield from ({"asset": one.id, "check": check, "outcome": "pass", "time": now.isoformat()} for one in assets if one.kind in DEVICES)
