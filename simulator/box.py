"""The box: opens every agent, page and sensor post, keeps them as the world says, speaks, and follows the day."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from core.errors import ConfigError
from simulator import dumps
from simulator.agents import serve_agents
from simulator.authority import Authority, open_authority
from simulator.chatter import Chatter, Speaker
from simulator.estate import Device, Sensors, System
from simulator.pages import Door, control_page, exporter_page, system_page
from simulator.places import Places
from simulator.running import configuration
from simulator.sensors import Post
from simulator.shell import Shell, open_key, serve_shell
from simulator.traffic import Reporter
from simulator.world import World

log = structlog.get_logger("simulator")
TICK_S = 1.0
HOUR = timedelta(hours=1)


@dataclass
class Box:
    """``folder`` keeps the authority and certificates. ``run`` ends when ``ending`` is set or the parent is gone."""

    world: World
    places: Places
    folder: Path
    speaker: Speaker | None = None
    reporter: Reporter | None = None
    follows_day: bool = True
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    reachable: frozenset[str] = frozenset()
    doors: list[Door] = field(default_factory=list)
    posts: list[tuple[Sensors, Post]] = field(default_factory=list)
    transports: list[asyncio.DatagramTransport] = field(default_factory=list)
    shells: list[Any] = field(default_factory=list)
    contexts: dict[str, ssl.SSLContext] = field(default_factory=dict)
    days: dict[str, float] = field(default_factory=dict)
    backed_up: datetime | None = None
    authority: Authority = field(init=False)

    async def run(self) -> None:
        """Open, keep, close; raises ConfigError when an address is taken."""
        try:
            await self.open()
            await self._keep()
        finally:
            await self.close()

    async def open(self) -> None:
        """Everything that listens."""
        self.reachable = self.world.reachable()
        self.authority = open_authority(self.folder)
        self.contexts = {system.id: self._context(system) for system in self.world.estate.systems if system.secure}
        try:
            self.transports = await serve_agents(self.world, self.places, lambda: self.reachable)
            self._back_up()
            await self._open_shells()
            self._hang_doors()
            await self._keep_open()
        except OSError as err:
            raise ConfigError(f"the simulator cannot listen: {err}; is another one running? Choose other addresses with --net") from err

    async def _open_shells(self) -> None:
        """The command lines of the network devices; one that cannot be reached ends every session at once."""
        key = open_key(self.folder)
        for device in self.world.estate.devices:
            shell = self._shell(device)
            self.shells.append(await serve_shell(self.places.address(device), self.places.ssh, key, shell.talk))

    def _shell(self, device: Device) -> Shell:
        family = self.world.estate.models[device.model].family
        return Shell(device.id, family, lambda which: configuration(self.world, self.places, device, which), lambda: device.id in self.reachable)

    def _context(self, system: System) -> ssl.SSLContext:
        self.days[system.id] = self.world.days_left(system.id)
        return self.authority.context(self.folder, system.id, self.places.address_of(system.server), self.days[system.id])

    def _hang_doors(self) -> None:
        estate, places = self.world.estate, self.places
        by_server: dict[tuple[str, bool], str] = {}
        for system in estate.systems:
            if taken := by_server.get((system.server, system.secure)):
                raise ConfigError(f"{taken} and {system.id} want the same page of {system.server}")
            by_server[system.server, system.secure] = system.id
            port = places.https if system.secure else places.http
            opens = lambda s=system: s.server in self.reachable and not self.world.active("service_stop", s.id)  # noqa: E731
            self.doors.append(Door(places.address_of(system.server), port, system_page(self.world, system), opens, self.contexts.get(system.id)))
        for server in estate.servers:
            if server.how == "exporter":
                opens = lambda s=server: s.id in self.reachable  # noqa: E731
                self.doors.append(Door(places.address(server), places.exporter, exporter_page(self.world, server), opens))
        self.doors.append(Door("127.0.0.1", places.control, control_page(self.world), lambda: True))
        self.posts = [(post, Post(self.world, post, places.address(post), places.modbus)) for post in estate.sensors]

    async def _keep_open(self) -> None:
        for door in self.doors:
            await door.keep()
        for post, server in self.posts:
            await server.keep(post.id in self.reachable)

    async def _keep(self) -> None:
        parent, minute, on = os.getppid(), self.world.minute(), set(self.world.on)
        chatter = Chatter(self.world)
        while not self.ending.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.ending.wait(), TICK_S)
            if self.follows_day and self.world.speed:
                list(self.world.follow(minute))
            minute = self.world.minute()
            heard, self.reachable = self.reachable, self.world.reachable()
            changed = on ^ set(self.world.on)
            on = set(self.world.on)
            self._speak(chatter, changed, heard | self.reachable)
            if self.reporter:
                self.reporter.tick(self.reachable)
            self._renew()
            self._back_up()
            await self._keep_open()

    def _speak(self, chatter: Chatter, changed: set[str], heard: frozenset[str]) -> None:
        for fault in self.world.estate.faults:
            if fault.id in changed:
                log.info("fault", id=fault.id, on=fault.id in self.world.on)
                for line in chatter.told(fault, fault.id in self.world.on):
                    if self.speaker and line.asset in heard:
                        self.speaker.send(line)
        for line in chatter.lines(self.reachable):
            if self.speaker:
                self.speaker.send(line)

    def _renew(self) -> None:
        for system in self.world.estate.systems:
            days = self.world.days_left(system.id)
            if system.secure and self.days[system.id] != days:
                self.authority.renew(self.contexts[system.id], self.folder, system.id, self.places.address_of(system.server), days)
                self.days[system.id] = days

    def _back_up(self) -> None:
        """Once an hour; what cannot be written is a backup that is late."""
        now = datetime.now().astimezone()
        if self.backed_up is None or now - self.backed_up >= HOUR:
            self.backed_up = now
            try:
                dumps.keep(self.folder / "backups", self.world.estate.backups, now)
            except OSError as err:
                log.error("backups", problem=str(err))

    async def close(self) -> None:
        """Stop listening everywhere."""
        for door in self.doors:
            await door.close()
        for _, server in self.posts:
            await server.close()
        for transport in (*self.transports, *self.shells):
            transport.close()
        if self.speaker:
            self.speaker.close()
        if self.reporter:
            self.reporter.close()
        await asyncio.sleep(0)
