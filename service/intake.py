"""Alerts of other monitoring systems, from the documents that the API wrote into alerting.

The API answers only when the document is written; here it is taken in and then deleted. A kill in between takes it in twice, which changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import structlog

from core.errors import NotFound
from core.names import INTAKE
from inventory.asset import Asset
from service.alerting.live import LiveAlerting
from store.base import Store

log = structlog.get_logger("intake")
AT_ONCE: Final = 50


class Intake:
    """``assets`` gives those in force."""

    def __init__(self, store: Store, alerting: LiveAlerting, assets: Callable[[], Iterable[Asset]]) -> None:
        self._store, self._alerting, self._assets = store, alerting, assets

    def round(self) -> None:
        """Take in what waits, the oldest first. Raises StoreError."""
        waiting = self._store.documents.find(INTAKE, sort="time", limit=AT_ONCE).items
        if not waiting:
            return
        known = names_of(self._assets())
        for document in waiting:
            try:
                pushes = [push_of(document.body, alert, known) for alert in document.body["alerts"]]
            except (KeyError, TypeError, ValueError):
                log.exception("an alert from outside cannot be read and is dropped", document=document.id)
            else:
                self._alerting.push(pushes)
            try:
                self._store.documents.delete(INTAKE, document.id)
            except NotFound:
                continue


def names_of(assets: Iterable[Asset]) -> dict[str, str]:
    """What another system may call an asset (id, address, name, host part of the name; lower case) -> its id. What two share is nobody's."""
    found: dict[str, str] = {}
    for asset in assets:
        short = asset.name if _is_address(asset.name) else asset.name.partition(".")[0]
        for name in dict.fromkeys((asset.address, asset.name, short)):
            if name:
                key = name.casefold()
                found[key] = asset.id if found.get(key, asset.id) == asset.id else ""
    return {**{name: id_ for name, id_ in found.items() if id_}, **{asset.id.casefold(): asset.id for asset in assets}}


def asset_of(text: str, known: Mapping[str, str]) -> str:
    """The id of the asset that a text such as ``10.1.1.1:9100`` or ``https://oa.example/login`` names; the text itself when none is known."""
    bare = text.partition("://")[2].partition("/")[0] or text
    host = bare if bare.count(":") > 1 and not bare.startswith("[") else bare.rpartition(":")[0] or bare
    for candidate in (text, bare, host.strip("[]"), "" if _is_address(host) else host.partition(".")[0]):
        if found := known.get(candidate.casefold()):
            return found
    return text


def push_of(body: Mapping[str, Any], alert: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """A push as alerting takes it, with aware times."""
    return {
        "rule": alert["rule"],
        "asset": asset_of(str(alert["asset"]), known),
        "source": str(body["source"]),
        "severity": alert["severity"],
        "firing": bool(alert["firing"]),
        "labels": dict(alert["labels"]),
        "text": alert["text"],
        "title": alert["title"],
        "value": alert["value"],
        "starts": _time(alert["starts"]),
        "ends": _time(alert["ends"]),
    }


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
