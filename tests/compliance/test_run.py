from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.answers import answers, save_answer
from compliance.check import Sample
from compliance.load import load_checks
from compliance.prove import NOW, snapshots
from compliance.rollup import Answer, Conformity
from compliance.run import Inspector, every, verdict_id
from core.errors import Refused
from core.names import EVIDENCE, VERDICT
from core.records import Event, Snapshot, ended
from store.base import Store
from store.open import open_store
from store.snapshots import save_snapshot

CHECKS = tuple(load_checks().checks.values())
RETENTION = tuple(check for check in CHECKS if check.id == "lnx-log-retention")
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path, "service")
    yield opened
    opened.close()


def fill(store: Store, asset: str = "web1", *, kinds: dict[str, str] | None = None, at: timedelta = timedelta()) -> None:
    for text in snapshots(Sample(platform="debian", verdict="pass")):
        body = (kinds or {}).get(text.kind, text.body)
        if text.kind != "store.logs":
            save_snapshot(store, Snapshot(time=NOW + at, asset=asset, kind=text.kind, body=ended(body)))


def log_days(store: Store, asset: str, days: int) -> None:
    logs = [
        Event(id=f"{asset}-{day}", time=NOW - timedelta(days=day, minutes=5), asset=asset, kind="log", message="x", fields={"log.source.address": "10.0.0.1"})
        for day in range(days)
    ]
    store.events.write(logs)


def weak(store: Store) -> str:
    return next(t.body for t in snapshots(Sample(platform="debian", verdict="pass")) if t.kind == "sshd_config").replace(
        "permitrootlogin no", "permitrootlogin yes"
    )


def test_a_weakened_setting_fires_one_finding_and_clears_when_mended(store: Store) -> None:
    log_days(store, "web1", 3)
    fill(store)
    inspector = Inspector(store, CHECKS)
    assert inspector.inspect(["web1"], NOW) == []
    fill(store, kinds={"sshd_config": weak(store)}, at=HOUR)
    (fired,) = inspector.inspect(["web1"], NOW + HOUR)
    assert (fired.source, fired.asset, fired.firing) == ("compliance.lnx-ssh-root", "web1", True)
    assert fired.evidence["observed"] == ["sshd_config: permitrootlogin = yes"]
    assert "PermitRootLogin no" in fired.evidence["remediation"]["zh"]
    body = store.documents.get(VERDICT, verdict_id("web1", "lnx-ssh-root")).body
    assert (body["outcome"], body["since"]) == ("fail", (NOW + HOUR).isoformat())
    fill(store, at=2 * HOUR)
    (cleared,) = inspector.inspect(["web1"], NOW + 2 * HOUR)
    assert (cleared.fingerprint, cleared.firing) == (fired.fingerprint, False)


def test_what_can_no_longer_be_told_neither_fires_nor_clears(store: Store) -> None:
    log_days(store, "web1", 3)
    fill(store, kinds={"sshd_config": weak(store)})
    inspector = Inspector(store, CHECKS)
    assert len(inspector.inspect(["web1"], NOW)) == 1
    fill(store, kinds={"sshd_config": "sshd: command not found\n"}, at=HOUR)
    assert inspector.inspect(["web1"], NOW + HOUR) == []
    body = store.documents.get(VERDICT, verdict_id("web1", "lnx-ssh-root")).body
    assert (body["outcome"], body["firing"]) == ("unknown", True)


def test_assets_without_texts_are_left_alone(store: Store) -> None:
    assert Inspector(store, CHECKS).inspect(["switch1"], NOW) == []
    assert list(every(store, VERDICT)) == []


def test_a_host_whose_logs_never_arrive_fails_retention_after_its_first_day(store: Store) -> None:
    fill(store)
    assert Inspector(store, RETENTION).inspect(["web1"], NOW + HOUR) == []
    assert store.documents.get(VERDICT, verdict_id("web1", "lnx-log-retention")).body["outcome"] == "unknown"
    fill(store, at=timedelta(days=1))
    found = Inspector(store, RETENTION).inspect(["web1"], NOW + timedelta(days=1))
    assert [one.source for one in found] == ["compliance.lnx-log-retention"]


def test_a_gap_at_the_beginning_fails_retention(store: Store) -> None:
    fill(store)
    later = timedelta(days=100)
    log_days(store, "web1", 3)
    store.events.write([Event(id="now", time=NOW + later, asset="web1", kind="log", message="x", fields={"log.source.address": "10.0.0.1"})])
    fill(store, at=later)
    assert Inspector(store, RETENTION).inspect(["web1"], NOW + later + HOUR) == []
    fill(store, "web2")
    store.events.write([Event(id="two", time=NOW + later, asset="web2", kind="log", message="x", fields={"log.source.address": "10.0.0.2"})])
    fill(store, "web2", at=later)
    found = Inspector(store, RETENTION).inspect(["web2"], NOW + later + HOUR)
    assert [one.source for one in found] == ["compliance.lnx-log-retention"]


