from __future__ import annotations

from pathlib import Path

import pytest

from compliance.objects import ProtectionObject, Scope
from compliance.office import Office
from compliance.prove import NOW
from compliance.register import RESTRICTED, marked, save_object
from compliance.reports.content import Words
from compliance.reports.kinds import make
from console.identity.roles import RIGHTS, Right, Role
from core.settings import Settings
from incidents import delivery
from inventory.asset import Asset
from tests.compliance.conftest import OFFICER, SUBJECT, ZONE, Judged


def test_assets_of_an_object_with_a_marking_bear_the_tag_by_which_notices_are_held() -> None:
    secret = ProtectionObject(id="s", name="s", s=3, a=3, label="秘密", scope=Scope(assets=("a",)))
    plain = ProtectionObject(id="p", name="p", s=3, a=3, scope=Scope(assets=("b",)))
    found = marked([secret, plain], [Asset(id="a", tags=("x",)), Asset(id="b"), Asset(id="c", tags=(RESTRICTED,))])
    assert [asset.tags for asset in found] == [("x", RESTRICTED), (), (RESTRICTED,)]
    assert delivery.RESTRICTED == RESTRICTED


@pytest.mark.slow
def test_the_marking_stands_on_the_cover_and_on_every_page(judged: Judged) -> None:
    content = make("summary", judged.dossier(subject=SUBJECT.model_copy(update={"label": "秘密★1年"})), "zh_CN", whole=False)
    assert content.cover[0] == ("密级标识", "秘密★1年")
    assert content.mark.startswith("秘密★1年　")
    assert Words("zh_CN", ZONE).day(NOW) in content.mark


@pytest.mark.slow
def test_the_whole_estate_is_as_restricted_as_what_is_in_it(fresh: Judged, tmp_path: Path) -> None:
    office = Office(fresh.store, Settings(data=tmp_path / "data"))
    assert not office.subject("").label
    save_object(fresh.store, SUBJECT.model_copy(update={"label": "秘密"}), "li", OFFICER, NOW)
    assert office.subject("").label == "秘密"
    assert office.subject("oa").label == "秘密"


def test_the_right_to_export_is_of_its_own_and_only_the_security_administrator_has_it() -> None:
    assert [role for role, rights in RIGHTS.items() if Right.RESTRICTED_EXPORT in rights] == [Role.SECURITY_ADMIN]
