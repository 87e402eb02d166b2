from __future__ import annotations

import random

from inventory.topology.layout import STEP_X, STEP_Y, bend, layout

BUREAU = [
    ("core1", "core2"),
    *((core, access) for access in ("a1", "a2", "a3", "a4") for core in ("core1", "core2")),
    ("core1", "fw"),
    ("fw", "r"),
    ("a1", "web"),
]


def big(switches: int = 20, machines: int = 24) -> tuple[list[str], list[tuple[str, str]]]:
    links = [("core", f"s{number:02d}") for number in range(switches)]
    links += [(f"s{number:02d}", f"m{number:02d}-{each:02d}") for number in range(switches) for each in range(machines)]
    return sorted({end for link in links for end in link}), links


def test_a_redundant_pair_stands_at_the_top_and_the_rest_below() -> None:
    places = layout({end for link in BUREAU for end in link}, BUREAU)
    assert places["core1"][1] == places["core2"][1] == min(y for _, y in places.values())
    assert places["web"][1] > places["a1"][1] > places["core1"][1]
    assert places["r"][1] > places["fw"][1]


def test_two_cores_without_a_cable_between_them_stand_side_by_side() -> None:
    links = [(core, f"d{number}") for core in ("c0", "c1") for number in range(5)] + [("d0", "a"), ("d0", "b")]
    places = layout({end for link in links for end in link}, links)
    assert places["c0"][1] == places["c1"][1] == min(y for _, y in places.values())
    assert {places[f"d{number}"][1] for number in range(5)} & {places["c0"][1]} == set()


def test_the_order_of_the_links_changes_nothing() -> None:
    nodes, links = big()
    mixed = random.Random(3).sample(links, len(links))
    assert layout(nodes, links) == layout(reversed(nodes), [(b, a) for a, b in mixed])


def test_no_two_of_five_hundred_nodes_share_a_place_and_the_picture_fits_a_screen() -> None:
    nodes, links = big()
    places = layout(nodes, links)
    assert len(nodes) == 501
    cells = {(round(x / STEP_X * 2), round(y / STEP_Y * 2)) for x, y in places.values()}
    assert len(cells) == len(nodes)
    width = max(x for x, _ in places.values()) - min(x for x, _ in places.values())
    height = max(y for _, y in places.values()) - min(y for _, y in places.values())
    assert 0.7 < width / height < 4


def test_a_pinned_node_stays_where_it_was_put() -> None:
    assert layout(["a", "b"], [("a", "b")], {"b": (7.0, 9.0), "gone": (1.0, 1.0)})["b"] == (7.0, 9.0)
    assert "gone" not in layout(["a"], [], {"gone": (1.0, 1.0)})


def test_a_long_chain_a_ring_and_lonely_nodes_have_places() -> None:
    chain = [(f"n{number:04d}", f"n{number + 1:04d}") for number in range(2000)]
    assert len(layout({end for link in chain for end in link}, chain)) == 2001
    ring = [(str(number), str((number + 1) % 9)) for number in range(9)]
    assert len(set(layout([*map(str, range(9)), "x", "y"], [*ring, ("x", "x"), ("y", "unknown")]).values())) == 11
    assert layout([], []) == {}


def test_a_line_goes_around_what_stands_between_its_ends() -> None:
    assert bend((0, 0), (100, 0), [(0, 0), (100, 0), (50, 40)], 10) == 0
    assert abs(bend((0, 0), (100, 0), [(50, 0)], 10)) >= 0.15
    assert bend((0, 0), (100, 0), [(50, 0), (50, 200)], 10) < 0 < bend((0, 0), (100, 0), [(50, 0), (50, -200)], 10)
    assert bend((0, 0), (100, 0), [(50, 0), (50, -15), (50, 15), (50, -30), (50, 30), (50, 50), (50, -50)], 10) == 0
