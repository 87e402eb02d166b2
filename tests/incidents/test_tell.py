"""Texts of other parts of the service reach people over their receivers; the end of a run is told on its incident by an intent."""

from pathlib import Path

from core.clock import ManualClock
from core.names import INCIDENT, NOTICE
from tests.incidents.test_live import NOW, Hook, ask, bodies, configuration, hook, odd, opened, until

__all__ = ["hook"]


def people(hook: Hook) -> dict[str, object]:
    receivers = [{"id": f"r-{name}", "kind": "webhook", "target": f"http://127.0.0.1:{hook.server_port}/{name}"} for name in ("li", "wang", "gone")]
    people = [
        {"id": "li", "roles": ["operator"], "receivers": ["r-li"]},
        {"id": "wang", "roles": ["duty_leader"], "receivers": ["r-wang"]},
        {"id": "gone", "roles": ["duty_leader"], "receivers": ["r-gone"], "disabled": True},
    ]
    return {"receivers": receivers, "people": people}


def test_a_person_and_a_role_are_told_and_it_is_on_record(tmp_path: Path, hook: Hook) -> None:
    with opened(tmp_path, ManualClock(NOW), configuration(**people(hook))) as (alerting, store):
        assert alerting.tell("person:li", {"zh": "待办", "en": "a task"}, "r1") == 1
        assert alerting.tell("role:duty_leader", {"zh": "审批", "en": "an approval"}) == 1, "who is disabled is not told"
        assert alerting.tell("person:nobody", {"zh": "无", "en": "none"}) == 0
        until(alerting, lambda: len(bodies(store, NOTICE)) == 2)
        assert sorted((one["receiver"], one["answer"], one["title"]) for one in bodies(store, NOTICE)) == [("r-li", "ok", "待办"), ("r-wang", "ok", "审批")]
        told = [note for note in hook.got if "note" in note]
        assert sorted(note["subject"] for note in told) == ["审批", "待办"]


def test_a_comment_about_a_run_stands_on_the_incident(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        alerting.observe([odd()])
        answer = ask(store, "comment", "I000001", text="剧本 封禁 done / playbook Block: done")
        alerting.carry_out_intents()
        assert answer()["state"] == "done"
        (incident,) = bodies(store, INCIDENT)
        assert "playbook Block: done" in str(incident["timeline"])
