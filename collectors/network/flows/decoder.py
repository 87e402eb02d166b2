"""Datagrams of any of the four protocols to flows, with a state per exporter and domain and a count of everything that is missing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from collectors.network.flows import sflow
from collectors.network.flows.flow import BadDatagram, Flow, text_of
from collectors.network.flows.netflow5 import Header5, read_netflow5
from collectors.network.flows.templated import Domain, Found, header_of, read_sets
from collectors.network.flows.templates import Field, Template

MOST_EXPORTERS: Final = 1000
MOST_DOMAINS: Final = 64  # of one exporter
RESTART: Final = 1 << 16  # a jump farther ahead than this is a restart of the exporter, no loss
LATE: Final = 1 << 10  # as far behind a datagram may come late
SPAN: Final = 1 << 32
NAMES: Final = {5: "NetFlow 5", 9: "NetFlow 9", 10: "IPFIX", 0: "sFlow 5"}


@dataclass(slots=True)
class Tally:
    """Counts since the start. ``lost`` is in the unit of the protocol: flows (5), datagrams (9, sFlow) or records (IPFIX)."""

    datagrams: int = 0
    records: int = 0
    bad: int = 0
    unknown: int = 0
    lost: int = 0
    without_address: int = 0


@dataclass(slots=True)
class Exporter:
    """A device that sends: its address, the name it gives itself (sFlow), what it told and how it counts."""

    address: str
    agent: str
    protocol: str
    tally: Tally = field(default_factory=Tally)
    domains: OrderedDict[tuple[int, int, int], Domain] = field(default_factory=OrderedDict)
    next: OrderedDict[tuple[int, int], int] = field(default_factory=OrderedDict)
    rate: int = 1

    def domain(self, key: tuple[int, int, int]) -> Domain:
        """The state of one domain; the least lately heard leaves when there are too many."""
        found = self.domains.setdefault(key, Domain())
        self.domains.move_to_end(key)
        if len(self.domains) > MOST_DOMAINS:
            self.domains.popitem(last=False)
        return found

    def count(self, key: tuple[int, int], sequence: int, units: int) -> None:
        """Compare a sequence number with the one expected; what is missing between counts as lost, what comes late is taken back."""
        expected = self.next.get(key)
        after = (sequence + units) % SPAN
        if expected is not None:
            gap = (sequence - expected) % SPAN
            if 0 < gap < RESTART:
                self.tally.lost += gap
            elif gap > SPAN - LATE:  # older than what came last: it was counted as lost, and is not
                self.tally.lost = max(0, self.tally.lost - units)
                after = expected
        self.next[key] = after
        self.next.move_to_end(key)
        if len(self.next) > MOST_DOMAINS:
            self.next.popitem(last=False)


class Decoder:
    """``rate_of(address, agent)`` gives the sampling rate that the site states for an exporter, 0 when it leaves it to the exporter."""

    def __init__(self, rate_of: Callable[[str, str], int] = lambda _address, _agent: 0) -> None:
        self.exporters: dict[tuple[str, str], Exporter] = {}
        self.refused = 0
        self.bad = 0
        self._rate_of = rate_of

    def read(self, data: bytes, address: str, port: int = 0) -> tuple[Exporter, list[Flow]] | None:
        """The flows of one datagram; None when it is of none of the protocols, or of one exporter too many. Never raises."""
        version = int.from_bytes(data[:2], "big")
        if version in {5, 9, 10}:
            exporter = self._exporter(address, "", version)
            read = self._read_netflow5 if version == 5 else self._read_templated
        elif data[:4] == b"\0\0\0\5":
            exporter = self._exporter(address, _agent_of(data), 0)
            read = self._read_sflow
        else:
            self.bad += 1
            return None
        if exporter is None:
            self.refused += 1
            return None
        exporter.tally.datagrams += 1
        return exporter, read(data, exporter, port)

    def told(self) -> dict[str, list[dict[str, Any]]]:
        """What exporters told of how to read them, as JSON values by address: templates come seldom, and must outlive a restart of ours."""
        return {
            exporter.address: [_domain_body(key, domain) for key, domain in exporter.domains.items() if domain.readers]
            for exporter in list(self.exporters.values())
            if any(domain.readers for domain in exporter.domains.values())
        }

    def recall(self, address: str, bodies: Iterable[Mapping[str, Any]]) -> None:
        """Know again what ``told`` gave; what does not fit is left out."""
        for body in bodies:
            version, number, port = (int(part) for part in body["key"])
            exporter = self._exporter(address, "", version)
            if exporter is None:
                return
            domain = exporter.domain((version, number, port))
            domain.sample({int(sampler): int(rate) for sampler, rate in body["rates"].items()})
            for number_of, is_options, scopes, fields in body["templates"]:
                with suppress(BadDatagram):
                    domain.learn(Template(int(number_of), tuple(Field(*map(int, one)) for one in fields), bool(is_options), int(scopes)))

    def _exporter(self, address: str, agent: str, version: int) -> Exporter | None:
        found = self.exporters.get((address, agent))
        if found is None and len(self.exporters) < MOST_EXPORTERS:
            found = self.exporters[address, agent] = Exporter(address, agent, NAMES[version])
        if found is not None:
            found.protocol = NAMES[version]
        return found

    def _read_netflow5(self, data: bytes, exporter: Exporter, _port: int) -> list[Flow]:
        try:
            header = Header5(data)
            flows = read_netflow5(data, header, stated := self._rate_of(exporter.address, ""))
        except BadDatagram:
            exporter.tally.bad += 1
            return []
        exporter.rate = stated or header.rate
        exporter.tally.records += len(flows)
        exporter.count((5, header.domain), header.sequence, len(flows))
        return flows

    def _read_templated(self, data: bytes, exporter: Exporter, port: int) -> list[Flow]:
        found = Found()
        try:
            version, sequence, number, end = header_of(data)
        except BadDatagram:
            exporter.tally.bad += 1
            return []
        # IPFIX over UDP: a transport session is told apart by the exporter's port too (RFC 7011 section 2), NetFlow 9 knows none
        domain = exporter.domain((version, number, port if version == 10 else 0))
        stated = self._rate_of(exporter.address, "")
        try:
            read_sets(data, version, end, domain, found, stated)
        except BadDatagram:
            exporter.tally.bad += 1
        exporter.rate = stated or max(domain.rates.values(), default=1)
        tally = exporter.tally
        tally.records += found.records
        tally.unknown += found.unknown
        tally.without_address += found.without_address
        key = (version, number if version == 9 else number << 16 | port)
        if version == 10 and found.unknown:
            exporter.next.pop(key, None)  # how many records that were is not known: count from the next datagram on
        else:
            exporter.count(key, sequence, 1 if version == 9 else found.records)
        return found.flows

    def _read_sflow(self, data: bytes, exporter: Exporter, _port: int) -> list[Flow]:
        try:
            found, place, count = sflow.begin(data)
        except BadDatagram:
            exporter.tally.bad += 1
            return []
        stated = self._rate_of(exporter.address, exporter.agent)
        try:
            sflow.read_samples(data, place, count, found, stated)
        except BadDatagram:
            exporter.tally.bad += 1
        exporter.rate = stated or found.rate or exporter.rate
        exporter.tally.records += found.samples
        exporter.tally.without_address += found.without_address
        exporter.count((0, found.sub_agent), found.sequence, 1)
        return found.flows


def _agent_of(data: bytes) -> str:
    kind = int.from_bytes(data[4:8], "big")
    size = {1: 4, 2: 16}.get(kind, 0)
    return text_of(data[8 : 8 + size]) if size and len(data) >= 8 + size else ""


def _domain_body(key: tuple[int, int, int], domain: Domain) -> dict[str, Any]:
    templates = [reader.template for reader in domain.readers.values()]
    listed = [[one.id, one.is_options, one.scopes, [list(each) for each in one.fields]] for one in templates]
    return {"key": list(key), "rates": {str(sampler): rate for sampler, rate in domain.rates.items()}, "templates": listed}
