"""Scanners' result files: read, matched, kept; what is open, fixed, handed out and set aside; bad files refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from compliance.evaluate import evaluate
from compliance.evidence import SCANS, notes
from compliance.load import SHIPPED, read_check
from compliance.measured.take import Measurer
from compliance.objects import Dates, ProtectionObject, Scope
from compliance.prove import NOW
from compliance.scans.found import Level, Scan, Sort
from compliance.scans.ledger import Ledger, Ruling, from_body, to_body
from compliance.scans.read import read
from compliance.scans.shelf import hand_out, ledger_of, look, rule, take_in
from compliance.scans.texts import estate, texts
from core.errors import ConfigError, NotFound, Refused
from inventory.asset import Asset
from store.base import Store
from store.open import open_store

ZONE = ZoneInfo("Asia/Shanghai")
ASSETS = (
    Asset(id="web1", name="web1.example", kind="server", address="10.0.0.1"),
    Asset(id="db1", kind="server", address="10.0.0.2"),
    Asset(id="oa", name="办公自动化", kind="system"),
    Asset(id="probe", kind="sensor", address="10.0.0.9"),
)
OFFICER, OPERATOR = ("security_officer",), ("operator",)
DAY = timedelta(days=1)


def item(plugin: int, severity: int = 3, port: int = 443, more: str = "") -> str:
    """A ReportItem as Nessus writes it."""
    return (
        f'<ReportItem port="{port}" svc_name="www" protocol="tcp" severity="{severity}" pluginID="{plugin}" pluginName="Hole {plugin}" pluginFamily="General">'
        f"<cve>CVE-2026-{plugin}</cve><solution>Update &lt;it&gt;.</solution><plugin_output>long\ttext</plugin_output>{more}</ReportItem>"
    )


def nessus(*items: str, ended: datetime | None = NOW - DAY, login: str = "true", host: str = "10.0.0.1", extra: str = "") -> bytes:
    """A .nessus file about one host (and ``extra`` hosts)."""
    end = f'<tag name="HOST_END_TIMESTAMP">{ended.timestamp():.0f}</tag>' if ended else ""
    facts = f'<tag name="Credentialed_Scan">{login}</tag>{end}<tag name="HOST_START">Thu Sep 24 20:00:00 2026</tag><tag name="host-ip">{host}</tag>'
    policy = "<Policy><policyName>x</policyName><Preferences><value>" + "1;" * 5000 + "</value></Preferences></Policy>"
    body = f'<ReportHost name="{host}"><HostProperties>{facts}</HostProperties>{"".join(items)}</ReportHost>{extra}'
    return f'<?xml version="1.0" ?>\n<NessusClientData_v2>{policy}<Report name="r">{body}</Report></NessusClientData_v2>'.encode()


def openvas(severity: str = "9.8", status: str = "Done", most: str = "-1", login: str = "", results: int = 1) -> bytes:
    """A report as Greenbone writes it: inside a report, with two hosts, one of them without results."""
    result = (
        f'<result id="a"><name>Old OpenSSH</name><host>10.0.0.1<asset asset_id="b"/><hostname>web1.example</hostname></host><port>22/tcp</port>'
        f'<nvt oid="1.3.6.1.4.1.25623.1.0.10"><name>Old OpenSSH</name><solution type="VendorFix">Update.</solution>'
        f'<refs><ref type="cve" id="CVE-2026-1"/><ref type="url" id="https://x"/></refs></nvt><threat>High</threat><severity>{severity}</severity></result>'
    )
    detail = f"<detail><name>Auth-SSH-Success</name><value>{login}</value></detail>"
    host = f"<host><ip>{{}}</ip><start>2026-09-25T20:00:00+08:00</start><end>2026-09-25T21:00:00+08:00</end>{detail}</host>"
    inner = (
        f"<gmp><version>22.6</version></gmp><scan_run_status>{status}</scan_run_status>{host.format('10.0.0.1')}{host.format('10.0.0.2')}"
        f'<results max="{most}" start="1">{result * results}</results><scan_end>2026-09-25T21:00:00+08:00</scan_end>'
    )
    return f'<report id="x" content_type="text/xml"><task id="t"><name>T</name></task><report id="x">{inner}</report></report>'.encode()


TRIVY: dict[str, Any] = {
    "SchemaVersion": 2,
    "CreatedAt": "2026-09-25T20:00:00.123456789+08:00",
    "ArtifactName": "oa",
    "ArtifactType": "container_image",
    "Results": [
        {
            "Target": "oa (debian 12)",
            "Class": "os-pkgs",
            "Vulnerabilities": [
                {
                    "VulnerabilityID": "CVE-2026-9",
                    "PkgName": "openssl",
                    "InstalledVersion": "3.0.1",
                    "FixedVersion": "3.0.8",
                    "Severity": "CRITICAL",
                    "Title": "x",
                },
                {"VulnerabilityID": "CVE-2026-8", "PkgName": "zlib1g", "InstalledVersion": "1.2", "Severity": "UNKNOWN", "CweIDs": ["CWE-787"]},
            ],
        },
        {
            "Target": "Dockerfile",
            "Misconfigurations": [{"ID": "DS002", "Title": "root", "Severity": "HIGH", "Status": "FAIL"}, {"ID": "DS1", "Severity": "LOW", "Status": "PASS"}],
        },
        {"Target": "key.pem", "Secrets": [{"RuleID": "private-key", "Severity": "HIGH", "Title": "key"}]},
    ],
}
SARIF: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "CodeQL",
                    "semanticVersion": "2.1",
                    "rules": [
                        {"id": "py/sql", "properties": {"security-severity": "8.8", "tags": ["security", "external/cwe/cwe-089"]}},
                        {"id": "py/old", "defaultConfiguration": {"level": "note"}},
                    ],
                }
            },
            "invocations": [{"executionSuccessful": True, "endTimeUtc": "2026-09-25T12:00:00Z"}],
            "results": [
                {"ruleIndex": 0, "message": {"text": "SQL"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app/a.py"}}}]},
                {"ruleId": "py/sql", "message": {"text": "SQL again"}, "locations": [{"physicalLocation": {"artifactLocation": {"uri": "app/a.py"}}}]},
                {"ruleId": "py/old", "message": {"text": "old"}},
                {"ruleId": "py/sql", "message": {"text": "seen to"}, "suppressions": [{"kind": "inSource"}]},
                {"ruleId": "py/sql", "message": {"text": "fine"}, "kind": "pass"},
            ],
        }
    ],
}
TABLE = """主机,漏洞编号,漏洞名称,风险等级,端口,修复建议,扫描时间
10.0.0.1,V-1,弱口令,高危,22,改口令,2026-09-25 20:00
10.0.0.1,V-2,横幅,信息,22,,2026-09-25 20:00
10.0.0.2,,,,,,2026/09/25
"""


def packed(told: Any) -> bytes:
    return json.dumps(told).encode()


def one(content: bytes, name: str, day: date | None = None) -> Scan:
    (scan,) = read(content, name, ZONE, day)
    return scan


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


def brought(store: Store, content: bytes, name: str = "r.nessus", asset: str = "", now: datetime = NOW, day: date | None = None) -> dict[str, Ledger]:
    return take_in(store, look(store, ASSETS, content, name, ZONE, now, asset, day), content, "li", OFFICER, now)


def test_nessus_tells_hosts_findings_and_whether_it_logged_in() -> None:
    usable = "<exploit_available>true</exploit_available><patch_publication_date>2026/01/01</patch_publication_date><cwe>89</cwe>"
    scan = one(nessus(item(1, 4, more=usable), item(2, 0), item(3, 1, 0), item(1, 2)), "r.nessus")
    (target,) = scan.targets
    assert (scan.key, target.addresses, target.ended, target.has_login, target.is_whole) == ("nessus/network", ("10.0.0.1",), NOW - DAY, True, True)
    assert [(found.id, found.place, found.level, found.traits) for found in target.found] == [
        ("nessus:1", "443/tcp", Level.CRITICAL, ("exploitable", "fixable", "input")),
        ("nessus:3", "", Level.LOW, ()),
    ]
    assert (target.found[0].cves, target.found[0].fix) == (("CVE-2026-1",), "Update <it>.")


def test_a_host_that_did_not_answer_is_no_scan_of_it_and_an_unfinished_one_is_not_whole() -> None:
    dead = item(10180, 0, 0).replace("long\ttext", "The remote host is considered as dead - not scanning")
    with pytest.raises(ConfigError, match="no host that was reached"):
        read(nessus(dead), "r.nessus", ZONE)
    (target,) = one(nessus(item(1), ended=None), "r.nessus").targets
    assert (target.is_whole, target.ended) == (False, datetime(2026, 9, 24, 20, tzinfo=ZONE))


def test_openvas_tells_hosts_without_results_too() -> None:
    scan = one(openvas(login="root"), "r.xml")
    first, second = scan.targets
    assert (scan.scanner, scan.version, first.names, second.found) == ("openvas", "22.6", ("10.0.0.1", "web1.example"), ())
    assert [(found.id, found.place, found.level, found.cves, found.is_fixable) for found in first.found] == [
        ("openvas:1.3.6.1.4.1.25623.1.0.10", "22/tcp", Level.CRITICAL, ("CVE-2026-1",), True)
    ]
    assert first.has_login
    assert first.is_whole
    assert not one(openvas("-1.0"), "r.xml").targets[0].found
    assert not one(openvas(status="Stopped"), "r.xml").targets[0].is_whole
    assert not one(openvas(most="100", results=100), "r.xml").targets[0].is_whole


def test_trivy_tells_packages_settings_and_secrets() -> None:
    scan = one(packed(TRIVY), "r.json")
    (target,) = scan.targets
    assert (scan.key, target.names, target.ended.isoformat()) == ("trivy/packages", ("oa",), "2026-09-25T20:00:00.123456+08:00")
    assert [(found.id, found.place, found.level, found.is_fixable) for found in target.found] == [
        ("trivy:CVE-2026-8", "zlib1g", Level.LOW, False),
        ("trivy:CVE-2026-9", "openssl", Level.CRITICAL, True),
        ("trivy:DS002", "Dockerfile", Level.HIGH, False),
        ("trivy:private-key", "key.pem", Level.HIGH, False),
    ]
    assert one(packed({**TRIVY, "CreatedAt": None}), "r.json", date(2026, 9, 1)).targets[0].ended == datetime(2026, 9, 1, tzinfo=ZONE)


def test_sarif_counts_a_rule_once_in_a_file_and_leaves_out_what_was_suppressed() -> None:
    scan = one(packed(SARIF), "r.sarif")
    (target,) = scan.targets
    assert (scan.scanner, scan.version, scan.sort, target.names) == ("codeql", "2.1", Sort.CODE, ())
    assert [(found.id, found.place, found.level, found.traits) for found in target.found] == [
        ("codeql:py/old", "", Level.LOW, ()),
        ("codeql:py/sql", "app/a.py", Level.HIGH, ("input",)),
    ]


def test_a_table_in_gbk_tells_findings_and_hosts_without_any() -> None:
    scan = one(TABLE.encode("gbk"), "r.csv")
    assert [(target.names, [found.title for found in target.found]) for target in scan.targets] == [(("10.0.0.1",), ["弱口令"]), (("10.0.0.2",), [])]


def test_a_number_in_a_table_that_is_a_cve_is_one() -> None:
    rows = ("CVE-2024-6387,,high", "CVE-2024-1111,CVE-2024-2222,high", "TLS-1,,low")
    scan = one("\n".join(("host,id,cve,severity,scanned", *(f"web1,{row},2026-05-01" for row in rows))).encode(), "r.csv")
    assert {found.id: found.cves for found in scan.targets[0].found} == {"CVE-2024-6387": ("CVE-2024-6387",), "CVE-2024-1111": ("CVE-2024-2222",), "TLS-1": ()}


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n<NessusClientData_v2>&b;</NessusClientData_v2>'
BAD: list[tuple[bytes, str, str]] = [
    (b" \n", "r.csv", r"r.csv: is empty"),
    (BOMB, "r.nessus", r"has a DOCTYPE"),
    (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><report/>', "r.xml", r"has a DOCTYPE"),
    (nessus(item(1)), "r.json", r"is Nessus by its content, which its ending .json does not say"),
    (packed(TRIVY), "r.nessus", r"is Trivy by its content"),
    (b"host,id,severity\n", "r.xlsx", r"is CSV by its content"),
    (b"PK\x03\x04rest", "r.csv", r"is Excel by its content"),
    (nessus(item(1))[:-40], "r.nessus", r"r.nessus:2: is no XML"),
    (b"<NessusClientData/>", "r.nessus", r"is NessusClientData; NessusClientData_v2 is read"),
    (b"<Benchmark/>", "r.xml", r"wanglou xccdf import reads them"),
    (b"<html/>", "r.xml", r"begins with 'html'"),
    (b"<report>" + b"<a>" * 80 + b"</a>" * 80 + b"</report>", "r.xml", r"more than 60 deep"),
    (b"<report/>", "r.xml", r"no scan_run_status"),
    (openvas("bad"), "r.xml", r"'bad' of a result is no number"),
    (openvas().replace(b"oid=", b"id="), "r.xml", r"names no host or no nvt"),
    (nessus(item(1)).replace(b'severity="3"', b'severity="9"'), "r.nessus", r"severity '9'"),
    (nessus(item(1), ended=None).replace(b"HOST_START", b"X"), "r.nessus", r"does not say when '10.0.0.1' was scanned"),
    (packed({**TRIVY, "SchemaVersion": 3}), "r.json", r"schema version 3; version 2 is read"),
    (packed([{"VulnerabilityID": "CVE-1"}]), "r.json", r"before its schema version 2"),
    (packed({**TRIVY, "CreatedAt": ""}), "r.json", r"does not say when it was made; name the day"),
    (packed({**TRIVY, "Results": [{"Vulnerabilities": [{"VulnerabilityID": "x", "Severity": "BAD"}]}]}), "r.json", r"'trivy:x' has severity 'BAD'"),
    (packed({**TRIVY, "Results": "x"}), "r.json", r"is no list of results"),
    (packed({**SARIF, "version": "2.0.0"}), "r.sarif", r"is SARIF '2.0.0'; 2.1.0 is read"),
    (packed({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": []}]}), "r.sarif", r"name the day"),
    (packed({"version": "2.1.0", "runs": [{"tool": {"driver": []}, "results": {"a": 1}}]}), "r.sarif", r"names no tool"),
    (packed({"a": 1}), "r.json", r"is neither Trivy's report .* nor SARIF"),
    (b'{"a": ', "r.json", r"r.json:1: is no JSON"),
    (b"[" * 200_000, "r.json", r"nested too deep"),
    (b"host,title\n10.0.0.1,x\n", "r.csv", r"does not name id \(漏洞id\), level"),
    (b"host,id,severity,scanned\n10.0.0.1,x,awful,2026-09-01\n", "r.csv", r"r.csv:2: severity: 'awful' is no severity"),
    (b"host,id,severity,scanned\n,x,high,2026-09-01\n", "r.csv", r"r.csv:2: host: names no host"),
    (b"host,id,severity,scanned\n10.0.0.1,x,high,yesterday\n", "r.csv", r"r.csv:2: scanned: 'yesterday' is no time"),
    (b"host,id,severity\n10.0.0.1,x,high\n", "r.csv", r"says no time of the scan"),
    (nessus(*(item(number) for number in range(1, 2003))), "r.nessus", r"finds 2,002 things on 10.0.0.1"),
]


@pytest.mark.parametrize(("content", "name", "message"), BAD, ids=range(len(BAD)))
def test_what_is_no_result_or_not_what_its_name_says_is_refused(content: bytes, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(content, name, ZONE)


def test_what_the_next_scan_shows_no_longer_is_fixed_and_comes_back_as_new(store: Store) -> None:
    brought(store, nessus(item(1), item(2), ended=NOW - 30 * DAY))
    after = brought(store, nessus(item(2), item(3), ended=NOW - 20 * DAY))["web1"]
    done = after.scans["nessus/network"]
    assert (done.fresh, done.again, done.fixed) == (1, 0, 1)
    assert [(one.id, one.first[:10]) for one in after.open] == [("nessus:2", "2026-08-27"), ("nessus:3", "2026-09-06")]
    again = brought(store, nessus(item(1), item(2), item(3), ended=NOW - 10 * DAY))["web1"]
    assert next((one.first[:10], one.again) for one in again.open if one.id == "nessus:1") == ("2026-09-16", 1)
    assert from_body(to_body(again)) == again
    with pytest.raises(Refused, match="nothing in this file is new"):
        brought(store, nessus(ended=NOW - 15 * DAY))


def test_a_scan_from_outside_or_a_broken_one_fixes_nothing_that_was_seen_inside(store: Store) -> None:
    brought(store, nessus(item(1), ended=NOW - 30 * DAY))
    assert len(brought(store, nessus(ended=NOW - 20 * DAY, login="false"))["web1"].open) == 1
    assert len(brought(store, nessus(ended=None).replace(b"Sep 24", b"Sep 23"))["web1"].open) == 1
    assert len(brought(store, openvas("0"), "r.xml")["web1"].open) == 1
    assert not brought(store, nessus(ended=NOW - DAY))["web1"].open


def test_hosts_are_matched_by_name_or_address_and_never_guessed(store: Store) -> None:
    other = nessus(host="10.0.0.77").split(b"<ReportHost")[1].split(b"</Report>")[0]
    found = look(store, ASSETS, nessus(item(1), extra=f"<ReportHost{other.decode()}"), "r.nessus", ZONE, NOW)
    assert [(one.asset, one.why) for one in found] == [("web1", ""), ("", "no asset has this name or address")]
    shared = (*ASSETS, Asset(id="portal", kind="website", address="10.0.0.1"))
    assert look(store, shared, nessus(), "r.nessus", ZONE, NOW)[0].asset == "web1"
    twins = (*ASSETS, Asset(id="web2", kind="vm", address="10.0.0.1"))
    assert look(store, twins, nessus(), "r.nessus", ZONE, NOW)[0].why == "web1, web2 all claim to be it"
    assert look(store, ASSETS, packed(SARIF), "r.sarif", ZONE, NOW)[0].why == "the file names no host; name the asset"
    assert look(store, ASSETS, nessus(host="127.0.0.1"), "r.nessus", ZONE, NOW)[0].asset == ""
    assert look(store, ASSETS, packed(SARIF), "r.sarif", ZONE, NOW, "oa")[0].asset == "oa"
    with pytest.raises(NotFound, match="no asset is nix"):
        look(store, ASSETS, packed(SARIF), "r.sarif", ZONE, NOW, "nix")
    with pytest.raises(ConfigError, match="naming one asset is for a file about one"):
        look(store, ASSETS, openvas(), "r.xml", ZONE, NOW, "web1")
    with pytest.raises(ConfigError, match="which has not come yet"):
        look(store, ASSETS, nessus(ended=NOW + DAY), "r.nessus", ZONE, NOW)


def test_who_brings_in_hands_out_and_rules_needs_the_right_and_is_on_record(store: Store) -> None:
    content, today = nessus(item(1)), NOW.date()
    with pytest.raises(Refused, match="operators and security officers bring in"):
        take_in(store, look(store, ASSETS, content, "r.nessus", ZONE, NOW), content, "x", ("duty_leader",), NOW)
    (key,) = (one.key for one in brought(store, content)["web1"].open)
    hand_out(store, "web1", (key,), "wang", today + DAY, "li", OPERATOR, NOW, today)
    with pytest.raises(Refused, match="a security officer rules"):
        rule(store, "web1", (key,), Ruling.ACCEPTED, "later", today + DAY, "op", OPERATOR, NOW, today)
    with pytest.raises(Refused, match="at most a year ahead"):
        rule(store, "web1", (key,), Ruling.ACCEPTED, "later", today + 400 * DAY, "li", OFFICER, NOW, today)
    with pytest.raises(Refused, match="needs a reason"):
        rule(store, "web1", (key,), Ruling.ACCEPTED, " ", today + DAY, "li", OFFICER, NOW, today)
    with pytest.raises(Refused, match="choose vulnerabilities that are open"):
        rule(store, "web1", ("other",), Ruling.ACCEPTED, "later", today + DAY, "li", OFFICER, NOW, today)
    rule(store, "web1", (key,), Ruling.ACCEPTED, "later", today + DAY, "li", OFFICER, NOW, today)
    (entry,) = ledger_of(store, "web1").open
    assert (entry.owner, entry.is_set_aside(today), entry.is_set_aside(today + 2 * DAY)) == ("wang", True, False)
    assert [entry.action for entry in store.audit.read(object="web1")][::-1] in (
        ["scan.import", "scan.hand_out", "scan.rule"],
        ["scan.rule", "scan.hand_out", "scan.import"],
    )
    assert [said["action"] for _, said in notes(store.documents, SCANS, about="web1")] == ["scan.hand_out", "scan.rule"]


def verdicts(store: Store, measurer: Measurer, now: datetime) -> dict[tuple[str, str], str]:
    """(asset, check) -> outcome of every check of scans that is asked."""
    checks = [read_check(path) for path in sorted((SHIPPED / "scans").glob("scn-*.yaml"))]
    there: dict[str, list[Any]] = {}
    for snapshot in measurer.work_out(ASSETS, now):
        if snapshot.kind == "scan.record" and snapshot.body:
            there.setdefault(snapshot.asset, []).append(snapshot)
    return {(asset, check.id): evaluate(check, asset, found, now).outcome.value for asset, found in there.items() for check in checks}


def test_the_ledger_is_judged_asset_by_asset(store: Store) -> None:
    measurer = Measurer(store, tuple, tuple)
    assert verdicts(store, measurer, NOW) == {}
    (entry,) = brought(store, nessus(item(1), ended=NOW - 40 * DAY))["web1"].open
    found = verdicts(store, measurer, NOW)
    assert (found["web1", "scn-covered"], found["web1", "scn-open"], found["db1", "scn-covered"], found["db1", "scn-open"]) == (
        "pass",
        "fail",
        "fail",
        "not_applicable",
    )
    assert not any(asset == "probe" for asset, _ in found)
    rule(store, "web1", (entry.key,), Ruling.FALSE_POSITIVE, "backported", NOW.date() + 30 * DAY, "li", OFFICER, NOW, NOW.date())
    assert verdicts(store, measurer, NOW)["web1", "scn-open"] == "pass"
    assert verdicts(store, measurer, NOW + 31 * DAY)["web1", "scn-open"] == "fail"
    brought(store, nessus(ended=NOW - DAY))
    assert verdicts(store, measurer, NOW)["web1", "scn-open"] == "pass"
    assert verdicts(store, measurer, NOW + 100 * DAY)["web1", "scn-open"] == "unknown"


@pytest.mark.parametrize(("used", "said"), [(date(2026, 9, 1), "yes"), (date(2026, 8, 20), "no"), (date(2020, 1, 1), "untold")])
def test_a_system_was_scanned_before_it_went_into_use_or_nobody_can_tell(store: Store, used: date, said: str) -> None:
    brought(store, packed(SARIF), "r.sarif", "oa", datetime(2026, 9, 26, tzinfo=UTC))
    (done,) = ledger_of(store, "oa").scans.values()
    ledgers = {"oa": Ledger(asset="oa", began="2026-08-25T00:00:00+00:00", scans={"x": done}), "old": Ledger(asset="old", began="2026-08-01T00:00:00+00:00")}
    subject = ProtectionObject(id="o", name="o", s=3, a=3, scope=Scope(assets=("oa",)), dates=Dates(in_use=used))
    (row,) = [line.split("\t") for line in texts(ASSETS, ledgers, [subject], (), NOW.date())["oa"].splitlines() if line.startswith("use")]
    assert (row[1], row[4]) == (said, used.isoformat())


def test_hosts_with_old_holes_that_could_be_mended_are_counted(store: Store) -> None:
    fixable = "<patch_publication_date>2026/01/01</patch_publication_date>"
    found = brought(store, nessus(item(1, more=fixable), ended=NOW - 70 * DAY)) | {"db1": Ledger(asset="db1")}
    assert estate(ASSETS, found, NOW) == "hosts=2\ninside=1\nlate=1\npatched_percent=0\nlate_assets=web1\n"


def mangled(content: bytes) -> Iterator[bytes]:
    """The same file cut off, and with a byte turned, at many places."""
    for at in range(0, len(content), max(1, len(content) // 60)):
        yield content[:at]
        yield content[:at] + bytes([content[at] ^ 0x15]) + content[at + 1 :]


def refusal(content: bytes, name: str) -> str:
    """What is said against a file; nothing when it is read."""
    try:
        read(content, name, ZONE)
    except ConfigError as err:
        return str(err)
    return ""


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: nessus(item(1), item(2, 4)), "r.nessus"),
        (openvas, "r.xml"),
        (lambda: packed(TRIVY), "r.json"),
        (lambda: packed(SARIF), "r.sarif"),
        (TABLE.encode, "r.csv"),
    ],
    ids=["nessus", "openvas", "trivy", "sarif", "csv"],
)
def test_a_damaged_file_is_refused_in_words_or_read(make: Callable[[], bytes], name: str) -> None:
    said = {refusal(content, name) for content in mangled(make())}
    assert all(name in text for text in said - {""})


def test_what_ruff_itself_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import subprocess\nsubprocess.run('ls', shell=True)\npassword = 'abcdefgh'\n", encoding="utf-8")
    ruff = Path(sys.executable).with_name("ruff")
    told = subprocess.run([ruff, "check", "--isolated", "--no-cache", "--select", "S", "--output-format", "sarif", tmp_path], capture_output=True, check=False)
    scan = one(told.stdout, "ruff.sarif", date(2026, 9, 25))
    (target,) = scan.targets
    assert (scan.key, target.ended.date(), target.is_whole) == ("ruff/code", date(2026, 9, 25), True)
    assert {found.id for found in target.found} >= {"ruff:S105", "ruff:S602"}
