"""Templates of NetFlow v9 (RFC 3954) and IPFIX (RFC 7011), made into readers that take only what we need.

The numbers of fields are IANA's "IPFIX Information Elements"; NetFlow v9 uses the same up to 127.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple

from collectors.network.flows.flow import BadDatagram

VARIABLE: Final = 65535
REVERSE: Final = 29305  # RFC 5103: the same elements for the way back
MOST_FIELDS: Final = 256
LONGEST: Final = 65_000  # no record is longer than a datagram
NATURAL: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
ADDRESSES: Final = frozenset({8, 12, 27, 28})

Number = tuple[int, int]  # (enterprise, element)


def _plain(*elements: int) -> tuple[Number, ...]:
    return tuple((0, element) for element in elements)


# for each thing that we want the elements that may hold it, the best first
WANTED: Final[tuple[tuple[Number, ...], ...]] = (
    _plain(8, 27),  # source address
    _plain(12, 28),  # destination address
    _plain(4),  # protocol
    _plain(7, 182, 180),  # source port
    _plain(11, 183, 181),  # destination port
    _plain(1, 85, 231, 23),  # bytes; 231: of the initiator
    _plain(2, 86, 298, 24),  # packets
    _plain(10, 252),  # interface in
    _plain(14, 253),  # interface out
    _plain(48, 302),  # sampler
    ((REVERSE, 1), (REVERSE, 85), (0, 232)),  # bytes of the way back
    ((REVERSE, 2), (REVERSE, 86), (0, 299)),  # packets of the way back
)
SAMPLER: Final = _plain(48, 302)


class Field(NamedTuple):
    """One field of a template; ``length`` in bytes, 65535 when each record says its own (IPFIX only)."""

    enterprise: int
    element: int
    length: int

    @property
    def number(self) -> Number:
        """Enterprise (0: IANA) and element."""
        return (self.enterprise, self.element)


@dataclass(frozen=True)
class Template:
    """How records of one set lie. ``scopes`` is the number of scope fields; 0 for a template of flows."""

    id: int
    fields: tuple[Field, ...]
    is_options: bool = False
    scopes: int = 0

    def __post_init__(self) -> None:
        """Refuses what could not be read or would never end."""
        least = sum(1 if field.length == VARIABLE else field.length for field in self.fields)
        if not 0 < len(self.fields) <= MOST_FIELDS:
            raise BadDatagram(f"template {self.id} has {len(self.fields)} fields")
        if not 0 < least <= LONGEST:
            raise BadDatagram(f"template {self.id} describes records of {least} bytes")

    @property
    def is_fixed(self) -> bool:
        """Whether every record has the same length."""
        return all(field.length != VARIABLE for field in self.fields)


class Reader:
    """Reads records of one template as tuples in the order of WANTED; a thing that the template lacks is 0."""

    def __init__(self, template: Template) -> None:
        self.template = template
        places = {field.number: index for index, field in reversed(list(enumerate(template.fields)))}
        chosen = [next((places[number] for number in numbers if number in places), -1) for numbers in WANTED]
        used = sorted({place for place in chosen if place >= 0})
        order = {place: index for index, place in enumerate(used)}
        self.has_addresses = chosen[0] >= 0 and chosen[1] >= 0
        self.has_way_back = chosen[10] >= 0
        self._used = used
        self._get = itemgetter(*(order.get(place, -1) for place in chosen))  # -1 is the zero that is put behind
        self._texts = {order[place] for place in used if template.fields[place].element in ADDRESSES and not template.fields[place].enterprise}
        self._odd = [order[place] for place in used if template.fields[place].length not in NATURAL and order[place] not in self._texts]
        self._struct = struct.Struct(self._format()) if template.is_fixed else None

    def rows(self, data: bytes) -> Iterator[tuple[Any, ...]]:
        """One tuple per record; what is left at the end is padding."""
        if self._struct is not None:
            whole = len(data) // self._struct.size * self._struct.size
            found: Iterator[tuple[Any, ...]] = self._struct.iter_unpack(data[:whole])
            return map(self._get, map(self._numbers, found)) if self._odd else (self._get((*row, 0)) for row in found)
        return (self._get(self._numbers(tuple(record[place] for place in self._used))) for record in variable_records(self.template, data))

    def _numbers(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        return (*(int.from_bytes(v, "big") if isinstance(v, bytes) and i not in self._texts else v for i, v in enumerate(row)), 0)

    def _format(self) -> str:
        pieces = ["!"]
        for place, field in enumerate(self.template.fields):
            if place not in self._used:
                pieces.append(f"{field.length}x")
            elif field.element in ADDRESSES or field.length not in NATURAL:
                pieces.append(f"{field.length}s")
            else:
                pieces.append(NATURAL[field.length])
        return "".join(pieces)


def variable_records(template: Template, data: bytes) -> Iterator[tuple[bytes, ...]]:
    """Records as the raw bytes of each field (RFC 7011 section 7 for the lengths); ends where a record is cut."""
    place, least = 0, sum(1 if field.length == VARIABLE else field.length for field in template.fields)
    while len(data) - place >= least:
        record: list[bytes] = []
        for field in template.fields:
            length = field.length
            if length == VARIABLE:
                length, place = _length(data, place)
            record.append(data[place : place + length])
            place += length
        if place > len(data):
            return
        yield tuple(record)


def _length(data: bytes, place: int) -> tuple[int, int]:
    length = int.from_bytes(data[place : place + 1], "big")
    return (length, place + 1) if length < 255 else (int.from_bytes(data[place + 1 : place + 3], "big"), place + 3)


def sampling_of(template: Template, data: bytes) -> dict[int, int]:
    """Sampler -> rate, from records of an options template: how many packets one stands for. Sampler 0 is "all"."""
    found: dict[int, int] = {}
    for record in variable_records(template, data):
        values = {field.number: int.from_bytes(value, "big") for field, value in zip(template.fields, record, strict=True) if len(value) <= 8}
        sampler = next((values[number] for number in SAMPLER if number in values), 0)
        taken, left = values.get((0, 305), 0), values.get((0, 306), 0)  # RFC 5477: packets taken, then packets left out
        size, population = values.get((0, 309), 0), values.get((0, 310), 0)  # n out of N
        rate = values.get((0, 34)) or values.get((0, 50)) or ((taken + left) // taken if taken and left else 0) or (population // size if size else 0)
        if 0 < rate <= 1 << 24:
            found[sampler] = rate
    return found
