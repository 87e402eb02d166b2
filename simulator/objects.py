"""The bureau's protection objects, as a site would register them: one for each system of level 3 or filed, one for the platform that carries them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from core.errors import ConfigError
from simulator.estate import Estate, System

FILE: Final = "objects.yaml"
PEOPLE: Final = {"owner": "郑海", "security": "陈静", "operations": "张伟", "contact": "0571-00000000"}
ASSESSOR: Final = "钱塘测评技术（演示）"
Entry = dict[str, Any]


def write_objects(folder: Path, estate: Estate, today: date) -> Path:
    """Write ``objects.yaml`` below ``folder`` unless it is there: dates once written stay. Raises ConfigError."""
    path = folder / FILE
    text = yaml.safe_dump({"objects": list(objects(estate, today))}, allow_unicode=True, sort_keys=False, width=160)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(text, encoding="utf-8")
    except OSError as err:
        raise ConfigError(f"the site folder cannot be written: {err.strerror}", path=path) from err
    return path


def objects(estate: Estate, today: date) -> Iterator[Entry]:
    """Every object; filed some years ago, the first one late with its assessment, the others at different times."""
    firewalls = [device.id for device in estate.devices if device.kind == "firewall"]
    yield {
        "id": "platform", "name": "信息中心基础平台", "business": "网络、机房和计算平台", "s": 3, "a": 3, "filing_number": "330100-23-00001",
        "scope": {"rules": [{"kind": ["server", "switch", "router", "firewall", "ups", "sensor", "room", "host"]}]},
        "boundary": firewalls, "people": PEOPLE, "assessor": ASSESSOR, "dates": _dates(today, filed=1100, assessed=380, anew=200),
    }  # fmt: skip
    for number, system in enumerate((one for one in estate.systems if one.level >= 3 or one.filed), 2):
        server = estate.by_id[system.server]
        edge = [one.id for one in estate.devices if one.filters and one.room == estate.room_of(server).id]
        yield _system(system, number, edge or firewalls) | {"dates": _dates(today, filed=900, assessed=max(20, 400 - 60 * number), anew=150 + number)}


def _system(system: System, number: int, firewalls: list[str]) -> Entry:
    return {
        "id": system.id,
        "name": system.name,
        "business": system.word,
        "s": system.level,
        "a": system.level,
        "extensions": list(system.extensions),
        "assessor": ASSESSOR,
        "filing_number": f"330100-23-{number:05d}",
        "scope": {"assets": [system.id, system.server, *system.also, *system.depends_on]},
        "boundary": firewalls,
        "people": PEOPLE,
    }


def _dates(today: date, *, filed: int, assessed: int, anew: int) -> Entry:
    """Dates so many days before today."""
    before = {"graded": filed + 60, "reviewed": filed + 40, "approved": filed + 30, "in_use": filed + 20, "filed": filed}
    before |= {"filed_anew": anew, "assessed": assessed, "self_checked": assessed - 30, "drilled": max(30, assessed - 90)}
    return {name: (today - timedelta(days=days)).isoformat() for name, days in before.items()}
