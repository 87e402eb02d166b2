"""Working days in China, and the site's own."""

from datetime import date, datetime
from pathlib import Path

import pytest

from core.calendar import SHANGHAI, Calendar, DayKind, load_calendar
from core.errors import ConfigError

PLAIN = Calendar(national=False)


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        (date(2026, 10, 1), DayKind.HOLIDAY),
        (date(2026, 10, 10), DayKind.MAKEUP),
        (date(2026, 10, 9), DayKind.WORKDAY),
        (date(2026, 10, 11), DayKind.WEEKEND),
        (date(2031, 10, 1), DayKind.WORKDAY),  # a year without a notice is judged by weekday
    ],
)
def test_national_days(day: date, kind: DayKind) -> None:
    assert Calendar().kind(day) is kind


def test_the_sites_days_win_and_a_day_in_both_lists_works() -> None:
    day = date(2026, 4, 7)
    assert Calendar(holidays={day: "x"}).kind(day) is DayKind.HOLIDAY
    assert Calendar(holidays={day: "x"}, working={day: ""}).is_working(day)


def test_working_days_are_counted_over_a_weekend() -> None:
    friday = datetime(2026, 3, 6, 15, 0, tzinfo=SHANGHAI)
    assert PLAIN.add_working_days(friday, 2) == datetime(2026, 3, 10, 15, 0, tzinfo=SHANGHAI)


def test_a_site_file_extends_the_calendar(tmp_path: Path) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text("holidays:\n  - {day: 2027-01-04, name: 馆庆}\nworking: [2027-01-09]\n", encoding="utf-8")
    calendar = load_calendar(path)
    assert calendar.kind(date(2027, 1, 4)) is DayKind.HOLIDAY
    assert calendar.name(date(2027, 1, 4)) == "馆庆"
    assert calendar.kind(date(2027, 1, 9)) is DayKind.MAKEUP


@pytest.mark.parametrize(("text", "line"), [("holidays: [soon]", 1), ("holidays: []\nwork: []", 2)])
def test_a_wrong_calendar_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "calendar.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_calendar(path)
    assert caught.value.line == line
