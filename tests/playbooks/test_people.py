"""Steps by people: forms, tasks, delegation, due dates, escalation, conditions over answers, and calls of other playbooks."""

from collections.abc import Callable

import pytest

from core.clock import ManualClock
from core.errors import ConfigError, Refused
from core.names import TASK
from playbooks.journal import read_run
from playbooks.requests import Who
from tests.playbooks.bench import BOB, HEAD, SIMPLE, Site, assets

Make = Callable[..., Site]
DAN = Who("dan", ("operator",))
FORM = (
    HEAD.replace("risk: change", "risk: read")
    + """
targets: {match: {tags: web}, max: 9}
steps:
  - id: form
    ask: {to: role:operator, text: {zh: 为何, en: why}, form: {why: {type: line}, hours: {type: int, min: 1, max: 8}}, within: 1h, escalate: role:duty_leader}
  - id: long
    if: steps.form.answer.hours > 4
    then: [{id: check, assign: {to: role:duty_leader, text: {zh: 检查, en: check}}}]
    else: [{id: see, run: bench.get, with: {key: light}}]
  - {id: tell, notify: {to: requester, text: {zh: 好, en: "because {{ steps.form.answer.why }}"}}}
"""
)


def test_a_form_is_checked_and_its_answer_decides(site: Make) -> None:
    here = site(FORM)
    run = here.begin()
    here.quiet()
    assert here.told == [("role:operator", "Task: try (form)")]
    with pytest.raises(ConfigError, match="above 8"):
        here.requests.answer(run, "form", DAN, {"why": "test", "hours": 9})
    with pytest.raises(ConfigError, match="is needed"):
        here.requests.answer(run, "form", DAN, {"hours": 2})
    with pytest.raises(Refused, match="task is for"):
        here.requests.answer(run, "form", BOB, {"why": "test", "hours": 2})
    here.requests.answer(run, "form", DAN, {"why": "test", "hours": 2, "note": "gladly"})
    assert here.settle(run) == "done"
    state = read_run(here.store, run)[2]
    assert state.stages["check"].status == "skipped"
    assert state.stages["see"].status == "done"
    assert state.tasks["form"].values == {"why": "test", "hours": 2, "note": "gladly"}
    assert here.told[-1] == ("person:ann", "because test")


def test_the_other_branch_gives_a_task(site: Make) -> None:
    here = site(FORM)
    run = here.begin()
    here.quiet()
    here.requests.answer(run, "form", DAN, {"why": "test", "hours": 8})
    here.quiet()
    here.requests.answer(run, "check", BOB, {"note": "seen"})
    assert here.settle(run) == "done"
    assert read_run(here.store, run)[2].stages["see"].status == "skipped"


def test_an_overdue_task_goes_up_once(site: Make, clock: ManualClock) -> None:
    here = site(FORM)
    run = here.begin()
    here.quiet()
    clock.advance(3601)
    here.quiet()
    here.quiet()
    assert here.told[1:] == [("role:duty_leader", "Overdue: try (form)")]
    assert read_run(here.store, run)[2].tasks["form"].to == "role:duty_leader"
    here.requests.answer(run, "form", BOB, {"why": "late", "hours": 1})
    assert here.settle(run) == "done"


def test_a_task_is_handed_to_somebody_who_exists(site: Make) -> None:
    here = site(FORM)
    run = here.begin()
    here.quiet()
    with pytest.raises(Refused, match="no person"):
        here.requests.hand(run, "form", DAN, "nobody", ["ann", "bob"])
    here.requests.hand(run, "form", DAN, "bob", ["ann", "bob"])
    assert here.told[1:] == [("person:bob", "Task from dan: try (form)")]
    (task,) = here.store.documents.find(TASK).items
    assert (task.body["to"], task.body["text"]) == ("person:bob", {"zh": "为何", "en": "why"})
    with pytest.raises(Refused, match="person:bob"):
        here.requests.answer(run, "form", DAN, {"why": "x", "hours": 1})
    here.requests.answer(run, "form", BOB, {"why": "x", "hours": 1})
    assert here.settle(run) == "done"
    assert [(to, who) for _time, to, who in read_run(here.store, run)[2].tasks["form"].handed] == [("role:operator", "dan")]


