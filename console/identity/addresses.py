"""From where an account may be used: networks by role (GB/T 22239-2019 8.1.4.4 c)."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address, ip_network

from console.identity.accounts import Account
from console.identity.roles import ADMINISTRATORS
from core.settings import ConsoleSettings


def is_admitted(account: Account, address: str, policy: ConsoleSettings) -> bool:
    """Whether every role that is bound to networks has ``address`` in them; something that is no address is in none."""
    return all(_is_within(address, networks) for networks in _bounds(account, policy))


def _bounds(account: Account, policy: ConsoleSettings) -> Iterator[tuple[str, ...]]:
    of_roles = {str(role): networks for role, networks in policy.role_addresses.items()}
    if account.is_founder and policy.admin_addresses:
        yield policy.admin_addresses
    for role in account.roles:
        networks = of_roles.get(role) or (policy.admin_addresses if role in ADMINISTRATORS else ())
        if networks:
            yield networks


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return any(found in network for text in networks if (network := ip_network(text, strict=False)).version == found.version)
