"""Inspection rounds: templates, filling from telemetry, answers, signature, comparison."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compliance.load import SHIPPED as CHECKS
from compliance.load import load_checks
from compliance.rounds import walk
from compliance.rounds.fill import Facts, fill
from compliance.rounds.template import Item, Template, load_templates
from core.catalogue import catalogue
from core.errors import Refused
from core.records import Sample

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
KINDS = {"env1": "sensor", "env2": "sensor", "web1": "server"}
TEMPLATE = Template.model_validate(
    {
        "id": "room",
        "title": {"zh": "机房", "en": "Room"},
        "every": "day",
        "items": [
            {
                "id": "heat",
                "zh": "温度",
                "en": "heat",
                "form": "number",
                "range": {"most": 28},
                "read": {"metric": "hw.temperature", "kinds": ["sensor"], "most": 28},
            },
            {"id": "lamps", "zh": "灯", "en": "lamps", "severity": "high"},
        ],
    }
)


def heat(value: float, asset: str = "env1", minutes: float = 1) -> Sample:
    return Sample(time=NOW - timedelta(minutes=minutes), asset=asset, metric="hw.temperature", value=value, labels={"sensor": "t1"})


def facts(*samples: Sample, verdicts: tuple[dict[str, Any], ...] = ()) -> Facts:
    return Facts(samples=samples, verdicts=verdicts, kinds=KINDS)


def walked(lamps: str = "ok", *samples: Sample) -> dict[str, Any]:
    body = walk.begin(TEMPLATE, facts(*(samples or (heat(22),))), "li", NOW)
    return walk.answer(body, {"item": "lamps", "state": lamps, "text": "" if lamps == "ok" else "amber on disk 3"}, "li", NOW)


def test_every_shipped_template_is_read_and_reads_what_there_is() -> None:
    found, problems = load_templates()
    assert problems == []
    assert [one.every.value for one in found.values()] == ["day", "week", "month", "quarter", "year"]
    checks = load_checks((CHECKS,)).checks
    reads = [item.read for one in found.values() for item in one.items if item.read]
    assert [read.metric for read in reads if read.metric and read.metric not in catalogue()] == []
    assert [name for read in reads for name in read.checks if name not in checks] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id: x\ntitle: {zh: a, en: b}\nevery: day\nitems:\n  - {id: i, zh: a, en: b, colour: red}\n", "x.yaml:5: items.0.colour: unknown key"),
        ("id: x\ntitle: {zh: a, en: b}\nevery: hour\nitems: [{id: i, zh: a, en: b}]\n", "x.yaml:3: every"),
        ("id: x\ntitle: {zh: a, en: b}\nevery: day\nitems: [{id: i, zh: a, en: b}, {id: i, zh: a, en: b}]\n", "'i' stands twice"),
        ("id: x\ntitle: {zh: a, en: b}\nevery: day\nitems: [{id: i, zh: a, en: b, read: {metric: hw.load}}]\n", "nothing could ever deviate"),
    ],
)
def test_a_wrong_template_is_told_with_its_line_and_leaves_the_others(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "y.yaml").write_text("id: y\ntitle: {zh: a, en: b}\nevery: week\nitems: [{id: i, zh: a, en: b}]\n", encoding="utf-8")
    found, problems = load_templates([tmp_path])
    assert list(found) == ["y"]
    assert said in str(problems[0])


def test_a_reading_holds_what_is_out_of_order_first_and_leaves_out_old_values_and_other_kinds() -> None:
    reading = fill(TEMPLATE.items[0], facts(heat(22), heat(31, "env2"), heat(90, "web1"), heat(99, "env1", minutes=90)), NOW)
    assert reading is not None
    assert (reading["state"], reading["count"], reading["bad"]) == ("deviates", 2, 1)
    assert [row["asset"] for row in reading["seen"]] == ["env2", "env1"]


def test_what_is_not_known_of_every_asset_is_for_a_person_to_look_at() -> None:
    item = Item.model_validate({"id": "t", "zh": "a", "en": "b", "read": {"checks": ["c"]}})
    bodies = [{"asset": name, "check": "c", "outcome": outcome, "time": NOW.isoformat()} for name, outcome in (("env1", "pass"), ("web1", "unknown"))]
    states = [fill(item, facts(verdicts=tuple(part)), NOW) for part in (bodies, bodies[:1], [], [{**bodies[0], "outcome": "fail"}, bodies[1]])]
    assert [one and one["state"] for one in states] == ["missing", "ok", "missing", "deviates"]


def test_telemetry_settles_its_items_and_people_the_others() -> None:
    body = walk.begin(TEMPLATE, facts(heat(22)), "li", NOW)
    assert [walk.state_of(item) for item in body["items"]] == ["ok", "open"]
    assert [walk.state_of(item) for item in walk.begin(TEMPLATE, facts(), "li", NOW)["items"]] == ["open", "open"]


def test_a_number_is_judged_by_its_range_whatever_the_person_says() -> None:
    body = walk.begin(TEMPLATE, facts(), "li", NOW)
    warm = walk.answer(body, {"item": "heat", "state": "ok", "value": "31", "text": "read on the wall"}, "li", NOW)
    assert walk.state_of(warm["items"][0]) == "deviates"
    for value in ("nan", "warm", None, "inf"):
        with pytest.raises(Refused, match="number"):
            walk.answer(body, {"item": "heat", "state": "ok", "value": value}, "li", NOW)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"item": "lamps", "state": "deviates"}, "remark"),
        ({"item": "lamps", "state": "na", "text": "  "}, "remark"),
        ({"item": "lamps", "state": "fine"}, "in order"),
        ({"item": "door", "state": "ok"}, "no item"),
        ({"item": "lamps", "state": "ok", "text": "x" * 2001}, "characters"),
    ],
)
def test_an_answer_that_says_too_little_or_too_much_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        walk.answer(walk.begin(TEMPLATE, facts(), "li", NOW), given, "li", NOW)


def test_a_word_against_the_reading_needs_its_reason_and_both_stay() -> None:
    body = walk.begin(TEMPLATE, facts(heat(31)), "li", NOW)
    with pytest.raises(Refused, match="against the reading"):
        walk.answer(body, {"item": "heat", "state": "ok", "value": 24}, "li", NOW)
    said = walk.answer(body, {"item": "heat", "state": "ok", "value": 24, "text": "the probe hangs in the exhaust"}, "li", NOW)
    assert walk.state_of(said["items"][0]) == "ok"
    assert said["items"][0]["reading"]["state"] == "deviates"


def test_a_signature_needs_every_answer_and_covers_what_was_seen() -> None:
    with pytest.raises(Refused, match="1 items are not answered"):
        walk.sign(walk.begin(TEMPLATE, facts(heat(22)), "li", NOW), "", "", "li", NOW)
    body = walked()
    with pytest.raises(Refused, match="changed since"):
        walk.sign(body, "0" * 64, "", "li", NOW)
    signed = walk.sign(body, walk.digest(body), "", "li", NOW)
    assert walk.is_whole(signed)
    with pytest.raises(Refused, match="signed"):
        walk.answer(signed, {"item": "lamps", "state": "ok"}, "li", NOW)
    signed["items"][0]["reading"]["bad"] = 1
    assert not walk.is_whole(signed)


def test_two_rounds_are_compared_item_by_item() -> None:
    good, bad = walked(), walked("deviates")
    lamps = [(good["items"][1], None), (bad["items"][1], good), (bad["items"][1], bad), (good["items"][1], bad), (good["items"][1], good)]
    assert [walk.change(item, before) for item, before in lamps] == ["first", "new", "still", "mended", "same"]


def test_an_item_that_needs_a_photo_is_not_answered_without_one() -> None:
    template = TEMPLATE.model_copy(update={"items": (TEMPLATE.items[0], TEMPLATE.items[1].model_copy(update={"photo": True}))})
    body = walk.begin(template, facts(heat(22)), "li", NOW)
    with pytest.raises(Refused, match="asks for a photo"):
        walk.answer(body, {"item": "lamps", "state": "ok"}, "li", NOW)
    photo = {"name": "a.jpg", "kind": "jpeg", "bytes": 3, "sha256": "0" * 64}
    said = walk.answer(body, {"item": "lamps", "state": "ok", "photos": [photo]}, "li", NOW)
    assert walk.digest(said) != walk.digest(walk.answer(body, {"item": "lamps", "state": "ok", "photos": [photo | {"sha256": "1" * 64}]}, "li", NOW))
    with pytest.raises(Refused, match="JPEG or a PNG"):
        walk.answer(body, {"item": "lamps", "state": "ok", "photos": [photo | {"kind": "pdf"}]}, "li", NOW)
    with pytest.raises(Refused, match="names its file"):
        walk.answer(body, {"item": "lamps", "state": "ok", "photos": [{"name": "a.jpg"}]}, "li", NOW)
