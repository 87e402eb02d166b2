"""SARIF 2.1.0 (OASIS): results of code scanners such as Bandit, Semgrep, CodeQL, Ruff. One run is one scan. Pure.

What was suppressed, is absent now or is no failure (``kind``) is left out. Level: the property ``security-severity`` of the rule (a CVSS score), else what the
tool calls the severity, else SARIF's own level. The same rule in the same file counts once, since lines move.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any, Final

from compliance.scans.found import Found, Level, Scan, Sort, Target, line, numbers, of_score, once
from core.errors import ConfigError

VERSION: Final = "2.1.0"
LEVELS: Final[Mapping[str, Level | None]] = {"error": Level.HIGH, "warning": Level.MEDIUM, "note": Level.LOW, "none": None}
WORDS: Final = {"CRITICAL": Level.CRITICAL, "HIGH": Level.HIGH, "MEDIUM": Level.MEDIUM, "LOW": Level.LOW}
FAILURES: Final = ("fail", "open", "review")
WEB: Final = ("zap", "nuclei", "wapiti", "burp", "nikto")
"""Tools that look at a running web application, not at its code."""
Json = Mapping[str, Any]


def read(told: Json, name: str, zone: tzinfo, day: date | None = None) -> list[Scan]:
    """A scan for each run; raises ConfigError for another version, a broken result or a run without a time (then ``day`` is needed)."""
    if told.get("version") != VERSION:
        raise ConfigError(f"is SARIF {told.get('version')!r:.20}; {VERSION} is read", path=name, key="version")
    runs = _list(told, "runs", name)
    if not runs:
        raise ConfigError("holds no run", path=name, key="runs")
    return [_run(run, name, zone, day) for run in runs]


def _run(run: Json, name: str, zone: tzinfo, day: date | None) -> Scan:
    driver = _dict(_dict(run, "tool", name), "driver", name)
    tool = line(str(driver.get("name", "")), 40).lower()
    if not tool:
        raise ConfigError("names no tool", path=name, key="runs.tool.driver.name")
    rules = _list(driver, "rules", name)
    found = once(one for result in _list(run, "results", name) if (one := _result(result, rules, tool, name)))
    calls = _list(run, "invocations", name)
    target = Target(
        names=(),
        ended=_ended(calls, zone, day, name),
        found=found,
        has_login=True,
        is_whole="results" in run and all(call.get("executionSuccessful", True) is True for call in calls),
    )
    version = line(str(driver.get("semanticVersion") or driver.get("version") or ""), 40)
    return Scan(scanner=tool, version=version, sort=Sort.WEB if any(word in tool for word in WEB) else Sort.CODE, targets=(target,))


def _ended(calls: list[Json], zone: tzinfo, day: date | None, name: str) -> datetime:
    texts = [text for call in calls if (text := str(call.get("endTimeUtc") or call.get("startTimeUtc") or ""))]
    if not texts:
        if day is None:
            raise ConfigError("does not say when it was made; name the day", path=name, key="runs.invocations.endTimeUtc")
        return datetime.combine(day, time(), zone)
    try:
        found = [datetime.fromisoformat(text) for text in texts]
    except ValueError:
        raise ConfigError(f"{texts[0][:40]!r} is no time", path=name, key="endTimeUtc") from None
    return max(one if one.tzinfo else one.replace(tzinfo=UTC) for one in found)


def _result(result: Json, rules: list[Json], tool: str, name: str) -> Found | None:
    if result.get("kind", "fail") not in FAILURES or result.get("baselineState") == "absent" or _is_suppressed(result):
        return None
    number = result.get("ruleIndex", _dict(result, "rule", name).get("index", -1))
    rule = rules[number] if isinstance(number, int) and 0 <= number < len(rules) else {}
    called = str(result.get("ruleId") or _dict(result, "rule", name).get("id") or rule.get("id") or "")
    rule = rule or next((one for one in rules if one.get("id") == called), {})
    if not called:
        raise ConfigError("a result names no rule", path=name, key="results.ruleId")
    level = _level(result, rule, name)
    if level is None:
        return None
    text = str(_dict(result, "message", name).get("text") or _dict(rule, "shortDescription", name).get("text") or called)
    tags = [str(tag) for tag in _tags(rule, name)]
    return Found(
        id=line(f"{tool}:{called}", 120),
        place=line(next(_files(result, name), ""), 120),
        level=level,
        title=line(text),
        cwes=numbers(tag for tag in tags if "cwe" in tag.lower()),
        fix=line(str(_dict(rule, "help", name).get("text") or rule.get("helpUri") or ""), 500),
    )


def _is_suppressed(result: Json) -> bool:
    told = result.get("suppressions")
    return isinstance(told, list) and any(isinstance(one, dict) and one.get("status", "accepted") == "accepted" for one in told)


def _tags(rule: Json, name: str) -> Iterator[Any]:
    """Tags of a rule, and the weaknesses that it names by a relationship."""
    properties = _dict(rule, "properties", name)
    for key in ("tags", "cwe"):
        given = properties.get(key)
        yield from given if isinstance(given, list) else (given,) if isinstance(given, str) else ()
    yield from (f"cwe-{_dict(one, 'target', name).get('id', '')}" for one in _list(rule, "relationships", name) if "CWE" in str(one))


def _level(result: Json, rule: Json, name: str) -> Level | None:
    own, general = _dict(result, "properties", name), _dict(rule, "properties", name)
    for properties in (own, general):
        if (score := properties.get("security-severity")) is not None:
            try:
                return of_score(float(score))
            except (TypeError, ValueError):
                raise ConfigError(f"security-severity {score!r:.20} is no number", path=name, key="security-severity") from None
        word = str(properties.get("issue_severity") or properties.get("severity") or "").upper()
        if word in WORDS:
            return WORDS[word]
    level = str(result.get("level") or _dict(rule, "defaultConfiguration", name).get("level") or "warning")
    if level not in LEVELS:
        raise ConfigError(f"{level[:20]!r} is no level; there are {', '.join(LEVELS)}", path=name, key="results.level")
    return LEVELS[level]


def _files(result: Json, name: str) -> Iterator[str]:
    for location in _list(result, "locations", name):
        yield str(_dict(_dict(location, "physicalLocation", name), "artifactLocation", name).get("uri", ""))


def _list(told: Json, key: str, name: str) -> list[Json]:
    found = told.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ConfigError("is no list of objects", path=name, key=key)
    return found


def _dict(told: Json, key: str, name: str) -> Json:
    found = told.get(key) or {}
    if not isinstance(found, dict):
        raise ConfigError("is no object", path=name, key=key)
    return found
