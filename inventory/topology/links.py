"""From what all devices say to links between them, each with its sources and how sure it is.

Every claim has a weight: the chance that the link is as claimed when nobody else says anything. Independent claims are combined as
1 - (1 - a)(1 - b); a claim that the other end denies, or that wants a port which is better proven to lead elsewhere, is worth less
and says what stands against it. Weights are our own judgement of how often each source is stale or blind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from inventory.topology.directory import Directory
from inventory.topology.evidence import Device, short_port
from inventory.topology.places import Place, is_switch, places, uplinks

WEIGHTS: Final[Mapping[str, float]] = {"lldp": 0.9, "cdp": 0.88, "stp": 0.7, "fdb": 0.6, "ospf": 0.9, "bgp": 0.85, "isis": 0.9, "route": 0.5}
DENIED: Final = 0.7  # the other end speaks the same protocol and does not name us
DENIED_LATER: Final = 0.2  # and it was read well after the claim: what was so is so no more
LATER: Final = timedelta(minutes=30)
OUTDONE: Final = 0.3  # the port is better proven to lead elsewhere
SHARED: Final = 0.9  # several neighbours on one port: something between them forwards their frames
BLIND: Final = 0.4  # one switch sees the other, which does not see it
MOST: Final = 0.99
ROUTE: Final = "route"
ROUTERS: Final = frozenset({"", "router", "switch", "firewall", "gateway", "loadbalancer", "vpn", "waf", "wlc"})
"""Kinds whose routes say how the network hangs together; that a server has its gateway says nothing new."""
NAMING: Final = frozenset({"lldp", "cdp"})
_UP: Final = frozenset({"full", "two-way", "established", "up"})


@dataclass(frozen=True, slots=True, order=True)
class End:
    """One end of a link: an asset, or (``asset`` empty) what the other end calls it; ``port`` may be unknown."""

    asset: str
    port: str = ""
    name: str = ""

    @property
    def text(self) -> str:
        """For people."""
        return f"{self.asset or self.name}{f' {self.port}' if self.port else ''}"


@dataclass(frozen=True, slots=True)
class Link:
    """A link; ``layer`` 2 (a cable) or 3 (a routing session). ``a`` is always an asset; ``told_by`` are the ends that name the other.

    ``against`` says what speaks against it, ``group`` the aggregated port that ``a``'s port belongs to, ``vlans`` what was seen on it.
    """

    a: End
    b: End
    layer: int
    sources: tuple[str, ...]
    confidence: float
    seen: datetime
    told_by: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    group: str = ""
    vlans: tuple[int, ...] = ()

    @property
    def protocol(self) -> str:
        """Which routing session it is: two devices may have several; empty for a cable."""
        return next((source for source in self.sources if source != ROUTE), ROUTE) if self.layer == 3 else ""

    @property
    def key(self) -> str:
        """Identity over time."""
        between = (self.a.asset, short_port(self.a.port), self.b.asset or self.b.name, short_port(self.b.port))
        return "|".join((f"{self.layer}{self.protocol}", *between))

    @property
    def ends(self) -> tuple[End, End]:
        """Both."""
        return self.a, self.b


@dataclass(frozen=True, slots=True)
class _Claim:
    near: End
    far: End
    source: str
    weight: float
    seen: datetime


@dataclass(slots=True)
class _Bundle:
    """Claims that mean one link."""

    a: End
    b: End
    claims: list[_Claim] = field(default_factory=list)

    @property
    def confidence(self) -> float:
        doubt = 1.0
        for weight in {(claim.source, claim.near.asset): claim.weight for claim in self.claims}.values():
            doubt *= 1 - weight
        return min(MOST, 1 - doubt)


def links(directory: Directory) -> list[Link]:
    """Every link that the evidence speaks for, by its ends."""
    told = _Bundles(directory)
    for claim in _told(directory):
        told.state(claim)
    for claim in [*_heard(directory), *_learned(directory), *_attached(directory)]:
        told.support(claim)
    return sorted([*_settled([_link(bundle, directory) for bundle in told.all()]), *_routed(directory, list(_sessions(directory)))], key=lambda link: link.key)


def _told(directory: Directory) -> Iterator[_Claim]:
    """LLDP and CDP: the device itself names the other end."""
    for device in directory.devices.values():
        for said in device.neighbours:
            far = directory.who(said.name, said.chassis)
            if device.seen and far != device.asset:
                port = _port_of(directory.devices.get(far), said.remote_port)
                yield _Claim(
                    End(device.asset, said.port), End(far, port, "" if far else said.name or said.chassis), said.protocol, _weight(said.protocol), device.seen
                )


def _weight(source: str) -> float:
    return WEIGHTS.get(source, 0.5)


def _port_of(device: Device | None, port: str) -> str:
    """The far port as the far device itself writes it, so that both ends' claims meet."""
    if device is None:
        return port
    return device.written.get(short_port(port), port)


