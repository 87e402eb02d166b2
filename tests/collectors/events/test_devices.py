"""Log lines of network devices: every row of the table on its own example, and what several vendors write."""

import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from collectors.events.devices import Row, line, meaning, read_table, table
from collectors.events.patterns import meaning as of_programs
from collectors.events.patterns import table as programs
from collectors.events.syslog import parse
from core.errors import ConfigError
from detectors.rules.told import conditions

NOW = datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)
ROWS = {f"{row.kind} {number}": row for number, row in enumerate(dict.fromkeys(one for rows in table().rows.values() for one in rows))}


def of_any(raw: str) -> tuple[str, dict[str, object]]:
    """As the listener reads a line: by its program, else as a device's."""
    message = parse(raw.encode(), NOW)
    kind, found = of_programs(message.program, message.text, programs())
    return (kind, found) if kind != "log" else meaning(message, table())


@pytest.mark.parametrize(
    ("raw", "kind", "fields"),
    [
        (
            "<30>Mar  1 10:00:00 MikroTik system,info,account user admin logged in from 192.0.2.10 via winbox",
            "login_ok",
            {"user.name": "admin", "source.ip": "192.0.2.10"},
        ),
        ("<30>interface,info ether1 link down", "link_down", {"network.interface": "ether1"}),
        ("<14>Mar  1 10:00:00 192.0.2.1 00077 ports:  port 1/24 is now off-line", "link_down", {"network.interface": "1/24"}),
        (
            "<14>1 2026-03-01T10:00:00Z PA-1 - - - - 1,2026/03/01 10:00:00,012345,CONFIG,0,0,2026/03/01 10:00:00,192.0.2.10,,set,wang,Web,Succeeded,x,1,0x0",
            "config_changed",
            {"user.name": "wang", "source.ip": "192.0.2.10"},
        ),
        (
            "<133>Mar  1 10:00:00 bigip1 notice mcpd[5432]: 01070638:5: Pool /Common/web member /Common/192.0.2.8:80 monitor status down.",
            "pool_member_down",
            {"network.peer.address": "192.0.2.8:80"},
        ),
        ("<4>Mar  1 10:00:00 web1 kernel: [12.678] igb 0000:02:00.0 eth1: igb: eth1 NIC Link is Down", "link_down", {"network.interface": "eth1"}),
        (
            "<38>Mar  1 10:00:00 aaa1 tac_plus[77]: 192.0.2.1\twang\ttty1\t192.0.2.10\tstop\ttask_id=5\tservice=shell\tcmd=configure terminal <cr>",
            "config_command",
            {"client.name": "192.0.2.1", "user.name": "wang", "process.command_line": "configure terminal"},
        ),
    ],
)
def test_lines_without_a_mnemonic_are_read_as_they_arrive(raw: str, kind: str, fields: dict[str, object]) -> None:
    found, details = of_any(raw)
    assert (found, {name: details.get(name) for name in fields}) == (kind, fields)


def said(raw: str) -> tuple[str, dict[str, object]]:
    return meaning(parse(raw.encode(), NOW), table())


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_every_row_reads_its_own_example(row: Row) -> None:
    message = parse(row.example.encode(), NOW)
    kind, fields = meaning(message, table())
    assert (kind, of_programs(message.program, message.text, programs())[0] in ("log", kind)) == (row.kind, True)
    assert fields["event.code"]
    assert row.pattern is None or set(row.pattern.groupindex) <= {"interface", "user", "ip", "port", "peer", "part", "command", "target", "mac", "ap"}
    assert abs((message.time - NOW).total_seconds()) < 86_400


