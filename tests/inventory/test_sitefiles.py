"""The site folder: everything good is taken, everything wrong is named with its place."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from inventory.sitefiles import read_site, spread


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_broken_file_and_a_broken_entry_do_not_stop_the_others(tmp_path: Path) -> None:
    write(tmp_path, "assets.yaml", "assets:\n  - id: a\n  - {id: b, level: 9}\n  - {id: c, colour: red}\n")
    write(tmp_path, "assets/net.yaml", "assets: [{id: d}\n")
    write(tmp_path, "assets/more.yaml", "assets:\n  - {id: e}\n  - {id: a}\n")
    found = read_site(tmp_path)
    assert [asset.id for asset in found.assets] == ["a", "e"]
    places = [(Path(str(problem.path)).name, problem.line) for problem in found.problems]
    assert places == [("assets.yaml", 3), ("assets.yaml", 4), ("net.yaml", 2), ("more.yaml", 3)]


def test_a_span_of_ids_declares_many(tmp_path: Path) -> None:
    write(tmp_path, "assets.yaml", 'assets: [{id: "srv[08-11]", kind: server}]')
    assert [asset.id for asset in read_site(tmp_path).assets] == ["srv08", "srv09", "srv10", "srv11"]


def test_people_are_read_and_a_missing_folder_is_an_empty_site(tmp_path: Path) -> None:
    write(tmp_path, "people.yaml", "people: [{id: li, roles: [operator], receivers: [li-mail]}, {id: x, roles: [king]}]")
    found = read_site(tmp_path)
    assert [person.id for person in found.people] == ["li"]
    assert len(found.problems) == 1
    assert read_site(tmp_path / "absent").assets == ()


@pytest.mark.parametrize("text", ["a[5-1]", "a[1-99999]"])
def test_a_senseless_span_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="spans"):
        spread(text)


def test_a_file_with_another_shape_is_named(tmp_path: Path) -> None:
    write(tmp_path, "assets.yaml", "- id: a\n")
    (problem,) = read_site(tmp_path).problems
    assert "one key, 'assets'" in str(problem)
