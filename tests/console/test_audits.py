"""The auditor's pages over a store with two judged hosts: what they say, and what can be done on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from compliance.exemptions import exemptions
from compliance.objects import Dates, ProtectionObject, Scope
from compliance.office import Office
from compliance.prove import NOW
from compliance.register import read_register, save_object
from compliance.remedies import Remedy, Stage, hand_out, remedies
from compliance.risk import Level, decisions
from console import frame, parts
from console.desk import Desk, install, open_desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.identity.sessions import Session
from console.queries import audits
from console.queries.registers import listed, placed, read_rules, read_zones, rules_text, zones_text
from core.clock import ManualClock
from core.errors import ConfigError
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from inventory.networks import Network, Plan, Zone
from service.auditing import Auditing
from service.frameworks import CLASSIFIED, fresh
from store.base import Store
from store.embedded import open_embedded
from tests.compliance.conftest import ASSETS, OFFICER, judge
from tests.compliance.test_site_frameworks import site

pytestmark = pytest.mark.slow

APP = Path(frame.__file__).with_name("app.py")
LATER = NOW + timedelta(hours=2)


@dataclass
class Visitor:
    account: Account


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_embedded(tmp_path / "data", "service")
    judge(opened)
    book = Book(opened)
    for asset in ASSETS:
        book.save(asset.id, asset.model_dump(mode="json", exclude_unset=True, exclude={"id"}), source="site", who="site files", now=NOW)
    one = ProtectionObject(id="oa", name="办公自动化", s=3, a=3, scope=Scope(assets=("web1", "web2")), dates=Dates(filed=(NOW - timedelta(days=900)).date()))
    save_object(opened, one, "li", OFFICER, NOW)
    yield opened
    opened.close()


@pytest.fixture
def here(store: Store, tmp_path: Path) -> Desk:
    desk = open_desk(store, Settings(data=tmp_path / "data"), ManualClock(LATER))
    install(desk)
    return desk


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    found = Visitor(officer("wang"))

    def session(*, touch: bool = False) -> Session:
        now = datetime.now(UTC)
        return Session(id="x", account=found.account, created=now, seen=now)

    monkeypatch.setattr(parts, "present_session", session)
    monkeypatch.setattr(parts, "cookie", lambda _name: "")
    return found


def officer(name: str, *roles: Role) -> Account:
    return Account(name=name, roles=roles or (Role.SECURITY_OFFICER,), language="en", password_set=datetime.now(UTC).isoformat())


def opened(page: str, **query: str) -> AppTest:
    test = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    test.switch_page(f"views/{page}").run()
    assert not test.exception, test.exception
    return test


def said(test: AppTest) -> str:
    pieces = [*test.markdown, *test.caption, *test.error, *test.warning, *test.info, *test.success]
    return "\n".join(str(piece.value) for piece in pieces)


def button(test: AppTest, label: str) -> Any:
    return next(one for one in test.button if one.label == label)


def test_the_page_of_risks_says_the_figure_and_the_gravest_risk(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_risks.py", object="oa")
    assert "does not conform: 2 high, 2 medium and 0 low risks, 2 of them major" in said(test)


def test_the_cases_of_the_guide_are_counted_and_none_that_is_open_is_left_without_words(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_risks.py", object="oa", tab="cases")
    assert "cases are met" in said(test)
    states = test.dataframe[0].value["state"]
    assert states[0] == "● case is met"
    assert "◆ to be judged" in set(states)


def test_an_exemption_is_asked_for_by_one_and_granted_by_another(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_risks.py", object="oa", item="G.CES.AC.2")
    reason, compensation = (next(one for one in test.text_area if one.label == label) for label in ("Why the gap cannot be closed now", "Compensating control"))
    reason.input("vendor needs it")
    compensation.input("bastion with two factors")
    button(test, "Ask").click().run()
    (asked,) = exemptions(here.store)
    assert (asked.item, asked.object, asked.requester) == ("G.CES.AC.2", "oa", "wang")
    test = opened("compliance_risks.py", object="oa", tab="exempt")
    assert "somebody else decides" in said(test)
    visitor.account = officer("zhao")
    test = opened("compliance_risks.py", object="oa", tab="exempt")
    next(one for one in test.text_input if one.label == "Remark").input("until the contract ends")
    button(test, "Grant").click().run()
    (granted,) = exemptions(here.store)
    assert (granted.approver, granted.granted) == ("zhao", True)


def test_an_officer_decides_about_a_risk_and_a_reader_may_not(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_risks.py", object="oa", item="G.CES.AC.2")
    test.text_area(key="risk-reason-G.CES.AC.2").input("seen on the machine")
    button(test, "Save the decision").click().run()
    (word,) = decisions(here.store)
    assert (word.item, word.who, word.reason) == ("G.CES.AC.2", "wang", "seen on the machine")
    visitor.account = officer("reader", Role.VIEWER)
    test = opened("compliance_risks.py", object="oa", item="G.CES.AC.2")
    assert not [one for one in test.button if one.label in ("Save the decision", "Ask")]


@pytest.mark.slow
def test_a_gap_is_handed_out_and_reported_done_and_the_rest_in_one_go(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_risks.py", object="oa", item="G.CES.AC.2")
    test.text_input(key="remedy-owner-G.CES.AC.2").input("zhao")
    button(test, "Hand out").click().run()
    (one,) = remedies(here.store)
    assert (one.item, one.owner, one.by, one.stage) == ("G.CES.AC.2", "zhao", "wang", Stage.OPEN)
    assert "permitrootlogin" in one.measure.lower()
    test = opened("compliance_risks.py", object="oa", tab="work")
    assert "Hand out 3 gaps that nobody works on" in [each.label for each in test.button]
    visitor.account = officer("zhao", Role.OPERATOR)
    test = opened("compliance_risks.py", object="oa", tab="work")
    next(each for each in test.text_input if each.label.startswith("What was done")).input("sshd restarted")
    button(test, "Report as done").click().run()
    (one,) = remedies(here.store)
    assert (one.stage, one.done_by, one.remark) == (Stage.DONE, "zhao", "sshd restarted")
    assert "Hand out" not in " ".join(each.label for each in test.button)


def test_a_remedy_leads_to_the_plan_of_its_checks_playbook_with_the_failing_host_filled_in(here: Desk, visitor: Visitor) -> None:
    now = here.now()
    wanted = Remedy(item="G.CES.AC.2", object="oa", owner="zhao", due=now.date(), level=Level.HIGH, measure="m", by="wang", created=now)
    one = hand_out(here.store, wanted, ("security_officer",), now.date())
    visitor.account = officer("zhao", Role.OPERATOR)
    test = opened("compliance_risks.py", object="oa", tab="work")
    (link,) = [node.proto.label for node in test.get("page_link") if "Remedy a check" in node.proto.label]
    assert link.startswith("Root cannot log in remotely")
    assert link.endswith("two"), "the title of web2"
    test = opened("playbook.py", name="remedy-linux-check", remedy=one.id, check="lnx-ssh-root")
    assert not test.exception
    key = f"input-remedy-linux-check-{one.id}-lnx-ssh-root"
    assert test.selectbox(key=f"{key}-check").value == "lnx-ssh-root"
    assert test.multiselect(key=f"{key}-hosts").value == ["web2"]
    assert one.id in said(test).replace("\\", "")
    test = opened("playbook.py", name="remedy-linux-check", remedy="r-nonsense", check="lnx-ssh-root")
    assert not test.exception
    assert test.multiselect(key="input-remedy-linux-check-r-nonsense-lnx-ssh-root-hosts").value == []


def test_what_if_shows_the_figure_then(here: Desk, visitor: Visitor) -> None:
    subject = Office(here.store, here.settings).subject("oa")
    test = opened("compliance_risks.py", object="oa", tab="if")
    test.multiselect(key="mended").select("G.CES.AC.2").run()
    values = {one.label: one.value.removesuffix(" %") for one in test.metric}
    asked = 211 - sum(result.conformity == "not_applicable" for result in Office(here.store, here.settings).dossier(subject, LATER, LATER).results.values())
    assert float(values["then"]) == pytest.approx(float(values["now"]) + 100 / asked, abs=0.011)


def test_the_cheapest_way_is_shown_in_order(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_risks.py", object="oa", tab="way")
    assert "pieces of work, about" in said(test)
    table = test.dataframe[0].value
    assert list(table["order"]) == list(range(1, len(table) + 1))


def test_the_register_shows_steps_and_only_an_officer_edits(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_objects.py")
    assert "1 protection objects, 1 with something overdue" in said(test)
    assert [one for one in test.button if one.label == "New protection object"]
    visitor.account = officer("reader", Role.AUDIT_ADMIN)
    test = opened("compliance_objects.py")
    assert not [one for one in test.button if one.label in ("New protection object", "Edit", "Remove")]


def _form() -> None:
    """Opens the form at once: the test runner draws a page anew as a whole, and a dialog then closes."""
    from compliance.office import Office
    from console.desk import desk
    from console.i18n import speak
    from console.identity.accounts import Account
    from console.object_form import edit
    from inventory.book import Book

    speak("en")
    here = desk()
    me = Account(name="wang", roles=("security_officer",))
    edit(here, me, Book(here.store).all(), Office(here.store, here.settings).subject("oa"), is_new=False)


def test_an_object_is_edited_in_its_form(here: Desk, visitor: Visitor) -> None:
    test = AppTest.from_function(_form, default_timeout=60).run()
    assert not test.exception
    next(one for one in test.text_input if one.label == "filing number").input("330100-26-9")
    next(one for one in test.text_area if one.label == "assets by rule, one a line").input("kind=server; tag=oa")
    button(test, "Save").click().run()
    assert not test.exception
    found = read_register(here.store, here.settings.site_folder).objects["oa"]
    assert (found.filing_number, found.scope.rules[0].kind, found.scope.assets) == ("330100-26-9", ("server",), ("web1", "web2"))
    assert found.dates == Dates(filed=(NOW - timedelta(days=900)).date())


def test_a_report_is_made_downloaded_and_kept(here: Desk, visitor: Visitor) -> None:
    test = opened("compliance_reports.py", object="oa")
    test.checkbox[0].check()
    button(test, "Make").click().run(timeout=60)
    assert not test.exception
    (kept,) = Office(here.store, here.settings).kept()
    assert (kept["kind"], kept["object"], kept["who"]) == ("assessment", "oa", "wang")
    assert str(kept["sha256"]) in said(test)
    assert [entry.actor for entry in here.store.audit.read(action="compliance.report.assessment")] == ["wang"]


def test_two_days_are_compared_and_the_chain_is_checked(here: Desk, visitor: Visitor) -> None:
    Auditing(Office(here.store, here.settings), settle=timedelta()).round(LATER)
    test = opened("compliance_history.py", object="oa")
    assert "verdicts turned to failing" in said(test)
    assert "read from the evidence chain" in said(test)
    button(test, "Check every link").click().run()
    assert "The chain is whole." in said(test)


def test_dossiers_are_kept_until_the_chain_grows(here: Desk) -> None:
    office = Office(here.store, here.settings)
    subject = office.subject("oa")
    first = audits.dossier(office, subject, LATER, LATER, lambda _share, _what: None)
    assert audits.dossier(office, subject, LATER, LATER, lambda _share, _what: None) is first
    save_object(here.store, subject, "li", OFFICER, LATER)
    assert audits.dossier(office, subject, LATER, LATER, lambda _share, _what: None) is not first


def test_rules_and_zones_come_back_as_they_were_typed() -> None:
    text = "business=OA, 档案; kind=server\ntag=x"
    one = ProtectionObject.model_validate(
        {"id": "a", "name": "b", "s": 2, "a": 2, "scope": {"rules": read_rules(text)}, "zones": read_zones("DMZ: a, b\n内网：c")}
    )
    assert rules_text(one) == text
    assert zones_text(one) == "DMZ: a, b\n内网: c"
    assert listed("a，b、c") == ["a", "b", "c"]
    for bad in ("colour=red", "kind"):
        with pytest.raises(ConfigError, match="business"):
            read_rules(bad)


def test_requirements_are_shown_for_one_object_and_a_link_to_a_check_shows_every_asset(here: Desk, visitor: Visitor) -> None:
    one = Office(here.store, here.settings).subject("oa").model_copy(update={"id": "small", "name": "small", "s": 2, "a": 2, "scope": Scope(assets=("web1",))})
    save_object(here.store, one, "li", OFFICER, LATER)
    assert "of 135 requirements" in said(opened("compliance.py", object="small"))
    assert "0 checks fail on 0 assets" in said(opened("compliance.py", object="small"))
    assert "of 211 requirements" in said(opened("compliance.py", object="oa"))
    assert "1 checks fail on 1 assets" in said(opened("compliance.py", check="lnx-ssh-root", asset="web2"))


def test_a_framework_of_the_site_has_its_page_and_units_and_old_layers_are_shown(here: Desk, visitor: Visitor) -> None:
    assert "L3-PES1-01" in list(opened("compliance.py", object="oa", tab="units").dataframe[0].value["assessment unit"])
    assert set(opened("compliance.py", object="oa", tab="old").dataframe[0].value["layer"]) >= {"Physical security", "Host security"}
    here.settings.site_folder.mkdir(parents=True, exist_ok=True)
    site(here.settings.site_folder)
    test = opened("compliance.py", object="oa", framework="bureau-baseline")
    assert "1 of 3 requirements are not met" in said(test)
    assert "of 211 requirements" in said(opened("compliance.py", object="oa"))
    list(fresh(CLASSIFIED, here.settings.site_folder))
    assert "This framework has no requirement yet." in said(opened("compliance.py", object="oa", framework="classified"))


def test_a_report_of_a_marked_object_needs_its_own_right(here: Desk, visitor: Visitor) -> None:
    one = Office(here.store, here.settings).subject("oa")
    save_object(here.store, one.model_copy(update={"label": "秘密"}), "li", OFFICER, LATER)
    test = opened("compliance_reports.py", object="oa")
    assert "marked 秘密" in said(test)
    assert "not approved for classified systems" in said(test)
    assert button(test, "Make").disabled
    visitor.account = officer("chen", Role.SECURITY_ADMIN)
    assert not button(opened("compliance_reports.py", object="oa"), "Make").disabled


@pytest.mark.slow
def test_the_owner_of_a_remedy_finds_it_among_the_tasks(here: Desk, visitor: Visitor) -> None:
    now = here.now()
    wanted = Remedy(item="G.CES.AC.2", object="oa", owner="Zhao", due=now.date(), level=Level.HIGH, measure="m", by="wang", created=now)
    hand_out(here.store, wanted, ("security_officer",), now.date())
    visitor.account = officer("zhao", Role.OPERATOR)
    assert "Your remedies: 1" in said(opened("tasks.py"))
    visitor.account = officer("li", Role.OPERATOR)
    assert "Your remedies" not in said(opened("tasks.py"))


def test_zones_of_an_object_come_from_the_plan_and_by_hand() -> None:
    plan = Plan(
        networks=(Network.model_validate({"prefix": "10.1.0.0/16", "zone": "office"}),), zones=(Zone(name="office"), Zone(name="servers", role="important"))
    )
    one = ProtectionObject.model_validate({"id": "a", "name": "b", "s": 2, "a": 2, "zones": read_zones("servers: db, web\nold: nas")})
    members = [Asset(id="web", address="10.1.0.9"), Asset(id="db"), Asset(id="nas"), Asset(id="lost", address="192.0.2.1"), Asset(id="room", kind="room")]
    rows = placed(members, plan, [one])
    assert {row.zone.name: (row.prefixes, row.assets) for row in rows if row.zone} == {
        "office": (("10.1.0.0/16",), ("web",)),
        "servers": ((), ("web", "db")),
        "old": ((), ("nas",)),
    }
    assert [(row.doubled, row.assets) for row in rows if row.zone is None] == [(False, ("lost",)), (True, ("web",))]
    assert placed(members, Plan(), []) == []


def test_the_page_of_an_object_shows_its_zones(here: Desk, visitor: Visitor) -> None:
    here.settings.site_folder.mkdir(parents=True, exist_ok=True)
    (here.settings.site_folder / "zones.yaml").write_text("zones:\n  - {name: DMZ, role: important}\n", encoding="utf-8")
    test = opened("compliance_objects.py")
    assert [one.label for one in test.expander if "zones" in one.label] == ["1 zones"]
    assert any("important business" in str(frame.value) for frame in test.dataframe)
