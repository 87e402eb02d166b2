"""Configurations in the service: what a new version means, what was not saved, what deviates from templates; when to fetch one.

Texts come from the collector ``cli`` and are judged here by the pure parts of ``inventory/configuration``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import structlog

from core.calendar import Calendar, load_calendar
from core.clock import Clock
from core.errors import ConfigError, NotFound, Refused
from core.names import CONFIG_CHANGE, CONFIG_STATE
from core.records import Event, Finding, Severity, Snapshot, fingerprint
from core.settings import Settings
from inventory.asset import Asset
from inventory.configuration.authors import ASTRAY, LOGGED_IN, LOGIN, OWN, SAYS_SO
from inventory.configuration.changes import RUNNING, STARTUP, change_of, platform_of
from inventory.configuration.dialects import dialect_of
from inventory.configuration.difference import Difference, compare
from inventory.configuration.template import Deviation, Template, deviations, load_templates
from inventory.configuration.windows import Window, load_windows
from playbooks.journal import announced
from store.base import Store
from store.filter import And, Or, Term, Terms
from store.snapshots import Version, latest_snapshot, snapshot_versions

log: Final = structlog.get_logger("configuration")
KINDS: Final = frozenset({RUNNING, STARTUP})
COLLECTOR: Final = "cli"
SETTLE_S: Final = 20.0  # whoever changes a device rarely enters one line
AT_MOST_S: Final = 300.0  # but a chatty device is read after this all the same
FULL_ROUND_S: Final = 3600.0
UNSAVED_FOR: Final = timedelta(minutes=15)  # whoever is at work will save
VERSIONS: Final = 20
TOLD: Final = 2_000
CLIENT: Final = "client.name"  # the device, in what a server for RADIUS or TACACS+ tells of it
UNSAVED: Final = "configuration.unsaved"
TEMPLATE: Final = "configuration.template"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the site says of configurations."""

    templates: tuple[Template, ...] = ()
    windows: tuple[Window, ...] = ()
    calendar: Calendar = field(default_factory=Calendar)
    problems: tuple[ConfigError, ...] = ()


def read_rules(settings: Settings) -> Rules:
    """Templates and change windows of the site folder; what is wrong is said, the rest holds."""
    templates, problems = load_templates(settings.site_folder / "templates")
    path: Path = settings.site_folder / "calendar.yaml"
    try:
        return Rules(templates, load_windows(path), load_calendar(path, settings.zone), problems)
    except ConfigError as err:
        return Rules(templates, (), Calendar(zone=settings.zone), (*problems, err))


