"""Where one syslog message ends on a stream: octet counting and newlines (RFC 6587), both on one connection. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_COUNT_DIGITS: Final = 9


class BadFrame(Exception):
    """The stream cannot be followed any more; the connection must end."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message; ``is_cut`` when it was longer than the limit and its end is missing."""

    data: bytes
    is_cut: bool = False


class Frames:
    """Takes pieces of a stream and gives whole messages. Holds at most ``limit`` bytes plus one piece."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._skip_octets = 0
        self._skip_line = False

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Every message that ``piece`` completes; raises BadFrame."""
        self._buffer += piece
        while self._buffer:
            if self._skip_octets:
                self._skip()
                continue
            frame = self._skipped_line() if self._skip_line else self._counted() if 0x31 <= self._buffer[0] <= 0x39 else self._line()
            if frame is None:
                return
            if frame.data:
                yield frame

    def end(self) -> Iterator[Frame]:
        """What stands in the buffer when the stream ends without a newline."""
        rest = b"" if self._skip_line or self._skip_octets else bytes(self._buffer).rstrip(b"\r\n\0")
        self._buffer.clear()
        if rest:
            yield Frame(rest)

    def _skip(self) -> None:
        gone = min(self._skip_octets, len(self._buffer))
        del self._buffer[:gone]
        self._skip_octets -= gone

    def _counted(self) -> Frame | None:
        head = bytes(self._buffer[: MAX_COUNT_DIGITS + 1])
        digits, blank, _ = head.partition(b" ")
        if not digits.isdigit():
            return self._line()  # a line that begins with a digit
        if not blank:
            if len(digits) > MAX_COUNT_DIGITS:
                raise BadFrame("a length of more than nine digits")
            return None
        size, start = int(digits), len(digits) + 1
        have = len(self._buffer) - start
        if have >= size or have >= self._limit:
            data = bytes(self._buffer[start : start + min(size, self._limit)])
            taken = min(size, have)
            del self._buffer[: start + taken]
            self._skip_octets = size - taken
            return Frame(data.rstrip(b"\r\n\0"), size > self._limit)
        return None

    def _line(self) -> Frame | None:
        end = self._end_of_line()
        if end < 0 and len(self._buffer) < self._limit:
            return None
        stop = end if end >= 0 else len(self._buffer)
        data, is_cut = bytes(self._buffer[: min(stop, self._limit)]), stop > self._limit or end < 0
        del self._buffer[: stop + (end >= 0)]
        self._skip_line = end < 0
        return Frame(data.rstrip(b"\r"), is_cut)

    def _skipped_line(self) -> Frame | None:
        end = self._end_of_line()
        if end < 0:
            self._buffer.clear()
            return None
        del self._buffer[: end + 1]
        self._skip_line = False
        return Frame(b"")

    def _end_of_line(self) -> int:
        newline, nul = self._buffer.find(b"\n"), self._buffer.find(b"\0")
        return min(newline, nul) if newline >= 0 and nul >= 0 else max(newline, nul)
