"""Change windows of calendar.yaml."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.calendar import load_calendar
from core.errors import ConfigError
from inventory.asset import Asset
from inventory.configuration.windows import is_allowed, load_windows

TEXT = """national: true
change_windows:
  - {days: [tue, thu], from: "22:00", until: "02:00", kinds: [switch, router]}
  - {on: [2026-03-07], from: "08:00", until: "20:00", sites: [hq]}
  - {days: [holiday], from: "00:00", until: "23:59", assets: [lab-sw]}
"""
SWITCH = Asset(id="sw1", kind="switch", site="branch")


def site(tmp_path: Path, text: str = TEXT) -> Path:
    path = tmp_path / "calendar.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("moment", "asset", "allowed"),
    [
        ("2026-03-03T22:30", SWITCH, True),  # a Tuesday
        ("2026-03-04T01:59", SWITCH, True),  # past midnight
        ("2026-03-04T02:00", SWITCH, False),
        ("2026-03-04T22:30", SWITCH, False),  # a Wednesday
        ("2026-03-07T09:00", SWITCH, False),
        ("2026-03-07T09:00", Asset(id="fw", kind="firewall", site="hq"), True),
        ("2026-03-07T09:00", Asset(id="fw", kind="firewall", site="branch"), None),
        ("2026-10-01T10:00", Asset(id="lab-sw", kind="lab"), True),
        ("2026-10-09T10:00", Asset(id="lab-sw", kind="lab"), False),
    ],
)
def test_a_change_is_allowed_within_the_windows_of_its_asset(tmp_path: Path, moment: str, asset: Asset, allowed: bool | None) -> None:
    path = site(tmp_path)
    assert is_allowed(asset, at(moment), load_windows(path), load_calendar(path)) is allowed


def test_without_windows_nothing_is_judged(tmp_path: Path) -> None:
    assert load_windows(tmp_path / "none.yaml") == ()
    assert is_allowed(SWITCH, at("2026-03-03T12:00"), (), load_calendar(None)) is None
    assert load_windows(site(tmp_path, "national: true\n")) == ()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{days: [tue], from: "25:00", until: "02:00"}', "no time of day"),
        ("{days: [tue], from: 22:00, until: 23:00, kind: x}", "kind"),
        ('{from: "08:00", until: "09:00"}', "names no day"),
        ('{days: [tuesday], from: "08:00", until: "09:00"}', "days"),
    ],
)
def test_a_bad_window_is_told_with_its_line(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        load_windows(site(tmp_path, f"change_windows:\n  - {entry}\n"))
    assert "calendar.yaml:2" in str(caught.value)
