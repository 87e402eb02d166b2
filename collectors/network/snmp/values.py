"""Values as SNMP agents give them, made into text, numbers and addresses that can be trusted to be such."""

from __future__ import annotations

import math
import re
import struct

Value = int | float | str | bytes | None

_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
MAX_TEXT = 4096


def text(value: Value) -> str:
    """Readable text of a value: UTF-8, else GB 2312/GBK, else Latin-1; control characters gone, at most 4,096 long."""
    if value is None:
        return ""
    plain = _decode(value) if isinstance(value, bytes) else str(value)
    plain = _CONTROL.sub(" ", plain[: MAX_TEXT * 2].replace("\r\n", "\n").replace("\r", "\n").rstrip("\x00"))
    return plain.strip()[:MAX_TEXT]


def _decode(raw: bytes) -> str:
    raw = raw[: MAX_TEXT * 4].split(b"\x00\x00")[0] if raw[:1] != b"\x00" else raw[: MAX_TEXT * 4]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as err:
        if err.end >= len(raw) and err.start > len(raw) - 4 and err.start > 0:
            # a character cut in two at the end of a field of fixed length
            return raw[: err.start].decode("utf-8")
    try:
        return raw.decode("gb2312")
    except UnicodeDecodeError:
        return _gbk(raw) or raw.decode("latin-1")


def _gbk(raw: bytes) -> str:
    """GBK only when at least two characters are Chinese, since a lone degree sign before a letter looks like GBK as well."""
    try:
        plain = raw.decode("gbk")
    except UnicodeDecodeError:
        return ""
    foreign = [char for char in plain if char > "\x7f"]
    chinese = [char for char in foreign if "\u4e00" <= char <= "\u9fff" or "\u3000" <= char <= "\u303f" or "\uff00" <= char <= "\uffef"]
    return plain if len(chinese) >= 2 and len(chinese) == len(foreign) else ""


def number(value: Value) -> float | None:
    """The number in a value, also the first one inside a text such as ``"23.5 C"``; None when there is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    found = _NUMBER.search(text(value).replace(",", ".", 1))
    result = float(found[0]) if found else math.nan
    return result if math.isfinite(result) else None


def opaque(raw: bytes) -> Value:
    """What an Opaque holds: a float or double as net-snmp packs them (9f 78 04, 9f 79 08), else its octets."""
    for head, form in ((b"\x9f\x78\x04", ">f"), (b"\x9f\x79\x08", ">d")):
        if raw.startswith(head) and len(raw) == 3 + struct.calcsize(form):
            return float(struct.unpack(form, raw[3:])[0])
    return raw


def integer(value: Value) -> int | None:
    """A whole number, or None; a text must be a whole number from end to end."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    plain = text(value)
    return int(plain) if re.fullmatch(r"[-+]?\d{1,30}", plain) else None


def counter(value: Value) -> int | None:
    """A counter that is not negative."""
    number_ = integer(value)
    return number_ if number_ is not None and number_ >= 0 else None


def mac(value: Value) -> str | None:
    """A MAC address as ``aa:bb:cc:dd:ee:ff``; from six octets or from text; None for anything else and for zeros."""
    if isinstance(value, bytes) and len(value) == 6:
        octets = value
    else:
        plain = text(value)
        parts = re.split(r"[:\-\s.]", plain)
        if len(parts) == 6 and all(re.fullmatch(r"[0-9A-Fa-f]{1,2}", part) for part in parts):
            octets = bytes(int(part, 16) for part in parts)
        elif re.fullmatch(r"(?:0x)?[0-9A-Fa-f]{12}", plain):
            octets = bytes.fromhex(plain[-12:])
        else:
            return None
    return octets.hex(":") if any(octets) else None
