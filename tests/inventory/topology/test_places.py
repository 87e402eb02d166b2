from __future__ import annotations

from inventory.topology.places import addresses, clashes, places
from tests.inventory.topology.makers import device, directory, mac, silent, told


def test_the_place_of_a_machine_is_the_port_that_leads_to_no_other_switch() -> None:
    core = device("core", 1, fdb=[[mac(2), "1", 1], [mac(9), "1", 10]])
    access = device("access", 2, fdb=[[mac(1), "24", 1], [mac(9), "3", 10]])
    place = places(directory(core, access))[mac(9)]
    assert (place.switch, place.port, place.vlan, place.confidence, place.others) == ("access", "3", 10, 0.95, ())


def test_a_neighbour_told_by_lldp_makes_a_port_an_uplink_even_when_its_address_has_aged_out() -> None:
    core = device("core", 1, fdb=[[mac(9), "1", 1]], neighbours=[told("1", "access", "24")])
    access = device("access", 2, fdb=[[mac(9), "3", 1]])
    assert places(directory(core, access))[mac(9)].switch == "access"


def test_a_machine_on_two_edge_ports_is_less_sure_and_both_are_named() -> None:
    one, two = device("a", 1, fdb=[[mac(9), "3", 1]]), device("b", 2, fdb=[[mac(9), "4", 1]])
    place = places(directory(one, two))[mac(9)]
    assert (place.confidence, len(place.others)) == (0.47, 1)


def test_an_address_of_two_living_machines_is_a_clash() -> None:
    switch = device("a", 1, fdb=[[mac(8), "1", 1], [mac(9), "2", 1]], arp=[["10.0.0.5", mac(8), "v1"], ["10.0.0.5", mac(9), "v2"]])
    assert [(clash.address, clash.macs) for clash in clashes(directory(switch))] == [("10.0.0.5", (mac(8), mac(9)))]


def test_a_machine_that_takes_the_address_of_an_asset_is_a_clash_and_not_the_asset() -> None:
    switch = device("a", 1, fdb=[[mac(8), "1", 1], [mac(9), "2", 1]], arp=[["10.0.0.5", mac(8), "v"], ["10.0.0.5", mac(9), "v"]])
    both = directory(switch, silent("web", "10.0.0.5"))
    assert [clash.address for clash in clashes(both)] == ["10.0.0.5"]
    assert "web" not in both.by_mac.values()


def test_a_stale_answer_and_a_redundancy_group_are_no_clash() -> None:
    stale = device("a", 1, fdb=[[mac(9), "2", 1]], arp=[["10.0.0.5", mac(8), "v1"], ["10.0.0.5", mac(9), "v1"]])
    group = device("b", 2, arp=[["10.0.0.1", "00:00:5e:00:01:07", "v1"], ["10.0.0.1", mac(9), "v1"]])
    assert clashes(directory(stale, group)) == []


def test_two_interfaces_of_one_asset_are_no_clash() -> None:
    server = device("s", 7, kind="server", macs=[mac(8), mac(9)])
    switch = device("a", 1, fdb=[[mac(8), "1", 1], [mac(9), "2", 1]], arp=[["10.0.0.5", mac(8), "v"], ["10.0.0.5", mac(9), "v"]])
    assert clashes(directory(server, switch)) == []


def test_addresses_come_from_every_table() -> None:
    one, two = device("a", 1, arp=[["10.0.0.5", mac(9), "v"]]), device("b", 2, arp=[["fe80::1", mac(9), "v"]])
    assert addresses(directory(one, two)) == {mac(9): ("10.0.0.5", "fe80::1")}
