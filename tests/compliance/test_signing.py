"""Kept reports are signed by three people, one after the other; what was changed is not signed, and a signature that the chain does not hold is told."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.office import REPORT, Office
from compliance.prove import NOW
from compliance.signing import Capacity, may_sign, record, sign, signatures, unproven, wanted
from core.errors import ConfigError, NotFound, Refused
from core.settings import Settings
from store.base import Body
from tests.compliance.conftest import OFFICER, Judged, fresh  # noqa: F401

LEADER = ("duty_leader",)


@pytest.fixture
def office(fresh: Judged, tmp_path: Path) -> Office:  # noqa: F811
    return Office(fresh.store, Settings(data=tmp_path / "data"))


@pytest.fixture
def name(office: Office) -> str:
    dossier = office.dossier(office.subject(""), NOW, NOW)
    return office.keep(office.make("summary", dossier, "xlsx", "zh_CN"), "summary", "li", NOW)


def kept(office: Office, name: str) -> Body:
    return office.store.documents.get(REPORT, name).body


def test_three_people_sign_one_after_the_other_and_the_chain_holds_it(office: Office, name: str) -> None:
    assert wanted(kept(office, name)) is Capacity.PREPARED
    with pytest.raises(Refused, match="once as prepared"):
        sign(office, name, Capacity.APPROVED, "li", OFFICER, "", NOW)
    with pytest.raises(Refused, match="one of the roles"):
        sign(office, name, Capacity.PREPARED, "op", ("operator",), "", NOW)
    with pytest.raises(Refused, match="one of the roles"):
        sign(office, name, Capacity.PREPARED, "boss", LEADER, "", NOW)
    sign(office, name, Capacity.PREPARED, "li", OFFICER, "已核对", NOW)
    assert not may_sign(kept(office, name), "li", OFFICER)
    with pytest.raises(Refused, match="three people"):
        sign(office, name, Capacity.REVIEWED, "li", OFFICER, "", NOW)
    sign(office, name, Capacity.REVIEWED, "wang", OFFICER, "", NOW + timedelta(hours=1))
    sign(office, name, Capacity.APPROVED, "boss", LEADER, "", NOW + timedelta(hours=2))
    body = kept(office, name)
    assert [(one.capacity.value, one.who, one.sha256) for one in signatures(body)] == [
        (capacity, who, body["sha256"]) for capacity, who in (("prepared", "li"), ("reviewed", "wang"), ("approved", "boss"))
    ]
    assert wanted(body) is None
    with pytest.raises(Refused):
        sign(office, name, Capacity.APPROVED, "zhao", OFFICER, "", NOW)
    assert unproven(office.store.documents, body) == []
    assert evidence.first_break(office.store.documents) is None
    told = record(office.store.documents, body)
    links = {link.body["hash"] for link in evidence.chain(office.store.documents)}
    assert {one["link_hash"] for one in told["signatures"]} <= links
    assert len({one["link_hash"] for one in told["signatures"]}) == 3
    actions = [entry.action for entry in office.store.audit.read(object=name)]
    assert sorted(actions) == [f"compliance.report.sign.{capacity}" for capacity in ("approved", "prepared", "reviewed")]


def test_a_file_that_was_changed_or_is_gone_is_not_signed(office: Office, name: str) -> None:
    path = office.shelf / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    with pytest.raises(ConfigError, match="was changed"):
        sign(office, name, Capacity.PREPARED, "li", OFFICER, "", NOW)
    path.unlink()
    with pytest.raises(NotFound, match="not on this machine"):
        sign(office, name, Capacity.PREPARED, "li", OFFICER, "", NOW)
    with pytest.raises(NotFound, match="no report"):
        sign(office, "other", Capacity.PREPARED, "li", OFFICER, "", NOW)
    assert signatures(kept(office, name)) == ()


def test_a_signature_that_was_written_past_the_chain_is_told(office: Office, name: str) -> None:
    sign(office, name, Capacity.PREPARED, "li", OFFICER, "", NOW)
    body = dict(kept(office, name))
    (true,) = body["signatures"]
    for false in ({**true, "who": "wang"}, {**true, "capacity": "approved"}, {**true, "sha256": "0" * 64}, {**true, "link": "000000000001"}):
        assert len(unproven(office.store.documents, {**body, "signatures": [false]})) == 1
    assert unproven(office.store.documents, body) == []
    assert len(unproven(office.store.documents, {**body, "sha256": "0" * 64})) == 1, "another file in its place"
