"""The survey folds snapshots into documents and events, and starts again where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.clock import ManualClock
from core.records import Event, Sample, Snapshot
from inventory.book import Book
from inventory.topology import history, machines
from inventory.topology.evidence import KIND
from inventory.topology.history import SURVEY
from inventory.topology.places import CLASH
from service.cli import app
from service.topology import Survey
from store.base import Store
from store.filter import Term
from store.open import open_store
from store.snapshots import save_snapshot, snapshot_history
from tests.inventory.topology.makers import mac, told

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Place:
    """A survey over a store, with what it told."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder, self.clock = store, folder, ManualClock(NOW)
        self.events: list[Event] = []
        self.samples: list[Sample] = []
        self.survey = self.fresh()

    def fresh(self) -> Survey:
        return Survey(self.store, self.folder, self.clock, self.take)

    def take(self, _asset: str, records: Sequence[Event | Sample]) -> None:
        self.events += [one for one in records if isinstance(one, Event)]
        self.samples += [one for one in records if isinstance(one, Sample)]

    def asset(self, id: str, **values: Any) -> None:
        Book(self.store).save(id, {"kind": "switch", **values}, source="site", who="site files", now=NOW)

    def says(self, id: str, number: int, now: datetime = NOW, **body: Any) -> None:
        text = json.dumps({"sysname": id, "bridge": mac(number), "macs": [mac(number)], **body})
        save_snapshot(self.store, Snapshot(time=now, asset=id, kind=KIND, body=text))

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [document.body for document in self.store.documents.find(kind).items]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    store = open_store("embedded", tmp_path / "data", "service")
    yield Place(store, tmp_path / "site")
    store.close()


@pytest.fixture
def pair(place: Place) -> Place:
    place.asset("a")
    place.asset("b")
    place.says("a", 1, neighbours=[told("1", "b", "2")], fdb=[[mac(9), "5", 10]], arp=[["10.0.0.9", mac(9), "v10"]])
    place.says("b", 2, neighbours=[told("2", "a", "1")])
    return place


def test_links_machines_and_neighbours_become_documents(pair: Place) -> None:
    pair.survey.look(NOW)
    (link,) = pair.bodies(history.LINK)
    assert (link["assets"], link["sources"], link["confidence"]) == (["a", "b"], ["lldp"], 0.99)
    (machine,) = pair.bodies(machines.MACHINE)
    assert (machine["mac"], machine["switch"], machine["port"], machine["addresses"]) == (mac(9), "a", "5", ["10.0.0.9"])
    assert Book(pair.store).get("b").connected_to.ids == ("a",)
    assert Book(pair.store).sources("b")["connected_to"] == "observed"
    assert pair.store.documents.get(SURVEY, "newest").body["devices"] == 2
    assert pair.events == []


def test_neighbours_that_people_wrote_stay(pair: Place) -> None:
    pair.asset("a", connected_to=["x"])
    pair.survey.look(NOW)
    assert Book(pair.store).get("a").connected_to.ids == ("x",)


def test_a_link_that_is_gone_stays_on_record_and_leaves_the_neighbours(pair: Place) -> None:
    pair.survey.look(NOW)
    pair.says("a", 1, NOW + HOUR)
    pair.says("b", 2, NOW + HOUR)
    pair.survey.look(NOW + HOUR)
    (link,) = pair.bodies(history.LINK)
    assert link["spans"] == [[NOW.isoformat(), (NOW + HOUR).isoformat()]]
    assert Book(pair.store).get("a").connected_to.ids == ()


def test_a_new_machine_is_an_event_once_also_after_a_restart(pair: Place) -> None:
    pair.survey.look(NOW)
    pair.says("a", 1, NOW + HOUR, fdb=[[mac(9), "5", 10], [mac(8), "6", 10]])
    for survey in (pair.survey, pair.survey, pair.fresh()):
        survey.look(NOW + HOUR)
    (event,) = pair.events
    assert (event.kind, event.asset, event.fields["source.mac"]) == ("mac_new", "a", mac(8))


def test_a_flood_of_new_addresses_on_one_port_is_one_event(pair: Place) -> None:
    pair.survey.look(NOW)
    pair.says("a", 1, NOW + HOUR, fdb=[[mac(number), "6", 10] for number in range(100, 400)])
    pair.survey.look(NOW + HOUR)
    (event,) = pair.events
    assert (event.kind, event.fields["event.count"], event.fields["observer.ingress.interface.name"]) == ("mac_flood", 300, "6")


