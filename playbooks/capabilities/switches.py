"""Ports and configurations of network devices, by the commands of their platform (netmiko's name, from the asset's collector ``cli``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, Field

from core.errors import BadReply, ConfigError
from inventory.asset import Asset
from playbooks.capabilities.commands import Reading
from playbooks.capabilities.remote import asset_of
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Interface


@dataclass(frozen=True)
class Platform:
    """How a family of devices is told. ``{port}`` and ``{vlan}`` are filled in."""

    show_port: str
    show_all: str
    enter: str
    down: str
    up: str
    vlan: tuple[str, ...]
    vlan_line: str


_IOS: Final = Platform(
    show_port="show running-config interface {port}",
    show_all="show running-config",
    enter="interface {port}",
    down="shutdown",
    up="no shutdown",
    vlan=("switchport mode access", "switchport access vlan {vlan}"),
    vlan_line=r"^\s*switchport access vlan (\d+)",
)
_VRP: Final = Platform(
    show_port="display current-configuration interface {port}",
    show_all="display current-configuration",
    enter="interface {port}",
    down="shutdown",
    up="undo shutdown",
    vlan=("port link-type access", "port default vlan {vlan}"),
    vlan_line=r"^\s*port default vlan (\d+)",
)
_COMWARE: Final = Platform(
    show_port="display current-configuration interface {port}",
    show_all="display current-configuration",
    enter="interface {port}",
    down="shutdown",
    up="undo shutdown",
    vlan=("port link-type access", "port access vlan {vlan}"),
    vlan_line=r"^\s*port access vlan (\d+)",
)
_FRR: Final = Platform(
    show_port="show running-config",
    show_all="show running-config",
    enter="interface {port}",
    down="shutdown",
    up="no shutdown",
    vlan=(),
    vlan_line="",
)
PLATFORMS: Final[Mapping[str, Platform]] = {
    "cisco_ios": _IOS, "cisco_xe": _IOS, "cisco_nxos": _IOS, "ruijie_os": _IOS, "arista_eos": _IOS, "huawei": _VRP, "huawei_vrpv8": _VRP,
    "hp_comware": _COMWARE, "frr": _FRR,
}  # fmt: skip


def platform_of(target: Asset | None) -> Platform:
    """Of the asset's collector ``cli`` (fact ``platform: frr`` for FRR, which netmiko reaches as another); raises ConfigError."""
    asset = asset_of(target)
    name = asset.facts.get("platform") or str(asset.collect.get("cli", {}).get("platform", ""))
    if name not in PLATFORMS:
        raise ConfigError(f"{asset.id}: no commands are known for the platform {name!r}; there are: {', '.join(sorted(PLATFORMS))}", key="collect.cli.platform")
    return PLATFORMS[name]


def block_of(text: str, port: str) -> list[str]:
    """The lines below ``interface PORT`` in a configuration. Pure."""
    found: list[str] = []
    inside = False
    for line in text.splitlines():
        if re.match(rf"\s*interface {re.escape(port)}\s*$", line, re.IGNORECASE):
            inside = True
        elif inside and (line.startswith(("!", "#", "interface ", "exit", "return", "end")) or not line.strip()):
            break
        elif inside:
            found.append(line)
    return found


class PortOptions(Options):
    """Which port, as the device calls it."""

    port: Interface


