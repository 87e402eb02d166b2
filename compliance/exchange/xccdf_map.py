"""Which rules of an XCCDF benchmark speak for which items: one file that stands for a check per rule."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import Field

from compliance.check import Check, Model
from compliance.exchange.xccdf import KIND
from core.files import Document, build
from core.records import Severity

LEFT_OUT: Final = ("notselected", "notapplicable", "informational")
CANNOT_TELL: Final = ("error", "unknown", "notchecked")


class Rule(Model):
    """A rule by its short name (what follows ``_rule_``), the items it speaks for, and what it asks."""

    rule: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,60}$")
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    items: tuple[str, ...] = ()
    severity: Severity = Severity.WARNING


class RuleMap(Model):
    """The file. ``xccdf`` is what the names of its checks begin with; a result older than ``limit_age_h`` is unknown."""

    xccdf: str = Field(pattern=r"^[a-z][a-z0-9]{1,11}$")
    limit_age_h: float = Field(default=1080, gt=0)
    rules: tuple[Rule, ...] = Field(min_length=1)


def is_map(document: Document) -> bool:
    """Whether a file of checks is such a map."""
    return "xccdf" in document.data


def checks_of(document: Document) -> Iterator[Check]:
    """A check for each rule; raises ConfigError with file, line and key."""
    found = build(document, RuleMap)
    for number, rule in enumerate(found.rules):
        values = _check(found, rule)
        if any(other.rule == rule.rule for other in found.rules[:number]):
            raise document.error(f"the rule {rule.rule} stands twice", ("rules", number, "rule"))
        yield Check.model_validate(values)


def _check(whole: RuleMap, rule: Rule) -> dict[str, Any]:
    name = "".join(char if char.isalnum() else "-" for char in rule.rule)
    return {
        "id": f"{whole.xccdf}-{name}"[:64],
        "title": {"zh": rule.zh, "en": rule.en},
        "severity": rule.severity,
        "platforms": ("any",),
        "reads": KIND,
        "applies": ({"setting": rule.rule, "default": LEFT_OUT[0], "none_of": LEFT_OUT, "missing": "never"},),
        "expect": ({"setting": rule.rule, "one_of": ("pass", "fixed"), "cannot_tell": CANNOT_TELL},),
        "items": rule.items,
        "remediation": {
            "zh": f"按基准规则 {rule.rule} 的修复说明处理后重新扫描并导入结果",
            "en": f"Mend it as the rule {rule.rule} of the benchmark says, scan again and bring the result in",
        },
        "references": (f"XCCDF {rule.rule}",),
        "limit_age_h": whole.limit_age_h,
    }
