"""SMS and a ringing phone through a GSM modem on a serial line (AT commands: 3GPP TS 27.005 and 27.007). It needs no network of the house.

One message after the other on a line; a line that another program holds, that is silent or says ERROR is a failure, and the notice is tried again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import serial
import structlog
from pydantic import BaseModel, ConfigDict, Field

from incidents.notify.answer import Answer, Target
from incidents.notify.pdu import number_of, submits
from incidents.notify.templates import short

log: Final = structlog.get_logger("modem")
FAILED, REFUSED, BUSY = "500", "403", "429"
END: Final = b"\x1a"
_LINES: Final[dict[str, threading.Lock]] = {}
_GUARD: Final = threading.Lock()


class Options(BaseModel):
    """``to``: numbers for notices that call nobody in person; ``parts``: most parts of a message; ``ring_s``: let the phone ring besides (0: no)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baud: int = Field(default=115200, ge=1200, le=921600)
    to: tuple[str, ...] = ()
    parts: int = Field(default=2, ge=1, le=5)
    ring_s: float = Field(default=0, ge=0, le=60)
    answer_s: float = Field(default=15, gt=0, le=60)


class Trouble(Exception):
    """The modem said no, or nothing."""


def deliver(options: Options, content: Mapping[str, Any], target: Target, language: str) -> Answer:
    """To every number, one after the other; the first trouble ends it."""
    numbers = target.phones or options.to
    if not numbers or not target.address:
        return Answer(REFUSED)
    text = short(content, language, 67 * options.parts)
    try:
        phones = [number_of(number) for number in numbers]
        with _opened(target.address, options) as line:
            for phone in phones:
                line.text(phone, text, options.parts)
                if options.ring_s and content.get("reason") == "escalation":
                    line.ring(phone, options.ring_s)
    except ValueError:
        return Answer(REFUSED)
    except TimeoutError:
        return Answer(BUSY, 10.0)
    except (Trouble, serial.SerialException, OSError) as err:
        log.warning("modem", line=target.address, problem=str(err)[:200])
        return Answer(FAILED)
    return Answer("ok")


@contextmanager
def _opened(path: str, options: Options) -> Iterator[Line]:
    with _GUARD:
        lock = _LINES.setdefault(path, threading.Lock())
    if not lock.acquire(timeout=options.answer_s):
        raise TimeoutError("another message is on the line")
    try:
        with serial.Serial(path, options.baud, timeout=0.1, write_timeout=options.answer_s, exclusive=True) as port:
            line = Line(port, options.answer_s)
            line.prepare()
            yield line
    finally:
        lock.release()


class Line:
    """An open line to a modem."""

    def __init__(self, port: serial.Serial, answer_s: float) -> None:
        self._port, self._answer_s, self._reference = port, answer_s, int(time.time()) % 256

    def prepare(self) -> None:
        """Wake it, without echo, with errors in numbers, messages as PDU."""
        self._port.write(b"\x1b\r")  # out of a message that was cut off
        self._port.reset_input_buffer()
        for command in ("AT", "ATE0", "AT+CMEE=1", "AT+CMGF=0"):
            self.ask(command)

    def text(self, phone: str, text: str, parts: int) -> None:
        """Send a message in its parts."""
        self._reference = (self._reference + 1) % 256
        for length, body in submits(phone, text, self._reference, parts):
            self.ask(f"AT+CMGS={length}", until=(b"> ", b">"))
            self.ask(body, end=END, needs=b"+CMGS:")

    def ring(self, phone: str, seconds: float) -> None:
        """Call, let it ring, hang up."""
        self._write(f"ATD{phone};".encode() + b"\r")
        time.sleep(seconds)
        self._port.reset_input_buffer()
        self.ask("ATH")

    def ask(self, command: str, *, end: bytes = b"\r", until: tuple[bytes, ...] = (b"OK",), needs: bytes = b"") -> None:
        """Write a command and wait for its answer; raises Trouble."""
        self._write(command.encode() + end)
        said, deadline = b"", time.monotonic() + self._answer_s
        while time.monotonic() < deadline:
            said += self._port.read(256)
            lines = [line.strip() for line in said.split(b"\n")]
            if any(line.startswith((b"ERROR", b"+CMS ERROR", b"+CME ERROR", b"NO CARRIER")) for line in lines):
                raise Trouble(f"the modem answers {said[-80:]!r}")
            if any(line in until or (line and line in (mark.strip() for mark in until)) for line in lines) and needs in said:
                return
            if len(said) > 4096:
                said = said[-512:]
        raise Trouble(f"the modem says nothing to {command[:20]!r} for {self._answer_s:g} s")

    def _write(self, data: bytes) -> None:
        self._port.write(data)
        self._port.flush()
