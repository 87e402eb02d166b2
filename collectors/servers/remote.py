"""A Linux machine at the other end of an SSH connection.

What a poll will ask for is found out by dry runs and fetched in two or three scripts, not by a command for each file. The
scripts are made here of quoted words; only patterns of harmless characters are left to the remote shell.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable, Iterable
from typing import Final

from collectors.servers.machine import CUT, ENVIRONMENT, MAX_FILE, Status

Shell = Callable[[str], bytes]
Request = tuple[str, ...]
ROUNDS: Final = 4
HARMLESS: Final = re.compile(r"/[A-Za-z0-9_./*?\[\]@:+-]*")


class RemoteMachine:
    """``shell`` runs a script and returns what it prints; it raises DeviceError."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._known: dict[Request, str | None] = {}
        self._missing: dict[Request, None] | None = None  # while a dry run gathers what to fetch

    def prepare(self, touch: Callable[[], None]) -> None:
        """Forget everything, then fetch what ``touch`` reads; it is called a few times, at first with nothing to be found."""
        self._known = {}
        for _ in range(ROUNDS):
            self._missing = {}
            try:
                touch()
                wanted = list(self._missing)
            finally:
                self._missing = None
            if not wanted:
                return
            self._known |= self._fetch(wanted)

    def read(self, path: str) -> str | None:
        """The text of a file of at most 4 MiB; of a longer one that much and ``CUT``."""
        return self._answer(("read", path))

    def files(self, pattern: str) -> list[str]:
        """Matching files; none for a pattern with characters that mean something to a shell."""
        if not HARMLESS.fullmatch(pattern):
            return []
        return sorted((self._answer(("files", pattern)) or "").splitlines())

    def status(self, paths: Iterable[str]) -> list[Status]:
        """Mode and owner of those that exist."""
        text = self._answer(("status", *paths)) or ""
        rows = (line.split("\t", 3) for line in text.splitlines())
        return [Status(row[3], row[0].zfill(4), row[1], row[2]) for row in rows if len(row) == 4]

    def run(self, *arguments: str) -> str | None:
        """What a command prints; None when it fails."""
        return self._answer(("run", *arguments))

    def modified(self, path: str) -> float | None:
        """The time of last change."""
        text = (self._answer(("modified", path)) or "").strip()
        return float(text) if text.isdecimal() else None

    def _answer(self, request: Request) -> str | None:
        if request not in self._known and self._missing is not None:
            self._missing[request] = None
            return None
        if request not in self._known:
            self._known |= self._fetch([request])
        return self._known[request]

    def _fetch(self, requests: list[Request]) -> dict[Request, str | None]:
        boundary = secrets.token_hex(16)
        printed = self._shell(script(requests, boundary))
        parts = re.split(rb"\n%s (\d+)\n" % boundary.encode(), printed)
        codes = [int(code) for code in parts[1::2]]
        texts = [_text(part) if request[0] == "read" else part.decode("utf-8", "replace") for request, part in zip(requests, parts[:-1:2], strict=False)]
        answers = [text if code == 0 else None for text, code in zip(texts, codes, strict=True)]
        answers += [None] * (len(requests) - len(answers))
        return dict(zip(requests, answers, strict=True))


def _text(printed: bytes) -> str:
    """A file as it was printed, with the mark when it is longer than what is read of one."""
    return printed[:MAX_FILE].decode("utf-8", "replace") + (CUT if len(printed) > MAX_FILE else "")


def script(requests: Iterable[Request], boundary: str) -> str:
    """A POSIX shell script that answers each request, each answer followed by a line with the boundary and the exit status."""
    lines = [f"export LC_ALL=C PATH={shlex.quote(ENVIRONMENT['PATH'])}"]
    for kind, *words in requests:
        lines += [_command(kind, words), f"printf '\\n{boundary} %s\\n' $?"]
    return "\n".join(lines) + "\n"


def _command(kind: str, words: list[str]) -> str:
    quoted = shlex.join(words)
    if kind == "read":
        return f"[ -f {quoted} ] && [ -r {quoted} ] && head -c {MAX_FILE + 1} < {quoted} 2>/dev/null"
    if kind == "files" and "**" in words[0]:
        return f"find {shlex.quote(words[0].partition('**')[0])} -type f 2>/dev/null; true"
    if kind == "files":
        return f'for f in {words[0]}; do [ -f "$f" ] && printf \'%s\\n\' "$f"; done; true'
    if kind == "status":
        return f"stat -c '%a\t%U\t%G\t%n' {quoted} 2>/dev/null; true"
    if kind == "modified":
        return f"stat -c %Y {quoted} 2>/dev/null"
    return f"{quoted} 2>/dev/null < /dev/null"
