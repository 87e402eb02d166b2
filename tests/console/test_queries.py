from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from console import i18n
from console.desk import Desk
from console.queries import assets, cases, charts, evidence, graphs, health, mutes, now, times
from console.queries.search import quoted, read_query
from console.text import cell, plain, shorten
from core.names import HEALTH, INCIDENT, MUTE
from inventory.asset import Asset
from inventory.book import Book
from store.base import Series
from store.filter import EVERYTHING, And, Exists, Filter, Match, Not, Or, Prefix, Term
from tests.console.seed import incident

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", EVERYTHING),
        ("   ", EVERYTHING),
        ("failed", Match("message", "failed")),
        ('"signal 11"', Match("message", "signal 11", phrase=True)),
        ("asset:core-1", Term("asset.id", "core-1")),
        ("资产：core-1", Term("asset.id", "core-1")),
        ('process.name:"my program"', Term("process.name", "my program")),
        ("source.ip:10.0.*", Prefix("source.ip", "10.0.")),
        ("user.name:*", Exists("user.name")),
        ("-kind:syslog", Not(Term("event.kind", "syslog"))),
        ("a b", And((Match("message", "a"), Match("message", "b")))),
        ("a OR b c", And((Or((Match("message", "a"), Match("message", "b"))), Match("message", "c")))),
        ("port:22", Or((Term("port", "22"), Term("port", 22)))),
        ("OR", Match("message", "OR")),
    ],
)
def test_what_is_typed_becomes_this_filter(text: str, expected: Filter) -> None:
    assert read_query(text) == expected


@pytest.mark.parametrize("text", ['"', ":", "a:", ':"', "(((", "OR OR", "\\", "%' OR 1=1 --", "𠮷" * 2000, "-", '--"'])
def test_nothing_that_is_typed_is_an_error(text: str, here: Desk) -> None:
    assert here.store.events.count(read_query(text), NOW - timedelta(hours=1), NOW) == 0


def test_a_click_on_a_facet_finds_exactly_its_value(filled: Desk) -> None:
    since, until = filled.now() - timedelta(days=1), filled.now()
    for field in ("event.kind", "asset.id", "process.name", "source.ip"):
        for value, count in filled.store.events.top(EVERYTHING, since, until, field):
            assert filled.store.events.count(read_query(quoted(field, value)), since, until) == count


def test_chinese_words_are_found(filled: Desk) -> None:
    assert filled.store.events.count(read_query("磁盘空间"), filled.now() - timedelta(days=1), filled.now()) == 60


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (125, "2 min"), (7200, "2 h"), (7500, "2 h 5 min"), (86_400, "1 d"), (90_000, "1 d 1 h"), (-5, "0 s")]
)
def test_spans_are_said_in_one_or_two_units(seconds: int, text: str) -> None:
    assert times.span(timedelta(seconds=seconds)) == text


def test_times_are_the_sites_and_say_how_long_ago() -> None:
    assert times.clock(NOW, SHANGHAI) == "2026-03-02 09:00:00"
    assert times.clock(NOW, SHANGHAI, NOW) == "09:00:00"
    assert times.ago(NOW - timedelta(minutes=12), NOW) == "12 min ago"
    assert times.ago(NOW + timedelta(hours=2), NOW) == "in 2 h"
    i18n.speak("zh_CN")
    assert times.ago(NOW - timedelta(minutes=12), NOW) == "12 分钟前"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "[a](http://x)", "**b**", "$x$", ":material/x:", "`c`", "![i](x)", "a\nb", "&lt;"])
def test_collected_text_cannot_be_markdown(text: str) -> None:
    made = plain(text)
    for character in "<[*$`!&":
        assert all(made[max(0, index - 1)] == "\\" for index, found in enumerate(made) if found == character)
    assert "\n" not in made


def test_long_names_are_cut_in_the_middle() -> None:
    assert shorten("a" * 50 + "z" * 50, 20) == "a" * 12 + "…" + "z" * 7
    assert shorten("short", 20) == "short"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_exported_cell_is_a_formula(text: str) -> None:
    assert cell(text) == "'" + text
    assert cell("a" + text) == "a" + text


def test_gaps_stay_gaps_and_sparse_series_stay_lines() -> None:
    dense = [(NOW + timedelta(minutes=m), 1.0) for m in (0, 1, 2, 3, 10, 11)]
    made = charts.with_gaps(dense, timedelta(minutes=1), SHANGHAI)
    assert [row[1] for row in made] == [1.0, 1.0, 1.0, 1.0, None, 1.0, 1.0]
    sparse = [(NOW + timedelta(minutes=5 * m), 1.0) for m in range(6)]
    assert len(charts.with_gaps(sparse, timedelta(minutes=1), SHANGHAI)) == 6
    assert charts.with_gaps([], timedelta(minutes=1), SHANGHAI) == []


