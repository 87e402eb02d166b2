"""Play the year back: each day's deeds by the product's own actions, what devices said that day, and the product's daily work."""

from __future__ import annotations

import csv
import fnmatch
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any, Final

from compliance import attachments, exemptions, remedies
from compliance.answers import save_answer
from compliance.attachments import Attachment
from compliance.exemptions import Exemption
from compliance.framework import Item
from compliance.measured.take import Measurer, read_connections
from compliance.office import Office
from compliance.questions import asked
from compliance.records.kind import RecordKind
from compliance.records.shelf import kinds_of, records, save
from compliance.remedies import Remedy, Stage
from compliance.reports.content import Language
from compliance.risk import Level
from compliance.rollup import Answer, Conformity
from compliance.rounds import walk
from compliance.run import SELF, Inspector
from compliance.scans import shelf as scans
from compliance.scans.ledger import Ruling
from compliance.signing import Capacity, sign
from core.clock import ManualClock
from core.names import ROUND
from core.records import Snapshot
from core.settings import Settings
from inventory.asset import Asset
from inventory.book import Book
from inventory.networks import read_plan
from service.auditing import TOLD, Auditing
from service.estate import Estate as SiteFiles
from service.recording import Recording
from service.rounds import Rounds
from simulator.estate import Estate
from simulator.places import Places
from simulator.running import configuration
from simulator.world import World
from simulator.year.papers import paper
from simulator.year.readings import facts
from simulator.year.told import Aside, Mended, Said, Scanned, Walks, Wish, Work, Year
from store.base import Store
from store.snapshots import save_snapshot

