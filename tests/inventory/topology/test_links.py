from __future__ import annotations

from inventory.asset import Asset, Ways
from inventory.topology.evidence import device_of
from inventory.topology.links import Link, links
from tests.inventory.topology.makers import device, directory, mac, silent, told


def found(*devices: object) -> dict[tuple[str, str], Link]:
    return {(link.a.text, link.b.text): link for link in links(directory(*devices))}  # type: ignore[arg-type]


def test_both_ends_saying_the_same_make_one_sure_link() -> None:
    one = device("a", 1, neighbours=[told("Gi1/0/1", "b", "GigabitEthernet1/0/2")])
    two = device("b", 2, neighbours=[told("GigabitEthernet1/0/2", "a.example.org", "GigabitEthernet1/0/1", protocol="lldp")])
    (link,) = found(one, two).values()
    assert (link.sources, link.confidence, link.against, link.told_by) == (("lldp",), 0.99, (), ("a", "b"))


def test_one_end_alone_is_less_sure_and_a_denial_less_still() -> None:
    one = device("a", 1, neighbours=[told("1", "b", "9")])
    assert found(one, silent("b"))["a 1", "b 9"].confidence == 0.9
    denying = device("b", 2, neighbours=[told("3", "c", "1")])
    link = found(one, denying, silent("c"))["a 1", "b 9"]
    assert (link.confidence, link.against) == (0.63, ("b (lldp)",))


def test_two_claims_on_one_port_leave_the_better_proven_link_and_say_so() -> None:
    devices = (
        device("a", 1, neighbours=[told("1", "b", "1")]),
        device("b", 2, neighbours=[told("1", "a", "1")]),
        device("c", 3, neighbours=[told("7", "b", "1")]),
    )
    result = found(*devices)
    assert result["a 1", "b 1"].confidence == 0.99
    liar = next(link for ends, link in result.items() if "c 7" in ends)
    assert liar.confidence < 0.3
    assert "a 1 – b 1" in liar.against


def test_many_neighbours_on_one_port_are_behind_something_that_forwards() -> None:
    result = found(device("a", 1, neighbours=[told("1", "b", "1"), told("1", "c", "1")]), silent("b"), silent("c"))
    assert [link.confidence for link in result.values()] == [0.81, 0.81]
    assert all(not link.against for link in result.values())


def test_a_neighbour_that_is_no_asset_keeps_its_own_words() -> None:
    (link,) = found(device("a", 1, neighbours=[told("1", "<b>ghost</b>", "eth0")])).values()
    assert (link.b.asset, link.b.name, link.key) == ("", "<b>ghost</b>", "2|a|1|<b>ghost</b>|eth0")


def test_forwarding_tables_alone_find_the_line_of_switches() -> None:
    """a - b - c: a and c see each other through b, and are not joined."""
    devices = (
        device("a", 1, fdb=[[mac(2), "1", 1], [mac(3), "1", 1]]),
        device("b", 2, fdb=[[mac(1), "1", 1], [mac(3), "2", 1]]),
        device("c", 3, fdb=[[mac(1), "5", 1], [mac(2), "5", 1]]),
    )
    result = found(*devices)
    assert sorted(result) == [("a 1", "b 1"), ("b 2", "c 5")]
    assert {link.sources for link in result.values()} == {("fdb",)}
    assert {link.confidence for link in result.values()} == {0.84}


def test_a_server_hangs_on_the_port_where_its_address_was_learned_not_on_the_uplink() -> None:
    core = device("core", 1, fdb=[[mac(2), "1", 1], [mac(9), "1", 1]], arp=[["10.0.0.9", mac(9), "Vlan1"]])
    access = device("access", 2, fdb=[[mac(1), "24", 1], [mac(9), "3", 10]])
    result = found(core, access, silent("web", "10.0.0.9"))
    assert ("access 3", "web") in result
    assert result["access 3", "web"].confidence > 0.8
    assert not [ends for ends in result if "web" in ends[1] and "core" in ends[0]]


def test_an_aggregated_port_speaks_for_each_of_its_members() -> None:
    lag = {"1": "Trunk1", "2": "Trunk1"}
    devices = (
        device("a", 1, neighbours=[told("1", "b", "1"), told("2", "b", "2")], lag=lag, fdb=[[mac(2), "Trunk1", 1]]),
        device("b", 2, neighbours=[told("1", "a", "1"), told("2", "a", "2")], lag=lag, fdb=[[mac(1), "Trunk1", 1]]),
    )
    result = found(*devices)
    assert sorted(result) == [("a 1", "b 1"), ("a 2", "b 2")]
    assert {link.group for link in result.values()} == {"Trunk1"}
    assert {link.sources for link in result.values()} == {("fdb", "lldp")}


