from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from inventory.asset import Asset
from inventory.networks import Plan, network_body, outside, read_plan, taken, vlan_bodies
from inventory.topology.machines import Machine, Stay
from tests.inventory.topology.makers import NOW, device, directory, mac

PLAN = """
networks:
  - {prefix: 10.0.0.0/24, name: 办公网, vlan: 10, gateway: 10.0.0.1, dynamic: [10.0.0.100-199], reserved: [10.0.0.1-10.0.0.9]}
  - {prefix: 10.0.0.64/26, name: 打印机}
  - {prefix: "fd00:1::/64", name: v6}
"""


def written(folder: Path, text: str, name: str = "networks.yaml") -> Plan:
    (folder / name).write_text(text, encoding="utf-8")
    return read_plan(folder)


def machine(number: int, *addresses: str, asset: str = "", vlan: int = 10) -> Machine:
    return Machine(mac(number), NOW, NOW, asset, addresses, (), (Stay("sw", "1", vlan, NOW, NOW),), 0.9)


def test_each_address_in_use_gets_a_verdict(tmp_path: Path) -> None:
    network = written(tmp_path, PLAN).networks[0]
    assets = [Asset(id="web", address="10.0.0.20"), Asset(id="idle", address="10.0.0.21")]
    machines = [
        machine(1, "10.0.0.20", asset="web"),
        machine(2, "10.0.0.150"),
        machine(3, "10.0.0.30"),
        machine(4, "10.0.0.5"),
        machine(5, "10.0.0.40"),
        machine(6, "10.0.0.40"),
        machine(7, "10.0.0.1"),
        machine(8, "10.9.9.9"),
    ]
    verdicts = {row.address: row.verdict for row in taken(network, assets, machines, NOW)}
    assert list(verdicts.items()) == [
        ("10.0.0.1", "dynamic"),
        ("10.0.0.5", "reserved"),
        ("10.0.0.20", "ok"),
        ("10.0.0.21", "unseen"),
        ("10.0.0.30", "unknown"),
        ("10.0.0.40", "clash"),
        ("10.0.0.150", "dynamic"),
    ]
    body = network_body(network, taken(network, assets, machines, NOW))
    assert (body["size"], body["used"], body["verdicts"]["unknown"]) == (254, 7, 1)


def test_a_machine_not_seen_for_a_month_gives_its_address_back(tmp_path: Path) -> None:
    network = written(tmp_path, PLAN).networks[0]
    assert taken(network, [], [machine(1, "10.0.0.30")], NOW + timedelta(days=31)) == []


def test_the_narrowest_prefix_holds_an_address(tmp_path: Path) -> None:
    plan = written(tmp_path, PLAN)
    names = [found.name if (found := plan.of(address)) else None for address in ("10.0.0.70", "10.0.0.7", "fd00:1::5", "10.1.0.1", "no address")]
    assert names == ["打印机", "办公网", "v6", None, None]


def test_addresses_outside_the_plan_are_counted_by_network(tmp_path: Path) -> None:
    plan = written(tmp_path, PLAN)
    found = outside(plan, [machine(1, "192.168.7.1"), machine(2, "192.168.7.2", "fe80::1"), machine(3, "10.0.0.30"), machine(4, "fd00:2::9")], NOW)
    assert [(body["prefix"], body["used"]) for body in found] == [("192.168.7.0/24", 2), ("fd00:2::/64", 1)]


def test_vlans_are_compared_with_the_plan(tmp_path: Path) -> None:
    written(tmp_path, "vlans:\n  - {id: 30, name: cameras}\n  - {id: 40, name: spare}\n", "vlans.yaml")
    plan = written(tmp_path, PLAN)
    switches = directory(device("a", 1, vlans={"1": "default", "10": "Office", "30": "cameras", "66": "x"}), device("b", 2, vlans={"10": "office2"}))
    verdicts = {body["vlan"]: body["verdict"] for body in vlan_bodies(plan, switches, [machine(1, vlan=30)])}
    assert verdicts == {1: "ok", 10: "names", 30: "ok", 40: "unused", 66: "unplanned"}


def test_without_a_plan_no_vlan_is_blamed() -> None:
    assert [body["verdict"] for body in vlan_bodies(Plan(), directory(device("a", 1, vlans={"66": "x"})), [])] == ["ok"]


def test_what_is_wrong_is_said_with_file_line_and_key_and_the_rest_is_taken(tmp_path: Path) -> None:
    plan = written(
        tmp_path,
        "networks:\n  - {prefix: 10.0.0.0/24, gateway: 10.1.0.1}\n  - {prefix: 10.0.0.0/24}\n  - {prefix: 10.0.0.0/24}\n  - {prefix: 10.2.0.0/24, vlan: 5000}\n"
        "  - {prefix: 10.3.0.0/24, dynamic: [10.3.0.9-3]}\n  - {prefix: 10.4.0.7/24}\n",
    )
    assert [str(network.prefix) for network in plan.networks] == ["10.0.0.0/24"]
    texts = [str(problem) for problem in plan.problems]
    assert len(texts) == 5
    assert [text.partition("networks.yaml:")[2][:1] for text in texts] == ["2", "4", "5", "6", "7"]
    assert "is not in" in texts[0]
    assert "vlan" in texts[2]


def test_a_prefix_lies_in_the_zone_that_it_names_and_one_that_nobody_described_is_reported(tmp_path: Path) -> None:
    written(tmp_path, "zones:\n  - {name: 服务器区, role: important}\n  - {name: 办公区}\n  - {name: 办公区}\n  - {name: x, role: kitchen}\n", "zones.yaml")
    plan = written(
        tmp_path, "networks:\n  - {prefix: 10.0.0.0/8, zone: 办公区}\n  - {prefix: 10.1.0.0/16, zone: 服务器区}\n  - {prefix: 10.2.0.0/16, zone: 别处}\n"
    )
    found = [plan.zone_of(address) for address in ("10.9.9.9", "10.1.2.3", "10.2.0.1", "192.0.2.1", "no address")]
    assert [(zone.name, zone.role) if zone else None for zone in found] == [("办公区", "ordinary"), ("服务器区", "important"), ("别处", "ordinary"), None, None]
    assert [problem.key for problem in plan.problems] == ["zones.2.name", "zones.3.role", "networks.2.zone"]
