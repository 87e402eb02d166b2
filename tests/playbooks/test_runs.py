"""Runs over a real store: what happens at the devices, what is written, and what is refused."""

from collections.abc import Callable

import pytest

from core.clock import ManualClock
from core.errors import Refused
from playbooks.journal import from_audit, read_entries, read_run
from playbooks.requests import Who
from store.base import Store
from tests.playbooks.bench import BOB, HEAD, SIMPLE, Site, assets

Make = Callable[..., Site]


def test_a_plan_shows_the_commands_and_touches_nothing(site: Make) -> None:
    here = site()
    plan = here.plan(value="up")
    assert [part.commands for part in plan.stages[0].parts] == [("set light up",)] * 3
    assert plan.stages[0].parts[0].inverse == ("set light <before: value>",)
    assert here.device.sent() == []


def test_a_run_does_what_was_planned_in_waves(site: Make) -> None:
    here = site()
    run = here.begin()
    assert here.settle(run) == "done"
    assert here.device.sent("web-1") == ["light=up"]
    began = [entry.target for entry in read_entries(here.store, run) if entry.kind == "begin"]
    assert began[0] == "web-1"
    first_end = next(n for n, entry in enumerate(read_entries(here.store, run)) if entry.kind == "end")
    assert sum(entry.kind == "begin" for entry in read_entries(here.store, run)[:first_end]) == 1


def test_a_second_run_finds_nothing_to_do(site: Make) -> None:
    here = site()
    here.settle(here.begin())
    sent = here.device.sent()
    run = here.begin()
    assert here.settle(run) == "done"
    assert here.device.sent() == sent
    assert {act.status for act in read_run(here.store, run)[2].acts.values()} == {"nothing"}


def test_the_audit_alone_rebuilds_the_run(site: Make, store: Store) -> None:
    here = site()
    run = here.begin()
    here.settle(run)
    assert from_audit(store, run) == read_entries(store, run)
    said = [entry.body["said"] for entry in from_audit(store, run) if entry.kind == "end"]
    assert all("light set" in text and "hunter2secret" not in text for text in said)


def test_an_important_asset_needs_a_second_person(site: Make, clock: ManualClock) -> None:
    here = site(known=assets(1, level=3))
    run = here.begin()
    here.quiet()
    hash_ = here.plan().hash
    with pytest.raises(Refused, match="who asked may not approve"):
        here.requests.approve(run, "approval", Who("ann", ("duty_leader",)), hash_)
    with pytest.raises(Refused, match="duty_leader"):
        here.requests.approve(run, "approval", Who("eve", ("operator",)), hash_)
    with pytest.raises(Refused, match="not the plan"):
        here.requests.approve(run, "approval", BOB, "0" * 64)
    assert here.device.sent() == []
    here.requests.approve(run, "approval", BOB, hash_)
    with pytest.raises(Refused, match="decided already"):
        here.requests.approve(run, "approval", BOB, hash_)
    assert here.settle(run) == "done"
    assert here.device.sent() == ["light=up"]


def test_an_approval_that_comes_too_late_is_refused(site: Make, clock: ManualClock) -> None:
    here = site(known=assets(1, level=3))
    run = here.begin()
    here.quiet()
    clock.advance(3601)
    with pytest.raises(Refused, match="time for approval"):
        here.requests.approve(run, "approval", BOB, here.plan().hash)
    assert here.settle(run) == "refused"


def test_a_target_that_came_after_the_plan_stops_the_run(site: Make) -> None:
    here = site(known=assets(1, level=3))
    planned = here.plan().hash
    run = here.begin()
    here.quiet()
    here.assets = assets(2, level=3)
    with pytest.raises(Refused, match="changed"):
        here.requests.approve(run, "approval", BOB, planned)
    assert here.device.sent() == []


def test_a_device_that_refuses_stops_the_run_and_puts_the_others_back(site: Make) -> None:
    here = site()
    here.device.place(here.assets[1], "trouble").write_text("refuse")
    run = here.begin()
    assert here.settle(run, step_s=5) == "undone"
    assert here.device.read(here.assets[0], "light") == ""
    assert here.device.sent("web-1") == ["light=up", "light="]
    assert here.device.sent("web-3") == []
    assert here.alarms == []


def test_a_changed_host_key_stops_before_anything_is_sent(site: Make) -> None:
    here = site(known=assets(1))
    here.device.place(here.assets[0], "trouble").write_text("key")
    assert here.settle(here.begin()) == "failed"
    assert here.device.sent() == []
    assert [alarm.source for alarm in here.alarms] == ["playbook.host_key"]


def test_an_undo_comes_at_its_time_even_after_a_restart(site: Make, clock: ManualClock) -> None:
    here = site(SIMPLE.replace("verify: {within: 1s}", "undo: {after: 5m}"), known=assets(1))
    run = here.begin()
    assert here.settle(run) == "done"
    here.restart()
    clock.advance(299)
    here.quiet()
    assert here.device.read(here.assets[0], "light") == "up"
    clock.advance(2)
    here.quiet()
    assert here.device.read(here.assets[0], "light") == ""
    assert read_run(here.store, run)[2].is_over
    assert run not in here.runner.runs


def test_two_runs_on_one_device_come_one_after_the_other(site: Make, clock: ManualClock) -> None:
    text = HEAD + (
        "targets: {match: {tags: web}, max: 9}\nsteps:\n"
        "  - {id: set, run: bench.set, with: {key: light, value: on}}\n  - {id: pause, wait: 1m}\n"
        "  - {id: out, run: bench.set, with: {key: light, value: off}}\n"
    )
    here = site(text, SIMPLE.replace("try-it", "other"), known=assets(1))
    first = here.begin()
    here.quiet()
    second = here.begin("other")
    assert here.settle(second, "queued") == "queued"
    clock.advance(61)
    assert here.settle(first) == "done"
    assert here.settle(second) == "done"
    assert here.device.sent() == ["light=on", "light=off", "light=up"]