def test_evidence_holds_the_text_and_its_chain_is_whole(store: Store) -> None:
    fill(store)
    inspector = Inspector(store, CHECKS)
    inspector.inspect(["web1"], NOW)
    body = store.documents.get(VERDICT, verdict_id("web1", "lnx-ssh-root")).body
    kept = store.documents.get(EVIDENCE, body["read"][0]["evidence"]).body
    assert "permitrootlogin no" in kept["body"]
    assert (kept["command"], kept["asset"], kept["parser"]) == ("sshd -T", "web1", "1")
    assert evidence.first_break(store.documents) is None
    count = evidence.head(store.documents)[0]
    inspector.inspect(["web1"], NOW + timedelta(minutes=10))
    assert evidence.head(store.documents)[0] == count


@pytest.mark.parametrize("change", [{"body": "permitrootlogin yes"}, {"asset": "web2"}, {"previous": "f" * 64}, {"hash": "0" * 64}])
def test_changed_evidence_is_found(store: Store, change: dict[str, str]) -> None:
    for number in range(3):
        evidence.record(store.documents, Snapshot(time=NOW, asset="web1", kind="sshd_config", body=f"permitrootlogin no\n# {number}\n"), NOW)
    link = store.documents.get(EVIDENCE, f"{2:012d}")
    store.documents.put(EVIDENCE, link.id, link.body | change, link.version)
    assert evidence.first_break(store.documents) == 2


def test_removed_evidence_is_found(store: Store) -> None:
    for number in range(3):
        evidence.record(store.documents, Snapshot(time=NOW, asset="web1", kind="sshd_config", body=f"{number}"), NOW)
    store.documents.delete(EVIDENCE, f"{2:012d}")
    assert evidence.first_break(store.documents) == 2


def test_only_an_officer_answers_with_a_reason_and_an_end(store: Store) -> None:
    good = Answer(item="G.PES.LOC.1", conformity=Conformity.CONFORMS, who="lina", time=NOW, comment="验收报告", expires=NOW + timedelta(days=365))
    with pytest.raises(Refused, match="security officer"):
        save_answer(store, good, ["operator"])
    with pytest.raises(Refused, match="reason"):
        save_answer(store, replace(good, comment=" "), ["security_officer"])
    with pytest.raises(Refused, match="future"):
        save_answer(store, replace(good, expires=NOW), ["security_officer"])
    save_answer(store, good, ["security_officer"])
    assert answers(store) == [good]
    assert store.audit.read()[-1].action == "compliance.answer"


def test_unchanged_verdicts_are_written_once_an_hour(store: Store) -> None:
    fill(store)
    inspector = Inspector(store, CHECKS)
    inspector.inspect(["web1"], NOW)
    before = {found.id: found.version for found in every(store, VERDICT)}
    inspector.inspect(["web1"], NOW + timedelta(minutes=10))
    assert {found.id: found.version for found in every(store, VERDICT)} == before
    inspector.inspect(["web1"], NOW + HOUR)
    assert all(found.body["time"] == (NOW + HOUR).isoformat() for found in every(store, VERDICT))


def test_verdicts_of_an_asset_that_was_read_anew_are_written_also_when_they_say_the_same(store: Store) -> None:
    for name in ("web1", "web2"):
        fill(store, name)
    inspector = Inspector(store, CHECKS)
    inspector.inspect(["web1", "web2"], NOW)
    links = {found.id: found.body["link"] for found in every(store, VERDICT)}
    later = NOW + timedelta(minutes=10)
    fill(store, "web1", at=timedelta(minutes=9))
    fill(store, "web2", at=timedelta(minutes=9))
    inspector.inspect(["web1", "web2"], later, read_anew={"web1"})
    told = {found.body["asset"]: {body["time"]} for found in every(store, VERDICT) if (body := found.body)}
    assert told == {"web1": {later.isoformat()}, "web2": {NOW.isoformat()}}
    times = {read["time"] for found in every(store, VERDICT) if found.body["asset"] == "web1" for read in found.body["read"] if "time" in read}
    assert (NOW + timedelta(minutes=9)).isoformat() in times
    assert {found.id: found.body["link"] for found in every(store, VERDICT)} == links, "the same outcome on the same text is no news for the chain"
