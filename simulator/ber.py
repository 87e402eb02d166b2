"""BER for an SNMP v1/v2c agent: just what a community-based agent reads and writes (X.690, RFC 1157, RFC 3416)."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address

INTEGER, OCTETS, OBJECT, SEQUENCE = 0x02, 0x04, 0x06, 0x30
IP, COUNTER32, GAUGE32, TICKS, COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x46
GET, GETNEXT, RESPONSE, GETBULK = 0xA0, 0xA1, 0xA2, 0xA5
ABSENT, END = b"\x81\x00", b"\x82\x00"
MAX_PACKET = 8_000
MAX_REPETITIONS = 100

Oid = tuple[int, ...]
Value = tuple[int, int | str | bytes]


def element(tag: int, content: bytes) -> bytes:
    """Tag, definite length, content."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 + len(octets)]) + octets + content


def oid_bytes(oid: Oid) -> bytes:
    """The content octets of an object identifier."""
    out = bytearray([oid[0] * 40 + oid[1]])
    for arc in oid[2:]:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.insert(0, 0x80 | (arc & 0x7F))
        out += bytes(groups)
    return bytes(out)


def oid_of(content: bytes) -> Oid:
    """The arcs of an encoded object identifier."""
    arcs, arc = [content[0] // 40, content[0] % 40], 0
    for octet in content[1:]:
        arc = (arc << 7) | (octet & 0x7F)
        if octet < 0x80:
            arcs.append(arc)
            arc = 0
    return tuple(arcs)


def dotted(text: str) -> Oid:
    """``1.3.6.1`` as arcs."""
    return tuple(int(arc) for arc in text.split("."))


def value_bytes(value: Value) -> bytes:
    """One value with its tag."""
    tag, content = value
    if tag == OBJECT:
        return element(tag, oid_bytes(dotted(str(content))))
    if tag == IP:
        return element(tag, IPv4Address(content).packed)
    if isinstance(content, int):
        return element(tag, content.to_bytes(content.bit_length() // 8 + 1, "big", signed=True))
    return element(tag, content if isinstance(content, bytes) else content.encode())


def read(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Tag, content and the place after the element at ``at``; raises ValueError for what is none."""
    if at + 2 > len(data):
        raise ValueError("nothing there")
    tag, length, at = data[at], data[at + 1], at + 2
    if length >= 0x80:
        count = length - 0x80
        length, at = int.from_bytes(data[at : at + count], "big"), at + count
    if at + length > len(data):
        raise ValueError("cut off")
    return tag, data[at : at + length], at + length


@dataclass(frozen=True, slots=True)
class Question:
    """A request; for GETBULK ``first`` are the non-repeaters and ``second`` the repetitions."""

    version: int
    community: bytes
    kind: int
    id: bytes
    first: int
    second: int
    names: tuple[Oid, ...]


def question(data: bytes) -> Question:
    """A decoded request; raises ValueError for anything else."""
    try:
        _, message, _ = read(data, 0)
        _, version, at = read(message, 0)
        _, community, at = read(message, at)
        kind, pdu, _ = read(message, at)
        _, id_content, at = read(pdu, 0)
        _, first, at = read(pdu, at)
        _, second, at = read(pdu, at)
        _, bindings, _ = read(pdu, at)
        names, at = [], 0
        while at < len(bindings):
            _, binding, at = read(bindings, at)
            names.append(oid_of(read(binding, 0)[1]))
    except IndexError as err:
        raise ValueError("no request") from err
    return Question(int.from_bytes(version, "big"), community, kind, id_content, int.from_bytes(first, "big"), int.from_bytes(second, "big"), tuple(names))


class View:
    """The variables of an agent in their order, encoded when first asked for."""

    def __init__(self, values: Mapping[Oid, Value]) -> None:
        self._values = values
        self._order = sorted(values)

    def get(self, oid: Oid) -> bytes | None:
        """The binding of exactly this variable."""
        return self._binding(oid) if oid in self._values else None

    def after(self, oid: Oid) -> tuple[Oid, bytes] | None:
        """The next variable and its binding."""
        place = bisect.bisect_right(self._order, oid)
        return (self._order[place], self._binding(self._order[place])) if place < len(self._order) else None

    def _binding(self, oid: Oid) -> bytes:
        return element(SEQUENCE, element(OBJECT, oid_bytes(oid)) + value_bytes(self._values[oid]))


def answer(asked: Question, view: View) -> bytes | None:
    """The response to a request, None for what is no request."""
    if asked.kind == GET:
        found = [view.get(oid) or _special(oid, ABSENT) for oid in asked.names]
    elif asked.kind == GETNEXT:
        found = [_next(view, oid)[1] for oid in asked.names]
    elif asked.kind == GETBULK and asked.version == 1:
        found = list(_bulk(asked, view))
    else:
        return None
    if asked.version == 0 and (wrong := next((n for n, one in enumerate(found, 1) if one.endswith((ABSENT, END))), 0)):
        return _response(asked, [_special(oid, b"\x05\x00") for oid in asked.names], 2, wrong)
    return _response(asked, found)


def _special(oid: Oid, mark: bytes) -> bytes:
    return element(SEQUENCE, element(OBJECT, oid_bytes(oid)) + mark)


def _next(view: View, oid: Oid) -> tuple[Oid, bytes]:
    return view.after(oid) or (oid, _special(oid, END))


def _bulk(asked: Question, view: View) -> Iterable[bytes]:
    for oid in asked.names[: asked.first]:
        yield _next(view, oid)[1]
    heads, size = list(asked.names[asked.first :]), 0
    for _ in range(min(asked.second, MAX_REPETITIONS)):
        for number, oid in enumerate(heads):
            heads[number], binding = _next(view, oid)
            size += len(binding)
            if size > MAX_PACKET:
                return
            yield binding


def _response(asked: Question, bindings: Iterable[bytes], status: int = 0, index: int = 0) -> bytes:
    pdu = element(INTEGER, asked.id) + value_bytes((INTEGER, status)) + value_bytes((INTEGER, index)) + element(SEQUENCE, b"".join(bindings))
    head = value_bytes((INTEGER, asked.version)) + element(OCTETS, asked.community)
    return element(SEQUENCE, head + element(RESPONSE, pdu))
