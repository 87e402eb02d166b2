from __future__ import annotations

from collections import Counter
from pathlib import Path

from compliance.coverage import page, promised, rows_of, source_of
from compliance.framework import load_framework
from compliance.load import load_checks
from compliance.prove import prove
from compliance.verdict import Outcome

DOCS = Path(__file__).parents[2] / "docs"


def test_every_check_stands_in_the_documentation_with_what_it_reads() -> None:
    text = (DOCS / "compliance.md").read_text(encoding="utf-8")
    for check in load_checks().checks.values():
        row = f"| `{check.id}` {check.title.zh} / {check.title.en} | {check.severity.value} | {', '.join(sorted(check.kinds))} | {', '.join(check.items)} |"
        assert row in text


def test_the_coverage_page_is_what_the_checks_say() -> None:
    assert (DOCS / "compliance-coverage.md").read_text(encoding="utf-8") == page()


def test_every_item_that_a_machine_could_tell_of_level_three_has_a_check_that_finds_it_kept_and_broken() -> None:
    """The 27 auto and 101 partial items of the catalogue: which have no check, and which rest on records of people alone though a machine should decide."""
    checks = load_checks().checks
    items = [row for row in promised(rows_of(load_framework(), tuple(checks.values()), 3)) if row[0].scope == "general"]
    assert Counter(item.auto for item, _, _ in items) == {"auto": 27, "partial": 101}
    assert [item.id for item, _, names in items if source_of(names, checks) == "nothing"] == []
    # who left is known from the register of staff; that the accounts are gone, its checks look up themselves
    assert [item.id for item, _, names in items if item.auto == "auto" and source_of(names, checks) != "telemetry"] == ["G.HRS.EXT.3"]
    told = {name: {verdict.outcome for _, verdict in prove(checks[name])} for name in {name for _, _, names in items for name in names}}
    silent = [item.id for item, _, names in items if not any({Outcome.PASS, Outcome.FAIL} <= told[name] for name in names)]
    assert silent == []


def test_what_an_item_rests_on_is_the_best_of_its_checks() -> None:
    checks = load_checks().checks
    assert source_of(("rec-staff-left", "lnx-updates"), checks) == "telemetry"
    assert source_of(("rec-staff-left", "self-roles"), checks) == "product"
    assert source_of(("rec-staff-left",), checks) == "records"
    assert source_of((), checks) == "nothing"
