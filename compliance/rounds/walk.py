"""One round as a body: begun from a template, answered item by item, signed, compared with the one before. Pure functions.

A round carries a copy of its items, so a template that changes later changes no round. Every function returns a new body.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from compliance.attachments import PHOTOS, attachments_of
from compliance.rounds.fill import Facts, fill
from compliance.rounds.template import Item, Template
from core.errors import Refused

LONGEST: Final = 2000
MOST_PHOTOS: Final = 5
SAYINGS: Final = ("ok", "deviates", "na")
Body = dict[str, Any]


def begin(template: Template, facts: Facts, who: str, now: datetime) -> Body:
    """A new round, filled with what telemetry knows now."""
    items = [{**item.model_dump(mode="json"), "reading": fill(item, facts, now), "answer": None} for item in template.items]
    return {
        "template": template.id,
        "title": template.title.model_dump(),
        "every": template.every.value,
        "state": "open",
        "begun": now.isoformat(),
        "by": who,
        "items": items,
    }


def state_of(item: Mapping[str, Any]) -> str:
    """How an item stands: ok, deviates, na, or open while a person has to look. A person's word stands above the reading, which stays beside it."""
    if item["answer"]:
        return str(item["answer"]["state"])
    known = str((item["reading"] or {}).get("state", "missing"))
    return known if known in ("ok", "deviates") else "open"


def counts(body: Mapping[str, Any]) -> Counter[str]:
    """How many items stand how."""
    return Counter(state_of(item) for item in body["items"])


def answer(body: Mapping[str, Any], given: Mapping[str, Any], who: str, now: datetime) -> Body:
    """The round with one item answered (``item``, ``state``, ``value``, ``text``). Raises Refused that says what is missing."""
    if body["state"] != "open":
        raise Refused("this round is signed; what was found later belongs to the next one")
    name = str(given.get("item", ""))
    if name not in {item["id"] for item in body["items"]}:
        raise Refused(f"the round has no item {name!r}")
    items = [{**item, "answer": _said(item, given, who, now)} if item["id"] == name else item for item in body["items"]]
    return {**body, "items": items}


def _said(item: Mapping[str, Any], given: Mapping[str, Any], who: str, now: datetime) -> Body:
    state, text, value = str(given.get("state", "")), str(given.get("text") or "").strip(), None
    if state not in SAYINGS:
        raise Refused("an item is in order, not in order, or does not apply")
    if len(text) > LONGEST:
        raise Refused(f"a remark has at most {LONGEST} characters")
    if item["form"] == "number" and state != "na":
        value = _number(given.get("value"))
        state = "ok" if Item.model_validate(_as_item(item)).range.holds(value) else "deviates"
    read = (item["reading"] or {}).get("state")
    if not text and (state != "ok" or item["form"] == "text" or read == "deviates"):
        raise Refused("write what you saw: a deviation, an item that does not apply, and a word against the reading need a remark")
    photos = _photos(given.get("photos"))
    if item.get("photo") and not photos and state != "na":
        raise Refused("this item asks for a photo")
    said = {"state": state, "value": value, "text": text, "by": who, "time": now.isoformat()}
    return {**said, "photos": photos} if photos else said


def _photos(given: Any) -> list[Body]:
    """The photos of an answer as they are kept: name, kind, size and digest."""
    try:
        found = attachments_of(given)
    except ValidationError:
        raise Refused("a photo names its file, kind, size and digest") from None
    if len(found) > MOST_PHOTOS:
        raise Refused(f"at most {MOST_PHOTOS} photos belong to one item")
    if any(one.kind not in PHOTOS for one in found):
        raise Refused("a photo is a JPEG or a PNG")
    return [one.model_dump() for one in found]


def _as_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key in Item.model_fields}


def _number(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise Refused("this item asks for a number") from None
    if not math.isfinite(found):
        raise Refused("this item asks for a number")
    return found


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over what a signature covers: the template, the begin, and every item with its reading and answer."""
    covered = {key: body[key] for key in ("template", "title", "begun", "by", "items")}
    return hashlib.sha256(json.dumps(covered, ensure_ascii=True, sort_keys=True, separators=(",", ":")).encode("ascii")).hexdigest()


def sign(body: Mapping[str, Any], seen: str, remark: str, who: str, now: datetime) -> Body:
    """The signed round; ``seen`` is the digest of what the signer had before their eyes. Raises Refused."""
    if body["state"] != "open":
        raise Refused("this round is signed already")
    if left := counts(body)["open"]:
        raise Refused(f"{left} items are not answered yet")
    if seen != digest(body):
        raise Refused("the round changed since you looked at it; look again, then sign")
    if len(remark) > LONGEST:
        raise Refused(f"a remark has at most {LONGEST} characters")
    return {**body, "state": "signed", "signed": now.isoformat(), "signer": who, "remark": remark.strip(), "digest": seen}


def countersign(body: Mapping[str, Any], seen: str, who: str, now: datetime) -> Body:
    """The round with the signature of a second person, who walked no part of it. Raises Refused."""
    if body["state"] != "signed":
        raise Refused("the round is not signed yet: who walked it signs first")
    if body.get("second"):
        raise Refused("this round has its second signature already")
    if who in {body["signer"], body["by"], *(item["answer"]["by"] for item in body["items"] if item["answer"])}:
        raise Refused("the second signature is of somebody who did not walk the round")
    if seen != body["digest"] or not is_whole(body):
        raise Refused("the round is not as it was signed")
    return {**body, "second": {"who": who, "time": now.isoformat(), "digest": seen}}


def is_whole(body: Mapping[str, Any]) -> bool:
    """Whether a signed round still says what was signed."""
    return body.get("digest") == digest(body)


def change(item: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """What became of an item since the last signed round: first, new (a deviation), still, mended, same, or open."""
    old = next((state_of(one) for one in before["items"] if one["id"] == item["id"]), "") if before else ""
    now = state_of(item)
    if now == "open":
        return "open"
    if not old:
        return "first"
    if now == "deviates":
        return "still" if old == "deviates" else "new"
    return "mended" if old == "deviates" else "same"
