"""Tables that several reports share, in the assessor's layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from compliance.compensation import proposed
from compliance.dossier import Dossier
from compliance.exemptions import Word
from compliance.framework import Item
from compliance.objects import Progress
from compliance.reports.content import Cell, Facts, Table, Tint, Value, Words
from compliance.risk import Level, Risk
from compliance.rollup import Conformity, ItemResult
from compliance.run import ESTATE, OBJECT_ASSET, ORGANISATION, SELF
from compliance.signs import Standing, State
from compliance.views import by_old_layers, examined, methods
from compliance.views import units as units_of
from store.base import Body

TINTS: Final[Mapping[str, Tint]] = {"conforms": "green", "partial": "amber", "fails": "red", "not_applicable": "gray", "unknown": "gray"}
LEVEL_TINTS: Final[Mapping[str, Tint]] = {"high": "red", "medium": "amber", "low": "gray"}
PROGRESS: Final[Mapping[Progress, tuple[str, str, Tint]]] = {
    Progress.DONE: ("已完成", "done", "green"),
    Progress.SOON: ("即将到期", "due soon", "amber"),
    Progress.OVERDUE: ("已逾期", "overdue", "red"),
    Progress.OPEN: ("未完成", "open", "amber"),
    Progress.NOT_NEEDED: ("不需要", "not needed", "gray"),
}
EXEMPTION_WORDS: Final[Mapping[Word, tuple[str, str]]] = {
    Word.REQUESTED: ("待审批", "requested"),
    Word.REFUSED: ("已拒绝", "refused"),
    Word.GRANTED: ("生效", "in force"),
    Word.WITHDRAWN: ("已撤销", "withdrawn"),
    Word.EXPIRED: ("已到期", "expired"),
}
SHOWN_OBSERVED: Final = 6


def conformity(words: Words, value: Conformity) -> Cell:
    """A result with its colour."""
    return Cell(words.of(value.text), TINTS[value])


def level(words: Words, value: Level) -> Cell:
    """A risk with its colour."""
    return Cell(words.of(value.text), LEVEL_TINTS[value])


def clause(dossier: Dossier, item: Item) -> str:
    """The clause of the standard at the level at which the item is asked."""
    return item.clauses.get(str(dossier.subject.grade.level_of(item)), "")


def unit(dossier: Dossier, item: Item) -> str:
    """The assessment unit (测评单元) of GB/T 28448."""
    return item.units.get(str(dossier.subject.grade.level_of(item)), item.id)


def number(dossier: Dossier, name: str) -> str:
    """The unit of the item ``name``, as in every other table; the name itself where the object is not asked for it."""
    return next((unit(dossier, item) for item in dossier.items if item.id == name), name)


OWN_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    ORGANISATION: ("本单位", "organisation"),
    ESTATE: ("全部资产", "whole estate"),
    SELF: ("本平台", "this product"),
}


def whom(words: Words, asset: str) -> str:
    """An asset by its id; what no collector speaks for in the report's language."""
    if asset.startswith(OBJECT_ASSET):
        return words("定级对象", "the object")
    return words(*OWN_NAMES[asset]) if asset in OWN_NAMES else asset


def whose(words: Words, assets: Iterable[str], most: int) -> str:
    """Several of them in a line."""
    return words.joined([whom(words, asset) for asset in assets], most)


def basics(words: Words, dossier: Dossier) -> Facts:
    """The table of basic facts of the object."""
    one, rows = dossier.subject, []
    rows += [(words("定级对象", "Object"), one.name), (words("业务", "Business"), one.business or "—"), (words("描述", "Description"), one.description or "—")]
    rows += [(words("安全保护等级", "Grade"), words(f"第{one.grade.level}级（{one.grade_text}）", f"level {one.grade.level} ({one.grade_text})"))]
    rows += [(words("扩展要求", "Extensions"), words.joined([words(*EXTENSIONS[name]) for name in one.extensions]) or "—")]
    rows += [(words("备案证明编号", "Filing number"), one.filing_number or "—"), (words("测评机构", "Assessor"), one.assessor or "—")]
    people = one.people
    rows += [(words("责任人", "Owner"), people.owner or "—"), (words("安全责任人", "Security officer"), people.security or "—")]
    rows += [(words("运维责任人", "Operations"), people.operations or "—"), (words("联系方式", "Contact"), people.contact or "—")]
    rows += [(words("范围内资产", "Assets in scope"), str(len(dossier.assets)))]
    rows += [
        (words("安全区域", "Zones"), words.joined([zone.name for zone in one.zones]) or "—"),
        (words("边界设备", "Boundary"), words.joined(one.boundary) or "—"),
    ]
    return Facts(tuple(rows))


