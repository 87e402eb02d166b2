"""The command line collector against a real FRR router: vtysh behind sshd."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.network.cli import cleaned
from core.errors import AuthRefused, ConfigError, HostKeyChanged, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from inventory.configuration.difference import compare
from inventory.configuration.restore import plan
from tests.collectors.support import collector, poll, serving, silent
from tests.peers.frr import frr
from tests.peers.sshd import Sshd, new_key

ASSET = Asset(id="r1", kind="router", address="127.0.0.1", credentials={"cli": "ops"})


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with frr(Path(tmp_path_factory.mktemp("frr"))) as found:
        yield found


@pytest.mark.peer
def test_the_running_configuration_comes_without_its_secrets(router: Sshd) -> None:
    polled = poll(collector("cli", {"platform": "cisco_ios", "port": router.port, "host_key": router.host_key}, ops=router.secret), ASSET)
    assert polled.error is None
    body = polled.snapshot("running-config")
    assert "ip prefix-list office seq 5 permit 192.0.2.0/24" in body
    assert "hostname r1" in body
    assert "zebra-secret" not in body
    assert "Building configuration" not in body


@pytest.mark.peer
def test_another_host_key_stops_everything(router: Sshd, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    other = (tmp_path / "other.pub").read_text(encoding="ascii")
    polled = poll(collector("cli", {"platform": "cisco_ios", "port": router.port, "host_key": other}, ops=router.secret), ASSET)
    assert isinstance(polled.error, HostKeyChanged)


@pytest.mark.peer
def test_an_unknown_host_key_is_told_and_not_accepted(router: Sshd, tmp_path: Path) -> None:
    polled = poll(collector("cli", {"platform": "cisco_ios", "port": router.port, "known_hosts": str(tmp_path / "none")}, ops=router.secret), ASSET)
    assert type(polled.error) is AuthRefused
    assert router.host_key.split()[1] in str(polled.error)


@pytest.mark.peer
def test_a_refused_login_names_the_user_and_no_secret(router: Sshd) -> None:
    secret = Secret(username="root", password="hush-hush")
    polled = poll(collector("cli", {"platform": "cisco_ios", "port": router.port, "host_key": router.host_key}, ops=secret), ASSET)
    assert isinstance(polled.error, AuthRefused)
    assert "hush" not in str(polled.error)


def test_a_device_that_never_greets_is_unreachable(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    options = {"platform": "cisco_ios", "host_key": (tmp_path / "key.pub").read_text(encoding="ascii"), "timeout_s": 0.5}
    with serving(silent) as port:
        polled = poll(collector("cli", {**options, "port": port}, ops=Secret(username="u", password="p")), ASSET)
    assert isinstance(polled.error, Unreachable)


def test_an_unknown_platform_is_refused() -> None:
    with pytest.raises(ConfigError, match="no command is known for 'commodore_64'"):
        collector("cli", {"platform": "commodore_64"})


def enter(router: Sshd, *commands: str) -> str:
    """Type at the router, as a person would: vtysh behind ssh."""
    ssh = ["ssh", "-p", str(router.port), "-i", str(router.folder / "user_key"), "-o", f"UserKnownHostsFile={router.folder / 'known'}"]
    ssh += ["-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-tt", f"{router.secret.username}@127.0.0.1"]
    typed = "terminal length 0\n" + "".join(f"{command}\n" for command in commands) + "exit\n"
    return subprocess.run(ssh, input=typed, capture_output=True, text=True, timeout=60, check=False).stdout


def running(router: Sshd) -> str:
    polled = poll(collector("cli", {"platform": "cisco_ios", "port": router.port, "host_key": router.host_key}, ops=router.secret), ASSET)
    assert polled.error is None
    return polled.snapshot("running-config")


@pytest.mark.peer
def test_a_change_on_a_real_router_is_told_and_its_plan_really_takes_it_back(router: Sshd) -> None:
    before = running(router)
    enter(
        router,
        "configure terminal",
        "ip prefix-list office seq 10 permit 198.51.100.0/24",
        "access-list lab seq 5 permit 192.0.2.0/25",
        "route-map out permit 10",
        "match ip address prefix-list office",
        "exit",
        "end",
    )
    after = running(router)
    assert {row.right for row in compare(before, after, "cisco_ios").changed} == {
        "ip prefix-list office seq 10 permit 198.51.100.0/24",
        "access-list lab seq 5 permit 192.0.2.0/25",
        "route-map out permit 10",
        "match ip address prefix-list office",
    }
    commands = [line for line in plan(after, before, "cisco_ios").splitlines() if not line.startswith("!") and line != "write memory"]
    assert commands[0] == "configure terminal"
    said = enter(router, *commands)
    assert "Unknown command" not in said
    assert not compare(before, running(router), "cisco_ios").changed


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("enable secret 5 $1$abc$def", "enable secret 5 ***"),
        ("snmp-server community public RO", "snmp-server community *** RO"),
        (" password cipher %^%#abc%^%#", " password cipher ***"),
        ("snmp-agent community read cipher abc", "snmp-agent community read cipher ***"),
        ('set password "a b"', "set password ***"),
        ("interface GigabitEthernet0/1", "interface GigabitEthernet0/1"),
        ("service password-encryption", "service password-encryption"),
    ],
)
def test_secrets_are_blanked(line: str, kept: str) -> None:
    assert cleaned(line) == kept + "\n"


def test_lines_that_change_at_every_look_are_left_out() -> None:
    assert cleaned("! Last configuration change at 10:00\r\nhostname a\r\nntp clock-period 17179738\r\n") == "hostname a\n"