def _heard(directory: Directory) -> Iterator[_Claim]:
    """Spanning tree: the designated bridge of a segment sends to this port."""
    for device in directory.devices.values():
        for heard in device.stp:
            far = directory.by_mac.get(heard.bridge, "")
            if device.seen and far and far != device.asset:
                yield _Claim(End(device.asset, heard.port), End(far), "stp", _weight("stp"), device.seen)


def _learned(directory: Directory) -> Iterator[_Claim]:
    """Forwarding tables of two switches that see each other with none between them."""
    switches = [device for device in directory.devices.values() if is_switch(device) and device.seen]
    towards = {device.asset: _towards(device, directory) for device in switches}
    for device in switches:
        behind: dict[str, set[str]] = defaultdict(set)
        for far, port in towards[device.asset].items():
            behind[port].add(far)
        for port, seen in behind.items():
            for far in sorted(seen):
                back = towards.get(far, {})
                mine = back.get(device.asset)
                if mine is None and seen != {far}:
                    continue
                if device.seen and all(back.get(other) != mine for other in seen - {far}):
                    weight = _weight("fdb") if mine else BLIND
                    yield _Claim(End(device.asset, port), End(far, mine or ""), "fdb", weight, device.seen)


def _towards(device: Device, directory: Directory) -> dict[str, str]:
    """Other switch -> the port on which its own address was learned."""
    found: dict[str, str] = {}
    for mac, port, _ in device.fdb:
        far = directory.by_mac.get(mac, device.asset)
        if far != device.asset and is_switch(directory.devices[far]):
            found.setdefault(far, port)
    return found


def _attached(directory: Directory) -> Iterator[_Claim]:
    """Assets that are no switches, where their address was learned."""
    leading = uplinks(directory)
    best: dict[str, Place] = {}
    for mac, place in places(directory).items():
        asset = directory.by_mac.get(mac, "")
        if asset and not is_switch(directory.devices[asset]) and (place.switch, place.port) not in leading:
            best[asset] = max(best.get(asset, place), place, key=lambda one: (one.confidence, one.seen))
    for asset, place in best.items():
        yield _Claim(End(place.switch, place.port), End(asset), "fdb", place.confidence * 0.9, place.seen)


class _Bundles:
    """Claims by what they are about."""

    def __init__(self, directory: Directory) -> None:
        self._devices = directory.devices
        self._found: dict[tuple[str, str], list[_Bundle]] = defaultdict(list)

    def all(self) -> Iterator[_Bundle]:
        """Each once: claims of a port that became known only by support of others may have come to mean the same."""
        for bundles in self._found.values():
            merged: dict[tuple[str, str], _Bundle] = {}
            for bundle in bundles:
                first = merged.setdefault((short_port(bundle.a.port), short_port(bundle.b.port)), bundle)
                if first is not bundle:
                    first.claims += bundle.claims
            yield from merged.values()

    def state(self, claim: _Claim) -> None:
        """A claim that names both ends."""
        a, b = _ordered(claim.near, claim.far)
        bundles = self._found[a.asset, b.asset or b.name]
        for bundle in bundles:
            if short_port(bundle.a.port) == short_port(a.port) and short_port(bundle.b.port) == short_port(b.port):
                bundle.claims.append(claim)
                return
        bundles.append(_Bundle(a, b, [claim]))

    def support(self, claim: _Claim) -> None:
        """An inferred claim speaks for every link that it may mean, or makes one."""
        a, b = _ordered(claim.near, claim.far)
        bundles = self._found[a.asset, b.asset]
        fitting = [bundle for bundle in bundles if self._fits(bundle.a, a) and self._fits(bundle.b, b)]
        for bundle in fitting:
            bundle.claims.append(claim)
            bundle.a, bundle.b = (_fuller(bundle.a, a), _fuller(bundle.b, b))
        if not fitting:
            bundles.append(_Bundle(a, b, [claim]))

    def _fits(self, end: End, claimed: End) -> bool:
        """The same port, one of the two unknown, or a member of the aggregated port."""
        groups = self._devices[end.asset].lag if end.asset else {}
        same = short_port(end.port) == short_port(claimed.port)
        return same or not end.port or not claimed.port or groups.get(end.port) == claimed.port


def _ordered(near: End, far: End) -> tuple[End, End]:
    return (far, near) if far.asset and far.asset < near.asset else (near, far)


def _fuller(one: End, other: End) -> End:
    return one if one.port else replace(one, port=other.port)


def _denial(bundle: _Bundle, directory: Directory) -> tuple[str, float]:
    """Who contradicts, and what that leaves of the claim: the other end speaks the same protocol and does not name us."""
    for claim in bundle.claims:
        far = directory.devices.get(claim.far.asset)
        if claim.source not in NAMING or far is None or far.seen is None:
            continue
        said = [one for one in far.neighbours if one.protocol == claim.source]
        is_gone = far.seen - claim.seen > LATER
        if (said or (is_gone and far.chassis)) and not any(directory.who(one.name, one.chassis) == claim.near.asset for one in said):
            return f"{far.asset} ({claim.source})", DENIED_LATER if is_gone else DENIED
    return "", 1.0


