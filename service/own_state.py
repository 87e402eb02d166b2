"""What the product is asked about itself: its settings and its state as a text that checks judge like that of any other asset (kind ``self.state``)."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

from compliance import evidence
from compliance.kinds import OWN_STATE
from compliance.run import SELF, every
from core.names import ACCOUNT
from core.records import Snapshot, ended
from core.settings import PASSWORD_CLASSES, PASSWORD_HISTORY, Settings
from service.backup import last_backup
from service.seals import last_seal
from store.base import Body, Selector, Store

ADMINISTRATORS: Final = ("system_admin", "security_admin", "audit_admin")
FIRST_DAYS: Final = timedelta(days=7)
STALE: Final = timedelta(days=90)
OFFSET_AGE: Final = timedelta(hours=2)


def own_state(store: Store, settings: Settings, machine: str, whole: Mapping[str, Any], now: datetime) -> Snapshot:
    """Everything at ``now``; ``machine`` is the asset on which the product runs, ``whole`` what ``chains`` said last."""
    people = [document.body for document in every(store, ACCOUNT)]
    facts = {
        "version": version("wanglou"),
        "python": ".".join(map(str, sys.version_info[:3])),
        "tls_library": ssl.OPENSSL_VERSION.split(" ")[1],
        **policy(settings),
        **access(settings),
        **accounts(people, settings, now),
        **trails(store, people, now - settings.events_age),
        **files(settings.data),
        **whole,
        "backup_age_days": _age(last_backup(settings.data), now),
        "seal_age_h": _hours(last_seal(store), now),
        "time_offset_s": _offset(store, machine, now),
        "checked": "yes",
    }
    return Snapshot(time=now, asset=SELF, kind=OWN_STATE, body=ended("".join(f"{name}={value}\n" for name, value in facts.items())))


def policy(settings: Settings) -> dict[str, Any]:
    """How people log in, and how long what they did is kept."""
    console = settings.console
    return {
        "password_length": console.password_length,
        "password_classes": PASSWORD_CLASSES,
        "password_history": PASSWORD_HISTORY,
        "password_days": console.password_days or "never",
        "lock_after": console.lock_after,
        "lock_minutes": console.lock_minutes,
        "idle_minutes": console.idle_minutes,
        "session_hours": console.absolute_hours,
        "second_factor": console.second_factor,
        "unused_days": console.unused_days or "never",
        "events_days": settings.retention.events_days,
        "store": settings.store.backend,
    }


def access(settings: Settings) -> dict[str, Any]:
    """From where and how the console is reached: ``tls`` is yes, proxy (only this machine reaches it, its address is https) or no."""
    console, is_local = settings.console, _is_loopback(settings.host)
    tls = "yes" if console.cert_file and console.key_file else "proxy" if is_local and console.address.startswith("https://") else "no"
    told = {"host": settings.host, "local_only": _word(is_local), "tls": tls, "allowed_hosts": _word(bool(console.allowed_hosts))}
    return told | {"unbound_roles": ",".join(role for role in ADMINISTRATORS if not _is_bound(role, settings)) or "-"}


def _is_bound(role: str, settings: Settings) -> bool:
    """Whether a role may log in from named networks alone; one that holds every address binds nobody."""
    of_roles = {str(name): networks for name, networks in settings.console.role_addresses.items()}
    networks = of_roles.get(role) or settings.console.admin_addresses
    return bool(networks) and all(ip_network(text, strict=False).prefixlen for text in networks)


def trails(store: Store, bodies: Iterable[Body], since: datetime) -> dict[str, Any]:
    """For each kind of administrator how much of what they did is in the audit (up to 1,000 entries each), and whose last login or roles it does not tell."""
    told: dict[str, Any] = {}
    for role in ADMINISTRATORS:
        holders = [body for body in bodies if role in body["roles"]]
        told[f"audited_{role}"] = sum(len(store.audit.read(actor=str(body["name"]), newest=True)) for body in holders)
        told[f"untold_{role}"] = _names(body for body in holders if not _is_told(store, body, since))
    return told


def _is_told(store: Store, body: Mapping[str, Any], since: datetime) -> bool:
    """Whether the audit has the last login of an account and how it came to its roles; what is older than ``since`` may be gone."""
    name = str(body["name"])
    login = datetime.fromisoformat(body["last_login"]) if body.get("last_login") else None
    if login and login > since:
        found = store.audit.read(actor=name, action="login", newest=True, limit=1)
        if not found or found[0].time < login:
            return False
    if granted := store.audit.read(object=name, action="account.grant", newest=True, limit=1):
        return sorted(granted[0].body["after"]) == sorted(body["roles"])
    made = store.audit.read(object=name, action="account.create", newest=True, limit=1)
    return sorted(made[0].body["roles"]) == sorted(body["roles"]) if made else datetime.fromisoformat(body["created"]) <= since


def accounts(bodies: Iterable[Body], settings: Settings, now: datetime) -> dict[str, Any]:
    """Counts and names of accounts of the console; never anything of a password or second factor but that it is there."""
    console = settings.console
    alive = [body for body in bodies if not body.get("disabled")]
    told: dict[str, Any] = {"accounts": len(alive)}
    for role in ADMINISTRATORS:
        told[role] = sum(role in body["roles"] for body in alive)
    told["two_administrators"] = _names(body for body in alive if sum(role in body["roles"] for role in ADMINISTRATORS) > 1)
    told["founder"] = _names(body for body in alive if body.get("is_founder"))
    told["first_password"] = _names(body for body in alive if body.get("must_change") and now - _set(body) > FIRST_DAYS)
    told["no_role"] = _names(body for body in alive if not body["roles"] and not body.get("is_founder"))
    told["no_second"] = _names(body for body in alive if not body.get("second") and (body.get("is_founder") or set(ADMINISTRATORS) & set(body["roles"])))
    idle = [body for body in alive if now - _seen(body) > STALE]
    told["stale"] = _names(idle if not 0 < console.unused_days <= STALE.days else ())
    told["held"] = _names(body for body in alive if console.unused_days and now - _seen(body) > timedelta(days=console.unused_days))
    return told


def _seen(body: Mapping[str, Any]) -> datetime:
    """The last sign that somebody uses the account, as the login counts it."""
    return max(datetime.fromisoformat(time) for name in ("created", "last_login", "password_set", "opened") if (time := body.get(name)))


def _set(body: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(body.get("password_set") or body["created"])


def _names(bodies: Iterable[Mapping[str, Any]]) -> str:
    return ",".join(sorted(str(body["name"]) for body in bodies)) or "-"


def files(data: Path) -> dict[str, str]:
    """The permissions of the data folder, of the master key when it lies there, and the widest of the files in it."""
    modes = [path.stat().st_mode & 0o777 for path in data.glob("*") if path.is_file()]
    key = data / "master.key"
    return {
        "data_mode": f"{data.stat().st_mode & 0o777:03o}",
        "key_mode": f"{key.stat().st_mode & 0o777:03o}" if key.exists() else "000",
        "files_mode": f"{max((mode & 0o077 for mode in modes), default=0):03o}",
    }


def chains(store: Store) -> dict[str, str]:
    """Whether the audit and the evidence are whole, and since when the audit reaches back. Reads both from end to end: not for every minute."""
    audit, link = store.audit.verify(), evidence.first_break(store.documents)
    first = store.audit.read(limit=1)
    return {
        "audit_chain": "whole" if audit is None else f"broken at {audit}",
        "evidence_chain": "whole" if link is None else f"broken at {link}",
        "audit_since": first[0].time.astimezone(UTC).date().isoformat() if first else "-",
    }


def _offset(store: Store, machine: str, now: datetime) -> str:
    """How far the clock of the machine is off in tenths of a second, unknown when nobody measured it lately."""
    found = store.metrics.latest(Selector(metric=("system.time.offset",), asset=(machine,)), OFFSET_AGE, now)
    return f"{max(abs(sample.value) for sample in found):.1f}" if found else "unknown"


def _age(time: datetime | None, now: datetime) -> str:
    return f"{(now - time).days}" if time else "never"


def _hours(time: datetime | None, now: datetime) -> str:
    return f"{(now - time).total_seconds() / 3600:.1f}" if time else "never"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _word(is_so: bool) -> str:
    return "yes" if is_so else "no"
