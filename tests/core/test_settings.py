"""Settings: a file, then the environment; whatever is wrong names its place."""

from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import Settings, describe, read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wanglou.toml"


def test_every_key_has_a_default(tmp_path: Path) -> None:
    settings = read_settings(None, {"WANGLOU_DATA": str(tmp_path)})
    assert settings == Settings(data=tmp_path)


def test_the_environment_beats_the_file(file: Path) -> None:
    file.write_text("port = 1000\n[collect]\nworkers = 4\n")
    settings = read_settings(file, {"WANGLOU_PORT": "2000", "WANGLOU_COLLECT__INTERVAL_S": "5"})
    assert (settings.port, settings.collect.workers, settings.collect.interval_s) == (2000, 4, 5)


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("colour = 1", {}, r"wanglou\.toml:1: colour: unknown key"),
        ("\n[store]\nurll = 'x'", {}, r"wanglou\.toml:3: store\.urll: unknown key"),
        ("port = 'high'", {}, r"wanglou\.toml:1: port: .*integer"),
        ("timezone = 'Mars'", {}, "is no time zone"),
        ("[retention]\nevents_days = 30", {}, r"wanglou\.toml:2: retention\.events_days: logs and audit are kept at least 190 days"),
        ("", {"WANGLOU_RETENTION__EVENTS_DAYS": "30"}, "WANGLOU_RETENTION__EVENTS_DAYS"),
        ("", {"WANGLOU_STORE__COLOUR": "1"}, "environment variable WANGLOU_STORE__COLOUR: unknown key"),
        ("", {"WANGLOU_STORE__PASSWORD_FILE": "/nowhere/secret"}, "WANGLOU_STORE__PASSWORD_FILE: /nowhere/secret cannot be read"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(file: Path, text: str, environment: dict[str, str], message: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_settings(file, environment)


def test_a_settings_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such settings file"):
        read_settings(tmp_path / "absent.toml", {})


def test_a_secret_comes_from_a_file_and_never_shows(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    settings = read_settings(None, {"WANGLOU_DATA": str(tmp_path), "WANGLOU_STORE__PASSWORD_FILE": str(tmp_path / "secret")})
    assert settings.store.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_describe_lists_nested_keys() -> None:
    keys = [key for key, _, _ in describe()]
    assert {"port", "store.url", "retention.events_days"} <= set(keys)
