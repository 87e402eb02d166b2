"""Assets merge from several sources, and every change is on record."""

from datetime import UTC, datetime

import pytest

from core.errors import ConfigError, NotFound
from inventory.asset import Asset
from inventory.book import Book
from store.base import Store

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_person_beats_the_site_and_the_site_beats_what_was_observed(book: Book) -> None:
    book.save("a", {"model": "seen", "serial": "s1"}, source="observed", who="snmp", now=NOW)
    book.save("a", {"model": "written"}, source="site", who="site files", now=NOW)
    book.save("a", {"model": "observed later", "serial": "s2"}, source="observed", who="snmp", now=NOW)
    assert (book.get("a").model, book.get("a").serial) == ("written", "s2")
    book.save("a", {"model": "by hand"}, source="person", who="li", now=NOW)
    book.save("a", {"model": "written"}, source="site", who="site files", now=NOW)
    assert book.get("a").model == "by hand"
    assert book.sources("a")["model"] == "person"


def test_every_change_keeps_before_after_source_and_who(book: Book) -> None:
    book.save("a", {"name": "old"}, source="imported", who="li", now=NOW)
    change = book.save("a", {"name": "new"}, source="person", who="wang", now=NOW, why="renamed")
    assert change is not None
    assert {change.what for change in book.changes("a")} == {"add", "change"}
    renamed = next(c for c in book.changes("a") if c.what == "change")
    assert (renamed.before["name"], renamed.after["name"], renamed.who, renamed.why) == ("old", "new", "wang", "renamed")


def test_saving_what_is_there_already_changes_nothing(book: Book) -> None:
    book.save("a", {"name": "x"}, source="site", who="site files", now=NOW)
    assert book.save("a", {"name": "x"}, source="site", who="site files", now=NOW) is None
    assert len(book.changes("a")) == 1


def test_what_a_person_does_is_in_the_audit_chain(book: Book, store: Store) -> None:
    book.save("a", {"name": "x"}, source="person", who="li", now=NOW)
    book.remove("a", source="person", who="li", now=NOW, why="scrapped")
    assert [entry.action for entry in store.audit.read()] == ["asset.add", "asset.remove"]
    with pytest.raises(NotFound):
        book.get("a")


def test_an_invalid_value_is_refused_with_its_key_and_changes_nothing(book: Book) -> None:
    with pytest.raises(ConfigError, match=r"a\.level"):
        book.save("a", {"level": 9}, source="person", who="li", now=NOW)
    assert book.all() == []


def test_what_leaves_the_site_folder_leaves_the_book(book: Book) -> None:
    book.sync_site([Asset(id="a", note="x"), Asset(id="b")], NOW)
    book.save("b", {"owner": "li"}, source="person", who="li", now=NOW)
    book.sync_site([Asset(id="c")], NOW)
    assert [asset.id for asset in book.all()] == ["b", "c"]  # b is kept: a person has written in it


def test_a_field_that_leaves_the_site_file_falls_back(book: Book) -> None:
    book.sync_site([Asset(id="a", note="x", model="m")], NOW)
    book.sync_site([Asset(id="a", model="m")], NOW)
    assert (book.get("a").note, book.get("a").model) == ("", "m")


def test_more_assets_than_a_page_are_all_listed(book: Book) -> None:
    for number in range(1005):
        book.save(f"a{number:04d}", {}, source="imported", who="li", now=NOW)
    assert len(book.all()) == 1005
