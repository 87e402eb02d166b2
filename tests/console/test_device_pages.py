"""The page of a network device, the network at a glance, and the discovery inbox as people use them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console import case_actions
from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.queries import device, discovery, network
from core.names import CANDIDATE, INTENT
from core.records import Sample, Snapshot
from inventory.asset import Asset
from inventory.discovery.candidate import Candidate
from store.base import Store
from store.snapshots import save_snapshot
from tests.console.network import HOSTILE, seed_network
from tests.console.seed import seed_candidates
from tests.console.test_views import Visitor, everything, live, opened, said, visitor

pytestmark = pytest.mark.slow

__all__ = ["live", "visitor"]
PORTS = (
    # name, type, admin, oper now, was up yesterday
    ("1", 6, "up", 1.0, 1.0),
    ("2", 6, "up", 0.0, 1.0),
    ("3", 6, "up", 0.0, 0.0),
    ("4", 6, "up", 0.0, 0.0),
    ("5", 6, "down", 0.0, 0.0),
    ("6", 117, "up", 1.0, 1.0),
    ("Vlan10", 53, "up", 1.0, 1.0),
)


def seed_device(store: Store, now: datetime, asset: str = "core") -> None:
    """What an SNMP poll leaves of a switch: one port busy, one that was up, one with errors, one switched off; sensors."""
    interfaces = [
        {"index": index, "name": name, "type": kind, "admin": admin, "oper": "up" if oper else "down", "speed_bps": 10**9, "alias": HOSTILE}
        for index, (name, kind, admin, oper, _was) in enumerate(PORTS, 1)
    ]  # fmt: skip
    limits = [{"metric": "hw.temperature", "sensor": f"Board {number}", "low": None, "high": 70.0} for number in (1, 2)]
    limits.append({"metric": "hw.voltage", "sensor": "12 V", "low": 10.0, "high": 14.0})
    body = json.dumps({"identity": {}, "profiles": [], "entities": [], "interfaces": interfaces, "limits": limits})
    save_snapshot(store, Snapshot(time=now, asset=asset, kind="snmp.inventory", body=body))
    samples = []
    for name, _kind, admin, oper, was in PORTS:
        label = {"interface": name}
        samples.append(Sample(time=now - timedelta(days=1), asset=asset, metric="network.interface.oper", value=was, labels=label))
        samples.append(Sample(time=now, asset=asset, metric="network.interface.oper", value=oper, labels=label))
        samples.append(Sample(time=now, asset=asset, metric="network.interface.admin", value=float(admin == "up"), labels=label))
        for direction, load, errors in (("receive", 91.0 if name == "1" else 3.0, 2.5 if name == "6" else 0.0), ("transmit", 5.0, 0.0)):
            both = {**label, "direction": direction}
            samples.append(Sample(time=now, asset=asset, metric="network.interface.utilization", value=load, labels=both))
            samples.append(Sample(time=now, asset=asset, metric="network.interface.errors", value=errors, labels=both))
    for sensor, value, margin in (("Board 1", 71.0, -1.0), ("Board 2", 40.0, 30.0), ("Inlet", 25.0, None)):
        samples.append(Sample(time=now, asset=asset, metric="hw.temperature", value=value, labels={"sensor": sensor}))
        if margin is not None:
            samples.append(Sample(time=now, asset=asset, metric="hw.temperature.margin", value=margin, labels={"sensor": sensor}))
    samples.append(Sample(time=now, asset=asset, metric="hw.voltage", value=13.0, labels={"sensor": "12 V"}))
    samples.append(Sample(time=now, asset=asset, metric="hw.state", value=2.0, labels={"sensor": "Fan 1"}))
    store.metrics.write(samples)


@pytest.fixture(autouse=True)
def prompt_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a service that is not there."""
    monkeypatch.setattr(case_actions, "outcome", lambda _here, _intent: ("done", ""))


@pytest.fixture
def gear(live: Desk, visitor: Visitor, tmp_path: Path) -> Desk:
    seed_network(live.store, datetime.now(UTC), tmp_path)
    seed_device(live.store, datetime.now(UTC))
    visitor.account = everything(language="en")
    return live


