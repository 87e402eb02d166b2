"""How capabilities speak to a Linux machine: argument vectors over its login, with ``sudo -n`` where the asset says so.

Facts of an asset that matter here: ``act_sudo: yes`` (log in as a plain user and act through sudo), ``init: sysv`` (no systemd),
``firewall: iptables`` (in place of nftables).
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence

from core.errors import BadReply
from inventory.asset import Asset
from playbooks.capability import Ran, Reach


def asset_of(target: Asset | None) -> Asset:
    """The target; a targeted capability always has one."""
    if target is None:
        raise AssertionError("a targeted capability is given its target")
    return target


def fact(target: Asset | None, name: str, usual: str = "") -> str:
    """A fact of the asset, or what is usual."""
    return (target.facts.get(name, "") if target else "") or usual


def vector(target: Asset | None, arguments: Sequence[str]) -> list[str]:
    """What is really run on this asset."""
    return ["sudo", "-n", "--", *arguments] if fact(target, "act_sudo") == "yes" else list(arguments)


def shown(target: Asset | None, *commands: Sequence[str]) -> tuple[str, ...]:
    """Commands as a plan shows them: as one could type them."""
    return tuple(shlex.join(vector(target, command)) for command in commands)


def run(reach: Reach, target: Asset | None, arguments: Sequence[str], *, stdin: str = "", fine: Collection[int] = (0,)) -> Ran:
    """Run on the asset; raises BadReply when it ends with a status that is not ``fine``, Unreachable when time is over."""
    asset = asset_of(target)
    ran = reach.shell(asset).run(vector(asset, arguments), stdin=stdin, timeout_s=reach.timeout_s)
    if ran.status not in fine:
        raise BadReply(asset.id, f"{shlex.join(arguments)} ended with status {ran.status}: {(ran.err or ran.out).strip()[:500]}")
    return ran
