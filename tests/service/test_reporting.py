from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.office import Office
from compliance.prove import NOW
from core.errors import ConfigError, NotFound
from core.names import EVIDENCE
from core.settings import Settings
from inventory.book import Book
from service.auditing import Auditing
from service.reporting import Asked, day_of, make_report, verify_evidence
from tests.compliance.conftest import ASSETS, Judged, fresh  # noqa: F401

QUIET = lambda _share, _what: None  # noqa: E731


@pytest.fixture
def office(fresh: Judged, tmp_path: Path) -> Office:  # noqa: F811
    book = Book(fresh.store)
    for asset in ASSETS:
        book.save(asset.id, asset.model_dump(mode="json", exclude_unset=True, exclude={"id"}), source="site", who="site files", now=NOW)
    return Office(fresh.store, Settings(data=tmp_path / "data"))


@pytest.mark.parametrize(("kind", "form", "name"), [("assessment", "docx", "docx"), ("rectification", "xlsx", "xlsx"), ("evidence", "docx", "zip")])
def test_a_report_is_written_said_and_audited(office: Office, tmp_path: Path, kind: str, form: str, name: str) -> None:
    lines = make_report(office, Asked(kind=kind, form=form, language="en", out=tmp_path), NOW, QUIET)
    path = tmp_path / f"wanglou-{kind}-whole-estate-{NOW:%Y%m%d}.{name}"
    assert path.read_bytes()[:2] == b"PK"
    assert "211 items, 3 assets" in lines[1]
    (entry,) = office.store.audit.read(action=f"compliance.report.{kind}")
    assert entry.body["sha256"] in lines[0]
    assert entry.body["head"] in lines[2]


def test_wrong_words_are_refused_in_plain_words(office: Office, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there are none"):
        make_report(office, Asked(kind="summary", name="oa", out=tmp_path), NOW, QUIET)
    with pytest.raises(ConfigError, match="2026-03-02"):
        day_of("yesterday")
    with pytest.raises(ConfigError, match="cannot be written"):
        make_report(office, Asked(kind="summary", form="xlsx", out=tmp_path / "no" / "folder.xlsx"), NOW, QUIET)


def test_the_chain_is_checked_with_the_heads_that_the_audit_noted(office: Office) -> None:
    Auditing(office, settle=timedelta()).round(NOW)
    Auditing(office, settle=timedelta()).round(NOW + timedelta(days=1))
    said: list[str] = []
    assert verify_evidence(office, said.append, ["{}:{}".format(*evidence.head(office.store.documents))])
    assert "2 noted heads agree" in said[-1]
    assert not verify_evidence(office, said.append, [f"1:{'0' * 64}"])
    with pytest.raises(ConfigError, match="NUMBER:HASH"):
        verify_evidence(office, said.append, ["abc"])


def test_a_chain_that_was_written_anew_is_told_by_the_audit(office: Office) -> None:
    Auditing(office, settle=timedelta()).round(NOW)
    previous = evidence.FIRST
    for link in list(evidence.chain(office.store.documents)):
        body = link.body | {"previous": previous} | ({"parser": "2"} if link.body["seq"] == 2 else {})
        body["hash"] = evidence.digest(body)
        previous = body["hash"]
        office.store.documents.put(EVIDENCE, link.id, body)
    office.store.documents.put(evidence.HEAD, evidence.HEAD, {"seq": body["seq"], "hash": previous})
    assert evidence.first_break(office.store.documents) is None
    said: list[str] = []
    assert not verify_evidence(office, said.append, [])
    assert "written anew" in said[-1]