def test_spanning_tree_names_the_bridge_behind_a_blocked_port() -> None:
    blocked = {"port": "2", "state": "blocking", "bridge": mac(1), "bridge_port": 4}
    result = found(device("a", 1), device("b", 2, stp={"root": mac(1), "ports": [blocked]}))
    assert result["a", "b 2"].confidence == 0.7


def test_routing_peers_are_links_of_the_third_layer() -> None:
    one = device("a", 1, kind="router", addresses=["10.9.0.1"], peers=[["ospf", "10.9.0.2", "full"]])
    two = device("b", 2, kind="router", addresses=["10.9.0.2"], peers=[["ospf", "10.9.0.1", "full"], ["bgp", "10.9.0.1", "idle"]])
    routed = {link.sources: link for link in links(directory(one, two))}
    assert (routed["ospf",].layer, routed["ospf",].confidence) == (3, 0.99)
    assert routed["bgp",].against == ("bgp idle",)


def test_two_devices_with_one_name_are_not_guessed_between() -> None:
    twins = (device("x", 4, sysname="twin"), device("y", 5, sysname="twin"))
    (link,) = [link for link in links(directory(device("a", 1, neighbours=[told("1", "twin", "1")]), *twins)) if link.a.asset == "a"]
    assert link.b.asset == ""


def test_nonsense_in_a_snapshot_is_left_out() -> None:
    wild = device("a", 1, neighbours=[{"local": 3}, "x", None], fdb=[["zz", "1", 1], [mac(3)], 7], arp="no", stp=[1], lag=[2], peers=[["ospf", "x", "y"]])
    assert links(directory(wild)) == []


def test_a_system_that_shares_its_servers_address_leaves_it_to_the_server() -> None:
    server = silent("web", "10.0.0.9")
    page = device_of(Asset(id="portal", kind="system", address="10.0.0.9", runs_on=Ways(all=("web",))))
    switch = device("a", 1, fdb=[[mac(9), "3", 1]], arp=[["10.0.0.9", mac(9), "v1"]])
    assert list(found(switch, server, page)) == [("a 3", "web")]


def test_an_is_is_neighbour_is_found_by_its_address_or_else_by_its_mac_address() -> None:
    one = device("a", 1, kind="router", peers=[["isis", "10.9.0.2", "up"], ["isis", mac(3), "failed"]])
    two, three = device("b", 2, kind="router", addresses=["10.9.0.2"]), device("c", 3, kind="router")
    routed = {link.b.asset: link for link in links(directory(one, two, three))}
    assert (routed["b"].layer, routed["b"].sources, routed["b"].confidence, routed["b"].against) == (3, ("isis",), 0.9, ())
    assert (routed["c"].confidence, routed["c"].against) == (0.3, ("isis failed",))


def test_next_hops_are_weak_links_of_their_own_and_support_a_session() -> None:
    hops = [["10.9.0.2", "e1", 7], ["10.9.0.2", "e2", 1], ["10.9.0.3", "e3", 1], ["10.9.0.99", "e4", 1], [3, "x", 1], ["x", "y", 2]]
    one = device("a", 1, kind="router", addresses=["10.9.0.1"], peers=[["ospf", "10.9.0.3", "full"]], routes=hops)
    two, three = device("b", 2, kind="router", addresses=["10.9.0.2"]), device("c", 3, kind="router", addresses=["10.9.0.3"])
    routed = {link.b.asset: (link.layer, link.sources, link.confidence) for link in links(directory(one, two, three))}
    assert routed == {"b": (3, ("route",), 0.5), "c": (3, ("ospf", "route"), 0.95)}


def test_several_sessions_of_two_devices_are_several_links_and_several_addresses_of_a_neighbour_one_word() -> None:
    peers = [["isis", "10.9.0.2", "up"], ["isis", "2001:db8::2", "up"], ["ospf", "10.9.0.2", "full"], ["bgp", "10.9.0.2", "established"]]
    one = device("a", 1, kind="router", peers=peers)
    two = device("b", 2, kind="router", addresses=["10.9.0.2", "2001:db8::2"])
    found = links(directory(one, two))
    assert {link.protocol: link.confidence for link in found} == {"isis": 0.9, "ospf": 0.9, "bgp": 0.85}
    assert len({link.key for link in found}) == 3


def test_an_end_that_says_the_session_is_down_speaks_against_the_other() -> None:
    one = device("a", 1, kind="router", addresses=["10.9.0.1"], peers=[["ospf", "10.9.0.2", "full"]])
    two = device("b", 2, kind="router", addresses=["10.9.0.2"], peers=[["ospf", "10.9.0.1", "down"]])
    (link,) = links(directory(one, two))
    assert (link.against, link.confidence) == (("ospf down",), 0.93)


def test_the_gateway_of_a_server_is_no_link_of_the_network() -> None:
    server = device("web", 1, kind="server", addresses=["10.9.0.9"], routes=[["10.9.0.2", "eth0", 1]])
    router = device("b", 2, kind="router", addresses=["10.9.0.2"])
    assert links(directory(server, router)) == []