EXTENSIONS: Final[Mapping[str, tuple[str, str]]] = {
    "cloud": ("云计算", "cloud"),
    "mobile": ("移动互联", "mobile"),
    "iot": ("物联网", "IoT"),
    "ics": ("工业控制", "industrial control"),
}


def work(words: Words, dossier: Dossier) -> Table:
    """Steps of the yearly work with their dates."""
    columns = (words("工作", "Step"), words("完成日期", "Done"), words("期限", "Due"), words("状态", "State"), words("依据", "Why"))
    rows = tuple((words.of(s.title), words.day(s.done), words.day(s.due), _progress(words, s.progress), words.of(s.why)) for s in dossier.steps)
    return Table(columns, rows, (20, 14, 14, 12, 40), words("工作流程", "Steps"))


def _progress(words: Words, progress: Progress) -> Cell:
    zh, en, tint = PROGRESS[progress]
    return Cell(words(zh, en), tint)


def layers(words: Words, dossier: Dossier) -> Table:
    """One line per layer: how many items came out how; the last line sums up."""
    columns = (words("层面", "Layer"), words("要求项", "Items"), *(words.of(word.text) for word in Conformity))
    rows: list[tuple[Value, ...]] = []
    for layer in dossier.framework.layers:
        mine = [dossier.results[item.id].conformity for item in dossier.items if item.layer == layer.zh]
        if mine:
            rows.append((words(layer.zh, layer.en), str(len(mine)), *(str(mine.count(word)) for word in Conformity)))
    counts = [str(dossier.conforming(word)) for word in Conformity]
    rows.append((words("合计", "Total"), str(len(dossier.items)), *counts))
    return Table(columns, tuple(rows), (28, 12, 12, 12, 12, 12, 12), words("层面汇总", "Layers"))


def points(words: Words, dossier: Dossier) -> Table:
    """Control points with their results (单元测评)."""
    english = {(item.layer, item.control_point): item.control_point_en for item in dossier.items}
    layers = {layer.zh: words(layer.zh, layer.en) for layer in dossier.framework.layers}
    columns = (words("层面", "Layer"), words("控制点", "Control point"), words("符合/总数", "Met/all"), words("结果", "Result"))
    rows = tuple(
        (
            layers[point.layer],
            words(point.name, english[point.layer, point.name]),
            f"{sum(result.conformity is Conformity.CONFORMS for result in point.items)}/{len(point.items)}",
            conformity(words, point.conformity),
        )
        for point in dossier.points
    )
    return Table(columns, rows, (26, 40, 16, 18), words("单元结果", "Control points"))


def failing(verdicts: Iterable[Body]) -> dict[str, list[Body]]:
    """Item -> the failing verdicts that speak for it."""
    found: dict[str, list[Body]] = {}
    for body in verdicts:
        if body["outcome"] == "fail":
            for name in body["items"]:
                found.setdefault(name, []).append(body)
    return found


def measures(words: Words, item: Item, bodies: Sequence[Mapping[str, object]]) -> str:
    """What to do: the remediation of each failing check, else the requirement itself."""
    texts: dict[str, str] = {}
    for body in bodies:
        fix = body.get("remediation")
        if isinstance(fix, Mapping) and str(body["check"]) not in texts:
            texts[str(body["check"])] = words(str(fix.get("zh", "")), str(fix.get("en", "")))
    return "\n".join(texts.values()) or words(f"落实要求并留存证据：{item.zh}", f"Put the requirement into force and keep evidence: {item.en}")


