"""A mapping says where in a foreign body rule, asset, state, severity and the rest stand. Paths are keys parted by dots."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import ConfigError, Refused
from core.files import build, read_yaml

SHIPPED: Final = Path(__file__).parent
MOST_ALERTS: Final = 1000
MOST_LABELS: Final = 200  # beyond this alerting cuts the set itself and marks the alert
LONGEST: Final = 4096
Severity = Literal["critical", "high", "warning", "info"]
Paths = tuple[str, ...]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class State(_Model):
    """Whether it fires: the values that say so; everything else means that it has ended, unless ``resolved`` names those."""

    at: Paths
    firing: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()


class Degree(_Model):
    """The severity: foreign words to ours."""

    at: Paths = ()
    map: Mapping[str, Severity] = Field(default_factory=dict)
    otherwise: Severity = "warning"


class MappingForm(_Model):
    """One file. ``each``: where the list of alerts stands, empty for a body that is one alert or a list of them."""

    id: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    zh: str
    en: str
    each: str = ""
    rule: Paths
    asset: Paths
    state: State
    severity: Degree = Degree()
    title: Paths = ()
    text: Paths = ()
    value: Paths = ()
    starts: Paths = ()
    ends: Paths = ()
    labels: Paths = ()
    drop_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """One alert as the other system tells it; ``starts`` and ``ends`` are None when it does not say."""

    rule: str
    asset: str
    firing: bool
    severity: Severity
    title: str
    text: str
    value: float | None
    starts: datetime | None
    ends: datetime | None
    labels: Mapping[str, str]


def load_mappings(folders: Iterable[Path]) -> tuple[dict[str, MappingForm], list[ConfigError]]:
    """Mappings by id, a later folder's replacing an earlier one's; a broken file is reported and left out."""
    found: dict[str, MappingForm] = {}
    wrong: list[ConfigError] = []
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            try:
                form = build(read_yaml(path), MappingForm)
            except ConfigError as err:
                wrong.append(err)
            else:
                found[form.id] = form
    return found, wrong


def read_body(form: MappingForm, body: Any) -> list[Foreign]:
    """The alerts of a body. Raises Refused when it has none where they should be, or too many."""
    entries = _at(body, form.each) if form.each else body
    listed = entries if isinstance(entries, list) else [entries]
    if not listed or not all(isinstance(entry, Mapping) for entry in listed):
        raise Refused(f"{form.id}: {form.each or 'the body'} must be an alert or a list of alerts")
    if len(listed) > MOST_ALERTS:
        raise Refused(f"{form.id}: {len(listed)} alerts in one call; send {MOST_ALERTS} at most")
    return [_alert(form, entry) for entry in listed]


def _alert(form: MappingForm, entry: Mapping[str, Any]) -> Foreign:
    degree = _text(entry, form.severity.at).lower()
    known = {word.lower(): severity for word, severity in form.severity.map.items()}
    return Foreign(
        rule=_text(entry, form.rule),
        asset=_text(entry, form.asset),
        firing=_fires(form.state, _text(entry, form.state.at).lower()),
        severity=known.get(degree, form.severity.otherwise),
        title=_text(entry, form.title),
        text=_text(entry, form.text),
        value=_number(_text(entry, form.value)),
        starts=_time(_text(entry, form.starts)),
        ends=_time(_text(entry, form.ends)),
        labels=dict(_labels(entry, form.labels, form.drop_labels)),
    )


def _fires(state: State, said: str) -> bool:
    if said in map(str.lower, state.firing):
        return True
    if state.firing and not state.resolved:
        return False
    return bool(said) and said not in map(str.lower, state.resolved)


def _at(body: Any, path: str) -> Any:
    for key in path.split("."):
        if not isinstance(body, Mapping):
            return None
        body = body.get(key)
    return body


def _text(entry: Mapping[str, Any], paths: Sequence[str]) -> str:
    for path in paths:
        value = _at(entry, path)
        if isinstance(value, str | int | float) and str(value).strip():
            return str(value).strip()[:LONGEST]
    return ""


def _labels(entry: Mapping[str, Any], paths: Sequence[str], dropped: Sequence[str]) -> Iterator[tuple[str, str]]:
    for path in paths:
        found = _at(entry, path)
        for key, value in found.items() if isinstance(found, Mapping) else ():
            if isinstance(value, str | int | float) and key not in dropped:
                yield str(key)[:LONGEST], str(value)[:LONGEST]


def _number(text: str) -> float | None:
    """The number that a text begins with, such as ``93.5 %``."""
    found = re.match(r"-?\d{1,18}(?:\.\d{1,18})?", text)
    return float(found[0]) if found else None


def _time(text: str) -> datetime | None:
    """ISO 8601; without a zone it is UTC, and years before 2000 (Go's zero time) mean none."""
    try:
        time = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return None if time.year < 2000 else time if time.tzinfo else time.replace(tzinfo=UTC)
