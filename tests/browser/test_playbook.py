"""Two people and one block, in a real browser on a real server: who asks may not approve, the other one does, it happens, and it is put back on time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from console.identity.accounts import Account
from console.identity.login import open_identity
from console.identity.roles import Role
from console.identity.tokens import Tokens
from core.settings import Settings
from inventory.credentials import Vault, master_key
from store.embedded import open_embedded
from tests.browser.conftest import settled
from tests.peers.program import free_port, running, until
from tests.peers.sshd import sshd

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.peer, pytest.mark.timeout(300)]
PASSWORD = "Morning-tower-7-rain"
SOURCE = "203.0.113.77"
UNDO_S = 45
WITHIN_MS = 60_000
SHOTS = Path(__file__).parents[2] / "artefacts" / "playbook"
PLAYBOOK = """
playbook: block-briefly
version: 1
title: {zh: 短时封禁来源, en: Block a source briefly}
about: {zh: 写入封禁名单，到时自动解除。, en: Puts a source on the block list and takes it off by itself.}
risk: change
domain: security
inputs:
  source: {type: ip, title: {zh: 来源地址, en: source address}}
  list: {type: path}
targets: {match: {id: keeper}}
steps:
  - {id: block, run: blocklist.add, with: {address: "{{ source }}", list: "{{ list }}"}, undo: {after: 45s}}
"""


@dataclass(frozen=True)
class House:
    url: str
    list: Path
    token: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("playbook")
    data, blocked = folder / "data", folder / "blocklist"
    blocked.write_text("198.51.100.1\n")
    (folder / "sshd").mkdir()
    with sshd(folder / "sshd") as target:
        site = data / "site"
        (site / "playbooks").mkdir(parents=True)
        (site / "playbooks" / "block.yaml").write_text(PLAYBOOK)
        ssh = {"port": target.port, "host_key": target.host_key}
        keeper = {"id": "keeper", "name": "Edge gateway", "address": "127.0.0.1", "level": 3, "collect": {"ssh": ssh}, "credentials": {"ssh": "keeper"}}
        (site / "assets.yaml").write_text(json.dumps({"assets": [keeper]}))
        store, now = open_embedded(data, "service"), datetime.now(UTC)
        secret = {"username": target.secret.username, "key": target.secret.key}
        Vault(store, master_key(data)).put("keeper", secret, who="test", now=now)
        accounts = open_identity(store, Settings(data=data)).accounts
        for name, role in (("ann", Role.OPERATOR), ("bob", Role.DUTY_LEADER)):
            accounts.add(Account(name=name, roles=(role,), created_by="test"), now)
            accounts.change_password(accounts.get(name), PASSWORD, now)
        ann = accounts.get("ann")
        token = Tokens(store, accounts).make(ann, "test", ann.rights, timedelta(days=1), now)
        store.close()
        port, log = free_port(), folder / "up.log"
        environment = {"WANGLOU_DATA": str(data), "WANGLOU_PORT": str(port)}
        with running([sys.executable, "-m", "service", "up"], lambda: b"ready: " in log.read_bytes(), log, environment=environment, timeout_s=120):
            yield House(f"http://127.0.0.1:{port}", blocked, token)


def log_in(browser: Browser, house: House, name: str, language: str) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="en-US")
    page = context.new_page()
    page.goto(f"{house.url}/login?language={language}")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button")
    settled(page)
    return context, page


def shot(page: Page, name: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    settled(page)
    page.screenshot(path=SHOTS / f"{name}.png")


def test_two_people_block_a_source_and_it_is_put_back_on_time(browser: Browser, house: House) -> None:
    ann_context, ann = log_in(browser, house, "ann", "en")
    ann.goto(f"{house.url}/playbook?name=block-briefly")
    settled(ann)
    ann.get_by_label("source address").fill(SOURCE)
    ann.get_by_label("list").fill(str(house.list))
    ann.get_by_role("button", name="Show the plan").click()
    begin = ann.get_by_role("button", name="Ask for this run")
    expect(begin).to_be_visible(timeout=WITHIN_MS)
    shot(ann, "plan")
    assert house.list.read_text() == "198.51.100.1\n"
    begin.click()
    ann.wait_for_url("**/run?id=*", timeout=WITHIN_MS)
    expect(ann.get_by_text("Who asked for a run does not approve it")).to_be_visible(timeout=WITHIN_MS)
    expect(ann.get_by_role("button", name="Approve plan")).to_have_count(0)
    run = ann.url.rpartition("id=")[2]
    headers = {"authorization": f"Bearer {house.token}"}
    digest = httpx2.get(f"{house.url}/api/v1/runs/{run}", headers=headers).json()["hash"]
    asked = {"action": "approve", "args": {"step": "approval", "hash": digest}}
    said = httpx2.post(f"{house.url}/api/v1/runs/{run}/actions", headers=headers, json=asked, timeout=60)
    assert said.is_error
    assert "who asked may not approve" in said.text, "nor by any other way"
    shot(ann, "refused")
    assert house.list.read_text() == "198.51.100.1\n"

    bob_context, bob = log_in(browser, house, "bob", "zh_CN")
    bob.goto(f"{house.url}/tasks")
    expect(bob.get_by_text("1 项待办等你处理").first).to_be_visible(timeout=WITHIN_MS)
    shot(bob, "tasks")
    bob.goto(ann.url)
    bob.get_by_role("button", name="同意计划").click(timeout=WITHIN_MS)
    until(lambda: SOURCE in house.list.read_text(), "the block", timeout_s=60)
    began = time.monotonic()
    expect(bob.get_by_text("完成", exact=False).first).to_be_visible(timeout=WITHIN_MS)
    shot(bob, "done")
    until(lambda: SOURCE not in house.list.read_text(), "the undo", timeout_s=UNDO_S + 60)
    assert time.monotonic() - began > UNDO_S - 5
    assert house.list.read_text() == "198.51.100.1\n"
    bob.reload()
    expect(bob.get_by_text("恢复原状").first).to_be_visible(timeout=WITHIN_MS)
    shot(bob, "undone")
    for context in (ann_context, bob_context):
        context.close()
