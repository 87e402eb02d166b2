"""The wireless part of a controller's page: figures put together, and the page itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from console.desk import Desk
from console.queries import wireless
from core.records import Event, Sample
from inventory.book import Book
from store.base import Store
from tests.console.network import HOSTILE
from tests.console.test_views import Visitor, everything, live, opened, said, visitor

__all__ = ["live", "visitor"]
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def sample(metric: str, value: float, time: datetime = NOW, **labels: str) -> Sample:
    return Sample(time=time, asset="ac1", metric=f"wireless.{metric}", value=value, labels=labels)


def told(time: datetime = NOW) -> list[Sample]:
    return [
        sample("clients", 70, time),
        sample("clients", 60, time, ssid="office"),
        sample("rogues", 2, time),
        sample("access_point.up", 1, time, access_point="ap-1"),
        sample("access_point.up", 1, time, access_point="ap-2"),
        sample("access_point.up", 0, time, access_point=HOSTILE),
        sample("clients", 20, time, access_point="ap-1", radio="1"),
        sample("clients", 5, time, access_point="ap-1", radio="2"),
        sample("channel", 36, time, access_point="ap-2", radio="1"),
        sample("channel.utilization", 91, time, access_point="ap-2", radio="1"),
        sample("associations.failed", 0.5, time, access_point="ap-2"),
    ]


def test_figures_of_radios_belong_to_their_access_point_and_what_is_down_comes_first() -> None:
    air = wireless.air_of(told())
    assert [(point.name, point.state) for point in air.points] == [(HOSTILE, "critical"), ("ap-2", "warning"), ("ap-1", "good")]
    assert (air.clients, air.rogues, air.down, air.networks) == (70, 2, 1, {"office": 60})
    assert (air.points[2].clients, air.points[1].load, air.points[1].failed, air.points[1].radios["1"].channel) == (25, 91, 0.5, 36)


def test_nothing_told_is_nothing_shown() -> None:
    assert wireless.air_of([]).points == []


def seed_controller(store: Store, now: datetime) -> None:
    Book(store).save("ac1", {"kind": "wlc", "name": "无线控制器", "address": "10.0.0.90", "site": "hq"}, source="site", who="site files", now=now)
    store.metrics.write(told(now))
    fields = {"source.mac": "02:00:00:00:00:09", "wireless.access_point": "ap-1"}
    store.events.write([Event(id="rogue", time=now - timedelta(hours=1), asset="ac1", kind="rogue_found", message=f"rogue {HOSTILE}", fields=fields)])


@pytest.mark.slow
@pytest.mark.parametrize(("language", "words"), [("en", "3 access points, 1 of them down, 70 clients"), ("zh_CN", "接入点 3 个，其中离线 1 个，终端 70 台")])
def test_the_page_of_a_controller_has_its_access_points(live: Desk, visitor: Visitor, language: str, words: str) -> None:
    seed_controller(live.store, live.now())
    visitor.account = everything(language=language)
    test = opened("asset.py", id="ac1", tab="wireless")
    assert not test.exception
    assert words in said(test)
    assert "<img" not in said(test)
    tables = [frame.value.to_dict("records") for frame in test.dataframe]
    assert [row for row in tables[-1] if row["MAC"] == "02:00:00:00:00:09"]
