"""Fills an embedded store for tests of the console and for looking at it: ``python -m tests.console.seed FOLDER [incidents] [assets]``."""

from __future__ import annotations

import math
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from compliance.records.kind import load_kinds
from compliance.records.shelf import save
from compliance.rounds import walk
from compliance.rounds.shelf import gather
from compliance.rounds.template import load_templates
from core.names import ALERT, CANDIDATE, HANDOVER, HEALTH, INCIDENT, MUTE, ROSTER, ROSTER_CHANGE, ROUND, SEARCH, SNAPSHOT
from core.records import Event, Sample, Snapshot, ended
from inventory.book import Book
from inventory.discovery.candidate import Difference, fold
from inventory.discovery.sighting import Port, Sighting, Spoken
from store.base import Store
from store.embedded import open_embedded
from store.flows import Line, Traffic, save_traffic
from store.snapshots import save_snapshot

LONG = "核心交换机-一号楼三层弱电间-HUAWEI-S12700E-主用-汇聚双活-编号0017-with-a-very-long-tail"


def fill(store: Store, now: datetime, *, incidents: int = 3, assets: int = 12, hours: int = 24) -> None:
    """Assets with relations, a day of numbers for the first ones, events, incidents, health."""
    names = seed_assets(store, now, assets)
    seed_samples(store, now, names[:8], hours)
    seed_events(store, now, names)
    seed_flows(store, now, names)
    for number in range(incidents):
        case = incident(number, names[number % len(names)], now)
        store.documents.put(INCIDENT, case["id"], case)
        for member in case["members"]:
            store.documents.put(ALERT, member["fingerprint"], member)
    store.documents.put(MUTE, "m1", mute(now))
    for name, zh in (("polling", "采集调度"), ("alerting", "告警处理"), ("store", "存储")):
        store.documents.put(HEALTH, name, {"ok": True, "zh": zh, "message": "moved 1 s ago", "updated": now.isoformat()})
    save_snapshot(store, Snapshot(time=now, asset=names[0], kind="sshd_config", body=ended("permitrootlogin yes\npasswordauthentication yes\n")))
    assert store.documents.find(SNAPSHOT).items
    seed_candidates(store, now)
    seed_duty(store, now)
    seed_rounds(store, now)
    seed_records(store, now)


def seed_assets(store: Store, now: datetime, count: int) -> list[str]:
    book = Book(store)
    kinds = ("server", "switch", "server", "website", "ups", "database")
    names: list[str] = []
    for number in range(count):
        kind, name = kinds[number % len(kinds)], f"{kinds[number % len(kinds)]}-{number:03d}"
        values: dict[str, Any] = {
            "name": LONG if number == 1 else f"{kind} {number}",
            "kind": kind,
            "address": f"10.1.{number // 250}.{number % 250}",
            "site": "hq" if number % 3 else "branch",
            "owner": ("li", "wang", "zhao")[number % 3],
            "business": ("办公自动化", "数据资源中心", "移动执法")[number % 3],
            "collect": {"snmp": {}},
        }
        if number:
            values["reached_by"] = {"any": [names[0 if number < 6 else 1]]}
        book.save(name, values, source="site", who="site files", now=now - timedelta(minutes=count - number))
        names.append(name)
    return names


def seed_records(store: Store, now: datetime) -> None:
    """A policy whose review is late, one person in two of the three posts, an outsourced person with a hostile name whose contract has ended."""
    kinds, _ = load_kinds()
    old, today = (now - timedelta(days=500)).date().isoformat(), now.date().isoformat()
    policy = {"title": "网络安全总体方针", "sort": "policy", "version": "2.0", "lead": "信息中心", "approver": "张主任", "issued": old, "document": "1 号"}
    outsourced = {"name": "外包 <b>甲</b> *x*", "vendor": "某公司", "contract_until": old, "accounts": "ops1", "agreement": old, "approver": "李"}
    found: list[tuple[str, dict[str, Any]]] = [("policy", policy), ("outsourced", outsourced)]
    found += [("post", {"person": "王工", "post": post, "appointed": today, "duties": "d"}) for post in ("system_admin", "audit_admin")]
    found += [("training", {"title": "安全意识培训", "sort": "awareness", "day": today, "people": "王工，李工"})]
    for kind, values in found:
        save(store, kinds[kind], "", values, "li", ("security_officer",), now)


