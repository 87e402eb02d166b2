"""The map and the finder: what is drawn, how, and what hostile neighbours cannot do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from console.desk import Desk
from console.identity.roles import Role
from console.queries import finder, netmap
from core.records import Sample
from inventory.asset import Asset
from inventory.networks import NETWORK
from inventory.topology import finding
from inventory.topology.history import Known, fold
from inventory.topology.links import End, Link
from tests.console.network import HOSTILE, seed_network
from tests.console.test_api import bearer
from tests.console.test_gate import program
from tests.inventory.topology.makers import mac

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def link(a: str, b: str, port: str = "1", seen: datetime = NOW, **more: object) -> Link:
    return Link(End(a, port), End(b, port) if not b.startswith("?") else End("", port, b[1:]), 2, ("lldp",), 0.99, seen, (a, b), **more)  # type: ignore[arg-type]


def assets(*ids: str, kind: str = "switch") -> dict[str, Asset]:
    return {id_: Asset(id=id_, kind=kind, site="hq") for id_ in ids}


def figures(asset: str, port: str, **values: float) -> dict[netmap.Port, netmap.Figures]:
    samples = [Sample(time=NOW, asset=asset, metric=f"network.interface.{name}", value=value, labels={"interface": port}) for name, value in values.items()]
    return netmap.figures_of(samples)


def states(known: list[Known], measured: dict[netmap.Port, netmap.Figures], wish: netmap.Wish | None = None, now: datetime = NOW) -> dict[str, str]:
    drawn = netmap.drawing(known, assets("a", "b", "c"), {}, measured, wish or netmap.Wish(), now)
    return {f"{line.a}{line.b}": line.state for line in drawn.lines}


def test_a_line_is_as_its_ports_say() -> None:
    known = fold([], [link("a", "b")], NOW)
    assert states(known, {}) == {"ab": "up"}
    assert states(known, figures("b", "1", oper=0.0, admin=1.0)) == {"ab": "down"}
    assert states(known, figures("a", "1", errors=3.0, oper=1.0)) == {"ab": "errors"}
    assert states(known, figures("a", "1", utilization=93.0, errors=0.0, oper=1.0)) == {"ab": "busy"}
    assert states(known, {}, now=NOW + timedelta(hours=3)) == {"ab": "stale"}


def test_half_of_an_aggregated_line_is_told_apart_from_all_of_it() -> None:
    known = fold([], [link("a", "b"), link("a", "b", "2")], NOW)
    one = figures("a", "1", oper=0.0)
    assert states(known, one) == {"ab": "half"}
    assert states(known, one | figures("a", "2", oper=0.0)) == {"ab": "down"}


def test_what_is_gone_stays_for_a_day_and_a_comparison_shows_both_ways() -> None:
    first = fold([], [link("a", "b"), link("a", "c", "2")], NOW)
    later = fold(first, [link("a", "b", seen=NOW + DAY), link("b", "c", "3", seen=NOW + DAY)], NOW + DAY)
    assert states(later, {}, now=NOW + DAY) == {"ab": "up", "ac": "gone", "bc": "up"}
    assert states(later, {}, netmap.Wish(since=NOW), now=NOW + DAY) == {"ab": "up", "ac": "removed", "bc": "added"}
    assert "ac" not in states(later, {}, now=NOW + 3 * DAY)
    again = fold(first, [link("a", "b", "9", seen=NOW + DAY), link("a", "c", "2", seen=NOW + DAY)], NOW + DAY)
    assert states(again, {}, now=NOW + DAY)["ab"] == "half"
    assert states(again, {}, netmap.Wish(since=NOW), now=NOW + DAY) == {"ab": "moved", "ac": "up"}


def test_a_cable_that_was_moved_to_another_port_is_not_missed_and_one_of_two_that_went_is() -> None:
    first = fold([], [link("a", "b"), Link(End("a", "1"), End("c", "7"), 2, ("lldp",), 0.99, NOW, ("a", "c"))], NOW)
    moved = Link(End("a", "2"), End("c", "7"), 2, ("lldp",), 0.99, NOW + DAY, ("a", "c"))
    assert states(fold(first, [link("a", "b", seen=NOW + DAY), moved], NOW + DAY), {}, now=NOW + DAY) == {"ab": "up", "ac": "up"}
    two = fold([], [link("a", "b"), link("a", "b", "2")], NOW)
    assert states(fold(two, [link("a", "b", seen=NOW + DAY)], NOW + DAY), {}, now=NOW + DAY) == {"ab": "half"}


def test_a_claim_that_is_contradicted_is_listed_and_not_drawn() -> None:
    weak = fold([], [Link(End("a", "1"), End("b", "9"), 2, ("lldp",), 0.18, NOW, ("a",), ("b (lldp)",))], NOW)
    assert states(weak, {}) == {}
    assert [known.link.against for known in netmap.doubtful(weak, NOW)] == [("b (lldp)",)]


def session(a: str, b: str, protocol: str, *against: str, sure: float = 0.9) -> Link:
    return Link(End(a), End(b), 3, (protocol,), sure, NOW, (), against)


def test_a_routing_session_that_an_end_says_is_down_is_drawn_so_and_named() -> None:
    known = fold([], [session("a", "b", "ospf"), session("a", "b", "bgp", "bgp idle", sure=0.3), session("b", "c", "isis", "isis failed", sure=0.3)], NOW)
    assert states(known, {}, netmap.Wish(layer="routing")) == {"ab": "half", "bc": "down"}
    assert netmap.doubtful(known, NOW) == []
    drawn = netmap.drawing(known, assets("a", "b", "c"), {}, {}, netmap.Wish(layer="routing"), NOW)
    assert [netmap.cable_text(cable) for cable in drawn.lines[1].cables] == ["ISIS · ● down"]


def test_a_line_does_not_seem_to_end_at_a_node_that_it_passes() -> None:
    known = fold([], [link("a", "b"), link("b", "c", "2"), link("a", "c", "3")], NOW)
    drawn = netmap.placed(netmap.drawing(known, assets("a", "b", "c"), {}, {}, netmap.Wish(), NOW), {"a": (0, 0), "b": (100, 0), "c": (200, 0)})
    lines = netmap.chart(drawn, lambda node: node.title, netmap.Wish())["series"][0]["links"]
    assert [line["lineStyle"]["curveness"] != 0 for line in lines] == [False, True, False]


def test_layers_sites_and_vlans_choose_what_is_drawn() -> None:
    known = fold([], [link("a", "b", vlans=(10,)), link("a", "s", "7")], NOW)
    book = assets("a", "b") | assets("s", kind="server")
    gear = netmap.drawing(known, book, {}, {}, netmap.Wish(layer="gear"), NOW)
    assert [node.id for node in gear.nodes] == ["a", "b"]
    assert netmap.drawing(known, book, {}, {}, netmap.Wish(layer="routing"), NOW).nodes == ()
    assert netmap.drawing(known, book, {}, {}, netmap.Wish(site="elsewhere"), NOW).nodes == ()
    drawn = netmap.placed(netmap.drawing(known, book, {}, {}, netmap.Wish(vlan=10), NOW), {})
    series = netmap.chart(drawn, lambda node: node.title, netmap.Wish(vlan=10))["series"][0]
    assert [node["itemStyle"]["opacity"] for node in series["data"]] == [1, 1, 0.15]
    assert netmap.vlans_of(known) == [10]


def test_states_are_words_and_shapes_and_what_is_cut_off_is_hollow() -> None:
    known = fold([], [link("a", "b")], NOW)
    drawn = netmap.placed(netmap.drawing(known, assets("a", "b"), {"a": "critical", "b": "unreachable"}, {}, netmap.Wish(), NOW), {"b": (5.0, 6.0)})
    first, second = netmap.chart(drawn, lambda node: node.title, netmap.Wish())["series"][0]["data"]
    assert (first["symbol"], first["label"]["formatter"][0], second["label"]["formatter"][0]) == ("circle", "●", "⊘")
    assert (second["itemStyle"]["borderType"], drawn.places["b"]) == ("dashed", (5.0, 6.0))
    assert netmap.behind(drawn, {"b": "unreachable"}) == 1


def test_a_neighbour_with_markup_in_its_name_stays_text_and_is_no_template() -> None:
    known = fold([], [link("a", f"?{HOSTILE}", HOSTILE)], NOW)
    drawn = netmap.placed(netmap.drawing(known, assets("a"), {}, {}, netmap.Wish(), NOW), {})
    series = netmap.chart(drawn, lambda node: node.title, netmap.Wish())["series"][0]
    ghost = next(node for node in series["data"] if node["id"].startswith("?"))
    assert "{" not in ghost["label"]["formatter"]
    assert "{" not in series["links"][0]["value"]
    assert json.loads(json.dumps(series))


def test_long_chinese_names_are_cut_in_the_middle() -> None:
    book = {"a": Asset(id="a", kind="switch", name="核心交换机" * 12), "b": Asset(id="b", kind="switch")}
    drawn = netmap.placed(netmap.drawing(fold([], [link("a", "b")], NOW), book, {}, {}, netmap.Wish(), NOW), {})
    label = netmap.chart(drawn, lambda node: node.title, netmap.Wish())["series"][0]["data"][0]["label"]["formatter"]
    assert len(label) <= 18 + len("unknown ")
    assert "…" in label


@pytest.mark.parametrize(
    "words",
    ["02:00:00:00:00:65", "0200.0000.0065", "02-00-00-00-00-65", "000000065", "10.0.0.36", "网络 web", "web"],
)
def test_a_machine_is_found_by_mac_in_any_notation_by_address_by_name_and_by_port(here: Desk, tmp_path: Path, words: str) -> None:
    seed_network(here.store, here.now(), tmp_path)
    found = finding.search(finding.read_machines(here.store), here.estate.assets(), words)
    assert [(machine.mac, machine.asset, machine.place.switch, machine.place.port) for machine in found] == [(mac(101), "web", "acc1", "1")]


def test_a_word_that_fits_nothing_finds_nothing(here: Desk, tmp_path: Path) -> None:
    seed_network(here.store, here.now(), tmp_path)
    machines = finding.read_machines(here.store)
    assert [finding.search(machines, here.estate.assets(), words) for words in ("10.9.9.9", "nobody", "ff:ff:ff:ff:ff:ff")] == [[], [], []]
    assert len(finding.search(machines, here.estate.assets(), "acc1")) == 6
    assert [machine.mac for machine in finding.search(machines, here.estate.assets(), "acc1 7")] == [mac(200)]
    assert [machine.mac for machine in finder.newest(machines, here.now(), DAY)] == [mac(200)]
    assert [body["address"] for body in finder.living_clashes(here.store)] == ["10.0.0.77"]


def test_the_use_of_a_prefix_is_a_share() -> None:
    assert finder.share({"size": 254, "used": 127}) == 50
    assert finder.share({"size": 0, "used": 3}) == 0
    assert NETWORK == "network"


def test_programs_get_links_machines_and_plan(here: Desk, tmp_path: Path) -> None:
    seed_network(here.store, here.now(), tmp_path)
    with TestClient(program(here), base_url="http://127.0.0.1:8600") as client:
        headers = bearer(here, "robot", Role.VIEWER)

        def get(path: str) -> dict[str, Any]:
            answer = client.get(f"/api/v1/network/{path}", headers=headers)
            assert answer.status_code == 200, answer.text
            return dict(answer.json())

        assert {item["state"] for item in get("links?asset=acc2")["items"]} == {"there", "gone"}
        (then,) = get(f"links?asset=acc2&at={(here.now() - DAY).strftime('%Y-%m-%dT%H:%M:%SZ')}")["items"]
        assert [end["port"] for end in (then["a"], then["b"])] == ["24", "2"]
        (machine,) = get("machines?q=10.0.0.36")["items"]
        assert (machine["mac"], machine["switch"], machine["port"]) == (mac(101), "acc1", "1")
        assert [body["address"] for body in get("plan")["clashes"]] == ["10.0.0.77"]
        assert client.get("/api/v1/network/links?at=2026-03-02T09:00:00", headers=headers).status_code == 422
