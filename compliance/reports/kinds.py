"""The reports: self-assessment, rectification plan, summary for the management, statement of applicability, results by unit. Pure: dossier -> content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from compliance.check import Text
from compliance.dossier import Dossier
from compliance.evidence import FIRST
from compliance.exemptions import ending
from compliance.framework import Item
from compliance.objects import Progress, horizon
from compliance.remedies import DAYS
from compliance.reports import parts
from compliance.reports.content import Block, Break, Cell, Content, Facts, Heading, Language, Para, Table, Value, Words
from compliance.reports.facts import facts
from compliance.risk import Level, Risk, counted
from compliance.rollup import Conformity
from compliance.scoring import load_schemes
from compliance.views import units as units_of
from compliance.whatif import Work, cheapest, load_efforts, works

MOST_ROWS: Final = 500
DUE: Final[Mapping[Level, timedelta]] = {level: timedelta(days=days) for level, days in DAYS.items()}
"""Proposed days to close a gap, from the day of the report."""
STATEMENT: Final = Text(
    zh="本报告由望楼根据监测数据和人工核定结果生成，供自查和迎检使用，不替代具备资质的测评机构出具的等级测评报告。要求项为释义，以标准正式文本为准。"
    "每个结论所依据的原始输出均在证据索引中列出，可用证据包内的独立校验程序核对。",
    en="This report was made by Wanglou from telemetry and from what people decided. It serves the self-check and the preparation of an "
    "assessment and does not replace the report of a licensed assessor. Requirements are paraphrased; the printed standards decide. Every raw "
    "text behind a result stands in the evidence index and can be checked with the stand-alone program in the evidence package.",
)
OF_A_SITE: Final = Text(
    zh="本报告由望楼根据监测数据和人工核定结果生成，供自查使用。依据由本单位自行导入的要求集，其内容和判定由本单位负责。",
    en="This report was made by Wanglou from telemetry and from what people decided, for the self-check. It rests on requirements that the site brought along "
    "and answers for.",
)
TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "assessment": ("网络安全等级保护自评估报告", "Graded protection self-assessment report"),
    "rectification": ("网络安全等级保护整改计划", "Graded protection rectification plan"),
    "summary": ("网络安全等级保护管理摘要", "Graded protection summary for the management"),
    "applicability": ("网络安全等级保护适用性声明", "Graded protection statement of applicability"),
    "units": ("网络安全等级保护测评单元结果记录", "Graded protection results by assessment unit"),
}
OTHER_TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "assessment": ("自评估报告", "self-assessment report"),
    "rectification": ("整改计划", "rectification plan"),
    "summary": ("管理摘要", "summary for the management"),
    "applicability": ("适用性声明", "statement of applicability"),
    "units": ("要求项结果记录", "results by requirement"),
}
"""Of frameworks of a site, after the framework's name."""


def make(kind: str, dossier: Dossier, language: Language, *, whole: bool) -> Content:
    """A report as content; ``whole``: every row however many (Excel), else long tables keep to what is not met and are cut, and say so."""
    words = Words(language, dossier.zone)
    blocks = _KINDS[kind](words, dossier, whole)
    return Content(
        title=title_of(words, kind, dossier),
        subject=dossier.subject.name,
        language=language,
        cover=_cover(words, dossier),
        blocks=tuple(blocks if whole else (_cut(words, block) for block in blocks)),
        mark=mark(words, dossier),
        made=dossier.made,
        kind=kind,
        data=facts(words, dossier),
    )


def title_of(words: Words, kind: str, dossier: Dossier) -> str:
    """The title: of graded protection, or of the site's framework."""
    if dossier.framework.is_mlps:
        return words(*TITLES[kind])
    return words("", " ").join((words.of(dossier.framework.name), words(*OTHER_TITLES[kind])))


def mark(words: Words, dossier: Dossier) -> str:
    """What stands on every page: the marking, the state's time and the head of the evidence chain."""
    seq, digest = dossier.head
    head = f"{seq}:{digest[:16]}" if digest != FIRST else "—"
    label = f"{dossier.subject.label}　" if dossier.subject.label else ""
    return label + words(f"状态时间 {words.time(dossier.moment)}　证据链头 {head}", f"state of {words.time(dossier.moment)}, head of the evidence chain {head}")


