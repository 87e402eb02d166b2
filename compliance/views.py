"""Other ways to look at the results of an object: the five technical layers of GB/T 22239-2008 and the assessment units of GB/T 28448-2019. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Final

from compliance.check import Model, Text
from compliance.dossier import Dossier
from compliance.framework import Item
from compliance.queries import verdicts_of
from compliance.rollup import Book, Conformity, ItemResult, combined, on_asset, over_assets
from core.files import build, read_yaml

SHIPPED: Final = Path(__file__).parent / "frameworks" / "layers-2008.yaml"
METHODS: Final = {"examine": Text(zh="核查", en="examine"), "interview": Text(zh="访谈", en="interview"), "test": Text(zh="测试", en="test")}
_OBJECTS: Final = """
records_and_documents 记录和文档, people 人员, security_device 安全设备, network_device 网络设备, rules 管理制度, mobile_terminal 移动终端,
terminal_management 终端管理系统, database 数据库, virtualisation 虚拟化设备, application 业务应用系统, operating_system 操作系统, sensor_node 感知节点,
room 机房, ics_controller 控制设备, middleware 中间件, system_software 系统管理软件, iot_gateway 物联网网关, wireless_device 无线设备,
audit_system 综合审计系统, cloud_platform 云平台, crypto_or_trust_component 密码或可信组件, management_platform 管理平台, topology 网络拓扑, data 数据,
dial_up 拨号服务器, see_unit 见测评单元, ha_or_dr_system 冗余或灾备系统, bastion 堡垒机, signing_certificate 签名证书, ics_network 工业控制网络
"""
OBJECTS: Final = {name: Text(zh=zh, en=name.replace("_", " ")) for name, zh in (pair.split() for pair in _OBJECTS.split(","))}


class OldPoint(Model):
    """A control point of 2008 and where it went."""

    zh: str
    en: str
    items: tuple[str, ...]
    checks: tuple[str, ...] = ()

    def takes(self, item: str) -> bool:
        """Whether an item of 2019 stands here."""
        return any(fnmatchcase(item, pattern) for pattern in self.items)


class OldLayer(Model):
    """A layer of 2008."""

    code: str
    zh: str
    en: str
    points: tuple[OldPoint, ...]


class _File(Model):
    layers: tuple[OldLayer, ...]


@lru_cache(maxsize=1)
def load_layers(path: Path = SHIPPED) -> tuple[OldLayer, ...]:
    """The layers; raises ConfigError."""
    return build(read_yaml(path), _File).layers


@dataclass(frozen=True, slots=True, kw_only=True)
class OldResult:
    """A control point of 2008 with the results of what stands there today."""

    layer: OldLayer
    point: OldPoint
    conformity: Conformity
    items: tuple[ItemResult, ...]


def by_old_layers(dossier: Dossier) -> list[OldResult]:
    """Every control point of 2008 that still has items, in the order of the standard; empty for another framework than GB/T 22239."""
    if not dossier.framework.is_mlps:
        return []
    rows = []
    for layer in load_layers():
        for point in layer.points:
            results = tuple(_result(dossier, item, point) for item in dossier.items if point.takes(item.id))
            if results:
                rows.append(OldResult(layer=layer, point=point, conformity=combined(one.conformity for one in results), items=results))
    return rows


def _result(dossier: Dossier, item: Item, point: OldPoint) -> ItemResult:
    """The item's result; where the point takes certain checks alone, judged again on these."""
    if not point.checks:
        return dossier.results[item.id]
    mine = [body for body in dossier.verdicts if item.id in body["items"] and any(fnmatchcase(body["check"], pattern) for pattern in point.checks)]
    said = [one for one in dossier.answers if one.item == item.id]
    found = verdicts_of(mine)
    checks = tuple(sorted({body["check"] for body in mine}))
    book = Book({item.id: item}, {item.id: checks}, frozenset({item.id}) if item.id in dossier.decided else frozenset())
    if not found:
        return on_asset(book, item, "", {}, said, dossier.moment)
    return over_assets(item, [on_asset(book, item, asset, verdicts, said, dossier.moment) for asset, verdicts in found.items()])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An assessment unit of GB/T 28448: its number, what is looked at and how, and the result."""

    number: str
    item: Item
    result: ItemResult
    inferred: bool


def units(dossier: Dossier) -> list[Unit]:
    """The units of the object in the order of the standard."""
    return [_unit(dossier, item) for item in dossier.items]


def _unit(dossier: Dossier, item: Item) -> Unit:
    level = dossier.subject.grade.level_of(item)
    number = item.units.get(str(level), item.id)
    return Unit(number=number, item=item, result=dossier.results[item.id], inferred=level in item.unit_inferred_levels)


def methods(item: Item) -> Text:
    """By what methods a unit is assessed."""
    found = [METHODS[name] for name in item.test_methods if name in METHODS]
    return Text(zh="、".join(text.zh for text in found) or "—", en=", ".join(text.en for text in found) or "—")


def examined(item: Item) -> Text:
    """What is looked at."""
    found = [OBJECTS[name] for name in item.test_objects if name in OBJECTS]
    return Text(zh="、".join(text.zh for text in found) or "—", en=", ".join(text.en for text in found) or "—")
