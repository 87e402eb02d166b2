"""The runner with plug-ins that behave and that do not."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from collectors.base import Options
from core.clock import SystemClock
from core.errors import AuthRefused, Unreachable
from core.records import Event, Finding, Record, Result, Sample, State
from core.secrets import NoSecrets, Secrets
from inventory.asset import Asset
from service.runner import Clockwork, Runner
from service.runner.checked import Checked
from service.runner.outcome import Memory, judge
from service.runner.pool import Job, Pool

pytestmark = pytest.mark.slow

NOW = datetime(2026, 5, 1, 8, tzinfo=UTC)


class Book:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.results: list[Result] = []
        self.findings: list[Finding] = []
        self.lock = threading.Lock()

    def __call__(self, asset: str, records: Sequence[Record], results: Sequence[Result], findings: Sequence[Finding]) -> None:
        with self.lock:
            self.records += records
            self.results += results
            self.findings += findings

    def ups(self, asset: str) -> list[float]:
        with self.lock:
            return [item.value for item in self.records if isinstance(item, Sample) and item.asset == asset and item.metric == "collector.up"]

    def states(self, asset: str, rule: str) -> list[State]:
        with self.lock:
            return [item.state for item in self.results if item.asset == asset and item.rule == rule]


class NoOptions(Options):
    pass


class Scripted:
    """A collector whose behaviour a test gives: ``behaviour(asset)``."""

    Options: ClassVar = NoOptions
    default_interval_s: ClassVar[float] = 60.0
    deadline_s: ClassVar[float] = 0.5
    behaviour: ClassVar[Callable[[str], Any]]
    at_work: ClassVar[dict[str, int]] = {}
    most_at_work: ClassVar[dict[str, int]] = {}

    def __init__(self, options: NoOptions, secrets: Secrets) -> None:
        pass

    def collect(self, asset: Asset, now: datetime) -> Iterable[Record]:
        cls = type(self)
        cls.at_work[asset.id] = cls.at_work.get(asset.id, 0) + 1
        cls.most_at_work[asset.id] = max(cls.most_at_work.get(asset.id, 0), cls.at_work[asset.id])
        try:
            given: Iterable[Record] = cls.behaviour(asset.id)
            return given
        finally:
            cls.at_work[asset.id] -= 1

    def close(self) -> None:
        pass


REGISTRY = {"scripted": f"{__name__}:Scripted", "seldom": f"{__name__}:Seldom"}


def sample(asset: str, value: float = 1.0) -> Sample:
    return Sample(time=NOW, asset=asset, metric="system.uptime", value=value)


@pytest.fixture
def house() -> Iterator[SimpleNamespace]:
    book = Book()
    Scripted.at_work, Scripted.most_at_work = {}, {}
    runner = Runner(book, NoSecrets(), SystemClock(), workers=4, disable_after=3, registry=REGISTRY)
    works = Clockwork(SystemClock())
    works.every(0.05, "polls", runner.tick)
    works.start()
    yield SimpleNamespace(book=book, runner=runner)
    works.stop()
    runner.close(timeout_s=0.2)


def assets(*names: str, interval: float = 0.2) -> list[Asset]:
    return [Asset(id=name, collect={"scripted": {"interval": interval}}) for name in names]


def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def test_it_polls_again_and_again_and_says_that_the_asset_answers(house: SimpleNamespace) -> None:
    Scripted.behaviour = lambda asset: [sample(asset)]
    assert house.runner.set_assets(assets("a")) == []
    until(lambda: len(house.book.ups("a")) >= 3)
    assert set(house.book.ups("a")) == {1.0}
    assert set(house.book.states("a", "reach")) == {State.OK}


def test_an_asset_that_does_not_answer_is_a_critical_result_and_what_was_read_before_is_kept(house: SimpleNamespace) -> None:
    def half(asset: str) -> Iterator[Sample]:
        yield sample(asset, 7.0)
        raise Unreachable(asset, "timed out")

    Scripted.behaviour = half
    house.runner.set_assets(assets("a"))
    until(lambda: house.book.states("a", "reach") != [])
    assert house.book.states("a", "reach")[0] is State.CRITICAL
    assert house.book.ups("a")[0] == 0.0
    assert any(isinstance(item, Sample) and item.value == 7.0 for item in house.book.records)


def test_a_hanging_poll_ends_at_its_deadline_and_the_others_keep_their_pace(house: SimpleNamespace) -> None:
    release = threading.Event()

    def behave(asset: str) -> list[Sample]:
        if asset.startswith("stuck"):
            release.wait(20)
        return [sample(asset)]

    Scripted.behaviour = behave
    house.runner.set_assets(assets("stuck1", "stuck2", "stuck3", "stuck4", "stuck5", "good", interval=0.3))
    begun = time.monotonic()
    until(lambda: len(house.book.states("stuck1", "reach")) >= 1)
    assert time.monotonic() - begun < 3.0
    assert house.book.states("stuck1", "reach")[0] is State.CRITICAL
    until(lambda: len(house.book.ups("good")) >= 4)
    assert Scripted.most_at_work["stuck1"] == 1, "a poll still running was started again"
    figures = {item.metric: item.value for item in house.runner.samples("self")}
    assert figures["wanglou.runner.stuck"] >= 1
    assert figures["wanglou.runner.skipped"] >= 1
    release.set()
    until(lambda: house.book.ups("stuck1")[-1:] == [1.0])


@pytest.mark.parametrize(
    "garbage",
    [
        lambda asset: 1 / 0,
        lambda asset: None,
        lambda asset: [None],
        lambda asset: "text",
        lambda asset: [sample(asset, float("nan"))],
        lambda asset: [sample(asset, float("inf"))],
        lambda asset: [Sample(time=datetime(2026, 1, 1), asset=asset, metric="m", value=1.0)],  # noqa: DTZ001 - meant
        lambda asset: [Sample(time=NOW, asset=asset, metric="m", value=1.0, labels={"port": 22})],  # type: ignore[dict-item]
        lambda asset: (_ for _ in ()).throw(SystemExit(3)),
    ],
    ids=["raises", "none", "list of none", "text", "nan", "inf", "naive time", "label no text", "exits"],
)
def test_a_broken_plug_in_is_isolated_disabled_and_told(house: SimpleNamespace, garbage: Callable[[str], Any]) -> None:
    Scripted.behaviour = lambda asset: garbage(asset) if asset == "broken" else [sample(asset)]
    house.runner.set_assets(assets("broken", "good", interval=0.1))
    until(lambda: house.book.findings != [])
    [finding] = house.book.findings
    assert (finding.source, finding.asset, finding.firing) == ("collector.disabled", "broken", True)
    polls = len(house.book.ups("broken"))
    until(lambda: len(house.book.ups("good")) > polls + 4)
    assert len(house.book.ups("broken")) == polls == 3
    assert not any(isinstance(item, Sample) and item.asset == "broken" and item.metric == "system.uptime" for item in house.book.records)


def test_an_endless_stream_of_records_is_cut(house: SimpleNamespace) -> None:
    def endless(asset: str) -> Iterator[Sample]:
        while True:
            yield sample(asset)

    Scripted.behaviour = endless
    house.runner.set_assets(assets("a", interval=1.0))
    until(lambda: house.book.ups("a") != [])
    assert house.book.ups("a") == [0.0]


def test_a_wrong_option_is_reported_with_its_key_and_the_others_are_watched(house: SimpleNamespace) -> None:
    Scripted.behaviour = lambda asset: [sample(asset)]
    wrong = Asset(id="w", collect={"scripted": {"tiemout": 3}, "no-such": {}})
    problems = house.runner.set_assets([wrong, *assets("a")])
    assert sorted(str(problem).split(":", maxsplit=1)[0] for problem in problems) == [
        "assets.w.collect.scripted.tiemout",
        "no collector is called 'no-such'; there are",
    ]
    assert house.runner.keys() == [("a", "scripted")]


class Unmakable(Scripted):
    def __init__(self, options: NoOptions, secrets: Secrets) -> None:
        raise RuntimeError("meant")


def test_a_plug_in_that_cannot_even_be_made_is_reported() -> None:
    runner = Runner(Book(), NoSecrets(), SystemClock(), registry={"bad": f"{__name__}:Unmakable"})
    [problem] = runner.set_assets([Asset(id="a", collect={"bad": {}})])
    assert str(problem) == "assets.a.collect.bad: the collector itself failed: RuntimeError: meant"
    assert runner.keys() == []
    assert runner.close(1.0)


def test_threads_do_not_grow_while_a_poll_hangs_for_ever(house: SimpleNamespace) -> None:
    release = threading.Event()

    def behave(asset: str) -> list[Sample]:
        if asset == "stuck":
            release.wait(20)
        return [sample(asset)]

    Scripted.behaviour = behave
    house.runner.set_assets(assets("stuck", "good", interval=0.1))
    until(lambda: len(house.book.ups("good")) > 5)
    mine = {thread.ident for thread in threading.enumerate()}  # threads of other tests in this process may end meanwhile
    until(lambda: len(house.book.ups("good")) > 30)
    grown = [thread for thread in threading.enumerate() if thread.ident not in mine]
    assert len(grown) <= 1
    release.set()


def test_slow_and_silent_targets_never_keep_the_healthy_waiting(house: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runner.runner.PATIENCE_S", 0.2)

    def behave(asset: str) -> list[Sample]:
        if asset.startswith("slow"):
            time.sleep(0.4)
        if asset.startswith("silent"):
            time.sleep(0.4)
            raise Unreachable(asset, "timed out")
        return [sample(asset)]

    Scripted.behaviour = behave
    troubled = assets(*(f"slow{number}" for number in range(4)), *(f"silent{number}" for number in range(4)), interval=0.6)
    house.runner.set_assets(troubled)
    until(lambda: {item.metric: item.value for item in house.runner.samples("self")}["wanglou.runner.slow"] == 8)
    house.runner.set_assets([*troubled, *assets("good", interval=0.1)])
    house.runner.samples("self")
    begun, before = time.monotonic(), len(house.book.ups("good"))
    until(lambda: len(house.book.ups("good")) - before >= 20)
    assert time.monotonic() - begun < 4.0, "the healthy one lost its pace"
    Scripted.behaviour = lambda asset: [sample(asset)]
    until(lambda: {item.metric: item.value for item in house.runner.samples("self")}["wanglou.runner.slow"] == 0)


def test_polls_that_turn_slow_give_their_place_to_others() -> None:
    release, done = threading.Event(), threading.Event()

    def wait(_job: Job) -> None:
        release.wait(10)

    pool = Pool(2, 100, time.monotonic, patience_s=0.1, aside=2)
    for number in range(2):
        pool.submit(Job(f"slow{number}", wait, 60))
    pool.submit(Job("quick", lambda _: done.set(), 60))
    assert not done.wait(0.3)
    assert pool.reap() == []
    assert done.wait(5), "the quick job still waits behind the slow ones"
    assert not pool.close(0.2), "slow jobs are waited for"
    release.set()
    assert pool.close(5)


def test_an_asset_taken_off_the_list_is_not_polled_any_more(house: SimpleNamespace) -> None:
    Scripted.behaviour = lambda asset: [sample(asset)]
    house.runner.set_assets(assets("a", "b", interval=0.1))
    until(lambda: house.book.ups("a") != [] and house.book.ups("b") != [])
    house.runner.set_assets(assets("b", interval=0.1))
    time.sleep(0.2)
    count = len(house.book.ups("a"))
    until(lambda: len(house.book.ups("b")) > 8)
    assert len(house.book.ups("a")) == count


def test_a_poll_can_be_asked_for_at_once(house: SimpleNamespace) -> None:
    Scripted.behaviour = lambda asset: [sample(asset)]
    house.runner.set_assets(assets("a", interval=3600.0))
    until(lambda: len(house.book.ups("a")) == 1)
    assert house.runner.poll_now("a") == 1
    until(lambda: len(house.book.ups("a")) == 2)


class Seldom(Scripted):
    """Reads what it reads seldom when it is told to."""

    told: ClassVar[list[str]] = []

    def anew(self) -> None:
        self.told.append("anew")


def test_a_poll_that_is_to_read_everything_says_so_once_to_the_collector_that_can(house: SimpleNamespace) -> None:
    Scripted.behaviour = lambda asset: [sample(asset)]
    house.runner.set_assets([Asset(id="a", collect={"scripted": {"interval": 3600.0}, "seldom": {"interval": 3600.0}})])
    until(lambda: len(house.book.ups("a")) == 2)
    assert Seldom.told == []
    assert house.runner.poll_now("a", anew=True) == 2
    until(lambda: len(house.book.ups("a")) == 4)
    assert house.runner.poll_now("a") == 2
    until(lambda: len(house.book.ups("a")) == 6)
    assert Seldom.told == ["anew"]


def test_a_poll_asked_for_while_one_runs_follows_it(house: SimpleNamespace) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(asset: str) -> list[Record]:
        begun.set()
        go_on.wait(30)
        return [sample(asset)]

    Scripted.behaviour = slow
    house.runner.set_assets(assets("a", interval=3600.0))
    until(begun.is_set)
    assert house.runner.poll_now("a") == 1
    go_on.set()
    until(lambda: len(house.book.ups("a")) == 2)


def test_a_sink_that_fails_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []

    def sink(asset: str, records: Sequence[Record], results: Sequence[Result], findings: Sequence[Finding]) -> None:
        calls.append(asset)
        raise RuntimeError("disk full")

    Scripted.behaviour = lambda asset: [sample(asset)]
    runner = Runner(sink, NoSecrets(), SystemClock(), workers=2, registry=REGISTRY)
    runner.set_assets(assets("a", interval=0.1))
    end = time.monotonic() + 5
    while len(calls) < 3 and time.monotonic() < end:
        runner.tick()
        time.sleep(0.02)
    assert len(calls) >= 3
    assert runner.close(2.0)


KEY = ("a", "ssh")


def test_the_log_speaks_once_when_it_goes_and_once_when_it_returns() -> None:
    memory, turns = Memory(), []
    for error in [None, Unreachable("a", "x"), Unreachable("a", "x"), None, None]:
        report, memory = judge(KEY, Checked(error=error), 0.1, memory, NOW, 5)
        turns.append(report.turn)
    assert turns == ["", "away", "", "back", ""]


def test_refused_credentials_do_not_mean_that_the_asset_is_away() -> None:
    report, _ = judge(KEY, Checked(error=AuthRefused("a", "permission denied")), 0.1, Memory(), NOW, 5)
    assert {result.rule: result.state for result in report.results} == {"reach": State.OK, "collect": State.CRITICAL}
    assert [item.kind for item in report.records if isinstance(item, Event)] == ["credentials_refused"]


def test_a_disabled_plug_in_that_works_again_is_cleared() -> None:
    memory = Memory()
    for _ in range(3):
        _, memory = judge(KEY, Checked(fault="bad"), 0.1, memory, NOW, 3)
    assert memory.rests(NOW)
    report, memory = judge(KEY, Checked(), 0.1, memory, NOW, 3)
    assert [finding.firing for finding in report.findings] == [False]
    assert not memory.rests(NOW)
