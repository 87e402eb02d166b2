"""The whole store on a real server: moving to it, console beside service, forged chains, dead letters."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from core.errors import StoreLocked
from core.records import Event, Sample
from store.base import ABSENT
from store.elastic import open_elastic
from store.elastic.store import ElasticStore, Role
from store.embedded import open_embedded
from store.embedded.audit import chain_hash
from store.filter import EVERYTHING, Term
from tests.elastic.times import T0
from tests.peers import elasticsearch as peer

pytestmark = [pytest.mark.peer]
EVENT = Event(id="e1", time=T0, asset="a", kind="login", message="登录失败", fields={"user.name": "li"})


@dataclass(frozen=True)
class Site:
    """One namespace on the session's server; each folder is a node."""

    server: peer.Server
    namespace: str
    root: Path

    def open(self, node: str = "one", role: Role = "service") -> ElasticStore:
        return open_elastic(self.server.url, self.root / node, role, namespace=self.namespace, replicas=0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    server, namespace = peer.shared(), f"t{secrets.token_hex(5)}"
    yield Site(server, namespace, tmp_path)
    peer.wipe(server, namespace)


def until(ready: object, wait_s: float = 30) -> None:
    assert callable(ready)
    end = time.monotonic() + wait_s
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_folder_that_was_used_without_elasticsearch_brings_its_documents_along(site: Site) -> None:
    with closing(open_embedded(site.root / "one")) as before:
        for number in range(1200):
            before.documents.put("asset", f"a{number}", {"number": number})
        before.documents.put("account", "admin", {"role": "system"})
        before.audit.append(time=T0, actor="admin", action="login", object="console", body={})
    with closing(site.open()) as one, closing(site.open("two")) as two:
        assert one.documents.get("account", "admin").body == {"role": "system"}
        until(lambda: one.documents.waiting == 0)
        assert two.documents.find("asset", Term("number", 777)).total == 1
        assert two.documents.find("asset").total == 1200
        one.audit.append(time=T0, actor="admin", action="logout", object="console", body={})
        one.refresh()
        assert one.audit.verify() is None
        one.documents.put("account", "admin", {"role": "audit"}, one.documents.get("account", "admin").version)
    with closing(site.open()) as again:
        assert again.documents.get("account", "admin").body == {"role": "audit"}


def test_what_the_servers_hold_already_is_not_overwritten_by_a_folder_that_comes_later(site: Site) -> None:
    with closing(site.open("two")) as two:
        two.documents.put("account", "admin", {"from": "two"})
        with closing(open_embedded(site.root / "one")) as before:
            before.documents.put("account", "admin", {"from": "one"})
        with closing(site.open()) as one:
            until(lambda: one.documents.waiting == 0)
            assert one.documents.get("account", "admin").body == {"from": "two"}
            assert [kept.body["ours"] for kept in one.documents.find("conflict").items] == [{"from": "one"}]


def test_the_console_reads_and_writes_beside_the_service_of_its_folder(site: Site) -> None:
    with closing(site.open()) as service, closing(site.open(role="console")) as console:
        with pytest.raises(StoreLocked):
            site.open()
        service.events.write([EVENT])
        service.metrics.write([Sample(time=T0, asset="a", metric="system.uptime", value=7)])
        service.refresh()
        assert console.events.search(EVERYTHING, since=T0, until=T0 + timedelta(seconds=1)).items == (EVENT,)
        intent = console.documents.put("intent", "i", {"state": "asked"}, ABSENT)
        service.documents.put("intent", "i", {"state": "done"}, intent.version)
        assert console.documents.get("intent", "i").body == {"state": "done"}
        console.audit.append(time=T0, actor="li", action="acknowledge", object="incident", body={})
        service.audit.append(time=T0, actor="service", action="run", object="plan", body={})
        service.refresh()
        assert [hash_ for _, hash_ in service.audit.copies(service.audit.chain.id)] == [entry.hash for entry in service.audit.read()]
        assert console.audit.verify() is None


def test_a_chain_forged_on_the_node_differs_from_its_copy(site: Site) -> None:
    with closing(site.open()) as store:
        for number in range(3):
            store.audit.append(time=T0, actor="li", action="login", object=str(number), body={})
        store.refresh()
        assert store.audit.verify() is None
    forge(site.root / "one" / "state.db")
    with closing(open_embedded(site.root / "one")) as local:
        assert local.audit.verify() is None
    with closing(site.open()) as store:
        assert store.audit.verify() == 2


def forge(path: Path) -> None:
    """Change entry 2 and make the chain whole again, as somebody with the node's disk could."""
    with closing(sqlite3.connect(path)) as con, con:
        con.execute("DROP TRIGGER audit_stays")
        con.execute("UPDATE audit SET actor='wang' WHERE seq=2")
        previous = con.execute("SELECT hash FROM audit WHERE seq=1").fetchone()[0]
        for seq in (2, 3):
            time_, actor, action, object_, body = con.execute("SELECT time, actor, action, object, body FROM audit WHERE seq=?", (seq,)).fetchone()
            digest = chain_hash(seq, time_, actor, action, object_, body, previous)
            con.execute("UPDATE audit SET previous=?, hash=? WHERE seq=?", (previous, digest, seq))
            previous = digest


def test_a_chain_that_was_set_back_is_told_by_dead_letters(site: Site) -> None:
    with closing(site.open()) as store:
        store.audit.append(time=T0, actor="li", action="remove", object="evidence", body={})
        store.refresh()
    with closing(sqlite3.connect(site.root / "one" / "state.db")) as con, con:
        con.execute("DROP TRIGGER audit_remains")
        con.execute("DELETE FROM audit")
        con.execute("DELETE FROM sqlite_sequence WHERE name='audit'")
    with closing(site.open()) as store:
        store.audit.append(time=T0, actor="li", action="login", object="console", body={})
        store.refresh()
        assert store.audit.verify() == 1
        health = store.health()
    assert not health.ok
    assert health.figures["dead_letters"] == 1


def test_a_refused_record_is_kept_with_its_reason_and_told(site: Site) -> None:
    with closing(site.open()) as store:
        store.metrics.write([Sample(time=T0, asset="a", metric=f"m.{number}", value=1) for number in range(6000)])
        store.events.write([EVENT])
        store.refresh()
        health = store.health()
        assert store.events.count(EVERYTHING, T0, T0 + timedelta(seconds=1)) == 1
        assert "refused 1 records" in health.message
        assert not health.ok
    with closing(open_embedded(site.root / "one", spool=True)) as local:
        ((_, letter),) = local.dead_letters()
    assert "Limit of total fields" in letter.reason
    assert '"m.5999":1.0' in letter.body
