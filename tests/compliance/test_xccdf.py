from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from compliance.evidence import first_break
from compliance.exchange.xccdf import NAMESPACE, of_target, read, short
from compliance.framework import load_framework
from compliance.load import SHIPPED, load_checks
from compliance.prove import NOW
from compliance.run import Inspector, every
from core.errors import ConfigError, NotFound
from core.names import EVIDENCE, VERDICT
from inventory.asset import Asset
from service.scans import MAP, bring
from store.base import Store
from store.open import open_store
from tests.compliance.test_run import fill

ASSETS = (Asset(id="web1", name="web1.example", address="10.0.0.1"), Asset(id="web2", address="10.0.0.2"))
SSG = "xccdf_org.ssgproject.content_rule_"


def results(rules: dict[str, str], ended: datetime = NOW - timedelta(hours=2), target: str = "web1.example", address: str = "10.0.0.1") -> str:
    """A TestResult as OpenSCAP writes it."""
    rows = "".join(f'<rule-result idref="{SSG}{rule}" severity="high" weight="1.0"><result>{result}</result></rule-result>' for rule, result in rules.items())
    return (
        f'<TestResult xmlns="{NAMESPACE}" id="xccdf_org.open-scap_testresult_x" start-time="2026-01-01T00:00:00+00:00" end-time="{ended.isoformat()}" '
        f'test-system="cpe:/a:redhat:openscap:1.3.7"><benchmark href="#b" id="xccdf_org.ssgproject.content_benchmark_RHEL-9"/>'
        f'<profile idref="xccdf_org.ssgproject.content_profile_standard"/><target>{target}</target><target-address>127.0.0.1</target-address>'
        f'<target-address>{address}</target-address>{rows}<score system="urn:xccdf:scoring:default" maximum="100">71.5</score></TestResult>'
    )


def arf(*inner: str) -> bytes:
    """Inside an ARF report, after the data stream that was scanned."""
    reports = "".join(f'<arf:report id="r{number}"><arf:content>{one}</arf:content></arf:report>' for number, one in enumerate(inner))
    head = '<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1">'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<arf:reports>{reports}</arf:reports></arf:asset-report-collection>'.encode()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


def brought(store: Store, folder: Path, content: bytes, name: str = "") -> list[str]:
    path = folder / "results.xml"
    path.write_bytes(content)
    return list(bring(store, ASSETS, folder / "site", path, name, NOW))


@pytest.mark.slow
def test_results_become_verdicts_with_their_evidence(store: Store, tmp_path: Path) -> None:
    found = {"sshd_disable_root_login": "fail", "no_empty_passwords": "pass", "selinux_state": "notapplicable", "accounts_tmout": "error", "own_rule": "pass"}
    first, second = brought(store, tmp_path, arf(results(found)))
    assert first.endswith("ssg.yaml: which rules speak for which items; the service reads it when it starts anew")
    assert second == "web1: 5 rules (1 error, 1 fail, 1 notapplicable, 2 pass), 4 of them speak for items; judged within the hour"
    fill(store, at=-timedelta(hours=1))
    checks = tuple(load_checks((SHIPPED, tmp_path / "site" / "checks")).checks.values())
    Inspector(store, checks).inspect(["web1"], NOW)
    seen = {document.body["check"]: document.body for document in every(store, VERDICT) if document.body["check"].startswith("ssg-")}
    outcome = {name: body["outcome"] for name, body in seen.items()}
    assert outcome["ssg-sshd-disable-root-login"] == "fail"
    assert outcome["ssg-no-empty-passwords"] == "pass"
    assert outcome["ssg-accounts-tmout"] == "unknown"
    assert outcome["ssg-selinux-state"] == outcome["ssg-aide-build-database"] == "not_applicable"
    read_text = seen["ssg-sshd-disable-root-login"]["read"][0]
    assert "sshd_disable_root_login=fail\n" in store.documents.get(EVIDENCE, read_text["evidence"]).body["body"]
    assert first_break(store.documents) is None
    assert [entry.object for entry in store.audit.read(action="compliance.xccdf")] == ["web1"]


