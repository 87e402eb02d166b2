from __future__ import annotations

from pathlib import Path

from compliance.check import load_checks
from compliance.coverage import page

DOCS = Path(__file__).parents[2] / "docs"


def test_every_check_stands_in_the_documentation_with_what_it_reads() -> None:
    text = (DOCS / "compliance.md").read_text(encoding="utf-8")
    for check in load_checks().checks.values():
        row = f"| `{check.id}` {check.title.zh} / {check.title.en} | {check.severity.value} | {', '.join(sorted(check.kinds))} | {', '.join(check.items)} |"
        assert row in text


def test_the_coverage_page_is_what_the_checks_say() -> None:
    assert (DOCS / "compliance-coverage.md").read_text(encoding="utf-8") == page()
