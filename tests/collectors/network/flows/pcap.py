"""Writes capture files: Ethernet frames with IPv4 or IPv6 and TCP or UDP, so that real exporters have something to report."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable
from pathlib import Path

Packet = tuple[str, str, int, int, int, int]  # source, destination, protocol, source port, destination port, length of the payload


def _sum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def frame(packet: Packet, vlan: int = 0) -> bytes:
    """One Ethernet frame."""
    source, destination, protocol, source_port, destination_port, size = packet
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if protocol == 17:
        body = struct.pack("!HHHH", source_port, destination_port, 8 + size, 0) + bytes(size)
    else:
        body = struct.pack("!HHIIBBHHH", source_port, destination_port, 1, 1, 5 << 4, 0x10, 1024, 0, 0) + bytes(size)
    if len(ends) == 8:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, protocol, 0) + ends
        ip = head[:10] + struct.pack("!H", _sum(head)) + head[12:] + body
        kind = 0x0800
    else:
        ip = struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + ends + body
        kind = 0x86DD
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return b"\2\0\0\0\0\2" + b"\2\0\0\0\0\1" + tag + struct.pack("!H", kind) + ip


def write(path: Path, packets: Iterable[Packet], start: int = 1_760_000_000) -> None:
    """A classic pcap file, a packet every 10 ms."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, packet in enumerate(packets):
            data = frame(packet)
            file.write(struct.pack("<IIII", start + number // 100, number % 100 * 10_000, len(data), len(data)) + data)
