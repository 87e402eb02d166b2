"""Values to text and back as both databases and people's programs read them."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from core.errors import ConfigError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def millis(time: datetime) -> int:
    """Milliseconds since the epoch, the resolution of samples and events; a naive time raises TypeError."""
    return (time - _EPOCH) // _MS


def time_of(ms: float) -> datetime:
    """The aware UTC time of ``ms``."""
    return _EPOCH + timedelta(milliseconds=ms)


def clean(text: str) -> str:
    """``text`` without lone surrogates, which no database takes; they become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Compact JSON that every reader takes: NaN and infinities become text, other types their text."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str, sort_keys=sort_keys)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), default=str, sort_keys=sort_keys)
    return clean(text)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def write_cursor(*place: Any) -> str:
    """The opaque text of a place in a listing."""
    return base64.urlsafe_b64encode(dumps(place).encode()).decode()


def read_cursor(cursor: str, parts: int) -> list[Any]:
    """The place; raises ConfigError for a text that is none."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        place = None
    if not isinstance(place, list) or len(place) != parts:
        raise ConfigError("this page mark belongs to another listing; start from the first page")
    return place
