"""A round as a document: its items with what telemetry read and what a person saw, the comparison, the signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from compliance.reports.content import Block, Cell, Content, Heading, Language, Para, Table, Tint, Words
from compliance.reports.pictures import picture
from compliance.rounds import walk
from core.errors import ConfigError, NotFound

STATES: Final[Mapping[str, tuple[str, str, Tint]]] = {
    "ok": ("正常", "in order", "green"),
    "deviates": ("异常", "not in order", "red"),
    "na": ("不适用", "does not apply", "gray"),
    "open": ("待检查", "open", "amber"),
}
CHANGES: Final[Mapping[str, tuple[str, str]]] = {
    "first": ("首次", "first time"),
    "new": ("新出现", "new"),
    "still": ("仍未解决", "still there"),
    "mended": ("已恢复", "mended"),
    "same": ("无变化", "no change"),
    "open": ("", ""),
}
Body = Mapping[str, Any]
Name = Callable[[str], str]
Photo = Callable[[str], bytes]
"""The kept file of a digest; raises NotFound or ConfigError as attachments.read does."""


def content(name: str, body: Body, before: Body | None, title: Name, language: Language, zone: ZoneInfo, now: datetime, photo: Photo | None = None) -> Content:
    """``before`` is the last signed round of the template, ``title`` names an asset, ``photo`` reads a kept photo (none: names and digests alone)."""
    words = Words(language, zone)
    return Content(
        title=words(body["title"]["zh"], body["title"]["en"]),
        subject=words.time(datetime.fromisoformat(body["begun"])),
        language=language,
        cover=tuple(_cover(name, body, words)),
        blocks=(*_blocks(body, before, title, words), *_photos(body, photo, words)),
        mark=f"{name} · {str(body.get('digest') or words('未签字', 'not signed'))[:16]}",
        made=now,
        kind="round",
        data={"round": body, "before": before},
    )


def _cover(name: str, body: Body, words: Words) -> Iterator[tuple[str, str]]:
    yield words("编号", "Number"), name
    yield words("开始", "Begun"), f"{words.time(datetime.fromisoformat(body['begun']))} {body['by']}"
    yield words("结果", "Result"), result(body, words)
    if body["state"] == "signed":
        yield words("签字", "Signed"), f"{body['signer']} {words.time(datetime.fromisoformat(body['signed']))}"
        if second := body.get("second"):
            yield words("第二人签字", "Second signature"), f"{second['who']} {words.time(datetime.fromisoformat(second['time']))}"
        yield words("摘要", "Digest"), str(body["digest"])


def result(body: Body, words: Words) -> str:
    """How many items stand how, in words."""
    found = walk.counts(body)
    return words.joined([f"{words(*STATES[state][:2])} {found[state]}" for state in STATES if found[state]])


def _blocks(body: Body, before: Body | None, title: Name, words: Words) -> Iterator[Block]:
    yield Heading(words("检查项", "Items"))
    heads = words.heads("检查项|item", "状态|state", "遥测|telemetry", "人工|seen by a person", "与上次比较|since the last round")
    rows = tuple(_row(item, before, title, words) for item in body["items"])
    yield Table(heads, rows, (26, 10, 30, 22, 12))
    if body.get("remark"):
        yield Heading(words("备注", "Remark"), 2)
        yield Para(str(body["remark"]))
    if body["state"] == "signed" and not walk.is_whole(body):
        yield Para(
            words("注意：签字后内容有改动，与摘要不符。", "Caution: the content was changed after it was signed; it does not match the digest."), strong=True
        )
    last = words("与之比较的巡检：", "Compared with the round of ") + words.time(datetime.fromisoformat(before["begun"])) if before else ""
    yield Para(last or words("此前没有已签字的巡检。", "No round was signed before."))


def _photos(body: Body, photo: Photo | None, words: Words) -> Iterator[Block]:
    """The photos with name and digest, scaled down below them."""
    found = [(item, one) for item in body["items"] for one in (item["answer"] or {}).get("photos", ())]
    if not found:
        return
    yield Heading(words("照片", "Photos"), 2)
    heads = words.heads("检查项|item", "文件|file", "字节|bytes", "sha256|sha256")
    rows = tuple((words(item["zh"], item["en"]), str(one["name"]), str(one["bytes"]), str(one["sha256"])) for item, one in found)
    yield Table(heads, rows, (26, 24, 10, 40))
    for number, (item, one) in enumerate(found if photo else (), 1):
        yield _shown(photo, one, f"{number}. {words(item['zh'], item['en'])} · {one['name']} · sha256 {str(one['sha256'])[:16]}", words)


def _shown(photo: Photo | None, one: Body, caption: str, words: Words) -> Block:
    """A photo, or why it cannot be shown."""
    try:
        return picture(photo(str(one["sha256"])), caption) if photo else Para(caption)
    except NotFound:
        return Para(f"{caption} · {words('该照片不在本机上', 'the photo is not on this machine')}", strong=True)
    except ConfigError:
        return Para(f"{caption} · {words('照片在磁盘上被改动，与摘要不符', 'the photo was changed on disk and does not match its digest')}", strong=True)


def _row(item: Body, before: Body | None, title: Name, words: Words) -> tuple[str | Cell, ...]:
    zh, en, tint = STATES[walk.state_of(item)]
    return (
        words(item["zh"], item["en"]),
        Cell(words(zh, en), tint),
        read_text(item, title, words),
        said_text(item, words),
        words(*CHANGES[walk.change(item, before)]),
    )


def read_text(item: Body, title: Name, words: Words, most: int = 3) -> str:
    """What telemetry read of an item, in a line."""
    reading = item["reading"]
    if not reading:
        return ""
    shown = [f"{title(row['asset'])} {row['what']} {_value(row['value'], words)}".replace("  ", " ") for row in reading["seen"][:most]]
    if not reading["count"]:
        return words("没有数据", "no data")
    head = words(f"{reading['count']} 项中 {reading['bad']} 项异常", f"{reading['bad']} of {reading['count']} not in order")
    return f"{head}{words('：', ': ')}{words('；', '; ').join(shown)}{' …' if reading['count'] > most else ''}"


def _value(value: Any, words: Words) -> str:
    known = {"pass": ("通过", "passes"), "fail": ("未通过", "fails"), "unknown": ("未知", "unknown")}
    return words(*known[value]) if value in known else f"{value:g}"


def said_text(item: Body, words: Words) -> str:
    """What a person said of an item, in a line."""
    answer = item["answer"]
    if not answer:
        return ""
    value = "" if answer["value"] is None else f"{answer['value']:g} {item['unit']}".strip()
    state = words(*STATES[answer["state"]][:2])
    photos = words(f"照片 {count} 张", f"{count} photos") if (count := len(answer.get("photos", ()))) else ""
    return " · ".join(part for part in (value or state, answer["text"], photos, answer["by"]) if part)
