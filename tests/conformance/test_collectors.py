"""What every collector of the registry must keep: options, errors, deadline, secrets, documentation, catalogue."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from collectors import COLLECTORS
from collectors.base import Collector, make
from compliance.kinds import kinds
from core.catalogue import catalogue
from core.errors import ConfigError, DeviceError, WanglouError
from core.records import Event, Sample, Snapshot
from core.registry import resolve
from core.secrets import Secret
from inventory.asset import Asset
from service.runner.checked import check
from tests.collectors.support import Safe, poll, serving, silent, trickle

SECRET = Secret(username="reader", password="hush-hush", community="hush-hush", token="hush-hush")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEOi8tOqXdVsHKQY9o19PHxHLeJC4PpY2LQrv8ogFGxL"
DOCS = Path(__file__).parent.parent.parent / "docs"


def options(name: str, port: int) -> dict[str, Any]:
    """The least that each collector needs to speak to ``port`` on loopback, impatient."""
    url = f"http://127.0.0.1:{port}/"
    least: dict[str, dict[str, Any]] = {
        "aws": {"region": "cn-north-1", "endpoint": url, "timeout_s": 0.5},
        "backups": {"port": port, "host_key": KEY, "timeout_s": 0.5, "sets": [{"name": "db", "tool": "files", "place": "/srv/*.gz"}]},
        "cli": {"platform": "cisco_ios", "port": port, "host_key": KEY, "timeout_s": 0.5},
        "dns": {"name": "x.example", "port": port, "timeout_s": 0.5, "tcp": True},
        "host": {"ntp": f"127.0.0.1:{port}", "snapshots": False},
        "http": {"url": url, "timeout_s": 0.5},
        "icmp": {"count": 1, "timeout_s": 0.5},
        "modbus": {"port": port, "points": [{"metric": "hw.power", "address": 1}], "timeout_s": 0.5},
        "mysql": {"port": port, "timeout_s": 0.5},
        "nut": {"port": port, "timeout_s": 0.5},
        "postgresql": {"port": port, "timeout_s": 0.5},
        "prometheus": {"url": url, "timeout_s": 0.5},
        "redis": {"port": port, "timeout_s": 0.5, "tls": "off"},
        "snmp": {"port": port},
        "ssh": {"port": port, "host_key": KEY, "timeout_s": 0.5},
        "tcp": {"ports": [port], "timeout_s": 0.5, "expect": "never"},
        "tls": {"port": port, "timeout_s": 0.5},
        "windows": {"port": port, "host_key": KEY, "timeout_s": 0.5},
    }
    return least[name]


NAMES = sorted(COLLECTORS)
LOCAL = {"host", "icmp"}  # read this machine, or no port


def kind(name: str) -> type[Collector]:
    found: type[Collector] = resolve(COLLECTORS, name, "collector")
    return found


def subject(name: str, port: int = 9) -> Collector:
    return make(kind(name), options(name, port), Safe(secret=SECRET))


def asset(name: str) -> Asset:
    return Asset(id="device", address="127.0.0.1", credentials=dict.fromkeys((name, "ssh", "snmp", "cli", "http"), "secret"))


@pytest.mark.parametrize("name", NAMES)
def test_its_class_says_what_the_protocol_asks_for(name: str) -> None:
    found = kind(name)
    assert issubclass(found.Options, BaseModel)
    assert found.default_interval_s > 0
    assert subject(name).deadline_s > 0
    assert (found.__doc__ or "").strip()


@pytest.mark.parametrize("name", NAMES)
def test_its_options_are_frozen_and_unknown_ones_are_refused_by_name(name: str) -> None:
    config = kind(name).Options.model_config
    assert config.get("frozen") is True
    with pytest.raises(ConfigError, match=r"x\.no_such_option: unknown option"):
        make(kind(name), {**options(name, 9), "no_such_option": 1}, Safe(), where="x")


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_documented(name: str) -> None:
    pages = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("collectors.md", "snmp.md") if (DOCS / page).exists())
    assert f"### `{name}`" in pages or f"`{name}`" in pages
    missing = [option for option in kind(name).Options.model_fields if f"`{option}`" not in pages]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_shows_in_its_repr(name: str) -> None:
    found = subject(name)
    poll(found, asset(name)) if name not in LOCAL else None
    assert "hush" not in repr(found) + str(vars(found))
    found.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "peer", [silent, trickle(), trickle(b"HTTP/1.1 200 OK\r\n\r\n"), trickle(b"SSH-2.0-x\r\n")], ids=["silent", "trickle", "http trickle", "ssh trickle"]
)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "snmp"])  # its peers speak UDP: tests/snmp
def test_a_hostile_peer_ends_within_the_deadline_and_as_a_device_error(name: str, peer: Callable[..., None]) -> None:
    with serving(peer) as port:
        found = subject(name, port)
        begun = time.monotonic()
        checked = check(lambda: found.collect(asset(name), _now()), lambda: False)
        elapsed = time.monotonic() - begun
        found.close()
    assert elapsed <= found.deadline_s * 1.1
    assert checked.fault == ""
    if name not in LOCAL:
        assert checked.error is None or isinstance(checked.error, DeviceError), repr(checked.error)
    else:
        assert checked.error is None or isinstance(checked.error, WanglouError)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_there_is_a_device_error_that_names_no_secret(name: str) -> None:
    found = subject(name)
    polled = poll(found, asset(name))
    found.close()
    if name not in LOCAL:
        assert isinstance(polled.error, DeviceError)
    assert "hush" not in str(polled.error)


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_its_records_are_sound_and_its_metrics_are_in_the_catalogue_in_both_languages(name: str) -> None:
    found = subject(name)
    checked = check(lambda: found.collect(asset(name), _now()), lambda: False)
    assert checked.fault == ""
    for record in checked.records:
        assert record.asset == "device"
        if isinstance(record, Sample):
            row = catalogue()[record.metric]
            assert row.zh
            assert row.en
        else:
            assert isinstance(record, Event | Snapshot)


@pytest.mark.parametrize("path", sorted((Path(__file__).parent.parent.parent / "collectors").rglob("*.py")), ids=lambda path: path.stem)
def test_every_metric_written_in_the_code_is_in_the_catalogue(path: Path) -> None:
    names = set(
        re.findall(
            r'"((?:system|process|http\.client|tls|dns|icmp|probe|hw|cloud|database|syslog|network)\.[a-z_.]+[a-z0-9])"', path.read_text(encoding="utf-8")
        )
    )
    known = {name for name in names if name in catalogue() or any(row.startswith(f"{name}.") for row in catalogue())}
    ecs = {name for name in names if re.match(r"(process\.(name|pid|command_line)|network\.(transport|scope|interface|peer\.address)|hw\.sensor)$", name)}
    assert names - known - ecs - kinds().keys() == set()


def _now() -> datetime:
    return datetime.now(UTC)
