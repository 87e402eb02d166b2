"""The inbox in a real store: taking in, setting aside, rules, and what the audit says of it."""

from __future__ import annotations

import pytest

from core.errors import NotFound, Refused
from inventory.asset import Asset
from inventory.book import Book
from inventory.discovery.inbox import Inbox
from inventory.discovery.plan import Rule
from inventory.discovery.sighting import Sighting
from store.base import Store
from tests.inventory.discovery.makers import DAY, NOW, agent, page


def found(store: Store, *sightings: Sighting, assets: tuple[Asset, ...] = (), days: int = 0) -> Inbox:
    inbox = Inbox(store)
    inbox.apply(sightings, assets, lambda _address: True, NOW + days * DAY)
    return inbox


def actions(store: Store) -> list[tuple[str, str, str]]:
    return [(entry.actor, entry.action, entry.object) for entry in store.audit.read()]


def test_taking_in_makes_an_asset_that_is_collected_from(store: Store) -> None:
    inbox = found(store, agent("10.0.0.1", "Core-1.bureau.example", serial="SN12345", vendor="Huawei", model="S5735", os="vrp", credential="campus", port=1161))
    (candidate,) = inbox.all()
    name = inbox.take_in(candidate.id, {"site": "hq"}, who="li", now=NOW)
    asset = Book(store).get(name)
    assert (asset.id, asset.kind, asset.address, asset.site, asset.serial) == ("core-1", "switch", "10.0.0.1", "hq", "SN12345")
    assert asset.collect == {"snmp": {"version": "2c", "port": 1161, "credential": "campus"}}
    assert Book(store).sources(name)["serial"] == "observed"
    assert Book(store).sources(name)["site"] == "person"
    assert inbox.get(candidate.id).state == "known"
    assert actions(store) == [("li", "discovery.take_in", "core-1"), ("li", "asset.add", "core-1")]


def test_an_id_that_is_taken_gets_a_number(store: Store) -> None:
    Book(store).save("core", {"kind": "switch"}, source="person", who="li", now=NOW)
    inbox = found(store, agent("10.0.0.1", "core"), agent("10.0.0.2", "core"))
    assert sorted(inbox.take_in(each.id, {}, who="li", now=NOW) for each in inbox.all()) == ["core-2", "core-3"]


def test_it_may_be_taken_in_as_an_asset_that_exists(store: Store) -> None:
    Book(store).save("core", {"kind": "switch", "address": "10.9.9.9"}, source="imported", who="table", now=NOW)
    inbox = found(store, agent("10.0.0.1", "core", serial="SN12345"))
    assert inbox.take_in(inbox.all()[0].id, {}, who="li", now=NOW, asset="core") == "core"
    asset = Book(store).get("core")
    assert (asset.address, asset.serial, asset.kind) == ("10.0.0.1", "SN12345", "switch")


@pytest.mark.parametrize(("address", "url"), [("10.0.0.5", "http://10.0.0.5/"), ("2001:db8::5", "http://[2001:db8::5]/")])
def test_a_page_alone_is_watched_by_http(store: Store, address: str, url: str) -> None:
    inbox = found(store, page(address, "OA"))
    name = inbox.take_in(inbox.all()[0].id, {"kind": "website"}, who="li", now=NOW)
    assert (Book(store).get(name).address, Book(store).get(name).collect) == (address, {"http": {"url": url}})


def test_twice_is_refused_and_a_strange_field_too(store: Store) -> None:
    inbox = found(store, agent("10.0.0.1", "core"))
    (candidate,) = inbox.all()
    with pytest.raises(Refused, match="'collect' cannot be set"):
        inbox.take_in(candidate.id, {"collect": {}}, who="li", now=NOW)
    inbox.take_in(candidate.id, {}, who="li", now=NOW)
    with pytest.raises(Refused, match="is the asset core already"):
        inbox.take_in(candidate.id, {}, who="li", now=NOW)
    with pytest.raises(NotFound, match="no candidate 'nobody'"):
        inbox.take_in("nobody", {}, who="li", now=NOW)


def test_a_rule_takes_in_by_itself_and_the_audit_names_it(store: Store) -> None:
    inbox = found(store, agent("10.0.0.1", "core", os="vrp", model="S5735"), page("10.0.0.5", "printer"))
    rules = [
        Rule.model_validate({"name": "switches", "when": {"kind": "switch"}, "take_in": {"site": "hq"}}),
        Rule.model_validate({"name": "pages", "when": {"answers": "http"}, "ignore": True}),
    ]
    assert {rule.name for _, rule in inbox.follow_rules(inbox.all(), rules, NOW)} == {"switches", "pages"}
    assert {candidate.addresses[0]: candidate.state for candidate in inbox.all()} == {"10.0.0.1": "known", "10.0.0.5": "ignored"}
    assert Book(store).sources("core")["site"] == "observed"
    assert ("rule switches", "discovery.take_in", "core") in actions(store)
    assert inbox.follow_rules(inbox.all(), rules, NOW) == []


def test_what_was_set_aside_stays_so_over_searches_and_comes_back_on_request(store: Store) -> None:
    inbox = found(store, page("10.0.0.5", "printer"))
    (candidate,) = inbox.all()
    inbox.set_aside(candidate.id, who="li", why="not ours", now=NOW)
    found(store, page("10.0.0.5", "printer"), days=1)
    assert inbox.get(candidate.id).state == "ignored"
    inbox.bring_back(candidate.id, who="li", now=NOW)
    assert inbox.get(candidate.id).state == "new"
    assert [action for _, action, _ in actions(store)] == ["discovery.set_aside", "discovery.bring_back"]


def test_an_accepted_change_becomes_the_asset_s_own(store: Store) -> None:
    Book(store).save("core", {"address": "10.0.0.1", "serial": "OLD-1"}, source="site", who="site files", now=NOW)
    inbox = found(store, agent("10.0.0.1", "core", serial="NEW-1"), assets=tuple(Book(store).all()))
    (candidate,) = inbox.all()
    assert candidate.state == "changed"
    inbox.accept(candidate.id, who="li", now=NOW)
    assert Book(store).get("core").serial == "NEW-1"
    assert inbox.get(candidate.id).state == "known"
    found(store, agent("10.0.0.1", "core", serial="NEW-1"), assets=tuple(Book(store).all()), days=1)
    assert inbox.get(candidate.id).state == "known"


def test_forgetting_takes_it_off_the_list(store: Store) -> None:
    inbox = found(store, page("10.0.0.5", "printer"))
    inbox.forget(inbox.all()[0].id, who="li", now=NOW)
    assert inbox.all() == []
