"""Links in notices: to the incident, and for who is called one that acknowledges it without a login, once.

The link holds a random token; the store keeps its digest, the incident, who was called and the end, so that a copy of the store lets nobody in.
One notice that calls several people carries one link, whose page asks which of them it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from core.errors import StoreError
from core.names import ACK_LINK
from core.secrets import token_id
from inventory.people import Person
from store.base import ABSENT, Store
from store.filter import EVERYTHING

log: Final = structlog.get_logger("alerting")
LASTS: Final = timedelta(hours=24)
ASKS: Final = frozenset({"first", "worse", "repeat", "reopened", "escalation", "ack_expired", "sla_warning", "sla_breach", "unmuted"})


def links(store: Store, address: str, content: Mapping[str, Any], incident: str, people: Sequence[Person], now: datetime) -> dict[str, str]:
    """What a notice about an incident links to; without a public address nothing, and without people or a question no acknowledgement."""
    if not address or not incident:
        return {}
    base = address.rstrip("/")
    found = {"link": f"{base}/incident?id={incident}"}
    if not people or content.get("state") != "open" or content.get("reason") not in ASKS:
        return found
    token = secrets.token_urlsafe(32)
    called = [{"name": person.id, "roles": list(person.roles), "unit": person.unit} for person in people]
    body = {"incident": incident, "people": called, "expires": (now + LASTS).isoformat(), "used": ""}
    try:
        store.documents.put(ACK_LINK, token_id(token), body, ABSENT)
    except StoreError as err:
        log.warning("a notice goes without a link to acknowledge", reason=str(err))
        return found
    return {**found, "ack_link": f"{base}/ack?t={token}"}


def clear(store: Store, now: datetime) -> None:
    """Take away what has run out."""
    for document in store.documents.find(ACK_LINK, EVERYTHING, sort="expires", limit=500).items:
        if datetime.fromisoformat(document.body["expires"]) > now:
            return
        store.documents.delete(ACK_LINK, document.id)
