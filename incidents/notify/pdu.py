"""Short messages as a GSM modem takes them: SMS-SUBMIT in UCS-2, in one part or several that the phone joins (3GPP TS 23.040, 9.2.2.2 and 9.2.3.24.1). Pure."""

from __future__ import annotations

import re
from typing import Final

ONE: Final = 70  # UCS-2 characters in one part
EACH: Final = 67  # and in each of several, beside their header
_NUMBER: Final = re.compile(r"\+?\d{3,20}")


def number_of(text: str) -> str:
    """A phone number without blanks and dashes; raises ValueError."""
    found = re.sub(r"[\s()-]", "", text)
    if not _NUMBER.fullmatch(found):
        raise ValueError("a phone number has 3 to 20 digits, with + before a country code")
    return found


def submits(number: str, text: str, reference: int, most: int) -> list[tuple[int, str]]:
    """(length for AT+CMGS, hexadecimal) of each part, at most ``most``; what does not fit ends with an ellipsis."""
    units = _units(text)
    room = ONE if most == 1 else EACH * most
    if len(units) > max(room, ONE):
        units = [*units[: room - 1], "…"]
    if len(units) <= ONE:
        return [_submit(number, "".join(units), b"")]
    parts = [units[start : start + EACH] for start in range(0, len(units), EACH)]
    return [_submit(number, "".join(part), bytes((5, 0, 3, reference % 256, len(parts), place))) for place, part in enumerate(parts, start=1)]


def _units(text: str) -> list[str]:
    """Characters of the basic plane; others (which need two units) become a mark, so that no part ends in the middle of one."""
    return [character if ord(character) < 0x10000 and not 0xD800 <= ord(character) < 0xE000 else "□" for character in text]


def _submit(number: str, text: str, header: bytes) -> tuple[int, str]:
    data = header + text.encode("utf-16-be")
    first = 0x41 if header else 0x01  # SMS-SUBMIT, with a header or without
    body = bytes((first, 0)) + _address(number) + bytes((0, 0x08, len(data))) + data
    return len(body), "00" + body.hex().upper()  # 00: the service centre that the card knows


def _address(number: str) -> bytes:
    digits = number.lstrip("+")
    padded = digits + "F" * (len(digits) % 2)
    swapped = bytes(int(padded[place + 1] + padded[place], 16) for place in range(0, len(padded), 2))
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + swapped
