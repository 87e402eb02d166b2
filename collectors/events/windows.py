"""What the event logs of Windows say, by the table ``windows.yaml``. Agents send them over syslog in three forms:

JSON (NXLog ``to_json``, Winlogbeat's nested form), structured data of RFC 5424 (NXLog ``to_syslog_ietf``), and the tabbed text of
Snare (``to_syslog_snare``), of which only English and Chinese wordings are read. Pure, never raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from collectors.events.patterns import checked, details
from collectors.events.syslog import Message
from core.files import build, read_yaml

PROVIDERS: Final = ("Microsoft-Windows-", "Service Control Manager", "Security")
MAX_TEXT: Final = 8192  # of a Snare text; the longest of the table has about 2,500 characters
MAX_VALUE: Final = 512
_ABSENT: Final = frozenset(("", "-", "%%1793"))
_MACHINE: Final = re.compile(r"\$$|^(?:SYSTEM|LOCAL SERVICE|NETWORK SERVICE|ANONYMOUS LOGON|DWM-\d+|UMFD-\d+)$", re.IGNORECASE)
_SNARE: Final = re.compile(r"MSWinEventLog[\t ]")
_END: Final = r"(?=\s{2,}|[\t\r\n]| (?:Account Domain|Group Domain|帐户域|账户域|组域):|$)"
_ACCOUNT: Final = re.compile(r"(?<!Network )(?<!网络)(?:Account Name|Logon Account|帐户名称?|账户名称?|登录帐户):[\t ]*([^\t\r\n]{1,256}?)" + _END)
_GROUP: Final = re.compile(r"(?:Group Name|组名):[\t ]*([^\t\r\n]{1,256}?)" + _END)
_ONE_SUBJECT: Final = frozenset(("1102", "4719", "4697", "4698"))  # their only account is who did it
_SAID: Final = {
    "IpAddress": re.compile(r"(?:Source Network Address|Client Address|源网络地址|客户端地址):\s*([0-9A-Fa-f.:]{2,45})"),
    "IpPort": re.compile(r"(?:Source Port|Client Port|源端口|客户端端口):\s*(\d{1,5})"),
    "LogonType": re.compile(r"(?:Logon Type|登录类型):\s*(\d{1,2})"),
    "Status": re.compile(r"(?:Error Code|错误代码):\s*(0x[0-9A-Fa-f]{1,8})"),
    "SubStatus": re.compile(r"(?:Sub Status|子状态):\s*(0x[0-9A-Fa-f]{1,8})"),
}


class Row(BaseModel):
    """One event of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: str = Field(pattern=r"^\d{1,5}$")
    kind: str
    data: Mapping[str, str]
    people: bool = False
    unless: Mapping[str, tuple[str, ...]] = {}


class Table(BaseModel):
    """The whole table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    logons: Mapping[str, str]
    reasons: Mapping[str, str]
    events: tuple[Row, ...]

    def row(self, event: str) -> Row | None:
        """The row of an event's number."""
        return next((row for row in self.events if row.event == event), None)


@lru_cache(maxsize=1)
def table() -> Table:
    """The shipped table; raises ConfigError with file and line."""
    return build(read_yaml(Path(str(files("collectors.events") / "windows.yaml"))), Table)


def meaning(message: Message, known: Table) -> tuple[str, dict[str, Any]]:
    """(kind, fields) of an event of Windows; ("log", {}) for anything else; an event that is not in the table is a log line with its number."""
    data = _nested(message) or _structured(message) or _snare(message)
    if not data or not data.get("Provider", "").startswith(PROVIDERS) or not data.get("EventID", "").isdecimal():
        return "log", {}
    told: dict[str, Any] = {"event.code": data["EventID"], "event.provider": data["Provider"], "observer.vendor": "microsoft"}
    row = known.row(data["EventID"])
    if row is None or _of_a_machine(row, data, known) or any(data.get(name, "").lower() in values for name, values in row.unless.items()):
        return "log", told
    return row.kind, checked(told | _fields(row, data, known))


def _fields(row: Row, data: Mapping[str, str], known: Table) -> dict[str, Any]:
    found = {place: value for name, place in row.data.items() if (value := data.get(name, "")) not in _ABSENT}
    by = found.pop("by", "")
    if "method" in found:
        found["method"] = known.logons.get(found["method"], found["method"])
    if "ip" in found:
        found["ip"] = _plain(found["ip"])
    if not found.get("port", "0").isdecimal() or found.get("port") == "0":
        found.pop("port", None)
    fields = details(row.kind, found)
    reason = known.reasons.get(data.get("SubStatus", "").lower()) or known.reasons.get(data.get("Status", "").lower())
    return fields | ({"client.user.name": by} if by else {}) | ({"event.reason": reason} if reason and row.kind == "login_failed" else {})


def _of_a_machine(row: Row, data: Mapping[str, str], known: Table) -> bool:
    if not row.people:
        return False
    return _MACHINE.search(data.get("TargetUserName", "")) is not None or data.get("LogonType", "2") not in known.logons


def _plain(address: str) -> str:
    """``::ffff:192.0.2.9`` as the address of version 4 that it is."""
    try:
        given = ip_address(address)
    except ValueError:
        return address
    return str(given.ipv4_mapped or given) if isinstance(given, IPv6Address) else str(given)


def _nested(message: Message) -> dict[str, str]:
    text = message.text.lstrip()
    if not text.startswith("{") or ("EventID" not in text and "event_id" not in text):
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    inner = found.get("winlog", found)
    if not isinstance(inner, dict):
        return {}
    flat = _words(inner) | _words(inner.get("event_data")) | _words(inner.get("EventData"))
    return flat | _head(flat.get("EventID") or flat.get("event_id"), flat.get("SourceName") or flat.get("provider_name") or flat.get("ProviderName"))


def _words(given: object) -> dict[str, str]:
    return {str(name): str(value)[:MAX_VALUE] for name, value in given.items() if isinstance(value, str | int)} if isinstance(given, dict) else {}


def _head(event: str | None, provider: str | None) -> dict[str, str]:
    return {"EventID": event or "", "Provider": provider or ""}


def _structured(message: Message) -> dict[str, str]:
    for pairs in message.data.values():
        if "EventID" in pairs:
            return {name: value[:MAX_VALUE] for name, value in pairs.items()} | _head(pairs["EventID"], pairs.get("SourceName") or message.program)
    return {}


def _snare(message: Message) -> dict[str, str]:
    """Level, log, counter, time, number, provider, user, ... and last the text with its values; of the accounts in it the last one is the one meant."""
    if not _SNARE.match(message.text):
        return {}
    parts = message.text[:MAX_TEXT].split("\t", 13)
    if len(parts) < 14:
        return {}
    said = {name: found[1] for name, pattern in _SAID.items() if (found := pattern.search(parts[13]))}
    accounts = [name.strip() for name in _ACCOUNT.findall(parts[13])]
    if accounts and (len(accounts) > 1 or parts[5] in _ONE_SUBJECT):
        said["SubjectUserName"] = accounts[0]
    if accounts:
        said["TargetUserName"] = accounts[-1]
    if group := _GROUP.search(parts[13]):
        said |= {"MemberName": said.get("TargetUserName", ""), "TargetUserName": group[1]}
    return said | _head(parts[5], parts[6])
