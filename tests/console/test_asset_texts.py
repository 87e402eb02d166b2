"""The texts read from an asset: their versions, what changed in them, and what that means for graded protection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from compliance.check import Sample
from compliance.prove import snapshots
from console.desk import Desk, install, open_desk
from core.clock import SystemClock
from core.records import Snapshot, ended
from core.settings import Settings
from inventory.book import Book
from store.base import Store
from store.snapshots import save_snapshot
from tests.console.test_views import Visitor, everything, opened, said, visitor

__all__ = ["visitor"]  # a fixture
pytestmark = pytest.mark.slow


@pytest.fixture
def full(store: Store, tmp_path: Path) -> Desk:
    now = datetime.now(UTC) - timedelta(hours=2)
    Book(store).save("web1", {"kind": "linux", "address": "10.0.0.1"}, source="person", who="li", now=now)
    texts = {text.kind: text.body for text in snapshots(Sample(platform="debian", verdict="pass"))}
    for kind, body in texts.items():
        save_snapshot(store, Snapshot(time=now, asset="web1", kind=kind, body=ended(body)))
    weak = texts["sshd_config"].replace("permitrootlogin no", "permitrootlogin yes")
    save_snapshot(store, Snapshot(time=now + timedelta(hours=1), asset="web1", kind="sshd_config", body=ended(weak)))
    desk = open_desk(store, Settings(data=tmp_path / "data"), SystemClock())
    install(desk)
    return desk


def test_a_changed_text_is_shown_with_the_checks_that_it_makes_come_out_otherwise(full: Desk, visitor: Visitor) -> None:
    visitor.account = everything(language="en")
    test = opened("asset.py", id="web1", tab="facts")
    test.selectbox("facts-web1").select("sshd_config").run()
    assert not test.exception
    assert "What changed since the version of" in said(test)
    assert "Root cannot log in remotely" in said(test)
    shown = [block.value for block in test.code]
    assert any("-permitrootlogin no" in text and "+permitrootlogin yes" in text for text in shown)
    test.selectbox("facts-version").select_index(1).run()
    assert "What changed since" not in said(test), "the first version came after none"
