"""What a site forbids, what bounds a run, and what happens at the limits."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from core.clock import ManualClock
from core.errors import ConfigError, Refused
from playbooks import runner
from playbooks.form import Limits
from playbooks.journal import read_entries, read_run
from playbooks.policy import Policy
from playbooks.requests import Who, new_run
from playbooks.scope import waves
from store.base import Store
from tests.playbooks.bench import ANN, BOB, CAI, HEAD, SIMPLE, Site, assets

pytestmark = pytest.mark.slow

Make = Callable[..., Site]
TARGETS = "targets: {match: {tags: web}, max: 9}\n"
SEE = "steps: [{id: see, run: bench.get, with: {key: light}}]\n"


def test_a_protected_asset_is_never_changed(site: Make) -> None:
    here = site(known=[*assets(1), *(one.model_copy(update={"id": "web-9", "tags": ("web", "protected")}) for one in assets(1))])
    assert "web-9 is protected" in here.plan().refusals[0]
    with pytest.raises(Refused, match="web-9"):
        here.begin()


def test_a_protected_address_is_never_blocked(site: Make) -> None:
    here = site(SIMPLE.replace("value: {type: word, default: up}", "source: {type: ip}").replace('value: "{{ value }}"', "value: up"))
    here.policy = Policy.model_validate({"protected": {"addresses": ["10.1.0.0/16", "2001:db8::/32"]}})
    assert here.plan(source="192.0.2.1").refusals == ()
    for address in ("10.1.2.3", "2001:db8::5"):
        with pytest.raises(Refused, match="protected"):
            here.begin(source=address)


def test_nothing_is_changed_in_a_freeze_but_reading_goes_on(site: Make, clock: ManualClock) -> None:
    reading = HEAD.replace("change", "read").replace("try-it", "look") + TARGETS + SEE
    here = site(SIMPLE, reading)
    freeze = {"from": clock.now().isoformat(), "until": (clock.now() + timedelta(hours=2)).isoformat(), "why": "year end"}
    here.policy = Policy.model_validate({"freezes": [freeze]})
    with pytest.raises(Refused, match="frozen"):
        here.begin()
    assert here.settle(here.begin("look")) == "done"
    clock.advance(7201)
    assert here.settle(here.begin()) == "done"


def test_a_freeze_that_begins_while_it_waits_stops_the_run(site: Make, clock: ManualClock) -> None:
    here = site(known=assets(1, level=3))
    run = here.begin()
    here.quiet()
    here.policy = Policy.model_validate({"freezes": [{"from": clock.now().isoformat(), "until": (clock.now() + timedelta(hours=2)).isoformat()}]})
    here.requests.approve(run, "approval", BOB, here.plan().hash)
    assert here.settle(run) == "refused"
    assert here.device.sent() == []


def test_what_can_be_dangerous_needs_two_people_on_an_important_asset(site: Make) -> None:
    text = HEAD.replace("risk: change", "risk: danger") + "targets: {match: {tags: web}}\nsteps: [{id: out, run: bench.halt, with: {key: power, value: off}}]\n"
    here = site(text, known=assets(1, level=3))
    run = here.begin()
    here.quiet()
    here.requests.approve(run, "approval", BOB, here.plan().hash)
    here.quiet()
    assert here.device.sent() == []
    here.requests.approve(run, "approval", CAI, here.plan().hash)
    assert here.settle(run) == "done"


def test_a_no_ends_the_run(site: Make) -> None:
    here = site(known=assets(1, level=3))
    run = here.begin()
    here.quiet()
    here.requests.reject(run, "approval", BOB, here.plan().hash, "not now")
    assert here.settle(run) == "refused"
    assert "not now" in read_run(here.store, run)[2].reason
    with pytest.raises(Refused):
        here.requests.approve(run, "approval", CAI, here.plan().hash)


def test_the_same_inputs_only_once_in_their_time(site: Make, clock: ManualClock) -> None:
    here = site(SIMPLE.replace("targets:", "limits: {once_per: value, once_for: 10m, per_day: 3}\ntargets:"))
    here.settle(here.begin(value="up"))
    with pytest.raises(Refused, match="same inputs"):
        here.begin(value="up")
    here.settle(here.begin(value="down"))
    clock.advance(601)
    here.settle(here.begin(value="up"))
    with pytest.raises(Refused, match="3 are allowed"):
        here.begin(value="other")


def test_a_scope_that_is_too_wide_or_empty_is_refused(site: Make) -> None:
    here = site(SIMPLE.replace("max: 50", "max: 2"))
    with pytest.raises(ConfigError, match="3 assets are in scope, 2 are allowed"):
        here.plan()
    here.assets = []
    with pytest.raises(ConfigError, match="no asset"):
        here.plan()


def test_an_input_that_names_no_asset_of_the_inventory_is_refused(site: Make) -> None:
    ask = "inputs: {system: {type: asset, many: true}}\nsteps:\n  - {id: look, assign: {text: {zh: 看, en: look}}}\n"
    here = site(HEAD + ask)
    assert here.plan(system=["web-1"]).inputs["system"] == ["web-1"]
    with pytest.raises(ConfigError, match="system: there is no asset 'nowhere'"):
        here.plan(system=["web-1", "nowhere"])


def test_a_device_that_is_held_too_long_refuses_the_second_run(site: Make, clock: ManualClock) -> None:
    long = SIMPLE + "  - {id: nap, wait: 2h}\n"
    here = site(long, SIMPLE.replace("try-it", "other"), known=assets(1))
    here.begin()
    here.quiet()
    second = here.begin("other")
    here.quiet()
    clock.advance(601)
    assert here.settle(second) == "refused"


def test_a_device_that_hangs_ends_the_act_and_the_run_tries_to_put_it_back(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GRACE_S", 0.2)
    here = site(SIMPLE.replace("verify: {within: 1s}", "timeout: 1s, verify: {within: 1s}"), known=assets(1))
    here.device.place(here.assets[0], "hang").write_text("60")
    here.device.place(here.assets[0], "trouble").write_text("hang")
    began = time.monotonic()
    run = here.begin()
    assert here.settle(run, step_s=5) == "undone"
    assert time.monotonic() - began < 40
    assert "undo_begin" in [entry.kind for entry in read_entries(here.store, run)]
    assert "in time" in read_run(here.store, run)[2].reason


def test_an_act_that_was_given_up_while_it_looked_changes_nothing_later(site: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GRACE_S", 0.0)
    here = site(SIMPLE.replace("verify: {within: 1s}", "timeout: 1s, verify: {within: 1s}"), known=assets(1))
    before = set(threading.enumerate())
    here.device.place(here.assets[0], "hang").write_text("4")
    here.device.place(here.assets[0], "trouble").write_text("slow")
    assert here.settle(here.begin()) == "failed"
    (hung,) = [thread for thread in threading.enumerate() if thread.name == "act set" and thread not in before]
    hung.join(30)
    assert here.device.sent() == []


def test_a_run_that_takes_too_long_is_stopped_and_put_back(site: Make, clock: ManualClock) -> None:
    here = site(SIMPLE.replace("verify: {within: 1s}", "retry: {times: 5, wait: 30m}") + "limits: {timeout: 10m}\n", known=assets(2))
    here.device.place(here.assets[1], "trouble").write_text("away")
    assert here.settle(here.begin(), step_s=60) == "undone"
    assert here.device.sent("web-1") == ["light=up", "light="]


def test_a_retry_heals_a_passing_trouble(site: Make, clock: ManualClock) -> None:
    here = site(SIMPLE.replace("verify: {within: 1s}", "retry: {times: 3, wait: 10s}"), known=assets(1))
    trouble = here.device.place(here.assets[0], "trouble")
    trouble.write_text("refuse")
    run = here.begin()
    here.quiet()
    trouble.unlink()
    clock.advance(11)
    assert here.settle(run) == "done"
    assert here.device.sent() == ["light=up"]


def test_waves_begin_with_the_canary_and_take_everybody() -> None:
    assert waves(Limits(), 1000) == (1, 100, 899)
    assert waves(Limits(), 3) == (1, 1, 1)
    assert waves(Limits(), 1) == (1,)
    assert waves(Limits.model_validate({"waves": ["2"]}), 5) == (2, 3)


def test_rules_begin_only_what_the_site_allows_and_only_reading(site: Make) -> None:
    reading = HEAD.replace("change", "read") + "targets: {incident: root}\ntrigger: {rules: [disk_full], auto: true}\n" + SEE
    here = site(reading)
    incident = {"id": "I000001", "root": "web-1", "assets": ["web-1"], "labels": {}}
    with pytest.raises(Refused, match="may not begin by itself"):
        here.requests.begin_by_rule("r20260302-080000-abcdef", "try-it", {}, incident)
    here.policy = Policy.model_validate({"automatic": ["try-it"]})
    run = here.requests.begin_by_rule("r20260302-080000-abcdef", "try-it", {}, incident)
    assert here.settle(run) == "done"
    assert [(where, who) for where, _text, who in here.comments] == [("I000001", "rule")]


def test_a_viewer_may_not_ask(site: Make) -> None:
    here = site()
    with pytest.raises(Refused, match="roles"):
        here.begin(who=Who("eve", ("viewer",)))


def test_who_cancels_gets_it_put_back(site: Make, store: Store) -> None:
    here = site(SIMPLE + "  - {id: nap, wait: 1h}\n", known=assets(1))
    run = here.begin()
    here.quiet()
    assert here.device.read(here.assets[0], "light") == "up"
    with pytest.raises(Refused, match="may cancel"):
        here.requests.cancel(run, Who("eve", ("operator",)), "")
    here.requests.cancel(run, ANN, "wrong one")
    assert here.settle(run) == "cancelled"
    assert here.device.read(here.assets[0], "light") == ""


def test_a_finished_run_can_be_taken_back_by_hand(site: Make) -> None:
    here = site(known=assets(2))
    run = here.begin()
    here.settle(run)
    here.requests.take_back(run, ANN)
    here.quiet()
    here.quiet()
    assert here.device.read(here.assets[0], "light") == here.device.read(here.assets[1], "light") == ""
    with pytest.raises(Refused, match="nothing to put back"):
        here.requests.take_back(run, ANN)


def test_an_emergency_begins_at_once_is_alarmed_and_reviewed_by_somebody_else(site: Make, clock: ManualClock) -> None:
    here = site(known=assets(1, level=3))
    plan = here.plan()
    with pytest.raises(Refused, match="only a leader"):
        here.requests.begin(new_run(clock.now()), "try-it", {}, ANN, hash=plan.hash, emergency="it burns")
    run = here.requests.begin(new_run(clock.now()), "try-it", {}, BOB, hash=plan.hash, emergency="it burns")
    assert here.settle(run) == "done"
    assert here.device.sent() == ["light=up"]
    assert [alarm.source for alarm in here.alarms] == ["playbook.emergency"]
    here.quiet()
    assert not read_run(here.store, run)[2].is_over
    here.restart()
    clock.advance(86401)
    here.quiet()
    assert here.told[-1][1] == "Overdue: try (review)"
    with pytest.raises(Refused, match="somebody else"):
        here.requests.review(run, BOB, "fine")
    here.requests.review(run, CAI, "it did burn")
    assert read_run(here.store, run)[2].is_over
    assert run not in here.runner.runs


def test_an_emergency_overrides_no_protection(site: Make, clock: ManualClock) -> None:
    here = site(known=[one.model_copy(update={"tags": ("web", "protected"), "level": 3}) for one in assets(1)])
    with pytest.raises(Refused, match="protected"):
        here.requests.begin(new_run(clock.now()), "try-it", {}, BOB, hash=here.plan().hash, emergency="it burns")
