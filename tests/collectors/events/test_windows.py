"""Events of Windows in the three forms that agents send them in, and what only looks like them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from collectors.events.syslog import parse
from collectors.events.windows import meaning, table

NOW = datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)
AUDITING = "Microsoft-Windows-Security-Auditing"


def read(raw: str) -> tuple[str, dict[str, Any]]:
    return meaning(parse(raw.encode(), NOW), table())


def as_json(event: int | str, **data: object) -> str:
    body = {"EventTime": "2026-03-01 10:00:00", "Hostname": "dc1", "EventID": event, "SourceName": AUDITING, "Channel": "Security", **data}
    return f"<14>Mar  1 10:00:00 dc1 {AUDITING}[612]: {json.dumps(body)}"


def as_beat(event: int, **data: object) -> str:
    return f"<14>Mar  1 10:00:00 dc1 winlogbeat: {json.dumps({'winlog': {'event_id': event, 'provider_name': AUDITING, 'event_data': data}})}"


def as_structured(event: int, **data: object) -> str:
    pairs = " ".join(f'{name}="{value}"' for name, value in data.items())
    return f'<14>1 2026-03-01T10:00:00Z dc1 {AUDITING} 612 - [NXLOG@14506 EventID="{event}" SourceName="{AUDITING}" {pairs}] An event.'


def as_snare(event: int, text: str) -> str:
    head = ("MSWinEventLog", "1", "Security", "77", "Sun Mar 01 10:00:00 2026", event, AUDITING, "N/A", "N/A", "Audit", "dc1", "Logon", "")
    return "<14>Mar  1 10:00:00 dc1 " + "\t".join(str(part) for part in (*head, text, "77"))


@pytest.mark.parametrize("form", [as_json, as_beat, as_structured])
def test_a_login_over_remote_desktop_is_read_in_every_form(form: Any) -> None:
    kind, found = read(form(4624, TargetUserName="wang", LogonType="10", IpAddress="::ffff:192.0.2.9", IpPort="50123"))
    assert kind == "login_ok"
    wanted = {"user.name": "wang", "source.ip": "192.0.2.9", "source.port": 50123, "event.method": "remote_interactive", "event.outcome": "success"}
    assert {name: found.get(name) for name in wanted} == wanted
    assert (found["event.code"], found["event.category"]) == ("4624", "authentication")


FAILED = (
    "An account failed to log on.    Subject:   Security ID:  S-1-0-0   Account Name:  -   Account Domain:  -    Logon Type:   3    "
    "Account For Which Logon Failed:   Account Name:  wang   Account Domain:  BUREAU    Failure Information:   Status:  0xC000006D   "
    "Sub Status:  0xC000006A    Network Information:   Workstation Name: PC7   Source Network Address: 192.0.2.66   Source Port:  50200    "
    "Detailed Authentication Information:   Network Account Name: -"
)
FAILED_ZH = (
    "帐户登录失败。\t使用者:\t帐户名称:\t-\t帐户域:\t-\t登录类型:\t3\t登录失败的帐户:\t帐户名称:\twang\t帐户域:\tBUREAU\t"
    "子状态:\t0xC000006A\t源网络地址:\t192.0.2.66\t源端口:\t50200"
)


@pytest.mark.parametrize("text", [FAILED, FAILED_ZH], ids=["English", "Chinese"])
def test_a_failed_login_is_read_from_the_text_that_snare_sends(text: str) -> None:
    kind, found = read(as_snare(4625, text))
    assert kind == "login_failed"
    wanted = {"user.name": "wang", "source.ip": "192.0.2.66", "event.method": "network", "event.outcome": "failure", "event.reason": "wrong password"}
    assert {name: found.get(name) for name in wanted} == wanted


def test_who_made_whom_is_told_apart() -> None:
    text = "A user account was created.  Subject:   Account Name: li   Account Domain: BUREAU  New Account:   Account Name: backdoor   Account Domain: BUREAU"
    for raw in (as_json(4720, TargetUserName="backdoor", SubjectUserName="li"), as_snare(4720, text)):
        kind, found = read(raw)
        assert (kind, found["user.name"], found["client.user.name"]) == ("account_created", "backdoor", "li")
    text = "A member was added.  Subject:   Account Name: li   Member:   Account Name: CN=guest   Group:   Group Name:  Administrators   Group Domain:  Builtin"
    for raw in (as_json(4732, MemberName="CN=guest", TargetUserName="Administrators", SubjectUserName="li"), as_snare(4732, text)):
        kind, found = read(raw)
        assert (kind, found["user.name"], found["group.name"], found["client.user.name"]) == ("group_changed", "CN=guest", "Administrators", "li")


def test_who_cleared_the_log_is_named() -> None:
    text = "The audit log was cleared.  Subject:   Security ID: S-1-5-21   Account Name: li   Domain Name: BUREAU"
    for raw in (as_json(1102, SubjectUserName="li"), as_snare(1102, text)):
        kind, found = read(raw)
        assert (kind, found["user.name"]) == ("audit_cleared", "li")


@pytest.mark.parametrize(
    "data",
    [
        {"TargetUserName": "DC1$", "LogonType": "3"},
        {"TargetUserName": "SYSTEM", "LogonType": "2"},
        {"TargetUserName": "DWM-1", "LogonType": "2"},
        {"TargetUserName": "backup", "LogonType": "5"},
        {"TargetUserName": "backup", "LogonType": "4"},
    ],
)
def test_machines_services_and_jobs_log_on_as_lines_of_the_log(data: dict[str, str]) -> None:
    kind, found = read(as_json(4624, **data))
    assert (kind, found["event.code"]) == ("log", "4624")


def test_a_checked_password_fails_by_its_status_alone() -> None:
    assert read(as_json(4776, TargetUserName="wang", Workstation="PC7", Status="0x0"))[0] == "log"
    kind, found = read(as_json(4776, TargetUserName="wang", Workstation="PC7", Status="0xC0000234"))
    assert (kind, found["client.name"], found["event.reason"]) == ("login_failed", "PC7", "account locked")


@pytest.mark.parametrize(
    "raw",
    [
        as_json(4625, TargetUserName="x")[:-5],
        '<14>Mar  1 10:00:00 app1 shop: {"EventID": 4625, "SourceName": "shop", "TargetUserName": "x"}',
        "<14>Mar  1 10:00:00 app1 shop: {" + '"EventID":[' + "[" * 9000,
        '<14>Mar  1 10:00:00 app1 shop: {"winlog": "EventID"}',
        "<14>Mar  1 10:00:00 app1 MSWinEventLog\t1\tSecurity\t77\tSun\t4625",
        as_json("4625 x", TargetUserName="x"),
    ],
    ids=["cut", "of an application", "deep", "no object", "short", "no number"],
)
def test_what_only_looks_like_an_event_of_windows_is_a_line_of_the_log(raw: str) -> None:
    assert read(raw) == ("log", {})


def test_an_event_outside_the_table_keeps_its_number() -> None:
    assert read(as_json(4688, NewProcessName="x")) == ("log", {"event.code": "4688", "event.provider": AUDITING, "observer.vendor": "microsoft"})


@pytest.mark.parametrize("row", table().events, ids=lambda row: row.event)
def test_every_row_of_the_table_is_read(row: Any) -> None:
    given = {name: {"LogonType": "10", "IpAddress": "192.0.2.9", "IpPort": "5"}.get(name, f"of {name}") for name in row.data}
    kind, found = read(as_json(row.event, **given))
    assert kind == row.kind
    assert len(found) >= 3 + len(row.data)
