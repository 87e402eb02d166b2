"""What the console reads and asks: why a notice was not sent, merging by the id that people see, splitting by fingerprint, who holds an alert."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from core.clock import ManualClock
from core.names import ACK_LINK, INCIDENT, INTENT, MUTE, NOTICE
from core.records import Finding, Severity
from tests.incidents.test_live import NOW, Hook, ask, bodies, configuration, hook, odd, opened, until, with_hook

__all__ = ["hook"]

MUTED = {"id": "m1", "match": {"rule": "odd"}, "until": (NOW + timedelta(days=9)).isoformat(), "by": "li", "why": "x"}


def other(rule: str = "quiet", asset: str = "core") -> Finding:
    return Finding(time=NOW, source=rule, asset=asset, title="另一个 / Another", severity=Severity.WARNING, firing=True)


def test_a_notice_kept_back_is_on_record_with_its_reason(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    receivers = [{"id": "sms", "kind": "webhook", "quiet": {"from": "08:00", "to": "20:00"}}]
    config = configuration(receivers=receivers, routes=[{"match": {"rule": "odd"}, "to": ["sms"]}])
    with opened(tmp_path, clock, config) as (alerting, store):
        alerting.observe([odd(), other()])
        for _ in range(3):
            clock.advance(300)
            alerting.tick()
        found = {(one["incident"], one["receiver"], one["reason"], one["answer"]) for one in bodies(store, NOTICE)}
        assert found == {("I000001", "sms", "first", "held:quiet_hours"), ("I000002", "", "first", "held:no_receiver")}


def test_incidents_are_merged_by_the_ids_that_people_see_and_parted_again(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        alerting.observe([odd(), other()])
        answer = ask(store, "merge", "I000002", into="I000001")
        alerting.carry_out_intents()
        assert answer()["state"] == "done"
        first, second = sorted(bodies(store, INCIDENT), key=lambda one: str(one["id"]))
        assert (second["state"], second["links"]) == ("merged", [{"merged_into": "I000001"}])
        assert [(one["rule"], one["brought_by"]) for one in first["members"]] == [("odd", ""), ("quiet", "I000002")]
        ask(store, "split", "I000001", alerts=[first["members"][1]["fingerprint"]])
        alerting.carry_out_intents()
        third = next(one for one in bodies(store, INCIDENT) if one["id"] == "I000003")
        assert ([one["rule"] for one in third["members"]], third["links"]) == (["quiet"], [{"split_from": "I000001"}])
        nothing = ask(store, "split", "I000003", alerts=["unknown"])
        alerting.carry_out_intents()
        assert nothing()["state"] == "refused"


def test_an_alert_says_which_mute_or_alert_holds_it(tmp_path: Path) -> None:
    config = configuration(
        mutes=[{"id": "m1", "match": {"rule": "odd"}, "recurring": {"on": "workday", "from": "08:00", "to": "18:00"}, "by": "li", "why": "x"}],
        inhibit=[{"if": {"rule": "odd"}, "hold": {"rule": "quiet"}}],
    )
    with opened(tmp_path, ManualClock(NOW), config) as (alerting, store):
        alerting.observe([odd(), other()])
        held = {one["rule"]: (one["held_by"], one["holder"]) for incident in bodies(store, INCIDENT) for one in incident["members"]}
        assert held == {"odd": ("silence", "m1"), "quiet": ("inhibit", "odd @ web")}
        (mute,) = bodies(store, MUTE)
        assert (mute["active"], mute["changes"]) == (True, "2026-03-02T10:00:00+00:00")


def test_an_exception_is_listed_with_its_end_and_a_trouble_without_an_alert_is_opened_by_hand(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    people = [{"id": "li", "roles": ["security_officer", "operator"]}]
    with opened(tmp_path, clock, configuration(people=people)) as (alerting, store):
        alerting.observe([odd()])
        refused = ask(store, "except", match={"rule": ["odd"]}, until=(NOW + timedelta(days=30)).isoformat(), why="too wide")
        alerting.carry_out_intents()
        assert refused()["state"] == "refused"
    with opened(tmp_path, clock, configuration(people=people)) as (alerting, store):
        intent = {"what": "except", "user": "li", "roles": ["security_officer", "operator"], "unit": "", "on": "", "state": "new"}
        store.documents.put(
            INTENT, "e", {**intent, "args": {"match": {"rule": ["odd"], "asset": ["web"]}, "until": (NOW + timedelta(days=30)).isoformat(), "why": "x"}}
        )
        store.documents.put(INTENT, "o", {**intent, "what": "open", "args": {"title": "楼上漏水 / Water upstairs", "severity": "high"}})
        alerting.carry_out_intents()
        (exception,) = bodies(store, MUTE)
        assert (exception["id"], exception["kind"], exception["active"]) == ("except-1", "except", True)
        states = {one["title"]["en"]: one["state"] for one in bodies(store, INCIDENT)}
        assert states == {"web: Odd": "resolved", "楼上漏水 / Water upstairs": "open"}


def test_a_window_that_comes_back_is_set_ended_for_now_and_listed_with_its_next_change(tmp_path: Path) -> None:
    clock = ManualClock(NOW)  # Monday 09:00 at the site
    with opened(tmp_path, clock) as (alerting, store):
        alerting.observe([odd()])
        window = {"day": ["mon"], "from": "08:00", "to": "10:00"}
        until = (NOW + timedelta(days=20)).isoformat()
        answer = ask(store, "mute", kind="maintenance", match={"asset": ["web"]}, recurring=window, until=until, why="patches", by="li", classes=["operations"])
        alerting.carry_out_intents()
        assert answer() | {"state": "done", "message": ""} == answer()
        (mute,) = bodies(store, MUTE)
        assert (mute["active"], mute["changes"], mute["recurring"]["day"]) == (True, "2026-03-02T02:00:00+00:00", ["mon"])
        assert [one["held_by"] for incident in bodies(store, INCIDENT) for one in incident["members"]] == ["maintenance"]
        ask(store, "unmute", id=mute["id"])
        alerting.carry_out_intents()
        (mute,) = bodies(store, MUTE)
        assert (mute["active"], mute["ended"]) == (False, False)
        assert [one["held_by"] for incident in bodies(store, INCIDENT) for one in incident["members"]] == [""]
        clock.advance(7 * 86400)
        alerting.tick()
        assert bodies(store, MUTE)[0]["active"]


def test_an_exception_is_ended_early_by_who_may_and_what_still_fires_is_told_again(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    leader: dict[str, Any] = {"user": "wang", "roles": ["duty_leader"]}
    with opened(tmp_path, clock) as (alerting, store):
        alerting.observe([odd()])
        ask(store, "except", **leader, match={"rule": "odd", "asset": "web"}, until=(NOW + timedelta(days=30)).isoformat(), why="accepted")
        alerting.carry_out_intents()
        (exception,) = bodies(store, MUTE)
        assert (exception["kind"], exception["active"], exception["ended"]) == ("except", True, False)
        refused = ask(store, "unexcept", id=exception["id"])
        alerting.carry_out_intents()
        assert (refused()["state"], bodies(store, MUTE)) == ("refused", [exception])
        alerting.observe([odd()])
        assert [one["state"] for one in bodies(store, INCIDENT)] == ["resolved"]
        clock.advance(60)
        done = ask(store, "unexcept", **leader, id=exception["id"])
        alerting.carry_out_intents()
        assert done()["state"] == "done"
        (over,) = bodies(store, MUTE)
        assert (over["active"], over["ended"], over["until"]) == (False, True, (NOW + timedelta(seconds=60)).isoformat())
        assert "open" in [one["state"] for one in bodies(store, INCIDENT)]
        assert [(entry.actor, entry.body["exception"]) for entry in store.audit.read() if entry.action == "alert.unexcept"] == [("wang", exception["id"])]
        again = ask(store, "unexcept", **leader, id=exception["id"])
        alerting.carry_out_intents()
        assert again()["state"] == "refused"


def test_a_notice_that_calls_several_people_has_one_link_for_all_who_are_not_disabled(tmp_path: Path, hook: Hook) -> None:
    clock = ManualClock(NOW)
    people = [{"id": name, "roles": ["operator"], "receivers": ["hook"], "disabled": name == "gone"} for name in ("li", "wang", "gone")]
    chains = [{"id": "all", "steps": [{"notify": {"role": "operator"}}]}]
    config = with_hook(hook).model_copy(update={"people": configuration(people=people).people, "chains": configuration(chains=chains).chains})
    with opened(tmp_path, clock, config, address="http://wanglou.bureau.example/") as (alerting, store):
        alerting.observe([odd()])
        until(alerting, lambda: any(one["reason"] == "escalation" for one in hook.got))
        (call,) = [one for one in hook.got if one["reason"] == "escalation"]
        assert (call["person"], call["ack_link"].partition("?t=")[0]) == ("li,wang", "http://wanglou.bureau.example/ack")
        (link,) = bodies(store, ACK_LINK)
        assert [one["name"] for one in link["people"]] == ["li", "wang"]


def test_a_mute_that_a_file_lost_while_the_service_was_away_is_over_in_the_store_too(tmp_path: Path) -> None:
    with opened(tmp_path, ManualClock(NOW), configuration(mutes=[MUTED])) as (_, store):
        assert [one["active"] for one in bodies(store, MUTE)] == [True]
    with opened(tmp_path, ManualClock(NOW)) as (alerting, store):
        alerting.tick()
        assert [(one["active"], one["ended"]) for one in bodies(store, MUTE)] == [(False, True)]


def test_the_story_tells_alerts_notices_and_promises_in_their_order(tmp_path: Path, hook: Hook) -> None:
    clock = ManualClock(NOW)
    with opened(tmp_path, clock, with_hook(hook)) as (alerting, store):
        alerting.observe([odd()])
        clock.advance(30)
        until(alerting, lambda: "notice" in [entry["what"] for entry in bodies(store, INCIDENT)[0]["timeline"]])
        clock.advance(900)
        alerting.tick()
        alerting.observe([odd(firing=False)])
        story = [(entry["what"], entry.get("receiver") or entry.get("rule") or entry.get("promise") or "") for entry in bodies(store, INCIDENT)[0]["timeline"]]
        assert story == [
            ("fire", "odd"),
            ("open", ""),
            ("notice", "hook"),
            ("sla_warning", "ack"),
            ("sla_breach", "ack"),
            ("end", "odd"),
            ("resolve", ""),
        ]
