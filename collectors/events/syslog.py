"""One syslog message into its parts: RFC 5424, RFC 3164 and what devices send in its place. Pure, never raises.

RFC 3164 gives neither year nor zone: the year is the one that puts the time nearest to the arrival, the zone is given.
A stated time more than a day away from the arrival is kept as a field and not believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Final

from collectors.events.text import decoded, visible

FACILITIES: Final = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
SEVERITIES: Final = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")
DEFAULT_PRIORITY: Final = 13  # user.notice, RFC 3164 section 4.3.3
BELIEVED: Final = timedelta(days=1)
MONTHS: Final = {name: number for number, name in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}

_PRI: Final = re.compile(r"<(\d{1,3})>")
_V5: Final = re.compile(r"1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ")
_ISO: Final = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})[T ](\d{1,2}:\d{2}:\d{2})([.,]\d{1,9})?(Z|[+-]\d{2}:?\d{2})?:?(?= |$)")
_BSD: Final = re.compile(
    r"([*.]?)([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d{1,2}:\d{2}:\d{2})(\.\d{1,6})?(?: (\d{4}))?(?: ([A-Z]{3,5})|([+-]\d{2}:\d{2}))?:?(?= |$)"
)
_NEXUS: Final = re.compile(r"(?:: )?(\d{4}) ([A-Z][a-z]{2} {1,2}\d{1,2}) (?=\d{1,2}:)")  # NX-OS writes the year first
_YEAR_OR_COLON: Final = frozenset("2:")
_COUNTER: Final = re.compile(r"\d{1,10}: ")
_HOST: Final = re.compile(r"([A-Za-z0-9_][\w.:-]{0,254}) (?=\S)", re.ASCII)
_TAG: Final = re.compile(r"([\w./()%@+-]{1,64})(?:\[(\d{1,10})\])?: ?", re.ASCII)
DEVICE_HEAD: Final = re.compile(r"%{1,2}(?:\d{2})?([A-Z][\w-]{0,40})[/-](?:\w{1,20}-)?(\d)[/-]([\w-]{1,60})")  # Cisco, Huawei, H3C mnemonics
_SD_ELEMENT: Final = re.compile(r'\[([^\s=\]"]{1,32})((?: [^\s=\]"]{1,32}="(?:[^"\\\]]|\\.)*")*)\]')
_SD_PAIR: Final = re.compile(r' ([^\s=\]"]{1,32})="((?:[^"\\\]]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of one message; ``time`` is the stated time when it can be believed, else that of arrival; ``head`` what stood for the program."""

    time: datetime
    priority: int
    text: str
    host: str = ""
    program: str = ""
    pid: str = ""
    msgid: str = ""
    stated: datetime | None = None
    data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    form: str = "rfc3164"
    head: str = ""

    @property
    def facility(self) -> str:
        """The facility's name."""
        return FACILITIES[self.priority >> 3]

    @property
    def severity(self) -> str:
        """The severity's name."""
        return SEVERITIES[self.priority & 7]


def parse(raw: bytes, received: datetime, zone: tzinfo = UTC) -> Message:
    """Take ``raw`` apart. What is not understood stays in the text."""
    line = decoded(raw.rstrip(b"\r\n\0"))
    priority = DEFAULT_PRIORITY
    if (found := _PRI.match(line)) and int(found[1]) <= 191:
        priority, line = int(found[1]), line[found.end() :].lstrip(" ")  # Hillstone writes a space there
    if found := _V5.match(line):
        return _new(line[found.end() :], found, priority, received)
    return _old(line, priority, received, zone)


def _new(rest: str, found: re.Match[str], priority: int, received: datetime) -> Message:
    stated = _iso(found[1], UTC)
    data, text = _structured(rest)
    host, program, pid, msgid = ("" if item == "-" else visible(item) for item in found.groups()[1:])
    return Message(_believed(stated, received), priority, visible(text.removeprefix("\ufeff")), host, program, pid, msgid, stated, data, "rfc5424")


def _structured(rest: str) -> tuple[dict[str, dict[str, str]], str]:
    if rest.startswith("-"):
        return {}, rest[1:].lstrip(" ")
    data: dict[str, dict[str, str]] = {}
    place = 0
    while found := _SD_ELEMENT.match(rest, place):
        data[visible(found[1])] = {visible(name): visible(re.sub(r"\\(.)", r"\1", value)) for name, value in _SD_PAIR.findall(found[2])}
        place = found.end()
    return data, rest[place:].removeprefix(" ")