def _cover(words: Words, dossier: Dossier) -> tuple[tuple[str, str], ...]:
    one = dossier.subject
    seq, digest = dossier.head
    return (
        *(((words("密级标识", "Marking"), one.label),) if one.label else ()),
        (words("定级对象", "Object"), one.name),
        (words("安全保护等级", "Grade"), words(f"第{one.grade.level}级（{one.grade_text}）", f"level {one.grade.level} ({one.grade_text})")),
        (words("备案证明编号", "Filing number"), one.filing_number or "—"),
        (words("依据标准", "Standards"), dossier.framework.standard + (", GB/T 28448-2019" if dossier.framework.is_mlps else "")),
        (words("评分方案", "Scheme"), words.of(load_schemes()[dossier.scheme].title)),
        (words("状态时间", "State of"), words.time(dossier.moment)),
        (words("生成时间", "Made"), words.time(dossier.made)),
        (words("证据链头", "Evidence chain"), f"{seq} · {digest}"),
    )


def _cut(words: Words, block: Block) -> Block:
    if not isinstance(block, Table) or len(block.rows) <= MOST_ROWS:
        return block
    rest = len(block.rows) - MOST_ROWS
    more: tuple[Value, ...] = (words(f"另有 {rest} 行，见 Excel 版", f"{rest} more rows: see the Excel edition"), *([""] * (len(block.columns) - 1)))
    return Table(block.columns, (*block.rows[:MOST_ROWS], more), block.widths, block.sheet)


def _conclusion(words: Words, dossier: Dossier) -> list[Block]:
    score, left, found = dossier.score, counted(dossier.risks), sum(risk.found is Level.HIGH for risk in dossier.risks)
    unknown = dossier.conforming(Conformity.UNKNOWN)
    figure = words("符合率", "Rate of conformity") if load_schemes()[dossier.scheme].method == "rate" else words("综合得分", "Score")
    unit = " %" if load_schemes()[dossier.scheme].method == "rate" else ""
    rows: list[tuple[str, Value]] = [
        (words("结论", "Conclusion"), words.of(score.conclusion)),
        (figure, f"{score.figure:.2f}{unit}"),
        (words("待核实项全部符合时", "If everything unverified conforms"), f"{score.best:.2f}{unit}"),
        *((words.of(word.text), str(dossier.conforming(word))) for word in Conformity),
        (words("重大风险隐患", "Major hidden risks"), str(left.major)),
        (words("高风险问题", "High risks"), words(f"{left.high}（修正前 {found}）", f"{left.high} ({found} before compensation)")),
        (words("中风险问题", "Medium risks"), str(left.medium)),
    ]
    blocks: list[Block] = [Facts(tuple(rows))]
    if unknown:
        text = words(
            f"还有 {unknown} 项待核实，本结论不是最终结论；待核实项按不符合计。",
            f"{unknown} items are not verified yet and count as not met: this conclusion is not final.",
        )
        blocks.append(Para(text, strong=True))
    if dossier.is_dark:
        text = words(
            "该日期前两天内没有采集记录，以下为最后一次已知状态。", "Nothing was noted in the two days before this date: what follows is the last known state."
        )
        blocks.append(Para(text, strong=True))
    return blocks


def _statement(words: Words, dossier: Dossier) -> Para:
    return Para(words.of(STATEMENT if dossier.framework.is_mlps else OF_A_SITE))


