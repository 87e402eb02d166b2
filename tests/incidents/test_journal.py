"""The journal on disk: what was acknowledged survives kill -9 at any moment, and damage is told."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import StoreError
from service.alerting.journal import DiskJournal

ROOT = Path(__file__).parents[2]
ROUNDS = 20
WRITER = """
import sys
from pathlib import Path
from service.alerting.journal import DiskJournal
journal = DiskJournal(Path(sys.argv[1]))
state, entries = journal.read()
number = entries[-1]["n"] if entries else state["n"] if state else 0
print("ready", flush=True)
while True:
    for _ in range(3):
        number += 1
        journal.append({"n": number, "text": "x" * 500})
    journal.commit()
    print(number, flush=True)
    if number % 60 == 0:
        journal.keep_state({"n": number})
"""


def killed_writer(path: Path, after_s: float) -> int:
    """Run a writer, kill it at some moment; the last number that it was sure of (0: none)."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    said = process.stdout.read().splitlines()
    process.stdout.close()
    process.wait(timeout=10)
    return int(said[-1]) if said else 0


def test_what_was_committed_survives_kill_9_in_order_and_once(tmp_path: Path) -> None:
    path, chance, sure = tmp_path / "alerting.db", random.Random(4), 0
    for _ in range(ROUNDS):
        sure = max(sure, killed_writer(path, chance.uniform(0.01, 0.2)))
        journal = DiskJournal(path)
        state, entries = journal.read()
        journal.close()
        first = state["n"] if state else 0
        found = [entry["n"] for entry in entries]
        assert found == list(range(first + 1, first + 1 + len(found)))
        assert first + len(found) >= sure
        assert (first + len(found)) % 3 == 0
    assert sure > 0


def test_an_entry_that_was_not_committed_is_not_there(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path / "alerting.db")
    journal.append({"n": 1})
    journal.commit()
    journal.append({"n": 2})
    other = DiskJournal(tmp_path / "alerting.db")
    assert other.read() == (None, [{"n": 1}])
    other.close()
    journal.close()


def test_a_state_takes_the_place_of_its_entries(tmp_path: Path) -> None:
    journal = DiskJournal(tmp_path / "alerting.db")
    journal.append({"n": 1, "text": "交换机"})
    journal.keep_state({"world": {"now": 5.0}})
    journal.append({"n": 2})
    journal.commit()
    assert journal.read() == ({"world": {"now": 5.0}}, [{"n": 2}])
    journal.close()


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    DiskJournal(tmp_path / "alerting.db").close()
    assert (tmp_path / "alerting.db").stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "alerting.db").write_bytes(b"this is no database, it was overwritten" * 100)
    with pytest.raises(StoreError, match="set the file aside"):
        DiskJournal(tmp_path / "alerting.db")
