"""Expiry, forecast, change, rate and silence: when each begins, how it speaks and when it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.records import Finding, Sample, Severity
from detectors.series.change import Change, change_points
from detectors.series.expiry import Expiry
from detectors.series.forecast import Forecast, outlook
from detectors.series.memory import pack
from detectors.series.offload import Inline
from detectors.series.rate import Rate, movement
from detectors.series.silence import GONE, NoData
from tests.detectors.series import START, run, sample

DISK, MEMORY, HEAT = "system.filesystem.utilization", "system.memory.utilization", "hw.temperature"


def firing(findings: list[Finding]) -> list[bool]:
    return [finding.firing for finding in findings]


def hourly(metric: str, values: list[float], asset: str = "web1") -> Iterator[list[Sample]]:
    for hour, value in enumerate(values):
        yield [sample(metric, value, START + timedelta(hours=hour), asset)]


class TestExpiry:
    NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)

    def steps(self, *days: float) -> list[tuple[bool, Severity]]:
        judged = Expiry()
        found = [one for at, left in enumerate(days) for one in judged.observe([sample("licence.days_left", left, self.NOW + timedelta(days=at))])]
        return [(one.firing, one.severity) for one in found]

    def test_it_grows_graver_at_thirty_fourteen_and_seven_days(self) -> None:
        expected = [(True, Severity.INFO), (True, Severity.WARNING), (True, Severity.HIGH)]
        assert self.steps(31, 30, 29.9, 20, 14, 13.9, 8, 7, 6.9, 0, -3) == expected

    def test_it_ends_when_it_was_renewed(self) -> None:
        assert self.steps(5, 365, 364) == [(True, Severity.HIGH), (False, Severity.HIGH)]

    def test_it_leaves_certificates_to_their_rules(self) -> None:
        assert Expiry().observe([sample("tls.certificate.days_left", 1, self.NOW)]) == []

    def test_no_number_is_no_date(self) -> None:
        assert self.steps(math.nan, math.inf) == []

    def test_dates_of_an_asset_are_told_in_words(self) -> None:
        (found,) = Expiry().dates("ups-a", {"warranty": "2026-03-12", "contract": "2027-01-01", "licence": "soon"}, self.NOW)
        assert (found.asset, found.severity, found.labels) == ("ups-a", Severity.WARNING, {"date": "warranty"})
        assert found.evidence["zh"] == "保修还有 10 天到期"
        assert found.evidence["en"] == "Warranty: 10 days left"

    def test_a_date_that_was_taken_away_ends(self) -> None:
        judged = Expiry()
        (begun,) = judged.dates("ups-a", {"warranty": "2026-03-12"}, self.NOW)
        (ended,) = judged.dates("ups-a", {}, self.NOW)
        assert (begun.firing, ended.firing) == (True, False)
        assert begun.fingerprint == ended.fingerprint
        assert list(judged.dates("ups-a", {}, self.NOW)) == []

    def test_the_last_day_belongs_to_the_date(self) -> None:
        (today,) = Expiry().dates("a", {"contract": "2026-03-02"}, self.NOW)
        (late,) = Expiry().dates("a", {"contract": "2026-03-01"}, self.NOW)
        assert today.evidence["en"] == "Contract: 0 days left"
        assert late.evidence["en"] == "Contract: expired 1 days ago"


class TestForecast:
    def growing(self, per_day: float, start: float = 60.0, days: int = 5) -> list[Finding]:
        wave = [start + per_day * hour / 24 + 3 * math.sin(hour / 24 * 2 * math.pi) for hour in range(24 * days)]
        return run(Forecast(), hourly(DISK, wave))

    def test_a_disk_that_grows_is_told_before_it_is_full(self) -> None:
        found = self.growing(4, start=60, days=6)
        assert found[-1].firing
        assert found[-1].severity is Severity.WARNING
        assert found[-1].evidence["per_day"] == pytest.approx(4, abs=0.4)
        days, earliest, latest = (found[-1].evidence[key] for key in ("days", "earliest", "latest"))
        assert earliest <= days <= latest
        value = found[-1].evidence["value"]
        assert days == pytest.approx((100 - value) / 4, abs=2)

    def test_it_is_grave_within_three_days(self) -> None:
        assert self.growing(10, start=55, days=4)[-1].severity is Severity.HIGH

    def test_a_steady_disk_with_a_daily_wave_is_no_forecast(self) -> None:
        assert self.growing(0, start=90, days=10) == []

    def test_it_ends_after_a_clean_up(self) -> None:
        full = [60 + hour / 6 for hour in range(120)]
        found = run(Forecast(), hourly(DISK, [*full, *([40.0] * 24 * 14)]))
        assert firing(found)[0] is True
        assert firing(found)[-1] is False

    def test_it_grows_graver_but_is_not_told_back_and_forth(self) -> None:
        wobbling = [70 + hour / 24 * (5 + 3 * (hour // 12 % 2)) for hour in range(24 * 5)]
        severities = [one.severity for one in run(Forecast(), hourly(DISK, wobbling))]
        assert severities == sorted(set(severities), key=lambda one: -one.rank)

    def test_noise_without_growth_is_no_forecast(self) -> None:
        import random

        rng = random.Random(5)
        assert run(Forecast(), hourly(DISK, [93 + rng.gauss(0, 2) for _ in range(24 * 20)])) == []

    def test_less_than_a_day_is_no_forecast(self) -> None:
        assert outlook(range(23), [float(hour) for hour in range(23)], 100) is None

    def test_it_is_scored_against_what_came(self) -> None:
        judged = Forecast()
        run(judged, hourly(DISK, [50 + hour / 24 for hour in range(24 * 6)]))
        (error,) = judged.errors().values()
        assert error < 0.2

    def test_a_wrong_forecast_shows_its_error(self) -> None:
        judged = Forecast()
        run(judged, hourly(DISK, [50 + 20 * math.sin(hour * hour / 700) for hour in range(24 * 4)]))
        (error,) = judged.errors().values()
        assert error > 0.2

    def test_its_intervals_are_scored_and_hold_nine_in_ten(self) -> None:
        import random

        rng, judged = random.Random(8), Forecast()
        run(judged, hourly(DISK, [30 + hour / 48 + rng.gauss(0, 1) for hour in range(24 * 24)]))
        (row,) = judged.rows()
        assert row.scored > 300
        assert row.hit == pytest.approx(0.9, abs=0.07)
        assert row.width is not None
        assert row.error is not None
        assert row.error < row.width

    def test_what_runs_down_is_foreseen_too(self) -> None:
        found = run(Forecast(), hourly("hw.ups.runtime", [60 - 5 * hour / 24 for hour in range(24 * 5)]))
        assert found[-1].firing
        assert found[-1].evidence["per_day"] == pytest.approx(-5, abs=0.2)
        assert "falls by 5 min a day: used up" in found[-1].evidence["en"]
        assert "每天减少" in found[-1].evidence["zh"]

    def test_optical_power_that_sinks_towards_the_module_s_limit_is_told_and_a_daily_wave_is_not(self) -> None:
        def margin(per_day: float, wave: float = 0.3) -> list[float]:
            return [4 - per_day * hour / 24 + wave * math.sin(hour * math.pi / 12) for hour in range(24 * 12)]

        (found,) = run(Forecast(), hourly("hw.optical_power.margin", margin(0.2)))
        assert (found.firing, found.severity) == (True, Severity.WARNING)
        assert found.title == "光功率距模块自身限值 即将用尽 / Optical power within the module's own limits will be used up"
        assert run(Forecast(), hourly("hw.optical_power.margin", margin(0.0))) == []
        assert run(Forecast(), hourly("hw.optical_power.margin", margin(0.2)[: 24 * 6])) == []

    def test_a_port_without_light_is_no_fibre_that_fails(self) -> None:
        assert run(Forecast(), hourly("hw.optical_power.margin", [4.0] * 24 * 8 + [0.0] * 24 * 4)) == []

    def test_a_slow_leak_of_memory_is_told_days_before(self) -> None:
        import random

        rng = random.Random(9)
        found = run(Forecast(), hourly("system.memory.utilization", [50 + 3 * hour / 24 + rng.gauss(0, 0.5) for hour in range(24 * 8)]))
        assert found[0].firing
        assert found[0].evidence["days"] > 7

    def test_what_version_1_wrote_is_taken_over(self) -> None:
        key = "a\x1fsystem.filesystem.utilization"
        old = pack("forecast", 1, {"tracks": [[key, 1.0, [5, 50.0, 1, *(number for hour in range(30) for number in (hour, 50.0))], "", [[29, 51.0]], [0.5]]]})
        judged = Forecast()
        judged.restore(old)
        assert judged.errors() == {key: 0.5}
        assert judged.rows()[0].scored == 0

    def test_the_interval_holds_the_line_and_widens_with_noise(self) -> None:
        import random

        rng = random.Random(3)
        hours = range(24 * 14)
        plain = outlook(hours, [20 + hour / 12 for hour in hours], 100)
        noisy = outlook(hours, [20 + hour / 12 + rng.gauss(0, 6) for hour in hours], 100)
        assert plain is not None
        assert noisy is not None
        assert plain.earliest == pytest.approx(plain.latest, rel=0.01)
        assert noisy.earliest < plain.days < noisy.latest


class TestChange:
    def test_it_finds_the_hour_of_a_step_in_a_daily_wave(self) -> None:
        wave = [50 + 5 * math.sin(hour / 24 * 2 * math.pi) + math.sin(hour * 1.7) + (30 if hour >= 100 else 0) for hour in range(160)]
        steps = change_points(range(160), wave)
        assert [abs(step.hour - 100) <= 1 for step in steps] == [True]
        assert steps[0].after - steps[0].before == pytest.approx(30, abs=6)

    def test_a_wave_alone_has_no_steps(self) -> None:
        assert change_points(range(240), [50 + 20 * math.sin(hour / 24 * 2 * math.pi) + math.sin(hour * 1.7) for hour in range(240)]) == []

    def test_a_constant_series_has_no_steps(self) -> None:
        assert change_points(range(100), [7.0] * 100) == []

    def test_a_new_level_is_told_once_and_ended_after_a_day(self) -> None:
        values = [40 + math.sin(hour * 1.7) + (20 if hour >= 72 else 0) for hour in range(150)]
        found = run(Change(offload=Inline()), hourly(MEMORY, values))
        assert firing(found) == [True, False]
        assert found[0].severity is Severity.INFO
        assert found[0].evidence["after"] - found[0].evidence["before"] == pytest.approx(20, abs=1)
        assert found[0].time - (START + timedelta(hours=72)) <= timedelta(hours=14)
        assert found[1].time - (START + timedelta(hours=72)) > timedelta(hours=30)

    def test_metrics_that_are_not_watched_are_left_alone(self) -> None:
        assert run(Change(offload=Inline()), hourly("system.uptime", [0.0] * 60 + [1e6] * 60)) == []


class TestRate:
    def heat(self, *values: float) -> list[Finding]:
        batches = ([sample(HEAT, value, START + timedelta(minutes=minute), "room1", {"sensor": "cold aisle"})] for minute, value in enumerate(values))
        return run(Rate(), batches)

    def test_a_room_that_warms_up_is_told_long_before_it_is_hot(self) -> None:
        found = self.heat(22, 22, 22, 23, 24, 25, 26, 27, 28)
        assert firing(found) == [True]
        assert found[0].severity is Severity.HIGH
        assert found[0].evidence["value"] <= 28
        assert "分钟内上升" in found[0].evidence["zh"]

    def test_it_ends_when_the_room_is_steady(self) -> None:
        assert firing(self.heat(22, 22, 22, 25, 27, 28, 28, *([28] * 15))) == [True, False]

    def test_a_lone_spike_does_not_count(self) -> None:
        assert self.heat(22, 22, 22, 22, 60, 22, 22, 22) == []

    def test_slow_warming_does_not_count(self) -> None:
        assert self.heat(*(20 + minute / 4 for minute in range(60))) == []

    def test_falling_counts_where_falling_is_bad(self) -> None:
        batches = ([sample("hw.ups.charge", 100 - 3 * minute, START + timedelta(minutes=minute), "ups")] for minute in range(12))
        assert firing(run(Rate(), batches)) == [True]

    def test_repeated_late_and_missing_rows_are_passed_over(self) -> None:
        judged = Rate()
        rows = [(0, 22), (1, 22), (1, 90), (0, 90), (2, math.nan), (3, 22), (4, 22)]
        assert [one for minute, value in rows for one in judged.observe([sample(HEAT, value, START + timedelta(minutes=minute))])] == []

    def test_movement_needs_four_values(self) -> None:
        assert movement([1, 2, 9], rising=True) == 0
        assert movement([1, 1, 9, 9], rising=True) == 8
        assert movement([9, 9, 1, 1], rising=False) == -8


class TestNoData:
    def poll(self, row: int, *metrics: str, up: float = 1.0) -> list[Sample]:
        time = START + timedelta(minutes=row)
        return [*(sample(metric, 1.0, time) for metric in metrics), sample("collector.up", up, time, labels={"collector": "ssh"})]

    def polls(self, *batches: tuple[str, ...] | None) -> list[Finding]:
        judged = NoData()
        found = []
        for row, metrics in enumerate(batches):
            found += judged.observe(self.poll(row, up=0.0) if metrics is None else self.poll(row, *metrics))
        return found

    def test_three_good_polls_without_the_series_are_told(self) -> None:
        found = self.polls(*[(MEMORY, DISK)] * 4, *[(DISK,)] * 3)
        assert [(one.firing, one.labels["metric"]) for one in found] == [(True, MEMORY)]
        assert found[0].time == START + timedelta(minutes=6)
        assert found[0].evidence["last_seen"] == (START + timedelta(minutes=3)).isoformat()
        assert "采集器 ssh 工作正常" in found[0].evidence["zh"]

    def test_a_failing_collector_is_ruled_out_first(self) -> None:
        assert self.polls(*[(MEMORY, DISK)] * 4, *[None] * 10, *[(MEMORY, DISK)] * 3) == []

    def test_failed_polls_between_do_not_count(self) -> None:
        assert self.polls(*[(MEMORY, DISK)] * 4, (DISK,), None, None, (DISK,), (MEMORY, DISK)) == []

    def test_a_batch_without_its_collectors_mark_proves_nothing(self) -> None:
        judged = NoData()
        for row in range(4):
            judged.observe(self.poll(row, MEMORY, DISK))
        assert [judged.observe([sample(DISK, 1, START + timedelta(minutes=row))]) for row in range(4, 14)] == [[]] * 10

    def test_it_ends_when_the_series_is_back(self) -> None:
        assert firing(self.polls(*[(MEMORY,)] * 4, *[(DISK,)] * 4, (MEMORY,))) == [True, False]

    def test_a_series_that_comes_and_goes_is_never_told(self) -> None:
        assert self.polls(*[(MEMORY, DISK), (MEMORY, DISK), (DISK,), (DISK,)] * 10) == []

    def test_processes_and_interfaces_may_go(self) -> None:
        assert self.polls(*[("process.cpu", "network.interface.io", DISK)] * 5, *[(DISK,)] * 5) == []

    def test_what_stays_away_is_taken_to_be_gone(self) -> None:
        found = self.polls(*[(MEMORY, DISK)] * 4, *[(DISK,)] * (GONE + 5))
        assert firing(found) == [True, False]

    def test_two_collectors_of_one_asset_are_told_apart(self) -> None:
        judged = NoData()
        found = []
        for row in range(12):
            found += judged.observe(self.poll(row, MEMORY, DISK))
            time = START + timedelta(minutes=row, seconds=30)
            found += judged.observe([sample("http.client.up", 1.0, time), sample("collector.up", 1.0, time, labels={"collector": "http"})])
        assert found == []
