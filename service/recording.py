"""Records of security management at work: their tables for the checks, what is due, log-ins that a contract no longer allows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from compliance.objects import Progress, ProtectionObject, steps
from compliance.records.access import Breach, breaches, holders
from compliance.records.judge import Judged, Record, World, due_of, judge, table
from compliance.records.kind import RecordKind
from compliance.records.shelf import kinds_of, open_accounts, records
from compliance.run import OBJECT_ASSET, ORGANISATION, SELF
from core.errors import ConfigError
from core.records import Event, Finding, Severity, Snapshot, ended
from core.settings import Settings
from service.estate import this_machine
from service.own_state import chains, own_state
from service.seals import kept_seals
from store.base import Store
from store.filter import And, Term, Terms
from store.snapshots import latest_snapshot

AGAIN: Final = timedelta(hours=6)
"""After this long a table that did not change is said again, so that its checks do not call it old."""
OFTEN: Final = timedelta(minutes=10)
LOOK_BACK: Final = timedelta(hours=24)
MOST_LOGINS: Final = 10_000
SHOWN: Final = 10
OBJECT: Final = "record.object"


class Recording:
    """``take`` keeps snapshots of an asset (the pipeline's)."""

    def __init__(self, settings: Settings, store: Store, take: Callable[[str, Sequence[Snapshot]], None]) -> None:
        self._settings, self._store, self._take = settings, store, take
        self._said: dict[tuple[str, str], tuple[str, datetime]] = {}
        self._whole: dict[str, str] = {}
        self._walked, self._looked = datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
        self.problems: tuple[ConfigError, ...] = ()

    @property
    def assets(self) -> frozenset[str]:
        """What texts were said about: the organisation, protection objects."""
        return frozenset(asset for asset, _ in self._said)

    def round(self, objects: Sequence[ProtectionObject], now: datetime) -> list[Finding]:
        """Say the tables that changed; returns everything that is due or wrong now."""
        kinds, problems = kinds_of(self._settings.site_folder)
        self.problems = tuple(problems)
        found = records(self._store)
        today = now.astimezone(self._settings.zone).date()
        world = World(found, today, open_accounts(self._store, kinds, found, now, today))
        judged = {kind.id: judge(kind, world) for kind in kinds.values()}
        for kind in kinds.values():
            self._say(ORGANISATION, kind.snapshot, table(kind, judged[kind.id]), now)
        for one in objects:
            self._say(f"{OBJECT_ASSET}{one.id}", OBJECT, object_table(one, today), now)
        self._look_at_itself(now)
        due = [finding for kind in kinds.values() for finding in due_findings(kind, judged[kind.id], now)]
        return [*due, *(of_breaches(found, now) for found in _together(self._breaches(kinds, found, now)))]

    def _say(self, asset: str, kind: str, text: str, now: datetime) -> None:
        digest = hashlib.sha256(text.encode()).hexdigest()
        before = self._said.get((asset, kind))
        if before and before[0] == digest and now - before[1] < AGAIN:
            return
        if not text and not before:
            there = latest_snapshot(self._store, asset, kind)
            if there is None or not there.body:
                self._said[asset, kind] = (digest, now)
                return  # nobody has begun to keep this kind of record: there is nothing to judge
        if not text and before and before[0] == digest:
            return
        self._take(asset, [Snapshot(time=now, asset=asset, kind=kind, body=ended(text))])
        self._said[asset, kind] = (digest, now)

    def _look_at_itself(self, now: datetime) -> None:
        """The settings and the state of this installation, for the checks that judge it."""
        if now - self._walked >= AGAIN:
            self._whole, self._walked = chains(self._store) | {"seals": kept_seals(self._settings, self._store)}, now
        elif now - self._looked < OFTEN:
            return
        self._looked = now
        self._take(SELF, [own_state(self._store, self._settings, this_machine(), self._whole, now)])

    def _breaches(self, kinds: Mapping[str, RecordKind], found: Mapping[str, Sequence[Record]], now: datetime) -> Iterator[Breach]:
        held = holders(kinds, found)
        if held:
            yield from breaches(held, self._logins(held, now), self._settings.zone)

    def _logins(self, names: Iterable[str], now: datetime) -> Iterator[Event]:
        """Log-ins of these accounts, the newest first; names are looked for in small letters, in capitals and with a capital first letter."""
        spelled = tuple(sorted({form for name in names for form in (name, name.upper(), name.capitalize())}))
        where = And((Term("event.kind", "login_ok"), Terms("user.name", spelled)))
        cursor: str | None = None
        for _ in range(MOST_LOGINS // 1000):
            page = self._store.events.search(where, since=now - LOOK_BACK, until=now + timedelta(minutes=5), limit=1000, cursor=cursor)
            yield from page.items
            if (cursor := page.cursor) is None:
                return


def object_table(one: ProtectionObject, today: date) -> str:
    """The grading record of an object as a table that checks read: steps that are late, and steps that were not taken."""
    found = steps(one, today)
    late = ",".join(step.name for step in found if step.progress is Progress.OVERDUE)
    gaps = ",".join(step.name for step in found if step.progress is Progress.OPEN)
    state = "gap" if gaps else "late" if late else "ok"
    values = {"id": one.id, "state": state, "late": late, "gaps": gaps, "found": "", "name": one.name, "grade": one.grade_text, "filing": one.filing_number}
    values |= {name: str(day or "") for name, day in one.dates.model_dump().items()}
    return "\t".join(values) + "\n" + "\t".join(" ".join(value.split()) for value in values.values()) + "\n"


def due_findings(kind: RecordKind, judged: Sequence[Judged], now: datetime) -> Iterator[Finding]:
    """One finding for each rule of a kind that has something late, else something that comes soon."""
    for rule in kind.dues:
        late = [one for one in judged if rule.id in one.late]
        soon = [one for one in judged if rule.id in one.soon]
        if late or soon:
            yield _due(kind, rule.id, late or soon, now, is_late=bool(late))


def _due(kind: RecordKind, rule: str, hits: Sequence[Judged], now: datetime, *, is_late: bool) -> Finding:
    due = due_of(kind, rule)
    names = [f"{one.record.values.get(kind.name)}（{one.due[rule] or '从未 / never'}）" for one in hits[:SHOWN]]
    more = f" …（{len(hits)}）" if len(hits) > SHOWN else ""
    zh = f"{kind.title.zh}：{due.zh}{'已逾期' if is_late else '即将到期'}——{'、'.join(names)}{more}"
    en = f"{kind.title.en}: {due.en} {'is overdue' if is_late else 'is due soon'}: {', '.join(names)}{more}"
    return Finding(
        time=now,
        source="compliance.record",
        asset=ORGANISATION,
        title=f"安全管理记录{'逾期' if is_late else '将到期'} / Records of security management {'overdue' if is_late else 'due soon'}",
        severity=Severity.WARNING if is_late else Severity.INFO,
        firing=True,
        labels={"kind": kind.id, "due": rule},
        evidence={"zh": zh, "en": en, "records": [one.record.id for one in hits]},
    )


def _together(found: Iterator[Breach]) -> list[list[Breach]]:
    """Breaches of one account on one asset for one reason belong together."""
    grouped: dict[tuple[str, str, str], list[Breach]] = {}
    for one in found:
        grouped.setdefault((one.event.asset, one.account, one.why), []).append(one)
    return list(grouped.values())


def of_breaches(found: Sequence[Breach], now: datetime) -> Finding:
    """Log-ins of one account on one asset that should not have been; it ends when there was none for a day."""
    one = found[0]
    name, has_ended = one.record.values.get("name", one.record.id), one.why == "ended"
    times = "、".join(sorted(event.event.time.isoformat(timespec="seconds") for event in found)[-SHOWN:])
    source = str(one.event.fields.get("source.ip") or "-")
    zh = f"{name} 的账号 {one.account} {'在合同到期或离岗后' if has_ended else '在约定时段之外'}登录 {one.event.asset}（来源 {source}）：{times}"
    en = f"the account {one.account} of {name} logged in to {one.event.asset} {'after the end of the contract' if has_ended else 'outside the agreed hours'} (from {source}): {times}"  # noqa: E501
    return Finding(
        time=now,
        source="compliance.access",
        asset=one.event.asset,
        title="合同不允许的登录 / A log-in that the contract does not allow",
        severity=Severity.CRITICAL if has_ended else Severity.HIGH,
        firing=True,
        labels={"account": one.account, "why": one.why},
        evidence={"zh": zh, "en": en, "record": f"{one.kind}/{one.record.id}", "events": [event.event.id for event in found][:SHOWN]},
    )
