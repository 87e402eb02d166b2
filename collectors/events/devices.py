"""Log lines of network devices: facility, mnemonic, interface, user, peer; and by the table ``devices.yaml`` the kind of event.

Eight ways of writing are known. Cisco, Arista and Ruijie ``%LINK-3-UPDOWN: text``; Huawei and H3C ``%%01IFNET/4/IF_STATE(l)[3]:text (Name=value, ...)``;
Juniper ``SNMP_TRAP_LINK_DOWN: text``, also as structured data; Fortinet and TOPSEC ``name=value name="value"``; Hillstone ``Event@MGMT: text``; ZTE
``alarm 6 occurred %ENVIRONMENT% text sent by MPU``; Sangfor ``日志类型:系统操作, 用户:admin, ...``. Pure, never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from collectors.events.patterns import MAX_TEXT, checked, details
from collectors.events.syslog import DEVICE_HEAD, Message
from collectors.events.traps.names import tables
from core.files import build, read_yaml

ANY: Final = "*"
CISCO, JUNIPER, FORTINET, HILLSTONE, ZTE, SANGFOR, TOPSEC = "", "Juniper", "Fortinet", "Hillstone", "ZTE", "Sangfor", "TOPSEC"
_MSGID: Final = re.compile(r"^(.{1,41}?)-(\d)-(.{1,60})$")
_SLASHED: Final = re.compile(r"^(?:%%(\d\d))?([A-Z][\w-]{0,40})/(\d)/([\w-]{1,60})(?:\(\w{1,4}\))?(?:\[\d{1,10}\])?$")
_HEAD_END: Final = re.compile(r"(?:\(\w{1,4}\))?(?:\[\d{1,10}\])?: ?")
_HEAD: Final = re.compile(r"%(?:%\d\d)?[A-Z][\w-]{0,40}[/-](?:\w{1,20}-)?\d[/-][\w-]{1,60}")
_JUNIPER: Final = re.compile(r"^([A-Z][A-Z0-9]{1,20}(?:_[A-Z0-9]{1,30}){1,8}): ")
_PAIR: Final = re.compile(r'([A-Za-z][\w-]{0,40})=(?:"([^"]{0,2000})"|([^\s",;)]{1,400}))')
_HILLSTONE: Final = re.compile(
    r"(?:^|\s|HillstoneNetworks#)((?:Event|Alarm|Config|Configuration|Network|Security|Traffic|Threat|IPS|AV"
    r"|ALERT|CRIT|ERR|WARNING|NOTICE|INFO)@[A-Z0-9]{2,20}): (.*)",
    re.DOTALL,
)
_ZTE: Final = re.compile(r"\balarm (\d{1,10}) (?:level (\w{1,16}) )?(occurred|cleared)\b\.?(.*)", re.DOTALL)
_ZTE_TYPE: Final = re.compile(r"%([A-Za-z][\w-]{0,30})% ?")
_ZTE_PORT: Final = re.compile(r"\bon ((?:fei|gei|xgei)[_-]\d[\d/.]{0,12})")
_SANGFOR: Final = re.compile(r"^(?:所属系统:[^,]{0,60}, )?日志类型:([^,]{1,40}), ")
_SANGFOR_PAIR: Final = re.compile(r"(?:^|, )([^,:]{1,20}):([^,]{0,400})")
_TOPSEC: Final = re.compile(r'(?:^|\s)id="?(?:ng)?tos"? ', re.IGNORECASE)
_ABSENT: Final = frozenset(("", "(null)", "null", "N/A"))
_TRAP_OID: Final = re.compile(r"^OID (1\.3\.6\.1(?:\.\d{1,10}){3,30}) ")
_BRACKETS: Final = re.compile(r"\(([^()]{0,1500}=[^()]{0,1500})\)\.?\s*$")
_DOUBLED: Final = {"01": "Huawei", "10": "H3C"}
MOST_PAIRS: Final = 64


class Row(BaseModel):
    """One row of the table: ``on`` is facility/mnemonic, ``pattern`` is searched in the text and gives fields; both must fit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    on: tuple[str, ...]
    example: str
    pattern: re.Pattern[str] | None = None
    program: str = ""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[Row, ...]
    names: Mapping[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows by facility/mnemonic, and the ECS field of each name that vendors give a value."""

    rows: Mapping[str, tuple[Row, ...]]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Line:
    """What a device's line says before it is looked up; ``pairs`` are its name=value parts."""

    facility: str
    mnemonic: str
    text: str
    vendor: str = ""
    severity: int | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)


def read_table(path: Path) -> Table:
    """The table of a file; raises ConfigError with file, line and key."""
    found = build(read_yaml(path), _Table)
    keys = dict.fromkeys(key for row in found.rows for key in row.on)
    return Table({key: tuple(row for row in found.rows if key in row.on) for key in keys}, found.names)


@lru_cache(maxsize=1)
def table() -> Table:
    """The shipped table."""
    return read_table(Path(str(files("collectors.events") / "devices.yaml")))


def line(message: Message) -> Line | None:
    """The parts of a line that a network device wrote; None when it is none."""
    return next((said for reader in _READERS if (said := reader(message)) is not None), None)


def _lettered(message: Message) -> Line | None:
    """Cisco and its kin, and Huawei and H3C where the parser found their head already."""
    found = _MSGID.match(message.msgid) if message.form == "rfc3164" else _relayed(message)
    if found is None:
        return None
    text, vendor = message.text, CISCO
    if (head := _HEAD.search(text[:300])) is not None:
        end = _HEAD_END.match(text, head.end())
        vendor = _DOUBLED.get(head[0][2:4], CISCO) if head[0].startswith("%%") else CISCO
        text = text[end.end() if end else head.end() :]
    elif (before := message.head or message.program).startswith("%%"):
        vendor = _DOUBLED.get(before[2:4], CISCO)
    return Line(found[1], found[3], text, vendor, int(found[2]), _bracketed(text))


