"""A server with passwords and TLS: what gets in, what does not, and that the documented rights are enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError
from core.records import Event, Sample
from store.base import ABSENT, Retention, Selector
from store.elastic import open_elastic
from store.filter import EVERYTHING
from tests.elastic.times import T0
from tests.peers import elasticsearch as peer

pytestmark = [pytest.mark.peer, pytest.mark.slow]
PASSWORD = "geheim-Über-1"  # noqa: RUF100, S105
RIGHTS = {
    "cluster": ["monitor", "manage_index_templates"],
    "indices": [
        {
            "names": ["metrics-wanglou.*-keyed", "logs-wanglou.*-keyed", "wanglou-document-keyed*"],
            "privileges": ["create_doc", "write", "read", "view_index_metadata", "create_index", "auto_configure", "maintenance", "manage"],
        }
    ],
}


@pytest.fixture(scope="module")
def guarded() -> Iterator[peer.Server]:
    with peer.running(password=PASSWORD, tls=True) as server:
        yield server


def settings(server: peer.Server, **changed: Any) -> dict[str, Any]:
    return {"username": peer.USER, "password": PASSWORD, "ca_file": server.ca, "replicas": 0, "namespace": "basic", **changed}


def use(server: peer.Server, folder: Path, **given: Any) -> None:
    """Write one of everything and read it back from the server."""
    store = open_elastic(server.url, folder, "service", **given)
    try:
        store.events.write([Event(id="e1", time=T0, asset="a", kind="login", message="ok")])
        store.metrics.write([Sample(time=T0, asset="a", metric="system.uptime", value=1)])
        store.documents.put("incident", "i1", {"state": "open"}, ABSENT)
        store.audit.append(time=T0, actor="a", action="b", object="c", body={})
        store.refresh()
        assert store.events.count(EVERYTHING, T0, T0 + timedelta(seconds=1)) == 1
        assert [sample.value for sample in store.metrics.series(Selector())] == [1]
        assert len(store.documents.find("incident").items) == 1
        assert store.audit.verify() is None
        store.maintain(Retention(), T0 + timedelta(days=1))
        health = store.health()
        assert health.ok, health
        assert PASSWORD not in repr(store) + repr(health)
    finally:
        store.close()


def test_name_and_password_get_in_over_a_trusted_certificate(guarded: peer.Server, tmp_path: Path) -> None:
    use(guarded, tmp_path, **settings(guarded))


def test_an_api_key_with_the_documented_rights_is_enough(guarded: peer.Server, tmp_path: Path) -> None:
    key = peer.call(guarded, "POST", "/_security/api_key", {"name": "wanglou", "role_descriptors": {"wanglou": RIGHTS}})
    use(guarded, tmp_path, api_key=key["encoded"], ca_file=guarded.ca, replicas=0, namespace="keyed")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"password": "wrong"}, "refused the name and password or the API key; check store.username"),
        ({"username": "", "password": ""}, "refused the name and password or the API key"),
        ({"api_key": "bm90OmFrZXk="}, "refused the name and password or the API key"),
        ({"ca_file": None}, r"is not trusted .* set store\.ca_file"),
    ],
)
def test_a_wrong_setting_is_told_at_the_start_and_no_secret_with_it(guarded: peer.Server, tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        open_elastic(guarded.url, tmp_path, "service", **settings(guarded, **changed))
    assert PASSWORD not in str(caught.value)
