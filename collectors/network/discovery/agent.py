"""Asking an SNMP agent who it is: the credentials one after the other, then identity, marks, and the neighbours it knows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from collectors.network.snmp.access import Access, Version
from collectors.network.snmp.collector import with_secret
from collectors.network.snmp.identity import identity
from collectors.network.snmp.match import SYS_DESCR, SYS_OBJECT_ID, SYSTEM, matching, object_id
from collectors.network.snmp.profile import profiles_in_force
from collectors.network.snmp.reader import Reader
from collectors.network.snmp.session import open_session
from collectors.network.snmp.standard.topology import surroundings
from core.errors import ConfigError, DeviceError
from core.secrets import Secret
from inventory.discovery.sighting import Spoken, short

SYS_SERVICES: Final = f"{SYSTEM}.7.0"
READ_S: Final = 12.0
MAX_ROWS: Final = 5_000
MAX_MACS: Final = 64
MAX_LEADS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Key:
    """One credential to try, by name."""

    name: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Heard:
    """What an agent told, and the addresses that it knows of others."""

    spoken: Spoken
    leads: tuple[str, ...] = ()


def access_with(key: Key, address: str, port: int, timeout_s: float, version: str = "") -> Access:
    """How to ask with a credential: v3 when it has a user, else ``version`` or 2c. Raises ConfigError for keys that cannot be."""
    asked: Version = "3" if key.secret.username else "1" if version == "1" else "2c"
    return with_secret(Access(host=address, port=port, timeout_s=timeout_s, retries=0), key.secret, asked)


def answers(access: Access) -> bool:
    """Whether the agent takes this credential; one short question."""
    try:
        session = open_session(access)
    except DeviceError:
        return False
    try:
        return bool(session.get([SYS_OBJECT_ID, SYS_DESCR]))
    except DeviceError:
        return False
    finally:
        session.close()


def hear(access: Access, key: Key) -> Heard:
    """Read an agent that took the credential; what it does not say stays empty."""
    session = open_session(replace(access, retries=1, timeout_s=max(2.0, access.timeout_s)))
    try:
        reader = Reader(session, time.monotonic, time.monotonic() + READ_S, max_rows=MAX_ROWS)
        return _read(reader, access, key)
    finally:
        session.close()


def _read(reader: Reader, access: Access, key: Key) -> Heard:
    reader.fetch([SYS_DESCR, SYS_OBJECT_ID, SYS_SERVICES])
    chosen = matching(profiles_in_force(), reader)
    who = identity(reader, chosen)
    around = surroundings(reader)
    spoken = Spoken(
        credential=key.name,
        version=access.version,
        port=access.port,
        object_id=object_id(reader),
        descr=short(reader.text(SYS_DESCR)),
        sysname=short(who.sysname or ""),
        services=reader.integer(SYS_SERVICES),
        vendor=short(who.vendor or ""),
        os=short(who.os or ""),
        model=short(who.model or ""),
        release=short(who.version or ""),
        serial=short(who.serial or ""),
        chassis=short(around["chassis"]),
        engine=around["engine"],
        macs=tuple(around["macs"][:MAX_MACS]),
        addresses=tuple(around["addresses"][:MAX_MACS]),
        profiles=tuple(profile.name for profile in chosen),
    )
    leads = dict.fromkeys((*around["neighbour_addresses"], *(address for address, _, _ in around["arp"])))
    return Heard(spoken, tuple(leads)[:MAX_LEADS])


def usable(keys: Sequence[Key]) -> tuple[tuple[Key, ...], tuple[str, ...]]:
    """The credentials that can be used for SNMP at all, and what is wrong with the others."""
    good, wrong = [], []
    for key in keys:
        try:
            access_with(key, "127.0.0.1", 161, 1.0)
        except ConfigError as err:
            wrong.append(f"credential {key.name}: {err}")
        else:
            good.append(key)
    return tuple(good), tuple(wrong)
