from __future__ import annotations

import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compliance import evidence
from core.errors import ConfigError
from core.records import Snapshot
from core.settings import Settings
from service.cli import app
from service.own_state import own_state
from service.seals import Seals, broken_by, examine, kept_seals, last_seal, read_seal, take_seal
from store.base import Store
from store.embedded import open_embedded

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_embedded(tmp_path / "data", "service")
    yield opened
    opened.close()


def settings_with(tmp_path: Path, **seal: object) -> Settings:
    return Settings.model_validate({"data": tmp_path / "data", "seal": seal})


def act(store: Store, what: str) -> None:
    store.audit.append(time=NOW, actor="wang", action=what, object="x", body={})


def seals_of(settings: Settings, store: Store) -> Seals:
    return Seals(settings, store, lambda: NOW)


def rewrite(tmp_path: Path) -> None:
    """What an intruder with the files does: the whole audit anew, every hash right."""
    with sqlite3.connect(tmp_path / "data" / "state.db") as state:
        for (trigger,) in state.execute("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='audit'").fetchall():
            state.execute(f"DROP TRIGGER {trigger}")
        state.execute("DELETE FROM audit")
        state.execute("DELETE FROM sqlite_sequence WHERE name='audit'")


def test_both_chains_are_sealed_once_an_hour(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.log"
    settings = settings_with(tmp_path, file=file)
    seals = seals_of(settings, store)
    act(store, "login")
    evidence.record(store.documents, Snapshot(time=NOW, asset="web1", kind="k", body="b"), NOW)
    for minutes in (0, 1, 59, 60, 61):
        findings = seals.round(NOW + timedelta(minutes=minutes))
        assert not any(finding.firing for finding in findings)
    lines = file.read_text().splitlines()
    first = read_seal(lines[0])
    assert len(lines) == 2
    assert first is not None
    assert (first.time, first.audit[0], first.evidence[0]) == (NOW, 1, 1)
    assert last_seal(store) == NOW + HOUR
    assert kept_seals(settings, store) == "hold"
    assert "seal_age_h=2.0\n" in own_state(store, settings, "m", {}, NOW + 3 * HOUR).body


def test_a_chain_that_was_written_anew_does_not_fit_its_seal(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.log"
    settings = settings_with(tmp_path, file=file)
    for what in ("login", "account.grant", "logout"):
        act(store, what)
    seals = seals_of(settings, store)
    seals.round(NOW)
    rewrite(tmp_path)
    for what in ("login", "nothing to see", "logout", "login"):
        act(store, what)
    assert store.audit.verify() is None  # the chain alone shows nothing
    (told,) = [finding for finding in seals.round(NOW + HOUR) if finding.firing]
    assert (told.severity.value, told.labels) == ("critical", {"part": "broken"})
    assert "audit 3" in told.evidence["en"]
    assert len(file.read_text().splitlines()) == 1  # nothing is sealed over a break
    assert [finding.firing for finding in seals.round(NOW + 2 * HOUR)] == [True, False]
    assert kept_seals(settings, store).startswith("broken at audit 3")


def test_a_changed_evidence_link_does_not_fit_its_seal(store: Store) -> None:
    evidence.record(store.documents, Snapshot(time=NOW, asset="web1", kind="k", body="b"), NOW)
    seal = take_seal(store, NOW)
    assert broken_by(store, seal) == ""
    link = evidence.chain(store.documents).__next__()
    store.documents.put(link.kind, link.id, {**link.body, "hash": "0" * 64})
    assert broken_by(store, seal) == "evidence 1"


def test_a_place_that_refuses_is_told_and_tried_again_after_five_minutes(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "mount" / "elsewhere.log"
    settings = settings_with(tmp_path, file=file)
    seals = seals_of(settings, store)
    (told,) = [finding for finding in seals.round(NOW) if finding.firing]
    assert told.labels == {"part": "refused"}
    assert "seal.file" in told.evidence["en"]
    assert kept_seals(settings, store) == "unreadable"
    assert last_seal(store) is None
    file.parent.mkdir()
    assert seals.round(NOW + timedelta(minutes=4)) == []
    assert not any(finding.firing for finding in seals.round(NOW + timedelta(minutes=5)))
    assert file.exists()


def test_a_seal_goes_to_a_syslog_server_and_is_read_back_from_its_line(store: Store, tmp_path: Path) -> None:
    act(store, "login")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(30)
        settings = settings_with(tmp_path, syslog=f"127.0.0.1:{server.getsockname()[1]}")
        assert not any(finding.firing for finding in seals_of(settings, store).round(NOW))
        line = server.recv(4096).decode()
    assert line.startswith("<109>1 2026-03-02T01:00:00.000+00:00 ")
    assert read_seal(line) == take_seal(store, NOW)
    assert kept_seals(settings, store) == "sent"
    assert examine(store, [line, "", "something else"]).unreadable == 1


def test_without_a_second_place_nothing_is_sealed(store: Store, tmp_path: Path) -> None:
    settings = settings_with(tmp_path)
    assert seals_of(settings, store).round(NOW) == []
    assert kept_seals(settings, store) == "none"


def test_the_data_folder_is_no_second_place(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no second copy"):
        seals_of(settings_with(tmp_path, file=tmp_path / "data" / "seals.log"), store)


@pytest.mark.parametrize(
    "line", ["", "{}", "{", '{"time":"x","audit":[1,"a"],"evidence":[1,"b"]}', '{"time":"2026-03-02T01:00:00+00:00","audit":1,"evidence":2}', "null"]
)
def test_what_is_no_seal_is_none(line: str) -> None:
    assert read_seal(line) is None


def test_the_command_line_verifies_kept_seals(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANGLOU_DATA", str(tmp_path / "data"))
    act(store, "login")
    runner = CliRunner()
    kept = tmp_path / "kept"
    kept.write_text(runner.invoke(app, ["audit", "head"]).output)
    good = runner.invoke(app, ["audit", "verify", "--seals", str(kept)])
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "1 seals read, all fit")
    rewrite(tmp_path)
    act(store, "logout")
    bad = runner.invoke(app, ["audit", "verify", "--seals", str(kept)])
    assert bad.exit_code == 1
    assert "does not fit: audit 1" in bad.output
    kept.write_text("no seal\n")
    assert runner.invoke(app, ["audit", "verify", "--seals", str(kept)]).exit_code == 1