def test_the_time_axis_is_the_sites() -> None:
    ((at, _value),) = charts.with_gaps([(NOW, 1.0)], timedelta(minutes=1), SHANGHAI)
    assert at is not None
    assert datetime.fromtimestamp(at / 1000, UTC).hour == 9


@pytest.mark.parametrize("length", [timedelta(minutes=15), timedelta(hours=1), timedelta(days=1), timedelta(days=30), timedelta(days=400)])
def test_no_chart_asks_for_more_than_its_points(length: timedelta) -> None:
    assert length / charts.step_for(length) <= max(charts.POINTS, 400)


def test_the_week_before_lies_under_today() -> None:
    today = Series(metric="m", asset="a", labels={"mountpoint": "/"}, points=((NOW, 5.0),))
    before = Series(metric="m", asset="a", labels={"mountpoint": "/"}, points=((NOW - charts.WEEK, 3.0),))
    spec = charts.line_chart([today], since=NOW - timedelta(hours=1), until=NOW, zone=SHANGHAI, unit="%", compared=[before])
    first, second = spec["series"]
    assert first["data"][0][0] == second["data"][0][0]
    assert second["lineStyle"]["type"] == "dashed"
    assert first["itemStyle"] == second["itemStyle"]
    assert "a week earlier" in second["name"]


def test_the_expected_band_and_the_moment_of_detection_are_drawn() -> None:
    series = Series(metric="m", asset="a", labels={}, points=((NOW, 97.0),))
    band = charts.Band(low=12, high=38, at=NOW)
    spec = charts.line_chart([series], since=NOW - timedelta(hours=1), until=NOW, zone=SHANGHAI, unit="%", band=band)
    (line,) = spec["series"]
    assert line["markArea"]["data"] == [[{"yAxis": 12}, {"yAxis": 38}]]
    assert line["markLine"]["data"][0]["xAxis"] == line["data"][0][0]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(None, "", "–"), (1234567.0, "", "1,234,567"), (12.345, "%", "12.3%"), (1536.0, "B", "1.5 KB"), (0.0042, "s", "0.00 s"), (5.0, "d", "5 d")],
)
def test_numbers_have_units_and_sensible_digits(value: float | None, unit: str, text: str) -> None:
    assert charts.number(value, unit) == text


def case(number: int = 0, **changes: Any) -> cases.Case:
    return cases.case_of({**incident(number, "server-000", NOW), **changes})


def test_what_waits_for_me_is_breached_first_then_mine_or_nobodys() -> None:
    breached, mine = case(1), case(2, id="mine", state="acknowledged", owner="li")
    others, done = case(0, id="others", state="acknowledged", owner="wang"), case(0, id="done", state="resolved")
    grave = case(0, id="grave")
    waiting = cases.needing([grave, others, mine, breached], "li")
    assert [one.id for one in waiting] == [breached.id, "grave", "mine"]
    assert not done.is_live


def test_an_asset_shows_the_gravest_that_fires_and_muted_ones_as_muted() -> None:
    grave, mild = case(0), case(2)
    assert cases.worst_by_asset([mild, grave]) == {"server-000": "critical"}
    held = case(0, members=[{**grave.members[0].body, "held_by": "silence"}])
    assert cases.worst_by_asset([held]) == {"server-000": "muted"}


def test_a_body_that_says_little_is_still_a_case() -> None:
    bare = cases.case_of({"id": "i1", "title": "plain text"})
    assert (bare.title, bare.members, bare.is_live, bare.is_breached) == ("plain text", (), True, False)


def test_an_asset_without_data_is_unknown_and_a_failing_one_is_not_good(filled: Desk) -> None:
    seen = assets.last_seen(filled.store, filled.now())
    found = {line.asset.id: line.state for line in assets.lines(filled.estate.assets().values(), [], seen)}
    assert found["server-000"] == "good"
    assert found["server-002"] == "warning"
    assert found["switch-007"] == "good"
    assert found["database-011"] == "unknown"


def test_the_worst_assets_come_first_and_words_and_fields_narrow(filled: Desk) -> None:
    every = assets.lines(filled.estate.assets().values(), cases.live_cases(filled.store), assets.last_seen(filled.store, filled.now()))
    assert [line.state for line in every[:3]] == ["critical", "high", "warning"]
    assert {line.asset.kind for line in assets.search(every, "kind:switch")} == {"switch"}
    assert [line.asset.id for line in assets.search(every, "核心交换机")] == ["switch-001"]
    assert assets.search(every, "kind:switch site:nowhere") == []
    assert dict(assets.facets(every, "site")) == {"hq": 8, "branch": 4}
    assert len(assets.narrow(every, {"site": ["branch"], "kind": []})) == 4


