from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from console import actions
from console.desk import Desk
from console.gate import COOKIE
from console.identity.roles import Right, Role
from core.names import INTENT
from tests.console.conftest import PASSWORD, person
from tests.console.test_gate import log_in, program


@pytest.fixture
def client(filled: Desk) -> Iterator[TestClient]:
    with TestClient(program(filled), base_url="http://127.0.0.1:8600", follow_redirects=False) as opened:
        yield opened


def bearer(here: Desk, name: str, role: Role, *scopes: Right) -> dict[str, str]:
    account = person(here, name, role)
    return {"authorization": "Bearer " + here.tokens.make(account, "test", scopes or account.rights, timedelta(days=1), here.now())}


def serve(here: Desk, state: str, message: str = "") -> threading.Thread:
    """Stands in for the service: answers the first intent that comes."""

    def answer() -> None:
        for _ in range(200):
            for document in here.store.documents.find(INTENT).items:
                here.store.documents.put(INTENT, document.id, {**document.body, "state": state, "message": message})
                return
            threading.Event().wait(0.02)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


READS = (
    "/assets", "/assets/server-000", "/assets/server-000/impact", "/network/links", "/network/machines?q=x", "/network/plan",
    "/metrics/catalogue", "/metrics/latest?metric=collector.up",
    "/metrics/range?metric=system.cpu.utilization", "/events", "/events/histogram", "/events/top?field=event.kind", "/flows?limit=3",
    "/incidents", "/incidents/i00000",
    "/compliance/verdicts", "/discovery/candidates", "/discovery/candidates/d0", "/discovery/searches",
    "/playbooks", "/runs", "/tasks", "/audit", "/audit/verify",
)  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_nothing_is_answered_to_a_stranger(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1{path}").status_code == 401


@pytest.mark.parametrize("role", list(Role))
def test_each_role_reads_exactly_what_its_rights_say(client: TestClient, filled: Desk, role: Role) -> None:
    headers = bearer(filled, "me", role)
    rights = filled.identity.accounts.get("me").rights
    needed = {
        "assets": Right.ESTATE_READ,
        "network": Right.ESTATE_READ,
        "metrics": Right.ESTATE_READ,
        "events": Right.EVENTS_READ,
        "flows": Right.EVENTS_READ,
        "incidents": Right.INCIDENT_READ,
        "compliance": Right.COMPLIANCE_READ,
        "discovery": Right.ESTATE_READ,
        "playbooks": Right.PLAYBOOK_READ,
        "runs": Right.PLAYBOOK_READ,
        "tasks": Right.TASK_DO,
    }
    for path in READS:
        part = path.split("/")[1].split("?")[0]
        expected = 200 if part == "audit" and path == "/audit" else 200 if needed.get(part, Right.AUDIT_READ) in rights else 403
        assert client.get(f"/api/v1{path}", headers=headers).status_code == expected, path


def test_a_token_with_one_scope_opens_one_door(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "me", Role.DUTY_LEADER, Right.INCIDENT_READ)
    assert client.get("/api/v1/incidents", headers=headers).status_code == 200
    assert client.get("/api/v1/assets", headers=headers).status_code == 403
    assert client.post("/api/v1/incidents/i00000/actions", headers=headers, json={"action": "acknowledge"}).status_code == 403


def test_assets_come_with_their_state_and_are_searched(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "me", Role.VIEWER)
    found = client.get("/api/v1/assets?q=kind:switch&limit=1", headers=headers).json()
    assert found["total"] == 2
    assert found["items"][0]["id"] == "switch-001"
    assert found["items"][0]["state"] == "high"
    assert client.get("/api/v1/assets/nobody", headers=headers).status_code == 404


def test_ranges_are_bucketed_and_latest_is_new(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "me", Role.VIEWER)
    ask: dict[str, Any] = {"metric": "system.filesystem.utilization", "asset": "server-000", "label": "mountpoint=/var", "step": 600, "agg": "max"}
    (series,) = client.get("/api/v1/metrics/range", params=ask, headers=headers).json()["series"]
    assert series["labels"] == {"mountpoint": "/var", "device": "sda"}
    assert 5 <= len(series["points"]) <= 7
    (newest,) = client.get("/api/v1/metrics/latest?metric=system.cpu.utilization&asset=server-000", headers=headers).json()["items"]
    assert newest["time"] == filled.now().isoformat()


@pytest.mark.parametrize(
    "query",
    [
        "metrics/range?metric=m&since=2026-03-02T00:00:00",
        "metrics/range?metric=m&since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z",
        "metrics/range?metric=m&since=1990-03-02T00:00:00Z",
        "metrics/range?metric=m&agg=median",
        "metrics/range?metric=m&label=nothing",
        "metrics/range?metric=m&step=0",
        "metrics/range?metric=m&step=0.00001",
        "events?limit=100000",
        "assets?limit=0",
    ],
)
def test_nonsense_is_a_clear_422(client: TestClient, filled: Desk, query: str) -> None:
    answer = client.get(f"/api/v1/{query}", headers=bearer(filled, "me", Role.VIEWER))
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_events_are_searched_page_by_page(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "me", Role.VIEWER)
    ask: dict[str, Any] = {"q": "kind:login_failed", "since": (filled.now() - timedelta(days=1)).isoformat(), "limit": 40}
    ask["until"] = (filled.now() + timedelta(seconds=1)).isoformat()
    first = client.get("/api/v1/events", params=ask, headers=headers).json()
    second = client.get("/api/v1/events", params={**ask, "cursor": first["next"]}, headers=headers).json()
    assert (len(first["items"]), len(second["items"]), second["next"]) == (40, 20, None)
    buckets = client.get("/api/v1/events/histogram", params={**ask, "by": "asset.id"}, headers=headers).json()["buckets"]
    assert sum(bucket["count"] for bucket in buckets) == 60
    top = client.get("/api/v1/events/top", params={**ask, "field": "source.ip"}, headers=headers).json()["items"]
    assert top == [{"value": "203.0.113.9", "count": 60}]


def test_an_action_becomes_an_intent_and_its_outcome_is_told(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "li", Role.OPERATOR)
    helper = serve(filled, "done")
    answer = client.post("/api/v1/incidents/i00000/actions", headers=headers, json={"action": "acknowledge", "args": {"expires": "2h"}})
    helper.join()
    assert answer.json()["state"] == "done"
    (intent,) = filled.store.documents.find(INTENT).items
    body = {key: intent.body[key] for key in ("what", "user", "roles", "args", "on")}
    assert body == {"what": "acknowledge", "user": "li", "roles": ["operator"], "args": {"expires": "2h"}, "on": "i00000"}
    assert filled.store.audit.read(action="ask.acknowledge")[0].actor == "li"


def test_found_devices_are_listed_and_taken_in_by_asking_the_service(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "op", Role.OPERATOR)
    items = client.get("/api/v1/discovery/candidates?state=new&q=huawei", headers=headers).json()["items"]
    assert [(item["guess"]["name"], item["state"]) for item in items] == [("sw-0", "new")]
    assert client.get("/api/v1/discovery/candidates?state=x", headers=headers).status_code == 422
    thread = serve(filled, "done", "sw-0")
    answer = client.post("/api/v1/discovery/candidates/d0/actions", headers=headers, json={"action": "take_in", "args": {"values": {"site": "hq"}}})
    thread.join()
    assert (answer.json()["state"], answer.json()["message"]) == ("done", "sw-0")
    (intent,) = filled.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["args"]) == ("take_in", {"values": {"site": "hq"}, "candidate": "d0"})
    assert client.post("/api/v1/discovery/candidates/nobody/actions", headers=headers, json={"action": "take_in"}).status_code == 404
    assert client.post("/api/v1/discovery/candidates/d0/actions", headers=headers, json={"action": "explode"}).status_code == 422


