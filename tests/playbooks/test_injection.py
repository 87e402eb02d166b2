"""Every text that a capability takes against sixty payloads: refused when it is read, or an argument that stays one argument. Nothing runs them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import ConfigError, DeviceError
from inventory.asset import Asset
from playbooks.capabilities import CAPABILITIES, capability
from service.reaching import ServiceReach
from tests.peers.machine import Machine, machine
from tests.playbooks.acting import Hand, Vault
from tests.playbooks.payloads import CANARY, PAYLOADS

GOOD: dict[str, dict[str, Any]] = {
    "account.lock": {"account": "outsider"},
    "ansible.run": {"file": "harden.yml", "sha256": "a" * 64},
    "blocklist.add": {"address": "203.0.113.9", "list": "/etc/blocklist"},
    "device.backup": {},
    "device.configure": {"lines": ("ip prefix-list a seq 5 permit any",), "undo": ("no ip prefix-list a",), "expect": "a"},
    "disk.room": {"path": "/var/log"},
    "evidence.collect": {"commands": ("kernel",)},
    "files.clean": {"folder": "/var/log/app", "pattern": "*.gz"},
    "firewall.block": {"address": "203.0.113.9"},
    "host.shutdown": {"minutes": 5},
    "http.call": {"path": "/a", "body": {"a": 1}, "contains": "x"},
    "http.get": {"path": "/a", "contains": "x"},
    "logs.rotate": {"config": "demo"},
    "mail.send": {"to": ("a@example.org",), "subject": "s", "text": "t"},
    "port.down": {"port": "GigabitEthernet0/0/1"},
    "port.vlan": {"port": "GigabitEthernet0/0/1", "vlan": 999},
    "remedy.apply": {"check": "lnx-pwd-age"},
    "service.restart": {"service": "demo"},
    "service.state": {"service": "demo"},
    "service.stop": {"service": "demo"},
    "snmp.set": {"object": "location", "value": "room 3"},
    "sql.drill": {"backup": "/var/backups/app.dump"},
    "sql.end_idle": {"minutes": 5, "user": "app"},
    "sql.read": {"query": "connections", "database": "app"},
    "ssh.command": {"command": "list", "path": "/var/log", "name": "demo"},
    "ticket.close": {"reference": "I000001", "text": "t"},
    "ticket.open": {"reference": "I000001", "subject": "s", "text": "t", "priority": "3"},
}
FREE = {
    "device.configure",
    "http.call",
    "http.get",
    "mail.send",
    "snmp.set",
    "ticket.close",
    "ticket.open",
}  # what becomes no command of a machine is tried where it goes to
CASES = [(name, field) for name, options in sorted(GOOD.items()) if name not in FREE for field, value in options.items() if not isinstance(value, int)]


def test_no_capability_is_left_out() -> None:
    assert set(GOOD) == set(CAPABILITIES)
    assert len(PAYLOADS) >= 60


def accepted(name: str, field: str) -> list[dict[str, Any]]:
    """The options with each payload in one field, as far as they are taken."""
    found: list[dict[str, Any]] = []
    made = capability(name)
    for payload in PAYLOADS:
        value = (payload,) if isinstance(GOOD[name][field], tuple) else payload
        try:
            made.Options.model_validate({**GOOD[name], field: value})
        except (ValidationError, ConfigError):
            continue
        found.append({**GOOD[name], field: value})
    return found


@pytest.mark.parametrize(("name", "field"), CASES)
def test_a_payload_is_refused_or_stays_one_argument(name: str, field: str) -> None:
    target = Asset(id="host", address="127.0.0.1", facts={"database": "postgresql"})
    for options in accepted(name, field):
        made = capability(name)
        text = options[field]
        assert isinstance(text, str)
        assert CANARY not in text
        plan = made.plan(made.Options.model_validate(options), target)
        for command in (*plan.commands, *plan.inverse):
            if text.strip() and text in command and "<<<" not in command:
                assert any(text in word for word in shlex.split(command))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as found:
        yield found


@pytest.mark.peer
def test_what_is_taken_runs_nothing_on_a_real_machine(host: Machine) -> None:
    target = host.asset()
    reach = ServiceReach(Vault(host=host.secret), target, 300)
    try:
        for name, field in CASES:
            for options in accepted(name, field):
                found = Hand(name, target, reach, **options)
                for act in (found.verify, found.do):
                    try:
                        act()
                    except (DeviceError, ConfigError):
                        continue
    finally:
        reach.close()
    assert not host.inside("sh", "-c", f"ls {CANARY}* 2>/dev/null; true").strip()
    assert not Path(CANARY).exists()