def _assessment(words: Words, dossier: Dossier, whole: bool) -> list[Block]:
    blocks: list[Block] = [
        Heading(words("声明", "Statement"), 2),
        _statement(words, dossier),
        Heading(words("评估结论", "Conclusion"), 2),
        *_conclusion(words, dossier),
    ]
    blocks += [Heading(words("主要安全问题", "Main problems"), 2), *_main_problems(words, dossier), Break()]
    blocks += [Heading(words("1 定级对象", "1 The object")), parts.basics(words, dossier), parts.work(words, dossier)]
    blocks += [
        Heading(words("2 单元测评结果汇总", "2 Results by layer and control point")),
        parts.layers(words, dossier),
        parts.points(words, dossier),
        Break(),
    ]
    blocks += [Heading(words("3 单项测评结果", "3 Results item by item")), *_by_layer(words, dossier), Break()]
    blocks += [Heading(words("4 整体测评与补偿措施", "4 Overall assessment and compensation"))]
    made_up = parts.compensated(words, dossier)
    blocks += [made_up or Para(words("没有由其他控制点补偿的问题。", "No gap is made up for by other control points."))]
    blocks += [parts.exempt(words, dossier) if dossier.exemptions else Para(words("没有例外。", "There are no exemptions."))]
    blocks += [Heading(words("5 风险分析", "5 Risk analysis"))]
    blocks += [parts.risks(words, dossier) if dossier.risks else Para(words("没有已知的安全问题。", "No problem is known."))]
    if dossier.standings:
        blocks += [Heading(words("高风险情形逐项核查", "Cases of the high-risk guide"), 2), parts.cases(words, dossier)]
    blocks += [Heading(words("6 整改建议", "6 Advice")), *_advice(words, dossier), Break()]
    blocks += [Heading(words("附录 A 资产", "Appendix A Assets")), _or_none(words, parts.assets(words, dossier))]
    title = words("附录 B 各资产单项结果", "Appendix B Results by asset")
    note = (
        ""
        if whole
        else words("本附录只列不符合、部分符合和待核实的结果，全部结果见 Excel 版。", "What is met is left out here; the Excel edition has every row.")
    )
    blocks += [Heading(title), *([Para(note)] if note else []), _or_none(words, parts.on_assets(words, dossier, gaps_only=not whole))]
    blocks += [Heading(words("附录 C 人工核定", "Appendix C Decisions of people")), _or_none(words, parts.answers(words, dossier))]
    blocks += [Heading(words("附录 D 证据索引", "Appendix D Evidence index")), _or_none(words, parts.evidence_index(words, dossier))]
    if old := parts.old_layers(words, dossier):
        title = words("附录 E 按 GB/T 22239-2008 五个技术层面查看", "Appendix E Seen by the five technical layers of GB/T 22239-2008")
        note = words("供对照旧版报告使用，不参与计分。", "For comparison with old reports; it takes no part in the score.")
        blocks += [Heading(title), Para(note), old]
    return [*blocks, Heading(words("签署", "Signatures"), 2), _signatures(words)]


def _or_none(words: Words, table: Table) -> Block:
    """The table; a word instead of a head without rows."""
    return table if table.rows else Para(words("无。", "There is nothing."))


def _units(words: Words, dossier: Dossier, _whole: bool) -> list[Block]:
    blocks: list[Block] = [Heading(words("声明", "Statement"), 2), _statement(words, dossier), Heading(words("评估结论", "Conclusion"), 2)]
    blocks += [*_conclusion(words, dossier), Break(), Heading(words("测评单元", "Units"), 2), parts.units(words, dossier)]
    if any(one.inferred for one in units_of(dossier)):
        blocks.append(
            Para(
                words(
                    "* 单元编号由条款顺序推定，以标准正式文本为准。",
                    "* The number of the unit follows from the order of the clauses; the printed standard decides.",
                )
            )
        )
    return [*blocks, _signatures(words)]


def _by_layer(words: Words, dossier: Dossier) -> list[Block]:
    blocks: list[Block] = []
    for number, layer in enumerate((one for one in dossier.framework.layers if any(item.layer == one.zh for item in dossier.items)), 1):
        blocks.append(Heading(f"3.{number} {words(layer.zh, layer.en)}", 2))
        name = words(layer.zh, layer.en)
        blocks.append(Table(parts.item_columns(words), parts.item_rows(words, dossier, layer.zh), parts.ITEM_WIDTHS, name))
    return blocks


def _main_problems(words: Words, dossier: Dossier) -> list[Block]:
    grave = [risk for risk in dossier.risks if risk.level is Level.HIGH][:12]
    if not grave:
        return [Para(words("没有高风险问题。", "There is no high risk."))]
    return [Table(*_without_sheet(parts.risks(words, dossier, grave)))]


def _without_sheet(table: Table) -> tuple[tuple[str, ...], tuple[tuple[Value, ...], ...], tuple[int, ...]]:
    return table.columns, table.rows, table.widths


def _signatures(words: Words) -> Table:
    columns = (words("角色", "Role"), words("姓名", "Name"), words("签字", "Signature"), words("日期", "Date"))
    return Table(
        columns, tuple((words(zh, en), "", "", "") for zh, en in (("编制", "Prepared by"), ("审核", "Reviewed by"), ("批准", "Approved by"))), (20, 25, 30, 25)
    )


def _advice(words: Words, dossier: Dossier) -> list[Block]:
    by_id, found = {item.id: item for item in dossier.items}, parts.failing(dossier.verdicts)
    columns = words.heads("测评单元|Unit", "风险|Risk", "整改建议|Measure", "涉及资产|Assets")
    rows = tuple(
        (
            parts.unit(dossier, by_id[risk.item]),
            parts.level(words, risk.level),
            parts.measures(words, by_id[risk.item], found.get(risk.item, [])),
            parts.whose(words, risk.assets, 6) or "—",
        )
        for risk in dossier.risks
    )
    return [Table(columns, rows, (14, 8, 54, 24), words("整改建议", "Advice"))] if rows else [Para(words("无。", "There is nothing."))]


