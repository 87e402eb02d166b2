"""Inspection rounds from the intent to the finding: begun, answered, signed, late."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from compliance import attachments, evidence
from compliance.office import Office
from compliance.rounds import walk
from compliance.run import every
from core.clock import ManualClock
from core.errors import Refused
from core.names import EVIDENCE, ROUND
from core.records import Finding, Sample
from core.settings import Settings
from inventory.book import Book
from service.auditing import Auditing
from service.rounds import Rounds
from store.base import Store
from store.embedded import open_embedded

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_embedded(tmp_path / "data", "service")
    Book(opened).save("ups1", {"name": "UPS", "kind": "ups"}, source="site", who="site files", now=NOW)
    yield opened
    opened.close()


class Desk:
    """The service's side of rounds, driven as the console drives it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.clock, self.told = store, ManualClock(NOW), list[Finding]()
        self.settings = Settings(data=folder / "data")
        self.rounds = Rounds(self.settings, store, self.clock, self.told.extend)

    def ask(self, what: str, on: str = "", roles: tuple[str, ...] = ("operator",), **args: Any) -> str:
        return self.rounds.carriers[what]({"what": what, "user": "li", "roles": roles, "args": args, "on": on})

    def body(self, name: str) -> dict[str, Any]:
        return self.store.documents.get(ROUND, name).body

    def measure(self, load: float) -> None:
        self.store.metrics.write([Sample(time=self.clock.now(), asset="ups1", metric="hw.ups.load", value=load)])

    def walk(self, **states: str) -> str:
        """A whole round: everything in order but what is named."""
        name = self.ask("round.begin", template="daily-room")
        for item in self.body(name)["items"]:
            if walk.state_of(item) == "open":
                state = states.get(item["id"], "na" if item["form"] == "number" else "ok")
                self.ask("round.answer", name, item=item["id"], state=state, text="" if state == "ok" else "seen by eye")
        self.ask("round.sign", name, digest=walk.digest(self.body(name)), remark="")
        return name


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return Desk(store, tmp_path)


def test_what_deviates_in_a_signed_round_is_told_and_ends_with_the_next_round(desk: Desk) -> None:
    desk.measure(93)
    name = desk.walk(cooling="deviates")
    assert {(one.labels["item"], one.firing, one.severity.value) for one in desk.told} == {("ups-load", True, "warning"), ("cooling", True, "high")}
    assert any("ups1 93" in one.evidence["zh"] for one in desk.told)
    assert desk.body(name)["signer"] == "li"
    before, desk.told[:] = {one.fingerprint for one in desk.told}, []
    desk.clock.advance(86_400)
    desk.measure(40)
    desk.walk()
    assert [one.firing for one in desk.told] == [False, False]
    assert {one.fingerprint for one in desk.told} == before


def test_a_signed_round_stands_in_the_chain_of_evidence(desk: Desk) -> None:
    name = desk.walk()
    kinds = [document.body["kind"] for document in every(desk.store, EVIDENCE) if document.body["asset"] == name]
    assert kinds == [evidence.ROUNDS]
    assert evidence.first_break(desk.store.documents) is None
    assert [entry.action for entry in desk.store.audit.read(object=name)][-1] == "round.sign"


def test_one_round_of_a_template_is_open_at_a_time_and_only_walkers_walk(desk: Desk) -> None:
    desk.ask("round.begin", template="daily-room")
    with pytest.raises(Refused, match="open already"):
        desk.ask("round.begin", template="daily-room")
    with pytest.raises(Refused, match="no template"):
        desk.ask("round.begin", template="../x")
    with pytest.raises(Refused, match="operators"):
        desk.ask("round.begin", template="weekly-network", roles=("viewer", "system_admin"))
    with pytest.raises(Refused, match="no such round"):
        desk.ask("round.answer", "nothing", item="doors", state="ok")


def test_a_late_round_is_told_once_and_its_end_when_it_is_walked(desk: Desk) -> None:
    auditing = Auditing(Office(desk.store, desk.settings), desk.rounds)
    assert auditing.round(NOW) == []
    desk.walk()
    assert auditing.round(desk.clock.now()) == []
    desk.clock.advance(1.3 * 86_400)
    assert [(one.source, one.firing) for one in auditing.round(desk.clock.now())] == [("round.overdue", True)]
    assert auditing.round(desk.clock.now()) == []
    desk.walk()
    assert [(one.source, one.firing) for one in auditing.round(desk.clock.now())] == [("round.overdue", False)]


def test_a_broken_template_of_the_site_is_a_problem_of_the_site(desk: Desk) -> None:
    folder = desk.settings.site_folder / "rounds"
    folder.mkdir(parents=True)
    (folder / "bad.yaml").write_text("id: bad\n", encoding="utf-8")
    auditing = Auditing(Office(desk.store, desk.settings), desk.rounds)
    auditing.round(NOW)
    assert ["bad.yaml" in str(problem) for problem in auditing.problems] == [True]


def picture() -> bytes:
    into = io.BytesIO()
    Image.new("RGB", (20, 20), "blue").save(into, "JPEG")
    return into.getvalue()


def test_a_photo_is_looked_at_by_its_content_before_an_answer_takes_it(desk: Desk) -> None:
    name = desk.ask("round.begin", template="daily-room")
    kept = attachments.keep(desk.settings.data, "lamps.jpg", picture(), photo=True).model_dump()
    desk.ask("round.answer", name, item="lamps", state="ok", photos=[kept])
    (said,) = [item["answer"] for item in desk.body(name)["items"] if item["id"] == "lamps"]
    assert said["photos"] == [kept]
    with pytest.raises(Refused, match="cannot be read"):
        desk.ask("round.answer", name, item="lamps", state="ok", photos=[kept | {"sha256": "0" * 64}])
    text = attachments.keep(desk.settings.data, "a.txt", b"no picture").model_dump()
    with pytest.raises(Refused, match="is text by its content"):
        desk.ask("round.answer", name, item="lamps", state="ok", photos=[text | {"kind": "jpeg", "name": "a.jpg"}])
    with pytest.raises(Refused, match="at most 5"):
        desk.ask("round.answer", name, item="lamps", state="ok", photos=[kept] * 6)
    (desk.settings.data / attachments.FOLDER / kept["sha256"]).write_bytes(b"forged")
    with pytest.raises(Refused, match="changed on disk"):
        desk.ask("round.answer", name, item="lamps", state="ok", photos=[kept])


def test_the_second_signature_is_of_somebody_who_did_not_walk_the_round(desk: Desk) -> None:
    desk.measure(40)
    name = desk.walk()
    seen = desk.body(name)["digest"]
    with pytest.raises(Refused, match="did not walk"):
        desk.ask("round.countersign", name, digest=seen)
    second = {"what": "round.countersign", "user": "wang", "roles": ("duty_leader",), "on": name}
    with pytest.raises(Refused, match="not as it was signed"):
        desk.rounds.carriers["round.countersign"](second | {"args": {"digest": "0" * 64}})
    desk.rounds.carriers["round.countersign"](second | {"args": {"digest": seen}})
    body = desk.body(name)
    assert body["second"]["who"] == "wang"
    assert walk.is_whole(body)
    assert [entry.action for entry in desk.store.audit.read(object=name)][-1] == "round.countersign"
    with pytest.raises(Refused, match="already"):
        desk.rounds.carriers["round.countersign"](second | {"args": {"digest": seen}})
