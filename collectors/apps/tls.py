"""TLS endpoints: certificate, days left, trust, protocol; also behind STARTTLS of mail and file servers."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from collectors.apps.certificates import look, records
from collectors.apps.probe import Turns, unreachable, up
from collectors.base import Options
from collectors.loop import wait
from core.records import Record
from core.secrets import Secrets
from inventory.asset import Asset


class TlsOptions(Options):
    """Where to shake hands. ``name`` is asked for and checked, by default the host."""

    host: str = ""
    port: int = Field(default=443, ge=1, le=65535)
    name: str = ""
    ca_file: str = ""
    starttls: Literal["", "smtp", "imap", "pop3", "ftp"] = ""
    timeout_s: float = Field(default=10, gt=0, le=60)


class TlsCollector:
    """One TLS endpoint of an asset."""

    Options: ClassVar = TlsOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: TlsOptions, secrets: Secrets) -> None:  # noqa: ARG002 - every collector is given them
        self._options, self._turns = options, Turns()
        self.deadline_s = options.timeout_s + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """The certificate's state; raises Unreachable when no handshake is possible."""
        options = self._options
        host = options.host or asset.address
        endpoint = f"{options.name or host}:{options.port}"
        begun = time.monotonic()
        try:
            shown = wait(look(host, options.port, options.name or host, options.ca_file, options.starttls), options.timeout_s)
        except (OSError, ssl.SSLError) as err:
            yield from up(asset.id, endpoint, now, is_up=False)
            raise unreachable(asset.id, endpoint, err) from err
        yield from up(asset.id, endpoint, now, is_up=True, duration_s=time.monotonic() - begun)
        yield from records(shown, asset.id, endpoint, now)
        yield from self._turns.events(asset.id, endpoint, shown.fault and f"certificate not trusted: {shown.fault}", now)

    def close(self) -> None:
        """Nothing is held open."""
