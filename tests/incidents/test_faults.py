"""Faults of the world around alerting: clocks that jump, a receiver that is dead for a day, a storm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.clock import ManualClock
from core.names import INCIDENT, MUTE
from core.records import Finding, Severity
from service.alerting.alerting import Alerting, Answer
from service.alerting.runner import Tape
from tests.incidents.test_live import NOW, ask, bodies, configuration, odd, opened

pytestmark = pytest.mark.slow
EPOCH = NOW.timestamp()
STORM = 3000


def config(**more: Any) -> Any:
    chain = {"id": "c", "steps": [{"notify": {"person": "li"}}, {"wait": "10m"}, {"notify": {"person": "wang"}}]}
    base = {
        "people": [{"id": "li", "roles": ["operator"], "receivers": ["mail"]}, {"id": "wang", "receivers": ["mail"]}],
        "receivers": [{"id": "mail", "default": True, "resolved": True}],
        "chains": [chain],
        "settings": {"source_timeout": "30d"},
    }
    return configuration(**{**base, **more})


def well(_delivery: Any) -> Answer:
    return "ok", None


def push(alerting: Alerting, asset: str, *, firing: bool = True, severity: str = "high") -> None:
    alerting.take("push", {"rule": "odd", "asset": asset, "source": "s", "severity": severity, "firing": firing})


@pytest.mark.parametrize(
    "jumps",
    [[3600.0], [-3600.0], [10 * 365 * 86400.0], [5.0, -5.0] * 50, [1.0, -1.0], [-86400.0, 86400.0]],
    ids=["+1h", "-1h", "+10y", "strobe", "leap", "day"],
)
def test_a_clock_that_jumps_ends_no_silence_calls_nobody_twice_and_makes_no_negative_time(tmp_path: Path, jumps: Sequence[float]) -> None:
    clock = ManualClock(NOW)
    receivers = [{"id": "mail", "kind": "webhook", "target": "http://127.0.0.1:9/"}]
    with opened(tmp_path, clock, config(receivers=receivers)) as (alerting, store):
        alerting.observe([odd()])
        ask(store, "mute", kind="silence", match={"asset": "core"}, why="x", until=(NOW + timedelta(hours=2)).isoformat())
        alerting.carry_out_intents()
        for jump in jumps:
            clock.advance(60 / len(jumps))
            clock.jump(jump)
            alerting.tick()
        (mute,) = bodies(store, MUTE)
        assert mute["active"]
        for _ in range(30):
            clock.advance(60)
            alerting.tick()
        (incident,) = bodies(store, INCIDENT)
        calls = [entry["person"] for entry in incident["timeline"] if entry["what"] == "escalate"]
        assert calls == ["li", "wang"]
        assert all(clock_["used_s"] >= 0 for clock_ in incident["sla"].values())
        assert (incident["sla"]["ack"]["state"], incident["sla"]["ack"]["used_s"]) == ("breached", pytest.approx(900, abs=2))  # written at the breach
        assert bodies(store, MUTE)[0]["active"]
        clock.advance(2 * 3600)
        alerting.tick()
        assert not bodies(store, MUTE)[0]["active"]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1.0, 59.0, 600.0, 4000.0]), st.sampled_from([-90000.0, -5.0, 5.0, 3600.0, 1e7])), max_size=12))
def test_distances_are_not_moved_by_any_jump(steps: list[tuple[float, float]]) -> None:
    """With and without jumps the same is told after the same time; only what follows the wall clock (none here) may differ."""
    told: list[list[Any]] = []
    for is_jumping in (True, False):
        alerting = Alerting.fresh(config(settings={"source_timeout": "400d", "sla": {"P2": {"ack": "5m", "resolve": "8h"}}}), EPOCH, Tape(), well)
        push(alerting, "web")
        for wait, by in steps:
            alerting.advance(alerting.engine.now + wait, inclusive=True)
            if is_jumping:
                alerting.take("jump", {"by": by})
        alerting.advance(alerting.engine.now + 20_000, inclusive=True)
        told.append([(row["to"], row["reason"], round(row["at"], 3)) for row in alerting.rows().sent])
    assert told[0] == told[1]


def test_a_receiver_dead_for_a_day_gets_what_is_still_true_and_no_day_of_notices(tmp_path: Path) -> None:
    is_dead = True
    tries: Counter[int] = Counter()

    def transport(delivery: Any) -> Answer:
        tries[delivery.id] += 1
        return ("500", None) if is_dead else ("ok", None)

    alerting = Alerting.fresh(config(chains=[]), EPOCH, Tape(), transport)
    for hour in range(24):
        push(alerting, f"a{hour}")
        if hour % 2:
            push(alerting, f"a{hour}", firing=False)
        alerting.advance(alerting.engine.now + 3600, inclusive=True)
    assert alerting.rows().sent == []
    assert alerting.engine.world.selfs, "nobody knows that the channel is dead"
    assert max(tries.values()) < 24 * 3600 / 250, "it is asked too often"
    is_dead = False
    alerting.advance(alerting.engine.now + 700, inclusive=True)
    sent = alerting.rows().sent
    assert sorted((row["reason"], row["incident"]) for row in sent) == [("first", nth) for nth in range(1, 25, 2)]
    assert not alerting.engine.world.selfs
    alerting.advance(alerting.engine.now + 3000, inclusive=True)
    assert alerting.rows().sent == []


def test_a_storm_loses_nothing_is_told_in_one_summary_and_a_grave_one_of_another_site_gets_through() -> None:
    receivers = [{"id": "mail", "default": True, "limit": {"notices": 10, "within": "10m"}}]
    assets = [*({"id": f"s{n}", "site": "north"} for n in range(STORM)), {"id": "south", "site": "south", "importance": "critical"}]
    alerting = Alerting.fresh(config(receivers=receivers, assets=assets, chains=[], rules=[{"id": "odd"}]), EPOCH, Tape(), well)
    for number in range(STORM):
        if number == STORM // 2:
            push(alerting, "south", severity="critical")
        push(alerting, f"s{number}")
    alerting.advance(60, inclusive=True)
    world = alerting.engine.world
    firing = {world.alerts[name].asset for incident in world.incidents.values() for name in incident.firing}
    assert len(firing) == STORM + 1
    sent = alerting.rows().sent
    grave = next(nth for nth, incident in world.incidents.items() if incident.root == "south")
    assert world.incidents[grave].priority == "P1"
    assert [row["reason"] for row in sent if row["incident"] == grave] == ["first"]
    assert len(sent) == 11
    alerting.advance(700, inclusive=True)
    summaries = [row for row in alerting.rows().sent if row["reason"] == "summary"]
    assert len(summaries) == 1
    assert summaries[0]["content"]["number"] == STORM - 10


def test_findings_in_any_order_of_assets_make_the_same_incidents(tmp_path: Path) -> None:
    seen = []
    for turn in (1, -1):
        folder = tmp_path / str(turn)
        folder.mkdir()
        with opened(folder, ManualClock(NOW)) as (alerting, store):
            found = [Finding(time=NOW, source="odd", asset=f"n{n}", title="t", severity=Severity.HIGH, firing=True) for n in range(20)]
            alerting.observe(found[::turn])
            alerting.observe([Finding(time=NOW, source="odd", asset=f"n{n}", title="t", severity=Severity.HIGH, firing=False) for n in range(0, 20, 2)][::turn])
            seen.append(sorted((one["root"], one["state"], one["priority"], len(one["members"])) for one in bodies(store, INCIDENT)))
            assert all(datetime.fromisoformat(one["opened"]) == NOW for one in bodies(store, INCIDENT))
    assert seen[0] == seen[1]
    assert Counter(state for _root, state, _priority, _n in seen[0]) == {"open": 10, "resolved": 10}
