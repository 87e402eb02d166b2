"""The collector of SNMP devices: samples of what moves at every poll, snapshots of what the device is once an hour."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from pydantic import Field

from collectors.base import Options as BaseOptions
from collectors.base import credential
from collectors.network.snmp.access import Access, Version, auth_protocol, privacy_protocol
from collectors.network.snmp.device import read_device
from collectors.network.snmp.match import SYS_UPTIME
from collectors.network.snmp.profile import Profile, profiles_in_force
from collectors.network.snmp.reader import Kept, Reader
from collectors.network.snmp.reading import Interface, Reading, Role, Wireless
from collectors.network.snmp.samples import COUNTERS, Measure, limits, measures, named
from collectors.network.snmp.session import Engine, Session, open_session
from collectors.network.snmp.standard.topology import Body, learned_in, topology, vlans_apart
from collectors.rates import Rates
from core.errors import BadReply, DeviceError, Unreachable
from core.records import Event, Record, Sample, Snapshot, fingerprint
from core.secrets import Secret, Secrets
from inventory.asset import Asset

_PEERS = {"bgp": "network.bgp.peer.up", "ospf": "network.ospf.neighbour.up", "isis": "network.isis.neighbour.up"}
_MISSED_FOR = timedelta(days=1)
_KNOCK_S = 1.5
_RESERVE_S = 12.0
"""What is left of the deadline for one last question and its retries, so that what was read is still delivered."""
_SANE_SHARE = 1.5
"""A link never carries more than its speed; half as much again is for late and early polls."""


class SnmpCollector:
    """One device that speaks SNMP v1, v2c or v3. The credential gives the community, or user and keys of v3."""

    class Options(BaseOptions):
        """How the agent is asked, and how often identity and inventory (``full_every_s``) and who is behind which port (``topology_every_s``)."""

        version: Literal["1", "2c", "3"] | None = None
        address: str = ""
        port: int = Field(default=161, ge=1, le=65535)
        credential: str = ""
        engine: Engine = "gufo"
        timeout_s: float = Field(default=3.0, gt=0, le=30)
        retries: int = Field(default=2, ge=0, le=10)
        repetitions: int = Field(default=25, ge=1, le=100)
        full_every_s: float = Field(default=3600.0, ge=0)
        topology_every_s: float = Field(default=900.0, ge=0)

    default_interval_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 45.0

    def __init__(self, options: SnmpCollector.Options, secrets: Secrets, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._options, self._secrets, self._monotonic = options, secrets, monotonic
        self._kept, self._rates = Kept(), Rates()
        self._profiles: tuple[Profile, ...] = ()
        self._last_full: float | None = None
        self._last_topology: float | None = None
        self._peers: dict[tuple[str, str], datetime] = {}
        self._roles: dict[str, Role] = {}
        self._uptime_s = 0.0
        self._silent, self._has_views = False, True

    def collect(self, asset: Asset, now: datetime) -> Iterable[Record]:
        """Samples of this poll and, once an hour, snapshots; raises DeviceError when the device does not answer."""
        started = self._monotonic()
        whole = self._last_full is None or started - self._last_full >= self._options.full_every_s
        if whole and self._last_full is not None:
            self._kept = Kept()
        reading, complete, around = self._read(asset, started, whole)
        if not self._answered(reading):
            raise Unreachable(asset.id, reading.problems[0] if reading.problems else f"{asset.address}: no SNMP answer")
        if whole:
            known = {profile.name: profile for profile in profiles_in_force()}
            self._profiles = tuple(known[name] for name in reading.profiles if name in known)
            # a slow device that was not heard out is read whole again, and gets further by what was kept of the last time
            self._last_full = started if complete else None
        yield from self._samples(asset, now, reading, started)
        if complete:
            yield from self._neighbourhood(asset, now, reading)
        if whole:
            yield from snapshots(asset, now, reading)
        if around is not None:
            yield Snapshot(time=now, asset=asset.id, kind="snmp.topology", body=_json(around))

    def anew(self) -> None:
        """Read the whole device, and who is behind its ports, with the next poll."""
        self._last_full = self._last_topology = -math.inf

    def _read(self, asset: Asset, started: float, whole: bool) -> tuple[Reading, bool, Mapping[str, object] | None]:
        access = access_to(asset, self._options, credential(asset, "snmp", self._options.credential, self._secrets))
        try:
            if self._silent:
                knock(access, self._options.engine)
            session = open_session(access, self._options.engine)
            try:
                reader = Reader(session, self._monotonic, started + self.deadline_s - _RESERVE_S, self._kept)
                profiles = profiles_in_force() if whole else self._profiles
                reading = read_device(reader, profiles, whole, watch_links=True, has_peers=bool(self._peers))
                complete = reader.complete
                around = self._around(session, access, started) if complete and self._answered(reading) else None
            finally:
                session.close()
        except DeviceError as err:
            self._silent = isinstance(err, Unreachable)
            raise type(err)(asset.id, str(err)) from err
        self._silent = not self._answered(reading)
        return reading, complete, around

    def _around(self, session: Session, access: Access, started: float) -> Mapping[str, object] | None:
        """Who is behind which port, when it is time; None when not, or when the device could not be heard out."""
        if self._last_topology is not None and started - self._last_topology < self._options.topology_every_s:
            return None
        self._last_topology = started
        # nothing is kept from before: a table that was empty may have filled since
        reader = Reader(session, self._monotonic, started + self.deadline_s - _RESERVE_S)
        found = topology(reader)
        if reader.complete and self._has_views:
            self._look_into_vlans(found, reader, access, started)
        # tables that were cut off would look as if machines had gone
        return found if reader.complete else None

    def _look_into_vlans(self, found: Body, reader: Reader, access: Access, started: float) -> None:
        """Add what was learned in each VLAN, where each has a view of its own; an agent that does not know the first is not asked so again."""
        rows: set[tuple[str, str, int]] = set()
        vlans = vlans_apart(reader, found)
        for number, vlan in enumerate(vlans):
            view = self._view(of_vlan(access, vlan), reader, vlan, started)
            if view is None and number == 0:
                self._has_views = False
                return
            if view is None:
                reader.give_up(f"the forwarding table of VLAN {vlan} was not read")
                return
            rows |= view
        if vlans:
            known = {(address, port) for address, port, _ in rows}
            found["fdb"] = sorted(rows | {row for row in found["fdb"] if row[:2] not in known})
            found["vlans"] = {str(vlan): name for vlan, name in vlans.items()} | found["vlans"]

    def _view(self, access: Access, reader: Reader, vlan: int, started: float) -> set[tuple[str, str, int]] | None:
        """What was learned in one VLAN; None when the agent knows no such view, or does not answer to the end."""
        try:
            knock(access, self._options.engine)
        except DeviceError:
            try:
                knock(access, self._options.engine)  # a datagram may be lost
            except DeviceError:
                return None
        session = open_session(access, self._options.engine)
        try:
            view = Reader(session, self._monotonic, started + self.deadline_s - _RESERVE_S)
            rows = set(learned_in(view, reader, vlan))
        finally:
            session.close()
        return rows if view.complete else None

    @staticmethod
    def _answered(reading: Reading) -> bool:
        return reading.uptime_s is not None or bool(reading.interfaces or reading.sensors or reading.identity.model)

    def _samples(self, asset: Asset, now: datetime, reading: Reading, at: float) -> Iterator[Sample]:
        if reading.uptime_s is not None:
            if reading.uptime_s < self._uptime_s:
                self._rates = Rates()  # restarted: every counter began anew
            self._uptime_s = reading.uptime_s
        for metric, value, labels in (*measures(reading), *self._traffic(reading.interfaces, at), *self._wireless(reading.wireless, at)):
            yield Sample(time=now, asset=asset.id, metric=metric, value=value, labels=labels)

    def _neighbourhood(self, asset: Asset, now: datetime, reading: Reading) -> Iterator[Record]:
        """Routing neighbours (0 for one that has left the table, for a day), and an event for each role that changed."""
        up: dict[tuple[str, str], bool] = {(peer.protocol, peer.address): peer.up for peer in reading.peers}
        self._peers = {key: at for key, at in self._peers.items() if now - at < _MISSED_FOR} | dict.fromkeys(up, now)
        for protocol, address in self._peers:
            value = float(up.get((protocol, address), False))
            yield Sample(time=now, asset=asset.id, metric=_PEERS[protocol], value=value, labels={"peer": address})
        for role in reading.roles:
            before = self._roles.get(role.group)
            self._roles[role.group] = role
            if before is not None and before.value != role.value:
                yield _role_changed(asset.id, now, before, role)

    def _traffic(self, interfaces: Iterable[Interface], at: float) -> Iterator[Measure]:
        for name, port in named(interfaces, lambda port: port.name or str(port.index), lambda port: str(port.index)):
            for direction, octets, errors, discards in (
                ("receive", port.in_octets, port.in_errors, port.in_discards),
                ("transmit", port.out_octets, port.out_errors, port.out_discards),
            ):
                labels = {"interface": name, "direction": direction}
                yield from self._flow(labels, octets, port, at)
                for what, count in (("errors", errors), ("discards", discards)):
                    rate = None if count is None else self._rates.per_second((port.index, direction, what), count, at, 2**32)
                    if rate is not None:
                        yield f"network.interface.{what}", rate, labels

    def _wireless(self, figures: Iterable[Wireless], at: float) -> Iterator[Measure]:
        for figure in figures:
            if figure.what in COUNTERS:
                rate = self._rates.per_second((figure.what, *sorted(figure.labels.items())), int(figure.value), at, 2**32)
                if rate is not None:
                    yield f"wireless.{figure.what}", rate, figure.labels

    def _flow(self, labels: Mapping[str, str], octets: int | None, port: Interface, at: float) -> Iterator[Measure]:
        if octets is None:
            return
        key = (port.index, labels["direction"], "octets", port.wide)
        rate = self._rates.per_second(key, octets, at, 2**64 if port.wide else 2**32)
        if rate is None or (port.speed_bps and rate * 8 > port.speed_bps * _SANE_SHARE and port.oper == "up" and port.speed_bps >= 1_000_000_000):
            return
        yield "network.interface.io", rate, labels
        if port.speed_bps:
            yield "network.interface.utilization", min(100.0, rate * 800 / port.speed_bps), labels

    def close(self) -> None:
        """Nothing stays open between two polls."""


def _role_changed(asset: str, now: datetime, before: Role, role: Role) -> Event:
    words = (before.word, role.word) if before.word != role.word else (str(before.value), str(role.value))
    fields = {"event.dataset": "snmp", "ha.group": role.group, "ha.before": words[0], "ha.after": words[1]}
    identity = fingerprint("ha_role_changed", asset, {"group": role.group, "time": now.isoformat()})
    return Event(id=identity, time=now, asset=asset, kind="ha_role_changed", message=f"{role.group}: {words[0]} -> {words[1]}", fields=fields)


def access_to(asset: Asset, options: SnmpCollector.Options, secret: Secret) -> Access:
    """Address and credentials for an asset; raises BadReply when it has no address. Without a version, v3 when there is a user."""
    host = options.address or asset.address or next(iter(asset.addresses), "")
    if not host:
        raise BadReply(asset.id, "the asset has no address; give it one, or set the option address")
    access = Access(host=host, port=options.port, timeout_s=options.timeout_s, retries=options.retries, repetitions=options.repetitions)
    return with_secret(access, secret, options.version)


def with_secret(access: Access, secret: Secret, version: Version | None = None) -> Access:
    """The same agent with a credential: user and keys of version 3 when it has a user, else its community. Raises ConfigError for keys that cannot be."""
    return replace(
        access,
        version=version or ("3" if secret.username else "2c"),
        community=secret.community or "public",
        user=secret.username,
        auth=auth_protocol(secret.auth_protocol or ("sha256" if secret.auth_key else "")),
        auth_key=secret.auth_key,
        privacy=privacy_protocol(secret.priv_protocol or ("aes128" if secret.priv_key else "")),
        privacy_key=secret.priv_key,
    )


def of_vlan(access: Access, vlan: int) -> Access:
    """The view of one VLAN as Cisco IOS has it: a community, or of version 3 a context, of its own."""
    return replace(access, context=f"vlan-{vlan}") if access.version == "3" else replace(access, community=f"{access.community}@{vlan}")


def knock(access: Access, engine: Engine) -> None:
    """Ask one short question of a device that was silent before, so that the dead do not hold the workers; raises DeviceError."""
    session = open_session(replace(access, retries=0, timeout_s=min(access.timeout_s, _KNOCK_S)), engine)
    try:
        session.get([SYS_UPTIME])
    finally:
        session.close()


def snapshots(asset: Asset, now: datetime, reading: Reading) -> Iterator[Snapshot]:
    """What the device is (``snmp.inventory``) and who is beside it (``snmp.neighbours``), as JSON with sorted keys."""
    body = {
        "identity": asdict(reading.identity),
        "profiles": list(reading.profiles),
        "interfaces": [_steady(port) for port in reading.interfaces],
        "entities": [asdict(part) for part in reading.inventory],
        "limits": [{"metric": metric, "sensor": sensor, "low": low, "high": high} for metric, sensor, low, high in limits(reading.sensors)],
    }
    yield Snapshot(time=now, asset=asset.id, kind="snmp.inventory", body=_json(body))
    yield Snapshot(time=now, asset=asset.id, kind="snmp.neighbours", body=_json([asdict(neighbour) for neighbour in reading.neighbours]))


def _steady(port: Interface) -> Mapping[str, object]:
    return {name: getattr(port, name) for name in ("index", "name", "descr", "alias", "type", "speed_bps", "mtu", "mac", "admin", "oper")}


def _json(body: object) -> str:
    return json.dumps(body, ensure_ascii=False, sort_keys=True, indent=1)
