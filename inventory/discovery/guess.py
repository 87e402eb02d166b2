"""What a sighted device probably is: vendor, model, serial number and kind, each with a confidence. Pure; the signs are data.

What a device says about itself over SNMP is near certain, a banner or a page's title is a hint. Hints that agree strengthen each
other: each leaves a part open, and what all leave open is their product (certainty factors, Shortliffe and Buchanan 1975).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from core.errors import ConfigError
from core.files import build, read_yaml
from inventory.discovery.sighting import Sighting

Place = Literal["os", "model", "descr", "object_id", "name", "banner", "title", "server", "services", "way"]
TOLD: Final = 0.95
"""How far a device is believed about itself."""
UNKNOWN_KIND: Final = "other"


class Sign(BaseModel):
    """One hint: when ``match`` is found in the text of ``place`` it speaks for ``kind`` and ``vendor`` with ``weight``."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    place: Place = Field(alias="in")
    match: re.Pattern[str]
    kind: str = ""
    vendor: str = ""
    weight: float = Field(gt=0, lt=1)

    @field_validator("match", mode="before")
    @classmethod
    def _pattern(cls, text: object) -> object:
        try:
            return re.compile(str(text))
        except re.error as err:
            raise ValueError(f"is no regular expression: {err}") from None


class Guess(BaseModel):
    """The likeliest answers; ``confidence`` is that of the kind, ``of`` has the others by name."""

    model_config = ConfigDict(frozen=True)

    kind: str = UNKNOWN_KIND
    name: str = ""
    vendor: str = ""
    model: str = ""
    version: str = ""
    serial: str = ""
    confidence: float = 0.0
    of: Mapping[str, float] = Field(default_factory=dict)


class _Signs(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    signs: tuple[Sign, ...]


def read_signs(path: Path) -> tuple[Sign, ...]:
    """The signs of one file; raises ConfigError with file, line and key."""
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise ConfigError("holds no list called signs", path=path)
    return build(document, _Signs).signs


@cache
def shipped_signs() -> tuple[Sign, ...]:
    """The signs that come with the product."""
    return read_signs(Path(__file__).with_name("signs.yaml"))


def guess(sighting: Sighting, signs: tuple[Sign, ...] | None = None) -> Guess:
    """What was sighted, as far as it can be told."""
    kinds: dict[str, float] = {}
    vendors: dict[str, float] = {}
    models: dict[str, float] = {}
    for sign, hit in _hits(sighting, shipped_signs() if signs is None else signs):
        named = hit.groupdict()
        for table, value in ((kinds, sign.kind), (vendors, named.get("vendor") or sign.vendor), (models, named.get("model") or "")):
            if value:
                table[value] = 1 - (1 - table.get(value, 0.0)) * (1 - sign.weight)
    told = sighting.snmp
    facts = {"vendor": _best(vendors), "model": _best(models)}
    if told:
        own = {"vendor": told.vendor, "model": told.model, "version": told.release, "serial": told.serial, "name": told.sysname}
        facts |= {name: (value, TOLD) for name, value in own.items() if value}
    kind, confidence = _best(kinds)
    return Guess(
        kind=kind or UNKNOWN_KIND,
        confidence=round(confidence, 2),
        of={name: round(sure, 2) for name, (value, sure) in facts.items() if value},
        **{name: value for name, (value, _) in facts.items()},
    )


def _best(table: Mapping[str, float]) -> tuple[str, float]:
    return max(table.items(), key=lambda entry: (entry[1], entry[0]), default=("", 0.0))


def _hits(sighting: Sighting, signs: tuple[Sign, ...]) -> Iterator[tuple[Sign, re.Match[str]]]:
    texts = _texts(sighting)
    for sign in signs:
        hit = next((found for text in texts.get(sign.place, ()) if (found := sign.match.search(text))), None)
        if hit:
            yield sign, hit


def _texts(sighting: Sighting) -> Mapping[str, tuple[str, ...]]:
    """Place -> the texts that stand there."""
    found: dict[str, tuple[str, ...]] = {
        "banner": tuple(port.banner for port in sighting.ports if port.banner),
        "title": tuple(port.title for port in sighting.ports if port.title),
        "server": tuple(port.server for port in sighting.ports if port.server),
        "way": sighting.ways,
    }
    if told := sighting.snmp:
        found |= {"os": (told.os,), "model": (told.model,), "descr": (told.descr,), "object_id": (told.object_id,), "name": (told.sysname,)}
        found["services"] = (_services(told.services),)
    return found


def _services(bits: int | None) -> str:
    """The layers of sysServices (RFC 3418: layer L is bit L-1): switches and routers by their lowest, hosts by their highest."""
    if bits is None:
        return ""
    low = "".join(name for name, bit in (("l2", 2), ("l3", 4)) if bits & bit)
    return "l7" if bits & 64 and "l2" not in low else low
