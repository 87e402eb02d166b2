"""The running service: everything wired together, started and ended in order. See ``docs/service.md``."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import structlog

from collectors.network.snmp.profile import use_site_profiles
from compliance.load import SHIPPED, load_checks
from compliance.measured.take import Measurer, read_connections
from compliance.office import Office
from compliance.run import Inspector, is_own
from core.clock import Clock, SystemClock
from core.errors import ConfigError, StoreError
from core.names import HEALTH
from core.records import Finding, Severity, Snapshot
from core.settings import Settings
from detectors.logs.rates import Rates
from detectors.logs.watch import Logs
from detectors.rules.told import Told
from detectors.series.expiry import Expiry
from inventory.asset import Asset
from inventory.book import Book
from inventory.credentials import Vault, master_key
from inventory.networks import read_plan
from inventory.people import Person
from inventory.sitefiles import read_site
from service.alerting import open_alerting
from service.alerting.live import LiveAlerting
from service.alerting.loading import load_configuration
from service.auditing import HURRY, Auditing
from service.configuration import Configurations
from service.discovering import Discovering, allowed_ranges
from service.duty import Duty, read_changes, with_changes
from service.estate import Estate
from service.flows import Flows
from service.hasten import Hasten
from service.intake import Intake
from service.listeners import Listeners
from service.logs import configure_logs
from service.loops import Loop
from service.memory import Memory
from service.own import own_samples
from service.pipeline import Pipeline
from service.playing import Playing
from service.pulse import SELF, Part, Pulse, write_heartbeat
from service.quality.quality import Quality
from service.quality.report import report_of
from service.quality.tuning import accepted
from service.recording import Recording
from service.remedying import Remedying, wrong_offers
from service.rounds import Rounds
from service.runner import Clockwork, Runner
from service.seals import Seals
from service.stores import retention_of
from service.topology import Survey
from service.watchdog import write_due
from service.watchers import forecasts, learn_history, make_watchers, site_calendar, use_budgets
from store.base import ANY, Store
from store.open import open_for
from store.snapshots import FLEETING

log = structlog.get_logger("service")

PARTS: Final = {
    part.name: part
    for part in (
        Part("polling", 30, "采集调度", vital=True),
        Part("alerting", 30, "告警处理", vital=True),
        Part("estate", 120, "资产同步"),
        Part("compliance", 900, "合规检查"),
        Part("auditing", 3600, "等保日常工作"),
        Part("configuration", 900, "设备配置"),
        Part("seals", 900, "审计封记"),
        Part("upkeep", 900, "存储维护"),
        Part("discovery", 300, "设备发现"),
        Part("quality", 900, "检测质量"),
        Part("playbooks", 60, "剧本"),
        Part("remedies", 180, "整改跟进"),
        Part("duty", 180, "值班安排"),
        Part("intake", 120, "外部告警接入"),
        Part("own", 180, "自身健康"),
        Part("topology", 900, "拓扑测绘"),
    )
}
FULL_INSPECTION_S: Final = 3600.0  # ages and stored logs change although no snapshot does
FIRST_INSPECTION_S: Final = 120.0  # by then every device has been asked once
"""Parts that must move, with the seconds after which one stands still."""


@dataclass
class Service:
    """All parts of one process."""

    settings: Settings
    clock: Clock
    store: Store
    alerting: LiveAlerting
    pipeline: Pipeline
    runner: Runner
    clockwork: Clockwork
    listeners: Listeners
    flows: Flows
    estate: Estate
    memory: Memory
    pulse: Pulse
    loops: list[Loop] = field(default_factory=list)
    inspector: Inspector = field(kw_only=True)
    measurer: Measurer = field(kw_only=True)
    survey: Survey = field(kw_only=True)
    discovering: Discovering = field(kw_only=True)
    configurations: Configurations = field(kw_only=True)
    auditing: Auditing = field(kw_only=True)
    recording: Recording = field(kw_only=True)
    playing: Playing = field(kw_only=True)
    quality: Quality = field(kw_only=True)
    inspected_all: float = field(default_factory=lambda: time.monotonic() - FULL_INSPECTION_S + FIRST_INSPECTION_S)
    dirty: set[str] = field(default_factory=set)
    dirty_lock: threading.Lock = field(default_factory=threading.Lock)
    follow_remedies: Callable[[], None] = lambda: None
    awaited: dict[str, float] = field(default_factory=dict)
    """assets on which something was done -> until when (monotonic seconds) each fresh reading of them is judged, also when it says the same"""
    assets: dict[str, Asset] = field(default_factory=dict)
    wrong_assets: tuple[ConfigError, ...] = ()
    wrong_alerting: tuple[ConfigError, ...] = ()
    complaints: frozenset[str] = frozenset()

    def start(self) -> None:
        """Begin everything; the order matters: what judges is there before what collects."""
        for loop in self.loops:
            loop.start()
        self.clockwork.start()
        self.listeners.start()
        self.flows.start()

    def stop(self) -> None:
        """End everything, the collecting first; what was taken in is durable when this returns."""
        self.listeners.stop()
        self.flows.stop()
        self.discovering.end()
        self.playing.close()
        self.quality.close()
        self.clockwork.stop()
        if not self.runner.close():
            log.warning("some polls did not end in time; they are given up")
        for loop in self.loops:
            loop.stop()
        self.memory.save()
        self.alerting.close()
        self.store.close()

    def tick_alerting(self) -> None:
        """What falls due, and what the console asks for."""
        self.alerting.tick()
        write_due(self.settings.data, self.alerting.next_due())
        self.alerting.carry_out_intents()

    def check_estate(self) -> None:
        """Assets and people that changed."""
        self.estate.refresh(self.clock.now())

    def use_estate(self, assets: list[Asset], people: Sequence[Person]) -> None:
        """Watch these assets from now on."""
        self.assets = {asset.id: asset for asset in assets}
        wrong = use_site_profiles(self.settings.site_folder / "snmp")
        loaded = load_configuration(self.settings.site_folder / "alerting", assets, people, self.inspector.checks, self.settings.timezone, accepted(self.store))
        loaded = replace(loaded, config=with_changes(loaded.config, read_changes(self.store, self.clock.now())))
        self.alerting.set_estate(assets, people, loaded)
        self.listeners.set_assets(assets)
        self.playing.set_assets(assets)
        self.configurations.use_rules()
        self.flows.set_assets(assets)
        # the runner last: it polls at once, and what an asset then says is heard by those who know it
        self.wrong_assets, self.wrong_alerting = (*wrong, *self.runner.set_assets(assets)), loaded.problems
        for problem in (*self.wrong_assets, *self.wrong_alerting):
            log.error("configuration", problem=str(problem))

    def mark_dirty(self, snapshot: Snapshot) -> None:
        """Checks of this asset are due, or the survey: something it said about itself or its neighbours is new."""
        if snapshot.kind in FLEETING:
            self.survey.notice(snapshot)
            return
        self.configurations.noticed(snapshot)
        with self.dirty_lock:
            self.dirty.add(snapshot.asset)

    def mark_read(self, snapshot: Snapshot) -> None:
        """Judge an asset that is waited for by what was just read of it."""
        if snapshot.kind not in FLEETING and self._is_awaited(snapshot.asset):
            with self.dirty_lock:
                self.dirty.add(snapshot.asset)

    def _is_awaited(self, asset: str) -> bool:
        return self.awaited.get(asset, -math.inf) > time.monotonic()

    def look_again(self, assets: Collection[str]) -> None:
        """Read these assets now, and judge everything once more: something was done about what checks found."""
        now = time.monotonic()
        with self.dirty_lock:
            kept = {asset: until for asset, until in self.awaited.items() if until > now}
            self.awaited = kept | dict.fromkeys(assets, now + HURRY.total_seconds())
        for asset in assets:
            self.runner.poll_now(asset, anew=True)
        self.auditing.hurry(self.clock.now())
        self.inspected_all = -FULL_INSPECTION_S

    def check_compliance(self) -> None:
        """Evaluate the assets that told something new since the last round."""
        with self.dirty_lock:
            due, self.dirty = self.dirty, set()
        before, is_full = self.inspected_all, time.monotonic() - self.inspected_all > FULL_INSPECTION_S
        try:
            if is_full:
                self.inspected_all = time.monotonic()
                due = {*due, *self.assets, *self.measurer.take(self.assets.values(), self.clock.now()), *self.recording.assets}
            self._inspect(sorted(asset for asset in due if asset in self.assets or is_own(asset)))
        except StoreError:  # what could not be judged now is due still
            with self.dirty_lock:
                self.dirty |= due
            self.inspected_all = before if is_full else self.inspected_all
            raise

    def _inspect(self, assets: Collection[str]) -> None:
        if not assets:
            return
        awaited = {asset for asset in assets if self._is_awaited(asset)}
        self.pipeline.tell(self.inspector.inspect(assets, self.clock.now(), read_anew=awaited))
        if awaited:
            self.follow_remedies()

    def audit(self) -> None:
        """Dates of graded protection, the note of the day, reports that are due."""
        self.pipeline.tell(self.auditing.round(self.clock.now()))

    def upkeep(self) -> None:
        """Dates that come near; compact, roll up, delete what is past its age; keep what detectors learned."""
        self.check_dates()
        self.store.maintain(retention_of(self.settings), self.clock.now())
        self.memory.save()

    def check_dates(self) -> None:
        """Warranties, contracts, licences and the like of every asset."""
        now = self.clock.now()
        for expiry in (one for one in self.pipeline.observers if isinstance(one, Expiry)):
            with self.pipeline.pause():
                found = [finding for asset in self.assets.values() for finding in expiry.dates(asset.id, asset.dates, now)]
            self.pipeline.tell(found)

    def look_at_itself(self) -> None:
        """Own figures as samples, standstill as findings, health as documents."""
        now = self.clock.now()
        self.pipeline.take(
            SELF,
            [
                *own_samples(self.store, self.pipeline.counts, now),
                *self.runner.samples(SELF),
                *self.listeners.samples(SELF),
                *self.flows.samples(SELF),
                *self.pulse.samples(time.monotonic(), now),
            ],
        )
        self.pipeline.tell([*self.pulse.judge(time.monotonic(), now), *self.alerting_complaints(now), *self.listeners.findings(now)])
        self.write_health(now)

    def alerting_complaints(self, now: datetime) -> list[Finding]:
        """What is wrong with alerting itself (a receiver that fails, a clock that jumped), as findings about the product."""
        found = {one["key"]: one for one in self.alerting.self_alerts()}
        gone, self.complaints = self.complaints - found.keys(), frozenset(found)
        told = [_complaint(key, now, firing=True, zh=one["title_zh"], en=one["title_en"]) for key, one in sorted(found.items())]
        return [*told, *(_complaint(key, now, firing=False) for key in sorted(gone))]

    def write_health(self, now: datetime) -> None:
        """One document per part for the console and ``wanglou status``."""
        ages = self.pulse.ages(time.monotonic())
        for name, age in ages.items():
            part = PARTS[name]
            ok = age <= part.limit_s
            message = f"moved {age:.0f} s ago" if ok else f"has not moved for {age:.0f} s"
            self._put_health(name, {"ok": ok, "zh": part.zh, "message": message, "age_s": round(age, 1), "limit_s": part.limit_s, "updated": now.isoformat()})
        store = self.store.health()
        self._put_health(
            "store", {"ok": store.ok, "zh": "存储", "message": f"{store.backend}: {store.message}", "figures": dict(store.figures), "updated": now.isoformat()}
        )
        found = (*self.estate.problems, *self.wrong_assets, *self.wrong_alerting, *self.survey.problems)
        problems = [
            str(problem)
            for problem in (
                *found,
                *self.discovering.problems,
                *self.configurations.rules.problems,
                *self.auditing.problems,
                *read_connections(self.settings.site_folder)[1],
                *self.playing.problems,
                *wrong_offers(self.inspector.checks, self.playing.books),
            )
        ]
        self._put_health(
            "site",
            {
                "ok": not problems,
                "zh": "站点文件",
                "message": problems[0] if problems else "every file is read",
                "problems": problems,
                "updated": now.isoformat(),
            },
        )

    def _put_health(self, name: str, body: dict[str, Any]) -> None:
        self.store.documents.put(HEALTH, name, body, ANY)


def build(settings: Settings, clock: Clock) -> Service:
    """Wire everything; nothing runs yet. Raises ConfigError or StoreError."""
    store = open_for(settings, "service")
    vault = Vault(store, master_key(settings.data))
    pulse = Pulse(PARTS, time.monotonic())
    inspector = _inspector(settings, store)
    found = read_site(settings.site_folder)
    loaded = load_configuration(settings.site_folder / "alerting", Book(store).all(), found.people, inspector.checks, settings.timezone, accepted(store))
    loaded = replace(loaded, config=with_changes(loaded.config, read_changes(store, clock.now())))
    alerting = open_alerting(settings, store, vault, clock, loaded)
    detectors = make_watchers(settings.site_folder, settings.timezone, settings.detection)
    logs, told, rates = Logs(), Told(), Rates(site_calendar(settings.site_folder / "calendar.yaml", settings.timezone))
    pipeline = Pipeline(store=store, alerting=alerting, observers=[*detectors, told, rates], readers=[logs, told, rates], clock=clock)
    memory = Memory(settings.data / "detectors", [*detectors, logs, told, rates], pipeline.pause)
    memory.load()
    learn_history(detectors, store.metrics, clock.now())
    runner = Runner(pipeline.take, vault, clock, workers=settings.collect.workers, interval_s=settings.collect.interval_s)
    clockwork = Clockwork(clock)
    hasten = Hasten(lambda asset: runner.poll_now(asset, "snmp"), clock.monotonic)
    listeners = Listeners(settings, pipeline, clock, vault, hasten)
    flows = Flows(settings, pipeline, clock)
    configurations = Configurations(settings, store, clock, lambda: service.assets, lambda asset: runner.poll_now(asset, "cli"), pipeline.take, pipeline.tell)
    pipeline.readers = [*pipeline.readers, configurations]
    estate = Estate(settings, store, lambda _assets, _people: None)
    allowed_ranges(settings.discovery)  # a wrong one is said at the start, not at the first search
    discovering = Discovering(
        settings,
        store,
        vault,
        clock,
        lambda: tuple(service.assets.values()),
        lambda events: pipeline.take(SELF, events),
        lambda: pulse.beat("discovery", time.monotonic()),
    )
    quality = Quality(
        settings,
        store,
        clock,
        assets=lambda: service.assets,
        rule=alerting.rule,
        use_budgets=lambda budget_of: use_budgets([*detectors, logs, rates], pipeline, budget_of),
        on_tuned=estate.again,
        forecasts=lambda: forecasts(detectors, pipeline),
    )
    duty = Duty(store, alerting, clock, ZoneInfo(settings.timezone), estate.again)
    inspections = Rounds(settings, store, clock, pipeline.tell)
    recording = Recording(settings, store, pipeline.take)
    seals = Seals(settings, store, clock.now)
    office = Office(store, settings)
    service = Service(
        settings,
        clock,
        store,
        alerting,
        pipeline,
        runner,
        clockwork,
        listeners,
        flows,
        estate,
        memory,
        pulse,
        inspector=inspector,
        measurer=Measurer(
            store,
            lambda: office.register().objects.values(),  # noqa: PLW0108 - read anew each time
            lambda: inspections.templates()[0].values(),  # noqa: PLW0108 - read anew each time
            lambda: read_connections(settings.site_folder)[0],
            lambda: read_plan(settings.site_folder),
        ),
        survey=Survey(store, settings.site_folder, clock, pipeline.take),
        discovering=discovering,
        quality=quality,
        configurations=configurations,
        auditing=Auditing(office, inspections, recording, lambda scheduled, due, at: report_of(store, scheduled, quality.detector, due, at, office.zone)),
        recording=recording,
        playing=Playing(settings, store, vault, clock, alerting, lambda finding: pipeline.tell([finding])),
    )
    remedying = Remedying(store, clock, service.look_again)
    estate.on_change = service.use_estate
    pipeline.on_snapshot, pipeline.on_read = service.mark_dirty, service.mark_read
    clockwork.every(0.1, "polling", lambda: _tick(runner, pulse))
    clockwork.every(1.0, "hasten", hasten.tick)
    rounds: tuple[tuple[str, float, Callable[[], None]], ...] = (
        ("alerting", 1.0, service.tick_alerting),
        ("estate", 5.0, service.check_estate),
        ("compliance", 3.0, service.check_compliance),
        ("auditing", 60.0, service.audit),
        ("seals", 60.0, lambda: pipeline.tell(seals.round(clock.now()))),
        ("upkeep", 120.0, service.upkeep),
        ("discovery", 5.0, discovering.work),
        ("configuration", 3.0, configurations.round),
        ("quality", 5.0, quality.round),
        ("playbooks", 1.0, service.playing.round),
        ("remedies", 3.0, remedying.round),
        ("duty", 10.0, duty.round),
        ("intake", 1.0, Intake(store, alerting, lambda: tuple(service.assets.values())).round),
        ("own", min(30.0, settings.collect.interval_s), service.look_at_itself),
        ("topology", 5.0, service.survey.round),
    )
    alerting.carriers |= discovering.carriers
    alerting.carriers |= configurations.carriers
    alerting.carriers |= quality.carriers
    alerting.carriers |= service.playing.carriers
    alerting.carriers |= {"run.begin": remedying.linked(service.playing.carriers["run.begin"])}
    alerting.carriers |= duty.carriers
    alerting.carriers |= inspections.carriers
    service.loops = [Loop(name, seconds, work, pulse.beat) for name, seconds, work in rounds]
    service.playing.runner.nudge = next(loop.nudge for loop in service.loops if loop.name == "playbooks")
    service.follow_remedies = next(loop.nudge for loop in service.loops if loop.name == "auditing")
    discovering.nudge = next(loop.nudge for loop in service.loops if loop.name == "discovery")
    return service


def _complaint(key: str, now: datetime, *, firing: bool, zh: str = "", en: str = "") -> Finding:
    evidence = {"zh": zh, "en": en}
    return Finding(
        time=now, source="self.alerting", asset=SELF, title=f"{zh} / {en}", severity=Severity.HIGH, firing=firing, labels={"part": key}, evidence=evidence
    )


def _inspector(settings: Settings, store: Store) -> Inspector:
    loaded = load_checks((SHIPPED, settings.site_folder / "checks"))
    for error in loaded.errors:
        log.error("check", problem=str(error))
    return Inspector(store, tuple(loaded.checks.values()), settings.events_age)


def _tick(runner: Runner, pulse: Pulse) -> None:
    runner.tick()
    pulse.beat("polling", time.monotonic())


def run_service(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit status."""
    configure_logs(settings.log_level)
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    (settings.data / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    service = build(settings, SystemClock())
    service.estate.plant(service.clock.now())
    service.estate.refresh(service.clock.now())
    service.start()
    log.info("collecting", assets=len(service.assets), polls=len(service.runner.keys()))
    try:
        while not ending.wait(2.0):
            if not service.pulse.is_vital_still(time.monotonic()):
                write_heartbeat(settings.data, time.monotonic())
    finally:
        service.stop()
        log.info("ended cleanly")
    return 0
