"""Documents of two nodes on one real server: conditional writes, an outage, and what becomes of its writes."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.clock import SystemClock
from core.errors import Conflict, NotFound, StoreAway
from store.base import ABSENT, Body
from store.elastic import schema
from store.elastic.documents import LONG_AGO, ElasticDocuments
from store.elastic.link import Address, Link
from store.elastic.names import Names
from store.embedded import open_embedded
from store.filter import Exists, Range, Term
from tests.peers import elasticsearch as peer

pytestmark = [pytest.mark.peer]


class Node:
    """One node: its documents, and a link that the test can cut."""

    def __init__(self, url: str, names: Names, folder: Path) -> None:
        self.link = CutLink(Address(url=url), None, lambda link: schema.apply(link, names, 0))
        self.local = open_embedded(folder, "service")
        self.documents = ElasticDocuments(self.link, names, self.local.documents, SystemClock())

    def close(self) -> None:
        self.local.close()
        self.link.close()


class CutLink(Link):
    """A link with a cable to pull: before a request, or after it was carried out (its answer is lost)."""

    cut = ""

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        if self.cut == "before":
            raise StoreAway("the cable is out")
        answer = super().call(method, path, body, **more)
        if self.cut == "after":
            raise StoreAway("the answer was lost")
        return answer


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[Node, Node]]:
    server, names = peer.shared(), Names(f"t{secrets.token_hex(5)}")
    with ExitStack() as stack:
        made = []
        for name in ("one", "two"):
            made.append(Node(server.url, names, tmp_path / name))
            stack.callback(made[-1].close)
        yield made[0], made[1]
    peer.wipe(server, names.namespace)


def refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except Conflict:
        return True
    return False


def body_of(node: Node, id: str, kind: str = "incident") -> Body:
    return node.documents.get(kind, id).body


def test_two_nodes_cannot_both_win_a_conditional_write(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    first = one.documents.put("lease", "share-1", {"owner": "one"}, ABSENT)
    assert refused(lambda: two.documents.put("lease", "share-1", {"owner": "two"}, ABSENT))
    second = two.documents.put("lease", "share-1", {"owner": "two"}, first.version)
    assert refused(lambda: one.documents.put("lease", "share-1", {"owner": "one"}, first.version))
    assert refused(lambda: one.documents.delete("lease", "share-1", first.version))
    assert one.documents.get("lease", "share-1").version == second.version


def test_what_one_node_wrote_another_finds_at_once(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(12):
        one.documents.put("incident", f"i{number}", {"number": number, "deep": {"list": [number, "x"]}})
    assert [found.id for found in two.documents.find("incident", Range("number", gte=9), sort="-number").items] == ["i11", "i10", "i9"]
    assert two.documents.find("incident", Term("deep.list", 4)).total == 1
    assert two.documents.find("incident", Exists("deep.list")).total == 12


def test_negative_and_fractional_numbers_are_in_order(nodes: tuple[Node, Node]) -> None:
    one, _ = nodes
    values = [-1e12, -2.5, -1, 0, 0.25, 3, 1e300]
    for number, value in enumerate(reversed(values)):
        one.documents.put("n", str(number), {"value": value})
    assert [found.body["value"] for found in one.documents.find("n", sort="value").items] == values
    assert one.documents.find("n", Range("value", lt=0)).total == 3
    assert one.documents.find("n", Range("value", gt=-2.5, lte=3)).total == 4


def test_any_body_is_taken_whatever_the_others_looked_like(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    bodies: list[Body] = [
        {"x": 1},
        {"x": "text"},
        {"x": {"y": [1, {"z": None}]}},
        {"x.y": True},
        {"x": []},
        {f"k{n}": n for n in range(3000)},
        {"long": "长" * 40_000},
    ]
    for number, body in enumerate(bodies):
        one.documents.put("b", str(number), body)
    assert [body_of(two, str(number), "b") for number in range(len(bodies))] == bodies
    assert two.documents.find("b", Term("long", "长" * 40_000)).total == 1


def test_a_removed_document_is_gone_for_everybody_and_may_be_made_again(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.documents.put("session", "s", {"user": "li"})
    two.documents.hear(LONG_AGO)
    one.documents.delete("session", "s")
    for node in nodes:
        with pytest.raises(NotFound):
            node.documents.get("session", "s")
        assert node.documents.find("session").items == ()
    two.documents.hear(LONG_AGO)
    two.link.cut = "before"
    with pytest.raises(NotFound):
        two.documents.get("session", "s")
    two.link.cut = ""
    assert two.documents.put("session", "s", {"user": "wang"}, ABSENT).body == {"user": "wang"}
    assert one.documents.purge(SystemClock().now() + timedelta(minutes=1)) == 0


def test_writes_of_an_outage_are_conditional_readable_and_sent_afterwards(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    before = one.documents.put("incident", "i", {"state": "open"})
    gone = one.documents.put("incident", "gone", {"state": "open"})
    one.link.cut = "before"
    acked = one.documents.put("incident", "i", {"state": "acknowledged"}, before.version)
    assert refused(lambda: one.documents.put("incident", "i", {}, before.version))
    assert refused(lambda: one.documents.put("incident", "i", {}, ABSENT))
    resolved = one.documents.put("incident", "i", {"state": "resolved"}, acked.version)
    one.documents.put("incident", "new", {"state": "open"}, ABSENT)
    one.documents.delete("incident", "gone", gone.version)
    assert [(found.id, found.body["state"]) for found in one.documents.find("incident", sort="state").items] == [("new", "open"), ("i", "resolved")]
    assert body_of(two, "i") == {"state": "open"}
    assert one.documents.waiting == 3
    one.link.cut = ""
    assert one.documents.send_pending()
    assert {found.id: found.body["state"] for found in two.documents.find("incident").items} == {"new": "open", "i": "resolved"}
    assert one.documents.put("incident", "i", {"state": "closed"}, resolved.version).body == {"state": "closed"}
    assert refused(lambda: one.documents.put("incident", "i", {"state": "open"}, resolved.version))


def test_where_somebody_else_wrote_meanwhile_theirs_stays_and_ours_is_kept(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    start = one.documents.put("incident", "i", {"state": "open"})
    one.link.cut = "before"
    mine = one.documents.put("incident", "i", {"state": "mine"}, start.version)
    two.documents.put("incident", "i", {"state": "theirs"}, start.version)
    one.link.cut = ""
    assert refused(lambda: one.documents.put("incident", "i", {"state": "again"}, mine.version))
    assert body_of(one, "i") == {"state": "theirs"}
    (kept,) = two.documents.find("conflict").items
    assert (kept.body["kind"], kept.body["id"], kept.body["ours"]) == ("incident", "i", {"state": "mine"})


def test_a_write_whose_answer_was_lost_is_no_conflict_with_itself(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    start = one.documents.put("counter", "c", {"value": 1})
    one.link.cut = "after"
    second = one.documents.put("counter", "c", {"value": 2}, start.version)
    assert body_of(two, "c", "counter") == {"value": 2}
    one.link.cut = "before"
    one.documents.put("counter", "c", {"value": 3}, second.version)
    created = one.documents.put("counter", "d", {"value": 1}, ABSENT)
    one.link.cut = ""
    assert one.documents.send_pending()
    assert (body_of(two, "c", "counter"), body_of(two, "d", "counter")) == ({"value": 3}, {"value": 1})
    one.documents.put("counter", "d", {"value": 2}, created.version)
    assert two.documents.find("conflict").items == ()


def test_a_lost_answer_that_reached_a_new_document_is_no_conflict_either(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.link.cut = "after"
    one.documents.put("incident", "i", {"state": "open"}, ABSENT)
    one.link.cut = ""
    assert one.documents.send_pending()
    assert body_of(two, "i") == {"state": "open"}
    assert two.documents.find("conflict").items == ()
