"""NetFlow version 5: a header of 24 bytes, then records of 48 bytes."""

from __future__ import annotations

import struct
from typing import Final

from collectors.network.flows.flow import BadDatagram, Flow

HEADER: Final = struct.Struct("!HHIIIIBBH")
RECORD: Final = struct.Struct("!4s4s4xHHII8xHH2xB9x")


class Header5:
    """What the header says: ``domain`` is the engine, ``sequence`` counts flows."""

    __slots__ = ("count", "domain", "rate", "sequence")

    def __init__(self, data: bytes) -> None:
        if len(data) < HEADER.size:
            raise BadDatagram(f"NetFlow 5 of {len(data)} bytes, the header alone has {HEADER.size}")
        _version, self.count, _uptime, _seconds, _nanoseconds, self.sequence, kind, engine, sampling = HEADER.unpack_from(data)
        self.domain: int = kind << 8 | engine
        self.rate: int = max(1, sampling & 0x3FFF)


def read_netflow5(data: bytes, header: Header5, rate: int = 0) -> list[Flow]:
    """The flows; ``rate`` is used in place of the header's when given. Raises BadDatagram when records are missing."""
    times = rate or header.rate
    end = HEADER.size + header.count * RECORD.size
    if len(data) < end:
        raise BadDatagram(f"NetFlow 5 says {header.count} records, {(len(data) - HEADER.size) // RECORD.size} are there")
    return [
        Flow(source, destination, protocol, source_port, destination_port, size * times, packets * times, inlet, outlet)
        for source, destination, inlet, outlet, packets, size, source_port, destination_port, protocol in RECORD.iter_unpack(data[HEADER.size : end])
    ]