def test_a_search_outside_of_what_is_allowed_is_a_403_with_its_reason_and_a_viewer_may_not_ask(client: TestClient, filled: Desk) -> None:
    thread = serve(filled, "refused", "10.0.0.0/8 is not inside a range that may be searched")
    answer = client.post("/api/v1/discovery/searches", headers=bearer(filled, "op", Role.OPERATOR), json={"ranges": ["10.0.0.0/8"]})
    thread.join()
    assert (answer.status_code, answer.json()["detail"]) == (403, "10.0.0.0/8 is not inside a range that may be searched")
    assert client.post("/api/v1/discovery/searches", headers=bearer(filled, "me", Role.VIEWER), json={"ranges": ["10.0.0.1"]}).status_code == 403


def test_a_plan_is_made_and_asked_for_by_its_hash(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "op", Role.OPERATOR)
    inputs = {"source": "203.0.113.7", "keepers": ["server-000"]}
    planned = client.post("/api/v1/playbooks/block-source/plan", json={"inputs": inputs}, headers=headers).json()
    assert planned["stages"][1]["parts"][0]["commands"] == ["tee -a -- /etc/wanglou/blocklist <<< 203.0.113.7"]
    assert client.post("/api/v1/playbooks/nobody/plan", json={}, headers=headers).status_code == 404
    assert client.post("/api/v1/playbooks/block-source/plan", json={"inputs": {"source": "; reboot"}}, headers=headers).status_code == 400
    thread = serve(filled, "done")
    asked = client.post("/api/v1/playbooks/block-source/runs", json={"inputs": inputs, "hash": planned["hash"]}, headers=headers).json()
    thread.join()
    (intent,) = filled.store.documents.find(INTENT).items
    assert (intent.body["what"], intent.body["on"], intent.body["args"]["hash"]) == ("run.begin", asked["run"], planned["hash"])


