"""The named transforms of profiles: the few ways in which vendors write a number that a scale cannot undo."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping

from collectors.network.snmp.values import Value, number, text

Transformed = float | None


def _signed(bits: int) -> Callable[[Value], Transformed]:
    def read(value: Value) -> Transformed:
        plain = number(value)
        return None if plain is None else plain - 2**bits if plain >= 2 ** (bits - 1) else plain

    return read


def _dbm(milliwatts: float) -> Callable[[Value], Transformed]:
    """DBm = 10 log10(P / 1 mW); no light has no level."""

    def read(value: Value) -> Transformed:
        plain = number(value)
        return 10 * math.log10(plain * milliwatts) if plain is not None and plain > 0 else None

    return read


def _fahrenheit(scale: float) -> Callable[[Value], Transformed]:
    def read(value: Value) -> Transformed:
        plain = number(value)
        return None if plain is None else (plain * scale - 32) / 1.8

    return read


def _kelvin_tenths(value: Value) -> Transformed:
    plain = number(value)
    return None if plain is None else plain / 10 - 273.15


def _clock(value: Value) -> Transformed:
    """``1:23`` or ``1h 23min`` as minutes, and ``1:02:03`` likewise."""
    parts = [float(part) for part in re.findall(r"\d+", text(value))]
    if not parts or len(parts) > 3:
        return None
    return parts[0] if len(parts) == 1 else parts[0] * 60 + parts[1] + (parts[2] / 60 if len(parts) == 3 else 0)


def _hex(value: Value) -> Transformed:
    if isinstance(value, bytes) and not re.fullmatch(rb"[0-9A-Fa-fx\s]+", value):
        return float(int.from_bytes(value[:8], "big")) if value else None
    plain = re.sub(r"\s", "", text(value)).removeprefix("0x")
    return float(int(plain, 16)) if re.fullmatch(r"[0-9A-Fa-f]{1,16}", plain) else None


def _float32(value: Value) -> Transformed:
    """An IEEE 754 number as four octets, or inside an Opaque (9f 78 04 before it)."""
    if not isinstance(value, bytes) or len(value) < 4:
        return number(value)
    result = float(struct.unpack(">f", value[-4:])[0])
    return result if math.isfinite(result) else None


def _inverse(value: Value) -> Transformed:
    plain = number(value)
    return None if plain is None else 100 - plain


def _last_number(value: Value) -> Transformed:
    found = re.findall(r"[-+]?\d+(?:\.\d+)?", text(value))
    return float(found[-1]) if found else None


TRANSFORMS: Mapping[str, Callable[[Value], Transformed]] = {
    "": number,
    "first_number": number,
    "last_number": _last_number,
    "signed16": _signed(16),
    "signed32": _signed(32),
    "dbm_of_mw": _dbm(1.0),
    "dbm_of_uw": _dbm(0.001),
    "dbm_of_tenth_uw": _dbm(0.0001),
    "fahrenheit": _fahrenheit(1.0),
    "fahrenheit_tenths": _fahrenheit(0.1),
    "kelvin_tenths": _kelvin_tenths,
    "clock": _clock,
    "hex": _hex,
    "float32": _float32,
    "inverse": _inverse,
}
