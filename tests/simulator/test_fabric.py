from __future__ import annotations

from simulator.estate import load_estate
from simulator.fabric import FACILITIES, MANAGEMENT, OFFICE, SERVERS, network_values, ports_towards, spanning_tree
from simulator.mib import Values, mac
from simulator.places import Places
from simulator.world import World

ESTATE = load_estate()
PLACES = Places(ESTATE)
FDB = (1, 3, 6, 1, 2, 1, 17, 7, 1, 2, 2, 1, 2)
ARP = (1, 3, 6, 1, 2, 1, 4, 22, 1, 2)
STP_STATE = (1, 3, 6, 1, 2, 1, 17, 2, 15, 1, 3)


def world(*faults: str) -> World:
    made = World(ESTATE, lambda: 1.0)
    for fault in faults:
        made.switch(fault, True)
    return made


def answers(made: World, device: str) -> Values:
    return network_values(made, next(one for one in ESTATE.devices if one.id == device), PLACES.address_of)


def learned(made: World, device: str) -> dict[tuple[int, bytes], int]:
    found = answers(made, device)
    return {(oid[13], bytes(oid[14:])): int(value[1]) for oid, value in found.items() if oid[:13] == FDB}


def test_a_server_is_learned_at_its_port_and_everywhere_else_towards_it() -> None:
    place = (SERVERS, mac("hq-oa-app", 1))
    assert learned(world(), "hq-srv1")[place] == 1
    assert learned(world(), "hq-core1")[place] == 5
    assert learned(world(), "hq-srv2")[place] == 25
    assert place not in learned(world(), "lab-core")


def test_loops_are_cut_by_the_tree_and_heal_when_a_core_fails() -> None:
    blocked = [oid[-1] for oid, value in answers(world(), "hq-acc1").items() if oid[:11] == STP_STATE and value[1] == 2]
    assert blocked == [26]
    assert ports_towards("hq-acc1", spanning_tree(world()))["hq-core2"] == 25
    assert ports_towards("hq-acc1", spanning_tree(world("core2-off"))).get("hq-core2") is None
    assert (MANAGEMENT, mac("hq-core2")) not in learned(world("core2-off"), "hq-acc1")


def test_desks_ups_and_sensors_are_there_and_only_gateways_keep_addresses() -> None:
    seen = learned(world(), "hq-acc1")
    assert (OFFICE, mac("hq-acc1-desk", 12)) in seen
    assert seen[FACILITIES, mac("hq-ups", 1)] == 20
    assert [oid for oid in answers(world(), "hq-acc1") if oid[:10] == ARP] == []
    spoken = {oid[-4:]: value[1] for oid, value in answers(world(), "hq-core1").items() if oid[:10] == ARP}
    assert spoken[10, 20, 10, 11] == mac("hq-acc1-desk", 1)


def test_a_stranger_and_a_stolen_address_show_while_the_fault_lasts() -> None:
    assert (OFFICE, mac("stranger-stranger", 1)) not in learned(world(), "hq-acc2")
    assert learned(world("stranger"), "hq-acc2")[OFFICE, mac("stranger-stranger", 1)] == 15
    where = tuple(int(part) for part in PLACES.address_of("hq-oa-app").split("."))
    rows = [value[1] for oid, value in answers(world("address-clash"), "hq-core1").items() if oid[:10] == ARP and oid[-4:] == where]
    assert sorted(rows) == sorted([mac("hq-oa-app", 1), mac("hq-acc1-desk", 1)])
