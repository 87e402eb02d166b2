"""Backup jobs: what restic, Borg and pgBackRest themselves say, files that jobs leave behind, and answers that say nothing."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.servers.backups import figures, held, row
from collectors.servers.copies import BackupSet, Copies, Copy, read_copies
from collectors.servers.machine import LocalMachine, Status
from compliance.kinds import readable, rows
from core.errors import ConfigError
from core.records import Snapshot, ended
from inventory.asset import Asset
from tests.collectors.support import Polled, collector, poll
from tests.peers.program import program
from tests.peers.sshd import sshd

ASSET = Asset(id="keeper", address="127.0.0.1", credentials={"ssh": "secret"})
HOUR = timedelta(hours=1)


class Told:
    """A machine whose commands print what a test says; None: they fail."""

    def __init__(self, text: str | None, files: tuple[str, ...] = ()) -> None:
        self.text, self.found = text, files
        self.asked: tuple[str, ...] = ()

    def run(self, *arguments: str) -> str | None:
        self.asked = arguments
        return self.text

    def files(self, _pattern: str) -> list[str]:
        return list(self.found)

    def read(self, _path: str) -> str | None:
        return None

    def status(self, _paths: Any) -> list[Status]:
        return []

    def modified(self, _path: str) -> float | None:
        return None


def job(tool: str, place: str = "/srv/repo", **more: Any) -> BackupSet:
    return BackupSet(name="db", tool=tool, place=place, **more)  # type: ignore[arg-type]


def by_options(**one: Any) -> dict[str, Any]:
    return {"local": True, "sets": [{"name": "db", **one}]}


def table(polled: Polled) -> dict[str, str]:
    [found] = rows("backups", readable("backups", polled.snapshot("backups")), datetime.now(UTC))
    return dict(found)


def run(*arguments: str, **environment: str) -> None:
    subprocess.run(arguments, check=True, capture_output=True, env={**os.environ, **environment})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "rows").write_bytes(os.urandom(50_000))
    (tmp_path / "password").write_text("hush-hush\n", encoding="ascii")
    return folder


@pytest.fixture
def restic(data: Path) -> Path:
    place, password = data.parent / "restic", str(data.parent / "password")
    tool = (program("restic"), "-q", "-r", str(place), "--password-file", password, "--no-cache")
    run(*tool, "init")
    run(*tool, "backup", str(data))
    run(*tool, "backup", str(data))
    return place


@pytest.mark.peer
def test_restic_says_its_copies(restic: Path) -> None:
    options = by_options(tool="restic", place=str(restic), password_file=str(restic.parent / "password"), elsewhere="灾备中心", every_h=1)
    polled = poll(collector("backups", options), ASSET)
    assert polled.value("backup.readable", set="db") == 1
    assert polled.value("backup.copies", set="db") == 2
    found = table(polled)
    assert (found["read"], found["encrypted"], found["elsewhere"], found["of"]) == ("yes", "yes", "灾备中心", "keeper")


@pytest.mark.peer
def test_a_wrong_password_is_unread_and_never_said(restic: Path) -> None:
    wrong = restic.parent / "wrong"
    wrong.write_text("open-sesame\n", encoding="ascii")
    polled = poll(collector("backups", by_options(tool="restic", place=str(restic), password_file=str(wrong))), ASSET)
    assert polled.value("backup.readable") == 0
    assert not polled.values("backup.copies"), "nothing is said of what was not read"
    assert table(polled)["read"] == "no"
    assert "open-sesame" not in str(polled.records)


@pytest.mark.peer
@pytest.mark.parametrize(("mode", "encrypted"), [("repokey", "yes"), ("none", "no")])
def test_borg_says_its_copies(data: Path, mode: str, encrypted: str) -> None:
    place, secret = data.parent / "borg", {"BORG_PASSCOMMAND": f"cat {data.parent / 'password'}", "BORG_BASE_DIR": str(data.parent)}
    run(program("borg"), "init", "-e", mode, str(place), **secret)
    run(program("borg"), "create", f"{place}::monday", str(data), **secret, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes", TZ="Asia/Shanghai")
    polled = poll(collector("backups", by_options(tool="borg", place=str(place), password_file=str(data.parent / "password"))), ASSET, datetime.now(UTC))
    assert polled.value("backup.copies") == 1
    assert polled.value("backup.age") < 3600, "its local time without a zone is not taken for another"
    assert table(polled)["encrypted"] == encrypted


@pytest.mark.peer
def test_over_ssh_the_same_is_read(restic: Path, tmp_path: Path) -> None:
    with sshd(tmp_path) as server:
        (tmp_path / "dump").mkdir()
        for name in ("a.gz", "b.gz"):
            (tmp_path / "dump" / name).write_bytes(b"x" * 2000)
        sets = [
            {"name": "repo", "tool": "restic", "place": str(restic), "password_file": str(restic.parent / "password")},
            {"name": "dumps", "tool": "files", "place": f"{tmp_path}/dump/*.gz", "of": ["db1", "db2"]},
            {"name": "gone", "tool": "borg", "place": "/nowhere"},
        ]
        reader = collector("backups", {"port": server.port, "host_key": server.host_key, "sets": sets}, secret=server.secret)
        polled = poll(reader, ASSET, datetime.now(UTC))
        reader.close()
    assert polled.error is None
    assert [polled.value("backup.readable", set=name) for name in ("repo", "dumps", "gone")] == [1, 1, 0], "one that cannot be read does not stop the others"
    assert polled.value("backup.copies", set="dumps") == 2
    assert polled.value("backup.size", set="dumps") == 2000
    assert "dumps\tfiles\tdb1 db2\t24\t\tyes\t" in polled.snapshot("backups")


def test_files_count_that_are_large_enough(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for day, size in enumerate((0, 5000, 5000, 5000, 5000)):
        path = tmp_path / f"{day}.sql"
        path.write_bytes(b"x" * size)
        os.utime(path, (now.timestamp() - day * 86400,) * 2)
    polled = poll(collector("backups", by_options(tool="files", place=f"{tmp_path}/*.sql", min_bytes=1000)), ASSET, now)
    assert polled.value("backup.copies") == 4
    assert polled.value("backup.lateness") == pytest.approx(1.0, abs=0.01), "the empty file of today is no copy"
    polled = poll(collector("backups", by_options(tool="files", place=f"{tmp_path}/*.none")), ASSET, now)
    assert polled.value("backup.copies") == 0
    assert not polled.values("backup.age")
    assert table(polled)["last"] == ""


def test_pgbackrest_does_not_count_copies_with_damaged_pages() -> None:
    stop = 1_760_000_000
    backups = [
        {"timestamp": {"start": 1, "stop": stop}, "info": {"size": 1000, "repository": {"size": 10}}, "error": False},
        {"timestamp": {"start": 1, "stop": stop + 86_400}, "info": {"size": 1000, "repository": {"size": 10}}, "error": True},
    ]
    machine = Told(json.dumps([{"name": "main", "cipher": "aes-256-cbc", "status": {"code": 0}, "backup": backups}]))
    found = read_copies(machine, job("pgbackrest", "main"))
    assert found == Copies((Copy(datetime.fromtimestamp(stop, UTC), 1000),), encrypted=True)
    assert machine.asked == ("pgbackrest", "--stanza=main", "info", "--output=json")


@pytest.mark.peer
def test_pgbackrest_without_a_stanza_has_no_copy() -> None:
    program("pgbackrest")
    assert read_copies(LocalMachine(), job("pgbackrest", "")) == Copies((), encrypted=True)


@pytest.mark.parametrize("tool", ["restic", "borg", "pgbackrest", "files"])
@pytest.mark.parametrize(
    "text", [None, "", "[", "{}", '{"archives": 3}', '[{"time": "yesterday"}]', '[{"backup": [{"timestamp": {}}]}]', "\x00", "[1, 2]" * 1000]
)
def test_what_a_tool_does_not_print_is_no_copy(tool: str, text: str | None) -> None:
    found = read_copies(Told(text, ("/srv/a",)), job(tool))
    assert found is None or not found.copies


def test_a_copy_from_the_future_hides_nothing() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    found = held(Copies((Copy(now - 30 * HOUR), Copy(now + 48 * HOUR)), None), now)
    assert dict(figures(job("restic"), found, now)) == {"backup.readable": 1, "backup.copies": 1, "backup.age": 108_000, "backup.lateness": 1.25}


def test_a_copy_is_held_against_the_seven_before_it() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    sizes = [10.0, 900.0, 1000.0, 1000.0, 1000.0, 1100.0, 1000.0, 1000.0, 200.0]
    copies = tuple(Copy(now - (9 - day) * 24 * HOUR, size) for day, size in enumerate(sizes))
    assert dict(figures(job("files"), Copies(copies), now))["backup.size.ratio"] == pytest.approx(0.2)
    assert "backup.size.ratio" not in dict(figures(job("files"), Copies(copies[:3]), now)), "of too few nothing is usual"


def test_the_text_holds_nothing_but_its_columns() -> None:
    line = row(job("files", "/srv/*.gz", elsewhere="二号\t机房"), Copies(()), "keeper")
    assert line.count("\t") == 8
    assert "/srv" not in line, "a place may hold an account"
    assert rows("backups", readable("backups", ended(line)), datetime.now(UTC))[0]["elsewhere"] == "二号 机房"


@pytest.mark.parametrize(
    ("one", "says"),
    [
        ({"tool": "restic"}, "needs place"),
        ({"tool": "files", "place": "dump/*.gz"}, "begins with /"),
        ({"tool": "restic", "place": "--password-command=id"}, "pattern"),
        ({"tool": "restic", "place": "/r\0"}, "pattern"),
        ({"tool": "restic", "place": "/r", "password_file": "/p; id"}, "pattern"),
        ({"tool": "tar", "place": "/r"}, "restic"),
        ({"tool": "restic", "place": "/r", "every_h": 0}, "greater than 0"),
        ({"tool": "restic", "place": "/r", "password": "x"}, "unknown option"),
    ],
)
def test_a_set_that_cannot_be_is_refused(one: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as err:
        collector("backups", by_options(**one))
    assert err.value.key.startswith("sets")


def test_over_ssh_a_pattern_holds_nothing_that_a_shell_would_run() -> None:
    sets = [{"name": "db", "tool": "files", "place": "/srv/$(id)/*.gz"}]
    with pytest.raises(ConfigError, match="over SSH the pattern of files of db"):
        collector("backups", {"sets": sets})
    assert collector("backups", {"sets": sets, "local": True})


def test_two_sets_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two sets are called db"):
        collector("backups", {"local": True, "sets": [{"name": "db", "tool": "files", "place": "/a"}] * 2})


def test_the_text_is_sent_when_it_is_news(tmp_path: Path) -> None:
    reader = collector("backups", by_options(tool="files", place=f"{tmp_path}/*"))
    now = datetime.now(UTC)
    sent = [any(isinstance(one, Snapshot) for one in poll(reader, ASSET, now).records) for _ in range(2)]
    (tmp_path / "a").write_bytes(b"x")
    sent.append(any(isinstance(one, Snapshot) for one in poll(reader, ASSET, now).records))
    assert sent == [True, False, True]