@pytest.mark.slow
def test_an_old_result_says_nothing_and_an_older_one_than_kept_is_left(store: Store, tmp_path: Path) -> None:
    brought(store, tmp_path, arf(results({"no_empty_passwords": "pass"}, NOW - timedelta(days=60))))
    fill(store, at=-timedelta(hours=1))
    checks = tuple(check for check in load_checks((tmp_path / "site" / "checks",)).checks.values() if check.id == "ssg-no-empty-passwords")
    Inspector(store, checks).inspect(["web1"], NOW)
    (verdict,) = [document.body for document in every(store, VERDICT)]
    assert verdict["outcome"] == "unknown"
    assert "nothing kept" in brought(store, tmp_path, arf(results({"no_empty_passwords": "fail"}, NOW - timedelta(days=61))))[0]


def test_the_asset_is_found_by_name_or_address_and_never_guessed(store: Store, tmp_path: Path) -> None:
    assert brought(store, tmp_path, arf(results({"selinux_state": "pass"}, target="node", address="10.0.0.2")))[-1].startswith("web2: ")
    assert brought(store, tmp_path, arf(results({"selinux_state": "pass"}, target="node", address="fe80::1")), "web1")[-1].startswith("web1: ")
    with pytest.raises(NotFound, match="no asset is node; name one"):
        brought(store, tmp_path, arf(results({"selinux_state": "pass"}, target="node", address="127.0.0.1")))
    with pytest.raises(ConfigError, match="web1, web2 all claim"):
        brought(store, tmp_path, arf(results({"selinux_state": "pass"}, address="10.0.0.2")))


def test_a_result_from_the_future_is_refused_and_nothing_is_kept(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="which has not come yet"):
        brought(store, tmp_path, arf(results({"selinux_state": "pass"}), results({"selinux_state": "pass"}, NOW + timedelta(days=2), "web2", "10.0.0.2")))
    assert not list(store.audit.read(action="compliance.xccdf"))


def test_of_several_results_the_worst_of_a_rule_and_the_newest_of_a_target_count() -> None:
    twice = results({"a": "pass"}).replace("</TestResult>", f'<rule-result idref="{SSG}a"><result>fail</result></rule-result></TestResult>')
    older = results({"a": "pass"}, NOW - timedelta(days=3))
    (run,) = of_target(read(arf(older, twice), "r.xml"))
    assert (run.results, run.ended, run.addresses) == ({"a": "fail"}, NOW - timedelta(hours=2), ["127.0.0.1", "10.0.0.1"])
    assert short("xccdf_org.cisecurity.benchmarks_rule_1.1.1_Ensure_x") == "1.1.1_ensure_x"


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>\n<x>&b;</x>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, r"r.xml:1: has a DOCTYPE"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', r"has a DOCTYPE"),
        (b"<a><b></a>", r"r.xml:1: is no XML: mismatched tag"),
        (b"<a/>", r"holds no TestResult"),
        (arf(results({"a": "passed"})), r"'passed' is no result of XCCDF"),
        (arf(results({"a": "pass"}).replace(f'idref="{SSG}a"', "")), r"names no rule"),
        (arf(results({"a": "pass"}).replace('end-time="', 'end-time="x')), r"is no time"),
        (arf(results({"a": "pass"}))[:-60], r"is no XML"),
        (b"<a>" * 300 + b"</a>" * 300, r"more than 200 deep"),
    ],
)
def test_what_is_no_result_is_said(content: bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(content, "r.xml")


def test_the_shipped_map_names_items_that_exist_and_wrong_maps_are_told_by_line(tmp_path: Path) -> None:
    known = {item.id for item in load_framework().items}
    shipped = load_checks((MAP.parent,))
    assert not shipped.errors
    assert len(shipped.checks) == 42
    assert not {item for check in shipped.checks.values() for item in check.items} - known
    (tmp_path / "own.yaml").write_text("xccdf: own\nrules:\n  - {rule: a, zh: 甲, en: a}\n  - {rule: a, zh: 乙, en: b}\n", encoding="utf-8")
    (problem,) = load_checks((tmp_path,)).errors
    assert str(problem).endswith("own.yaml:4: rules.1.rule: the rule a stands twice")
