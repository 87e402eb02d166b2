"""Kill -9 of the writer and Elasticsearch away: nothing that was acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import secrets
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from store.base import Store
from store.elastic import open_elastic
from store.elastic.link import Address, Link
from store.elastic.names import Names
from store.elastic.series import hits
from store.filter import EVERYTHING
from tests.elastic import writer
from tests.elastic.times import T0
from tests.peers import elasticsearch as peer

KILLS = int(os.environ.get("WANGLOU_KILLS", "50" if os.environ.get("CI") == "true" else "15"))
ROOT = Path(__file__).resolve().parents[2]


def run_until_killed(url: str, folder: Path, namespace: str, first: int, after_s: float) -> list[str]:
    """Start a writer, kill it ``after_s`` after its first acknowledgement, return what it said."""
    command = [sys.executable, "-m", "tests.elastic.writer", "--url", url, "--folder", str(folder), "--namespace", namespace, "--first", str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip()]
        time.sleep(after_s)
        child.kill()
        said += [line.strip() for line in child.stdout.read().splitlines()]
    return [line for line in said if line]


def stored_events(server: peer.Server, namespace: str) -> Counter[str]:
    link, names = _link(server, namespace)
    try:
        found = hits(link, names.events, {"query": {"match_all": {}}, "sort": ["event.id"], "_source": ["event.id"]})
        return Counter(hit["_source"]["event.id"] for hit in found)
    finally:
        link.close()


def stored_samples(server: peer.Server, namespace: str) -> Counter[tuple[int, str, str]]:
    link, names = _link(server, namespace)
    try:
        found = list(hits(link, names.metrics, {"query": {"match_all": {}}, "sort": ["@timestamp", "asset.id", "names_key"]}))
        return Counter((hit["_source"]["@timestamp"], hit["_source"]["asset.id"], metric) for hit in found for metric in hit["_source"]["metrics"])
    finally:
        link.close()


def _link(server: peer.Server, namespace: str) -> tuple[Link, Names]:
    return Link(Address(url=server.url)), Names(namespace)


def judge(store: Store, server: peer.Server, namespace: str, acknowledged: set[str], begun: set[int]) -> None:
    """Everything acknowledged is there, everything there was begun, and all of it once."""
    store.refresh()
    found_events, found_samples = stored_events(server, namespace), stored_samples(server, namespace)
    assert max(found_events.values()) == 1
    assert max(found_samples.values()) == 1
    all_events = {event.id for batch in begun for event in writer.events(batch)}
    kept_events = {event.id for batch in begun if f"events {batch}" in acknowledged for event in writer.events(batch)}
    assert kept_events <= found_events.keys() <= all_events
    all_samples = {(round(s.time.timestamp() * 1000), s.asset, s.metric) for batch in begun for s in writer.samples(batch)}
    kept_samples = {
        (round(s.time.timestamp() * 1000), s.asset, s.metric) for batch in begun if f"samples {batch}" in acknowledged for s in writer.samples(batch)
    }
    assert kept_samples <= found_samples.keys() <= all_samples
    documents = {document.id for document in store.documents.find("incident", limit=9000).items}
    assert {f"i{batch}" for batch in begun if f"document {batch}" in acknowledged} <= documents <= {f"i{batch}" for batch in begun}
    counted, said = store.documents.get("counter", "c").body["value"], sum(1 for line in acknowledged if line.startswith("counter"))
    assert said <= counted <= len(begun)
    assert store.documents.find("conflict").items == ()
    assert store.audit.verify() is None
    audited = [entry.body["batch"] for entry in store.audit.read(limit=100_000)]
    assert len(set(audited)) == len(audited)
    assert {batch for batch in begun if f"audit {batch}" in acknowledged} <= set(audited) <= begun


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_writer_killed_at_random_moments_loses_and_doubles_nothing(tmp_path: Path) -> None:
    server, namespace, moments = peer.shared(), f"t{secrets.token_hex(5)}", random.Random(20261125)
    acknowledged: set[str] = set()
    begun: set[int] = set()
    for _ in range(KILLS):
        said = run_until_killed(server.url, tmp_path, namespace, max(begun, default=-1) + 1, moments.uniform(0, 1.5))
        begun |= {int(line.split()[1]) for line in said if line.startswith("begin")}
        acknowledged |= {line for line in said if not line.startswith("begin")}
        begun.add(max(begun) + 1)  # output that the kill cut off
    store = open_elastic(server.url, tmp_path, "service", namespace=namespace, replicas=0)
    try:
        assert len(begun) > KILLS
        judge(store, server, namespace, acknowledged, begun)
    finally:
        store.close()
        peer.wipe(server, namespace)


@pytest.mark.peer
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_outage_of_the_servers_loses_and_doubles_nothing_and_is_told(tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    begun: set[int] = set()
    with peer.running() as server:
        store = open_elastic(server.url, tmp_path, "service", namespace="outage", replicas=0)
        try:
            for phase, seconds in (("up", 3), ("away", 10), ("back", 3)):
                if phase == "away":
                    peer.halt(server, hard=True)
                if phase == "back":
                    assert not store.health().ok
                    assert "has been away since" in store.health().message
                    assert store.events.count(EVERYTHING, T0, T0 + timedelta(days=1)) == len(begun) * writer.EVENTS_A_BATCH
                    assert store.documents.get("counter", "c").body["value"] == len(begun)
                    peer.launch(server)
                end, slowest = time.monotonic() + seconds, 0.0
                while time.monotonic() < end:
                    batch, start = len(begun), time.monotonic()
                    begun.add(batch)
                    acknowledged |= set(writer.write(store, batch))
                    slowest = max(slowest, time.monotonic() - start)
                    time.sleep(0.02)
                assert slowest < 10
            deadline = time.monotonic() + 60
            while not store.health().ok or store.health().figures["documents_waiting"]:
                assert time.monotonic() < deadline, store.health()
                time.sleep(0.2)
                store.refresh()
            judge(store, server, "outage", acknowledged, begun)
            assert len(stored_events(server, "outage")) == len(begun) * writer.EVENTS_A_BATCH
        finally:
            store.close()