@dataclass
class Configurations:
    """``noticed`` and ``read`` are called by the pipeline, ``round`` by a loop of its own, carriers by whoever carries out intents."""

    settings: Settings
    store: Store
    clock: Clock
    assets: Callable[[], Mapping[str, Asset]]
    poll: Callable[[str], int]
    keep: Callable[[str, Sequence[Event]], object]
    tell: Callable[[Sequence[Finding]], object]
    rules: Rules = field(default_factory=Rules)
    _due: set[str] = field(default_factory=set)
    _wanted: dict[str, tuple[float, float]] = field(default_factory=dict)  # asset -> (poll at, at the latest)
    _looked_at_all: float = float("-inf")
    _unsaved: dict[str, datetime] = field(default_factory=dict)  # asset -> when it is told
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def carriers(self) -> Mapping[str, Callable[[Mapping[str, Any]], str]]:
        """What the console may ask."""
        return {"fetch_config": self.fetch}

    def use_rules(self) -> None:
        """Read the site's rules anew, and judge everything by them when they are others."""
        before, self.rules = self.rules, read_rules(self.settings)
        if before != self.rules:
            self._looked_at_all = float("-inf")

    def noticed(self, snapshot: Snapshot) -> None:
        """A text changed."""
        if snapshot.kind in KINDS:
            with self._lock:
                self._due.add(snapshot.asset)

    def read(self, events: Sequence[Event], _now: datetime) -> Iterable[Finding]:
        """A device that says it was configured is read once it is quiet again; nothing is found here."""
        signs = {self._about(event) for event in events if event.kind in SAYS_SO and OWN not in event.fields and event.kind != "config_stamp"}
        now = self.clock.monotonic()
        with self._lock:
            for asset in sorted(signs):
                self._wanted[asset] = (now + SETTLE_S, self._wanted.get(asset, (0.0, now + AT_MOST_S))[1])
        return ()

    def _about(self, event: Event) -> str:
        """The device that an event speaks of: a server for RADIUS or TACACS+ names the one that asked it."""
        client = str(event.fields.get(CLIENT) or "")
        return next((asset.id for asset in self.assets().values() if client in _called(asset)), event.asset) if client else event.asset

    def fetch(self, intent: Mapping[str, Any]) -> str:
        """Read the configuration of an asset now; returns its id. Raises Refused when it is not read over a command line."""
        asset = str((intent.get("args") or {}).get("asset", ""))
        if not self.poll(asset):
            raise Refused("this asset has no collector cli, so its configuration cannot be read")
        return asset

    def round(self) -> None:
        """Poll what said it changed; judge the assets with news, once an hour all."""
        now = self.clock.monotonic()
        with self._lock:
            ripe = [asset for asset, times in self._wanted.items() if min(times) <= now]
            for asset in ripe:
                del self._wanted[asset]
            due, self._due = self._due, set()
        for asset in ripe:
            self.poll(asset)
        if now - self._looked_at_all >= FULL_ROUND_S:
            due |= {asset.id for asset in self.assets().values() if COLLECTOR in asset.collect}
            self._looked_at_all = now
        due |= {asset for asset, at in self._unsaved.items() if at <= self.clock.now()}
        for name in sorted(due & self.assets().keys()):
            self.judge(self.assets()[name])

    def judge(self, asset: Asset) -> None:
        """Changes of one asset that are not on record yet, and how it stands."""
        self._record_changes(asset)
        running = latest_snapshot(self.store, asset.id, RUNNING)
        if running is not None and running.body.strip():
            self._look(asset, running)

    def _record_changes(self, asset: Asset) -> None:
        newest = snapshot_versions(self.store, asset.id, RUNNING, 2)
        if len(newest) < 2 or self._is_recorded(asset.id, newest[0]):
            return
        fresh = []
        for later, earlier in pairwise(snapshot_versions(self.store, asset.id, RUNNING, VERSIONS)):
            if self._is_recorded(asset.id, later):
                break
            fresh.append((earlier.snapshot, later.snapshot, later.before or earlier.snapshot.time))
        for old, new, before in reversed(fresh):
            said = list(self._said(asset.id, before, new.time))
            change = change_of(asset, old, new, before, said, self.rules.windows, self.rules.calendar, platform_of(asset))
            if run := announced(self.store, asset.id, change.made):  # what was approved is no change outside the windows
                change = replace(change, run=run, allowed=True)
            self.keep(asset.id, change.events())
            self.store.documents.put(CONFIG_CHANGE, change.id, change.to_dict())
            log.info("configuration changed", asset=asset.id, user=change.author.user, added=change.difference.added, removed=change.difference.removed)

    def _is_recorded(self, asset: str, version: Version) -> bool:
        try:
            self.store.documents.get(CONFIG_CHANGE, f"{asset}/{version.snapshot.time.isoformat()}")
        except NotFound:
            return False
        return True

    def _said(self, asset: str, before: datetime, seen: datetime) -> Iterator[Event]:
        """What may tell who changed it, by the clocks of devices: its own words, and those of the server that lets people in."""
        known = self.assets().get(asset)
        mine = Or((Term("asset.id", asset), Terms(CLIENT, _called(known) if known else (asset,))))
        where = And((mine, Terms("event.kind", tuple(sorted(SAYS_SO | LOGIN)))))
        yield from self.store.events.search(where, since=before - LOGGED_IN - ASTRAY, until=seen + ASTRAY, limit=1000).items

    def _look(self, asset: Asset, running: Snapshot) -> None:
        """How it stands against what it starts with and against the templates; told when that changed."""
        now, before = self.clock.now(), self._state(asset.id)
        startup = latest_snapshot(self.store, asset.id, STARTUP)
        of = [running.sha256, startup.sha256 if startup else "", fingerprint("templates", "", {t.name: t.model_dump_json() for t in self.rules.templates})]
        body = {**before, "asset": asset.id} if before.get("of") == of else {**self._compared(asset, running, startup, before, now), "of": of}
        wanted = {finding.fingerprint: finding for finding in _findings(body, now)}
        told: dict[str, Any] = before.get("told", {})
        self.tell([*wanted.values(), *(_cleared(asset.id, now, **one) for key, one in told.items() if key not in wanted)])
        body["told"] = {key: {"source": finding.source, "labels": dict(finding.labels)} for key, finding in wanted.items()}
        if any(finding.source == UNSAVED for finding in wanted.values()):
            self._unsaved.pop(asset.id, None)
        elif body["unsaved"]:
            self._unsaved[asset.id] = datetime.fromisoformat(body["unsaved"]["since"]) + UNSAVED_FOR
        else:
            self._unsaved.pop(asset.id, None)
        if new := [finding for key, finding in wanted.items() if key not in told and finding.source == UNSAVED]:
            self.keep(asset.id, [_unsaved_event(finding) for finding in new])
        if body != before:
            self.store.documents.put(CONFIG_STATE, asset.id, body)

    def _state(self, asset: str) -> dict[str, Any]:
        try:
            return self.store.documents.get(CONFIG_STATE, asset).body
        except NotFound:
            return {}

    def _compared(self, asset: Asset, running: Snapshot, startup: Snapshot | None, before: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        platform = platform_of(asset)
        dialect = dialect_of(running.body, platform).name
        open_changes = compare(startup.body, running.body, platform) if startup and startup.body.strip() else Difference(())
        since = (before.get("unsaved") or {}).get("since") or now.isoformat()
        counts = {"since": since, "added": open_changes.added, "removed": open_changes.removed, "difference": open_changes.text(TOLD)}
        return {
            "asset": asset.id,
            "dialect": dialect,
            "has_startup": startup is not None,
            "unsaved": counts if open_changes.changed else None,
            "templates": {one.name: [_plain(d) for d in deviations(running.body, one, platform)] for one in self.rules.templates if one.is_for(asset, dialect)},
        }


def _called(asset: Asset) -> tuple[str, ...]:
    """What others call it."""
    return tuple(dict.fromkeys(filter(None, (asset.id, asset.name, asset.address, *asset.addresses))))


def _plain(deviation: Deviation) -> str:
    return deviation.text[:300]


def _findings(body: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    """What fires now."""
    asset, unsaved = str(body["asset"]), body["unsaved"]
    if unsaved and now - datetime.fromisoformat(unsaved["since"]) >= UNSAVED_FOR:
        count = f"+{unsaved['added']} -{unsaved['removed']}"
        evidence = {
            "zh": f"重启后将丢失的修改：{count} 行",
            "en": f"changes that a restart would lose: {count} lines",
            "observed": unsaved["difference"].splitlines()[:50],
        }
        yield Finding(
            time=now,
            source=UNSAVED,
            asset=asset,
            title="运行配置未保存 / The running configuration is not saved",
            severity=Severity.WARNING,
            firing=True,
            evidence=evidence,
        )
    for name, lines in body["templates"].items():
        if lines:
            evidence = {"zh": f"与模板 {name} 有 {len(lines)} 处不符", "en": f"{len(lines)} deviations from the template {name}", "observed": lines}
            title = f"配置偏离模板 {name} / The configuration deviates from the template {name}"
            yield Finding(
                time=now, source=TEMPLATE, asset=asset, title=title, severity=Severity.WARNING, firing=True, labels={"template": name}, evidence=evidence
            )


def _cleared(asset: str, now: datetime, source: str, labels: Mapping[str, str]) -> Finding:
    title = "运行配置已保存 / The running configuration is saved" if source == UNSAVED else "配置与模板一致 / The configuration is like its template"
    return Finding(time=now, source=source, asset=asset, title=title, severity=Severity.WARNING, firing=False, labels=labels)


def _unsaved_event(finding: Finding) -> Event:
    fields = {"event.category": "configuration", "event.type": "info", OWN: RUNNING}
    message = "\n".join(["the running configuration is not saved", *finding.evidence["observed"]])
    identity = fingerprint("config_unsaved", finding.asset, {"time": finding.time.isoformat()})
    return Event(id=identity, time=finding.time, asset=finding.asset, kind="config_unsaved", message=message, fields=fields)
