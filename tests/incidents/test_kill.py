"""kill -9 at random moments of the whole of alerting: no acknowledged finding is lost, incidents are those of a run without kills, everybody is told."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from core.names import ALERT, INCIDENT
from service.alerting.live import SENDERS
from store.embedded import open_embedded
from tests.peers.hook import Taking, serving

ROOT: Final = Path(__file__).parents[2]
ROUNDS: Final = int(os.environ.get("WANGLOU_KILLS", "20" if os.environ.get("CI") == "true" else "6"))
EACH: Final = 12
START_WITHIN_S: Final = 30.0
MOST_TWICE: Final = SENDERS * (ROUNDS + 1)
"""At a kill each sender has at most one notice that was heard and is not yet noted as heard; nothing else is told again."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 8 * ROUNDS)]


class Hook(ThreadingHTTPServer):
    """Counts what it is told: (root, reason)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counting)
        self.told: Counter[tuple[str, str]] = Counter()


class _Counting(Taking):
    server: Hook

    def do_POST(self) -> None:
        body: dict[str, Any] = json.loads(self.body())
        self.server.told[body["root"], body["reason"]] += 1
        self.done(200)


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


def plan(count: int, chance: random.Random) -> list[tuple[str, str]]:
    """Every asset fires once, a third ends later; never the end before the begin."""
    lines: list[tuple[str, str]] = []
    waiting: list[str] = []
    for number in range(count):
        lines.append((f"a{number}", "fires"))
        waiting.append(f"a{number}")
        if chance.random() < 0.3:
            lines.append((waiting.pop(chance.randrange(len(waiting))), "ends"))
    return lines


class Feeder:
    """The program under test."""

    def __init__(self, folder: Path, hook: Hook) -> None:
        begun = time.monotonic()
        url = f"http://127.0.0.1:{hook.server_address[1]}/"
        program = [sys.executable, "-m", "tests.incidents.feeder", str(folder), url]
        self._process = subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        while "ready" not in (line := self._out.readline()):
            assert line, "it ended before it was ready"
        self.start_s = time.monotonic() - begun

    def feed(self, number: int, asset: str, what: str) -> None:
        """Give one and wait until it is sure of it."""
        self._in.write(f"{number} {asset} {what}\n")
        self._in.flush()
        while (said := self._out.readline().strip()) != str(number):
            assert said or self._process.poll() is None

    def give(self, number: int, asset: str, what: str) -> None:
        """Give one and do not wait: the kill comes before, within or after."""
        self._in.write(f"{number} {asset} {what}\n")
        self._in.flush()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(10)
        for pipe in (self._in, self._out):
            try:
                pipe.close()
            except BrokenPipeError:
                continue


def test_nothing_acknowledged_is_lost_and_everybody_is_told(tmp_path: Path, hook: Hook) -> None:
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    lines = plan(ROUNDS * EACH, chance)
    done, slowest = 0, 0.0
    for _ in range(ROUNDS):
        feeder = Feeder(tmp_path, hook)
        slowest = max(slowest, feeder.start_s)
        for _ in range(min(len(lines) - done - 1, chance.randrange(1, EACH))):
            feeder.feed(done, *lines[done])
            done += 1
        feeder.give(done, *lines[done])  # not acknowledged: it is given again
        time.sleep(chance.uniform(0, 0.25))
        feeder.kill()
    last = Feeder(tmp_path, hook)
    for number in range(done, len(lines)):
        last.feed(number, *lines[number])
    ended = {asset for asset, what in lines if what == "ends"}
    deadline = time.monotonic() + 60
    everybody = {f"a{number}" for number in range(ROUNDS * EACH)}
    while everybody - ended - {root for root, reason in hook.told if reason == "first"} and time.monotonic() < deadline:
        time.sleep(0.1)
    last.kill()
    untold = everybody - ended - {root for root, _reason in hook.told}
    assert not untold, f"seed {seed}: nobody was told of {sorted(untold)[:5]}"
    twice = [root for (root, reason), count in hook.told.items() if reason == "first" and count > 1]
    assert slowest < START_WITHIN_S
    assert len(twice) <= MOST_TWICE, f"seed {seed}: {len(twice)} were told twice"
    check(tmp_path, hook, everybody, ended, f"seed {seed}")
    print(f"kills {ROUNDS}, findings {len(lines)}, lost 0, told twice {len(twice)}, slowest start {slowest:.1f} s")  # noqa: T201 - the figure


def check(folder: Path, hook: Hook, everybody: set[str], ended: set[str], words: str) -> None:
    """After the last kill and one more start the documents are those of a run without kills."""
    Feeder(folder, hook).kill()
    store = open_embedded(folder, "service")
    try:
        incidents = [document.body for document in store.documents.find(INCIDENT, limit=10_000).items]
        alerts = {document.body["asset"]: document.body for document in store.documents.find(ALERT, limit=10_000).items}
        assert sorted(one["root"] for one in incidents) == sorted(everybody), words
        assert {one["root"] for one in incidents if one["state"] == "open"} == everybody - ended, words
        assert {one["root"] for one in incidents if one["state"] == "resolved"} == ended, words
        assert {name: one["state"] for name, one in alerts.items()} == {name: "ended" if name in ended else "firing" for name in everybody}, words
        assert {one["occurrence"] for one in alerts.values()} == {1}, words
        assert all(datetime.fromisoformat(one["opened"]) <= datetime.now(UTC) for one in incidents)
        opened = [entry.object for entry in store.audit.read(limit=100_000) if entry.action == "alert.open"]
        assert sorted(opened) == sorted(one["id"] for one in incidents), words
        assert store.audit.verify() is None, words
    finally:
        store.close()