@pytest.mark.parametrize(
    ("raw", "kind", "fields"),
    [
        (
            "<189>Mar  1 2026 10:00:00 SW1 %%01IFPDT/4/IF_STATE(l)[0]:Interface GigabitEthernet0/0/1 has turned into DOWN state.",
            "link_down",
            {
                "observer.vendor": "Huawei",
                "event.provider": "IFPDT",
                "event.code": "IF_STATE",
                "event.severity": 4,
                "network.interface": "GigabitEthernet0/0/1",
            },
        ),
        (
            "<187>Mar  1 2026 10:00:00 R1 %%01OSPF/3/NBR_CHG_DOWN(l)[8]:Neighbor event:neighbor state changed to Down. (ProcessId=1, NeighborAddress=10.0.0.2)",
            "ospf_down",
            {"network.peer.address": "10.0.0.2"},
        ),
        (
            "<188>Mar  1 2026 10:00:00+08:00 SW1 %%01SSH/4/SSH_FAIL(l)[3]:Failed to login through SSH. (UserName=admin, Times=1, IPAddress=192.0.2.11)",
            "login_failed",
            {"user.name": "admin", "source.ip": "192.0.2.11", "event.outcome": "failure", "event.category": "authentication"},
        ),
        (
            (
                "<189>Mar  1 2026 10:00:00 SW1 %%01SHELL/5/CMDRECORD(s)[5]:Recorded command information. "
                '(Task=VTY0, Ip=192.0.2.9, User=admin, Command="undo stp enable")'
            ),
            "config_command",
            {"user.name": "admin", "source.ip": "192.0.2.9", "process.command_line": "undo stp enable"},
        ),
        (
            (
                "<186>May  5 11:02:10 10.1.1.1 ENTITYTRAP/2/CPUUSAGERISING:OID 1.3.6.1.4.1.2011.5.25.219.2.14.1 "
                'CPU utilization exceeded the pre-alarm threshold.(Index=9, PhysicalName="SRU Board 0")'
            ),
            "cpu_busy",
            {"event.code": "CPUUSAGERISING", "hw.sensor": "SRU Board 0"},
        ),
        (
            "<189>Mar  1 10:00:00 2026 H3C %%10WIPS/5/ROGUE: -VSD=home-SrcMAC=02AB-0000-0009; Rogue AP detected by radio 1 of sensor ap1 on channel 149.",
            "rogue_found",
            {"source.mac": "02:ab:00:00:00:09", "wireless.access_point": "ap1"},
        ),
        (
            (
                "<188>Mar  1 2026 10:00:00 AC1 WLAN/4/ROGUE_DEVICE_DETECT:OID 1.3.6.1.4.1.2011.6.139.16.1.1.1.15 Rogue device is detected notify."
                "(APName=ap-7, RadioID=0)"
            ),
            "rogue_found",
            {"wireless.access_point": "ap-7"},
        ),
        ("<187>Mar  1 10:00:00 2026 H3C %%10FOO/3/BAR_BAZ: something new", "log", {"observer.vendor": "H3C", "event.provider": "FOO", "event.code": "BAR_BAZ"}),
        ("<187>46: Mar  1 10:00:00: %FOO-3-BAR: something new", "log", {"event.provider": "FOO", "event.code": "BAR", "event.severity": 3}),
        (
            (
                '<188>date=2026-03-01 time=10:00:00 devname="FW1" devid="FG1" logid="0000000013" type="traffic" '
                'subtype="forward" srcip=10.1.1.1 dstip=10.2.2.2 action="deny"'
            ),
            "log",
            {"observer.vendor": "Fortinet", "event.provider": "traffic/forward", "source.ip": "10.1.1.1", "destination.ip": "10.2.2.2", "event.action": "deny"},
        ),
        (
            "<190>Mar  1 10:00:00 15(root) 44 Traffic@FLOW: SESSION: 10.1.1.1:1->10.2.2.2:2",
            "log",
            {"observer.vendor": "Hillstone", "event.code": "Traffic@FLOW"},
        ),
        (
            "<190> Mar  1 10:00:00 15(root) 48088401 HillstoneNetworks#IPS@IPS: From 192.0.2.9:46158 to 192.0.2.80:80, detected network intrusion",
            "log",
            {"observer.vendor": "Hillstone", "event.provider": "IPS", "event.code": "IPS@IPS"},
        ),
        (
            (
                '<134>id=tos time="2026-03-01 10:00:00" fw=TopsecOS  pri=6 type=ac recorder=tos_fw_nat src=10.1.1.1 dst=10.2.2.2 sport=4048 '
                "dport=446 proto=tcp indev=eth5 outdev=eth4 user= rule=accept connid=682102025"
            ),
            "log",
            {
                "observer.vendor": "TOPSEC",
                "event.provider": "ac",
                "event.code": "tos_fw_nat",
                "event.severity": 6,
                "source.ip": "10.1.1.1",
                "destination.ip": "10.2.2.2",
                "network.interface": "eth5",
                "event.action": "accept",
                "user.name": None,
            },
        ),
        (
            '<133>id=tos time="2026-03-01 10:00:00" fw=OS  pri=5 type=mgmt user=superman src=192.0.2.9 result=0 recorder=config msg="user add wang password x"',
            "log",
            {"user.name": "superman", "source.ip": "192.0.2.9", "process.command_line": None},
        ),
        (
            '<5>id="ngtos" version="v3" time="2026-03-01 10:00:00" dev="ADS" pri="information" type="ads_lead" recorder="ads_lead_log" admin="superman"',
            "log",
            {"observer.vendor": "TOPSEC", "event.provider": "ads_lead", "user.name": "superman", "event.severity": None},
        ),
        (
            (
                "<134>Mar  1 10:00:00 sfos fwlog[1408064]: 所属系统:public, 日志类型:服务控制或应用控制, 策略名称:p, 用户:(null), "
                "源IP:10.1.1.1, 源端口:9026, 目的IP:10.2.2.2, 目的端口:9000, 应用类型:any, 应用名称:, 系统动作:允许"
            ),
            "log",
            {
                "observer.vendor": "Sangfor",
                "event.provider": "fwlog",
                "event.code": "服务控制或应用控制",
                "source.ip": "10.1.1.1",
                "destination.ip": "10.2.2.2",
                "event.action": "允许",
                "user.name": None,
            },
        ),
        (
            "<23>Mar  1 10:00:00 localhost fwlog: 日志类型:系统操作, 用户:admin, IP地址:192.0.2.9, 操作对象:控制台, 操作类型:登录, 描述:登录 成功",
            "log",
            {"user.name": "admin", "source.ip": "192.0.2.9"},
        ),
        (
            "<130>2026 Mar  1 10:00:00 olt1 command-log:An alarm 35125 level minor occurred at 10:00:00 03/01/2026 UTC sent by MCP GPON alarm link: shelf 1",
            "log",
            {"observer.vendor": "ZTE", "event.provider": "ALARM", "event.code": "35125", "event.severity": None},
        ),
        (
            "<130>2026 Mar  1 10:00:00 sw1 command-log:An alarm 16924 level 5 occurred at 10:00:00 03/01/2026 UTC sent by MPU 1 %OSPF% text on fei_1/2",
            "log",
            {"event.provider": "OSPF", "event.severity": 5, "network.interface": "fei_1/2"},
        ),
        ("<13>Mar  1 10:00:00 web1 app: alarm 3 occurred", "log", {}),
        ("<189>1 2026-03-01T10:00:00Z core1 - - - - %LINK-3-UPDOWN: Interface Gi0/1, changed state to down", "link_down", {"network.interface": "Gi0/1"}),
        ("<189>1 2026-03-01T10:00:00Z core1 %LINK-3-UPDOWN - - - Interface Gi0/1, changed state to down", "link_down", {"network.interface": "Gi0/1"}),
        ("<13>Mar  1 10:00:00 web1 nginx[812]: GET /a-b/c HTTP/1.1", "log", {}),
        ("<13>Mar  1 10:00:00 web1 app: user=x password=y", "log", {}),
    ],
)
def test_devices_are_understood_as_their_vendors_write(raw: str, kind: str, fields: dict[str, object]) -> None:
    found_kind, found = said(raw)
    assert found_kind == kind
    assert {key: found.get(key) for key in fields} == fields
    assert fields or not found


