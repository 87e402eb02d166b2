"""XCCDF 1.2 test results (NIST IR 7275r4), alone or inside an ARF report, as one text per target that checks can read. Pure.

The text is a snapshot of kind ``xccdf``: one ``rule=result`` in a line, after lines that say what was run. So results of OpenSCAP and its kin go the
way of everything else: evidence chain, verdicts with reasons, findings, unknown when they are old. docs/compliance-frameworks.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from xml.parsers import expat

from core.errors import ConfigError

KIND: Final = "xccdf"
NAMESPACE: Final = "http://checklists.nist.gov/xccdf/1.2"
MOST_BYTES: Final = 256 * 1024 * 1024
DEEPEST: Final = 200
MOST_RULES: Final = 20_000
WORST_FIRST: Final = ("fail", "error", "unknown", "notchecked", "pass", "fixed", "informational", "notapplicable", "notselected")
"""Results of XCCDF; of several for one rule the first in this order counts."""
_TEXTS: Final = frozenset({"target", "target-address", "result", "title"})


@dataclass
class Run:
    """One test result: what ran when against what, and the result of each rule."""

    id: str
    ended: datetime
    benchmark: str = ""
    profile: str = ""
    tool: str = ""
    targets: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    results: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As a snapshot; ``ended`` is the last line, so that a text cut off shows."""
        head = {"testresult": self.id, "benchmark": self.benchmark, "profile": self.profile, "tool": self.tool, "targets": ",".join(self.targets)}
        lines = [*head.items(), *sorted(self.results.items()), ("ended", self.ended.isoformat())]
        return "".join(f"{name}={value}\n" for name, value in lines)


def read(content: bytes, name: str) -> list[Run]:
    """The runs of a file; raises ConfigError for what is no XCCDF 1.2 result, has a DOCTYPE, or is too large or too deep."""
    if len(content) > MOST_BYTES:
        raise ConfigError(f"has {len(content):,} bytes; at most {MOST_BYTES:,} are read", path=name)
    reader = _Reader(name)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as err:
        raise ConfigError(f"is no XML: {expat.errors.messages[err.code]}", path=name, line=err.lineno) from None
    if not reader.runs:
        raise ConfigError(f"holds no TestResult of XCCDF 1.2 ({NAMESPACE})", path=name)
    return reader.runs


class _Reader:
    """Walks the elements; keeps those of a TestResult alone, wherever it stands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs: list[Run] = []
        self._path: list[str] = []
        self._text: list[str] = []
        self._run: Run | None = None
        self._rule = ""
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text.append

    def _error(self, message: str) -> ConfigError:
        return ConfigError(message, path=self.name, line=self.parser.CurrentLineNumber)

    def _doctype(self, *_about: object) -> None:
        raise self._error("has a DOCTYPE; results never have one, so it is refused")

    def _start(self, tag: str, given: dict[str, str]) -> None:
        space, _, local = tag.rpartition(" ")
        self._path.append(local if space == NAMESPACE else "")
        self._text.clear()
        if len(self._path) > DEEPEST:
            raise self._error(f"elements stand more than {DEEPEST} deep")
        if self._path[-1] == "TestResult":
            self._run = Run(id=_word(given.get("id", "")), ended=self._time(given.get("end-time", "")), tool=_word(given.get("test-system", "")))
        elif self._run and self._path[-1] == "benchmark":
            self._run.benchmark = _word(given.get("id") or given.get("href", ""))
        elif self._run and self._path[-1] == "profile":
            self._run.profile = _word(given.get("idref", ""))
        elif self._path[-1] == "rule-result":
            self._rule = short(given.get("idref", ""))

    def _end(self, _tag: str) -> None:
        local, text = self._path.pop(), _word("".join(self._text))
        self._text.clear()
        if self._run is None or not local:
            return
        if local == "target" and text:
            self._run.targets.append(text)
        elif local == "target-address" and text:
            self._run.addresses.append(text)
        elif local == "result" and self._path[-1] == "rule-result":
            self._keep(self._run, text)
        elif local == "TestResult":
            self.runs.append(self._run)
            self._run = None

    def _keep(self, run: Run, result: str) -> None:
        if not self._rule:
            raise self._error("a rule-result names no rule")
        if result not in WORST_FIRST:
            raise self._error(f"{result[:40]!r} is no result of XCCDF; there are {', '.join(WORST_FIRST)}")
        before = run.results.get(self._rule, result)
        run.results[self._rule] = min(before, result, key=WORST_FIRST.index)
        if len(run.results) > MOST_RULES:
            raise self._error(f"has more than {MOST_RULES:,} rules")

    def _time(self, text: str) -> datetime:
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise self._error(f"the end-time {text[:40]!r} of a TestResult is no time") from None
        return found if found.tzinfo else found.replace(tzinfo=UTC)


def short(rule: str) -> str:
    """A rule's name without what stands before ``_rule_``, in lower case: ``xccdf_org.ssgproject.content_rule_x`` is ``x``."""
    return _word(rule.rpartition("_rule_")[2]).lower()


def _word(text: str) -> str:
    """Without blanks and equals signs, which would split a line of the text."""
    return "_".join(text.split()).replace("=", "_")[:300]


def of_target(runs: list[Run]) -> Iterator[Run]:
    """The newest run for each target."""
    newest: dict[tuple[str, ...], Run] = {}
    for run in runs:
        key = tuple(run.targets)
        if key not in newest or run.ended > newest[key].ended:
            newest[key] = run
    yield from newest.values()
