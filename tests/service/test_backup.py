"""A backup made while the store is written comes back whole, and a damaged one is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigError, StoreError
from core.records import Event, Sample
from core.settings import Settings
from service.backup import make_backup, restore_backup
from store.base import Selector
from store.filter import EVERYTHING
from store.open import open_store

NOW = datetime(2026, 3, 2, tzinfo=UTC)
LATER = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def fill(settings: Settings) -> Path:
    """Write one of everything, back it up while the store is open, and write more afterwards."""
    store = open_store("embedded", settings.data, "service")
    try:
        store.metrics.write([Sample(time=NOW, asset="a", metric="m", value=1.5)])
        store.events.write([Event(id="e1", time=NOW, asset="a", kind="log", message="磁盘告警")])
        store.documents.put("asset", "a", {"x": 1})
        store.audit.append(time=NOW, actor="li", action="test", object="a", body={})
        (settings.data / "site").mkdir()
        (settings.data / "site" / "assets.yaml").write_text("assets: []\n")
        (settings.data / "reports").mkdir()
        (settings.data / "reports" / "summary.pdf").write_bytes(b"%PDF")
        (settings.data / "attachments").mkdir()
        (settings.data / "attachments" / "0a").write_bytes(b"photo")
        (settings.data / "master.key").write_text("secret")
        folder = make_backup(settings, settings.data.parent / "backups", NOW)
        store.documents.put("asset", "b", {"x": 2})
    finally:
        store.close()
    return folder


def test_everything_comes_back_but_the_master_key(settings: Settings, tmp_path: Path) -> None:
    folder = fill(settings)
    assert not (folder / "master.key").exists()
    restored = Settings(data=tmp_path / "restored")
    lines = list(restore_backup(restored, folder))
    assert "the audit chain is whole" in lines
    assert any("master key" in line for line in lines)
    store = open_store("embedded", restored.data, "service")
    try:
        assert store.metrics.series(Selector())[0].value == 1.5
        assert [event.id for event in store.events.search(EVERYTHING, since=NOW, until=LATER).items] == ["e1"]
        assert [document.id for document in store.documents.find("asset").items] == ["a"]
    finally:
        store.close()
    assert (restored.data / "site" / "assets.yaml").exists()
    assert (restored.data / "reports" / "summary.pdf").read_bytes() == b"%PDF"
    assert (restored.data / "attachments" / "0a").read_bytes() == b"photo"


def test_one_flipped_bit_is_found_before_anything_is_restored(settings: Settings, tmp_path: Path) -> None:
    folder = fill(settings)
    victim = next(folder.glob("events-*.db"))
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 1
    victim.write_bytes(raw)
    with pytest.raises(StoreError, match="damaged"):
        list(restore_backup(Settings(data=tmp_path / "restored"), folder))
    assert not (tmp_path / "restored").exists()


def test_a_folder_with_data_is_not_overwritten(settings: Settings) -> None:
    folder = fill(settings)
    with pytest.raises(ConfigError, match="not empty"):
        list(restore_backup(settings, folder))


def test_what_is_no_backup_says_so(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no readable manifest"):
        list(restore_backup(settings, tmp_path))
    with pytest.raises(ConfigError, match="no such data folder"):
        make_backup(settings, tmp_path / "backups", NOW)


def test_a_manifest_that_points_outside_is_refused(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    (tmp_path / "evil" / "manifest.json").write_text('{"format": 1, "sha256": {"../../etc/passwd": "x"}}')
    with pytest.raises(ConfigError, match="outside"):
        list(restore_backup(settings, tmp_path / "evil"))