def _relayed(message: Message) -> re.Match[str] | None:
    """A relay that writes RFC 5424 leaves the device's head in the text, or takes it for the program."""
    found = DEVICE_HEAD.search(f"{message.program}: {message.text}"[:200]) if "%" in f"{message.program[:1]}{message.text[:100]}" else None
    return _MSGID.match(f"{found[1]}-{found[2]}-{found[3]}") if found else None


def _slashed(message: Message) -> Line | None:
    """Huawei's older form, without percent signs."""
    found = _SLASHED.match(message.program)
    if found is None:
        return None
    return Line(found[2], found[4], message.text, _DOUBLED.get(found[1] or "01", ""), int(found[3]), _bracketed(message.text))


def _juniper(message: Message) -> Line | None:
    if message.msgid and message.form == "rfc5424" and any(name.startswith("junos@") for name in message.data):
        pairs = {key: value for name, values in message.data.items() if name.startswith("junos@") for key, value in values.items()}
        return Line(message.program.upper(), message.msgid, message.text, JUNIPER, None, pairs)
    if message.program and (found := _JUNIPER.match(message.text)):
        return Line(message.program.upper(), found[1], message.text[found.end() :], JUNIPER)
    return None


def _fortinet(message: Message) -> Line | None:
    if "logid=" not in message.text or "type=" not in message.text:
        return None
    pairs = _pairs(message.text)
    return Line(f"{pairs.get('type', '')}/{pairs.get('subtype', '')}", pairs.get("logdesc") or pairs.get("logid", ""), message.text, FORTINET, None, pairs)


def _hillstone(message: Message) -> Line | None:
    found = _HILLSTONE.search(message.text[:MAX_TEXT]) if "@" in message.text else None
    return None if found is None else Line(found[1].partition("@")[2], found[1], found[2], HILLSTONE)


def _zte(message: Message) -> Line | None:
    """The mnemonic is the alarm's number; the text begins with ``occurred`` or ``cleared``."""
    found = _ZTE.search(message.text[:MAX_TEXT]) if "alarm " in message.text[:200] else None
    if found is None or " sent by " not in found[4]:
        return None
    kind, port = _ZTE_TYPE.search(found[4]), _ZTE_PORT.search(found[4])
    level = int(found[2]) if (found[2] or "").isdecimal() else None
    text = f"{found[3]} {_ZTE_TYPE.sub('', found[4], count=1).strip()}"
    return Line(kind[1] if kind else "ALARM", found[1], text, ZTE, level, {"interface": port[1]} if port else {})


def _sangfor(message: Message) -> Line | None:
    found = _SANGFOR.match(message.text)
    if found is None:
        return None
    return Line(message.program, found[1], message.text, SANGFOR, None, _present(dict(_SANGFOR_PAIR.findall(message.text[:MAX_TEXT]))))


def _topsec(message: Message) -> Line | None:
    if "type=" not in message.text or not _TOPSEC.search(message.text[:200]):
        return None
    pairs = _present(_pairs(message.text))
    if "rule" in pairs:
        pairs.setdefault("action", pairs["rule"])
    severity = int(pairs["pri"]) if re.fullmatch("[0-7]", pairs.get("pri", "")) else None
    return Line(pairs.get("type", ""), pairs.get("recorder") or pairs.get("op", ""), message.text, TOPSEC, severity, pairs)


_READERS: Final = (_lettered, _slashed, _juniper, _fortinet, _topsec, _sangfor, _hillstone, _zte)


def _present(pairs: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in pairs.items() if value.strip() not in _ABSENT}


def _bracketed(text: str) -> Mapping[str, str]:
    """The names and values that Huawei and H3C put at the end."""
    found = _BRACKETS.search(text[-2000:])
    return _pairs(found[1]) if found else {}


def _pairs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in _PAIR.finditer(text):
        found.setdefault(pair[1], pair[2] if pair[2] is not None else pair[3])
        if len(found) >= MOST_PAIRS:
            break
    return found


def meaning(message: Message, known: Table) -> tuple[str, dict[str, Any]]:
    """(kind, fields) of a device's line; ("log", {}) when no device wrote it so."""
    said = line(message)
    if said is None:
        return "log", {}
    fields: dict[str, Any] = {"event.provider": said.facility, "event.code": said.mnemonic, "observer.vendor": said.vendor}
    if said.severity is not None:
        fields["event.severity"] = said.severity
    for name, value in said.pairs.items():
        if value and (target := known.names.get(name.lower())):
            fields.setdefault(target, value)
    kind, found = _kind(said, message.program, known)
    return kind, checked({key: value for key, value in (fields | details(kind, found)).items() if value != ""})


def _kind(said: Line, program: str, known: Table) -> tuple[str, dict[str, str]]:
    for key in (f"{said.vendor}:{said.mnemonic}", f"{said.vendor}:{ANY}", f"{said.facility}/{said.mnemonic}", f"{ANY}/{said.mnemonic}"):
        for row in known.rows.get(key, ()):
            if row.program and row.program != program:
                continue
            hit = row.pattern.search(said.text[:MAX_TEXT]) if row.pattern else None
            if row.pattern is None or hit is not None:
                return row.kind, {} if hit is None else {name: value.strip() for name, value in hit.groupdict().items() if value}
    if (trap := _TRAP_OID.match(said.text)) and (row_of_trap := tables().notification(trap[1])):
        return row_of_trap.kind, {}
    return "log", {}
