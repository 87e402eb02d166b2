"""kill -9 in the middle of an inspection: the chain is whole, nothing acknowledged is lost, nothing half stands, the next one makes it good."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from compliance import evidence
from compliance.history import as_of
from compliance.load import load_checks
from compliance.prove import NOW
from compliance.run import Inspector, every
from core.names import EVIDENCE, VERDICT
from store.base import Store
from store.open import open_store
from tests.compliance.inspecting import HOSTS
from tests.compliance.test_run import fill, weak

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
KILLS = 6


def killed(folder: Path, first: int, after_s: float) -> int:
    """Let it judge for a while from a round on, then kill it; the last round that it acknowledged."""
    process = subprocess.Popen([sys.executable, "-m", "tests.compliance.inspecting", str(folder), str(first)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after_s)
    process.kill()
    rest, _ = process.communicate(timeout=60)
    return max((int(line) for line in rest.split("\n") if line), default=first - 1)


def stands(store: Store) -> dict[str, tuple[str, str]]:
    """Verdict -> outcome and link; each link and each piece of evidence that it rests on is there."""
    found = {}
    for document in every(store, VERDICT):
        body = document.body
        for read in body["read"]:
            assert store.documents.get(EVIDENCE, read["evidence"]).body["sha256"] == read["sha256"]
        store.documents.get(EVIDENCE, body["link"])
        found[document.id] = (body["outcome"], body["link"])
    return found


def test_an_inspection_that_was_killed_leaves_a_whole_chain_and_is_made_good_by_the_next(tmp_path: Path) -> None:
    dice, first = random.Random(20261127), 1
    for _ in range(KILLS):
        acknowledged = killed(tmp_path, first, dice.uniform(0.05, 2.5))
        store = open_store("embedded", tmp_path, "service")
        try:
            assert evidence.first_break(store.documents) is None
            known = stands(store)
            if acknowledged >= first:
                told = {body["check"]: body["time"] for document in every(store, VERDICT) if (body := document.body)["asset"] == "web1"}
                assert told["lnx-ssh-root"] >= (NOW + timedelta(minutes=acknowledged)).isoformat(), "what was acknowledged is there"
            chained = {f"{body['asset']}/{body['check']}": body["outcome"] for body in as_of(store.documents, NOW + timedelta(days=900)).verdicts}
            assert all(chained[name] == outcome for name, (outcome, _) in known.items() if name.endswith("/lnx-pwd-hash")), "what never turned"
        finally:
            store.close()
        first = acknowledged + 2
    store, fresh = open_store("embedded", tmp_path, "service"), open_store("embedded", tmp_path / "fresh", "service")
    checks = tuple(load_checks().checks.values())
    for one in (store, fresh):
        for host in HOSTS:
            fill(one, host, kinds={"sshd_config": weak(one)}, at=timedelta(days=90))
        Inspector(one, checks).inspect(HOSTS, NOW + timedelta(days=90))
    after, wanted = stands(store), stands(fresh)
    aged = tuple(f"{host}/lnx-log-retention" for host in HOSTS)  # how long a host was known differs
    assert {name: one[0] for name, one in after.items() if name not in aged} == {name: one[0] for name, one in wanted.items() if name not in aged}
    chained = {f"{body['asset']}/{body['check']}": body["outcome"] for body in as_of(store.documents, NOW + timedelta(days=900)).verdicts}
    assert {name: chained[name] for name in after} == {name: outcome for name, (outcome, _) in after.items()}, "the chain and what stands agree"
    assert evidence.first_break(store.documents) is None
    store.close()
    fresh.close()