def record(words: Words, result: ItemResult, bodies: Sequence[Body]) -> str:
    """The result record: why, and what was found on which asset."""
    lines = [words.of(result.reason)]
    if result.proposed:
        lines.append(words(f"监测建议：{result.proposed.text.zh}，待人工核定", f"telemetry proposes: {result.proposed.text.en}; a person decides"))
    for body in bodies[:SHOWN_OBSERVED]:
        seen = "; ".join(map(str, body["observed"][:3])) or words(body["reason"]["zh"], body["reason"]["en"])
        lines.append(f"{whom(words, body['asset'])}: {words(body['title']['zh'], body['title']['en'])} — {seen}{_rests_on(words, body)}")
    if len(bodies) > SHOWN_OBSERVED:
        lines.append(words(f"……共 {len(bodies)} 条，见附录", f"... {len(bodies)} in all, see the appendix"))
    return "\n".join(lines)


def _rests_on(words: Words, body: Body) -> str:
    """The numbers of the texts in the evidence index that a verdict rests on."""
    names = list(dict.fromkeys(text["evidence"] for text in body["read"] if text.get("evidence")))
    return words(f"（证据 {words.joined(names, 3)}）", f" (evidence {words.joined(names, 3)})") if names else ""


def item_rows(words: Words, dossier: Dossier, layer: str) -> tuple[tuple[Value, ...], ...]:
    """The items of a layer, in the assessor's columns."""
    found = failing(dossier.verdicts)
    rows: list[tuple[Value, ...]] = []
    for item in (item for item in dossier.items if item.layer == layer):
        result = dossier.results[item.id]
        on = [asset for asset, one in dossier.by_asset[item.id].items() if one.checks]
        rows.append(
            (
                f"{unit(dossier, item)}\n{clause(dossier, item)}",
                words(item.control_point, item.control_point_en),
                words(item.zh, item.en),
                whose(words, on, 3) or words("全局", "whole object"),
                "\n".join([record(words, result, found.get(item.id, [])), *_said(words, dossier, item)]),
                conformity(words, result.conformity),
            )
        )
    return tuple(rows)


def _said(words: Words, dossier: Dossier, item: Item) -> list[str]:
    """What people decided about an item, when it does not stand in its reason already."""
    mine = [one for one in dossier.answers if one.item == item.id and one.comment not in dossier.results[item.id].reason.zh]
    return [words(f"{one.who} 核定：{one.comment}", f"{one.who} decided: {one.comment}") for one in mine[:SHOWN_OBSERVED]]


def item_columns(words: Words) -> tuple[str, ...]:
    """The columns of ``item_rows``."""
    return words.heads("测评单元|Unit", "控制点|Control point", "要求项|Requirement", "测评对象|Examined", "结果记录|Record", "符合情况|Result")


ITEM_WIDTHS: Final = (12, 12, 24, 12, 30, 10)


def risks(words: Words, dossier: Dossier, only: Iterable[Risk] | None = None) -> Table:
    """Risks of the gaps, the gravest first."""
    by_id = {item.id: item for item in dossier.items}
    columns = words.heads(
        "测评单元|Unit", "安全问题|Problem", "关联资产|Assets", "判定依据|Why", "风险|Risk", "补偿或结论|Compensation, decision", "重大风险隐患|Major"
    )
    rows: list[tuple[Value, ...]] = []
    for risk in dossier.risks if only is None else only:
        item = by_id[risk.item]
        why, major = words.of(risk.why), words("是", "yes") if risk.major else words("否", "no")
        rows.append(
            (unit(dossier, item), words(item.zh, item.en), whose(words, risk.assets, 4) or "—", why, level(words, risk.level), weighed(words, risk), major)
        )
    return Table(columns, tuple(rows), (12, 24, 16, 20, 7, 14, 7), words("风险分析", "Risks"))


STATE_TINTS: Final[Mapping[State, Tint]] = {State.MET: "red", State.OPEN: "amber", State.EXCLUDED: "green"}


def cases(words: Words, dossier: Dossier) -> Table:
    """Every case of the high-risk guide that is put to the object: where it stands, the signs, what to look at."""
    columns = words.heads("情形|Case", "要求项|Requirements", "状态|State", "迹象|Signs", "核查要点|What to look at")
    rows = tuple(
        (
            f"{one.case.case} {words(one.case.title, one.case.title_en)}",
            words.joined([number(dossier, name) for name in one.items], 3),
            Cell(words.of(one.state.text), STATE_TINTS[one.state]),
            signs(words, one),
            words.of(one.look) if one.look else words("由检查或登记判定", "checks or the register decide"),
        )
        for one in dossier.standings
    )
    return Table(columns, rows, (24, 14, 8, 26, 28), words("高风险情形", "High-risk cases"))


