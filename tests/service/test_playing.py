"""The whole service with a real server: a block from the command line, SIGKILL before its undo, another host key, and what the audit tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.names import ACCOUNT, RUN
from inventory.credentials import Vault, master_key
from playbooks.journal import from_audit, read_run
from store.embedded import open_embedded
from tests.peers.program import running, until
from tests.peers.sshd import Sshd, sshd

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
SOURCE = "203.0.113.77"
UNDO_S = 20
PLAYBOOK = """
playbook: block-briefly
version: 1
title: {zh: 短时封禁来源, en: Block a source briefly}
about: {zh: 写入封禁名单，到时自动解除。, en: Puts a source on the block list and takes it off by itself.}
risk: change
inputs: {source: {type: ip}, list: {type: path}}
targets: {match: {id: keeper}}
steps:
  - {id: block, run: blocklist.add, with: {address: "{{ source }}", list: "{{ list }}"}, undo: {after: 20s}}
"""


@dataclass(frozen=True)
class Place:
    data: Path
    list: Path
    target: Sshd

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "WANGLOU_DATA": str(self.data)}

    @contextmanager
    def service(self) -> Iterator[subprocess.Popen[bytes]]:
        log = self.data.parent / f"serve-{time.monotonic_ns()}.log"
        with running(
            [sys.executable, "-m", "service", "serve"], lambda: b"collecting" in log.read_bytes(), log, environment=self.environment, timeout_s=90
        ) as it:
            yield it

    def ask(self, source: str = SOURCE) -> subprocess.CompletedProcess[str]:
        arguments = ["playbook", "run", "block-briefly", "--who", "ann", "--input", f"source={source}", "--input", f"list={self.list}", "--wait", "60s"]
        return subprocess.run(
            [sys.executable, "-m", "service", *arguments], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "sshd").mkdir()
    with sshd(tmp_path / "sshd") as target:
        made = Place(tmp_path / "data", tmp_path / "blocklist", target)
        made.list.write_text("198.51.100.1\n")
        site = made.data / "site"
        (site / "playbooks").mkdir(parents=True)
        (site / "playbooks" / "block.yaml").write_text(PLAYBOOK)
        ssh = {"port": target.port, "host_key": target.host_key}
        keeper = {"id": "keeper", "address": "127.0.0.1", "importance": "low", "interval": 3600, "collect": {"ssh": ssh}, "credentials": {"ssh": "keeper"}}
        (site / "assets.yaml").write_text(json.dumps({"assets": [keeper]}))
        store, now = open_embedded(made.data, "service"), datetime.now(UTC)
        Vault(store, master_key(made.data)).put("keeper", {"username": target.secret.username, "key": target.secret.key}, who="test", now=now)
        store.documents.put(ACCOUNT, "ann", {"roles": ["operator"]})
        store.close()
        yield made


def newest(place: Place) -> str:
    store = open_embedded(place.data, "console")
    try:
        return store.documents.find(RUN, sort="-asked", limit=1).items[0].id
    finally:
        store.close()


def is_over(place: Place, run: str) -> bool:
    store = open_embedded(place.data, "console")
    try:
        return read_run(store, run)[2].is_over
    finally:
        store.close()


def test_a_block_survives_a_kill_and_is_taken_off_on_time(place: Place) -> None:
    with place.service() as process:
        done = place.ask()
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"keeper > tee -a -- {place.list}" in done.stdout
        assert place.list.read_text() == f"198.51.100.1\n{SOURCE}\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with place.service():
        back = datetime.now(UTC)
        until(lambda: SOURCE not in place.list.read_text(), "the undo", timeout_s=90)
        assert place.list.read_text() == "198.51.100.1\n"
        run = newest(place)
        until(lambda: is_over(place, run), "the end", timeout_s=30)
    store = open_embedded(place.data, "console")
    _plan, _playbook, state = read_run(store, run)
    act = state.acts["block", "keeper"]
    entries = from_audit(store, run)
    assert store.audit.verify() is None
    store.close()
    assert act.undo == "undone"
    assert act.undo_began is not None
    assert act.undo_at is not None
    assert act.undo_at <= act.undo_began < max(act.undo_at, back) + timedelta(seconds=15)
    assert [entry.kind for entry in entries if entry.kind != "close"] == ["asked", "started", "begin", "doing", "end", "ended", "undo_begin", "undo_end"]
    assert {entry.who for entry in entries} == {"ann", "playbooks"}


def test_another_host_key_stops_the_run_before_the_login(place: Place, tmp_path: Path) -> None:
    with sshd(tmp_path / "sshd", key="other_key") as other:
        site = place.data / "site" / "assets.yaml"
        assets = json.loads(site.read_text())
        assets["assets"][0]["collect"]["ssh"]["port"] = other.port
        site.write_text(json.dumps(assets))
        with place.service():
            done = place.ask()
            assert done.returncode == 1
            assert place.list.read_text() == "198.51.100.1\n"
            run = newest(place)
    store = open_embedded(place.data, "console")
    state = read_run(store, run)[2]
    store.close()
    assert state.outcome == "failed"
    assert "another host key than the approved one" in state.acts["block", "keeper"].error
    assert "Accepted" not in (tmp_path / "sshd" / "sshd.log").read_text()
