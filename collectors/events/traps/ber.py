"""BER as SNMP uses it (X.690, RFC 3416, RFC 3417 section 8): definite lengths, few types. Pure; every nonsense raises BadPacket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from collectors.network.snmp.values import Value, opaque

INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
ADDRESS, COUNTER, GAUGE, TICKS, OPAQUE, COUNTER64, UNSIGNED = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46, 0x47
_NUMBERS: Final = frozenset((INTEGER, COUNTER, GAUGE, TICKS, COUNTER64, UNSIGNED))
MAX_NUMBER: Final = 9  # octets: 64 bits and a leading zero
MAX_ARCS: Final = 128


class BadPacket(Exception):
    """Octets that are no SNMP message."""


@dataclass(frozen=True, slots=True)
class Item:
    """One type-length-value: where its head starts, its body starts and ends within ``data``."""

    data: bytes
    tag: int
    start: int
    body: int
    end: int

    @property
    def octets(self) -> bytes:
        """The value without its head."""
        return self.data[self.body : self.end]

    def number(self) -> int:
        """A whole number; raises BadPacket for anything else."""
        size = self.end - self.body
        if self.tag not in _NUMBERS or not 0 < size <= MAX_NUMBER:
            raise BadPacket("a number was expected")
        return int.from_bytes(self.octets, "big", signed=self.tag == INTEGER)

    def text(self) -> bytes:
        """An octet string."""
        if self.tag != OCTETS:
            raise BadPacket("an octet string was expected")
        return self.octets

    def parts(self, tag: int = SEQUENCE) -> list[Item]:
        """The items inside; raises BadPacket when it has another tag."""
        if self.tag != tag:
            raise BadPacket(f"tag {tag:#x} was expected, {self.tag:#x} came")
        return list(items(self.data, self.body, self.end))

    def value(self) -> Value:
        """The value as text, number or octets; None for NULL and the exceptions of RFC 3416."""
        if self.tag in _NUMBERS:
            return self.number()
        if self.tag == OID:
            return oid(self.octets)
        if self.tag == ADDRESS and self.end - self.body == 4:
            return ".".join(map(str, self.octets))
        if self.tag == OPAQUE:
            return opaque(self.octets)
        return self.octets if self.tag in (OCTETS, ADDRESS) else None


def one(data: bytes, start: int = 0, end: int | None = None) -> Item:
    """The item at ``start``; it must lie within ``end``."""
    end = len(data) if end is None else end
    if start + 2 > end:
        raise BadPacket("cut off")
    tag, length, body = data[start], data[start + 1], start + 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count <= 4 or body + count > end:
            raise BadPacket("a length that is none")
        length, body = int.from_bytes(data[body : body + count], "big"), body + count
    if body + length > end:
        raise BadPacket("longer than its packet")
    return Item(data, tag, start, body, body + length)


def items(data: bytes, start: int, end: int) -> Iterator[Item]:
    """Every item between ``start`` and ``end``."""
    while start < end:
        item = one(data, start, end)
        yield item
        start = item.end


def oid(octets: bytes) -> str:
    """Dotted text of an object identifier."""
    arcs: list[int] = []
    arc = 0
    for octet in octets:
        arc = arc << 7 | octet & 0x7F
        if arc >> 35:
            raise BadPacket("an arc above 32 bits")
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    if not arcs or octets[-1] & 0x80 or len(arcs) > MAX_ARCS:
        raise BadPacket("an object identifier that is none")
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def packed(tag: int, body: bytes) -> bytes:
    """One item as octets."""
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body


def sequence(*parts: bytes, tag: int = SEQUENCE) -> bytes:
    """Packed items in one."""
    return packed(tag, b"".join(parts))


def packed_number(value: int, tag: int = INTEGER) -> bytes:
    """A whole number as octets."""
    return packed(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def packed_oid(text: str) -> bytes:
    """Dotted text as an object identifier."""
    first, second, *rest = map(int, text.split("."))
    return packed(OID, b"".join(_packed_arc(arc) for arc in (40 * first + second, *rest)))


def _packed_arc(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | arc & 0x7F)
    return bytes(reversed(octets))
