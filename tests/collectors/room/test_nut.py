"""The NUT collector against a real upsd with dummy-ups."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import BadReply, Unreachable
from tests.collectors.support import collector, poll, serving, silent, trickle
from tests.peers.nut import Nut, nut
from tests.peers.program import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nut]:
    with nut(Path(tmp_path_factory.mktemp("nut"))) as found:
        yield found


@pytest.mark.peer
def test_a_power_cut_is_seen_and_told(server: Nut) -> None:
    subject = collector("nut", {"port": server.port})
    until(lambda: poll(subject).values("hw.ups.charge") == [95.0], "the driver's first reading")
    mains = poll(subject)
    assert mains.value("hw.ups.on_battery", ups="tower") == 0.0
    assert mains.value("hw.ups.runtime") == pytest.approx(30)
    assert mains.value("hw.temperature", sensor="ups.temperature") == 31.5
    assert mains.value("hw.voltage", sensor="input.voltage") == 229.8
    assert "ups.model=Tower 3000" in mains.snapshot("ups.tower")
    server.put(ups_status="OB LB", battery_charge="12")
    until(lambda: poll(subject).values("hw.ups.on_battery") == [1.0], "the power cut", timeout_s=60)
    cut = poll(collector("nut", {"port": server.port}))
    assert (cut.value("hw.ups.low_battery"), cut.value("hw.ups.charge")) == (1.0, 12.0)


@pytest.mark.peer
def test_an_unknown_supply_is_a_bad_reply(server: Nut) -> None:
    polled = poll(collector("nut", {"port": server.port, "ups": ["cellar"]}))
    assert isinstance(polled.error, BadReply)
    assert "UNKNOWN-UPS" in str(polled.error)


@pytest.mark.parametrize("peer", [silent, trickle(), trickle(b"BEGIN LIST UPS\n")], ids=["silent", "trickle", "endless list"])
def test_a_peer_that_does_not_speak_the_protocol_ends_in_time(peer: object) -> None:
    with serving(peer) as port:  # type: ignore[arg-type]
        begun = time.monotonic()
        polled = poll(collector("nut", {"port": port, "timeout_s": 0.3}))
    assert isinstance(polled.error, Unreachable | BadReply)
    assert time.monotonic() - begun < 10
