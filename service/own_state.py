"""What the product is asked about itself: its settings and its state as a text that checks judge like that of any other asset (kind ``self.state``)."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from compliance import evidence
from compliance.kinds import OWN_STATE
from compliance.run import SELF, every
from core.names import ACCOUNT
from core.records import Snapshot
from core.settings import PASSWORD_CLASSES, PASSWORD_HISTORY, Settings
from service.backup import last_backup
from store.base import Body, Selector, Store

ADMINISTRATORS: Final = ("system_admin", "security_admin", "audit_admin")
FIRST_DAYS: Final = timedelta(days=7)
STALE: Final = timedelta(days=90)
OFFSET_AGE: Final = timedelta(hours=2)


def own_state(store: Store, settings: Settings, machine: str, whole: Mapping[str, Any], now: datetime) -> Snapshot:
    """Everything at ``now``; ``machine`` is the asset on which the product runs, ``whole`` what ``chains`` said last."""
    facts = {
        "version": version("wanglou"),
        "python": ".".join(map(str, sys.version_info[:3])),
        "tls_library": ssl.OPENSSL_VERSION.split(" ")[1],
        **policy(settings),
        **access(settings),
        **accounts((document.body for document in every(store, ACCOUNT)), now),
        **files(settings.data),
        **whole,
        "backup_age_days": _age(last_backup(settings.data), now),
        "time_offset_s": _offset(store, machine, now),
        "checked": "yes",
    }
    return Snapshot(time=now, asset=SELF, kind=OWN_STATE, body="".join(f"{name}={value}\n" for name, value in facts.items()))


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
        "events_days": settings.retention.events_days,
        "store": settings.store.backend,
    }


def access(settings: Settings) -> dict[str, Any]:
    """From where and how the console is reached: ``tls`` is yes, proxy (only this machine reaches it, its address is https) or no."""
    console, is_local = settings.console, _is_loopback(settings.host)
    tls = "yes" if console.cert_file and console.key_file else "proxy" if is_local and console.address.startswith("https://") else "no"
    return {"host": settings.host, "local_only": _word(is_local), "tls": tls, "allowed_hosts": _word(bool(console.allowed_hosts))}


def accounts(bodies: Iterable[Body], now: datetime) -> dict[str, Any]:
    """Counts and names of accounts of the console; never anything of a password but when it was set."""
    alive = [body for body in bodies if not body.get("disabled")]
    told: dict[str, Any] = {"accounts": len(alive)}
    for role in ADMINISTRATORS:
        told[role] = sum(role in body["roles"] for body in alive)
    told["two_administrators"] = _names(body for body in alive if sum(role in body["roles"] for role in ADMINISTRATORS) > 1)
    told["founder"] = _names(body for body in alive if body.get("is_founder"))
    told["first_password"] = _names(body for body in alive if body.get("must_change") and now - _set(body) > FIRST_DAYS)
    told["no_role"] = _names(body for body in alive if not body["roles"] and not body.get("is_founder"))
    told["stale"] = _names(body for body in alive if now - _seen(body) > STALE)
    return told


def _seen(body: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(body.get("last_login") or body["created"])


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


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _word(is_so: bool) -> str:
    return "yes" if is_so else "no"
