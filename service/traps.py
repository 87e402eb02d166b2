"""Traps in the service: who may send them, who we are to senders of informs, and what the ports of a device are called."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from collectors.events.delivery import Deliver
from collectors.events.traps.listener import Resolve, TrapListener
from collectors.events.traps.listener import Settings as ListenerSettings
from collectors.events.traps.usm import MOST_BOOTS, Engine, User
from collectors.network.snmp.access import Access, auth_protocol, privacy_protocol
from collectors.network.snmp.samples import named
from core.clock import Clock
from core.errors import ConfigError, NotFound, StoreError
from core.records import Sample
from core.secrets import Secret, Secrets
from core.settings import CollectSettings, Settings
from inventory.asset import Asset
from inventory.topology.evidence import short_port
from store.base import Store
from store.snapshots import latest_snapshot

log = structlog.get_logger("traps")
ENGINE_FILE: Final = "snmp-engine.json"
_ENGINE_HEAD: Final = bytes.fromhex("80007ed905")  # RFC 3411 SnmpEngineID, RFC 5612's enterprise number for such use, octets follow
PORT_NAMES_S: Final = 600.0  # the inventory is read once an hour
UNREAD_S: Final = 60.0  # and of a device that was never read asked for again after this


class Traps:
    """The trap listener with its surroundings. Who may send is looked up anew at each call of ``samples``, as credentials change."""

    def __init__(self, settings: Settings, ports: PortNames, vault: Secrets, clock: Clock, resolve: Resolve, deliver: Deliver) -> None:
        self._settings, self._vault = settings.collect, vault
        self._assets: tuple[Asset, ...] = ()
        self._complaints: frozenset[str] = frozenset()
        given = settings.collect
        wanted = ListenerSettings(host=given.trap_host, port=given.trap_port or 0, rate=given.trap_rate, burst=10 * given.trap_rate)
        self.listener = TrapListener(wanted, own_engine(settings.data / ENGINE_FILE), resolve, ports.name, deliver, clock)

    def set_assets(self, assets: Iterable[Asset]) -> None:
        """Let these devices' own SNMP credentials send traps too."""
        self._assets = tuple(assets)
        self._refresh()

    def start(self) -> None:
        """Open the port; raises ConfigError."""
        self._refresh()
        self.listener.start()

    def stop(self) -> None:
        """Close it and deliver what waits."""
        self.listener.stop()

    def samples(self, asset: str) -> list[Sample]:
        """Counts as samples of ``asset``."""
        self._refresh()
        return self.listener.samples(asset)

    def _refresh(self) -> None:
        try:
            communities, users, complaints = access(self._settings, self._assets, self._vault)
        except StoreError as err:
            log.warning("credentials of senders of traps cannot be read; those known go on", reason=str(err))
            return
        for text in sorted(complaints - self._complaints):
            log.error("credential of senders of traps", problem=text)
        self._complaints = complaints
        self.listener.set_access(communities, users)


def access(given: CollectSettings, assets: Iterable[Asset], vault: Secrets) -> tuple[frozenset[str], frozenset[User], frozenset[str]]:
    """Communities and users that may send, and what is wrong with single credentials.

    Communities come from ``collect.trap_credentials`` alone, so that without one there every community is let in; users from there and
    from the devices that are polled.
    """
    communities, users, complaints = set(), set(), set()
    polled = {name for asset in assets if (name := asset.credentials.get("snmp", ""))}
    for name in (*given.trap_credentials, *sorted(polled - set(given.trap_credentials))):
        try:
            secret = vault.get(name)
            users |= set(_user(secret))
        except (ConfigError, NotFound) as err:
            complaints.add(f"{name}: {err}")
            continue
        if name in given.trap_credentials and secret.community:
            communities.add(secret.community)
    return frozenset(communities), frozenset(users), frozenset(complaints)


def _user(secret: Secret) -> Iterator[User]:
    if not secret.username:
        return
    auth = auth_protocol(secret.auth_protocol or ("sha256" if secret.auth_key else ""))
    privacy = privacy_protocol(secret.priv_protocol or ("aes128" if secret.priv_key else ""))
    Access("", version="3", user=secret.username, auth=auth, auth_key=secret.auth_key, privacy=privacy, privacy_key=secret.priv_key)  # checks them
    yield User(secret.username, auth, secret.auth_key, privacy, secret.priv_key)


def own_engine(path: Path) -> Engine:
    """Our id as an SNMP engine, kept in ``path`` with the number of starts (RFC 3414 section 2.2). A damaged file makes a new id."""
    known = _read(path)
    engine = Engine(known.id, known.boots + 1) if known is not None and known.boots + 1 < MOST_BOOTS else Engine(_ENGINE_HEAD + secrets.token_bytes(8), 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="ascii") as file:
        json.dump({"engine": engine.id.hex(), "boots": engine.boots}, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return engine


def _read(path: Path) -> Engine | None:
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        engine = Engine(bytes.fromhex(found["engine"]), int(found["boots"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as err:
        log.warning("the SNMP engine id is damaged; a new one is made, and senders of informs learn it by themselves", reason=str(err))
        return None
    return engine if 5 <= len(engine.id) <= 32 and engine.boots >= 0 else None


class PortNames:
    """From the index of a port, or from its name as a log line has it, to the name that its series have, by the device's newest inventory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[float, Mapping[int, str], Mapping[str, str]]] = {}

    def name(self, asset: str, index: int) -> str:
        """The name, or nothing for a device that was never read."""
        return self._names(asset)[0].get(index, "")

    def written(self, asset: str, said: str) -> str:
        """The name of the port that ``said`` means (GigabitEthernet0/1 is Gi0/1); ``said`` itself when there is none or more than one."""
        return self._names(asset)[1].get(short_port(said)) or said

    def _names(self, asset: str) -> tuple[Mapping[int, str], Mapping[str, str]]:
        now = time.monotonic()
        at, names, words = self._known.get(asset, (-PORT_NAMES_S, {}, {}))
        if now - at >= (PORT_NAMES_S if names else UNREAD_S):
            names = self._read(asset)
            words = by_word(names.values())
            self._known[asset] = now, names, words
        return names, words

    def _read(self, asset: str) -> Mapping[int, str]:
        try:
            snapshot = latest_snapshot(self._store, asset, "snmp.inventory")
            return port_names(json.loads(snapshot.body)) if snapshot is not None else {}
        except (StoreError, ValueError) as err:
            log.warning("the ports of a device are not known", asset=asset, reason=str(err))
            return {}


def by_word(names: Iterable[str]) -> dict[str, str]:
    """Comparable name -> name of the series; what two ports share means neither."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(short_port(name), []).append(name)
    return {word: same[0] for word, same in found.items() if len(same) == 1}


def port_names(inventory: Mapping[str, Any]) -> dict[int, str]:
    """Index to name of a snapshot ``snmp.inventory``, as the series of the ports are named."""
    ports = [port for port in inventory.get("interfaces", ()) if isinstance(port, dict) and isinstance(port.get("index"), int)]
    return {port["index"]: title for title, port in named(ports, lambda port: str(port.get("name") or port["index"]), lambda port: str(port["index"]))}
