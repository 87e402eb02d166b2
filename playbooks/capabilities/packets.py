"""An address blocked on a Linux machine or firewall: in a table of our own of nftables, or (fact ``firewall: iptables``) by a marked rule."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator

from inventory.asset import Asset
from playbooks.capabilities.remote import asset_of, fact, run, shown, vector
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Address

TABLE: Final = "wanglou"
MARK: Final = "wanglou"


def _blockable(text: str) -> str:
    found = ipaddress.ip_address(text)
    if found.is_loopback or found.is_unspecified or found.is_multicast or found.is_link_local:
        raise ValueError("is an address that no outsider has")
    return text


class BlockOptions(Options):
    """Which address."""

    address: Annotated[Address, AfterValidator(_blockable)]

    @property
    def is_six(self) -> bool:
        """Whether it is IPv6."""
        return ":" in self.address

    @property
    def set(self) -> str:
        """The set of nftables that holds it."""
        return "blocked6" if self.is_six else "blocked4"


RULES: Final = (
    f"table inet {TABLE} {{\n"
    "  set blocked4 { type ipv4_addr; }\n"
    "  set blocked6 { type ipv6_addr; }\n"
    "  chain incoming { type filter hook input priority -10; policy accept; ip saddr @blocked4 drop; ip6 saddr @blocked6 drop; }\n"
    "  chain passing { type filter hook forward priority -10; policy accept; ip saddr @blocked4 drop; ip6 saddr @blocked6 drop; }\n"
    "}\n"
)
"""Made when it is not there; nothing outside of this table is touched."""


class FirewallBlock:
    """Drops what comes from one address; undo lets it in again."""

    name: ClassVar[str] = "firewall.block"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = True
    Options: ClassVar = BlockOptions

    def plan(self, options: BlockOptions, target: Asset | None) -> Act:
        """The rule and its opposite."""
        if _by_iptables(target):
            return Act(commands=shown(target, _iptables(options, "-I")), inverse=shown(target, _iptables(options, "-D")))
        make = (f"nft -f - <<< {RULES!r}",)
        return Act(commands=(*make, *shown(target, _nft(options, "add"))), inverse=shown(target, _nft(options, "delete")))

    def verify(self, options: BlockOptions, target: Asset | None, reach: Reach) -> State:
        """Whether the rule is there."""
        look = _iptables(options, "-C") if _by_iptables(target) else ["nft", "get", "element", "inet", TABLE, options.set, f"{{ {options.address} }}"]
        ran = reach.shell(asset_of(target)).run(vector(target, look), timeout_s=reach.timeout_s)
        if ran.status == 127:
            run(reach, target, look)  # says that the program is not there
        return State(holds=ran.status == 0, said=f"{options.address} is {'' if ran.status == 0 else 'not '}blocked")

    def do(self, options: BlockOptions, target: Asset | None, reach: Reach) -> Answer:
        """Block."""
        if self.verify(options, target, reach).holds:
            return Answer(said=f"{options.address} was blocked already")
        if _by_iptables(target):
            run(reach, target, _iptables(options, "-I"))
        else:
            if run(reach, target, ["nft", "list", "table", "inet", TABLE], fine=(0, 1)).status:
                run(reach, target, ["nft", "-f", "-"], stdin=RULES)
            run(reach, target, _nft(options, "add"))
        return Answer(said=f"{options.address} is blocked")

    def undo(self, options: BlockOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - it was not there
        """Let it in again; nothing to do when it is in."""
        if self.verify(options, target, reach).holds:
            run(reach, target, _iptables(options, "-D") if _by_iptables(target) else _nft(options, "delete"))
        return Answer(said=f"{options.address} is let in again")


def _by_iptables(target: Asset | None) -> bool:
    return fact(target, "firewall", "nft") == "iptables"


def _nft(options: BlockOptions, action: str) -> list[str]:
    return ["nft", action, "element", "inet", TABLE, options.set, f"{{ {options.address} }}"]


def _iptables(options: BlockOptions, action: str) -> list[str]:
    program = "ip6tables" if options.is_six else "iptables"
    return [program, "-w", "5", action, "INPUT", "-s", options.address, "-m", "comment", "--comment", MARK, "-j", "DROP"]
