"""Demands that take many threads, many targets or a device that hangs: approvals that race, a thousand targets, a hang at each point."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from core.clock import ManualClock
from core.errors import Refused
from playbooks import runner
from playbooks.journal import read_entries, read_run
from playbooks.requests import Who
from tests.playbooks.bench import SIMPLE, Site, assets

Make = Callable[..., Site]
INCIDENT = {"id": "I000007", "root": "web-1", "owner": "ann", "assets": ["web-1"], "labels": {}}


def test_of_approvals_that_race_one_wins_and_the_block_happens_once(site: Make) -> None:
    here = site(known=assets(1, level=3))
    run = here.begin()
    here.quiet()
    digest = here.plan().hash
    answers: list[str] = []
    start = threading.Barrier(8)

    def approve(number: int) -> None:
        start.wait(30)
        try:
            answers.append(here.requests.approve(run, "approval", Who(f"leader-{number}", ("duty_leader",)), digest))
        except Refused as err:
            answers.append(str(err))

    threads = [threading.Thread(target=approve, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Counter(answers)["approved"] == 1
    assert sum("decided already" in answer for answer in answers) == 7
    assert here.settle(run) == "done"
    assert here.device.sent() == ["light=up"]
    assert sum(entry.kind == "approved" for entry in read_entries(here.store, run)) == 1


def wide(site: Make, count: int, failures: int) -> tuple[Site, list[str]]:
    """So many targets, of which every twentieth refuses."""
    known = sorted(assets(count), key=lambda one: one.id)
    text = SIMPLE.replace("max: 50}", f"max: 1000}}\nlimits: {{failures: {failures}, at_once: 16, timeout: 12h}}")
    here = site(text.replace("verify: {within: 1s}", "verify: {within: 1s}, on_fail: stop"), known=known)
    bad = known[19::20]
    for one in bad:
        here.device.place(one, "trouble").write_text("refuse")
    return here, [one.id for one in bad]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_of_a_thousand_targets_only_the_first_waves_are_touched_when_some_fail(site: Make) -> None:
    here, _ = wide(site, 1000, failures=0)
    run = here.begin()
    assert here.settle(run, timeout_s=300) == "failed"
    counted = Counter(act.status for act in read_run(here.store, run)[2].acts.values())
    assert 1 <= counted["failed"] <= 16, "what was under way beside the first failure"
    assert counted["done"] + counted["failed"] <= 101, "nothing of the third wave was touched"
    assert len(here.device.sent()) == counted["done"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_report_is_exact_when_failures_are_allowed(site: Make) -> None:
    here, bad = wide(site, 300, failures=15)
    run = here.begin()
    end = time.monotonic() + 500
    while run in here.runner.runs:  # reading a journal of thousands of entries at each turn would take longer than the run
        here.runner.tick()
        assert time.monotonic() < end
        time.sleep(0.02)
    assert read_run(here.store, run)[2].outcome == "done"
    acts = read_run(here.store, run)[2].acts
    assert Counter(act.status for act in acts.values()) == {"done": 285, "failed": 15}
    assert [target for (_, target), act in sorted(acts.items()) if act.status == "failed"] == sorted(bad)
    assert len(here.device.sent()) == 285


@pytest.mark.slow
@pytest.mark.parametrize("at", ["look", "do", "undo"])
def test_a_device_that_hangs_anywhere_ends_the_run_and_the_incident_is_told(site: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    monkeypatch.setattr(runner, "GRACE_S", 0.2)
    rest = '\n  - {id: more, run: bench.set, with: {key: door, value: "{{ value }}"}, timeout: 1s, verify: {within: 1s}}\n'
    here = site(SIMPLE.replace("verify: {within: 1s}", "timeout: 1s, verify: {within: 1s}").rstrip() + rest, known=assets(1))
    device = here.assets[0]
    here.device.place(device, "hang").write_text("30")
    trouble = here.device.place(device, "trouble")
    really: Any = here.device.act

    def act(target: Any, key: str, value: str) -> None:
        if at == "undo" and key == "door":
            trouble.write_text("hang")  # from the second step on, so that the way back of the first one hangs too
        really(target, key, value)

    monkeypatch.setattr(here.device, "act", act)
    if at != "undo":
        trouble.write_text({"look": "slow", "do": "hang"}[at])
    run = here.begin(incident=INCIDENT)
    end = here.settle(run, step_s=5, timeout_s=120)
    assert end in ("failed", "undone")
    assert "in time" in read_run(here.store, run)[2].reason
    assert [incident for incident, _text, _who in here.comments] == ["I000007"]
    assert end in here.comments[0][1]
    if at == "undo":
        assert "playbook.undo" in {alarm.source for alarm in here.alarms}