def _rectification(words: Words, dossier: Dossier, _whole: bool) -> list[Block]:
    efforts = load_efforts()
    todo = {work.item: work for work in works(dossier.items, dossier.results, dossier.risks, dossier.verdicts, efforts)}
    rows = [_task(words, dossier, number, risk, todo[risk.item]) for number, risk in enumerate(dossier.risks, 1)]
    columns = words.heads(
        "序号|No.",
        "测评单元|Unit",
        "问题|Problem",
        "风险|Risk",
        "整改措施|Measure",
        "资产|Assets",
        "责任人|Owner",
        "建议完成日期|Due",
        "估计工时|Hours",
        "完成情况|Done",
    )
    plan = Table(columns, tuple(rows), (5, 10, 15, 7, 22, 11, 8, 10, 6, 6), words("整改计划", "Plan"))
    blocks: list[Block] = [Heading(words("现状", "Where we are"), 2), *_conclusion(words, dossier)]
    blocks += [Heading(words("整改任务", "Tasks"), 2), plan if rows else Para(words("没有需要整改的问题。", "There is nothing to mend."))]
    text = words(
        "日期按风险建议（高 30 天、中 90 天、低 180 天），工时为估计，仅用于排序。",
        "Days follow the risk (high 30, medium 90, low 180); hours are estimates that only order the work.",
    )
    return [*blocks, Para(text), Heading(words("最省力的达标路径", "The cheapest way to conformity"), 2), *_way(words, dossier), _signatures(words)]


def _task(words: Words, dossier: Dossier, number: int, risk: Risk, work: Work) -> tuple[Value, ...]:
    item = next(one for one in dossier.items if one.id == risk.item)
    bodies = parts.failing(body for body in dossier.verdicts if body["outcome"] == "fail" and risk.item in body["items"]).get(risk.item, [])
    owners = Counter(asset.owner for asset in dossier.assets if asset.id in risk.assets and asset.owner)
    people = dossier.subject.people
    owner = next(iter(owners), "") or (people.operations if risk.assets else people.security) or people.owner or "—"
    due = words.day(dossier.moment + DUE[risk.level])
    measure, on = parts.measures(words, item, bodies), parts.whose(words, risk.assets, 5) or "—"
    level = parts.level(words, risk.level)
    return (str(number), parts.unit(dossier, item), words(item.zh, item.en), level, measure, on, owner, due, f"{work.hours:g}", "")


def _way(words: Words, dossier: Dossier) -> list[Block]:
    way = cheapest(dossier.items, dossier.results, dossier.risks, dossier.verdicts, dossier.scheme, load_efforts())
    by_id = {item.id: item for item in dossier.items}
    verify = sum(work.verify for work in way.works)
    count, hours, figure, end = len(way.works), f"{way.hours:g}", f"{way.after.figure:.2f}", way.after.conclusion
    reached = words(
        f"完成以下 {count} 项（其中 {verify} 项须先核实且结果符合），估计 {hours} 工时，得到 {figure}，结论：{end.zh}。",
        f"The {count} items below ({verify} of them if they turn out to conform), about {hours} hours, give {figure}: {end.en}.",
    )
    if not way.works:
        return [Para(words("已经达到目标结论。", "The conclusion is reached already."))]
    columns = words.heads("顺序|Order", "测评单元|Unit", "要求项|Requirement", "方式|How", "工时|Hours", "完成后|Then")
    rows = tuple(
        (
            str(number),
            parts.unit(dossier, by_id[work.item]),
            words(by_id[work.item].zh, by_id[work.item].en),
            words("必须消除的风险", "a risk that must go") if work.must else words("核实", "verify") if work.verify else words("整改", "mend"),
            f"{work.hours:g}",
            f"{work.figure:.2f}",
        )
        for number, work in enumerate(way.works, 1)
    )
    return [Para(reached), Table(columns, rows, (8, 14, 44, 16, 8, 10), words("达标路径", "Way"))]


