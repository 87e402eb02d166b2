"""Kinds of inputs and answers: what a person types, checked whole, as a plain value. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from core.clock import seconds
from core.errors import ConfigError
from playbooks import words
from playbooks.form import Input


def _typed(kind: Any) -> Callable[[Any], Any]:
    adapter = TypeAdapter(kind)

    def read(value: Any) -> Any:
        try:
            return adapter.validate_python(str(value))
        except ValidationError as err:
            raise ValueError(err.errors(include_input=False, include_url=False)[0]["msg"].removeprefix("Value error, ")) from None

    return read


def _integer(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError("is no whole number")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError("is no whole number") from None


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("is no number")
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError("is no number") from None
    if found - found != 0:
        raise ValueError("is no finite number")
    return found


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError("is neither true nor false")


def _text(value: Any) -> str:
    text = str(value)
    if len(text) > 4000 or any(ord(letter) < 32 and letter not in "\n\t" for letter in text):
        raise ValueError("is no text of at most 4000 characters")
    return text


def _day(value: Any) -> str:
    try:
        return date.fromisoformat(str(value)).isoformat()
    except ValueError:
        raise ValueError("is no day; write 2026-04-06") from None


def _duration(value: Any) -> str:
    seconds(str(value))
    return str(value)


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "text": _text,
    "line": _typed(words.Line),
    "word": _typed(words.Word),
    "path": _typed(words.Path),
    "host": _typed(words.Host),
    "ip": _typed(words.Address),
    "network": _typed(words.Network),
    "mac": _typed(words.Mac),
    "interface": _typed(words.Interface),
    "int": _integer,
    "port": _integer,
    "number": _number,
    "bool": _flag,
    "choice": str,
    "date": _day,
    "duration": _duration,
    "asset": str,
    "person": str,
}
LIMITS: Final[Mapping[str, tuple[float, float]]] = {"port": (1, 65535)}


def read_value(name: str, form: Input, value: Any) -> Any:
    """One value of an input, checked; a list where the form says ``many``. Raises ConfigError that names the input."""
    try:
        if not form.many:
            return _one(form, value)
        given = list(value) if isinstance(value, list | tuple) else [part.strip() for part in str(value).split(",") if part.strip()]
        if len(given) > form.most:
            raise ValueError(f"takes at most {form.most} values")
        return list(dict.fromkeys(_one(form, one) for one in given))
    except ValueError as err:
        raise ConfigError(str(err), key=name) from None


def _one(form: Input, value: Any) -> Any:
    found = READERS[form.type](value)
    low, high = LIMITS.get(form.type, (form.min, form.max))
    size = seconds(found) if form.type == "duration" else found
    if isinstance(size, int | float) and not isinstance(size, bool):
        if low is not None and size < low:
            raise ValueError(f"is below {low:g}")
        if high is not None and size > high:
            raise ValueError(f"is above {high:g}")
    if form.type == "choice" and found not in form.choices:
        raise ValueError(f"is none of {', '.join(form.choices)}")
    return found


def read_values(forms: Mapping[str, Input], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every input with its value or default; raises ConfigError for a missing, unknown or wrong one."""
    if unknown := sorted(set(given) - set(forms)):
        raise ConfigError("there is no such input", key=unknown[0])
    values: dict[str, Any] = {}
    for name, form in forms.items():
        value = given.get(name, form.default)
        if value in (None, "", [], ()):
            if form.required:
                raise ConfigError("is needed", key=name)
            values[name] = [] if form.many else None
            continue
        values[name] = read_value(name, form, value)
    return values