def test_what_is_exported_can_be_imported_again(filled: Desk) -> None:
    from inventory.imports import preview

    every = assets.lines(filled.estate.assets().values(), [], {})
    plan = preview(assets.csv_of(every), Book(filled.store))
    assert plan.problems == ()
    assert {row.what for row in plan.planned} == {"same"}


def test_the_estate_is_read_again_only_when_something_changed(filled: Desk) -> None:
    before = filled.estate.assets()
    filled.estate.forget()
    assert filled.estate.assets() is before
    Book(filled.store).save("new-one", {"kind": "server"}, source="person", who="li", now=filled.now() + timedelta(seconds=1))
    filled.estate.forget()
    assert "new-one" in filled.estate.assets()


def test_the_first_line_counts_and_names_the_gravest() -> None:
    grave, mild = case(0), case(2)
    text = now.sentence([grave, mild], [mild, grave], 12, str, NOW)
    assert text.startswith("2 incidents need you; the gravest: server\\-000")
    assert "for 12 min" in text
    assert "no open incident on 12 assets" in now.sentence([], [], 12, str, NOW)
    assert "1 incidents are in hand" in now.sentence([mild], [], 12, str, NOW)


def test_a_part_that_does_not_report_is_not_well(here: Desk) -> None:
    here.store.documents.put(HEALTH, "polling", {"ok": True, "zh": "采集调度", "message": "", "age_s": 2, "updated": here.now().isoformat()})
    (part,) = health.parts_of(here.store, here.now())
    assert (part.ok, part.message) == (True, "active 2 s ago")
    (part,) = health.parts_of(here.store, here.now() + timedelta(minutes=10))
    assert (part.ok, part.message) == (False, "has not reported for 10 min")


def test_a_mute_preview_judges_as_the_service_does(filled: Desk) -> None:
    live, assets = cases.live_cases(filled.store), filled.estate.assets()

    def names(match: dict[str, Any], *rest: Any) -> list[str]:
        return sorted(one.member.asset for one in mutes.covered(live, match, assets, *rest))

    everything = ["server-000", "server-002", "switch-001"]
    assert names({"asset": ["server-000"]}) == ["server-000"]
    assert names({"asset": ["server-000"], "rule": ["disk"]}) == []
    assert names({"rule": ["~c.u"]}) == everything
    assert names({"kind": ["switch"]}) == ["switch-001"]
    assert names({"severity": ["critical"]}) == ["server-000"]
    assert names({"rule": ["cpu"]}, "maintenance") == everything
    assert names({"rule": ["cpu"]}, "maintenance", ["security"]) == []
    with pytest.raises(ValueError, match="broken"):
        names({"rule": ["~(("]})


def test_a_mute_says_what_it_holds_and_when_it_comes_back(filled: Desk) -> None:
    now = filled.now()
    (mute,) = mutes.read_mutes(filled.store, now)
    assert (mute.state, mutes.match_text(mute.match)) == ("active", "rule=cpu, asset=server-002")
    window = {"working_day": [1, -1], "from": "22:00:00", "to": "02:00:00"}
    body = {"id": "m2", "match": {"kind": "switch"}, "recurring": window, "active": False, "changes": (now + timedelta(hours=5)).isoformat()}
    filled.store.documents.put(MUTE, "m2", body)
    later = mutes.read_mutes(filled.store, now)[1]
    assert (later.state, mutes.window_text(later.window), later.change) == ("planned", "working day 1, last of the month 22:00-02:00", now + timedelta(hours=5))
    quiet = case(0, members=[{**case(0).members[0].body, "held_by": "silence", "holder": "m1"}])
    assert mutes.held_by_mute(mutes.held([quiet, case(1)])) == {"m1": 1}


@pytest.mark.parametrize(
    ("window", "text"),
    [
        ({"day": ["sat", "sun"], "from": "22:00", "to": "02:00"}, "Sat, Sun 22:00-02:00"),
        ({"day": "fri", "nth": [-1], "from": "18:00", "to": "20:00"}, "Fri number last of the month 18:00-20:00"),
        ({"month_day": 15, "from": "08:00", "to": "09:00"}, "day 15 of the month 08:00-09:00"),
        ({"on": "makeup", "from": "08:00", "to": "09:00"}, "make-up days 08:00-09:00"),
        ({}, ""),
    ],
)
def test_a_window_is_told_in_words(window: dict[str, Any], text: str) -> None:
    assert mutes.window_text(window) == text


