"""A link to the session's server under a namespace of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from store.elastic import schema
from store.elastic.link import LENIENT, Address, Link
from store.elastic.names import Names
from tests.peers import elasticsearch as peer


@dataclass(frozen=True)
class Place:
    """Where a test writes."""

    link: Link
    names: Names

    def refresh(self, stream: str) -> None:
        self.link.call("POST", f"/{stream}/_refresh", params=LENIENT)

    def count(self, stream: str) -> int:
        self.refresh(stream)
        return int(self.link.call("GET", f"/{stream}/_count", params=LENIENT)["count"])


@pytest.fixture
def place() -> Iterator[Place]:
    server, names = peer.shared(), Names(f"t{secrets.token_hex(5)}")
    link = Link(Address(url=server.url))
    schema.apply(link, names, replicas=0)
    yield Place(link, names)
    link.close()
    peer.wipe(server, names.namespace)
