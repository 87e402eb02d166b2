"""DNS servers: whether they answer a question, how fast, and with what they should (RFC 1035)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Literal

import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
from pydantic import Field

from collectors.apps.probe import Turns, unreachable, up
from collectors.base import Options
from core.errors import BadReply
from core.records import Record, Sample
from core.secrets import Secrets
from inventory.asset import Asset


class DnsOptions(Options):
    """The question and, if wanted, the values that must all be in the answer."""

    name: str
    type: Literal["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT", "CAA"] = "A"
    server: str = ""
    port: int = Field(default=53, ge=1, le=65535)
    expect: tuple[str, ...] = ()
    tcp: bool = False
    timeout_s: float = Field(default=5, gt=0, le=60)


class DnsCollector:
    """One question to one server."""

    Options: ClassVar = DnsOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: DnsOptions, secrets: Secrets) -> None:  # noqa: ARG002 - every collector is given them
        self._options, self._turns = options, Turns()
        self.deadline_s = options.timeout_s * 2 + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Response code and time; raises Unreachable without an answer and BadReply for one that is not DNS."""
        options = self._options
        server = options.server or asset.address
        endpoint = f"dns://{server}:{options.port}/{options.name}?type={options.type}"
        try:
            reply = self._ask(server)
        except (dns.exception.Timeout, OSError) as err:
            yield from up(asset.id, endpoint, now, is_up=False)
            raise unreachable(asset.id, endpoint, TimeoutError() if isinstance(err, dns.exception.Timeout) else err) from err
        except (dns.exception.DNSException, ValueError) as err:
            yield from up(asset.id, endpoint, now, is_up=False)
            raise BadReply(asset.id, f"{endpoint}: the answer cannot be read: {err}") from err
        fault = self._fault(reply)
        yield from up(asset.id, endpoint, now, is_up=not fault, duration_s=reply.time)
        yield Sample(time=now, asset=asset.id, metric="dns.response_code", value=float(reply.rcode()), labels={"endpoint": endpoint})
        yield from self._turns.events(asset.id, endpoint, fault, now)

    def close(self) -> None:
        """Nothing is held open."""

    def _ask(self, server: str) -> dns.message.Message:
        options = self._options
        question = dns.message.make_query(options.name, options.type)
        address = server if dns.inet.is_address(server) else str(socket.getaddrinfo(server, None)[0][4][0])
        if options.tcp:
            return dns.query.tcp(question, address, timeout=options.timeout_s, port=options.port)
        return dns.query.udp_with_fallback(question, address, timeout=options.timeout_s, port=options.port)[0]

    def _fault(self, reply: dns.message.Message) -> str:
        if reply.rcode() != dns.rcode.NOERROR:
            return f"answered {dns.rcode.to_text(reply.rcode())}"
        wanted_type = dns.rdatatype.from_text(self._options.type)
        values = {item.to_text().rstrip(".") for rrset in reply.answer if rrset.rdtype == wanted_type for item in rrset}
        missing = [value for value in self._options.expect if value.rstrip(".") not in values]
        if missing:
            return f"{', '.join(missing)} is not in the answer ({', '.join(sorted(values)) or 'nothing'})"
        return "" if values else f"no {self._options.type} record"