class PortDown:
    """Shuts a port; undo opens it again if it was open."""

    name: ClassVar[str] = "port.down"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = PortOptions

    def plan(self, options: PortOptions, target: Asset | None) -> Act:
        """What is entered in configuration mode."""
        platform = platform_of(target)
        enter = platform.enter.format(port=options.port)
        return Act(commands=(enter, platform.down), inverse=(enter, platform.up))

    def verify(self, options: PortOptions, target: Asset | None, reach: Reach) -> State:
        """Whether ``shutdown`` stands in its block."""
        platform = platform_of(target)
        text = reach.terminal(asset_of(target)).show(platform.show_port.format(port=options.port))
        is_shut = any(line.strip() == platform.down for line in block_of(text, options.port))
        return State(holds=is_shut, said=f"{options.port} is {'shut' if is_shut else 'open'}", before={"shut": is_shut})

    def do(self, options: PortOptions, target: Asset | None, reach: Reach) -> Answer:
        """Shut it."""
        return Answer(said=reach.terminal(asset_of(target)).configure(self.plan(options, target).commands))

    def undo(self, options: PortOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:
        """Open it, if it was open."""
        if before.get("shut"):
            return Answer(said=f"{options.port} was shut before")
        return Answer(said=reach.terminal(asset_of(target)).configure(self.plan(options, target).inverse))


class VlanOptions(PortOptions):
    """Which port, and into which VLAN."""

    vlan: int = Field(ge=2, le=4094)


class PortVlan:
    """Puts an access port into another VLAN (quarantine); undo puts it back into the one of before."""

    name: ClassVar[str] = "port.vlan"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = VlanOptions

    def plan(self, options: VlanOptions, target: Asset | None) -> Act:
        """What is entered in configuration mode."""
        return Act(commands=tuple(_vlan_lines(options, target, str(options.vlan))), inverse=tuple(_vlan_lines(options, target, "<before: vlan>")))

    def verify(self, options: VlanOptions, target: Asset | None, reach: Reach) -> State:
        """The VLAN in its block; a port without one is in VLAN 1."""
        platform = platform_of(target)
        text = reach.terminal(asset_of(target)).show(platform.show_port.format(port=options.port))
        block = block_of(text, options.port)
        if not block:
            raise BadReply(asset_of(target).id, f"there is no port {options.port}, or its configuration is empty")
        found = next((match[1] for line in block if (match := re.match(platform.vlan_line, line))), "1")
        return State(holds=found == str(options.vlan), said=f"{options.port} is in VLAN {found}", before={"vlan": found})

    def do(self, options: VlanOptions, target: Asset | None, reach: Reach) -> Answer:
        """Move it."""
        return Answer(said=reach.terminal(asset_of(target)).configure(_vlan_lines(options, target, str(options.vlan))))

    def undo(self, options: VlanOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:
        """Move it back."""
        vlan = str(before.get("vlan", ""))
        if not vlan.isdecimal():
            raise BadReply(asset_of(target).id, "nobody knows the VLAN of before")
        return Answer(said=reach.terminal(asset_of(target)).configure(_vlan_lines(options, target, vlan)))


def _vlan_lines(options: VlanOptions, target: Asset | None, vlan: str) -> list[str]:
    platform = platform_of(target)
    if not platform.vlan:
        raise ConfigError(f"{asset_of(target).id}: this platform has no access ports")
    return [platform.enter.format(port=options.port), *(line.format(vlan=vlan) for line in platform.vlan)]


class NoOptions(Options):
    """Nothing to choose."""


class DeviceBackup(Reading):
    """The running configuration as text; what looks like a secret is blanked before it is kept."""

    name: ClassVar[str] = "device.backup"
    Options: ClassVar = NoOptions

    def plan(self, options: NoOptions, target: Asset | None) -> Act:  # noqa: ARG002
        """The command that shows it."""
        return Act(commands=(platform_of(target).show_all,))

    def do(self, options: NoOptions, target: Asset | None, reach: Reach) -> Answer:  # noqa: ARG002
        """Read it."""
        text = reach.terminal(asset_of(target)).show(platform_of(target).show_all)
        if len(text.splitlines()) < 3:
            raise BadReply(asset_of(target).id, f"no configuration came back: {text[:200]}")
        return Answer(said=text, values={"lines": len(text.splitlines())})


REFUSED: Final = re.compile(
    r"(?i)^\s*(?:reload|reboot|reset|erase|format|delete|write|boot|copy|tftp|ftp|scp|sftp|debug|crypto key|undo ssh|no ip ssh|undo stelnet"
    r"|clear|do|start-shell|tclsh|bash|shell|guestshell|event|alias|system-view|return|end|exit|quit)\b"
)


def _line(text: str) -> str:
    """One printable line; commands that restart, erase or fetch are refused."""
    if not re.fullmatch(r"[\x20-\x7e]{1,300}", text) or text != text.strip():
        raise ValueError("is no single line of printable ASCII")
    if REFUSED.match(text):
        raise ValueError("may not be entered by a playbook")
    return text


Line = Annotated[str, AfterValidator(_line)]


class ConfigureOptions(Options):
    """Lines to enter, and those that take them back (needed: what cannot be taken back is done by hand)."""

    lines: tuple[Line, ...] = Field(min_length=1, max_length=200)
    undo: tuple[Line, ...] = Field(min_length=1, max_length=200)
    expect: Line | None = None


class DeviceConfigure:
    """Enters lines that a person wrote and another approved. ``expect`` is a line that the configuration then holds."""

    name: ClassVar[str] = "device.configure"
    danger: ClassVar[Danger] = Danger.DANGER
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = False
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = ConfigureOptions

    def plan(self, options: ConfigureOptions, target: Asset | None) -> Act:
        """The lines themselves."""
        platform_of(target)
        return Act(commands=options.lines, inverse=options.undo)

    def verify(self, options: ConfigureOptions, target: Asset | None, reach: Reach) -> State:
        """Whether the configuration holds the expected line (without one: the last line entered)."""
        wanted = (options.expect or options.lines[-1]).strip()
        text = reach.terminal(asset_of(target)).show(platform_of(target).show_all)
        holds = any(line.strip() == wanted for line in text.splitlines())
        return State(holds=holds, said=f"{wanted!r} is {'' if holds else 'not '}in the configuration")

    def do(self, options: ConfigureOptions, target: Asset | None, reach: Reach) -> Answer:
        """Enter them."""
        return Answer(said=reach.terminal(asset_of(target)).configure(options.lines))

    def undo(self, options: ConfigureOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - stated
        """Enter those that take them back."""
        return Answer(said=reach.terminal(asset_of(target)).configure(options.undo))
