"""The past stays as it was: another grade, other checks, assets that left, and clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.check import Check
from compliance.dossier import Dossier
from compliance.objects import ProtectionObject, Rule, Scope
from compliance.office import Office
from compliance.past import Noted, assets_at, checks_at
from compliance.prove import NOW
from compliance.register import save_object
from compliance.rollup import Conformity
from console.queries.audits import moved, otherwise
from core.names import CHANGE
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from store.base import Store
from store.open import open_store
from tests.compliance.conftest import ASSETS, CHECKS, OFFICER, SUBJECT, Judged

DAY = timedelta(days=1)
LATER = NOW + 10 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


def put(store: Store, id: str, after: timedelta, **values: object) -> None:
    Book(store).save(id, values, source="person", who="li", now=NOW + after)


def test_assets_of_a_past_day_are_those_of_then_with_what_was_recorded_of_them_then(store: Store) -> None:
    put(store, "stays", 0 * DAY, owner="li", room="r1")
    put(store, "goes", 0 * DAY, owner="wang")
    put(store, "stays", 2 * DAY, owner="zhao", note="x", room=None)
    Book(store).remove("goes", source="person", who="li", now=NOW + 3 * DAY)
    put(store, "comes", 4 * DAY, owner="wu")
    put(store, "goes", 5 * DAY, owner="again")
    today = Book(store).all()

    def at(after: timedelta) -> list[tuple[str, str, str, str]]:
        return [(one.id, one.owner, one.room, one.note) for one in assets_at(store.documents, today, NOW + after)]

    assert at(-DAY) == []
    assert at(DAY) == [("goes", "wang", "", ""), ("stays", "li", "r1", "")]
    assert at(2 * DAY) == [("goes", "wang", "", ""), ("stays", "zhao", "", "x")]
    assert at(3 * DAY) == [("stays", "zhao", "", "x")]
    assert at(9 * DAY) == [("comes", "wu", "", ""), ("goes", "again", "", ""), ("stays", "zhao", "", "x")]


def test_what_is_in_use_is_noted_when_it_changes_and_not_again_after_a_restart(store: Store) -> None:
    for at, checks in ((NOW, CHECKS), (NOW + DAY, CHECKS), (NOW + 2 * DAY, CHECKS[1:])):
        noted = Noted(store.documents)
        for minute in range(3):
            noted.round([SUBJECT], checks, at + timedelta(minutes=minute))
    assert len(list(evidence.notes(store.documents, evidence.OBJECTS))) == 1
    assert [len(said["checks"]) for _, said in evidence.notes(store.documents, evidence.CHECKS)] == [len(CHECKS), len(CHECKS) - 1]
    assert len(checks_at(store.documents, (), NOW + DAY)) == len(CHECKS)
    assert len(checks_at(store.documents, (), NOW - DAY)) == len(CHECKS), "before the first note the nearest one"
    assert len(checks_at(store.documents, (), NOW + 3 * DAY)) == len(CHECKS) - 1


def test_what_a_person_recorded_is_not_noted_a_second_time(store: Store) -> None:
    save_object(store, SUBJECT, "li", OFFICER, NOW)
    Noted(store.documents).round([SUBJECT], (), NOW)
    assert len(list(evidence.notes(store.documents, evidence.OBJECTS))) == 1


class Site:
    """A bureau with one object over web servers, whose files and records change."""

    def __init__(self, judged: Judged, data: Path) -> None:
        self.store, self.noted = judged.store, Noted(judged.store.documents)
        self.office = Office(judged.store, Settings(data=data))
        for asset in ASSETS:
            values = asset.model_dump(mode="json", exclude_unset=True, exclude={"id"})
            Book(self.store).save(asset.id, values | {"tags": ["web"]}, source="person", who="li", now=NOW - DAY)
        self.grade(NOW - DAY, SUBJECT.model_copy(update={"scope": Scope(rules=(Rule(tag=("web",)),))}), CHECKS)

    def grade(self, now: datetime, subject: ProtectionObject, checks: tuple[Check, ...]) -> None:
        save_object(self.store, subject, "li", OFFICER, now)
        self.noted.round([subject], checks, now)

    def then(self) -> Dossier:
        return self.office.dossier(self.office.subject("oa"), NOW + timedelta(hours=1), LATER)

    def today(self) -> Dossier:
        return self.office.dossier(self.office.subject("oa"), LATER, LATER)


def results(found: Dossier) -> dict[str, tuple[Conformity, str]]:
    return {name: (one.conformity, one.reason.en) for name, one in found.results.items()}


@pytest.fixture
def site(fresh: Judged, tmp_path: Path) -> Site:
    return Site(fresh, tmp_path / "data")


@pytest.mark.slow
def test_another_grade_and_an_asset_that_left_change_today_and_not_the_past(site: Site) -> None:
    before, subject = site.then(), site.office.subject("oa")
    assert {asset.id for asset in before.assets} == {"web1", "web2", "other"}
    site.grade(LATER - DAY, subject.model_copy(update={"s": 2, "a": 2, "label": "秘密"}), CHECKS)
    Book(site.store).remove("web2", source="person", who="li", now=LATER - DAY)
    Book(site.store).save("web1", {"tags": []}, source="person", who="li", now=LATER - DAY)
    after, today = site.then(), site.today()
    assert (after.subject.grade_text, today.subject.grade_text) == ("S3A3G3", "S2A2G2")
    assert results(after) == results(before)
    assert after.score == before.score
    assert {asset.id for asset in today.assets} == {"other"}
    assert len(today.items) < len(after.items)
    assert moved(after, today) == ([], ["web1", "web2"])
    assert ("G.CES.AC.7", None) in {(item.id, new) for item, _, new in otherwise(after, today)}, "level 2 does not ask for it"
    assert after.subject.label == "秘密", "an old report does not get around a marking"


@pytest.mark.slow
def test_check_files_that_changed_since_leave_the_past(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    before = site.then()
    assert before.results["G.CES.AC.2"].conformity is not Conformity.UNKNOWN
    fewer = tuple(one.model_copy(update={"decides": not one.decides}) for one in CHECKS if "G.CES.AC.2" not in one.items)
    monkeypatch.setattr(Office, "checks", lambda _self: fewer)
    site.noted.round([], fewer, LATER - DAY)
    assert results(site.then()) == results(before)
    assert results(site.today())["G.CES.AC.2"] != results(before)["G.CES.AC.2"]


@pytest.mark.slow
def test_the_past_of_a_store_that_noted_nothing_is_told_with_what_is_known(fresh: Judged, tmp_path: Path) -> None:
    office = Office(fresh.store, Settings(data=tmp_path / "data"))
    Book(fresh.store).sync_site(ASSETS, NOW - DAY)
    found = office.dossier(SUBJECT, NOW + timedelta(hours=1), LATER)
    assert found.subject == SUBJECT
    assert found.results["G.CES.AC.2"].conformity is Conformity.PARTIAL


def test_an_asset_whose_old_record_cannot_be_read_is_left_out_and_the_others_stay(store: Store) -> None:
    put(store, "odd", 0 * DAY, owner="li")
    put(store, "even", 0 * DAY, owner="li")
    body = {"time": (NOW + DAY).isoformat(), "asset": "odd", "what": "change", "before": {"kind": ["no kind"]}, "after": {}}
    store.documents.put(CHANGE, "x", body)
    assert [one.id for one in assets_at(store.documents, [Asset(id="odd"), Asset(id="even")], NOW)] == ["even"]
