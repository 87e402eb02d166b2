"""Ports and configurations: on a real FRR router, and the commands of every platform as its devices print their ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import BadReply, ConfigError, DeviceError, HostKeyChanged
from core.secrets import Secret
from inventory.asset import Asset
from playbooks.capabilities import capability
from playbooks.capabilities.switches import block_of
from service.reaching import ServiceReach
from tests.peers.frr import frr
from tests.peers.snmpd import snmpd
from tests.peers.sshd import Sshd
from tests.playbooks.acting import Hand, Vault, there_and_back
from tests.playbooks.payloads import CANARY, PAYLOADS


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with frr(tmp_path_factory.mktemp("frr")) as found:
        yield found


Make = Callable[..., Hand]


@pytest.fixture
def hand(router: Sshd) -> Iterator[Make]:
    cli = {"platform": "cisco_ios", "port": router.port, "host_key": router.host_key}
    target = Asset.model_validate({"id": "r1", "address": "127.0.0.1", "facts": {"platform": "frr"}, "collect": {"cli": cli}, "credentials": {"cli": "ops"}})
    reach = ServiceReach(Vault(ops=router.secret), target, 120)
    yield lambda name, /, **options: Hand(name, target, reach, **options)
    reach.close()


@pytest.mark.peer
def test_a_port_is_shut_and_opened_on_a_real_router(hand: Make) -> None:
    down = hand("port.down", port="swp7")
    assert down.plan().commands == ("interface swp7", "shutdown")
    there_and_back(down)


@pytest.mark.peer
def test_a_configuration_is_read_whole(hand: Make) -> None:
    found = hand("device.backup").do()
    assert "ip prefix-list office seq 5 permit 192.0.2.0/24" in found.said


@pytest.mark.peer
def test_lines_are_entered_and_taken_back(hand: Make) -> None:
    line = "ip prefix-list lab seq 5 permit 198.51.100.0/24"
    change = hand("device.configure", lines=(line,), undo=(f"no {line}",), expect=line)
    assert change.verify().holds is False
    change.do()
    assert change.verify().holds is True
    change.undo({})
    assert change.verify().holds is False


@pytest.mark.peer
def test_a_line_that_the_device_refuses_is_an_error(hand: Make) -> None:
    with pytest.raises(BadReply, match="refused"):
        hand("device.configure", lines=("no such command at all",), undo=("no such",)).do()


@pytest.mark.peer
def test_payloads_as_lines_run_nothing(hand: Make) -> None:
    lines = []
    for payload in PAYLOADS:
        with suppress(ValidationError):
            lines.append(capability("device.configure").Options.model_validate({"lines": (payload,), "undo": ("no x",)}).lines[0])
    assert all(line.isascii() and line.isprintable() for line in lines)
    for line in lines[:4]:
        with suppress(DeviceError):
            hand("device.configure", lines=(line,), undo=("no x",)).do()
    assert not Path(CANARY).exists()


@pytest.mark.peer
def test_another_host_key_stops_before_anything_is_sent(router: Sshd) -> None:
    other = (router.folder / "user_key.pub").read_text(encoding="ascii")
    cli = {"platform": "cisco_ios", "port": router.port, "host_key": other}
    target = Asset.model_validate({"id": "r1", "address": "127.0.0.1", "facts": {"platform": "frr"}, "collect": {"cli": cli}, "credentials": {"cli": "ops"}})
    with pytest.raises(HostKeyChanged):
        Hand("port.down", target, ServiceReach(Vault(ops=router.secret), target, 60), port="swp7").verify()


PRINTED = {
    "cisco_ios": (
        "GigabitEthernet1/0/7",
        "Building configuration...\n\ninterface GigabitEthernet1/0/7\n switchport access vlan 20\n switchport mode access\nend\n",
    ),
    "ruijie_os": ("GigabitEthernet 0/7", "interface GigabitEthernet 0/7\n switchport access vlan 20\n"),
    "huawei": ("GigabitEthernet0/0/7", "#\ninterface GigabitEthernet0/0/7\n port link-type access\n port default vlan 20\n#\nreturn\n"),
    "hp_comware": ("GigabitEthernet1/0/7", "#\ninterface GigabitEthernet1/0/7\n port link-mode bridge\n port access vlan 20\n#\nreturn\n"),
}


class Printed:
    """A terminal that prints the port and remembers what is entered; no switch of a vendor is at hand."""

    def __init__(self, text: str) -> None:
        self.text, self.entered = text, list[str]()

    def show(self, _command: str) -> str:
        return self.text

    def configure(self, lines: Any) -> str:
        self.entered += lines
        return ""

    def terminal(self, _asset: Asset) -> Printed:
        return self


@pytest.mark.parametrize("platform", sorted(PRINTED))
def test_quarantine_by_platform(platform: str) -> None:
    port, text = PRINTED[platform]
    port = port.replace(" ", "")
    target = Asset.model_validate({"id": "sw", "address": "127.0.0.1", "collect": {"cli": {"platform": platform}}})
    made = capability("port.vlan")
    options = made.Options.model_validate({"port": port, "vlan": 999})
    device: Any = Printed(text.replace("Ethernet 0", "Ethernet0"))
    before = made.verify(options, target, device)
    assert (before.holds, before.before) == (False, {"vlan": "20"})
    made.do(options, target, device)
    assert device.entered[0] == f"interface {port}"
    assert device.entered[-1].endswith("vlan 999")
    made.undo(options, target, device, before.before)
    assert device.entered[-1].endswith("vlan 20")


def test_a_block_ends_where_the_next_begins() -> None:
    text = "interface a\n shutdown\n!\ninterface ab\n no shutdown\n!\n"
    assert block_of(text, "a") == [" shutdown"]
    assert block_of(text, "ab") == [" no shutdown"]
    assert block_of(text, "b") == []


@pytest.mark.parametrize(
    "line",
    [
        "reload",
        "erase startup-config",
        "copy run tftp://192.0.2.1/x",
        "a\nreload",
        " leading",
        "reset saved-configuration",
        "undo ssh server",
        "do reload",
        "start-shell bash",
        "exit",
    ],
)
def test_lines_that_would_cut_the_branch_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"may not be entered|no single line"):
        capability("device.configure").Options.model_validate({"lines": (line,), "undo": ("no x",)})


def test_an_unknown_platform_is_said_in_the_plan() -> None:
    made = capability("port.down")
    with pytest.raises(ConfigError, match="no commands are known"):
        made.plan(made.Options.model_validate({"port": "a1"}), Asset(id="x", address="127.0.0.1"))


@pytest.fixture
def write(tmp_path: Path) -> Iterator[Make]:
    with snmpd(tmp_path, extra="rwcommunity writer 127.0.0.1\n") as agent:
        target = Asset.model_validate({"id": "pdu", "address": "127.0.0.1", "collect": {"snmp": {"port": agent.port}}, "credentials": {"snmp_write": "w"}})
        reach = ServiceReach(Vault(w=Secret(community="writer")), target, 60)
        yield lambda **options: Hand("snmp.set", target, reach, **options)
        reach.close()


@pytest.mark.peer
def test_an_object_is_written_by_snmp_and_written_back(write: Make) -> None:
    there_and_back(write(object="location", value="机房三 A05"))


@pytest.mark.peer
def test_an_object_that_cannot_be_written_is_said(write: Make) -> None:
    with pytest.raises(BadReply, match="refused"):
        write(object="contact", value="x").do()  # stated in its settings, so not writable
    with pytest.raises(BadReply, match="no object"):
        write(object="apc-outlet", index=3, value="off").verify()


@pytest.mark.parametrize(
    "options",
    [
        {"object": "port-admin", "value": "down"},
        {"object": "port-admin", "index": 3, "value": "gone"},
        {"object": "name", "index": 1, "value": "a"},
        {"object": "1.3.6", "value": "a"},
    ],
)
def test_only_objects_of_the_list_with_values_of_theirs(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        capability("snmp.set").Options.model_validate(options)
