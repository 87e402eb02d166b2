"""The running service on a real Elasticsearch: its records arrive, and half a minute without the servers loses and doubles nothing.

The service watches the very server that it stores into, so the absence itself has to become an incident while there is nowhere to send it.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.names import INCIDENT
from store.base import Selector, Series, Store
from store.elastic.link import Address, Link
from store.elastic.names import Names
from store.elastic.series import hits
from store.embedded import open_embedded
from store.filter import EVERYTHING
from store.open import open_store
from tests.peers import elasticsearch as peer
from tests.peers.program import free_port, running, until

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(300)]
INTERVAL_S, AWAY_S, NAMESPACE = 2, 30, "served"
UP = Selector(metric="collector.up", asset=("closed", "search"))
SINCE = datetime.now(UTC) - timedelta(hours=1)
UNTIL = SINCE + timedelta(days=1)


@dataclass(frozen=True)
class Site:
    """A folder with the service's data and a console's, and the server that both use."""

    folder: Path
    server: peer.Server

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def write(self) -> None:
        """Two TCP ports to watch: Elasticsearch's own and one on which nobody listens."""
        ports = {"search": int(self.server.url.rpartition(":")[2]), "closed": free_port()}
        assets = [{"id": name, "collect": {"tcp": {"host": "127.0.0.1", "ports": [port], "interval": INTERVAL_S}}} for name, port in ports.items()]
        (self.data / "site" / "alerting").mkdir(parents=True)
        (self.data / "site" / "assets.yaml").write_text(json.dumps({"assets": assets}))
        alerting = {"settings": {"group_wait": "1s", "group_interval": "2s", "check_interval": f"{INTERVAL_S}s"}}
        (self.data / "site" / "alerting" / "main.yaml").write_text(json.dumps(alerting))

    def console(self, folder: Path) -> Store:
        return open_store("elastic", folder, "console", url=self.server.url, namespace=NAMESPACE, replicas=0)

    @contextmanager
    def serving(self) -> Iterator[None]:
        store = {"BACKEND": "elastic", "URL": self.server.url, "NAMESPACE": NAMESPACE, "REPLICAS": "0"}
        environment = {"WANGLOU_DATA": str(self.data), "WANGLOU_COLLECT__INTERVAL_S": str(INTERVAL_S)}
        environment |= {f"WANGLOU_STORE__{key}": value for key, value in store.items()}
        ready = (self.data / "run" / "heartbeat.json").exists
        with running([sys.executable, "-m", "service", "serve"], ready, self.folder / "service.log", environment=environment, timeout_s=90):
            yield


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with peer.running() as server:
        made = Site(tmp_path, server)
        made.write()
        yield made


def incident_of(store: Store, asset: str) -> dict[str, Any] | None:
    """The incident that says that ``asset`` does not answer."""
    for found in store.documents.find(INCIDENT).items:
        if any(member["asset"] == asset and member["rule"] == "reach" for member in found.body["members"]):
            return found.body
    return None


def is_open(store: Store, asset: str) -> bool:
    found = incident_of(store, asset)
    return found is not None and found["state"] == "open"


def ups(store: Store) -> dict[str, Series]:
    return {series.asset: series for series in store.metrics.range(UP, SINCE, UNTIL)}


def copies(server: peer.Server) -> Counter[int]:
    """The numbers of the audit entries that the server holds."""
    link, names = Link(Address(url=server.url)), Names(NAMESPACE)
    try:
        link.call("POST", f"/{names.audit}/_refresh")
        return Counter(hit["_source"]["seq"] for hit in hits(link, names.audit, {"query": {"match_all": {}}, "sort": ["seq"]}))
    finally:
        link.close()


def test_the_service_goes_on_without_the_servers_and_catches_up(site: Site) -> None:
    with site.serving():
        with closing(site.console(site.folder / "elsewhere")) as far:
            until(lambda: is_open(far, "closed"), "an incident in Elasticsearch", 90)
            until(lambda: ups(far).keys() == {"closed", "search"}, "samples in Elasticsearch", 30)
            until(lambda: bool(copies(site.server)), "audit entries in Elasticsearch", 30)
        began = datetime.now(UTC)
        with closing(site.console(site.data)) as near:
            absence(site, near)
            ended = datetime.now(UTC)
            until(lambda: not is_open(near, "search"), "the end of the incident of the absence", 60)
            until(lambda: caught_up(near), "an empty queue", 60)
    nothing_is_missing(site, began, ended)


def absence(site: Site, near: Store) -> None:
    """Elasticsearch crashes for half a minute; the console beside the service sees and says it."""
    peer.halt(site.server, hard=True)
    end = time.monotonic() + AWAY_S
    until(lambda: is_open(near, "search"), "an incident while Elasticsearch is away", AWAY_S)
    assert "has been away since" in near.health().message
    time.sleep(max(0.0, end - time.monotonic()))
    newest = near.metrics.latest(UP, timedelta(seconds=5 * INTERVAL_S), datetime.now(UTC))
    assert {sample.asset for sample in newest} == {"closed", "search"}
    peer.launch(site.server)


def caught_up(store: Store) -> bool:
    health = store.health()
    return health.ok and health.figures["spool_records"] < 500 and not health.figures["documents_waiting"]


def nothing_is_missing(site: Site, began: datetime, ended: datetime) -> None:
    """After one more start everything that the node holds is on the server, once, and the polls never paused."""
    with closing(open_store("elastic", site.data, "service", url=site.server.url, namespace=NAMESPACE, replicas=0)) as store:
        store.refresh()
        assert store.health().ok, store.health()
        assert store.audit.verify() is None
        entries = [entry.seq for entry in store.audit.read(limit=100_000)]
    with closing(site.console(site.folder / "elsewhere")) as far:
        there, events = ups(far), far.events.count(EVERYTHING, SINCE, UNTIL)
        assert incident_of(far, "closed") is not None
        told = incident_of(far, "search")
        assert told is not None
        assert told["state"] == "resolved"
    assert copies(site.server) == Counter(entries)
    with closing(open_embedded(site.data, "console")) as local:
        assert there == ups(local)
        assert events == local.events.count(EVERYTHING, SINCE, UNTIL)
    for asset, series in there.items():
        during = [at for at, _ in series.points if began <= at <= ended]
        assert len(during) >= 0.8 * (ended - began).total_seconds() / INTERVAL_S, asset
        assert max(after - before for before, after in pairwise(during)) < timedelta(seconds=5 * INTERVAL_S), asset
    assert {value for _, value in there["search"].points} == {0.0, 1.0}
    assert {value for _, value in there["closed"].points} == {0.0}
