"""The listener for flows: UDP in, one ``Minute`` per exporter and minute out, with every loss counted.

One thread receives and decodes, another adds up and delivers what has ended. Times are those of arrival: exporters should report long
flows every minute (active timeout 60 s).
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog

from collectors.events.sockets import kernel_drops, udp_socket
from collectors.network.flows.decoder import Decoder, Exporter, Tally
from collectors.network.flows.minute import Minute, Window, lists_of
from core.clock import Clock
from core.errors import ConfigError
from core.records import Sample

log: Final = structlog.get_logger()
Deliver = Callable[[Sequence[Minute]], None]
LONGEST: Final = 65_535
AT_ONCE: Final = 512  # datagrams read between two looks at the clock
WAITING: Final = 30  # ended spans kept while they cannot be delivered
PAUSE_S: Final = 2.0
WAKE_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``ports``: UDP ports, 0 for any free one; every port understands all protocols. ``span_s`` is the length of a minute."""

    host: str = "127.0.0.1"
    ports: tuple[int, ...] = ()
    span_s: float = 60.0


class Names:
    """What the listener needs to know of the inventory; replaced as a whole when it changes."""

    def __init__(
        self,
        asset_of: Callable[[str], str] = lambda _address: "",
        zone_of: Callable[[str], str] = lambda _address: "",
        rate_of: Callable[[str, str], int] = lambda _address, _agent: 0,
    ) -> None:
        self.asset_of, self.zone_of, self.rate_of = asset_of, zone_of, rate_of


@dataclass(slots=True)
class Ended:
    """A span that is over, with the counts of its exporters as they stood at its end."""

    start: datetime
    end: datetime
    windows: dict[tuple[str, str], tuple[Window, Exporter, Tally]]


