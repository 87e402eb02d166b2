"""The pages of map and finder as people use them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.desk import Desk
from console.identity.accounts import Account
from console.identity.roles import Role
from console.queries.netmap import read_pins
from tests.console.network import HOSTILE, seed_network
from tests.console.test_views import Visitor, everything, live, opened, said, visitor
from tests.inventory.topology.makers import mac

__all__ = ["live", "visitor"]


@pytest.fixture
def network(live: Desk, visitor: Visitor, tmp_path: Path) -> Desk:
    (tmp_path / "site").mkdir()
    text = "networks:\n  - {prefix: 10.0.0.0/24, name: 办公网, vlan: 10, dynamic: [10.0.0.70-79]}\n"
    (tmp_path / "site" / "networks.yaml").write_text(text, encoding="utf-8")
    seed_network(live.store, datetime.now(UTC), tmp_path / "site")
    visitor.account = everything(language="en")
    return live


def cells(test: object) -> str:
    return "\n".join(frame.value.to_string() for frame in test.dataframe)  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_the_map_says_what_is_not_as_it_should_be(network: Desk, visitor: Visitor, language: str) -> None:
    visitor.account = everything(language=language)
    test = opened("map.py", asset="core")
    assert not test.exception
    assert ("5 个节点" if language == "zh_CN" else "5 nodes") in said(test)
    assert ("✓ 正常" if language == "zh_CN" else "◆ busy") in said(test) + cells(test)
    assert HOSTILE[:20] in cells(test)
    assert "<img" not in said(test)


def test_a_comparison_lists_the_cable_that_moved(network: Desk) -> None:
    test = opened("map.py", since=(datetime.now(UTC) - timedelta(days=1)).date().isoformat())
    assert not test.exception
    assert "＋ new" in cells(test)
    assert "－ no longer there" in cells(test)


def test_a_node_moved_in_the_picture_stays_there_and_is_in_the_audit(network: Desk) -> None:
    test = opened("map.py", asset="acc1")
    test.button(key="map-move-→").click().run()
    assert set(read_pins(network.store)) == {"acc1"}
    (entry,) = network.store.audit.read(action="map.pin")
    assert (entry.actor, entry.object) == ("li", "acc1")
    opened("map.py", asset="acc1").button(key="map-free").click().run()
    assert read_pins(network.store) == {}


def test_a_viewer_may_look_at_the_map_but_not_move_anything(network: Desk, visitor: Visitor) -> None:
    visitor.account = Account(name="me", roles=(Role.VIEWER,), language="en")
    test = opened("map.py", asset="core")
    assert not [button for button in test.button if str(button.key).startswith("map-")]


def test_nonsense_in_the_address_of_the_map_is_ignored(network: Desk) -> None:
    test = opened("map.py", layer="x", site="nowhere", vlan="-1", since="yesterday", asset="nobody")
    assert not test.exception
    assert not test.error


def test_the_finder_shows_the_port_and_the_past_of_the_one_machine(network: Desk) -> None:
    test = opened("finder.py", q=mac(101))
    assert not test.exception
    assert "1 of 6 machines fit" in said(test)
    assert "网络 acc1" in cells(test)
    assert "still" in cells(test)


def test_two_machines_with_one_address_are_said_first(network: Desk) -> None:
    assert "10\\.0\\.0\\.77 is used by 2 machines" in said(opened("finder.py"))


@pytest.mark.parametrize(("tab", "words"), [("new", mac(200)), ("plan", "办公网"), ("vlans", "✓ as planned")])
def test_each_part_of_the_finder_shows_itself(network: Desk, tab: str, words: str) -> None:
    test = opened("finder.py", tab=tab)
    assert not test.exception
    assert words in cells(test)
