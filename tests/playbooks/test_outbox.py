"""Messages of runs reach people at least once: over kills, over receivers that are away; what reaches nobody is told."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta

import pytest

from core.clock import ManualClock
from core.errors import Refused
from core.names import RUN, RUN_ENTRY, RUN_NOTE, RUN_PLAN, TASK
from core.records import Finding
from playbooks.form import Both
from playbooks.journal import forget, from_audit
from playbooks.outbox import TRIES, Heard, Outbox
from store.base import Store
from tests.playbooks.bench import BOB, Site

TEXT = Both(zh="已封禁", en="blocked")
Make = Callable[[], Outbox]


class People:
    """Receivers by person; those in ``away`` take nothing, those in ``mute`` never answer."""

    def __init__(self) -> None:
        self.receivers = {"person:ann": ("mail", "phone"), "role:duty_leader": ("desk",)}
        self.away: set[str] = set()
        self.mute: set[str] = set()
        self.got: list[tuple[str, str]] = []
        self.alarms: list[Finding] = []

    def send(self, to: str, text: Both, run: str, only: Collection[str], heard: Heard) -> int:
        names = [name for name in self.receivers.get(to, ()) if not only or name in only]
        for name in names:
            if name in self.mute:
                continue
            if name not in self.away:
                self.got.append((name, text.en))
            heard(name, name not in self.away)
        return len(names)


def outbox(store: Store, clock: ManualClock, people: People) -> Outbox:
    return Outbox(store, clock, people.send, people.alarms.append)


def states(store: Store) -> list[str]:
    return [str(document.body["state"]) for document in store.documents.find(RUN_NOTE).items]


def test_a_message_goes_out_once_and_is_on_record(store: Store, clock: ManualClock) -> None:
    people = People()
    box = outbox(store, clock, people)
    box.put("person:ann", TEXT, "r1")
    box.put("person:ann", TEXT, "r1")  # the step was done again after a kill
    for _ in range(5):
        box.round()
        clock.advance(3600)
    assert people.got == [("mail", "blocked"), ("phone", "blocked")]
    assert states(store) == ["sent"]


def test_what_was_not_sent_before_a_kill_is_sent_afterwards(store: Store, clock: ManualClock) -> None:
    people = People()
    outbox(store, clock, people).put("role:duty_leader", TEXT, "r1")
    again = outbox(store, clock, people)
    again.round()
    assert people.got == [("desk", "blocked")]
    people.got.clear()
    third = outbox(store, clock, people)  # killed before the answer was written down: sent once more, not lost
    clock.advance(31)
    third.round()
    third.round()
    assert people.got == [("desk", "blocked")]
    assert states(store) == ["sent"]


def test_only_receivers_that_did_not_take_it_are_tried_again(store: Store, clock: ManualClock) -> None:
    people = People()
    people.away = {"phone"}
    box = outbox(store, clock, people)
    box.put("person:ann", TEXT, "r1")
    box.round()
    box.round()
    people.away = set()
    clock.advance(31)
    box.round()
    box.round()
    assert people.got == [("mail", "blocked"), ("phone", "blocked")]
    assert states(store) == ["sent"]


def test_a_receiver_that_never_answers_is_tried_again(store: Store, clock: ManualClock) -> None:
    people = People()
    people.mute = {"desk"}
    box = outbox(store, clock, people)
    box.put("role:duty_leader", TEXT, "r1")
    box.round()
    people.mute = set()
    clock.advance(121)
    box.round()
    box.round()
    assert people.got == [("desk", "blocked")]


def test_a_receiver_that_stays_away_is_given_up_and_told(store: Store, clock: ManualClock) -> None:
    people = People()
    people.away = {"desk"}
    box = outbox(store, clock, people)
    box.put("role:duty_leader", TEXT, "r1")
    for _ in range(TRIES * 3):
        box.round()
        clock.advance(3601)
    assert states(store) == ["given up"]
    assert [(alarm.source, alarm.evidence["receivers"]) for alarm in people.alarms] == [("playbook.unsent", ["desk"])]


def test_a_message_to_somebody_without_receivers_stays_on_record(store: Store, clock: ManualClock) -> None:
    box = outbox(store, clock, People())
    box.put("person:nobody", TEXT, "r1")
    box.round()
    assert states(store) == ["nobody"]


def test_old_runs_go_with_everything_of_theirs_and_the_audit_stays(site: Callable[..., Site], store: Store, clock: ManualClock) -> None:
    here = site()
    old = here.begin(value="old")
    assert here.settle(old) == "done"
    outbox(store, clock, People()).put("person:ann", TEXT, old)
    waiting = here.begin(value="new")
    clock.advance(86400 * 200)
    young = here.begin(value="young")
    assert here.settle(young) == "done"
    assert here.settle(waiting) == "done"
    store.documents.put(RUN, waiting, {**store.documents.get(RUN, waiting).body, "open": True})  # an undo of it is due yet
    assert forget(store, clock.now() - timedelta(days=100)) == 1
    assert forget(store, clock.now() - timedelta(days=100)) == 0
    for kind in (RUN, RUN_PLAN, RUN_ENTRY, RUN_NOTE, TASK):
        left = {str(document.body.get("run", document.id)) for document in store.documents.find(kind).items}
        assert old not in left
    assert {document.id for document in store.documents.find(RUN).items} == {waiting, young}
    assert [entry.kind for entry in from_audit(store, old)][-1] == "ended"
    with pytest.raises(Refused, match="no run"):
        here.requests.take_back(old, BOB)