def cells(test: object) -> str:
    return "\n".join(frame.value.to_csv() for frame in test.dataframe)  # type: ignore[attr-defined]


def test_the_state_of_a_port_minds_what_it_was_and_who_is_beside_it(gear: Desk) -> None:
    found = device.ports(gear.store, "core", gear.now())
    states = {port.name: port.state for port in found}
    # port 3 was never up within a week, but the survey knows who is at its other end
    assert states == {"1": "busy", "2": "down", "3": "down", "4": "free", "5": "off", "6": "errors", "Vlan10": "up"}
    assert [port.name for port in found if not port.is_socket] == ["Vlan10"]
    assert {port.name: port.beside for port in found}["1"] == "acc1 24"
    assert [port.name for port in device.gravest_first(found)][:4] == ["2", "3", "6", "1"]


def test_the_panel_shows_each_socket_in_its_place(gear: Desk) -> None:
    found = device.ports(gear.store, "core", gear.now())
    data = device.panel(found, {"load": "load", "beside": "to"})["series"][0]["data"]
    assert [point["value"] for point in data] == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert data[0]["label"]["formatter"] == "◆1\n91%"
    assert "{" not in "".join(point["name"] for point in data)


def test_a_sensor_outside_its_own_limits_comes_first(gear: Desk) -> None:
    found = device.sensors(gear.store, "core", gear.now())
    assert [(one.name, one.state, one.near and round(one.near)) for one in found] == [
        ("Board 1", "critical", 100),
        ("Fan 1", "critical", None),
        ("Board 2", "good", 57),
        ("12 V", "good", 50),
        ("Inlet", "unknown", None),
    ]


def test_a_neighbour_that_is_no_asset_is_known_by_its_name_in_the_inbox(live: Desk) -> None:
    seed_candidates(live.store, live.now())
    assert device.found_as(live.store, "sw-2") == "d2"
    assert device.found_as(live.store, "nobody") == ""


@pytest.mark.parametrize("language", ["zh_CN", "en"])
@pytest.mark.parametrize(("tab", "words"), [("ports", "acc1 24"), ("sensors", "Board 1"), ("neighbours", "LLDP")])
def test_each_part_of_a_device_shows_itself(gear: Desk, visitor: Visitor, tab: str, words: str, language: str) -> None:
    visitor.account = everything(language=language)
    test = opened("asset.py", id="core", tab=tab)
    assert not test.exception
    assert words in cells(test)
    assert "<img" not in said(test)


def test_a_routing_table_that_was_read_in_part_says_so(gear: Desk) -> None:
    assert "routing table is longer" in said(opened("asset.py", id="core", tab="neighbours"))
    assert "routing table is longer" not in said(opened("asset.py", id="acc1", tab="neighbours"))


