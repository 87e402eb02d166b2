"""Where protection objects are kept: the site's ``objects.yaml`` and what security officers recorded in the console (which counts)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from compliance import evidence
from compliance.answers import OFFICERS
from compliance.entries import read_entries
from compliance.objects import ProtectionObject, Scope
from compliance.run import every
from core.errors import ConfigError, Refused
from inventory.asset import Asset
from store.base import Store

OBJECT: Final = "protection-object"
RESTRICTED: Final = "restricted"
"""The tag of assets of objects that bear a marking: nothing about them is sent by chat."""
FILE: Final = "objects.yaml"
WHOLE: Final = "whole-estate"


@dataclass(frozen=True, slots=True)
class Register:
    """Objects by id and what is wrong in the site's file."""

    objects: dict[str, ProtectionObject]
    problems: tuple[ConfigError, ...] = ()


def read_register(store: Store, site_folder: Path) -> Register:
    """All objects in the order of the file; one recorded by a person replaces the one of the file, a removed one stays away."""
    found, problems = read_file(site_folder)
    for document in every(store, OBJECT):
        if document.body.get("removed"):
            found.pop(document.id, None)
        else:
            found[document.id] = ProtectionObject.model_validate(document.body["object"])
    return Register(found, problems)


def marked(objects: Iterable[ProtectionObject], assets: Iterable[Asset]) -> list[Asset]:
    """The assets, those of objects with a marking with the tag of restricted ones."""
    labelled = [one for one in objects if one.label]
    return [_marked(asset) if any(one.has(asset) for one in labelled) else asset for asset in assets]


def _marked(asset: Asset) -> Asset:
    return asset if RESTRICTED in asset.tags else asset.model_copy(update={"tags": (*asset.tags, RESTRICTED)})


def whole_estate(level: int) -> ProtectionObject:
    """Every asset at one level, for a site that has recorded no object yet."""
    return ProtectionObject(id=WHOLE, name="全部资产 / Whole estate", s=level, a=level, scope=Scope())


def read_file(folder: Path) -> tuple[dict[str, ProtectionObject], tuple[ConfigError, ...]]:
    """The objects of a site's file by id, in its order, and what is wrong with others; no file is no object."""
    return read_entries(folder / FILE, "objects", ProtectionObject)


def read_object(values: dict[str, Any]) -> ProtectionObject:
    """An object from a form; raises ConfigError that names the field."""
    try:
        return ProtectionObject.model_validate(values)
    except ValidationError as err:
        problem = err.errors(include_input=False, include_url=False)[0]
        raise ConfigError(problem["msg"], key=".".join(map(str, problem["loc"]))) from None


def save_object(store: Store, subject: ProtectionObject, who: str, roles: Collection[str], now: datetime) -> None:
    """Record an object: audited, in the chain, then kept. Raises Refused when the person is no security officer."""
    _officer(roles)
    _keep(store, subject.id, {"object": subject.model_dump(mode="json"), "who": who, "time": now.isoformat()}, who, now)


def remove_object(store: Store, id: str, who: str, roles: Collection[str], now: datetime) -> None:
    """Take an object out of the register; its history stays in the chain."""
    _officer(roles)
    _keep(store, id, {"removed": True, "who": who, "time": now.isoformat()}, who, now)


def _officer(roles: Collection[str]) -> None:
    if not OFFICERS & set(roles):
        raise Refused("a security officer keeps the register of protection objects")


def _keep(store: Store, id: str, body: dict[str, Any], who: str, now: datetime) -> None:
    store.audit.append(time=now, actor=who, action="compliance.object", object=id, body=body)
    link = evidence.note(store.documents, evidence.OBJECTS, id, body, now)
    evidence.stand(store.documents, OBJECT, id, body, link)
