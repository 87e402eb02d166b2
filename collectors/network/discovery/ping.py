"""Echo requests of a search: asked with ICMP where this process may, else left out (open ports and SNMP speak for a device then)."""

from __future__ import annotations

import ipaddress

import icmplib

NOT_ALLOWED = "this process may not send ICMP (CAP_NET_RAW or net.ipv4.ping_group_range); devices that only answer echo are not found"


class Pinger:
    """Remembers which kind of socket is allowed; ``problem`` says when none is."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._kinds = [True, False]
        self.problem = ""

    async def ask(self, address: str) -> float | None:
        """Seconds until the echo came, None without one. An address of this very machine is not asked: its own kernel would answer."""
        if ipaddress.ip_address(address).is_loopback:
            return None
        while self._kinds:
            try:
                answer = await icmplib.async_ping(address, count=1, timeout=self._timeout_s, privileged=self._kinds[0])
            except icmplib.SocketPermissionError:
                self._kinds = self._kinds[1:]
            except (icmplib.ICMPLibError, OSError):
                return None
            else:
                return float(answer.avg_rtt) / 1000 if answer.is_alive else None
        self.problem = NOT_ALLOWED
        return None
