"""Which asset ranks first as the root of an incident, and why."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from detectors.roots.rank import Suspect, Trace, chance, rank

BEFORE = np.arange(-120, 0) * 60.0
AFTER = np.arange(0, 12) * 60.0


def trace(asset: str, metric: str, usual: float, then: float, since_min: int = 0, seed: int = 1, least: float = 1.0) -> Trace:
    rng = np.random.default_rng(seed)
    after = np.where(since_min * 60 <= AFTER, then, usual)
    values = np.concatenate([np.full(len(BEFORE), usual), after]) + rng.normal(0, 0.01 * max(usual, 1), len(BEFORE) + len(AFTER))
    return Trace(asset, metric, np.concatenate([BEFORE, AFTER]), values, {}, least)


CHAIN = [("page", "runs_on", "app"), ("app", "depends_on", "db"), ("app", "powered_by", "ups")]


def ranked(traces: list[Trace], hit: dict[str, float], edges: list[tuple[str, str, str]] = CHAIN) -> list[Suspect]:
    return rank(traces, edges, hit, 0.0, 720.0)


def test_the_deepest_abnormal_asset_comes_first_and_says_what_it_explains() -> None:
    traces = [trace("page", "duration", 1, 9, 2), trace("app", "cpu", 20, 60, 1), trace("db", "cpu", 30, 98, 0), trace("ups", "load", 40, 40)]
    first, *_ = ranked(traces, {"page": 120.0})
    assert (first.asset, first.is_deepest) == ("db", True)
    assert dict(first.explains) == {"page": "runs_on", "app": "depends_on"}
    assert (first.shifts[0].metric, first.shifts[0].since) == ("cpu", 0.0)
    assert first.shifts[0].value == pytest.approx(98, abs=1.5)


def test_what_was_abnormal_only_later_explains_nothing() -> None:
    traces = [trace("page", "duration", 1, 9, 0), trace("app", "cpu", 20, 20), trace("db", "cpu", 30, 98, 10)]
    assert ranked(traces, {"page": 0.0})[0].asset == "page"


def test_a_usual_asset_between_does_not_hide_what_is_below() -> None:
    traces = [trace("page", "duration", 1, 9, 1), trace("app", "cpu", 20, 20), trace("db", "cpu", 30, 98, 0)]
    assert ranked(traces, {"page": 60.0})[0].asset == "db"


def test_what_all_hosts_did_alike_is_nobodys_fault() -> None:
    edges = [("page", "runs_on", f"h{n}") for n in range(6)]
    traces = [trace(f"h{n}", "cpu", 20, 60 + n if n else 95, seed=n) for n in range(6)] + [trace("page", "duration", 1, 9, 1)]
    found = {one.asset: one.own for one in ranked(traces, {"page": 60.0}, edges)}
    assert found["h0"] > 0.5
    assert [found[f"h{n}"] for n in range(1, 6)] == [0.0] * 5


def test_two_ends_of_a_cable_do_not_explain_one_another_away() -> None:
    edges = [("a", "connected_to", "b"), ("page", "reached_by", "a")]
    traces = [trace("a", "errors", 0, 40), trace("b", "errors", 0, 40, seed=2), trace("page", "duration", 1, 9, 1)]
    assert {one.asset for one in ranked(traces, {"page": 60.0, "a": 0.0, "b": 0.0}, edges)[:2]} == {"a", "b"}


def test_an_asset_that_nothing_measures_may_be_the_root_but_never_before_one_that_is_seen_to_fail() -> None:
    edges = [("h1", "powered_by", "feed"), ("h2", "powered_by", "feed"), ("h3", "powered_by", "feed")]
    traces = [trace(f"h{n}", "up", 1, 0, least=0.3, seed=n) for n in (1, 2, 3)]
    found = ranked(traces, {"h1": 0.0, "h2": 0.0, "h3": 0.0}, edges)
    assert "feed" in [one.asset for one in found]
    assert found[0].asset != "feed"
    assert dict(next(one for one in found if one.asset == "feed").explains).keys() == {"h1", "h2", "h3"}


@pytest.mark.parametrize("values", [[np.nan] * 132, [1e300] * 132, [5.0] * 132])
def test_odd_series_neither_fail_nor_accuse(values: list[float]) -> None:
    odd = Trace("db", "odd", np.concatenate([BEFORE, AFTER]), np.array(values))
    found = ranked([odd, trace("page", "duration", 1, 9, 0)], {"page": 0.0})
    assert found[0].asset == "page"
    assert json.dumps([one.body() for one in found])


def test_a_port_that_comes_up_explains_nothing() -> None:
    up = trace("db", "oper", 0, 1, least=0.1)
    assert ranked([up, trace("page", "duration", 1, 9, 1)], {"page": 60.0})[0].asset == "db"
    assert ranked([replace(up, bad=-1), trace("page", "duration", 1, 9, 1)], {"page": 60.0})[0].asset == "page"


def test_chance_is_printed_honestly() -> None:
    assert (chance(20, 3), chance(2, 3), chance(0, 1)) == (0.15, 1.0, 0.0)
