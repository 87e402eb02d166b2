"""Alerts from outside at the API: who may send them, how large, and that they are kept before the answer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from console.desk import Desk
from console.identity.roles import Right, Role
from core.names import INTAKE
from tests.console.test_api import bearer
from tests.console.test_gate import program
from tests.incidents.test_intake import PROMETHEUS


@pytest.fixture
def client(here: Desk) -> Iterator[TestClient]:
    with TestClient(program(here), base_url="http://127.0.0.1:8600", follow_redirects=False) as opened:
        yield opened


def test_a_call_is_kept_before_it_is_answered(client: TestClient, here: Desk) -> None:
    headers = bearer(here, "prometheus", Role.OPERATOR, Right.ALERT_PUSH)
    answer = client.post("/api/v1/intake/alertmanager", json=PROMETHEUS, headers=headers)
    assert (answer.status_code, answer.json()["taken"]) == (202, 2)
    (document,) = here.store.documents.find(INTAKE).items
    assert (document.body["source"], document.body["by"], document.body["alerts"][0]["rule"]) == ("alertmanager", "prometheus", "HighLoad")


def test_who_lacks_the_right_sends_nothing(client: TestClient, here: Desk) -> None:
    headers = bearer(here, "li", Role.OPERATOR, Right.INCIDENT_READ)
    assert client.post("/api/v1/intake/alertmanager", json=PROMETHEUS, headers=headers).status_code == 403
    assert client.post("/api/v1/intake/alertmanager", json=PROMETHEUS).status_code == 401
    assert here.store.documents.find(INTAKE).items == ()


def test_what_cannot_be_taken_is_said_in_words(client: TestClient, here: Desk) -> None:
    headers = bearer(here, "prometheus", Role.OPERATOR, Right.ALERT_PUSH)
    unknown = client.post("/api/v1/intake/nagios", json={}, headers=headers)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "there is no mapping 'nagios'; there are alertmanager, generic, grafana, zabbix")
    assert client.post("/api/v1/intake/generic", json=[], headers=headers).status_code == 422
    assert client.post("/api/v1/intake/generic", content=b"{", headers={**headers, "content-type": "application/json"}).status_code == 422
    assert client.post("/api/v1/intake/generic", content=b" " * 2_000_001, headers=headers).status_code == 413