def _link(bundle: _Bundle, directory: Directory) -> Link:
    denial, left = _denial(bundle, directory)
    return Link(
        a=bundle.a,
        b=bundle.b,
        layer=2,
        sources=tuple(sorted({claim.source for claim in bundle.claims})),
        confidence=round(bundle.confidence * left, 2),
        seen=max(claim.seen for claim in bundle.claims),
        told_by=tuple(sorted({claim.near.asset for claim in bundle.claims if claim.source in NAMING})),
        against=(denial,) if denial else (),
        group=directory.devices[bundle.a.asset].lag.get(bundle.a.port, ""),
        vlans=_vlans(bundle, directory),
    )


def _vlans(bundle: _Bundle, directory: Directory) -> tuple[int, ...]:
    """VLANs in which either end learned something there; of an aggregated port for each of its members."""
    found: set[int] = set()
    for end in (bundle.a, bundle.b):
        device = directory.devices.get(end.asset)
        if device is not None:
            found |= device.carried.get(end.port, frozenset()) | device.carried.get(device.lag.get(end.port, ""), frozenset())
    return tuple(sorted(found))


def _settled(found: list[Link]) -> list[Link]:
    """A port has one cable: of links that want the same port, the surest stays as it is."""
    at: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in found:
        for end in link.ends:
            if end.asset and end.port:
                at[end.asset, short_port(end.port)].append(link)
    worse: dict[str, Link] = {}
    shared: set[str] = set()
    for (asset, _), rivals in at.items():
        best = max(rivals, key=_weightiest)
        for link in rivals:
            if link is not best and asset in link.told_by and asset in best.told_by:
                shared |= {link.key, best.key}  # the port's own device names both: they are behind something that forwards
            elif link is not best:
                worse[link.key] = max(worse.get(link.key, best), best, key=_weightiest)
    return [_judged(link, worse.get(link.key), is_shared=link.key in shared) for link in found]


def _weightiest(link: Link) -> tuple[float, datetime, str]:
    return link.confidence, link.seen, link.key


def _judged(link: Link, rival: Link | None, *, is_shared: bool) -> Link:
    if rival is not None:
        return replace(link, confidence=round(link.confidence * OUTDONE, 2), against=(*link.against, f"{rival.a.text} – {rival.b.text}"))
    return replace(link, confidence=round(link.confidence * SHARED, 2)) if is_shared else link


def _sessions(directory: Directory) -> Iterator[Link]:
    """Routing sessions between assets, each told by one or both ends; several addresses of one neighbour are one word of its teller."""
    told: dict[tuple[str, str, str], dict[str, tuple[str, datetime]]] = defaultdict(dict)
    for device in directory.devices.values():
        for protocol, address, state in device.peers:
            far = directory.by_address.get(address, "") or directory.by_mac.get(address, "")
            if device.seen and far and far != device.asset:
                a, b = sorted((device.asset, far))
                tellers = told[a, b, protocol]
                if device.asset not in tellers or state in _UP:
                    tellers[device.asset] = state, device.seen
    for (a, b, protocol), tellers in told.items():
        yield _session(a, b, protocol, tellers)


def _session(a: str, b: str, protocol: str, tellers: Mapping[str, tuple[str, datetime]]) -> Link:
    """One end that says it is not up speaks against it, whatever the other says."""
    doubt = 1.0
    for state, _ in tellers.values():
        doubt *= 1 - (_weight(protocol) if state in _UP else 0.3)
    against = tuple(sorted({f"{protocol} {state}" for state, _ in tellers.values() if state not in _UP}))
    seen = max(seen for _, seen in tellers.values())
    return Link(End(a), End(b), 3, (protocol,), round(min(MOST, 1 - doubt), 2), seen, (), against)


def _routed(directory: Directory, sessions: list[Link]) -> Iterator[Link]:
    """Next hops: they support the session of the same two assets, or are a link of their own, told by one or both ends."""
    tellers: dict[tuple[str, str], dict[str, datetime]] = defaultdict(dict)
    for device in directory.devices.values():
        for hop, _, _ in device.routes if device.kind in ROUTERS else ():
            far = directory.by_address.get(hop, "")
            if device.seen and far and far != device.asset:
                a, b = sorted((device.asset, far))
                tellers[a, b][device.asset] = device.seen
    for link in sessions:
        told = tellers.pop((link.a.asset, link.b.asset), {})
        yield _supported(link, told) if told else link
    for (a, b), told in tellers.items():
        yield _supported(Link(End(a), End(b), 3, (), 0.0, min(told.values())), told)


def _supported(link: Link, told: Mapping[str, datetime]) -> Link:
    doubt = (1 - link.confidence) * (1 - _weight(ROUTE)) ** len(told)
    return replace(link, sources=(*link.sources, ROUTE), confidence=round(min(MOST, 1 - doubt), 2), seen=max(link.seen, *told.values()))
