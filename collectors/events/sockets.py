"""UDP sockets with a large buffer, and how many datagrams the kernel had to drop for want of it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

BUFFER: Final = 16 * 1024 * 1024
SO_RCVBUFFORCE: Final = 33  # Linux: beyond net.core.rmem_max, for who has CAP_NET_ADMIN


def udp_socket(host: str, port: int) -> socket.socket:
    """A bound, non-blocking socket with the largest receive buffer that we get; raises OSError."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
    link = socket.socket(family, socket.SOCK_DGRAM)
    try:
        for option in (socket.SO_RCVBUF, SO_RCVBUFFORCE):
            with suppress(OSError):
                link.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        link.setblocking(False)
        link.bind((host, port))
    except OSError:
        link.close()
        raise
    return link


class Datagrams(asyncio.DatagramProtocol):
    """Hands every datagram with its sender's address and port to ``take``."""

    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Hand the datagram on."""
        self._take(data, (str(addr[0]), addr[1]))


def plain_address(address: str) -> str:
    """An IPv4 address that a socket for both families shows as IPv6 (RFC 4291 section 2.5.5.2), as it is."""
    return address.removeprefix("::ffff:") if address.count(".") == 3 else address


def inode(link: socket.socket) -> int:
    """The number by which the kernel's tables know the socket."""
    return os.fstat(link.fileno()).st_ino


def kernel_drops(inode: int) -> int:
    """Datagrams that the kernel dropped for the socket with this inode (/proc/net/udp, last column)."""
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with suppress(OSError):
            for line in Path(table).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if len(words) >= 13 and words[9] == str(inode):
                    return int(words[12])
    return 0