class FlowListener:
    """``deliver`` returns when the minutes are kept; when it raises they are offered again, the oldest dropped above WAITING spans."""

    def __init__(self, settings: Settings, deliver: Deliver, clock: Clock, names: Names | None = None) -> None:
        self._settings, self._deliver, self._clock = settings, deliver, clock
        self.names = names or Names()
        self._decoder = Decoder(self._rate_of)
        self._windows: dict[tuple[str, str], Window] = {}
        self._before: dict[tuple[str, str], Tally] = {}
        self._start = clock.now()
        self._ended: deque[Ended] = deque()
        self._more = threading.Condition()
        self._told: dict[str, list[dict[str, Any]]] = {}
        self._stopping = threading.Event()
        self._links: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.dropped = 0
        self.ports: tuple[int, ...] = ()

    def start(self) -> None:
        """Open the ports, then receive; raises ConfigError when one is taken."""
        try:
            for port in self._settings.ports:
                self._links.append(udp_socket(self._settings.host, port))
        except OSError as err:
            self._close()
            raise ConfigError(f"the flow listener cannot listen on {self._settings.host}: {err.strerror or err}; is the port taken or below 1024?") from err
        self.ports = tuple(link.getsockname()[1] for link in self._links)
        self._start = self._clock.now()
        self._threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in (("flows", self._receive), ("flows-deliver", self._hand_over))]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Close the ports, deliver what was taken in, end both threads."""
        if not self._threads:
            return
        self._stopping.set()
        for thread in self._threads:
            with self._more:
                self._more.notify_all()
            thread.join(timeout_s)
        self._threads = []
        self._close()

    def samples(self, asset: str) -> list[Sample]:
        """Counts since the start as samples of ``asset``."""
        exporters = list(self._decoder.exporters.values())
        counts = {name: sum(getattr(each.tally, name) for each in exporters) for name in ("datagrams", "records", "unknown", "lost", "without_address")}
        counts["bad"] = self._decoder.bad + sum(each.tally.bad for each in exporters)
        counts |= {"refused": self._decoder.refused, "exporters": len(exporters), "dropped": self.dropped}
        counts["kernel_dropped"] = sum(kernel_drops(os.fstat(link.fileno()).st_ino) for link in self._links if link.fileno() >= 0)
        now = self._clock.now()
        return [Sample(time=now, asset=asset, metric=f"flows.{name}", value=float(value)) for name, value in counts.items()]

    def told(self) -> dict[str, list[dict[str, Any]]]:
        """What exporters told of how to read them, by address, as it stood at the last turn of the minute (JSON values)."""
        return self._told

    def recall(self, told: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Know it again; before ``start``."""
        for address, bodies in told.items():
            self._decoder.recall(address, bodies)

    def take(self, data: bytes, address: str, port: int = 0) -> None:
        """One datagram."""
        found = self._decoder.read(data, address, port)
        if found is not None:
            exporter, flows = found
            self._windows.setdefault((exporter.address, exporter.agent), Window()).add(flows)

    def _rate_of(self, address: str, agent: str) -> int:
        return self.names.rate_of(address, agent)  # the names may have been replaced since

    def _receive(self) -> None:
        with selectors.DefaultSelector() as selector:
            for link in self._links:
                selector.register(link, selectors.EVENT_READ)
            while not self._stopping.is_set():
                for key, _events in selector.select(WAKE_S):
                    self._drain(key.fileobj)  # type: ignore[arg-type]
                if (now := self._clock.now()) >= self._boundary():
                    self._turn(min(now, self._boundary()))
            for link in self._links:
                self._drain(link)
        self._turn(self._clock.now())
        with self._more:
            self._more.notify_all()

    def _drain(self, link: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                data, (address, port, *_rest) = link.recvfrom(LONGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as err:
                log.warning("flows", problem=str(err))
                return
            self.take(data, str(address), int(port))

    def _boundary(self) -> datetime:
        """The end of the span that ``_start`` lies in, aligned to the epoch."""
        length = self._settings.span_s
        return datetime.fromtimestamp((self._start.timestamp() // length + 1) * length, UTC)

    def _turn(self, end: datetime) -> None:
        """End the span: what is open goes to the other thread."""
        self._told = self._decoder.told()
        windows = {}
        for key, window in self._windows.items():
            exporter = self._decoder.exporters[key]
            windows[key] = (window, exporter, since(exporter.tally, self._before.get(key, Tally())))
            self._before[key] = copy_of(exporter.tally)
        if windows:
            with self._more:
                self._ended.append(Ended(self._start, end, windows))
                if len(self._ended) > WAITING:
                    self._ended.popleft()
                    self.dropped += 1
                self._more.notify_all()
        self._windows, self._start = {}, max(end, self._clock.now() - timedelta(seconds=self._settings.span_s))

    def _hand_over(self) -> None:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._ended or self._stopping.is_set())
                receiver = self._threads[0]
                ended = self._ended[0] if self._ended else None
            if ended is None:
                if not receiver.is_alive():
                    return
                self._stopping.wait(WAKE_S)
                receiver.join(WAKE_S)
                continue
            if self._deliver_one(ended):
                with self._more:
                    if self._ended and self._ended[0] is ended:
                        self._ended.popleft()
            elif self._stopping.wait(PAUSE_S):
                self.dropped += len(self._ended)
                return

    def _deliver_one(self, ended: Ended) -> bool:
        try:
            self._deliver([minute_of(ended, part, self.names) for part in ended.windows.values()])
        except Exception:
            log.exception("flows could not be delivered", waiting=len(self._ended))
            return False
        return True

    def _close(self) -> None:
        for link in self._links:
            link.close()


def minute_of(ended: Ended, part: tuple[Window, Exporter, Tally], names: Names) -> Minute:
    """The totals and lists of one exporter."""
    window, exporter, tally = part
    lists = lists_of(window, names.asset_of, names.zone_of)
    name = (names.asset_of(exporter.agent) if exporter.agent else "") or names.asset_of(exporter.address)
    return Minute(
        exporter=name or exporter.agent or exporter.address,
        address=exporter.agent or exporter.address,
        protocol=exporter.protocol,
        start=ended.start,
        end=ended.end,
        rate=exporter.rate,
        datagrams=tally.datagrams,
        records=tally.records,
        lost=tally.lost,
        unknown=tally.unknown,
        bad=tally.bad,
        bytes=window.bytes,
        packets=window.packets,
        flows=window.flows,
        rest=window.rest,
        talkers=lists.talkers,
        conversations=lists.conversations,
        applications=lists.applications,
        zones=lists.zones,
        assets=lists.assets,
    )


def since(now: Tally, before: Tally) -> Tally:
    """What was counted between; never below 0, since a loss may be taken back."""
    return Tally(*(max(0, getattr(now, name) - getattr(before, name)) for name in Tally.__slots__))


def copy_of(tally: Tally) -> Tally:
    """As it stands."""
    return Tally(*(getattr(tally, name) for name in Tally.__slots__))
