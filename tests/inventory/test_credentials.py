"""Credentials are sealed, used by name, and nowhere to be read."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError, NotFound
from inventory.credentials import Vault, master_key, open_sealed, seal
from store.base import Store

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KEY = bytes(range(32))


def test_what_is_sealed_comes_back_and_stands_nowhere_in_clear(store: Store, tmp_path: Path) -> None:
    vault = Vault(store, KEY)
    vault.put("core", {"username": "ops", "password": "hunter2-secret"}, who="li", now=NOW)
    assert vault.get("core").password == "hunter2-secret"
    store.close()
    files = [path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert files
    assert not any(b"hunter2-secret" in content for content in files)


def test_a_secret_never_shows_in_a_repr(store: Store) -> None:
    vault = Vault(store, KEY)
    vault.put("core", {"password": "hunter2-secret"}, who="li", now=NOW)
    assert "hunter2" not in f"{vault.get('core')!r} {vault.get('core')}"


def test_an_empty_field_keeps_the_secret_stored_before(store: Store) -> None:
    vault = Vault(store, KEY)
    vault.put("core", {"username": "ops", "password": "one"}, who="li", now=NOW)
    vault.put("core", {"username": "new", "password": ""}, who="li", now=NOW)
    assert (vault.get("core").username, vault.get("core").password) == ("new", "one")


def test_another_master_key_opens_nothing(store: Store) -> None:
    Vault(store, KEY).put("core", {"password": "x"}, who="li", now=NOW)
    with pytest.raises(ConfigError, match="another master key"):
        Vault(store, bytes(32)).get("core")


def test_rotation_leaves_the_old_key_useless(store: Store) -> None:
    vault = Vault(store, KEY)
    vault.put("core", {"password": "x"}, who="li", now=NOW)
    assert vault.rotate(bytes(32), who="li", now=NOW) == 1
    assert vault.get("core").password == "x"
    with pytest.raises(ConfigError):
        Vault(store, KEY).get("core")


def test_a_sealed_field_cannot_be_moved_to_another_place() -> None:
    box = seal(KEY, "core/password", "x")
    with pytest.raises(ConfigError):
        open_sealed(KEY, "other/password", box)


def test_uses_of_the_vault_are_audited_without_values(store: Store) -> None:
    vault = Vault(store, KEY)
    vault.put("core", {"password": "hunter2"}, who="li", now=NOW)
    vault.remove("core", who="li", now=NOW)
    entries = store.audit.read()
    assert [entry.action for entry in entries] == ["credential.put", "credential.remove"]
    assert "hunter2" not in str(entries)
    with pytest.raises(NotFound, match="wanglou credential put core"):
        vault.get("core")


def test_an_unknown_field_is_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"core\.pasword"):
        Vault(store, KEY).put("core", {"pasword": "x"}, who="li", now=NOW)


def test_the_key_file_is_made_once_and_must_be_private(tmp_path: Path) -> None:
    first = master_key(tmp_path, {})
    assert master_key(tmp_path, {}) == first
    path = tmp_path / "master.key"
    assert path.stat().st_mode & 0o077 == 0
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        master_key(tmp_path, {})


@pytest.mark.parametrize(
    ("environment", "message"),
    [({"WANGLOU_MASTER_KEY": "abc"}, "64 hexadecimal digits"), ({"WANGLOU_MASTER_KEY_FILE": "/nowhere"}, "does not exist")],
)
def test_a_wrong_source_of_the_key_says_what_is_wrong(tmp_path: Path, environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        master_key(tmp_path, environment)


def test_the_key_may_come_from_the_environment(tmp_path: Path) -> None:
    key = os.urandom(32)
    assert master_key(tmp_path, {"WANGLOU_MASTER_KEY": key.hex()}) == key
    assert not (tmp_path / "master.key").exists()