def test_the_reason_of_an_incident_is_its_gravest_firing_alert_of_the_root() -> None:
    one = case(0)
    member = one.members[0].body
    proof = {"metric": "system.memory.utilization", "expected": [12, 38], "zh": "异常", "en": "odd", "remediation": {"zh": "修", "en": "mend it"}}
    both = case(0, members=[{**member, "asset": "other"}, {**member, "metric": None, "evidence": proof}])
    shown = evidence.subject(both)
    assert shown is not None
    assert shown.asset == "server-000"
    assert evidence.metric_of(shown) == ("system.memory.utilization", {})
    learned = replace(shown, body={**shown.body, "labels": {"metric": "system.memory.utilization", "part": "1"}})
    assert evidence.metric_of(learned) == ("system.memory.utilization", {"part": "1"})
    together = replace(shown, body={"evidence": {"top": [{"metric": "system.disk.io", "size": 9.0, "value": 1.0}]}, "labels": {}})
    assert evidence.metric_of(together) == ("system.disk.io", {})
    assert evidence.band_of(shown) == charts.Band(low=12, high=38, at=shown.start)
    assert evidence.facts(shown) == ["odd", "What to do: mend it"]


def test_promised_times_are_said() -> None:
    running = {"ack": {"state": "running", "due": (NOW + timedelta(minutes=5)).isoformat()}, "resolve": {"state": "breached"}}
    assert evidence.clocks(case(0, sla=running), NOW) == [("ack", "running, 5 min left"), ("resolve", "missed")]


def test_the_drawing_has_every_neighbour_once_and_fixed_places(filled: Desk) -> None:
    graph = filled.estate.graph()
    edges = graph.neighbours("switch-001")
    spec = graphs.drawing("switch-001", edges, filled.estate.title, {}, str)
    nodes = spec["series"][0]["data"]
    assert sorted(node["id"] for node in nodes) == sorted(graphs.around(edges, "switch-001"))
    assert len({(node["x"], node["y"]) for node in nodes}) == len(nodes)
    assert spec == graphs.drawing("switch-001", edges, filled.estate.title, {}, str)


def test_a_crowd_of_neighbours_is_cut_to_what_can_be_read() -> None:
    from inventory.graph import build_graph

    crowd = [Asset(id="hub"), *(Asset.model_validate({"id": f"leaf-{n}", "reached_by": ["hub"]}) for n in range(300))]
    graph = build_graph(crowd)
    spec = graphs.drawing("hub", graph.neighbours("hub"), str, {}, str)
    assert len(spec["series"][0]["data"]) == graphs.SHOWN + 1


def test_a_thousand_incidents_are_listed_page_by_page(here: Desk) -> None:
    for number in range(30):
        body = incident(number, "a", NOW)
        here.store.documents.put(INCIDENT, body["id"], body)
    page = cases.list_cases(here.store, limit=20)
    rest = cases.list_cases(here.store, limit=20, cursor=page.cursor)
    assert len({one.id for one in (*page.items, *rest.items)}) == 30
    assert rest.cursor is None


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("审计锁定 / The audit is locked", "审计锁定", "The audit is locked"),
        ("vm: 审计锁定，须重启 / The audit is locked", "vm: 审计锁定，须重启", "vm: The audit is locked"),
        ("/var/log / 满", "/var/log / 满", "/var/log / 满"),
        ("a / b", "a / b", "a / b"),
        ("磁盘已满", "磁盘已满", "磁盘已满"),
    ],
)
def test_of_a_text_in_both_languages_the_readers_half_is_shown(text: str, zh: str, en: str) -> None:
    assert i18n.one(text) == en
    i18n.speak("zh_CN")
    assert i18n.one(text) == zh


def test_bytes_are_drawn_in_a_unit_that_people_read() -> None:
    series = Series(metric="m", asset="a", labels={}, points=((NOW, 3.0 * 1024**2),))
    spec = charts.line_chart([series], since=NOW - timedelta(hours=1), until=NOW, zone=SHANGHAI, unit="B/s")
    assert spec["yAxis"]["name"] == "MB/s"
    assert spec["series"][0]["data"][0][1] == 3.0
    nothing = Series(metric="m", asset="a", labels={}, points=((NOW, 0.0),))
    assert charts.scaled([nothing], [], "B") == ([nothing], [], "B")


def test_a_step_of_the_story_tells_what_belongs_to_it() -> None:
    row = {"at": 3.0, "time": NOW.isoformat(), "who": "system", "what": "resolve", "reason": "fixed", "cause": "磁盘已换 / disk replaced"}
    (step,) = case(0, timeline=[row]).timeline
    assert (step.who, step.text) == ("", "fixed · disk replaced")


def test_the_band_is_drawn_in_the_unit_of_the_line() -> None:
    series = Series(asset="a", metric="m", labels={}, points=tuple((NOW + timedelta(minutes=n), 8.0 * 1024**2) for n in range(5)))
    band = charts.Band(low=1024**2, high=2 * 1024**2)
    spec = charts.line_chart([series], since=NOW, until=NOW + timedelta(hours=1), zone=SHANGHAI, unit="B/s", band=band)
    assert spec["series"][0]["markArea"]["data"] == [[{"yAxis": 1.0}, {"yAxis": 2.0}]]
