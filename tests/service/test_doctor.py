"""The doctor names what is wrong and what to do, and looks at everything although something is wrong."""

from pathlib import Path

import pytest

from service.doctor import Examined, examine


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("WANGLOU_DATA", str(folder))
    return folder


def found(what: str, config: Path | None = None) -> list[Examined]:
    return [one for one in examine(config) if one.what == what]


def test_a_fresh_folder_has_nothing_to_complain_about(data: Path) -> None:
    assert [one.line for one in examine(None) if one.bad and one.what != "disk"] == []
    assert data.exists()


def test_a_folder_open_to_others_is_named_with_the_remedy(data: Path) -> None:
    data.chmod(0o755)
    (one,) = found("data folder")
    assert one.bad
    assert f"chmod 700 {data}" in one.message


def test_wrong_settings_are_named_with_their_line(data: Path) -> None:
    (data / "wanglou.toml").write_text("colour = 1\n")
    (one,) = found("settings")
    assert one.bad
    assert "wanglou.toml:1: colour: unknown key" in one.message


def test_problems_of_site_files_are_told_one_by_one(data: Path) -> None:
    (data / "site").mkdir()
    (data / "site" / "assets.yaml").write_text("assets:\n  - {id: a, level: 9}\n  - {id: b, depends_on: [ghost]}\n")
    lines = [one.line for one in found("site files")]
    assert any("assets.yaml:2" in line for line in lines)
    assert any("ghost" in line for line in lines)


def test_a_readable_master_key_is_a_complaint(data: Path) -> None:
    key = data / "master.key"
    key.write_text("00" * 32)
    key.chmod(0o644)
    assert any(one.bad and "chmod 600" in one.message for one in examine(None))


def test_wrong_protection_objects_and_reports_are_named_with_their_line(data: Path) -> None:
    site = data / "site"
    site.mkdir()
    (site / "objects.yaml").write_text("objects:\n  - {id: oa, name: a, s: 9, a: 1}\n  - {id: web, name: b, s: 3, a: 3}\n", encoding="utf-8")
    (site / "reports.yaml").write_text("reports:\n  - {id: x, every: moon}\n", encoding="utf-8")
    lines = [one for one in found("graded protection") if one.grade != "note"]
    assert [one.bad for one in lines] == [True, True, False]
    assert "objects.yaml:2" in lines[0].message
    assert "reports.yaml:2" in lines[1].message
    assert lines[2].message == "1 protection objects, 0 reports by the calendar"


def test_a_collector_with_an_option_that_it_does_not_know_is_named_with_its_asset(data: Path) -> None:
    (data / "site").mkdir()
    (data / "site" / "assets.yaml").write_text(
        "assets:\n  - {id: db1, kind: database, address: 10.0.0.1, collect: {postgresql: {tls: always}}}\n"
        "  - {id: db2, kind: database, address: 10.0.0.2, collect: {postgresql: {tls: require, interval: 30}}}\n"
    )
    (one,) = found("collectors")
    assert one.bad
    assert "db1: db1.collect.postgresql.tls" in one.message