def _old(line: str, priority: int, received: datetime, zone: tzinfo) -> Message:
    if (counter := _COUNTER.match(line)) and _stamp(line[counter.end() :], received, zone):
        line = line[counter.end() :]  # Cisco's "service sequence-numbers"
    line = _NEXUS.sub(r"\2 \1 ", line, count=1) if line[:1] in _YEAR_OR_COLON else line
    host = program = pid = msgid = head = ""
    stamp = _stamp(line, received, zone)
    stated = None
    if stamp is not None:
        stated, end = stamp
        line = line[end:].removeprefix(" ")
        # "host tag: text"; some leave the host out, and then the first word ends with a colon
        if (found := _HOST.match(line)) and not found[1].endswith(":") and not line.startswith("%"):
            host, line = found[1], line[found.end() :]
    if found := _TAG.match(line):
        program, pid, line = found[1], found[2] or "", line[found.end() :]
        head = program
    if vendor := DEVICE_HEAD.search(f"{program} {line}"[:200]):
        msgid, program = f"{vendor[1]}-{vendor[2]}-{vendor[3]}", program if not program.startswith("%") else vendor[1]
    return Message(_believed(stated, received), priority, visible(line), visible(host), visible(program), pid, visible(msgid), stated, head=head)


def _stamp(line: str, received: datetime, zone: tzinfo) -> tuple[datetime, int] | None:
    if found := _ISO.match(line):
        time = _iso(found[0].rstrip(":"), zone)
        return (time, found.end()) if time else None
    found = _BSD.match(line)
    month = MONTHS.get(found[2].lower()) if found else None
    if found is None or month is None:
        return None
    year = int(found[4] or found[7] or 0)
    stated = UTC if found[8] in ("UTC", "GMT") else _offset(found[9]) if found[9] else zone
    time = _nearest(year, month, int(found[3]), found[5], received, stated)
    return (time, found.end()) if time else None


def _offset(text: str) -> tzinfo:
    """``+08:00`` as a zone."""
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return timezone(timedelta(minutes=min(minutes, 1439)) * (-1 if text[0] == "-" else 1))


def _iso(text: str, zone: tzinfo) -> datetime | None:
    found = _ISO.match(text)
    if found is None:
        return None
    day = "-".join(part.zfill(2) for part in found[1].split("-"))
    clock = found[2].zfill(8)
    fraction = (found[3] or "").replace(",", ".")[:7]
    try:
        time = datetime.fromisoformat(f"{day}T{clock}{fraction.ljust(7, '0') if fraction else ''}{found[4] or ''}")
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _nearest(year: int, month: int, day: int, clock: str, received: datetime, zone: tzinfo) -> datetime | None:
    hour, minute, second = map(int, clock.split(":"))
    found: list[datetime] = []
    for candidate in (year,) if year else (received.year - 1, received.year, received.year + 1):
        try:
            found.append(datetime(candidate, month, day, hour, minute, min(second, 59), tzinfo=zone).astimezone(UTC))
        except (ValueError, OverflowError):
            continue  # 29 February, hour 24
    return min(found, key=lambda time: abs(time - received), default=None)


def _believed(stated: datetime | None, received: datetime) -> datetime:
    return stated if stated is not None and abs(stated - received) <= BELIEVED else received


def fields(message: Message) -> dict[str, Any]:
    """The message's parts under their ECS names."""
    found: dict[str, Any] = {
        "event.dataset": "syslog",
        "log.syslog.priority": message.priority,
        "log.syslog.facility.code": message.priority >> 3,
        "log.syslog.facility.name": message.facility,
        "log.syslog.severity.code": message.priority & 7,
        "log.syslog.severity.name": message.severity,
        "log.level": message.severity,
        "host.hostname": message.host,
        "process.name": message.program,
        "process.pid": int(message.pid) if message.pid.isdecimal() and message.pid.isascii() else message.pid,
        "log.syslog.msgid": message.msgid,
        "log.syslog.version": "1" if message.form == "rfc5424" else "",
        "event.created": message.stated.isoformat() if message.stated else "",
    }
    for name, pairs in message.data.items():
        found |= {f"log.syslog.structured_data.{name}.{key}": value for key, value in pairs.items()}
    return {key: value for key, value in found.items() if value != ""}
