"""The listeners that the settings ask for, with the way from a sender's address to an asset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog

from collectors.events.listener import Settings as SyslogSettings
from collectors.events.listener import SyslogListener
from core.clock import Clock
from core.errors import StoreAway
from core.records import Event, Sample
from core.settings import Settings
from inventory.asset import Asset
from service.pipeline import Pipeline

log = structlog.get_logger("listeners")


class Names:
    """From an address or host name to the id of an asset; unknown senders keep their address as id."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def learn(self, assets: Iterable[Asset]) -> None:
        """Know exactly these assets, by id, name, address and further addresses; the first of two claims wins."""
        known: dict[str, str] = {}
        for asset in assets:
            for key in (asset.id, asset.name, asset.address, *asset.addresses):
                if key:
                    known.setdefault(key.lower(), asset.id)
        self._known = known

    def resolve(self, address: str, host: str) -> str:
        """The asset for a message that came from ``address`` and says it is from ``host``.

        On loopback every sender has one address, so there the name counts first.
        """
        first, second = (host, address) if address.startswith("127.") or address == "::1" else (address, host)
        return self._known.get(first.lower()) or self._known.get(second.lower()) or first or second


class Listeners:
    """Started and ended with the service; one that cannot listen is reported and the rest goes on."""

    def __init__(self, settings: Settings, pipeline: Pipeline, clock: Clock) -> None:
        self._names = Names()
        self._pipeline = pipeline
        given = settings.collect
        self._syslog: SyslogListener | None = None
        if not any(port is not None for port in (given.syslog_udp, given.syslog_tcp, given.syslog_tls)):
            return
        wanted = SyslogSettings(
            host=given.syslog_host,
            udp=given.syslog_udp,
            tcp=given.syslog_tcp,
            tls=given.syslog_tls,
            cert=given.syslog_cert,
            key=given.syslog_key,
            zone=settings.zone,
        )
        self._syslog = SyslogListener(wanted, self._names.resolve, self._deliver, clock)

    def set_assets(self, assets: Iterable[Asset]) -> None:
        """Know these senders from now on."""
        self._names.learn(assets)

    def start(self) -> None:
        """Open the ports; raises ConfigError when one is taken."""
        if self._syslog is not None:
            self._syslog.start()
            log.info("listening for syslog", **self._syslog.ports)

    def stop(self) -> None:
        """Close the ports and deliver what waits."""
        if self._syslog is not None:
            self._syslog.stop()

    def samples(self, asset: str) -> list[Sample]:
        """Counts of the listeners as samples of ``asset``."""
        return self._syslog.samples(asset) if self._syslog is not None else []

    def _deliver(self, events: Sequence[Event]) -> None:
        if not self._pipeline.keep_and_tell("", events):
            raise StoreAway("the store refuses events; the listener keeps them and offers them again")