def test_a_viewer_plans_but_neither_runs_nor_approves(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "eve", Role.VIEWER)
    assert client.get("/api/v1/playbooks", headers=headers).status_code == 200
    assert client.post("/api/v1/playbooks/block-source/runs", json={}, headers=headers).status_code == 403
    assert client.post("/api/v1/runs/r1/actions", json={"action": "approve"}, headers=headers).status_code == 403


def test_a_refusal_of_the_service_is_a_403_with_its_reason(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "li", Role.OPERATOR)
    helper = serve(filled, "refused", "already acknowledged by wang")
    answer = client.post("/api/v1/incidents/i00000/actions", headers=headers, json={"action": "acknowledge"})
    helper.join()
    assert (answer.status_code, answer.json()["detail"]) == (403, "already acknowledged by wang")


def test_an_action_waits_its_turn_when_the_service_is_away(client: TestClient, filled: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "WAIT_S", 0.1)
    intent = actions.ask(filled, person(filled, "li", Role.OPERATOR), "comment", {"text": "on my way"}, "i00000")
    assert actions.outcome(filled, intent, 0.1) == ("new", "")


@pytest.mark.parametrize(("action", "status"), [("rm -rf", 422), ("", 422)])
def test_unknown_actions_are_refused(client: TestClient, filled: Desk, action: str, status: int) -> None:
    headers = bearer(filled, "li", Role.OPERATOR)
    assert client.post("/api/v1/incidents/i00000/actions", headers=headers, json={"action": action}).status_code == status
    assert client.post("/api/v1/incidents/i00000/actions", headers=headers, json={"action": "comment", "extra": 1}).status_code == 422
    assert client.post("/api/v1/incidents/nope/actions", headers=headers, json={"action": "comment"}).status_code == 404
    assert filled.store.documents.find(INTENT).items == ()


def test_a_browser_session_reads_but_writes_only_with_its_header(client: TestClient, filled: Desk) -> None:
    person(filled, "li", Role.OPERATOR)
    log_in(client, "li", PASSWORD)
    assert client.cookies[COOKIE]
    assert client.get("/api/v1/incidents").status_code == 200
    assert client.post("/api/v1/incidents/i00000/actions", json={"action": "acknowledge"}).status_code == 403
    assert filled.store.documents.find(INTENT).items == ()


def test_everybody_reads_their_own_audit_and_only_its_administrator_all(client: TestClient, filled: Desk) -> None:
    auditor, other = bearer(filled, "aud", Role.AUDIT_ADMIN), bearer(filled, "li", Role.OPERATOR)
    assert {entry["actor"] for entry in client.get("/api/v1/audit", headers=other).json()["items"]} == {"li"}
    assert client.get("/api/v1/audit?actor=aud", headers=other).status_code == 403
    assert {"li", "aud"} <= {entry["actor"] for entry in client.get("/api/v1/audit", headers=auditor).json()["items"]}
    assert client.get("/api/v1/audit/verify", headers=auditor).json() == {"whole": True, "broken_at": None}


def test_too_many_wrong_tokens_close_the_door_for_the_address(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "li", Role.OPERATOR)
    statuses = [client.get("/api/v1/assets", headers={"authorization": f"Bearer wl_{n}"}).status_code for n in range(6)]
    assert statuses == [401] * 5 + [429]
    assert client.get("/api/v1/assets", headers=headers).status_code == 429
    filled.clock.advance(31 * 60)  # type: ignore[attr-defined]
    assert client.get("/api/v1/assets", headers=headers).status_code == 200


def test_no_answer_holds_a_secret(client: TestClient, filled: Desk) -> None:
    headers = bearer(filled, "li", Role.OPERATOR)
    secret = filled.identity.accounts.get("li").secret
    for path in READS:
        text = client.get(f"/api/v1{path}", headers=headers).text
        assert secret not in text
        assert "argon2" not in text
        assert headers["authorization"].split()[1] not in text


def test_the_api_describes_itself_without_the_internet(client: TestClient, filled: Desk) -> None:
    person(filled, "li", Role.OPERATOR)
    log_in(client, "li", PASSWORD)
    page = client.get("/api/v1/docs").text
    assert "/api/v1/incidents/{id}/actions" in page
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "Wanglou API"


def test_flows_name_talkers_and_what_is_missing(client: TestClient, filled: Desk) -> None:
    answer = client.get("/api/v1/flows?limit=2", headers=bearer(filled, "li", Role.VIEWER)).json()
    assert len(answer["talkers"]) == 2
    assert {each["exporter"]: each["lost"] > 0 for each in answer["exporters"]} == {"switch-001": False, "192.0.2.77": True}
