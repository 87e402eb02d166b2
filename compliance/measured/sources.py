"""From where a device lets itself be managed, as its configuration says it. Pure: text in, networks out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from inventory.configuration.blocks import Block, parse
from inventory.configuration.dialects import dialect_of

Source = IPv4Network | IPv6Network
EVERYWHERE: Final = ip_network("0.0.0.0/0")
ZERO: Final = str(EVERYWHERE.network_address)
UNREAD: Final = "?"
_USES: Final = {
    "ios": re.compile(r"^access-class (\S+) in\b"),
    "vrp": re.compile(r"^(?:ssh (?:ipv6 )?server acl (?:ipv6 )?|acl (?:ipv6 )?)(\S+)(?: inbound)?$"),
}
_LISTS: Final = {
    "ios": re.compile(r"^(?:ip|ipv6) access-list (?:standard |extended )?(\S+)$"),
    "vrp": re.compile(r"^acl (?:ipv6 )?(?:basic |advanced |number |name \S+ )?(\S+)(?: name \S+| match-order \S+)*$"),
}
_PERMITS: Final = {
    "ios": re.compile(r"^(?:\d+ )?permit (?:(?:ip|tcp|ipv6) )?(any|host \S+|[\da-fA-F:.]+/\d+|[\d.]+(?: [\d.]+)?)(?: |$)"),
    "vrp": re.compile(r" source (any|[\da-fA-F:.]+/\d+|[\d.]+ [\d.]+)(?: |$)"),
}
_PERMIT: Final = re.compile(r"^(?:rule(?: \d+)? |\d+ )?permit\b")
_NUMBERED: Final = re.compile(r"^access-list (\S+) (permit .*)$")
_TRUSTED: Final = {"fortios": re.compile(r"^set trusthost\d+ (\S+ \S+)$"), "stoneos": re.compile(r"^admin host (\S+)")}
_LIKE: Final = {"ios": "ios", "nxos": "ios", "ruijie": "ios", "vrp": "vrp", "usg": "vrp", "comware": "vrp"}


def management_sources(text: str) -> tuple[Source, ...]:
    """The networks that may log in by SSH or Telnet; empty where the configuration limits nobody, or says it in a way that is not known here."""
    dialect = dialect_of(text)
    blocks = parse(text, dialect)
    if pattern := _TRUSTED.get(dialect.name):
        return _networks(found[1] for line in _all(blocks) if (found := pattern.search(line)))
    like = _LIKE.get(dialect.name)
    if like is None:
        return ()
    used = set(_used(blocks, like))
    return _networks(source for name, source in _permitted(blocks, like) if name in used)


def _all(blocks: Iterable[Block]) -> Iterator[str]:
    return (line for block in blocks for _depth, line in block.walk(banners=False))


def _used(blocks: Sequence[Block], like: str) -> Iterator[str]:
    """Names of the lists that limit log-ins: below the lines of terminals, or of the SSH server."""
    for block in blocks:
        inside = block.inside if re.match(r"^(?:line|user-interface) vty", block.text) else ()
        for line in (each.text for each in inside) if inside else (block.text,) if block.text.startswith("ssh ") else ():
            if found := _USES[like].search(line):
                yield found[1]


def _permitted(blocks: Sequence[Block], like: str) -> Iterator[tuple[str, str]]:
    """(list, what it permits) of every list."""
    for block in blocks:
        if head := _LISTS[like].search(block.text):
            yield from ((head[1], _source(line.text, like)) for line in block.inside if _PERMIT.search(line.text))
        elif flat := _NUMBERED.search(block.text):
            yield flat[1], _source(flat[2], "ios")


def _source(rule: str, like: str) -> str:
    """As it stands; a rule of Huawei or H3C that names no source permits all, one that names a group of addresses is not read."""
    if found := _PERMITS[like].search(rule):
        return found[1]
    return "any" if like == "vrp" and " source" not in rule else UNREAD


def _networks(texts: Iterable[str]) -> tuple[Source, ...]:
    """Each once; none at all when one of them cannot be read, for then nothing can be said of the whole."""
    found = [_network(text) for text in texts]
    return () if None in found else tuple(dict.fromkeys(network for network in found if network is not None))


def _network(text: str) -> Source | None:
    """``any``, ``host A``, ``A``, ``A/24``, and an address with a mask or a wildcard (``0`` is one host)."""
    address, _, mask = text.removeprefix("host ").partition(" ")
    if text == "any" or (address == ZERO and mask):
        return EVERYWHERE
    try:
        return ip_network(f"{address}/{32 if mask in ('0', ZERO) else mask}" if mask else address, strict=False)
    except ValueError:
        return None
