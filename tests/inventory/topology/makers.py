"""Devices as tests need them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from core.records import Snapshot
from inventory.asset import Asset
from inventory.topology.directory import Directory, directory_of
from inventory.topology.evidence import KIND, Device, device_of

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def mac(number: int) -> str:
    return f"02:00:00:00:{number // 256:02x}:{number % 256:02x}"


def told(port: str, name: str, remote_port: str = "", chassis: str = "", protocol: str = "lldp") -> dict[str, Any]:
    return {"protocol": protocol, "local": port, "remote_name": name, "remote_port": remote_port, "remote_chassis": chassis, "remote_descr": None}


def device(name: str, number: int, *, kind: str = "switch", address: str = "", **body: Any) -> Device:
    """A device whose own MAC address is ``mac(number)``."""
    snapshot = Snapshot(time=NOW, asset=name, kind=KIND, body=json.dumps({"sysname": name, "bridge": mac(number), "macs": [mac(number)], **body}))
    return device_of(Asset(id=name, kind=kind, address=address), snapshot)


def silent(name: str, address: str = "", kind: str = "server", **facts: str) -> Device:
    """An asset that says nothing by itself."""
    return device_of(Asset(id=name, kind=kind, address=address, facts=facts))


def directory(*devices: Device) -> Directory:
    return directory_of(devices)
