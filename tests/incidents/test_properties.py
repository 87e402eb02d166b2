"""Whatever comes in whatever order: nothing is lost, repeats change nothing, and the state survives writing, reading and replaying."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import Refused
from incidents import lifecycle
from incidents.config import Configuration
from inventory.asset import Ways
from service.alerting.alerting import Alerting, Answer
from service.alerting.runner import Tape

EPOCH = 1_772_413_200.0
CONFIG = Configuration.model_validate(
    {
        "assets": [
            {"id": "core", "importance": "critical"},
            {"id": "acc1", "reached_by": ["core"]},
            {"id": "acc2", "reached_by": {"any": ["core", "acc1"]}, "importance": "low"},
            {"id": "room", "kind": "room"},
            {"id": "web", "depends_on": ["acc1"], "located_in": "room"},
        ],
        "rules": [
            {"id": "ping", "kind": "check", "severity": "critical", "reachability": True, "problem_after": 1, "recover_after": 1},
            {"id": "load", "class": "load", "severity": "warning"},
            {"id": "login", "class": "auth", "severity": "high", "security": True},
            {"id": "slow", "class": "load", "severity": "info", "resolve": "last"},
            {"id": "maybe", "class": "odd", "severity": "high", "candidate": True},
        ],
        "people": [{"id": "li", "roles": ["duty_leader", "operator"], "receivers": ["mail"]}],
        "receivers": [
            {"id": "mail", "default": True, "resolved": True, "limit": {"notices": 5, "within": 600}},
            {"id": "sick", "quiet": {"from": "22:00", "to": "07:00"}},
        ],
        "routes": [{"match": {"priority": ["P1", "P2"]}, "to": ["mail", "sick"], "continue": True}],
        "chains": [{"id": "std", "steps": [{"notify": {"person": "li"}}, {"wait": 300}, {"notify": {"role": "duty_leader"}}], "times": 2}],
        "inhibit": [{"if": {"rule": "login"}, "hold": {"rule": "load"}, "same": ["asset"]}],
        "correlate": [{"by": ["labels.change"]}],
    }
)
ASSETS = [asset.id for asset in CONFIG.assets]
assets, numbers = st.sampled_from(ASSETS), st.integers(1, 6)
pushes = st.builds(
    lambda rule, asset, severity, firing, change: (
        "push",
        {"rule": rule, "asset": asset, "source": "s", "severity": severity, "firing": firing, "labels": {"change": change} if change else {}},
    ),
    st.sampled_from(["load", "login", "slow", "maybe", "foreign"]),
    assets,
    st.sampled_from(["critical", "high", "warning", "info", ""]),
    st.sampled_from([True, True, False]),
    st.sampled_from(["", "", "c1"]),
)
results = st.builds(
    lambda asset, state: ("result", {"rule": "ping", "asset": asset, "state": state}), assets, st.sampled_from(["ok", "critical", "critical", "warning"])
)
deeds = st.one_of(
    st.sampled_from(["acknowledge", "unacknowledge", "still_working", "reopen", "unmerge", "confirm", "resume"]).map(lambda name: {name: None}),
    st.sampled_from(
        [
            {"resolve": "fixed"},
            {"close": "fixed"},
            {"snooze": "10m"},
            {"set_priority": "P1"},
            {"set_priority": "P4"},
            {"pause": "parts"},
            {"split": {"rules": ["load"]}},
        ]
    ),
    numbers.map(lambda nth: {"merge": {"into": {"nth": nth}}}),
    assets.map(lambda asset: {"reroot": asset}),
)
actions = st.builds(lambda do, nth: ("user", {"user": "li", "do": do, "on": {"nth": nth}}), deeds, numbers)
free = st.one_of(
    assets.map(lambda asset: {"mute": {"id": f"m-{asset}", "match": {"asset": asset}, "why": "test", "until": "40d"}}),
    assets.map(lambda asset: {"mute": {"id": f"m-{asset}", "match": {"asset": asset}, "why": "test", "until": "2d"}}),
    assets.map(lambda asset: {"unmute": f"m-{asset}"}),
    assets.map(lambda asset: {"except": {"match": {"rule": "login", "asset": asset}, "until": "1d", "why": "test"}}),
).map(lambda do: ("user", {"user": "li", "do": do}))
waits = st.sampled_from([1, 20, 60, 300, 601, 1801, 20_000, 90_000]).map(lambda by: ("wait", {"by": by}))
forgets = st.sampled_from([60, 2000, 90_000]).map(lambda before: ("forget", {"before": float(before)}))
steps = st.lists(st.one_of(pushes, pushes, results, results, actions, free, waits, forgets), min_size=1, max_size=40)
Step = tuple[str, dict[str, Any]]


def transport(delivery: Any) -> Answer | None:
    """A healthy receiver, and one that is sick in a way that depends on the notice alone."""
    if delivery.receiver == "mail":
        return "ok", None
    return ("ok", None) if delivery.tries > 2 else (None if delivery.id % 3 == 0 else ("500", None))


def fresh() -> tuple[Alerting, Tape]:
    tape = Tape()
    return Alerting.fresh(CONFIG, EPOCH, tape, transport), tape


def play(alerting: Alerting, chosen: list[Step]) -> None:
    for kind, payload in chosen:
        if kind == "wait":
            alerting.advance(alerting.engine.now + payload["by"], inclusive=True)
            continue
        try:
            alerting.take(kind, payload)
        except Refused:
            continue
    alerting.advance(alerting.engine.now + 1, inclusive=True)


def stored(alerting: Alerting) -> dict[str, Any]:
    state = dict(json.loads(json.dumps(alerting.dump())))
    del state["owed"]
    assert Configuration.model_validate(state.pop("config")) == CONFIG
    return state


many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@many
@given(steps)
def test_every_firing_alert_is_a_firing_member_of_exactly_one_incident(chosen: list[Step]) -> None:
    alerting, _ = fresh()
    play(alerting, chosen)
    world = alerting.engine.world
    for alert in world.alerts.values():
        homes = [one.nth for one in world.incidents.values() if alert.id in one.firing and one.state != "merged"]
        home = lifecycle.survivor(alerting.engine, alert.incident)
        assert homes == ([home.nth] if alert.firing and not alert.excepted and home else []), alert
    for incident in world.incidents.values():
        if incident.state != "merged":
            assert set(incident.loud) <= set(incident.firing) <= set(incident.members)


@many
@given(steps)
def test_an_incident_is_open_as_long_as_a_member_fires_and_ends_with_the_last(chosen: list[Step]) -> None:
    alerting, _ = fresh()
    play(alerting, chosen)
    for incident in alerting.engine.world.incidents.values():
        if incident.live and incident.policy == "all" and not incident.security and not incident.needs_person:
            assert incident.firing, incident
        if incident.state == "resolved" and incident.firing:
            assert incident.grace is not None or incident.policy == "last", incident


@many
@given(steps, steps)
def test_a_state_that_was_written_and_read_goes_on_in_the_same_way(before: list[Step], after: list[Step]) -> None:
    alerting, _ = fresh()
    play(alerting, before)
    copy = Alerting.restored(CONFIG, stored(alerting), [], EPOCH, Tape(), transport)
    play(alerting, after)
    play(copy, after)
    assert stored(copy) == stored(alerting)


@many
@given(steps)
def test_the_journal_replayed_gives_the_same_state(chosen: list[Step]) -> None:
    alerting, tape = fresh()
    play(alerting, chosen)
    copy = Alerting.restored(CONFIG, None, tape.entries(), EPOCH, Tape(), transport)
    copy.advance(alerting.engine.now, inclusive=True)
    assert stored(copy) == stored(alerting)


@many
@given(steps, pushes.filter(lambda push: push[1]["firing"]))
def test_a_repeat_changes_only_how_often_and_when_it_was_seen(chosen: list[Step], push: Step) -> None:
    alerting, _ = fresh()
    play(alerting, [*chosen, push])
    before = stored(alerting)["world"]["incidents"]
    alerting.take(*push)
    after = stored(alerting)["world"]["incidents"]
    assert after == before


@many
@given(steps)
def test_a_refused_action_changes_nothing_but_the_audit(chosen: list[Step]) -> None:
    alerting, _ = fresh()
    play(alerting, chosen)
    for nth in range(1, 4):
        before = stored(alerting)
        alerting.rows()
        try:
            alerting.take("user", {"user": "nobody", "do": "acknowledge", "on": {"nth": nth}})
        except Refused:
            assert stored(alerting) == before
            assert [row["what"] for row in alerting.rows().audit] == ["refused:acknowledge"]


@many
@given(steps)
def test_no_receiver_is_told_of_an_end_it_was_not_told_the_beginning_of(chosen: list[Step]) -> None:
    plain = CONFIG.model_copy(update={"receivers": tuple(one.model_copy(update={"limit": None, "quiet": None}) for one in CONFIG.receivers)})
    alerting = Alerting.fresh(plain, EPOCH, Tape(), transport)
    play(alerting, chosen)
    merging = {into for one in alerting.engine.world.incidents.values() for what, into in one.links if what in ("merged_into", "split_from")}
    known: set[tuple[str, int]] = set()
    for row in alerting.rows().sent:
        if row["reason"] == "resolved" and not merging:
            assert (row["to"], row["incident"]) in known, row
        known.add((row["to"], row["incident"]))


@many
@given(steps, steps)
def test_a_restart_that_takes_no_time_changes_nothing(before: list[Step], after: list[Step]) -> None:
    def well(_: Any) -> Answer:
        return "ok", None

    alerting = Alerting.fresh(CONFIG, EPOCH, Tape(), well)
    play(alerting, before)
    copy = Alerting.restored(CONFIG, stored(alerting), [], EPOCH, Tape(), well)
    copy.came_back(alerting.engine.now, alerting.engine.now)
    play(alerting, after)
    play(copy, after)
    one, other = stored(alerting), stored(copy)
    assert other["world"].pop("outages") != one["world"].pop("outages")
    assert other == one


free_assets = tuple(asset.model_copy(update={"reached_by": Ways(), "depends_on": Ways(), "located_in": ""}) for asset in CONFIG.assets)
loose = CONFIG.model_copy(update={"assets": free_assets, "correlate": (), "inhibit": ()})
names = st.tuples(st.sampled_from(["load", "login", "foreign"]), assets)
words = st.dictionaries(names, st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=12)
few = settings(max_examples=40, deadline=None)


def told_in_order(said: dict[tuple[str, str], list[bool]], order: list[tuple[str, str]]) -> Alerting:
    """Everything at one moment; what is said of one alert stays in its order, alerts among each other come as ``order`` says."""
    alerting = Alerting.fresh(loose, EPOCH, Tape(), transport)
    for rule, asset in order:
        for firing in said[rule, asset]:
            alerting.take("push", {"rule": rule, "asset": asset, "source": "s", "severity": "high", "firing": firing, "labels": {}})
    alerting.advance(alerting.engine.now + 120, inclusive=True)
    return alerting


@few
@given(words)
def test_no_finding_is_lost_each_alert_is_in_the_state_told_last(said: dict[tuple[str, str], list[bool]]) -> None:
    alerting = told_in_order(said, list(said))
    firing = {(alert.rule, alert.asset) for alert in alerting.engine.world.alerts.values() if alert.firing}
    assert firing == {key for key, told in said.items() if told[-1]}
    world = alerting.engine.world
    members = {(world.alerts[name].rule, world.alerts[name].asset) for one in world.incidents.values() for name in one.members}
    assert members == {key for key, told in said.items() if any(told)}


@few
@given(words, st.randoms(use_true_random=False))
def test_the_order_among_unrelated_alerts_of_one_moment_does_not_matter(said: dict[tuple[str, str], list[bool]], chance: Any) -> None:
    order = list(said)
    chance.shuffle(order)
    one, other = told_in_order(said, list(said)), told_in_order(said, order)
    assert shapes(one) == shapes(other)


def shapes(alerting: Alerting) -> list[Any]:
    world = alerting.engine.world

    def members(incident: Any) -> list[tuple[str, str]]:
        return sorted((world.alerts[name].rule, world.alerts[name].asset) for name in incident.members)

    return sorted((one.root, one.state, one.priority, members(one)) for one in world.incidents.values())