def test_a_time_with_its_distance_from_utc_is_that_time() -> None:
    assert parse(b"<188>Mar  1 2026 18:00:00+08:00 SW1 %%01SSH/4/SSH_FAIL(l):x", NOW).time == NOW.replace(second=0)
    assert parse(b"<189>: 2026 Mar  1 10:00:00 UTC: %ETHPORT-5-IF_UP: x", NOW).time == NOW.replace(second=0)


def test_what_log_lines_begin_they_or_traps_can_end() -> None:
    kinds = {row.kind for row in ROWS.values()}
    begun = {row.begins: row.ends for row in conditions()}
    lonely = {kind for kind in kinds if kind in begun and begun[kind] not in kinds}
    assert lonely <= {"temperature_high"}


def test_an_address_that_is_none_is_no_source_ip() -> None:
    _, fields = said("<188>Mar  1 2026 10:00:00 SW1 %%01SHELL/4/LOGINFAILED(s)[4]:Failed to login. (Ip=<script>, User=admin)")
    assert "source.ip" not in fields


def test_hostile_lines_cost_little() -> None:
    random, begun = Random(5), time.process_time()
    heads = [row.example.encode() for row in ROWS.values()]
    for number in range(3000):
        raw = bytearray(random.choice(heads) + b"(" * random.randrange(50) + b"a=" * random.randrange(500))
        for _ in range(random.randrange(6)):
            raw[random.randrange(len(raw))] = random.randrange(256)
        said_kind, _ = meaning(parse(bytes(raw), NOW), table())
        assert said_kind
        assert number >= 0
    assert time.process_time() - begun < 30
    long = parse(b"<187>1: %LINK-3-UPDOWN: " + b"Interface " * 1600, NOW)
    begun = time.process_time()
    meaning(long, table())
    assert time.process_time() - begun < 1
    assert line(long) is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rows:\n- {kind: a, on: [A/B], example: x, colour: red}\n", r"d.yaml:2: .*colour"),
        ("rows:\n- {kind: a, on: [A/B], example: x, pattern: '('}\n", r"d.yaml:2: .*pattern"),
    ],
)
def test_a_broken_table_is_refused_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "d.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        read_table(tmp_path / "d.yaml")
