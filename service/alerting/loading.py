"""The alerting configuration of an installation: shipped rules, then the site's files in ``alerting/*.yaml``.

A site's entry replaces a shipped one with the same id. A broken file or entry is reported with file, line and key; the
others go on. Overrides of shipped rules for kinds of assets become rules of their own with a matcher.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from compliance.check import Check
from core.calendar import Calendar, load_calendar
from core.errors import ConfigError
from core.files import Document, build, read_yaml
from detectors.library import Override, library
from detectors.rules.told import conditions
from incidents.config import BY_ID, WHOLE, Configuration, Limit, Receiver, Rule
from incidents.graph import Topology
from incidents.notify.send import check as check_receiver
from incidents.verify import verify
from inventory.asset import Asset, Ways
from inventory.people import Person

BLOCKS: Final = frozenset({*BY_ID, *WHOLE, "settings"}) - {"assets", "people"}
Entry = Mapping[str, Any]
Tuned = Mapping[str, Mapping[str, Any]]
NOTHING: Final[Tuned] = {}
FIELDS: Final = {"for": "for_"}  # keys that have another name in the model
OWN: Final[tuple[tuple[Entry, str, str], ...]] = (
    ({"id": "self.store", "class": "self", "severity": "critical"}, "存储拒绝写入", "The store refuses records"),
    ({"id": "self.standstill", "class": "self", "severity": "high"}, "部件停止工作", "A part stands still"),
    ({"id": "self.listener", "class": "self", "severity": "high"}, "监听未能启动", "A listener could not start"),
    ({"id": "self.alerting", "class": "self", "severity": "high"}, "告警自身异常", "Alerting itself has a problem"),
    ({"id": "collector.disabled", "class": "collection", "severity": "high"}, "采集器已停用", "A collector is disabled"),
    ({"id": "baseline", "class": "anomaly", "severity": "warning"}, "偏离常态", "Away from the usual"),
    ({"id": "change", "class": "anomaly", "severity": "info"}, "水平突变", "The level changed"),
    ({"id": "host", "class": "anomaly", "severity": "warning"}, "主机整体异常", "The host as a whole is unusual"),
    ({"id": "rate", "class": "anomaly", "severity": "warning"}, "变化过快", "Changes too fast"),
    ({"id": "forecast", "class": "capacity", "severity": "warning"}, "即将用尽", "Will be used up"),
    ({"id": "expiry", "class": "expiry", "severity": "warning"}, "即将到期", "Expires soon"),
    ({"id": "interface_lost", "class": "link", "lost_link": True, "severity": "warning"}, "接口中断", "Interface is down"),
    ({"id": "lag_lost", "class": "link", "lost_link": True, "severity": "high"}, "聚合链路失去成员", "Link aggregation lost members"),
    ({"id": "bgp_lost", "class": "routing", "severity": "high"}, "BGP 邻居中断", "BGP peer is down"),
    ({"id": "ospf_lost", "class": "routing", "severity": "high"}, "OSPF 邻居中断", "OSPF neighbour is down"),
    ({"id": "isis_lost", "class": "routing", "severity": "high"}, "IS-IS 邻居中断", "IS-IS neighbour is down"),
    ({"id": "logs", "class": "anomaly", "severity": "warning"}, "日志异常", "Logs are unusual"),
    ({"id": "rates", "class": "anomaly", "severity": "warning"}, "事件速率异常", "Events come at an unusual rate"),
    ({"id": "compliance.object", "class": "compliance", "severity": "warning"}, "等保工作到期", "Graded protection work is due"),
    ({"id": "compliance.exemption", "class": "compliance", "severity": "warning"}, "例外到期", "An exemption ends"),
    ({"id": "compliance.record", "class": "compliance", "severity": "warning"}, "安全管理记录到期", "Records of security management are due"),
    ({"id": "compliance.remedy", "class": "compliance", "severity": "warning"}, "整改任务逾期", "A remedy is overdue"),
    (
        {"id": "compliance.access", "class": "account", "security": True, "severity": "high"},
        "合同不允许的登录",
        "A log-in that the contract does not allow",
    ),
    ({"id": "no_data", "class": "collection", "severity": "warning"}, "数据缺失", "Data is missing"),
)
"""Findings of the product's own detectors: rule, Chinese and English name."""
USUAL_LIMIT: Final = Limit(notices=20, within=600.0)
"""Of a site's receiver that people read and that says nothing of ``limit``: a storm is a few notices and a summary. ``limit: null`` has none."""
READ_BY_PROGRAMS: Final = frozenset({"webhook", "ticket"})
TOLD: Final[tuple[tuple[Entry, str, str], ...]] = tuple(
    ({"id": row.id, "class": row.class_, "severity": row.severity.value}, row.zh, row.en) for row in conditions()
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is in force, the words of its rules, and what is wrong with single files."""

    config: Configuration
    texts: Mapping[str, Mapping[str, Any]]
    problems: tuple[ConfigError, ...] = ()
    language: str = "both"


@dataclass
class _Blocks:
    by_id: dict[str, dict[str, tuple[Document, tuple[str | int, ...]]]] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)


def load_configuration(
    folder: Path, assets: Iterable[Asset], people: Iterable[Person], checks: Sequence[Check], timezone: str, tuned: Tuned = NOTHING
) -> Loaded:
    """Everything together; never raises for what a site wrote. ``tuned``: accepted proposals by rule (``service/quality/tuning.py``)."""
    problems: list[ConfigError] = []
    rules, texts = _shipped(checks)
    blocks: dict[str, Any] = {name: {} for name in BY_ID}
    blocks["rules"] = {str(rule["id"]): rule for rule in rules}
    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        try:
            _take(read_yaml(path), blocks, problems)
        except ConfigError as err:
            problems.append(err)
    for rule, proposal in tuned.items():
        _tune(blocks["rules"], rule, proposal, problems)
    base = {
        "assets": _known(tuple(assets), problems),
        "people": tuple(people),
        "timezone": timezone,
        "calendar": _calendar(folder.parent / "calendar.yaml", problems),
    }
    config = _whole({**base, **{key: list(value.values()) if key in BY_ID else value for key, value in blocks.items() if value}, **base_after(base)}, problems)
    return Loaded(config, texts, tuple(problems))


def _known(assets: tuple[Asset, ...], problems: list[ConfigError]) -> tuple[Asset, ...]:
    """The assets without ways to ones that are not in the book (removed, or not there yet): one name too many must not stop the alerting."""
    lost: dict[str, dict[str, set[str]]] = {}
    for name, relation, target in Topology(assets).unknown():
        problems.append(ConfigError(f"{relation} names {target!r}, which is no asset; it is left out", key=f"assets.{name}"))
        lost.setdefault(name, {}).setdefault(relation, set()).add(target)
    return tuple(asset.model_copy(update=_without(asset, lost[asset.id])) if asset.id in lost else asset for asset in assets)


def _without(asset: Asset, lost: Mapping[str, set[str]]) -> dict[str, Ways]:
    ways: dict[str, Ways] = {relation: getattr(asset, relation) for relation in lost}
    return {
        relation: Ways(any=tuple(one for one in way.any if one not in lost[relation]), all=tuple(one for one in way.all if one not in lost[relation]))
        for relation, way in ways.items()
    }


def _tune(rules: dict[str, Any], name: str, proposal: Mapping[str, Any], problems: list[ConfigError]) -> None:
    """Lay an accepted proposal over a rule; not when the rule is gone or was changed since by hand: the hand wins."""
    entry = rules.get(name)
    if entry is None:
        return
    rule = entry if isinstance(entry, Rule) else Rule.model_validate(entry)
    if any(getattr(rule, FIELDS.get(key, key)) != value for key, value in proposal["was"].items()):
        problems.append(ConfigError(f"the accepted tuning of rule {name!r} is left out, as its {', '.join(proposal['was'])} was changed by hand; take it back"))
        return
    try:
        rules[name] = Rule.model_validate({**rule.model_dump(by_alias=True, exclude_unset=True), **proposal["set"]})
    except ValidationError as err:
        problems.append(ConfigError(f"the accepted tuning of rule {name!r} does not fit: {err.errors(include_input=False, include_url=False)[0]['msg']}"))


def _calendar(path: Path, problems: list[ConfigError]) -> dict[str, Any]:
    """The site's calendar, which the detectors use too, in the form of alerting."""
    try:
        found = load_calendar(path)
    except ConfigError as err:
        problems.append(err)
        found = Calendar()
    return {"holidays": list(found.holidays), "working": list(found.working), "national": found.national}


def base_after(base: Mapping[str, Any]) -> dict[str, Any]:
    """Assets and people come from the inventory, whatever a file says."""
    return {key: base[key] for key in ("assets", "people", "timezone")}


def _take(document: Document, blocks: dict[str, Any], problems: list[ConfigError]) -> None:
    data = document.data
    if data is None:
        return
    if not isinstance(data, dict):
        raise document.error("an alerting file is a mapping with rules, receivers, routes ...")
    for key, value in data.items():
        if key not in BLOCKS:
            problems.append(document.error(f"unknown key; there are {', '.join(sorted(BLOCKS))}", (key,)))
        elif key in BY_ID:
            _entries(document, key, blocks, problems)
        else:
            _one(document, key, value, blocks, problems)


def _entries(document: Document, key: str, blocks: dict[str, Any], problems: list[ConfigError]) -> None:
    if not isinstance(document.data[key], list):
        problems.append(document.error("is a list of entries", (key,)))
        return
    for number, entry in enumerate(document.data[key]):
        try:
            made = build(replace(document, data={key: [entry]}, lines=_shifted(document, key, number)), Configuration)
            (one,) = getattr(made, key)
            if key == "receivers":
                check_receiver(one)
                one = _limited(one)
            blocks[key][one.id] = one
        except ConfigError as err:
            problems.append(err)


def _limited(receiver: Receiver) -> Receiver:
    """With the usual limit, unless its file speaks of one or a program reads it."""
    if "limit" in receiver.model_fields_set or receiver.kind in READ_BY_PROGRAMS:
        return receiver
    return receiver.model_copy(update={"limit": USUAL_LIMIT})


def _shifted(document: Document, key: str, number: int) -> dict[tuple[str | int, ...], int]:
    """The lines of one entry as if it were the only one."""
    return {(key, 0, *where[2:]): line for where, line in document.lines.items() if where[:2] == (key, number)} | {(key,): document.line((key, number)) or 1}


def _one(document: Document, key: str, value: Any, blocks: dict[str, Any], problems: list[ConfigError]) -> None:
    try:
        made = build(replace(document, data={key: value}), Configuration)
        found = getattr(made, key)
        blocks[key] = [*blocks.get(key, ()), *found] if isinstance(found, tuple) else found
    except ConfigError as err:
        problems.append(err)


def _whole(data: dict[str, Any], problems: list[ConfigError]) -> Configuration:
    """The configuration; what does not fit together is left out block by block, and said."""
    config = Configuration.model_validate(data)
    try:
        verify(config, references=False)
    except ConfigError as err:
        problems.append(err)
        config = config.model_copy(update={"inhibit": (), "routes": (), "chains": (), "rotas": (), "correlate": ()})
        verify(config, references=False)
    return config


def _shipped(checks: Sequence[Check]) -> tuple[list[Entry], dict[str, Mapping[str, Any]]]:
    known = library()
    texts: dict[str, Mapping[str, Any]] = {name: {"zh": text.zh, "en": text.en} for name, text in known.texts.items()}
    rules: list[Entry] = []
    for rule in known.rules:
        for one in _by_kind(rule, [each for each in known.overrides if each.rule == rule["id"]]):
            rules.append(one)
            texts.setdefault(str(one["id"]), texts[str(rule["id"])])
    for entry, zh, en in (*OWN, *TOLD):
        rules.append(entry)
        texts[str(entry["id"])] = {"zh": zh, "en": en}
    for check in checks:
        rules.append({"id": check.source, "class": "compliance", "severity": check.severity.value})
        texts[check.source] = {"zh": check.title.zh, "en": check.title.en, "is_check": True}
    return rules, texts


def _by_kind(rule: Entry, overrides: Sequence[Override]) -> list[Entry]:
    """A threshold rule and its variants for kinds of assets: each asset is judged by exactly one of them."""
    if not overrides:
        return [rule]
    kinds = [kind for each in overrides for kind in each.match.kind]
    others = "|".join(re.escape(kind) for kind in kinds)
    rest = {**rule, "match": {**rule.get("match", {}), "kind": f"~(?!({others})$).*"}}
    return [rest, *({**rule, **each.set, "id": f"{rule['id']}.{each.match.kind[0]}", "match": {"kind": list(each.match.kind)}} for each in overrides)]
