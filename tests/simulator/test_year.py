"""The bureau's past year, played back over an empty installation by the product's own actions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance import evidence
from compliance.answers import answers
from compliance.exemptions import Word, exemptions
from compliance.office import Office
from compliance.records.judge import World, judge
from compliance.records.shelf import kinds_of, open_accounts, records
from compliance.remedies import Stage, remedies
from compliance.rounds.shelf import rounds
from compliance.scans.shelf import ledgers
from compliance.signing import signatures, unproven
from compliance.site_frameworks import read_frameworks
from core.settings import read_settings
from simulator.estate import SHIPPED, load_estate
from simulator.year.begin import begin
from simulator.year.told import load_year
from store.open import open_for

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def test_every_kind_of_record_of_the_year_is_one_that_the_product_keeps(tmp_path: Path) -> None:
    kinds = kinds_of(tmp_path)[0]
    for kind, rows in load_year().records.items():
        known = {field.id for field in kinds[kind].fields} | {"id", "file"}
        assert [row["id"] for row in rows if set(row) - known] == []
    assert set(load_year().records) == set(kinds)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_year_of_use_is_there_with_its_faults(tmp_path: Path) -> None:
    estate = load_estate(SHIPPED)
    assert "deeds of the past year" in begin(tmp_path, estate, 20, NOW)
    settings = read_settings(None, {"WANGLOU_DATA": str(tmp_path)})
    store = open_for(settings, "console")
    try:
        assert evidence.first_break(store.documents) is None
        assert read_frameworks(settings.site_folder).problems == ()
        kinds, found = kinds_of(settings.site_folder)[0], records(store)
        assert set(found) == set(kinds)
        open_now = open_accounts(store, kinds, found, NOW, NOW.date())
        assert open_now["vendor"] == ["lab-r1 [aaa]"]
        world = World(found, NOW.date(), open_now | {"liuyang": ["hq-data1"]})
        wrong = {f"{one.record.id} {what}" for kind in kinds.values() for one in judge(kind, world) for what in (*one.gaps, *one.late)}
        assert {
            "demo-s-09 account_open",
            "demo-w-02 account_open",
            "demo-e-04 not_drilled",
            "demo-k-05 licence",
            "demo-s-08 not_trained",
            "demo-m-05 close",
            "demo-p-03 review",
        } <= wrong
        assert {one.stage for one in remedies(store)} == {Stage.OPEN, Stage.DONE, Stage.CLOSED, Stage.WITHDRAWN}
        assert {one.word(NOW) for one in exemptions(store)} == {Word.GRANTED, Word.REQUESTED, Word.REFUSED, Word.EXPIRED}
        assert {one.body["state"] for one in rounds(store)} == {"open", "signed"}
        assert len(answers(store)) > 200
        scanned = ledgers(store)
        assert {one.id for ledger in scanned.values() for one in ledger.open} == {"CVE-2020-1472", "CVE-2023-44487", "CVE-2024-6387", "TLS-OLD", "SNMP-V2C"}
        assert [(one.owner, one.due) for one in scanned["hq-source"].open] == [("张伟", "2026-01-21")]
        assert {one.ruling for name in ("hq-law", "hq-12369") for one in scanned[name].open} == {"accepted", "false_positive"}
        assert "lab-lims" not in scanned
        office = Office(store, settings)
        assert len(office.kept()) >= 3
        signed = {str(body["kind"]): [one.who for one in signatures(body)] for body in office.kept() if signatures(body)}
        assert signed == {"summary": ["chenjing"], "assessment": ["chenjing", "wangfang", "zhenghai"]}
        assert not any(unproven(store.documents, body) for body in office.kept())
        assert office.register().problems == ()
        figures = [said["objects"]["platform"]["figure"] for _, said in evidence.notes(store.documents, evidence.DAYS)]
        assert len(figures) > 4
        assert figures[-1] > figures[0]
    finally:
        store.close()
    assert begin(tmp_path, estate, 20, NOW).startswith("records are kept here already")