def test_people_may_take_their_time_beyond_the_limit_of_the_run(site: Make, clock: ManualClock) -> None:
    here = site(FORM.replace("targets:", "limits: {timeout: 5m}\ntargets:"))
    run = here.begin()
    here.quiet()
    clock.advance(3000)
    here.requests.answer(run, "form", DAN, {"why": "x", "hours": 1})
    assert here.settle(run) == "done"


def test_an_unknown_outcome_waits_for_a_person_and_is_not_repeated(site: Make) -> None:
    text = HEAD + "targets: {match: {tags: web}}\nsteps: [{id: add, run: bench.add, with: {key: line}, retry: {times: 3, wait: 1s}, undo: {never: no way}}]\n"
    here = site(text, known=assets(1))
    here.device.place(here.assets[0], "trouble").write_text("refuse")
    run = here.begin()
    here.quiet()
    here.device.place(here.assets[0], "trouble").unlink()
    here.quiet()
    assert here.device.sent() == []
    assert read_run(here.store, run)[2].acts["add", "web-1"].status == "unknown"
    with pytest.raises(Refused):
        here.requests.decide(run, "add", "web-1", DAN, done=True, reason="")
    here.requests.decide(run, "add", "web-1", BOB, done=True, reason="I looked")
    assert here.settle(run) == "done"


def test_a_called_playbook_is_part_of_the_plan(site: Make) -> None:
    outer = (
        HEAD.replace("try-it", "outer")
        + "inputs: {names: {type: word, many: true}}\nsteps:\n"
        + '  - {id: all, each: names, steps: [{id: go, call: try-it, with: {value: "{{ item }}"}}]}\n'
    )
    here = site(SIMPLE, outer, known=assets(1))
    plan = here.plan("outer", names=["a", "b"])
    assert [(stage.id, stage.parts[0].commands) for stage in plan.stages] == [("all.1.go.set", ("set light a",)), ("all.2.go.set", ("set light b",))]
    assert here.settle(here.begin("outer", names=["a", "b"])) == "done"
    assert here.device.sent() == ["light=a", "light=b"]


def test_branches_go_on_beside_each_other(site: Make, clock: ManualClock) -> None:
    text = HEAD + (
        "targets: {match: {tags: web}}\nsteps:\n  - id: both\n    parallel:\n"
        "      - {id: one, steps: [{id: nap, wait: 5m}, {id: a, run: bench.set, with: {key: a}}]}\n"
        "      - {id: b, run: bench.set, with: {key: b}}\n  - {id: c, run: bench.set, with: {key: c}}\n"
    )
    here = site(text, known=assets(1))
    run = here.begin()
    here.quiet()
    assert here.device.sent() == ["b=on"]
    clock.advance(301)
    assert here.settle(run) == "done"
    assert here.device.sent() == ["b=on", "a=on", "c=on"]


def test_a_guard_skips_what_is_not_needed(site: Make) -> None:
    text = HEAD + (
        "targets: {match: {tags: web}, max: 9}\nsteps:\n  - {id: see, run: bench.get, with: {key: light}}\n"
        "  - {id: set, run: bench.set, with: {key: door}, unless: here.see.value == 'on'}\n"
    )
    here = site(text, known=assets(2))
    here.device.place(here.assets[0], "light").write_text("on")
    run = here.begin()
    assert here.settle(run) == "done"
    state = read_run(here.store, run)[2]
    assert (state.acts["set", "web-1"].status, state.acts["set", "web-2"].status) == ("skipped", "done")


def test_another_look_can_say_whether_it_worked(site: Make) -> None:
    verify = "verify: {run: bench.get, with: {key: lamp}, expect: values.value == 'lit', within: 1s}"
    here = site(SIMPLE.replace("verify: {within: 1s}", verify), known=assets(1))
    assert here.settle(here.begin(), step_s=1) == "undone"
    here.device.place(here.assets[0], "lamp").write_text("lit")
    assert here.settle(here.begin(), step_s=1) == "done"


def test_a_text_that_is_nothing_but_a_number_stays_a_text(site: Make) -> None:
    ask = "inputs: {hours: {type: int, default: 4}}\nsteps:\n  - {id: see, assign: {text: {zh: '{{ hours }}', en: '{{ hours }}'}}}\n"
    form = site(HEAD + ask).plan().stage("see").step.assign
    assert form is not None
    assert form.text.en == "4"
