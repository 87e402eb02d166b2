"""World: what is true of the estate at a moment. Values are functions of time and of the faults that are on.

The protocols only ask it; they keep only what counters need. Times are seconds on a monotonic clock since the start.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulator.estate import Estate, Fault, FaultKind, Link, hops, link_of

DAY_S = 86_400.0
BEFORE_S = 37 * DAY_S  # how long everything had been running when the simulation began


@dataclass
class World:
    """``now`` gives seconds since the start; ``speed`` is how much faster the simulated day goes."""

    estate: Estate
    now: Callable[[], float]
    speed: float = 24.0
    first_minute: float = 7 * 60
    on: dict[str, float] = field(default_factory=dict)
    spent: dict[str, tuple[float, float]] = field(default_factory=dict)

    def switch(self, fault: str, is_on: bool) -> None:
        """Turn a fault on or off; raises KeyError when there is none of that id."""
        known = {one.id for one in self.estate.faults}
        if fault not in known:
            raise KeyError(fault)
        if is_on:
            self.on.setdefault(fault, self.now())
        else:
            self.on.pop(fault, None)

    def active(self, kind: FaultKind, target: str = "") -> Fault | None:
        """The fault of that kind (and target) that is on."""
        return next((f for f in self.estate.faults if f.id in self.on and f.kind == kind and target in ("", f.target)), None)

    def active_all(self, kind: FaultKind) -> list[Fault]:
        """Every fault of that kind that is on."""
        return [fault for fault in self.estate.faults if fault.kind == kind and fault.id in self.on]

    def share(self, fault: Fault) -> float:
        """How full-blown a fault is, 0 to 1."""
        age = self.now() - self.on.get(fault.id, self.now())
        return min(1.0, age / fault.over_s) if fault.over_s else 1.0

    def worsened(self, usual: float, kind: FaultKind, target: str) -> float:
        """A value on its way from the usual one to the fault's."""
        fault = self.active(kind, target)
        return usual if fault is None else usual + (fault.value - usual) * self.share(fault)

    def minute(self) -> float:
        """Minute of the simulated day."""
        return (self.first_minute + self.now() * (self.speed or 1.0) / 60) % 1440

    def busy(self) -> float:
        """How much people work now, 0.1 at night to 1 at ten and at three."""
        hour = self.minute() / 60
        peaks = math.exp(-((hour - 10) ** 2) / 5) + math.exp(-((hour - 15) ** 2) / 6)
        return 0.1 + 0.9 * min(1.0, peaks)

    def wave(self, name: str, period_s: float = 300.0) -> float:
        """A steady unrest of its own for every name, -1 to 1."""
        return math.sin(2 * math.pi * self.now() / period_s + zlib.crc32(name.encode()) % 628 / 100)

    # --- what hangs together -------------------------------------------------------------------------------------

    def has_power(self, id: str) -> bool:
        """Whether the thing runs."""
        return self.active("power_off", id) is None

    def is_cut(self, link: Link) -> bool:
        """Whether a cable is cut."""
        fault = self.active("link_cut", link.text)
        return fault is not None

    def carries(self, link: Link) -> bool:
        """Whether a link is up at both ends."""
        return not self.is_cut(link) and self.has_power(link.a[0]) and self.has_power(link.b[0])

    def reachable(self) -> frozenset[str]:
        """Everything that answers the collector, which stands at the roots."""
        roots = [root for root in self.estate.roots if self.has_power(root)]
        return frozenset(hops(roots, ((link.a[0], link.b[0]) for link in self.estate.cables if self.carries(link))))

    def used(self, device: str) -> dict[int, Link]:
        """The cabled ports of a device."""
        return {port: link for link in self.estate.cables for name, port in (link.a, link.b) if name == device}

    def talking(self, switch: str) -> frozenset[int]:
        """Ports of a switch on which a machine hangs that nobody declared."""
        desks = {port for desks in self.estate.desks if desks.switch == switch for port in range(desks.first, desks.last + 1)}
        return frozenset(desks | {int(fault.value) for fault in self.active_all("stranger") if fault.target == switch})

    # --- figures ---------------------------------------------------------------------------------------------------

    def octets(self, key: str, per_s: float) -> int:
        """A counter that never goes back: the integral of a flow that swings by a third around ``per_s``."""
        t, period = self.now(), 600.0
        phase = zlib.crc32(key.encode()) % 628 / 100
        swing = (math.cos(phase) - math.cos(2 * math.pi * t / period + phase)) * period / (2 * math.pi)
        return int(per_s * (BEFORE_S + t + swing / 3))

    def cpu(self, id: str) -> float:
        """Processor use in percent."""
        usual = 8 + 30 * self.busy() + 6 * self.wave(id)
        return max(1.0, min(100.0, self.worsened(usual, "cpu_high", id)))

    def memory(self, id: str) -> float:
        """Memory use in percent."""
        usual = 45 + zlib.crc32(id.encode()) % 20 + 2 * self.wave(id, 900)
        return min(99.0, self.worsened(usual, "memory_leak", id))

    def disk(self, id: str) -> float:
        """Use of the data file system in percent."""
        usual = 35 + zlib.crc32(id.encode()) % 25 + 0.2 * self.wave(id, 1200)
        return min(99.5, self.worsened(usual, "disk_filling", id))

    def temperature(self, id: str) -> float:
        """Of a room, in degrees Celsius."""
        usual = next(s.temperature for s in self.estate.sensors if s.id == id) + 0.4 * self.wave(id)
        return self.worsened(usual, "temperature", id)

    def humidity(self, id: str) -> float:
        """Of a room, in percent."""
        return next(s.humidity for s in self.estate.sensors if s.id == id) + 2 * self.wave(id, 700)

    def errors(self, device: str, port: int) -> float:
        """Errors per second on a port."""
        fault = self.active("port_errors")
        ends = link_of(fault.target) if fault else None
        return fault.value if fault and ends and (device, port) in (ends.a, ends.b) else 0.0

    def charge(self, id: str) -> float:
        """Battery charge of a UPS in percent."""
        fault = self.active("on_battery", id)
        return 100.0 if fault is None else max(5.0, 100 - 90 * self.share(fault))

    def days_left(self, system: str) -> float:
        """Until the certificate of a page ends."""
        fault = self.active("certificate", system)
        return 300.0 if fault is None else fault.value

    def follow(self, minute_before: float) -> Iterable[str]:
        """Turn on and off what the day's script says happened since ``minute_before``; returns the faults that changed."""
        minute = self.minute()
        for act in self.estate.day:
            for at, is_on in ((act.minute, True), ((act.minute + act.minutes) % 1440, False)):
                if _passed(minute_before, minute, at) and (act.fault in self.on) is not is_on:
                    self.switch(act.fault, is_on)
                    yield act.fault


def _passed(before: float, now: float, at: float) -> bool:
    return before < at <= now if before <= now else at > before or at <= now
