"""Duty as people change it: recorded by those who may, in force at once, taken back, and the plan says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.names import HANDOVER, ROSTER, ROSTER_CHANGE
from inventory.credentials import Vault
from inventory.people import Person
from service.alerting.journal import DiskJournal
from service.alerting.live import LiveAlerting
from service.alerting.loading import load_configuration
from service.duty import Duty, read_changes, with_changes
from tests.service.test_live import ASSETS, House

ROTA = "rotas:\n- {id: net, handover: '08:00', shift: 1d, people: [li, wang], from: 2026-03-01}\n"
PEOPLE = (*(Person(id=name, roles=("operator",)) for name in ("li", "wang", "zhao")), Person(id="gone", disabled=True))


class Watch(House):
    """A house with a rota of two people, changed through intents."""

    def __init__(self, folder: Path) -> None:
        folder.joinpath("site", "alerting").mkdir(parents=True)
        folder.joinpath("site", "alerting", "duty.yaml").write_text(ROTA)
        super().__init__(folder)
        self.duty = Duty(self.store, self.alerting, self.clock, ZoneInfo("Asia/Shanghai"), self.reload)
        self.alerting.carriers |= self.duty.carriers

    def open(self) -> LiveAlerting:
        self.loaded = load_configuration(self.settings.site_folder / "alerting", ASSETS, PEOPLE, (), "Asia/Shanghai")
        return LiveAlerting(self.settings, self.store, Vault(self.store, bytes(32)), self.clock, self.loaded, DiskJournal(self.settings.data / "alerting.db"))

    def reload(self) -> None:
        config = with_changes(self.loaded.config, read_changes(self.store, self.clock.now()))
        self.alerting.set_estate(ASSETS, PEOPLE, type(self.loaded)(config, self.loaded.texts))

    def when(self, start_h: float, end_h: float) -> dict[str, str]:
        now = self.clock.now()
        return {"from": (now + timedelta(hours=start_h)).isoformat(), "until": (now + timedelta(hours=end_h)).isoformat()}

    def plan(self) -> list[tuple[str, str, str]]:
        """(begin of the shift in site time, person, why) of this day and the next two."""
        self.duty.round()
        now = self.clock.now()
        shifts: list[dict[str, Any]] = self.store.documents.get(ROSTER, "net").body["shifts"]
        spans = [(datetime.fromisoformat(shift["from"]), datetime.fromisoformat(shift["until"]), shift) for shift in shifts]
        return [(f"{start:%m-%d %H:%M}", shift["person"], shift["why"]) for start, end, shift in spans if now < end and start < now + timedelta(days=2)]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    made = Watch(tmp_path / "data")
    yield made
    made.alerting.close()
    made.store.close()


def test_the_plan_names_who_has_which_shift(watch: Watch) -> None:
    assert watch.plan() == [("03-02 08:00", "wang", "turn"), ("03-03 08:00", "li", "turn"), ("03-04 08:00", "wang", "turn")]


def test_a_leader_puts_somebody_else_on_duty_and_takes_it_back(watch: Watch) -> None:
    answer = watch.ask("duty_override", "", ["duty_leader"], rota="net", person="zhao", why="wang is ill", **watch.when(-1, 5))
    assert answer["state"] == "done", answer["message"]
    assert watch.plan()[:2] == [("03-02 08:00", "zhao", "override"), ("03-02 14:00", "wang", "turn")]
    (change,) = watch.store.documents.find(ROSTER_CHANGE).items
    assert watch.ask("duty_cancel", "", ["duty_leader"], id=change.id)["state"] == "done"
    assert watch.plan()[0] == ("03-02 08:00", "wang", "turn")
    assert [entry.action for entry in watch.store.audit.read() if entry.action.startswith("duty.")] == ["duty.override", "duty.cancel"]


def test_one_of_the_two_records_a_swap_and_nobody_else(watch: Watch) -> None:
    swap = {"rota": "net", "gives": "wang", "takes": "zhao", "why": "exam", **watch.when(-1, 72)}
    assert "one of the two" in watch.ask("duty_swap", "x", ["operator"], **swap)["message"]  # li asks
    assert watch.ask("duty_swap", "y", ["operator"], **{**swap, "gives": "li"})["state"] == "done"
    assert [person for _, person, _ in watch.plan()] == ["wang", "zhao", "wang"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rota": "night"}, "no rota 'night'"),
        ({"person": "nobody"}, "nobody that can be on duty"),
        ({"person": "gone"}, "nobody that can be on duty"),
        ({"until": "2026-03-01T00:00:00+00:00"}, "end in the future"),
        ({"until": "2027-03-01T00:00:00+00:00"}, "60 days at most"),
        ({"from": "tomorrow"}, "must be a time"),
        ({"why": " "}, "say why"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(watch: Watch, change: dict[str, str], said: str) -> None:
    args = {"rota": "net", "person": "zhao", "why": "ill", **watch.when(0, 5), **change}
    answer = watch.ask("duty_override", "", ["duty_leader"], **args)
    assert answer["state"] == "refused"
    assert said in answer["message"]


def test_only_leaders_override_and_a_note_is_kept(watch: Watch) -> None:
    args = {"rota": "net", "person": "li", "why": "I want to", **watch.when(0, 5)}
    assert "duty leaders" in watch.ask("duty_override", "", ["operator"], **args)["message"]
    assert watch.ask("hand_over", "", ["viewer"], rota="net", text="quiet")["state"] == "refused"
    assert watch.ask("hand_over", "1", ["operator"], rota="net", text="UPS 2 waits for a battery")["state"] == "done"
    (note,) = watch.store.documents.find(HANDOVER).items
    assert (note.body["by"], note.body["text"]) == ("li", "UPS 2 waits for a battery")


def test_a_rota_that_is_gone_takes_its_plan_along(watch: Watch) -> None:
    assert watch.plan()
    watch.loaded = type(watch.loaded)(watch.loaded.config.model_copy(update={"rotas": ()}), watch.loaded.texts)
    watch.reload()
    watch.duty.round()
    assert watch.store.documents.find(ROSTER).items == ()