def seed_samples(store: Store, now: datetime, names: list[str], hours: int) -> None:
    chance = random.Random(7)
    for index, name in enumerate(names):
        batch = []
        for minute in range(hours * 60):
            time = now - timedelta(minutes=minute)
            wave = 30 + 20 * math.sin(minute / 90 + index) + chance.random() * 4
            batch.append(Sample(time=time, asset=name, metric="system.cpu.utilization", value=wave))
            batch.append(Sample(time=time, asset=name, metric="system.memory.utilization", value=55 + wave / 10))
            if minute % 5 == 0:
                batch += [
                    Sample(
                        time=time, asset=name, metric="system.filesystem.utilization", value=level + minute / 500, labels={"mountpoint": mount, "device": "sda"}
                    )
                    for mount, level in (("/", 41.0), ("/var", 72.0))
                ]
        up = 0.0 if index == 2 else 1.0
        batch.append(Sample(time=now, asset=name, metric="collector.up", value=up, labels={"collector": "snmp"}))
        batch.append(Sample(time=now, asset=name, metric="collector.duration", value=0.21, labels={"collector": "snmp"}))
        store.metrics.write(batch)


def seed_events(store: Store, now: datetime, names: list[str]) -> None:
    texts = (
        ("login_failed", "Failed password for root from 203.0.113.9 port 4711 ssh2", {"source.ip": "203.0.113.9", "user.name": "root"}),
        ("syslog", "磁盘空间不足，请尽快清理 /var/log", {"process.name": "monitor"}),
        ("syslog", "nginx: worker process 1187 exited on signal 11", {"process.name": "nginx"}),
        ("syslog", "<script>alert(1)</script> [click](http://203.0.113.1/) **bold**", {"process.name": "evil"}),
    )
    found = []
    for number in range(240):
        kind, message, fields = texts[number % len(texts)]
        asset = names[number % len(names)]
        found.append(Event(id=f"e{number}", time=now - timedelta(minutes=number * 3), asset=asset, kind=kind, message=message, fields=fields))
    store.events.write(found)


def seed_flows(store: Store, now: datetime, names: list[str]) -> None:
    """An hour as two exporters report it."""
    for minute in range(59, -1, -1):  # the oldest first: a span is only ever added to
        end = now - timedelta(minutes=minute)
        for exporter, lost in ((names[1], 0), ("192.0.2.77", 3)):
            talks = [
                Line((f"10.1.0.{n}", "203.0.113.9" if n % 3 else "10.1.0.0", ("https", "mysql", "tcp/9001")[n % 3], "1", "2"), 9000 * n, 9 * n)
                for n in range(1, 9)
            ]
            lists = {
                "talkers": [Line((f"10.1.0.{n}", names[n] if n < len(names) else ""), 9000 * n, 9 * n, 4000 * n) for n in range(8, 0, -1)],
                "conversations": talks[::-1],
                "applications": [Line((name,), size, 5) for name, size in (("https", 200_000), ("mysql", 90_000), ("tcp/9001", 34_000))],
                "zones": [Line(("办公区", "outside"), 200_000, 9), Line(("办公区", "hq"), 124_000, 9)],
                "assets": [],
            }
            counts = {"bytes": 324_000, "records": 24, "lost": lost}
            start = end - timedelta(minutes=1)
            save_traffic(
                store.documents, Traffic(exporter=exporter, address=exporter, protocol="IPFIX", start=start, end=end, rate=100, counts=counts, lists=lists)
            )
        store.metrics.write(
            [
                Sample(time=end, asset=names[1], metric="flow.application.io", value=5000.0 + 40 * minute, labels={"application": "https"}),
                Sample(time=end, asset=names[0], metric="flow.asset.io", value=900.0, labels={"direction": "transmit", "exporter": names[1]}),
            ]
        )


def incident(number: int, asset: str, now: datetime) -> dict[str, Any]:
    opened = now - timedelta(minutes=12 + 7 * number)
    severity = ("critical", "high", "warning")[number % 3]
    member = {
        "fingerprint": f"f{number:05d}", "rule": "cpu", "asset": asset, "state": "firing", "severity": severity, "start": opened.isoformat(), "value": 97.0,
        "text": "CPU utilization 97 %, usual 12-38 %", "metric": "system.cpu.utilization", "labels": {}, "held_by": None, "why_joined": "own incident",
    }  # fmt: skip
    story = [
        {"time": opened.isoformat(), "who": "", "what": "open", "text": "opened by rule cpu"},
        {"time": (opened + timedelta(minutes=1)).isoformat(), "who": "", "what": "notice", "receiver": "li-mail", "reason": "first"},
    ]
    return {
        "id": f"i{number:05d}", "title": {"zh": f"{asset} 处理器利用率过高", "en": f"{asset}: processor utilization too high"}, "root": asset, "state": "open",
        "priority": ("P1", "P2", "P3")[number % 3], "severity": severity, "owner": None, "opened": opened.isoformat(), "updated": opened.isoformat(),
        "members": [member], "timeline": story, "links": [],
        "sla": {
            "ack": {
                "state": "breached" if number == 1 else "running", "due": (opened + timedelta(minutes=15)).isoformat(), "used_s": 1000.0, "limit_s": 900.0,
            }
        },
    }  # fmt: skip


