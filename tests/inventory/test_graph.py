"""What hangs together, and what breaks when something stops."""

import time

import pytest

from inventory.asset import Asset
from inventory.graph import build_graph, dangling


def asset(id: str, **fields: object) -> Asset:
    return Asset.model_validate({"id": id, **fields})


ESTATE = [
    asset("core1"),
    asset("core2"),
    asset("acc1", reached_by=["core1", "core2"]),
    asset("acc2", reached_by=["core1"]),
    asset("hv1", reached_by=["acc2"], powered_by=["ups-a", "ups-b"]),
    asset("ups-a"),
    asset("ups-b"),
    asset("vm1", runs_on=["hv1"]),
    asset("oa", depends_on=["vm1", "db"]),
    asset("db"),
    asset("web", depends_on={"any": ["vm1", "db"]}),
]
GRAPH = build_graph(ESTATE)


def lost(*stopped: str) -> set[str]:
    return {hit.asset for hit in GRAPH.impact(stopped) if hit.lost}


@pytest.mark.parametrize(
    ("stopped", "broken"),
    [
        (("core2",), set()),
        (("core1",), {"acc2", "hv1", "vm1", "oa"}),
        (("core1", "core2"), {"acc1", "acc2", "hv1", "vm1", "oa"}),
        (("ups-a",), set()),
        (("ups-a", "ups-b"), {"hv1", "vm1", "oa"}),
        (("db",), {"oa"}),
        (("db", "vm1"), {"oa", "web"}),
    ],
)
def test_what_breaks_minds_redundancy(stopped: tuple[str, ...], broken: set[str]) -> None:
    assert lost(*stopped) == broken


def test_what_only_loses_redundancy_is_told_apart() -> None:
    hits = {hit.asset: hit for hit in GRAPH.impact(["ups-a"])}
    assert not hits["hv1"].lost
    assert hits["hv1"].via == "ups-a"


def test_distance_and_cause_are_told() -> None:
    hits = {hit.asset: hit for hit in GRAPH.impact(["core1"])}
    assert (hits["oa"].hops, hits["oa"].via, hits["oa"].relation) == (4, "vm1", "depends_on")


def test_the_shortest_way_between_two() -> None:
    path = GRAPH.path("oa", "core1")
    assert path is not None
    assert [edge.relation for edge in path] == ["depends_on", "runs_on", "reached_by", "reached_by"]
    assert GRAPH.path("oa", "oa") == ()
    assert build_graph([asset("x"), asset("y")]).path("x", "y") is None


def test_a_circle_does_not_loop() -> None:
    graph = build_graph([asset("a", depends_on=["b"]), asset("b", depends_on=["a"])])
    assert [hit.asset for hit in graph.impact(["a"])] == ["b"]


def test_single_points_of_failure_come_most_first() -> None:
    assert GRAPH.single_points()[0] == ("core1", 4)


def test_relations_to_nothing_are_listed_and_left_out() -> None:
    (edge,) = dangling([asset("a", depends_on=["ghost"])])
    assert edge.target == "ghost"
    assert build_graph([asset("a", depends_on=["ghost"])]).neighbours("a") == ()


def test_a_level_gives_the_importance_unless_it_is_given() -> None:
    assert asset("a", level=3).importance == "high"
    assert asset("a", level=3, importance="low").importance == "low"


def test_ten_thousand_assets_answer_quickly_enough_to_click() -> None:
    assets = [asset("n0")] + [asset(f"n{i}", reached_by=[f"n{(i - 1) // 20}"]) for i in range(1, 10_000)]
    graph = build_graph(assets)
    started = time.perf_counter()
    assert len(graph.impact(["n0"])) == 9_999
    assert time.perf_counter() - started < 10  # a hang guard; the figure itself is the benchmark's
