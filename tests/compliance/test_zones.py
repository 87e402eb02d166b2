"""Zones of the address plan: where assets lie, what stands before them, and what passes the borders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from collectors.events.devices import meaning, table
from collectors.events.syslog import fields, parse
from compliance.check import Text
from compliance.framework import Grade, load_framework
from compliance.load import load_checks
from compliance.measured import estate, zones
from compliance.measured.sources import management_sources
from compliance.measured.take import Measurer
from compliance.objects import ProtectionObject
from compliance.objects import Zone as OwnZone
from compliance.prove import NOW, host
from compliance.rollup import Conformity, assess, book_of
from compliance.run import ESTATE, Inspector
from compliance.verdict import Outcome, Verdict
from core.names import VERDICT
from core.records import Event
from inventory.asset import Asset, Ways
from inventory.networks import NETWORK, VLAN, Network, Plan, Zone
from store.base import Store
from store.flows import Line, Traffic, save_traffic
from store.open import open_store

PLAN = Plan(
    networks=tuple(
        Network.model_validate({"prefix": prefix, "zone": zone, "name": name})
        for prefix, zone, name in (
            ("10.1.0.0/16", "办公区", "办公网"),
            ("10.1.20.0/24", "服务器区", ""),
            ("10.1.60.0/24", "工控区", ""),
            ("10.1.100.0/24", "管理区", ""),
            ("10.7.0.0/24", "", "打印机"),
        )
    ),
    zones=(Zone(name="办公区"), Zone(name="服务器区", role="important"), Zone(name="工控区", role="control"), Zone(name="管理区", role="management")),
)
OBJECT = ProtectionObject(id="oa", name="OA", s=3, a=3, boundary=("r1",), extensions=("ics",))
CHECKS = tuple(load_checks().checks.values())


def to(*names: str) -> Ways:
    return Ways(any=names)


R1 = Asset(id="r1", kind="router", address="10.1.100.4")
FW = Asset(id="fw1", kind="firewall", address="10.1.100.3", connected_to=to("r1"))
CORE = Asset(id="core", kind="switch", address="10.1.30.1", reached_by=to("fw1"))
WEB = Asset(id="web", address="10.1.20.5", reached_by=to("core"))
GUEST = Asset(id="vm", kind="vm", address="10.1.20.6", runs_on=Ways(all=("web",)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path, "service")
    yield opened
    opened.close()


def text(asset: str, *assets: Asset, plan: Plan = PLAN, objects: tuple[ProtectionObject, ...] = (OBJECT,)) -> str:
    return zones.texts(assets, plan, objects)[asset]


def test_a_server_behind_the_firewall_is_guarded_and_the_way_is_the_evidence() -> None:
    assert text("web", R1, FW, CORE, WEB) == "asset\tserver\t10.1.20.5\nzone\t服务器区\timportant\nguard\tyes\tr1 > fw1 > core > web\n"
    assert "guard\tyes\tr1 > fw1 > core > web > vm\n" in text("vm", R1, FW, CORE, WEB, GUEST)


def test_a_way_past_no_filter_is_a_fault_and_one_with_a_filter_beside_it_is_not_clear() -> None:
    bare = CORE.model_copy(update={"reached_by": to("r1")})
    assert "guard\tno\tr1 > core > web\n" in text("web", R1, bare, WEB)
    beside = CORE.model_copy(update={"reached_by": to("r1", "fw1")})
    assert "guard\tunclear\tr1 > core > web | fw1\n" in text("web", R1, FW, beside, WEB)
    declared = WEB.model_copy(update={"protected_by": to("fw9")})
    assert "guard\tunclear\tr1 > core > web | fw9\n" in text("web", R1, bare, declared, Asset(id="fw9", kind="firewall"))


def test_a_firewall_that_parts_other_networks_does_not_excuse_a_bare_way() -> None:
    branch = Asset(id="lab", kind="router", reached_by=to("r1"))
    far = Asset(id="lims", address="10.1.20.9", reached_by=to("lab"))
    assert "guard\tno\tr1 > lab > lims\n" in text("lims", R1, FW, CORE, WEB, branch, far)


def test_without_a_way_from_outside_a_person_says_what_protects() -> None:
    assert "guard\tunclear\tno way from the outside is known\n" in text("web", WEB)
    declared = WEB.model_copy(update={"protected_by": to("fw9")})
    assert "guard\tyes\tprotected_by fw9\n" in text("web", declared, Asset(id="fw9", kind="firewall"))


def test_what_hangs_on_a_router_at_the_boundary_firewall_may_be_outside_until_the_outside_is_known() -> None:
    edge = OBJECT.model_copy(update={"boundary": ("fw1",)})
    branch = Asset(id="lims", address="10.1.20.9", reached_by=to("r1"))
    assert "guard\tunclear\tfw1 > r1 > lims\n" in text("lims", R1, FW, CORE, WEB, branch, objects=(edge,))
    assert "guard\tyes\tfw1 > core > web\n" in text("web", R1, FW, CORE, WEB, branch, objects=(edge,))
    joined, carrier = R1.model_copy(update={"connected_to": to("isp")}), Asset(id="isp", kind="carrier")
    assert "guard\tno\tisp > r1 > lims\n" in text("lims", joined, FW, CORE, branch, carrier, objects=(edge,))


def test_a_switch_with_rules_of_its_own_filters_when_it_is_tagged() -> None:
    bare = CORE.model_copy(update={"reached_by": to("r1"), "tags": ("filters",)})
    assert "guard\tyes\tr1 > core > web\n" in text("web", R1, bare, WEB)


def test_address_and_hand_that_disagree_make_two_zones_and_no_address_none() -> None:
    hand = OBJECT.model_copy(update={"zones": (OwnZone(name="办公区", assets=("web", "nas")),)})
    assert text("web", WEB, objects=(hand,)).count("zone\t") == 2
    assert text("nas", Asset(id="nas", kind="storage"), objects=(hand,)) == "asset\tstorage\t\nzone\t办公区\tordinary\n"
    assert text("nas", Asset(id="nas", kind="storage")) == "asset\tstorage\t\n"
    assert text("ups", Asset(id="ups", kind="ups")) == ""


def test_a_device_is_managed_in_the_management_zone_or_not() -> None:
    assert "management\tyes\t10.1.100.3\n" in text("fw1", R1, FW)
    assert "management\tno\t10.1.30.1\n" in text("core", CORE)
    assert "management" not in text("core", CORE, plan=Plan(networks=PLAN.networks, zones=PLAN.zones[:2]))


@pytest.mark.parametrize("platform", ["ios", "nxos", "ruijie", "vrp", "usg", "comware", "fortios", "stoneos"])
def test_it_reads_from_where_a_device_lets_itself_be_managed(platform: str) -> None:
    assert [str(one) for one in management_sources(host(platform)["running-config"])] == ["10.1.100.0/24"]


@pytest.mark.parametrize(
    ("platform", "before", "after", "sources"),
    [
        ("ios", " permit 10.1.100.0 0.0.0.255\n", " permit 10.1.100.0 0.0.0.255\n permit 10.9.0.5\n", ["10.1.100.0/24", "10.9.0.5/32"]),
        ("ios", " permit 10.1.100.0 0.0.0.255\n", " permit 0.0.0.0 255.255.255.255\n", ["0.0.0.0/0"]),
        ("vrp", " rule 5 permit source 10.1.100.0 0.0.0.255\n", " rule 5 permit source 10.1.100.9 0\n rule 6 permit tcp\n", ["10.1.100.9/32", "0.0.0.0/0"]),
        ("vrp", " rule 5 permit source 10.1.100.0 0.0.0.255\n", " rule 5 permit source 10.1.100.9 0\n rule 6 permit source address-set ops\n", []),
        ("fortios", "set trusthost1 10.1.100.0 255.255.255.0", "set trusthost1 0.0.0.0 0.0.0.0", ["0.0.0.0/0", "10.1.100.0/24"]),
        ("ios", " access-class MGMT in\n", "", []),
    ],
)
def test_sources_are_read_whole_or_not_at_all(platform: str, before: str, after: str, sources: list[str]) -> None:
    text = host(platform)["running-config"]
    assert before in text
    count = -1 if not after else 1
    assert [str(one) for one in management_sources(text.replace(before, after, count))] == sources


def test_a_device_that_lets_others_in_than_the_management_zone_stands_out() -> None:
    found = {"core": (ip_network("10.1.100.0/25"),), "fw1": (ip_network("10.1.100.9/32"), ip_network("10.0.0.0/8"))}
    told = zones.texts((R1, FW, CORE), PLAN, (OBJECT,), lambda asset: found.get(asset, ()))
    assert "sources\tyes\t10.1.100.0/25\n" in told["core"]
    assert "sources\tno\t10.0.0.0/8\n" in told["fw1"]
    assert "sources" not in told["r1"]


def test_a_site_that_declares_no_zones_is_asked_for_none() -> None:
    plain = OBJECT.model_copy(update={"zones": ()})
    assert text("web", WEB, plan=Plan(networks=(Network.model_validate({"prefix": "10.0.0.0/8"}),)), objects=(plain,)) == ""


def test_only_an_object_with_the_extension_is_asked_what_its_zones_say() -> None:
    framework, fails = load_framework(), Verdict(check="", asset=ESTATE, time=NOW, outcome=Outcome.FAIL, reason=Text(zh="-", en="-"))
    names = {
        "est-control-border": ("ics", "ICS.CNS.ARC.1"), "est-control-services": ("ics", "ICS.ABS.AC.1"), "est-control-domains": ("ics", "ICS.CNS.ARC.2"),
        "est-sensing-targets": ("iot", "IOT.ABS.IP.1"), "est-sensing-nodes": ("iot", "IOT.ABS.ADM.1"),
        "est-wireless-border": ("mobile", "MI.ABS.BND.1"), "net-wlan-authentication": ("mobile", "MI.ABS.AC.1"),
        "net-wlan-shared-key": ("mobile", "MI.ABS.IP.5"),
    }  # fmt: skip
    for check, (extension, item) in names.items():
        grade = Grade(3, 3, (extension,))
        book = book_of(framework, framework.applicable(grade), CHECKS)
        assert assess(book, {ESTATE: {check: replace(fails, check=check)}}, (), NOW)[item].conformity is Conformity.FAILS, item
        assert item not in {one.id for one in framework.applicable(Grade(3, 3))}


def test_what_is_in_use_without_a_zone_is_listed() -> None:
    networks = [{"prefix": "10.9.9.0/24", "planned": False}, {"prefix": "10.1.20.0/24", "planned": True}]
    vlans = [{"vlan": 77, "names": ["test"], "verdict": "unplanned"}, {"vlan": 10, "names": ["a"], "verdict": "ok"}]
    lines = zones.estate(PLAN, networks, vlans).splitlines()
    assert "zone\t服务器区\timportant\t10.1.20.0/24" in lines
    assert lines[-3:] == ["unzoned\t10.7.0.0/24\t\t打印机", "unplanned\t10.9.9.0/24\t\t", "vlan\t77\t\ttest"]
    assert zones.estate(Plan(), networks, vlans) == ""


def test_strangers_in_a_zone_of_sensors_are_counted_and_a_zone_that_nobody_saw_is_not_told() -> None:
    prefixes = (Network.model_validate({"prefix": f"10.1.{number}.0/24", "zone": "感知区"}) for number in (50, 51))
    plan = Plan(networks=tuple(prefixes), zones=(Zone(name="感知区", role="sensing"),))
    seen = [{"prefix": "10.1.50.0/24", "planned": True, "used": 9, "verdicts": {"ok": 6, "unknown": 2, "dynamic": 1}}]
    assert zones.estate(plan, seen, ()).splitlines()[1:] == ["nodes\t10.1.50.0/24\tsensing\t3", "nodes\t10.1.51.0/24\tsensing\tunread"]


def test_what_passes_the_border_of_a_closed_zone_is_told_with_its_approval() -> None:
    allowed = [estate.Connection.model_validate({"from": "服务器区", "to": "工控区", "why": "历史库"})]
    talks = [
        ("10.1.60.5", "10.1.20.5", "tcp/4840"),
        ("10.1.30.9", "10.1.60.5", "http"),
        ("10.1.60.5", "10.1.60.6", "tcp/502"),
        ("10.1.60.5", "224.0.0.5", "ospf"),
        ("10.1.60.5", "203.0.113.7", "https"),
        ("10.1.30.9", "10.1.20.5", "http"),
    ]
    assert zones.crossings(talks, PLAN, estate.approvals(allowed, NOW.date())).splitlines() == [
        "zone\t工控区\tcontrol\t\t\t\t",
        "passes\t办公区\tordinary\t工控区\tcontrol\thttp\tno",
        "passes\t工控区\tcontrol\tinside\t\thttps\tno",
        "passes\t工控区\tcontrol\t服务器区\timportant\ttcp/4840\tyes",
    ]
    assert zones.crossings(talks, Plan(networks=PLAN.networks), estate.approvals((), NOW.date())) == zones.NO_ZONE


def test_the_zones_of_an_estate_reach_their_verdicts(store: Store) -> None:
    store.documents.put(NETWORK, "x", {"prefix": "10.9.9.0/24", "planned": False})
    store.documents.put(VLAN, "10", {"vlan": 10, "names": [], "verdict": "ok"})
    lists: dict[str, list[Line]] = {name: [] for name in ("talkers", "applications", "zones", "assets")}
    lists["conversations"] = [Line(("10.1.30.9", "10.1.60.5", "telnet", "", ""), 9, 1)]
    at = NOW - timedelta(hours=1)
    save_traffic(store.documents, Traffic(exporter="core", address="10.1.30.1", protocol="ipfix", start=at, end=at + timedelta(minutes=1), lists=lists))
    bare, far = CORE.model_copy(update={"reached_by": to("r1")}), FW.model_copy(update={"connected_to": Ways()})
    kept = Measurer(store, lambda: (OBJECT,), tuple, plan=lambda: PLAN).take((R1, far, bare, WEB), NOW)
    Inspector(store, CHECKS).inspect(sorted(kept), NOW)
    found = {(body["asset"], body["check"]): body for document in store.documents.find(VERDICT, limit=5000).items if (body := document.body)}
    outcomes = {key: body["outcome"] for key, body in found.items()}
    assert outcomes["web", "inv-guarded"] == "fail"
    assert "zone.record: guard no r1 > core > web" in found["web", "inv-guarded"]["observed"]
    assert (outcomes["web", "inv-zone"], outcomes["fw1", "inv-management"], outcomes["core", "inv-management"]) == ("pass", "pass", "fail")
    assert (outcomes[ESTATE, "est-zones"], outcomes[ESTATE, "est-management-zone"]) == ("fail", "pass")
    assert (outcomes[ESTATE, "est-control-border"], outcomes[ESTATE, "est-control-services"]) == ("fail", "fail")
    assert (ESTATE, "est-sensing-targets") not in outcomes, "the site has no zone of sensors"


LINES = (
    (
        b"<188>Mar  1 10:00:00 1502313173200013(root) 4514061f Event@VPN: User wang on SCVPN scvpn logs on from 192.0.2.9(client), login failed, user name or "
        b"password is incorrect"
    ),
    "<23>Mar  1 10:00:00 localhost fwlog: 日志类型:SSL VPN用户行为日志, 用户:wang, IP地址:192.0.2.9, 操作对象:SSL VPN, 操作:登录, 描述:登录成功".encode(),
    (
        b'<189>date=2026-03-01 time=10:00:00 devname="FW1" devid="FG100FTK20000001" logid="0101039424" type="event" subtype="vpn" level="information" '
        b'logdesc="SSL VPN tunnel up" action="tunnel-up" tunneltype="ssl-web" remip=192.0.2.9 user="li" msg="SSL tunnel established"'
    ),
    (
        b'<189>date=2026-03-01 time=10:00:00 devname="FW1" devid="FG100FTK20000001" logid="0316013056" type="utm" subtype="webfilter" level="warning" '
        b'srcip=10.1.30.9 dstip=203.0.113.7 hostname="example.com" url="https://example.com/" action="blocked" msg="URL belongs to a denied category"'
    ),
)


def test_records_of_vpn_gateways_and_web_filters_are_told_by_user(store: Store) -> None:
    for number, raw in enumerate(LINES):
        message = parse(raw, NOW)
        kind, said = meaning(message, table())
        event = fields(message) | said | {"asset.id": "fw1", "log.source.address": "10.1.100.3"}
        store.events.write([Event(id=f"e{number}", time=NOW - timedelta(hours=1), asset="fw1", kind=kind, message=message.text, fields=event)])
    texts = {snapshot.kind: snapshot.body for snapshot in Measurer(store, tuple, tuple).work_out((), NOW)}
    assert "remote_with_user=100\nweb_with_user=100\n" in texts["estate.logs"]
