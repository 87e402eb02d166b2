from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from compliance import evidence
from compliance.framework import load_framework
from compliance.objects import Dates, Progress, ProtectionObject, Rule, Scope, Zone, horizon, steps
from compliance.register import read_object, read_register, remove_object, save_object
from core.errors import ConfigError, Refused
from inventory.asset import Asset
from store.base import Store
from store.open import open_store

NOW = datetime(2026, 3, 2, tzinfo=UTC)
TODAY = NOW.date()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    yield opened
    opened.close()


def subject(**values: Any) -> ProtectionObject:
    return ProtectionObject.model_validate({"id": "oa", "name": "办公自动化系统", "s": 3, "a": 2, **values})


def test_scope_is_by_hand_by_rule_by_zone_and_by_the_asset_itself() -> None:
    one = subject(
        scope=Scope(assets=("a",), rules=(Rule(business=("OA",), kind=("server", "database")), Rule(tag=("oa",))), excluded=("x",)),
        zones=(Zone(name="dmz", assets=("z",)),),
        boundary=("fw",),
    )
    assets = [
        Asset(id="a"),
        Asset(id="b", business="OA", kind="server"),
        Asset(id="c", business="OA", kind="switch"),
        Asset(id="d", tags=("oa", "x")),
        Asset(id="e", object="oa"),
        Asset(id="fw"),
        Asset(id="x", business="OA", kind="server"),
        Asset(id="z"),
    ]
    assert [asset.id for asset in one.members(assets)] == ["a", "b", "d", "e", "fw", "z"]


def test_a_rule_that_says_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one"):
        read_object({"id": "oa", "name": "x", "s": 3, "a": 3, "scope": {"rules": [{}]}})


def test_items_follow_from_the_grade_and_the_extensions() -> None:
    framework = load_framework()
    assert subject(a=3).grade_text == "S3A3G3"
    assert len(framework.applicable(subject(a=3).grade)) == 211
    assert len(framework.applicable(subject(a=2, s=2).grade)) == 135
    assert len(framework.applicable(subject(a=3, extensions=("cloud",)).grade)) == 211 + 46
    assert 135 < len(framework.applicable(subject(a=2).grade)) < 211


def progress(one: ProtectionObject, today: date = TODAY) -> dict[str, str]:
    return {step.name: step.progress.value for step in steps(one, today)}


def test_a_new_object_of_level_three_has_everything_before_it() -> None:
    found = progress(subject())
    assert found["graded"] == found["reviewed"] == found["filed"] == Progress.OPEN
    assert found["filed_anew"] == found["certificate_until"] == Progress.NOT_NEEDED


def test_what_was_filed_on_the_old_forms_is_overdue_until_filed_anew() -> None:
    old = Dates(graded=date(2023, 1, 1), filed=date(2023, 5, 1), assessed=date(2025, 4, 1))
    assert progress(subject(dates=old))["filed_anew"] == Progress.OVERDUE
    assert progress(subject(dates=old.model_copy(update={"filed_anew": date(2025, 9, 1)})))["filed_anew"] == Progress.DONE
    assert progress(subject(dates=old.model_copy(update={"filed": date(2025, 5, 1)})))["filed_anew"] == Progress.NOT_NEEDED


def test_an_assessment_is_due_a_year_after_the_last_at_level_three_and_two_years_at_level_two() -> None:
    dates = Dates(filed=date(2024, 1, 1), assessed=date(2025, 3, 10))
    (three,) = [step for step in steps(subject(dates=dates), TODAY) if step.name == "assessed"]
    assert (three.due, three.progress) == (date(2026, 3, 10), Progress.SOON)
    (two,) = [step for step in steps(subject(s=2, dates=dates), TODAY) if step.name == "assessed"]
    assert (two.due, two.progress) == (date(2027, 3, 10), Progress.DONE)
    assert progress(subject(s=1, a=1, dates=dates))["assessed"] == Progress.NOT_NEEDED