def signs(words: Words, one: Standing) -> str:
    """The signs of a case, line by line."""
    lines = [words(f"不通过：{title.zh}（{len(assets)} 项资产）", f"fails: {title.en} ({len(assets)} assets)") for title, assets in one.failing]
    if one.quiet:
        lines.append(words("通过：", "passes: ") + words.joined([words.of(title) for title in one.quiet], 3))
    return "\n".join(lines) or words("没有检查能给出迹象", "no check gives a sign")


def weighed(words: Words, risk: Risk) -> str:
    """What made a risk other than found."""
    parts = []
    if risk.exemption:
        parts.append(words(f"例外 {risk.exemption.id}：{risk.exemption.compensation}", f"exemption {risk.exemption.id}: {risk.exemption.compensation}"))
    if risk.lapsed:
        parts.append(words(f"核定不生效：{risk.lapsed.zh}", f"the decision does not count: {risk.lapsed.en}"))
    elif risk.decision:
        parts.append(words(f"{risk.decision.who} 核定：{risk.decision.reason}", f"{risk.decision.who} decided: {risk.decision.reason}"))
    if risk.found is not risk.level:
        parts.append(words(f"修正前：{risk.found.text.zh}", f"before: {risk.found.text.en}"))
    return "\n".join(parts) or "—"


def compensated(words: Words, dossier: Dossier) -> Table | None:
    """Overall assessment: gaps that requirements met elsewhere make up for, decided ones and proposals; none when there is nothing."""
    by_id = {item.id: item for item in dossier.items}
    columns = words.heads("测评单元|Unit", "补偿单元|Made up for by", "理由|Why", "核定人|By", "修正前|Before", "修正后|After", "状态|State")
    rows: list[tuple[Value, ...]] = []
    for risk in dossier.risks:
        rule = proposed(risk, dossier.results)
        if risk.decision and risk.decision.by:
            said, names, why = risk.decision.who, risk.decision.by, risk.decision.reason
            state = Cell(words("不生效：", "does not count: ") + words.of(risk.lapsed), "red") if risk.lapsed else Cell(words("生效", "counts"), "green")
        elif rule:
            said, names, why, state = "—", rule.by, words.of(rule.why), Cell(words("建议，待核定", "a proposal"), "gray")
        else:
            continue
        others = words.joined([unit(dossier, by_id[name]) for name in names if name in by_id])
        rows.append((unit(dossier, by_id[risk.item]), others, why, said, level(words, risk.found), level(words, risk.level), state))
    return Table(columns, tuple(rows), (12, 18, 30, 9, 8, 8, 15), words("整体测评", "Overall assessment")) if rows else None


def exempt(words: Words, dossier: Dossier) -> Table:
    """Exemptions of the object, with their people and days."""
    columns = words.heads(
        "编号|Number", "测评单元|Unit", "原因|Reason", "补偿措施|Compensation", "申请人|Asked by", "审批人|Decided by", "到期|Ends", "状态|State"
    )
    rows = tuple(
        (
            one.id,
            number(dossier, one.item),
            one.reason,
            one.compensation,
            one.requester,
            one.approver or "—",
            words.day(one.expires),
            words(*EXEMPTION_WORDS[one.word(dossier.moment)]),
        )
        for one in dossier.exemptions
    )
    return Table(columns, rows, (13, 11, 20, 22, 9, 9, 10, 8), words("例外", "Exemptions"))


def evidence_index(words: Words, dossier: Dossier) -> Table:
    """Every text that a verdict rests on."""
    columns = words.heads("证据编号|Evidence", "资产|Asset", "内容|Text", "命令|Command", "采集时间|Taken", "解析版本|Parser", "SHA-256|SHA-256")
    rows = tuple((x.id, x.asset, x.kind, x.command, words.time(x.taken), x.parser, x.sha256) for x in dossier.exhibits)
    return Table(columns, rows, (13, 12, 12, 20, 13, 6, 24), words("证据索引", "Evidence"))


