"""YAML and TOML are read with lines, and everything wrong is said with its place."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from core.errors import ConfigError
from core.files import build, parse_yaml, read_toml, read_yaml


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    size: int = 0


def only(text: str) -> object:
    (document,) = parse_yaml(text, "site.yaml")
    return document.data


def test_only_true_and_false_are_booleans() -> None:
    assert only("{a: on, b: off, c: yes, d: no, e: true, f: false}") == {"a": "on", "b": "off", "c": "yes", "d": "no", "e": True, "f": False}


def test_times_dates_and_octals_stay_text() -> None:
    assert only("{a: 08:00, b: 2026-03-01, c: 0755, d: 12, e: 1.5}") == {"a": "08:00", "b": "2026-03-01", "c": "0755", "d": 12, "e": 1.5}


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\na: 2", 2, "stands twice"),
        ("a: [1\n", 2, "expected"),
        ("a: !!python/object:os.system {}", 1, "constructor"),
        ("a: 1\n\tb: 2", 2, "tab character"),
        ("a: &x [*x]", 1, "alias"),
        ("a: &a [x, x, x]\n" + "".join(f"b{n}: &b{n} [{', '.join(['*' + (f'b{n - 1}' if n else 'a')] * 9)}]\n" for n in range(9)), 1, "multiply"),
        ("[" * 50_000, 1, "nesting"),
    ],
)
def test_broken_yaml_names_the_line(text: str, line: int, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        only(text)
    assert caught.value.line == line
    assert part in str(caught.value)


def test_an_unknown_key_is_refused_with_file_line_and_key() -> None:
    (document,) = parse_yaml("name: x\nsise: 3\n", "site.yaml")
    with pytest.raises(ConfigError, match=r"^site\.yaml:2: sise: unknown key$"):
        build(document, Thing)


def test_a_wrong_value_is_not_repeated_since_it_may_be_a_secret() -> None:
    (document,) = parse_yaml("name: x\nsize: hunter2\n", "site.yaml")
    with pytest.raises(ConfigError) as caught:
        build(document, Thing)
    assert "hunter2" not in str(caught.value)
    assert caught.value.line == 2


def test_files_that_cannot_be_text_say_so(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes("名称: x\n值: ".encode() + "中".encode("gbk"))
    with pytest.raises(ConfigError, match=r"a\.yaml:2: is not UTF-8"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "absent.yaml")


def test_toml_keys_have_lines(tmp_path: Path) -> None:
    path = tmp_path / "w.toml"
    path.write_text('port = 1\n[store]\nbackend = "x"\n')
    assert read_toml(path).line(("store", "backend")) == 3
    path.write_text("port = \n")
    with pytest.raises(ConfigError) as caught:
        read_toml(path)
    assert caught.value.line == 1
