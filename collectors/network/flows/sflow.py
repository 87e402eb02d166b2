"""sFlow version 5 (sflow.org, "sFlow Version 5", July 2004): sampled packets; counters are left to SNMP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from collectors.network.flows.flow import BadDatagram, Flow

MOST_SAMPLES: Final = 1000
FLOW_SAMPLE, COUNTERS, EXPANDED_FLOW_SAMPLE, EXPANDED_COUNTERS = 1, 2, 3, 4
RAW_HEADER, ETHERNET, IPV4, IPV6 = 1, 2, 3, 4
ETHERNET_HEADER, IPV4_HEADER, IPV6_HEADER = 1, 11, 12
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100})
WITH_PORTS: Final = frozenset({6, 17, 132, 136})  # TCP, UDP, SCTP, UDP-Lite
EXTENSIONS: Final = frozenset({0, 43, 60})  # IPv6: hop by hop, routing, destination options


@dataclass(slots=True)
class Datagram:
    """What one datagram held. ``agent`` is the packed address by which the device names itself."""

    agent: bytes
    sub_agent: int
    sequence: int
    flows: list[Flow] = field(default_factory=list)
    samples: int = 0
    without_address: int = 0
    rate: int = 0


def begin(data: bytes) -> tuple[Datagram, int, int]:
    """The header: the datagram, where the samples begin and how many there are; raises BadDatagram."""
    kind = int.from_bytes(data[4:8], "big")
    if kind not in {1, 2}:
        raise BadDatagram(f"sFlow of an agent with address type {kind}")
    place = 8 + (4 if kind == 1 else 16)
    if len(data) < place + 16:
        raise BadDatagram(f"sFlow of {len(data)} bytes is cut in its header")
    sub_agent, sequence, _uptime, count = struct.unpack_from("!IIII", data, place)
    if count > MOST_SAMPLES:
        raise BadDatagram(f"sFlow says {count} samples")
    return Datagram(data[8:place], sub_agent, sequence), place + 16, count


def read_samples(data: bytes, place: int, count: int, found: Datagram, rate: int = 0) -> None:
    """Fill ``found``; ``rate`` is used in place of the sample's own when given. Raises BadDatagram at the first sample that lies."""
    for number, body in _records(data, place, count):
        if number == FLOW_SAMPLE:
            _flow_sample(body, "!IIIIIIII", found, rate)
        elif number == EXPANDED_FLOW_SAMPLE:
            _flow_sample(body, "!IIIIIIIIIII", found, rate)


def _records(data: bytes, place: int, count: int) -> Iterator[tuple[int, bytes]]:
    """``count`` records of number, length and that many bytes; others than the standard's own (enterprise 0) have numbers above 4095."""
    for _ in range(count):
        if place + 8 > len(data):
            raise BadDatagram("a sample or record is cut")
        number, length = struct.unpack_from("!II", data, place)
        if place + 8 + length > len(data):
            raise BadDatagram(f"a sample or record says {length} bytes where {len(data) - place - 8} are left")
        yield number, data[place + 8 : place + 8 + length]
        place += 8 + (length + 3) // 4 * 4


def _flow_sample(body: bytes, form: str, found: Datagram, rate: int) -> None:
    size = struct.calcsize(form)
    if len(body) < size:
        raise BadDatagram("a flow sample is cut")
    head = struct.unpack_from(form, body)
    if len(head) == 8:
        _sequence, _source, own_rate, _pool, _drops, inlet, outlet, count = head
        inlet, outlet = _index(inlet >> 30, inlet & 0x3FFFFFFF), _index(outlet >> 30, outlet & 0x3FFFFFFF)
    else:
        _sequence, _type, _source, own_rate, _pool, _drops, in_kind, inlet, out_kind, outlet, count = head
        inlet, outlet = _index(in_kind, inlet), _index(out_kind, outlet)
    if count > MOST_SAMPLES:
        raise BadDatagram(f"a flow sample says {count} records")
    found.samples += 1
    found.rate = own_rate
    times = rate or max(1, own_rate)
    for number, record in _records(body, size, count):
        flow = _flow(number, record)
        if flow is not None:
            found.flows.append(flow._replace(bytes=flow.bytes * times, packets=times, input=inlet, output=outlet))
            return  # the other records tell more about the same packet
    found.without_address += 1


def _index(kind: int, value: int) -> int:
    """Kind 0 is one interface; 1 is dropped, 2 is several."""
    return value if kind == 0 and value != 0x3FFFFFFF else 0


def _flow(number: int, record: bytes) -> Flow | None:
    if number == RAW_HEADER:
        return _sampled_header(record)
    if number == IPV4 and len(record) >= 32:
        length, protocol, source, destination, source_port, destination_port = struct.unpack_from("!II4s4sII", record)
        return Flow(source, destination, protocol & 0xFF, source_port & 0xFFFF, destination_port & 0xFFFF, length, 1)
    if number == IPV6 and len(record) >= 56:
        length, protocol, source, destination, source_port, destination_port = struct.unpack_from("!II16s16sII", record)
        return Flow(source, destination, protocol & 0xFF, source_port & 0xFFFF, destination_port & 0xFFFF, length, 1)
    return None


def _sampled_header(record: bytes) -> Flow | None:
    if len(record) < 16:
        raise BadDatagram("a sampled header is cut")
    kind, length, _stripped, size = struct.unpack_from("!IIII", record)
    if 16 + size > len(record):
        raise BadDatagram(f"a sampled header says {size} bytes where {len(record) - 16} are left")
    header = record[16 : 16 + size]
    if kind == ETHERNET_HEADER:
        return _ethernet(header, length)
    if kind == IPV4_HEADER:
        return ipv4(header, length)
    return ipv6(header, length) if kind == IPV6_HEADER else None


def _ethernet(frame: bytes, length: int) -> Flow | None:
    place = 12
    kind = int.from_bytes(frame[place : place + 2], "big")
    while kind in VLAN_TAGS:
        place += 4
        kind = int.from_bytes(frame[place : place + 2], "big")
    packet = frame[place + 2 :]
    if kind == 0x0800:
        return ipv4(packet, length)
    return ipv6(packet, length) if kind == 0x86DD else None


def ipv4(packet: bytes, length: int) -> Flow | None:
    """The flow of an IPv4 packet (RFC 791) of which the beginning is there; ``length`` is that of the frame."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    protocol, size = packet[9], (packet[0] & 15) * 4
    is_first = not int.from_bytes(packet[6:8], "big") & 0x1FFF
    source_port, destination_port = _ports(protocol, packet[size : size + 4]) if is_first else (0, 0)
    return Flow(packet[12:16], packet[16:20], protocol, source_port, destination_port, length, 1)


def ipv6(packet: bytes, length: int) -> Flow | None:
    """The flow of an IPv6 packet (RFC 8200), behind at most eight extension headers."""
    if len(packet) < 40 or packet[0] >> 4 != 6:
        return None
    protocol, place = packet[6], 40
    for _ in range(8):
        if protocol not in EXTENSIONS or len(packet) < place + 2:
            break
        protocol, place = packet[place], place + (packet[place + 1] + 1) * 8
    source_port, destination_port = _ports(protocol, packet[place : place + 4])
    return Flow(packet[8:24], packet[24:40], protocol, source_port, destination_port, length, 1)


def _ports(protocol: int, begin_of: bytes) -> tuple[int, int]:
    if protocol not in WITH_PORTS or len(begin_of) < 4:
        return 0, 0
    return int.from_bytes(begin_of[:2], "big"), int.from_bytes(begin_of[2:4], "big")