ROLES: Final = ("security_officer", "operator", "duty_leader")
OFFICER: Final = "chenjing"
CHIEF: Final = "zhenghai"
REVIEWER: Final = "wangfang"
AUDITOR: Final = "wanglou"
LOOKED: Final = (364, 180, 91, 30, 7, 1)
"""Days ago on which devices were read and everything was judged."""
REPORTS: Final[Sequence[tuple[str, str, str, Language]]] = (
    ("summary", "platform", "pdf", "zh_CN"),
    ("assessment", "mobile-law", "docx", "zh_CN"),
    ("rectification", "air", "xlsx", "en"),
)
"""Made yesterday: kind, object, format, language."""
SIGNED: Final[Mapping[str, Sequence[tuple[Capacity, str, str]]]] = {
    "summary": ((Capacity.PREPARED, OFFICER, ""),),
    "assessment": (
        (Capacity.PREPARED, OFFICER, "逐项核对 / item by item"),
        (Capacity.REVIEWED, REVIEWER, "与证据链核对一致 / agrees with the evidence"),
        (Capacity.APPROVED, CHIEF, "同意上报 / may be handed in"),
    ),
}
"""Who signed which of them, as what, with which remark."""
SCANNED: Final = frozenset({"server", "switch", "router", "firewall"})
TELNET_UNTIL: Final = 100
"""Until so many days ago some access switches let people in by telnet."""


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that somebody did at a time."""

    at: datetime
    do: Callable[[datetime], object]


@dataclass
class Player:
    """One play over a data folder whose service does not run."""

    settings: Settings
    store: Store
    year: Year
    estate: Estate
    today: datetime

    def __post_init__(self) -> None:
        self.office = Office(self.store, self.settings)
        self.kinds: Mapping[str, RecordKind] = kinds_of(self.settings.site_folder)[0]
        self.auditing = Auditing(self.office, self._rounds(self.today), Recording(self.settings, self.store, self._keep), settle=timedelta(0))
        self.inspector = Inspector(self.store, self.office.checks(), self.settings.events_age)
        self.assets: list[Asset] = []
        self.papers: dict[tuple[str, str], Attachment] = {}
        self.news: set[str] = set()

    def play(self) -> int:
        """Everything in the order in which it happened; returns how many deeds. Does nothing where records are kept already."""
        if records(self.store):
            return 0
        SiteFiles(self.settings, self.store, lambda _assets, _people: None).refresh(self.ago(366, 8))
        self.assets = Book(self.store).all()
        looks = [Deed(self.ago(days, 18), self._look) for days in LOOKED]
        deeds = sorted(
            [*self._records(), *self._answers(), *self._remedies(), *self._exemptions(), *self._walks(), *self._scans(), *self._reports(), *looks],
            key=lambda deed: deed.at,
        )
        for deed in deeds:
            deed.do(deed.at)
        self.store.documents.delete(TOLD, "findings")  # whatever is still wrong is told when the service starts
        return len(deeds)

    def ago(self, days: float, hour: int = 10) -> datetime:
        """That hour of a day so many days ago (ahead when negative), in the site's time."""
        day = self.today.astimezone(self.settings.zone).date() - timedelta(days=int(days))
        return datetime.combine(day, time(hour), self.settings.zone)

    def _attach(self, name: str, text: str, at: datetime) -> Attachment:
        if (name, text) not in self.papers:
            self.papers[name, text] = attachments.keep(self.settings.data, *paper(name, text, at))
        return self.papers[name, text]

    def _rounds(self, at: datetime) -> Rounds:
        return Rounds(self.settings, self.store, ManualClock(at), lambda _findings: None, lambda _store, template, now: facts(template, self.assets, now))

    def _records(self) -> Iterator[Deed]:
        for kind, told in self.year.records.items():
            for row in told:
                yield self._record(self.kinds[kind], row)

    def _record(self, kind: RecordKind, row: Mapping[str, Any]) -> Deed:
        dates = {field.id for field in kind.fields if field.type == "date"}
        values = {name: self.ago(-value).date().isoformat() if name in dates else value for name, value in row.items() if name not in ("id", "file")}
        written = [-value for name, value in row.items() if name in dates and value < 0]
        title = str(row[kind.name])

        def do(at: datetime) -> None:
            files = [self._attach(str(row["file"]), title, at)] if "file" in row else None
            save(self.store, kind, f"demo-{row['id']}", values, OFFICER, ROLES, at, files=files)

        return Deed(self.ago(max(1, min([*written, 360]) - 1), 15), do)

    def _answers(self) -> Iterator[Deed]:
        for name in ("", *self.office.register().objects):
            items = self._items(name)
            for item in items:
                said = next((one for one in self.year.decisions.answers if one.of == name and any(fnmatch.fnmatch(item.id, mask) for mask in one.items)), None)
                if said and said.word != "open" and (item.auto != "auto" or said.word != "conforms"):
                    yield Deed(self.ago(said.days, 11), partial(self._answer, item, said))

    def _items(self, name: str) -> list[Item]:
        """The requirements of an object; of all objects together those of level 3 and of level 2."""
        objects = self.office.register().objects
        meant = [objects[name]] if name else list(objects.values())
        day = self.today.date()
        found = {item.id: item for one in meant for item in self.office.frameworks().at(one.framework, day).applicable(one.grade)}
        return list(found.values())

    def _answer(self, item: Item, said: Said, at: datetime) -> None:
        needs, ends = asked(item), timedelta(days=asked(item).months * 30.4)
        file = said.file or (f"{item.control_point}.docx" if needs.file and said.word == "conforms" else "")
        given = Answer(
            item=item.id, object=said.of, conformity=Conformity(said.word), who=OFFICER, time=at, comment=said.text,
            day=(at - timedelta(days=1)).date().isoformat(), files=(self._attach(file, said.text, at),) if file else (), expires=at + ends,
        )  # fmt: skip
        save_answer(self.store, given, ROLES, item)

    def _remedies(self) -> Iterator[Deed]:
        for one in self.year.decisions.remedies:
            made: list[Remedy] = []
            yield Deed(self.ago(one.days, 12), partial(self._hand_out, made, one))
            if one.done:
                yield Deed(self.ago(one.done, 16), partial(self._done, made, one))
            if one.sent_back:
                yield Deed(self.ago(one.sent_back, 9), partial(self._sent_back, made))
            if one.withdrawn:
                yield Deed(self.ago(one.withdrawn, 9), partial(self._withdraw, made, one))

    def _hand_out(self, made: list[Remedy], one: Work, at: datetime) -> None:
        wanted = Remedy(
            item=one.item, object=one.of, owner=one.owner, due=self.ago(-one.due).date(), level=Level(one.level), measure=one.measure, by=OFFICER, created=at
        )
        made.append(remedies.hand_out(self.store, wanted, ROLES, at.date()))

    def _done(self, made: list[Remedy], one: Work, at: datetime) -> None:
        made[:] = [remedies.report_done(self.store, made[0].id, one.owner, ROLES, one.remark, at)]

    def _sent_back(self, made: Sequence[Remedy], at: datetime) -> None:
        why = "复查仍不符合：仍有 4 台未接入 / still fails: four machines are not connected"
        remedies.settle(self.store, [replace(made[0], stage=Stage.OPEN, done=None, sent_back=1, why=why)], AUDITOR, at)

    def _withdraw(self, made: Sequence[Remedy], one: Work, at: datetime) -> None:
        remedies.withdraw(self.store, made[0].id, OFFICER, ROLES, one.why, at)

    def _exemptions(self) -> Iterator[Deed]:
        for one in self.year.decisions.exemptions:
            made: list[Exemption] = []
            yield Deed(self.ago(one.days, 13), partial(self._ask, made, one))
            if decided := one.grant or one.refuse:
                yield Deed(self.ago(decided, 14), partial(self._decide, made, one))

    def _ask(self, made: list[Exemption], one: Wish, at: datetime) -> None:
        wanted = Exemption(
            id="", item=one.item, object=one.of, reason=one.reason, compensation=one.compensation, requester=one.by, requested=at, expires=self.ago(-one.until)
        )
        made.append(exemptions.request(self.store, wanted, ROLES))

    def _decide(self, made: Sequence[Exemption], one: Wish, at: datetime) -> None:
        exemptions.decide(self.store, made[0].id, CHIEF, ROLES, at, grant=bool(one.grant), remark=one.remark)

    def _scans(self) -> Iterator[Deed]:
        told = self.year.scans
        for scan in told.scans:
            yield Deed(self.ago(scan.days, 9), partial(self._scan, scan))
        for work in told.handed_out:
            yield Deed(self.ago(work.days, 10), partial(self._mend, work))
        for one in told.set_aside:
            yield Deed(self.ago(one.days, 11), partial(self._set_aside, one))

    def _scan(self, scan: Scanned, at: datetime) -> None:
        """The table that the scanner exported, taken in as an officer does."""
        sheet = io.StringIO()
        rows = csv.writer(sheet)
        rows.writerow(("主机", "漏洞编号", "漏洞名称", "风险等级", "端口", "修复建议", "扫描时间", "扫描工具"))
        ended = f"{at - timedelta(hours=6):%Y-%m-%d %H:%M:%S}"
        for asset in self.assets:
            if asset.kind not in SCANNED or not any(fnmatch.fnmatch(asset.id, mask) for mask in scan.hosts):
                continue
            rows.writerow((asset.id, "", "", "", "", "", ended, scan.scanner))
            for hole in scan.found:
                if asset.id in hole.hosts:
                    rows.writerow((asset.id, hole.id, hole.title, hole.level, hole.port, hole.fix, ended, scan.scanner))
        content = sheet.getvalue().encode()
        found = scans.look(self.store, self.assets, content, "scan.csv", self.settings.zone, at)
        scans.take_in(self.store, found, content, OFFICER, ROLES, at)

    def _keys(self, asset: str, id: str) -> list[str]:
        return [one.key for one in scans.ledger_of(self.store, asset).open if one.id.endswith(id)]

    def _mend(self, one: Mended, at: datetime) -> None:
        scans.hand_out(self.store, one.host, self._keys(one.host, one.id), one.owner, self.ago(-one.due).date(), OFFICER, ROLES, at, at.date())

    def _set_aside(self, one: Aside, at: datetime) -> None:
        until = self.ago(-one.until).date()
        scans.rule(self.store, one.host, self._keys(one.host, one.id), Ruling(one.word), one.why, until, OFFICER, ROLES, at, at.date())

    def _reports(self) -> Iterator[Deed]:
        for number, (kind, name, form, language) in enumerate(REPORTS):
            yield Deed(self.ago(1, 19) + timedelta(minutes=number), partial(self._report, kind, name, form, language))

    def _report(self, kind: str, name: str, form: str, language: Language, at: datetime) -> None:
        made = self.office.make(kind, self.office.dossier(self.office.subject(name), at, at), form, language)
        kept = self.office.keep(made, kind, OFFICER, at)
        for number, (capacity, who, remark) in enumerate(SIGNED.get(kind, ())):
            sign(self.office, kept, capacity, who, ROLES, remark, at + timedelta(seconds=20 * number))

    def _walks(self) -> Iterator[Deed]:
        for walks in self.year.rounds:
            last = walks.days[-1]
            for days in walks.days:
                yield Deed(self.ago(days, 9), partial(self._walk, walks, days, days != last or not walks.every))

    def _walk(self, walks: Walks, days: int, sign: bool, at: datetime) -> None:
        """Begin, answer what no reading answers and what was out of order; sign, or leave the newest one to whoever opens it."""
        intent: dict[str, Any] = {"user": walks.by, "roles": ROLES}
        name = self._rounds(at).begin({**intent, "args": {"template": walks.template}})
        found = {seen.item: seen for seen in walks.found if seen.days == days}
        for item in self._body(name)["items"]:
            if item["id"] not in found and walk.state_of(item) != "open":
                continue
            args: dict[str, Any] = {"item": item["id"], "state": "ok", "text": walks.texts.get(item["id"], ""), "value": walks.numbers.get(item["id"])}
            if seen := found.get(item["id"]):
                args |= {"state": "deviates", "text": seen.text, "value": seen.value}
                args |= {"photos": [self._attach(seen.photo, seen.text, at).model_dump()]} if seen.photo else {}
            self._rounds(at + timedelta(minutes=10)).answer({**intent, "on": name, "args": args})
        if not sign:
            return
        digest = walk.digest(self._body(name))
        self._rounds(at + timedelta(minutes=30)).sign(
            {**intent, "on": name, "args": {"digest": digest, "remark": "正常 / in order" if not found else "已通知处理 / reported"}}
        )
        if walks.second and days > 2:
            self._rounds(at + timedelta(hours=2)).countersign({"user": walks.second, "roles": ROLES, "on": name, "args": {"digest": digest}})

    def _body(self, name: str) -> dict[str, Any]:
        return dict(self.store.documents.get(ROUND, name).body)

    def _keep(self, asset: str, found: Sequence[Snapshot]) -> None:
        """What the product says of itself belongs to the days on which it ran."""
        for snapshot in found:
            if asset != SELF and save_snapshot(self.store, snapshot):
                self.news.add(asset)

    def _look(self, at: datetime) -> None:
        """Configurations are read, everything is judged, the day is noted, reports that are due are made."""
        days = (self.today - at).days
        world, places = World(self.estate, lambda: 0.0, 0), Places(self.estate)
        for device in (one for one in self.estate.devices if one.declared):
            for kind in ("running", "startup"):
                text = configuration(world, places, device, kind)
                text = (
                    text.replace("\n#\nline vty", "\n#\n telnet server enable\n#\nline vty")
                    if days > TELNET_UNTIL and device.id.startswith("lab-acc")
                    else text
                )
                self._keep(device.id, [Snapshot(time=at, asset=device.id, kind=f"{kind}-config", body=text)])
        for snapshot in self._measurer().work_out(tuple(self.assets), at):
            self._keep(snapshot.asset, [snapshot])
        self.auditing.round(at)
        due = self.news | ({asset.id for asset in self.assets} if days <= LOOKED[-1] else set())
        self.inspector.inspect(sorted(due), at)
        self.news.clear()

    def _measurer(self) -> Measurer:
        site = self.settings.site_folder
        return Measurer(
            self.store,
            lambda: self.office.register().objects.values(),  # noqa: PLW0108 - as the service does: read anew each time
            lambda: self._rounds(self.today).templates()[0].values(),  # noqa: PLW0108
            lambda: read_connections(site)[0],
            lambda: read_plan(site),
        )
