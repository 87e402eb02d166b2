"""One search: addresses from ranges, then whatever seeds lead to, each asked once, never outside the allowed ranges."""

from __future__ import annotations

import asyncio
import ipaddress
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from collectors.network.discovery.agent import Heard, Key, access_with, answers, hear, usable
from collectors.network.discovery.arp import KernelTable
from collectors.network.discovery.pace import Pace
from collectors.network.discovery.ping import Pinger
from collectors.network.discovery.ports import look_at
from core.errors import DeviceError
from inventory.discovery.ranges import Range, is_allowed, plain_address
from inventory.discovery.sighting import Port, Sighting


@dataclass(frozen=True, slots=True)
class Order:
    """What to search: ``addresses``, and ``seeds`` that lead on for ``hops``; how to ask."""

    addresses: Iterable[str] = ()
    seeds: Sequence[str] = ()
    hops: int = 2
    keys: Sequence[Key] = ()
    snmp_ports: Sequence[int] = (161,)
    ports: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Where one may search, how much, how fast."""

    allowed: Sequence[Range]
    max_addresses: int = 4096
    rate_per_s: float = 50.0
    workers: int = 32
    timeout_s: float = 1.5


@dataclass(slots=True)
class Outcome:
    """The addresses that were asked to the end, what was met on the way, and whether the search was cut short."""

    searched: set[str] = field(default_factory=set)
    found: int = 0
    outside: int = 0
    problems: list[str] = field(default_factory=list)
    stopped: bool = False

    def tell(self, problem: str) -> None:
        """Keep a problem once, and not too many of them."""
        if problem and problem not in self.problems and len(self.problems) < 50:
            self.problems.append(problem)


def search(
    order: Order,
    limits: Limits,
    now: Callable[[], datetime],
    on_sighting: Callable[[Sighting], None],
    stop: threading.Event,
    on_asked: Callable[[int, int], None],
) -> Outcome:
    """Run one search to its end or until ``stop``; ``on_asked`` is told how many addresses are done and known. Raises nothing for what devices do."""
    return asyncio.run(_Search(order, limits, now, on_sighting, stop, on_asked).run())


class _Search:
    def __init__(
        self,
        order: Order,
        limits: Limits,
        now: Callable[[], datetime],
        on_sighting: Callable[[Sighting], None],
        stop: threading.Event,
        on_asked: Callable[[int, int], None],
    ) -> None:
        self._order, self._limits, self._now, self._stop = order, limits, now, stop
        self._on_sighting, self._on_asked = on_sighting, on_asked
        self._pace, self._pinger, self._kernel = Pace(limits.rate_per_s), Pinger(limits.timeout_s), KernelTable()
        self._threads = ThreadPoolExecutor(limits.workers, thread_name_prefix="discovery")
        self._waiting: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self._known: set[str] = set()
        self._outcome = Outcome()
        self._keys, wrong = usable(order.keys)
        for problem in wrong:
            self._outcome.tell(problem)

    async def run(self) -> Outcome:
        for address in self._order.seeds:
            self._add(address, self._order.hops)
        for address in self._order.addresses:
            self._add(address, 0)
        workers = [asyncio.create_task(self._work()) for _ in range(self._limits.workers)]
        done = asyncio.create_task(self._waiting.join())
        try:
            while not done.done() and not self._stop.is_set():
                await asyncio.wait([done], timeout=0.2)
                self._on_asked(len(self._outcome.searched), len(self._known))
        finally:
            self._outcome.stopped = not done.done()
            for task in (done, *workers):
                task.cancel()
            await asyncio.gather(done, *workers, return_exceptions=True)
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._outcome.tell(self._pinger.problem)
        self._on_asked(len(self._outcome.searched), len(self._known))
        return self._outcome

    def _add(self, address: str, hops: int) -> None:
        address = plain_address(address)
        if address in self._known:
            return
        if not is_allowed(address, self._limits.allowed):
            self._outcome.outside += 1
            return
        if len(self._known) >= self._limits.max_addresses:
            self._outcome.tell(f"more than {self._limits.max_addresses:,} addresses were led to; the rest was left out (discovery.max_addresses)")
            return
        self._known.add(address)
        self._waiting.put_nowait((address, hops))

    async def _work(self) -> None:
        while True:
            address, hops = await self._waiting.get()
            try:
                sighting = await self._ask(address)
            except Exception as err:  # noqa: BLE001 - one strange device may not end the search of all others
                self._outcome.tell(f"{address}: {type(err).__name__}: {err}")
            else:
                self._outcome.searched.add(address)
                if sighting is not None:
                    self._outcome.found += 1
                    self._on_sighting(sighting)
                    for lead in sighting.leads if hops > 0 else ():
                        self._add(lead, hops - 1)
            finally:
                self._waiting.task_done()

    async def _ask(self, address: str) -> Sighting | None:
        """Everything of one address; None when nothing answered."""
        ping = asyncio.create_task(self._ping(address))
        looks = [asyncio.create_task(look_at(address, number, self._limits.timeout_s, self._pace)) for number in self._order.ports]
        heard = await self._speak(address)
        ports: list[Port | None] = await asyncio.gather(*looks)
        seen = tuple(port for port in ports if port is not None)
        ping_s = await ping
        if heard is None and not seen and ping_s is None:
            return None
        if heard is None:
            heard = await self._speak(address, "1")  # something is there: perhaps it is old and knows version 1 alone
        spoken, leads = (heard.spoken, heard.leads) if heard else (None, ())
        return Sighting(address=address, time=self._now(), ping_s=ping_s, mac=self._kernel.mac(address), snmp=spoken, ports=seen, leads=leads)

    async def _ping(self, address: str) -> float | None:
        await self._pace.turn()
        return await self._pinger.ask(address)

    async def _speak(self, address: str, version: str = "") -> Heard | None:
        for port in self._order.snmp_ports:
            for key in self._keys:
                if version == "1" and key.secret.username:
                    continue
                await self._pace.turn()
                heard = await asyncio.get_running_loop().run_in_executor(self._threads, self._try, address, port, key, version)
                if heard is not None:
                    return heard
        return None

    def _try(self, address: str, port: int, key: Key, version: str) -> Heard | None:
        access = access_with(key, address, port, self._limits.timeout_s, version)
        if self._stop.is_set() or not answers(access):
            return None
        try:
            return hear(access, key)
        except DeviceError as err:
            self._outcome.tell(f"{address}: {err}")
            return None


def order_addresses(ranges: Sequence[Range]) -> Iterable[str]:
    """Every address of the ranges, each range's in turn, so that no network is asked in one burst."""
    iterators = [iter(one.addresses()) for one in ranges]
    while iterators:
        for iterator in tuple(iterators):
            address = next(iterator, None)
            if address is None:
                iterators.remove(iterator)
            else:
                yield address


def is_address(text: str) -> bool:
    """Whether a seed is an address, else it is the id of an asset."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
