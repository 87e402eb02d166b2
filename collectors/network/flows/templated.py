"""NetFlow v9 (RFC 3954) and IPFIX (RFC 7011): sets of templates, options and records."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from collectors.network.flows.flow import BadDatagram, Flow
from collectors.network.flows.templates import VARIABLE, Field, Reader, Template, sampling_of, variable_records

HEADER9: Final = struct.Struct("!HHIIII")
HEADER10: Final = struct.Struct("!HHIII")
MOST_TEMPLATES: Final = 500  # of one domain; the least lately used leaves
MOST_SAMPLERS: Final = 256
FIRST_DATA: Final = 256


@dataclass
class Domain:
    """What one observation domain of one exporter has told: its templates and sampling rates. Never shared between exporters."""

    readers: OrderedDict[int, Reader] = field(default_factory=OrderedDict)
    rates: dict[int, int] = field(default_factory=dict)

    def learn(self, template: Template) -> None:
        """Know a template; one that is told again unchanged keeps its reader."""
        known = self.readers.get(template.id)
        if known is None or known.template != template:
            self.readers[template.id] = Reader(template)
        self.readers.move_to_end(template.id)
        if len(self.readers) > MOST_TEMPLATES:
            self.readers.popitem(last=False)

    def forget(self, template: int) -> None:
        """RFC 7011 section 8.1: a template is withdrawn."""
        self.readers.pop(template, None)

    def sample(self, rates: dict[int, int]) -> None:
        """Sampling rates by sampler."""
        for sampler, rate in rates.items():
            if sampler in self.rates or len(self.rates) < MOST_SAMPLERS:
                self.rates[sampler] = rate

    def rate(self, sampler: int) -> int:
        """How many packets one stands for: by the sampler that the record names, else the only or the general one."""
        if sampler in self.rates:
            return self.rates[sampler]
        return next(iter(self.rates.values())) if len(self.rates) == 1 else 1


@dataclass(slots=True)
class Found:
    """What one datagram held. ``records`` counts data records of every kind (IPFIX counts so), ``unknown`` sets without a template."""

    flows: list[Flow] = field(default_factory=list)
    records: int = 0
    unknown: int = 0
    without_address: int = 0


def header_of(data: bytes) -> tuple[int, int, int, int]:
    """Version, sequence, domain and where the sets end; raises BadDatagram."""
    version = int.from_bytes(data[:2], "big")
    form = HEADER9 if version == 9 else HEADER10
    if len(data) < form.size:
        raise BadDatagram(f"version {version} in {len(data)} bytes, the header alone has {form.size}")
    if version == 9:
        _version, _count, _uptime, _seconds, sequence, domain = HEADER9.unpack_from(data)
        return version, sequence, domain, len(data)
    _version, length, _seconds, sequence, domain = HEADER10.unpack_from(data)
    if not form.size <= length <= len(data):
        raise BadDatagram(f"IPFIX says {length} bytes, {len(data)} came")
    return version, sequence, domain, length


def read_sets(data: bytes, version: int, end: int, domain: Domain, found: Found, rate: int = 0) -> None:
    """Fill ``found``; ``rate`` is used in place of what the exporter says when given. Raises BadDatagram at the first set that lies."""
    flow_set, options_set = (0, 1) if version == 9 else (2, 3)
    for number, body in _sets(data, HEADER9.size if version == 9 else HEADER10.size, end):
        if number == flow_set:
            _learn(domain, _templates(body, is_ipfix=version == 10))
        elif number == options_set:
            _learn(domain, _options9(body) if version == 9 else _options10(body))
        elif number >= FIRST_DATA:
            _read_data(domain, number, body, found, rate)


def _sets(data: bytes, place: int, end: int) -> Iterator[tuple[int, bytes]]:
    while end - place >= 4:
        number, length = struct.unpack_from("!HH", data, place)
        if length < 4 or place + length > end:
            raise BadDatagram(f"a set of {length} bytes where {end - place} are left")
        yield number, data[place + 4 : place + length]
        place += length


def _learn(domain: Domain, templates: Iterator[Template | int]) -> None:
    for template in templates:
        if isinstance(template, int):
            domain.forget(template)
        else:
            domain.learn(template)


def _templates(body: bytes, *, is_ipfix: bool) -> Iterator[Template | int]:
    place = 0
    while len(body) - place >= 4:
        number, count = struct.unpack_from("!HH", body, place)
        if number < FIRST_DATA:
            return  # padding
        place += 4
        if count == 0 and is_ipfix:
            yield number
            continue
        fields, place = _fields(body, place, count, has_enterprises=is_ipfix)
        yield Template(number, fields)


def _options9(body: bytes) -> Iterator[Template | int]:
    """RFC 3954 section 6.1: the lengths are in bytes, and a scope's number is no element."""
    place = 0
    while len(body) - place >= 6:
        number, scopes, options = struct.unpack_from("!HHH", body, place)
        if number < FIRST_DATA:
            return
        fields, place = _fields(body, place + 6, (scopes + options) // 4, has_enterprises=False)
        scope = tuple(Field(VARIABLE, each.element, each.length) for each in fields[: scopes // 4])
        yield Template(number, scope + fields[scopes // 4 :], is_options=True, scopes=scopes // 4)


def _options10(body: bytes) -> Iterator[Template | int]:
    place = 0
    while len(body) - place >= 4:
        number, count = struct.unpack_from("!HH", body, place)
        if number < FIRST_DATA:
            return
        if count == 0:
            place += 4
            yield number
            continue
        if len(body) - place < 6:
            raise BadDatagram(f"options template {number} is cut")
        scopes = int.from_bytes(body[place + 4 : place + 6], "big")
        fields, place = _fields(body, place + 6, count, has_enterprises=True)
        yield Template(number, fields, is_options=True, scopes=scopes)


def _fields(body: bytes, place: int, count: int, *, has_enterprises: bool) -> tuple[tuple[Field, ...], int]:
    fields: list[Field] = []
    if place + 4 * count > len(body):
        raise BadDatagram(f"a template says {count} fields, {(len(body) - place) // 4} are there")
    for _ in range(count):
        if place + 4 > len(body):
            raise BadDatagram("a template is cut")
        element, length = struct.unpack_from("!HH", body, place)
        place, enterprise = place + 4, 0
        if has_enterprises and element & 0x8000:
            if place + 4 > len(body):
                raise BadDatagram("an enterprise number is cut")
            enterprise, place, element = int.from_bytes(body[place : place + 4], "big"), place + 4, element & 0x7FFF
        if length == VARIABLE and not has_enterprises:
            raise BadDatagram("NetFlow 9 has no fields of variable length")
        fields.append(Field(enterprise, element, length))
    return tuple(fields), place


def _read_data(domain: Domain, number: int, body: bytes, found: Found, rate: int) -> None:
    reader = domain.readers.get(number)
    if reader is None:
        found.unknown += 1
        return
    if reader.template.is_options:
        found.records += _count(reader.template, body)
        domain.sample(sampling_of(reader.template, body))
        return
    for row in reader.rows(body):
        found.records += 1
        if not reader.has_addresses:
            found.without_address += 1
            continue
        source, destination, protocol, source_port, destination_port, size, packets, inlet, outlet, sampler, size_back, packets_back = row
        times = rate or domain.rate(sampler)
        found.flows.append(Flow(source, destination, protocol, source_port, destination_port, size * times, packets * times, inlet, outlet))
        if size_back:
            found.flows.append(Flow(destination, source, protocol, destination_port, source_port, size_back * times, packets_back * times, outlet, inlet))


def _count(template: Template, body: bytes) -> int:
    if template.is_fixed:
        return len(body) // sum(field.length for field in template.fields)
    return sum(1 for _ in variable_records(template, body))
