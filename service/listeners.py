"""The listeners that the settings ask for, with the way from a sender's address to an asset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import structlog

from collectors.events.listener import Settings as SyslogSettings
from collectors.events.listener import SyslogListener
from core.clock import Clock
from core.errors import ConfigError, StoreAway
from core.records import Event, Finding, Sample, Severity
from core.secrets import Secrets
from core.settings import Settings
from inventory.asset import Asset
from service.hasten import Hasten
from service.pipeline import Pipeline
from service.pulse import SELF
from service.traps import PortNames, Traps

log = structlog.get_logger("listeners")
SOURCE: Final = "self.listener"


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

    def __init__(self, settings: Settings, pipeline: Pipeline, clock: Clock, vault: Secrets, hasten: Hasten) -> None:
        self._names, ports = Names(), PortNames(pipeline.store)
        self._pipeline, self._hasten = pipeline, hasten
        given = settings.collect
        self.problems: dict[str, str] = {}
        self._is_first = True
        self._syslog: SyslogListener | None = None
        self._traps: Traps | None = None
        if any(port is not None for port in (given.syslog_udp, given.syslog_tcp, given.syslog_tls)):
            wanted = SyslogSettings(
                host=given.syslog_host,
                udp=given.syslog_udp,
                tcp=given.syslog_tcp,
                tls=given.syslog_tls,
                cert=given.syslog_cert,
                key=given.syslog_key,
                zone=settings.zone,
                rate=given.syslog_rate,
            )
            self._syslog = SyslogListener(wanted, self._names.resolve, self._deliver, clock, ports.written)
        if given.trap_port is not None:
            self._traps = Traps(settings, ports, vault, clock, self._names.resolve, self._deliver)

    @property
    def ports(self) -> dict[str, int]:
        """The ports that listen: udp, tcp, tls for syslog, and traps."""
        found = dict(self._syslog.ports) if self._syslog is not None else {}
        return found | ({"traps": self._traps.listener.port} if self._traps is not None else {})

    def set_assets(self, assets: Iterable[Asset]) -> None:
        """Know these senders from now on."""
        known = tuple(assets)
        self._names.learn(known)
        if self._traps is not None:
            self._traps.set_assets(known)

    def start(self) -> None:
        """Open the ports; what is wrong with one is in ``problems`` and the other goes on."""
        for name, listener in (("syslog", self._syslog), ("traps", self._traps)):
            if listener is None:
                continue
            try:
                listener.start()
            except ConfigError as err:
                self.problems[name] = str(err)
                log.error("a listener cannot start", listener=name, problem=str(err))
        log.info("listening", **self.ports)

    def findings(self, now: datetime) -> list[Finding]:
        """A finding about the product itself for each listener that could not start; the first time also the end of an older one."""
        is_first, self._is_first = self._is_first, False
        wanted = [name for name, listener in (("syslog", self._syslog), ("traps", self._traps)) if listener is not None]
        return [_finding(name, self.problems.get(name, ""), now) for name in wanted if is_first or name in self.problems]

    def stop(self) -> None:
        """Close the ports and deliver what waits."""
        for listener in (self._syslog, self._traps):
            if listener is not None:
                listener.stop()

    def samples(self, asset: str) -> list[Sample]:
        """Counts of the listeners as samples of ``asset``."""
        return [sample for listener in (self._syslog, self._traps) if listener is not None for sample in listener.samples(asset)]

    def _deliver(self, events: Sequence[Event]) -> None:
        if not self._pipeline.keep_and_tell("", events):
            raise StoreAway("the store refuses events; the listener keeps them and offers them again")
        self._hasten.take(events)


def _finding(name: str, problem: str, now: datetime) -> Finding:
    evidence = {"listener": name, "zh": f"监听 {name} 未能启动：{problem}", "en": f"the listener for {name} could not start: {problem}"} if problem else {}
    title = f"监听 {name} 未能启动 / The listener for {name} could not start"
    return Finding(time=now, source=SOURCE, asset=SELF, title=title, severity=Severity.HIGH, firing=bool(problem), labels={"listener": name}, evidence=evidence)
