"""Every back end that the contract is checked on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.base import Store
from store.embedded import open_embedded


@pytest.fixture(params=["embedded", pytest.param("elastic", marks=pytest.mark.peer)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "elastic":
        from tests.peers.elasticsearch import elastic_store

        with elastic_store(tmp_path) as elastic:
            yield elastic
        return
    embedded = open_embedded(tmp_path / "data")
    yield embedded
    embedded.close()