def seed_candidates(store: Store, now: datetime) -> None:
    """One of each state, two in conflict, one with a hostile title; a search that ended and one under way."""
    device = [
        Sighting(
            address=f"10.9.0.{number}", time=now, snmp=Spoken(sysname=f"sw-{number}", vendor="Huawei", model="S5735", serial=serial, services=6, macs=(mac,))
        )
        for number, (serial, mac) in enumerate((("SN-000001", "02:09:00:00:00:01"), ("SN-000001", "02:09:00:00:00:02"), ("SN-000003", "02:09:00:00:00:03")))
    ]
    page = Sighting(address="10.9.0.9", time=now, ports=(Port(number=80, way="http", status=200, title="<script>alert(1)</script> **管理**"),))
    found = fold([], [], [*device, page], lambda _address: True, now).candidates
    states: list[dict[str, Any]] = [
        {},
        {"missed": 2},
        {"differences": (Difference(field="serial", before="a", after="b", time=now),)},
        {"ignored_by": "li", "why": "x"},
    ]
    for number, (candidate, state) in enumerate(zip(found, states, strict=True)):
        store.documents.put(CANDIDATE, f"d{number}", candidate.model_copy(update={"id": f"d{number}", **state}).document())
    for number, progress in enumerate(("done", "running")):
        body = {"state": progress, "by": "li", "created": now.isoformat(), "search": {"ranges": ["10.9.0.0/24"]}, "asked": 100, "known": 254, "found": 4}
        store.documents.put(SEARCH, f"s{number}", body)


def seed_duty(store: Store, now: datetime) -> None:
    """Two rotas, one with a gap; a swap; a note with markup in it."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for rota, people in (("net", ("li", "wang")), ("机房值班", ("zhao", ""))):
        shifts = [
            {
                "from": (day + timedelta(days=n)).isoformat(),
                "until": (day + timedelta(days=n + 1)).isoformat(),
                "person": people[n % 2],
                "why": "swap" if n == 3 else "turn",
            }
            for n in range(-7, 35)
        ]
        store.documents.put(ROSTER, rota, {"rota": rota, "shifts": shifts})
    span = {"from": (day + timedelta(days=3)).isoformat(), "until": (day + timedelta(days=4)).isoformat()}
    store.documents.put(ROSTER_CHANGE, "c1", {"kind": "swap", "rota": "net", "gives": "wang", "takes": "li", "by": "li", "why": "考试", **span})
    store.documents.put(HANDOVER, "h1", {"rota": "net", "by": "li", "time": now.isoformat(), "text": "UPS 2 <b>waits</b> for a battery"})


def seed_rounds(store: Store, now: datetime) -> None:
    """A signed round with a deviation and one that is being walked."""
    template = load_templates()[0]["daily-room"]
    for days in (1, 0):
        time = now - timedelta(days=days)
        body = walk.begin(template, gather(store, template, now), "li", time)
        if days:
            for item in [one for one in body["items"] if walk.state_of(one) == "open"]:
                state = "deviates" if item["id"] == "lamps" else "na" if item["form"] == "number" else "ok"
                body = walk.answer(body, {"item": item["id"], "state": state, "text": "<b>二号盘黄灯</b>"}, "li", time)
            body = walk.sign(body, walk.digest(body), "", "li", time)
        store.documents.put(ROUND, f"daily-room-{days}", body)


def mute(now: datetime) -> dict[str, Any]:
    begin, end = now - timedelta(hours=1), now + timedelta(hours=3)
    return {
        "id": "m1", "kind": "silence", "match": {"rule": "cpu", "asset": "server-002"}, "from": begin.isoformat(), "until": end.isoformat(),
        "by": "li", "why": "内存更换",
    }  # fmt: skip


def main() -> None:
    folder, *numbers = sys.argv[1:]
    incidents, assets = [*map(int, numbers), 3, 12][:2] if len(numbers) < 2 else map(int, numbers[:2])
    store = open_embedded(Path(folder), "service")
    fill(store, datetime.now(UTC), incidents=incidents, assets=assets)
    store.close()


if __name__ == "__main__":
    main()