def test_the_certificate_holds_three_years_and_one_more_after_an_assessment() -> None:
    def until(**dates: date) -> date | None:
        return next(step.due for step in steps(subject(dates=Dates(**dates)), TODAY) if step.name == "certificate_until")

    assert until(filed=date(2023, 6, 1)) == date(2026, 5, 31)
    assert until(filed=date(2023, 6, 1), assessed=date(2025, 12, 1)) == date(2026, 12, 1)
    assert until(filed=date(2023, 6, 1), certificate_until=date(2027, 1, 1)) == date(2027, 1, 1)


def test_a_change_after_grading_makes_grading_due_again() -> None:
    dates = Dates(graded=date(2024, 1, 1), changed=date(2026, 2, 20))
    (graded,) = [step for step in steps(subject(dates=dates), TODAY) if step.name == "graded"]
    assert (graded.due, graded.progress) == (date(2026, 3, 22), Progress.SOON)
    assert "变更" in graded.why.zh


def test_after_a_major_change_it_is_assessed_again_or_somebody_decides() -> None:
    changed = date(2026, 1, 20)
    assert progress(subject(dates=Dates(assessed=date(2025, 12, 1))))["assessed_anew"] == "not_needed"
    late = Dates(assessed=date(2025, 12, 1), changed=changed)
    assert progress(subject(dates=late), date(2026, 4, 1))["assessed_anew"] == "soon"
    assert progress(subject(dates=late), date(2026, 5, 1))["assessed_anew"] == "overdue"
    for name in ("assessed", "assessed_anew"):
        assert progress(subject(dates=late.model_copy(update={name: date(2026, 3, 1)})), date(2026, 5, 1))["assessed_anew"] == "done"


def test_the_horizon_shows_the_most_urgent_first_over_all_objects() -> None:
    first = subject(dates=Dates(filed=date(2025, 6, 1), assessed=date(2025, 6, 1)))
    second = subject(id="web", dates=Dates(filed=date(2024, 1, 1), assessed=date(2025, 2, 1)))
    found = horizon([first, second], TODAY)
    dues = [step.due for _, step in found if step.due]
    assert found[0][0].id == "web"
    assert dues == sorted(dues)


def test_a_recorded_object_is_audited_in_the_chain_and_replaces_the_one_of_the_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "objects.yaml").write_text("objects:\n  - {id: oa, name: 办公, s: 2, a: 2}\n  - {id: web, name: 网站, s: 3, a: 3}\n", encoding="utf-8")
    assert {name: one.s for name, one in read_register(store, tmp_path).objects.items()} == {"oa": 2, "web": 3}
    save_object(store, subject(), "li", ["security_officer"], NOW)
    assert read_register(store, tmp_path).objects["oa"] == subject()
    remove_object(store, "web", "li", ["security_officer"], NOW)
    assert list(read_register(store, tmp_path).objects) == ["oa"]
    assert [entry.action for entry in store.audit.read()] == ["compliance.object", "compliance.object"]
    assert [link["asset"] for link, _ in evidence.notes(store.documents, evidence.OBJECTS)] == ["oa", "web"]


def test_only_a_security_officer_keeps_the_register(store: Store) -> None:
    with pytest.raises(Refused):
        save_object(store, subject(), "li", ["operator"], NOW)
    assert store.audit.read() == []


def test_a_wrong_entry_is_named_with_its_line_and_the_others_count(store: Store, tmp_path: Path) -> None:
    text = "objects:\n  - {id: oa, name: a, s: 5, a: 2}\n  - {id: web, name: b, s: 3, a: 3}\n  - {id: web, name: c, s: 3, a: 3}\n"
    (tmp_path / "objects.yaml").write_text(text, encoding="utf-8")
    found = read_register(store, tmp_path)
    assert list(found.objects) == ["web"]
    assert [problem.line for problem in found.problems] == [2, 4]
