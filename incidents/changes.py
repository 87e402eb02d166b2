"""A change of configuration: entries replaced by id, others whole, some taken away. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigError
from incidents.config import BY_ID, WHOLE, Configuration


def changed(old: Configuration, change: Mapping[str, Any]) -> Configuration:
    """The configuration after a change. Raises ConfigError."""
    fields: dict[str, Any] = {}
    removed = change.get("remove") or {}
    if unknown := (set(change) - set(BY_ID) - set(WHOLE) - {"settings", "remove"}) | (set(removed) - set(BY_ID)):
        raise ConfigError(f"unknown key {min(unknown)!r} in a change of configuration")
    try:
        for key in WHOLE:
            if key in change:
                fields[key] = _typed(key, change[key])
        for key in BY_ID:
            if key in change or key in removed:
                fields[key] = _by_id(getattr(old, key), _typed(key, change.get(key) or []), removed.get(key))
        if "settings" in change:
            fields["settings"] = type(old.settings).model_validate({**old.settings.model_dump(by_alias=True, exclude_unset=True), **change["settings"]})
    except ValidationError as err:
        first = err.errors(include_input=False, include_url=False)[0]
        raise ConfigError(first["msg"], key=".".join(map(str, first["loc"]))) from None
    return old.model_copy(update=fields)


def _typed(key: str, value: Any) -> Any:
    annotation: Any = Configuration.model_fields[key].annotation
    return TypeAdapter(annotation).validate_python(value)


def _by_id(old: tuple[Any, ...], new: tuple[Any, ...], removed: Any) -> tuple[Any, ...]:
    gone = {removed} if isinstance(removed, str) else set(removed or ())
    fresh = {entry.id: entry for entry in new}
    kept = tuple(fresh.pop(entry.id, entry) for entry in old if entry.id not in gone)
    return (*kept, *(entry for name, entry in fresh.items() if name not in gone))
