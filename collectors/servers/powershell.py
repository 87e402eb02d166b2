"""Fixed PowerShell scripts over SSH, and what they print, whatever the language and the code page of the Windows at the other end.

The command line holds nothing but a short script that reads the long one from standard input: cmd.exe, the usual shell of OpenSSH for Windows,
takes 8,191 characters at most. Texts come back in base64 with their length.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

_TAKE: Final = "$text = @($input) -join [char]10; & ([ScriptBlock]::Create($text))"
COMMAND: Final = (
    "powershell.exe -NoLogo -NoProfile -NonInteractive -InputFormat Text -OutputFormat Text -EncodedCommand "
    + b64encode(_TAKE.encode("utf-16-le")).decode()  # the form that -EncodedCommand asks for
)
_PART: Final = re.compile(rb"^wanglou:part ([a-z.]{1,40}) (ok|failed) (\d{1,9}) ([A-Za-z0-9+/=]*)\r?$", re.MULTILINE)
_NAME: Final = re.compile(r"[a-z.]{1,40}")
_END: Final = re.compile(rb"^wanglou:end\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Answer:
    """The texts that came whole by name, why others could not be read, and whether the script came to its end."""

    texts: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    is_whole: bool = False


def script(parts: Iterable[str]) -> str:
    """The script that reads these parts; the names are ours, and nothing else is put into it."""
    names = sorted(parts)
    if bad := [name for name in names if not _NAME.fullmatch(name)]:
        raise ValueError(f"{bad[0]!r} names no part")
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"$wanted = @({quoted})\n{_text()}"


def answer(printed: bytes) -> Answer:
    """What was printed: a part that lost a byte, or has one too many, is not there."""
    texts: dict[str, str] = {}
    failures: dict[str, str] = {}
    for name, state, length, encoded in _PART.findall(printed):
        body = _decoded(encoded)
        if body is not None and len(body) == int(length):
            (texts if state == b"ok" else failures)[name.decode()] = body.decode("utf-8", "replace")
    return Answer(texts, failures, _END.search(printed) is not None)


def table(text: str) -> list[list[str]]:
    """The cells of each row, without the line that says that the text is whole."""
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("# ")]


def _decoded(encoded: bytes) -> bytes | None:
    try:
        return b64decode(encoded, validate=True)
    except Error:
        return None


@lru_cache(maxsize=1)
def _text() -> str:
    return Path(__file__).with_name("windows.ps1").read_text(encoding="ascii")
