"""The report on detection of a span: what was alarmed, what people said of it, what was proposed and decided, what test faults showed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from compliance.reports.content import Block, Cell, Content, Facts, Heading, Para, Table, Value, Words
from store.base import Body

KIND: Final = "detection"
MOST_ROWS: Final = 60
Pairs = Mapping[str, tuple[str, str]]
TITLE: Final = ("检测质量", "Detection quality")
DETECTORS: Final[Pairs] = {
    "threshold": ("阈值", "limits"),
    "count": ("事件计数", "counted events"),
    "distinct": ("不同取值计数", "different values"),
    "sequence": ("先后发生", "one after another"),
    "absence": ("静默", "silence"),
    "result": ("自身检查", "own checks"),
    "external": ("外部来源", "from outside"),
    "compliance": ("合规检查", "compliance"),
    "self": ("系统自身", "the product itself"),
    "baseline": ("单序列基线", "single series"),
    "change": ("水平突变", "change of level"),
    "expiry": ("到期日期", "dates"),
    "forecast": ("趋势预测", "forecast"),
    "host": ("主机整体", "whole host"),
    "logs": ("日志种类", "kinds of log lines"),
    "rates": ("事件速率", "rate of events"),
    "no_data": ("数据缺失", "missing data"),
    "rate": ("变化速度", "speed of change"),
    "other": ("其他", "other"),
}
KEYS: Final[Pairs] = {
    "for": ("持续时间", "hold"),
    "above": ("上限", "limit above"),
    "below": ("下限", "limit below"),
    "clear_below": ("恢复低于", "over below"),
    "clear_above": ("恢复高于", "over above"),
    "at_least": ("至少次数", "at least"),
    "within": ("允许静默", "silence allowed"),
}
DECISIONS: Final[Pairs] = {
    "proposed": ("建议中", "proposed"),
    "accepted": ("生效中", "in force"),
    "declined": ("已拒绝", "declined"),
    "withdrawn": ("已撤回", "taken back"),
}
FAULTS: Final[Pairs] = {
    "all": ("合计", "all together"),
    "step": ("突升", "step up"),
    "drop": ("突降", "step down"),
    "drift": ("缓慢漂移", "slow drift"),
    "spike": ("六分钟尖峰", "spike of six minutes"),
    "restless": ("剧烈波动", "unrest"),
}
EMPTY: Final[Mapping[str, Any]] = {
    "alarms": 0, "a_week": 0.0, "useful": 0, "false": 0, "known": 0, "precision": None, "low": 0.0, "high": 1.0, "false_a_week": None, "brief": 0,
    "assets": 0, "noisy": False,
}  # fmt: skip


def content(span: str, body: Body, tested: Body | None, decided: Sequence[Body], words: Words, now: datetime) -> Content:
    """``body`` holds the figures, ``tested`` the last test faults of the span, ``decided`` the proposals made or decided in it."""
    total = body["total"]
    cover = (
        (words("时段", "Span"), span),
        (words("告警数", "alarms"), str(total["alarms"]) if total else "0"),
        (words("评价", "judged"), str(total["judged"]) if total else "0"),
        (words("准确率", "precision"), share(total["precision"]) if total else "–"),
    )
    return Content(
        title=words(*TITLE),
        subject=span,
        language=words.language,
        cover=cover,
        blocks=tuple(_blocks(body, tested, decided, words)),
        mark=f"{span} · {words.time(datetime.fromisoformat(body['updated']))}",
        made=now,
        kind=KIND,
        data={"figures": body, "tested": tested, "decided": list(decided)},
    )


def named(table: Pairs, key: str, words: Words) -> str:
    """The words of a key, or the key itself."""
    return words(*table[key]) if key in table else key


def share(value: float | None) -> str:
    """A share in percent, a dash when nothing was judged."""
    return "–" if value is None else f"{value:.0%}"


def row(body: Mapping[str, Any], name: str, words: Words) -> dict[str, Any]:
    """One line of a table of figures."""
    precision = body["precision"]
    return {
        words("名称", "name"): name,
        words("告警数", "alarms"): body["alarms"],
        words("每周", "a week"): f"{body['a_week']:.1f}",
        words("有用", "useful"): body["useful"],
        words("误报", "false"): body["false"],
        words("已知", "known"): body["known"],
        words("准确率", "precision"): "–" if precision is None else f"{precision:.0%} ({body['low']:.0%}–{body['high']:.0%})",
        words("每周误报", "false a week"): "–" if body["false_a_week"] is None else f"{body['false_a_week']:.1f}",
        words("五分钟内结束", "over in 5 min"): body["brief"],
        words("资产数", "assets"): body["assets"],
        words("嘈杂", "noisy"): "●" if body["noisy"] else "",
    }


def changes(body: Body, words: Words) -> str:
    """What would change, such as hold 5 min → 10 min."""
    return ", ".join(
        f"{named(KEYS, key, words)} {_value(key, body['was'].get(key), words)} → {_value(key, value, words)}" for key, value in sorted(body["set"].items())
    )


def _value(key: str, value: float | None, words: Words) -> str:
    if value is None:
        return "–"
    return _span(value, words) if key in ("for", "within") else f"{value:,.6g}"


def _span(seconds: float, words: Words) -> str:
    for unit, zh, en in ((86400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds // unit:.0f} {words(zh, en)}"
    return f"{seconds:.0f} {words('秒', 's')}"


def effect(body: Body, words: Words) -> str:
    """What it would have done, in one sentence."""
    told = body["effect"]
    before, removed, false, lost, useful = (told[key] for key in ("before", "removed", "removed_false", "lost_useful", "useful"))
    text = words(
        f"最近 30 天的 {before} 次告警中有 {removed} 次不会发生：其中 {false} 次被评为误报，{useful} 次有用告警中丢失 {lost} 次。",
        f"In the last 30 days {removed} of {before} alarms would not have come: {false} judged false, {lost} of {useful} judged useful.",
    )
    later = _span(told["later_s"], words)
    text += words(f"其余告警将推迟 {later}。", f" The others would have come {later} later.") if told["later_s"] else ""
    seen, every = body["series"], body["all_series"]
    return text + (words(f"已分析 {every} 条序列中的 {seen} 条。", f" Looked at: {seen} of {every} series.") if seen < every else "")


def found(body: Mapping[str, Any], words: Words) -> str:
    """How many test faults were told, and how soon."""
    if not body["cases"]:
        return "–"
    soon = words(f"，中位发现时间 {body['minutes']} 分钟", f", in the median after {body['minutes']} min") if body["minutes"] is not None else ""
    return f"{body['found']} / {body['cases']} ({share(body['recall'])})" + soon


def _blocks(body: Body, tested: Body | None, decided: Sequence[Body], words: Words) -> Iterator[Block]:
    yield Para(
        words(
            "准确率 = 有用 ÷（有用 + 误报），已知告警不计入；括号内为 90 % 置信区间。",
            "Precision is useful among useful and false alarms; known ones count neither way. In brackets the interval that holds it with 90 %.",
        )
    )
    for key, zh, en in (("by_detector", "按检测器", "By detector"), ("by_rule", "按规则", "By rule"), ("by_group", "按资产类型", "By kind of asset")):
        yield Heading(words(zh, en))
        yield _figures(body[key][:MOST_ROWS], words(zh, en), DETECTORS if key == "by_detector" else {}, words)
    yield Heading(words("嘈杂规则", "Noisy rules"))
    noisy = [row["name"] for row in body["by_rule"] if row["noisy"]]
    yield Para(words.joined(noisy, len(noisy)) if noisy else words("无。", "None."))
    yield Heading(words("调优建议", "Proposals"))
    yield _proposals(decided, words) if decided else Para(words("无。", "None."))
    yield Heading(words("测试故障", "Test faults"))
    yield from _tested(tested, words)


def _figures(rows: Sequence[Mapping[str, Any]], sheet: str, names: Pairs, words: Words) -> Table:
    columns = tuple(row(EMPTY, "", words))
    shown = [(one["noisy"], row(one, named(names, one["name"], words), words)) for one in rows]
    lines: tuple[tuple[Value, ...], ...] = tuple(
        (*(str(value) for value in list(line.values())[:-1]), Cell(line[columns[-1]], "red" if noisy else "")) for noisy, line in shown
    )
    return Table(columns, lines, (24, 8, 8, 7, 7, 7, 16, 8, 8, 7, 6), sheet)


def _proposals(decided: Sequence[Body], words: Words) -> Table:
    return Table(
        words.heads("规则|rule", "变更|change", "对历史的影响|effect on the past", "决定|decision", "操作人|who", "时间|time"),
        tuple(
            (
                str(body["rule"]),
                changes(body, words),
                effect(body, words),
                named(DECISIONS, body["state"], words),
                str(body["by"]),
                words.time(moment_of(body)),
            )
            for body in decided
        ),
        (14, 18, 36, 10, 10, 12),
    )


def moment_of(proposal: Body) -> datetime:
    """When it was decided, or made while nobody has."""
    return datetime.fromisoformat(proposal["decided"] or proposal["proposed"])


def _tested(tested: Body | None, words: Words) -> Iterator[Block]:
    if tested is None:
        yield Para(words("该时段未做测试。", "No test was made in this span."))
        return
    series = tested["series"]
    yield Para(
        words(
            f"在 {series} 条历史序列的副本上叠加故障，不产生任何告警；统计两小时内本应发现的数量。",
            f"Faults were laid over copies of {series} stored series; nothing was raised. Counted is what would have been told within two hours.",
        )
    )
    yield Facts(tuple((named(FAULTS, kind, words), found(one, words)) for kind, one in tested["by_fault"].items()))


def span_title(begin: datetime, end: datetime) -> str:
    """2026-03 for a month, else the first and the last day."""
    last = (end - timedelta(days=1)).date()
    is_month = begin.day == 1 and (begin.year, begin.month) == (last.year, last.month) and end.day == 1
    return f"{begin:%Y-%m}" if is_month else f"{begin.date()} – {last}" if last > begin.date() else str(last)