def test_ports_of_a_silent_device_say_that_they_are_old(gear: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not answer now" not in said(opened("asset.py", id="core", tab="ports"))
    late = datetime.now(UTC) + timedelta(minutes=10)
    monkeypatch.setattr(type(gear), "now", lambda _self: late)
    assert "does not answer now" in said(opened("asset.py", id="core", tab="ports"))


def test_what_is_no_network_device_has_no_such_parts(gear: Desk) -> None:
    test = opened("asset.py", id="web", tab="ports")
    assert not test.exception
    assert "port" not in cells(test)


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_network_at_a_glance(gear: Desk, visitor: Visitor, language: str) -> None:
    visitor.account = everything(language=language)
    test = opened("network.py")
    assert not test.exception
    assert ("3 台设备" if language == "zh_CN" else "3 devices") in said(test)
    assert "91%" in cells(test)
    assert "2.50/s" in cells(test)
    assert "网络 core 3" in cells(test)


def test_the_top_of_the_ports_names_each_once_with_its_worse_direction(gear: Desk) -> None:
    samples = network.read_ports(gear.store, gear.now())
    (first, *rest) = network.top(samples, "network.interface.utilization", 3)
    assert (first.asset, first.port, first.value) == ("core", "1", 91.0)
    assert len({(one.asset, one.port) for one in rest}) == 2
    assert [one.port for one in network.top(samples, "network.interface.errors")] == ["6"]


def inbox(desk: Desk) -> list[Candidate]:
    return discovery.candidates(desk.store)


def test_the_inbox_sorts_by_state_and_finds_by_words(live: Desk) -> None:
    seed_candidates(live.store, live.now())
    found = inbox(live)
    assert dict(discovery.counts(found)) == {"new": 1, "gone": 1, "changed": 1, "ignored": 1}
    assert [one.title for one in discovery.matching(found, "new", "huawei s5735")] == ["sw-0"]
    assert discovery.matching(found, "new", "cisco") == []
    assert discovery.certain(found) == []  # the new one is in conflict with another


def test_a_site_is_proposed_from_the_neighbours_by_address(live: Desk) -> None:
    seed_candidates(live.store, live.now())
    one = inbox(live)[0]
    assets = [Asset(id=f"a{number}", address=f"10.9.{number // 2}.7{number}", site=site) for number, site in enumerate(("hq", "hq", "lab", "lab", "lab"))]
    assert discovery.likely_site(one, assets) == "hq"
    assert discovery.likely_site(one, []) == ""


def test_taking_in_asks_the_service(live: Desk, visitor: Visitor) -> None:
    seed_candidates(live.store, live.now())
    visitor.account = everything(language="en")
    test = opened("candidate.py", id="d0")
    assert "Conflict with sw\\-1" in "\n".join(str(one.value) for one in test.warning)
    next(button for button in test.button if button.label == "Take in").click().run()
    (intent,) = live.store.documents.find(INTENT).items
    assert intent.body["what"] == "take_in"
    assert intent.body["args"] == {"candidate": "d0", "values": {"name": "sw-0", "kind": "switch", "site": ""}, "credential": "", "asset": "sw-0"}


@pytest.mark.parametrize(
    ("id", "key", "what"),
    [("d2", "accept-do", "accept_changes"), ("d3", "back-do", "bring_back"), ("d1", "forget-do", "forget_candidate"), ("d0", "aside-do", "set_aside")],
)
def test_each_state_offers_what_can_be_done(live: Desk, visitor: Visitor, id: str, key: str, what: str) -> None:
    seed_candidates(live.store, live.now())
    visitor.account = everything(language="en")
    opened("candidate.py", id=id).button(key=key).click().run()
    (intent,) = live.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["args"]["candidate"]) == (what, id)


def test_the_page_of_an_asset_says_when_it_is_not_as_registered(gear: Desk) -> None:
    seed_candidates(gear.store, gear.now())
    body = {**gear.store.documents.get(CANDIDATE, "d2").body, "asset": "core"}
    gear.store.documents.put(CANDIDATE, "d2", body)
    assert "not as registered" in said(opened("asset.py", id="core"))
    assert "not as registered" not in said(opened("asset.py", id="acc1"))


def test_a_viewer_looks_at_a_found_device_but_cannot_take_it_in(live: Desk, visitor: Visitor) -> None:
    seed_candidates(live.store, live.now())
    visitor.account = Account(name="me", roles=(Role.VIEWER,), language="en")
    test = opened("candidate.py", id="d0")
    assert "looking, not acting" in said(test)
    assert not [button for button in test.button if button.label in ("Take in", "Set aside")]


def test_ranges_and_ports_are_read_as_they_are_typed() -> None:
    assert discovery.words_of(" 10.1.0.0/24， 10.2.1-3.10-20\n10.3.0.1") == ["10.1.0.0/24", "10.2.1-3.10-20", "10.3.0.1"]
    assert discovery.numbers_of("161, 1161 x") == [161, 1161]


def test_hostile_titles_stay_text(live: Desk, visitor: Visitor) -> None:
    seed_candidates(live.store, live.now())
    visitor.account = everything(language="en")
    for page, query in (("discovery.py", {"state": "ignored"}), ("candidate.py", {"id": "d3"})):
        test = opened(page, **query)
        assert not test.exception
        assert "<script" not in said(test)
