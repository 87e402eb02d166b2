"""Builds datagrams of NetFlow 9 and IPFIX, right and wrong ones."""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOW: Sequence[tuple[int, int]] = ((8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (1, 4), (2, 4))


def record(source: bytes = b"\x0a\1\0\5", destination: bytes = b"\x0a\2\0\7", size: int = 1000, packets: int = 2, port: int = 443) -> bytes:
    """One record of FLOW."""
    return source + destination + struct.pack("!BHHII", 6, 40000, port, size, packets)


def fields(*pairs: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("!HH", *pair) for pair in pairs)


def a_set(number: int, body: bytes) -> bytes:
    return struct.pack("!HH", number, 4 + len(body)) + body


def template(number: int = 256, pairs: Sequence[tuple[int, int]] = FLOW, version: int = 9) -> bytes:
    return a_set(0 if version == 9 else 2, struct.pack("!HH", number, len(pairs)) + fields(*pairs))


def netflow9(*sets: bytes, sequence: int = 0, domain: int = 1) -> bytes:
    return struct.pack("!HHIIII", 9, len(sets), 1, 2, sequence, domain) + b"".join(sets)


def ipfix(*sets: bytes, sequence: int = 0, domain: int = 1) -> bytes:
    body = b"".join(sets)
    return struct.pack("!HHIII", 10, 16 + len(body), 2, sequence, domain) + body


def sflow(*samples: bytes, sequence: int = 1, agent: bytes = b"\xc0\0\2\7") -> bytes:
    return struct.pack("!II4sIIII", 5, 1, agent, 0, sequence, 1, len(samples)) + b"".join(samples)


def flow_sample(frame: bytes, rate: int = 10, length: int = 1518, header: int = 1) -> bytes:
    """A flow sample with one sampled header."""
    padded = frame + bytes(-len(frame) % 4)
    raw = struct.pack("!IIII", header, length, 4, len(frame)) + padded
    body = struct.pack("!IIIIIIII", 1, 1, rate, 100, 0, 7, 8, 1) + struct.pack("!II", 1, len(raw)) + raw
    return struct.pack("!II", 1, len(body)) + body
