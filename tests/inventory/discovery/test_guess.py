"""What a sighting probably is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from inventory.discovery.guess import guess, read_signs
from inventory.discovery.sighting import Port, Sighting, Spoken

NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "kind", "least"),
    [
        ({"os": "vrp", "model": "USG6525E", "vendor": "Huawei"}, "firewall", 0.8),
        ({"os": "vrp", "model": "S5735-L24T4S-A", "vendor": "Huawei", "services": 2}, "switch", 0.8),
        ({"os": "vrp", "model": "AR2220E", "vendor": "Huawei", "descr": "AR2220E Huawei Versatile Routing Platform"}, "router", 0.7),
        ({"os": "comware", "model": "S5130-28S-EI", "vendor": "H3C"}, "switch", 0.8),
        ({"os": "ios", "model": "WS-C2960X-48TS-L", "vendor": "Cisco", "services": 6}, "switch", 0.8),
        ({"os": "ios", "model": "CISCO2911/K9", "vendor": "Cisco", "services": 78}, "router", 0.7),
        ({"os": "fortigate", "model": "FortiGate 100F"}, "firewall", 0.9),
        ({"os": "linux", "descr": "Linux web1 5.10.0 #1 SMP x86_64", "services": 72}, "server", 0.8),
        ({"os": "apc", "model": "Smart-UPS SRT 3000"}, "ups", 0.8),
        ({"os": "jetdirect", "model": "HP LaserJet 400"}, "printer", 0.9),
        ({"os": "ibmc", "model": "2288H V5"}, "bmc", 0.8),
    ],
)
def test_an_agent_gives_its_kind_away(told: dict[str, Any], kind: str, least: float) -> None:
    found = guess(Sighting(address="10.0.0.1", time=NOW, snmp=Spoken(**told)))
    assert found.kind == kind
    assert found.confidence >= least
    assert found.model == told.get("model", "")


@pytest.mark.parametrize(
    ("port", "kind", "vendor"),
    [
        (Port(number=22, way="ssh", banner="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"), "server", "Debian"),
        (Port(number=22, way="ssh", banner="SSH-2.0-HUAWEI-1.5"), "switch", "Huawei"),
        (Port(number=443, way="https", title="FortiGate"), "firewall", "Fortinet"),
        (Port(number=80, way="http", title="HUAWEI iBMC"), "bmc", ""),
        (Port(number=3306), "server", ""),
    ],
)
def test_a_banner_or_a_title_is_a_hint(port: Port, kind: str, vendor: str) -> None:
    found = guess(Sighting(address="10.0.0.1", time=NOW, ports=(port,)))
    assert (found.kind, found.vendor) == (kind, vendor)
    assert 0 < found.confidence < 0.95


def test_hints_that_agree_are_stronger_together() -> None:
    ssh = Port(number=22, way="ssh", banner="SSH-2.0-OpenSSH_9.2")
    web = Port(number=80, way="http", server="nginx")
    alone = guess(Sighting(address="10.0.0.1", time=NOW, ports=(ssh,)))
    both = guess(Sighting(address="10.0.0.1", time=NOW, ports=(ssh, web)))
    assert both.confidence > alone.confidence


def test_what_says_nothing_is_guessed_nothing() -> None:
    found = guess(Sighting(address="10.0.0.1", time=NOW, ping_s=0.001))
    assert (found.kind, found.confidence, dict(found.of)) == ("other", 0.0, {})


def test_a_wrong_sign_is_named_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "signs.yaml"
    file.write_text("signs:\n  - {in: title, match: '(', kind: x, weight: 0.5}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"signs\.yaml:2: signs\.0\.match: .*no regular expression"):
        read_signs(file)