def test_two_machines_with_one_address_are_told_once_and_the_end_is_kept(pair: Place) -> None:
    two = [["10.0.0.9", mac(9), "v10"], ["10.0.0.9", mac(7), "v10"]]
    pair.says("a", 1, NOW + HOUR, fdb=[[mac(9), "5", 10], [mac(7), "6", 10]], arp=two)
    pair.survey.look(NOW + HOUR)
    pair.survey.look(NOW + HOUR)
    (event,) = [event for event in pair.events if event.kind == "address_conflict"]
    assert (event.fields["source.ip"], event.fields["source.mac"]) == ("10.0.0.9", [mac(7), mac(9)])
    assert f"{mac(7)} on a 6" in event.message
    pair.says("a", 1, NOW + 2 * HOUR, fdb=[[mac(9), "5", 10]], arp=two[:1])
    pair.survey.look(NOW + 2 * HOUR)
    (clash,) = pair.bodies(CLASH)
    assert clash["ended"] == (NOW + 2 * HOUR).isoformat()
    pair.survey.look(NOW + timedelta(days=191))
    assert pair.bodies(CLASH) == []
    assert [event.kind for event in pair.events if event.fields["source.ip"] == "10.0.0.9"] == ["address_conflict", "address_conflict_over"]


def test_a_device_silent_for_days_counts_no_more(pair: Place) -> None:
    pair.survey.look(NOW)
    pair.survey.look(NOW + timedelta(days=4))
    (link,) = pair.bodies(history.LINK)
    assert link["spans"][-1][1] is not None


def test_the_plan_is_compared_with_what_is_there(pair: Place) -> None:
    pair.folder.mkdir()
    (pair.folder / "networks.yaml").write_text("networks:\n  - {prefix: 10.0.0.0/24, name: office, vlan: 10}\n  - {prefix: 10.0.0.0/33}\n", encoding="utf-8")
    pair.survey.look(NOW)
    (network,) = pair.bodies("network")
    assert (network["name"], network["used"], network["verdicts"]) == ("office", 1, {"unknown": 1})
    (used,) = pair.samples
    assert (used.metric, dict(used.labels), round(used.value, 3)) == ("network.prefix.utilization", {"prefix": "10.0.0.0/24"}, round(100 / 254, 3))
    assert [(vlan["vlan"], vlan["verdict"], vlan["machines"]) for vlan in pair.bodies("vlan")] == [(10, "ok", 1)]
    (problem,) = pair.survey.problems
    assert "networks.yaml:3" in str(problem)


def test_a_round_comes_when_a_device_says_something_new_or_minutes_passed(pair: Place) -> None:
    pair.survey.round()
    assert len(pair.bodies(SURVEY)) == 1
    pair.store.documents.delete(SURVEY, "newest")
    pair.survey.round()
    assert pair.bodies(SURVEY) == []


def test_only_the_newest_topology_of_a_device_is_kept(pair: Place) -> None:
    pair.says("a", 1, NOW + HOUR)
    (version,) = snapshot_history(pair.store, "a", KIND)
    assert version.time == NOW + HOUR
    assert pair.bodies("snapshot-version") == []


@pytest.mark.peer
def test_elasticsearch_gives_back_what_the_survey_wrote(tmp_path: Path) -> None:
    from tests.peers.elasticsearch import elastic_store

    with elastic_store(tmp_path) as store:
        place = Place(store, tmp_path / "site")
        for name in ("a", "b"):
            place.asset(name)
        place.says("a", 1, neighbours=[told("1", "b", "2")], fdb=[[mac(9), "5", 10]], arp=[["10.0.0.9", mac(9), "v10"], ["10.0.0.9", mac(7), "v10"]])
        place.says("b", 2, neighbours=[told("2", "a", "1")], fdb=[[mac(7), "6", 10]])
        place.survey.look(NOW)
        before = {kind: place.bodies(kind) for kind in (history.LINK, machines.MACHINE, CLASH, "network", "vlan")}
        place.fresh().look(NOW)
        assert {kind: place.bodies(kind) for kind in before} == before
        assert {len(before[history.LINK]), len(before[machines.MACHINE]), len(before[CLASH])} == {1, 2}
        assert [event.kind for event in place.events] == ["address_conflict"]
        assert Book(store).get("a").connected_to.ids == ("b",)
        assert [document.id for document in store.documents.find(machines.MACHINE, Term("addresses", "10.0.0.9")).items] == [mac(7), mac(9)]


def test_the_command_says_where_a_machine_is(tmp_path: Path) -> None:
    store = open_store("embedded", tmp_path / "data", "service")
    place = Place(store, tmp_path / "site")
    place.asset("a")
    place.says("a", 1, fdb=[[mac(9), "Gi1/0/5\x1b[2J", 10]], arp=[["10.0.0.9", mac(9), "v10"]])
    place.survey.look(NOW)
    store.close()
    environment = {"WANGLOU_DATA": str(tmp_path / "data")}
    found = CliRunner().invoke(app, ["where", "0200.0000.0009"], env=environment)
    assert (found.exit_code, found.output) == (0, f"{mac(9)}\ta\tGi1/0/5?[2J\t10\t10.0.0.9\t\t2026-03-02T09:00Z\n")
    as_json = CliRunner().invoke(app, ["where", "10.0.0.9", "--json"], env=environment)
    assert json.loads(as_json.output)["stays"][0]["switch"] == "a"
    assert CliRunner().invoke(app, ["where", "10.9.9.9"], env=environment).exit_code == 1
