"""The Modbus collector against a Modbus server, and against peers that are none."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import BadReply, ConfigError, Unreachable
from tests.collectors.support import collector, poll, serving, silent, trickle
from tests.peers.modbus import modbus

MAP = """
about: the sensors of room 1
points:
  - {metric: hw.temperature, address: 100, type: int16, scale: 0.1, labels: {sensor: rack 1}}
  - {metric: hw.humidity, address: 101, scale: 0.1, labels: {sensor: rack 1}}
  - {metric: hw.temperature, address: 110, type: int16, labels: {sensor: cold aisle}}
  - {metric: hw.temperature, address: 120, type: float32, labels: {sensor: hot aisle}}
  - {metric: hw.state, address: 130, bit: 2, labels: {sensor: leak}}
  - {metric: hw.state, address: 130, bit: 1, labels: {sensor: door}}
  - {metric: hw.temperature, address: 140, type: int16, high: 150, labels: {sensor: not there}}
  - {metric: hw.power, address: 900, labels: {sensor: no such register}}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with modbus() as port:
        yield port


@pytest.mark.peer
def test_registers_become_metrics_by_the_map(server: int, tmp_path: Path) -> None:
    (tmp_path / "room1.yaml").write_text(MAP, encoding="utf-8")
    polled = poll(collector("modbus", {"port": server, "map": str(tmp_path / "room1.yaml")}))
    assert polled.error is None
    assert polled.value("hw.temperature", sensor="rack 1") == pytest.approx(23.5)
    assert polled.value("hw.humidity", sensor="rack 1") == pytest.approx(61.2)
    assert polled.value("hw.temperature", sensor="cold aisle") == -5
    assert polled.value("hw.temperature", sensor="hot aisle") == pytest.approx(21.25)
    assert (polled.value("hw.state", sensor="leak"), polled.value("hw.state", sensor="door")) == (1.0, 0.0)
    assert polled.values("hw.temperature", sensor="not there") == []
    assert polled.values("hw.power") == []


@pytest.mark.peer
def test_a_device_that_refuses_every_point_is_a_bad_reply(server: int) -> None:
    polled = poll(collector("modbus", {"port": server, "points": [{"metric": "hw.power", "address": 900}]}))
    assert isinstance(polled.error, BadReply)
    assert "holding 900" in str(polled.error)


@pytest.mark.parametrize("peer", [silent, trickle()], ids=["silent", "trickle"])
def test_a_peer_that_does_not_speak_modbus_ends_in_time(peer: object) -> None:
    points = [{"metric": "hw.power", "address": address} for address in (0, 300, 600)]
    with serving(peer) as port:  # type: ignore[arg-type]
        begun = time.monotonic()
        polled = poll(collector("modbus", {"port": port, "points": points, "timeout_s": 0.3}))
    assert isinstance(polled.error, Unreachable | BadReply)
    assert time.monotonic() - begun < 10


def test_a_wrong_map_is_reported_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("points:\n  - {metric: a, address: 1}\n  - {metric: b, adress: 2}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"map.yaml:3: points.1"):
        collector("modbus", {"map": str(tmp_path / "map.yaml")})
    with pytest.raises(ConfigError, match="needs points"):
        collector("modbus", {})