def assets(words: Words, dossier: Dossier) -> Table:
    """The assets in scope."""
    columns = words.heads("编号|Id", "名称|Name", "类别|Kind", "地址|Address", "位置|Place", "责任人|Owner", "检查|Checks")
    judged = {body["asset"] for body in dossier.verdicts}
    rows = tuple(
        (
            a.id,
            a.name or a.id,
            a.kind,
            a.address or "—",
            " ".join(p for p in (a.site, a.room) if p) or "—",
            a.owner or "—",
            words("有", "yes") if a.id in judged else words("无", "none"),
        )
        for a in dossier.assets
    )
    return Table(columns, rows, (16, 24, 10, 16, 18, 8, 8), words("资产", "Assets"))


def on_assets(words: Words, dossier: Dossier, *, gaps_only: bool) -> Table:
    """Results item by item on each asset (单项测评结果); with ``gaps_only`` without what conforms or does not apply."""
    columns = words.heads("资产|Asset", "测评单元|Unit", "要求项|Requirement", "检查|Checks", "结果记录|Record", "符合情况|Result")
    by_asset: dict[str, list[Body]] = {}
    for body in dossier.verdicts:
        by_asset.setdefault(body["asset"], []).append(body)
    quiet = {Conformity.CONFORMS, Conformity.NOT_APPLICABLE}
    rows: list[tuple[Value, ...]] = []
    for asset, bodies in sorted(by_asset.items()):
        found = failing(bodies)
        for item in dossier.items:
            result = dossier.by_asset[item.id].get(asset)
            if result is None or (gaps_only and (result.proposed or result.conformity) in quiet):
                continue
            text = record(words, result, found.get(item.id, []))
            rows.append(
                (whom(words, asset), unit(dossier, item), words(item.zh, item.en), ", ".join(result.checks), text, conformity(words, result.conformity))
            )
    return Table(columns, tuple(rows), (12, 11, 22, 16, 29, 10), words("各资产结果", "By asset"))


def old_layers(words: Words, dossier: Dossier) -> Table | None:
    """The five technical layers of 2008; none for another framework."""
    found = by_old_layers(dossier)
    columns = words.heads("层面|Layer", "控制点|Control point", "符合/总数|Met/all", "结果|Result", "2019 版测评单元|Units of 2019")
    number = {one.item.id: one.number for one in units_of(dossier)}
    rows = tuple(
        (
            words(one.layer.zh, one.layer.en),
            words(one.point.zh, one.point.en),
            f"{sum(result.conformity is Conformity.CONFORMS for result in one.items)}/{len(one.items)}",
            conformity(words, one.conformity),
            words.joined([number[result.item] for result in one.items], 12),
        )
        for one in found
    )
    return Table(columns, rows, (18, 20, 10, 12, 40), words("2008 五层面", "Layers of 2008")) if rows else None


def units(words: Words, dossier: Dossier) -> Table:
    """The units of GB/T 28448, as the assessor's record of results has them."""
    columns = words.heads("测评单元|Unit", "控制点|Control point", "测评指标|Requirement", "测评对象|Looked at", "方法|How", "结果记录|Record", "结果|Result")
    found = failing(dossier.verdicts)
    rows = tuple(
        (
            one.number + ("*" if one.inferred else ""),
            words(one.item.control_point, one.item.control_point_en),
            words(one.item.zh, one.item.en),
            words.of(examined(one.item)),
            words.of(methods(one.item)),
            "\n".join([record(words, one.result, found.get(one.item.id, [])), *_said(words, dossier, one.item)]),
            conformity(words, one.result.conformity),
        )
        for one in units_of(dossier)
    )
    return Table(columns, rows, (12, 11, 21, 13, 8, 26, 9), words("测评单元", "Units"))


def answers(words: Words, dossier: Dossier) -> Table:
    """What people decided, with reason and end."""
    columns = words.heads("测评单元|Unit", "资产|Asset", "结论|Result", "核定人|By", "时间|Time", "依据|Reason", "有效期至|Until")
    asked = {item.id for item in dossier.items}
    rows = tuple(
        (number(dossier, a.item), a.asset or "—", conformity(words, a.conformity), a.who, words.time(a.time), a.comment, words.day(a.expires))
        for a in sorted(dossier.answers, key=lambda one: (one.item, one.asset))
        if a.item in asked
    )
    return Table(columns, rows, (13, 10, 11, 9, 14, 33, 10), words("人工核定", "Decisions"))