def _summary(words: Words, dossier: Dossier, _whole: bool) -> list[Block]:
    blocks: list[Block] = [
        Heading(words("结论", "Conclusion"), 2),
        *_conclusion(words, dossier),
        Heading(words("各层面", "Layers"), 2),
        parts.layers(words, dossier),
    ]
    grave = [risk for risk in dossier.risks if risk.level is Level.HIGH]
    blocks.append(Heading(words(f"高风险问题（{len(grave)}）", f"High risks ({len(grave)})"), 2))
    blocks += _main_problems(words, dossier)
    way = cheapest(dossier.items, dossier.results, dossier.risks, dossier.verdicts, dossier.scheme, load_efforts())
    blocks.append(Heading(words("下一步", "What comes next"), 2))
    text = words(
        f"按最省力路径需完成 {len(way.works)} 项工作，估计 {way.hours:g} 工时，可得 {way.after.figure:.2f}（{way.after.conclusion.zh}）。",
        f"The cheapest way has {len(way.works)} pieces of work, about {way.hours:g} hours, and leads to {way.after.figure:.2f} ({way.after.conclusion.en}).",
    )
    blocks.append(Para(text))
    due = [pair for pair in horizon([dossier.subject], dossier.moment.astimezone(dossier.zone).date()) if pair[1].progress in (Progress.OVERDUE, Progress.SOON)]
    if due:
        rows = tuple(
            (words.of(step.title), words.day(step.due), Cell(words(*parts.PROGRESS[step.progress][:2]), parts.PROGRESS[step.progress][2])) for _, step in due
        )
        blocks.append(Table((words("临近日期", "Dates"), words("期限", "Due"), words("状态", "State")), rows, (50, 25, 25)))
    if soon := ending(dossier.exemptions, dossier.moment):
        blocks.append(Para(words(f"{len(soon)} 个例外将在 30 天内到期。", f"{len(soon)} exemptions end within 30 days.")))
    return blocks


def _applicability(words: Words, dossier: Dossier, _whole: bool) -> list[Block]:
    asked = {item.id for item in dossier.items}
    scopes = {"general", *dossier.subject.extensions}
    columns = words.heads("条款|Clause", "要求项|Requirement", "是否适用|Applies", "理由|Why", "判定方式|Decided by", "符合情况|Result")
    rows = tuple(
        _applies(words, dossier, item, asked=item.id in asked)
        for item in dossier.framework.items
        if item.scope in scopes and (item.id in asked or not item.variant_of)
    )
    left = [words(*parts.EXTENSIONS[name]) for name in parts.EXTENSIONS if name not in dossier.subject.extensions]
    unused = words.joined(left)
    text = _chosen(words, dossier, unused) if dossier.framework.is_mlps else words.of(dossier.framework.name)
    return [Para(text), parts.basics(words, dossier), Table(columns, rows, (14, 34, 8, 22, 12, 10), words("适用性", "Applicability")), _signatures(words)]


def _chosen(words: Words, dossier: Dossier, unused: str) -> str:
    one = dossier.subject
    return words(
        f"按 {one.grade_text} 选取：S 类要求第 {one.s} 级，A 类要求第 {one.a} 级，G 类要求第 {one.grade.level} 级。未采用的扩展要求：{unused or '无'}。",
        f"By {one.grade_text}: S items of level {one.s}, A items of level {one.a}, G items of level {one.grade.level}. Without: {unused or 'no extension'}.",
    )


def _applies(words: Words, dossier: Dossier, item: Item, *, asked: bool) -> tuple[Value, ...]:
    if not asked:
        at = ", ".join(map(str, item.levels))
        why = words(f"该项属于第 {at} 级", f"asked at level {at}")
        return (next(iter(item.clauses.values()), item.id), words(item.zh, item.en), Cell(words("否", "no"), "gray"), why, "—", "—")
    result = dossier.results[item.id]
    how = {"officer": words("人工核定", "a person"), "nobody": words("待人工回答", "a person, not answered")}.get(result.by, words("监测", "telemetry"))
    if result.conformity is Conformity.NOT_APPLICABLE:
        return (parts.clause(dossier, item), words(item.zh, item.en), Cell(words("否", "no"), "gray"), words.of(result.reason), how, "—")
    why = words(
        f"第 {dossier.subject.grade.level_of(item)} 级 {item.attribute} 类要求", f"{item.attribute} item of level {dossier.subject.grade.level_of(item)}"
    )
    return (parts.clause(dossier, item), words(item.zh, item.en), words("是", "yes"), why, how, parts.conformity(words, result.conformity))


_KINDS: Final[Mapping[str, Callable[[Words, Dossier, bool], list[Block]]]] = {
    "assessment": _assessment,
    "rectification": _rectification,
    "summary": _summary,
    "applicability": _applicability,
    "units": _units,
}
