"""Which sightings are one device, and what becomes of it from search to search."""

from __future__ import annotations

from inventory.asset import Asset
from inventory.discovery.candidate import read_candidate
from inventory.discovery.marks import compare, marks_of
from inventory.discovery.sighting import read_sighting
from tests.inventory.discovery.makers import DAY, NOW, agent, page, searched

MACS = ("02:00:00:00:00:01", "02:00:00:00:00:02")


def test_a_device_with_two_addresses_is_one_candidate() -> None:
    folded = searched(agent("10.0.0.1", "core", serial="SN12345"), agent("10.0.9.1", "core", serial="SN12345"))
    (core,) = folded.candidates
    assert (core.addresses, core.state, core.conflicts) == (("10.0.0.1", "10.0.9.1"), "new", ())
    assert [what for what, _ in folded.told] == ["found"]


def test_the_address_that_tells_most_comes_first_whatever_the_order_of_the_answers() -> None:
    owner = agent("10.0.0.10", "core", addresses=("10.0.0.9", "10.0.0.2"))
    for answers in ((owner, page("10.0.0.9"), page("10.0.0.2")), (page("10.0.0.2"), page("10.0.0.9"), owner)):
        (core,) = searched(*answers).candidates
        assert core.addresses == ("10.0.0.10", "10.0.0.2", "10.0.0.9")
        again = searched(*answers[::-1], before=(core,), days=1)
        assert again.candidates[0].addresses == core.addresses


def test_each_mark_alone_joins() -> None:
    for told in ({"chassis": "aa:bb:cc:00:00:01"}, {"engine": "800007db03aabbcc000001"}, {"macs": MACS}):
        folded = searched(agent("10.0.0.1", "core", **told), agent("10.0.9.1", "core", **told))
        assert len(folded.candidates) == 1, told
    owner = agent("10.0.0.1", "core", addresses=("10.0.0.1", "10.0.9.1"))
    assert len(searched(owner, page("10.0.9.1", "login")).candidates) == 1


def test_two_devices_that_lie_with_one_serial_number_stay_two_and_are_shown_as_a_conflict() -> None:
    folded = searched(agent("10.0.0.1", "a", serial="SAME-1", macs=MACS[:1]), agent("10.0.0.2", "b", serial="SAME-1", macs=MACS[1:]))
    one, other = sorted(folded.candidates, key=lambda candidate: candidate.addresses)
    assert one.conflicts[0].address == "10.0.0.2"
    assert other.conflicts[0].address == "10.0.0.1"
    assert one.conflicts[0].why == ("serial", "not macs", "not name")


def test_a_copied_engine_id_joins_no_two_machines() -> None:
    clones = [agent(f"10.0.0.{n}", f"vm{n}", engine="80001f88", macs=(f"02:00:00:00:00:0{n}",)) for n in (1, 2, 3)]
    folded = searched(*clones)
    assert len(folded.candidates) == 3
    assert all(len(candidate.conflicts) == 2 for candidate in folded.candidates)


def test_what_joins_two_may_not_drag_in_a_third_that_contradicts() -> None:
    middle = agent("10.0.0.2", "", serial="SN-A11", engine="8000aa")
    folded = searched(agent("10.0.0.1", "x", serial="SN-A11"), middle, agent("10.0.0.3", "y", engine="8000aa", serial="SN-B22"))
    assert sorted(candidate.addresses for candidate in folded.candidates) == [("10.0.0.1", "10.0.0.2"), ("10.0.0.3",)]


def test_placeholders_and_shared_addresses_are_no_marks() -> None:
    for told in ({"serial": "To be filled by O.E.M."}, {"serial": "0000000"}, {"macs": ("00:00:5e:00:01:0a",)}):
        relation, _ = compare(marks_of(agent("10.0.0.1", **told)), marks_of(agent("10.0.0.2", **told)))
        assert relation == "unknown", told


def test_the_same_search_again_changes_nothing() -> None:
    first = searched(agent("10.0.0.1", "core", serial="SN12345", model="S5700"))
    again = searched(agent("10.0.0.1", "core", serial="SN12345", model="S5700"), before=first.candidates, days=1)
    (core,) = again.candidates
    assert (core.id, core.state, core.first_seen, core.last_seen) == (first.candidates[0].id, "new", NOW, NOW + DAY)
    assert again.told == ()


def test_a_device_that_moved_keeps_its_candidate_and_the_newcomer_gets_its_own() -> None:
    first = searched(agent("10.0.0.1", "core", serial="SN12345"))
    again = searched(agent("10.0.0.1", "other", serial="SN99999"), agent("10.0.0.7", "core", serial="SN12345"), before=first.candidates, days=1)
    by_name = {candidate.guess.name: candidate for candidate in again.candidates}
    assert by_name["core"].id == first.candidates[0].id
    assert by_name["core"].addresses == ("10.0.0.7",)
    assert by_name["other"].first_seen == NOW + DAY


def test_a_replaced_part_is_a_change_and_an_upgrade_too() -> None:
    first = searched(agent("10.0.0.1", "core", serial="SN12345", release="V1"))
    again = searched(agent("10.0.0.1", "core", serial="SN77777", release="V2"), before=first.candidates, days=1)
    (core,) = again.candidates
    assert core.state == "changed"
    assert {(one.field, one.before, one.after) for one in core.differences} == {("serial", "SN12345", "SN77777"), ("version", "V1", "V2")}
    assert [what for what, _ in again.told] == ["changed"]


def test_it_is_gone_after_two_searches_of_its_address_and_back_when_it_answers() -> None:
    state = searched(page("10.0.0.1", "login")).candidates
    state = searched(before=state, days=1).candidates
    assert state[0].state == "new"
    folded = searched(before=state, days=2)
    assert (folded.candidates[0].state, folded.told[0][0]) == ("gone", "gone")
    back = searched(page("10.0.0.1", "login"), before=folded.candidates, days=3)
    assert (back.candidates[0].state, back.told[0][0]) == ("new", "back")


def test_a_search_elsewhere_makes_nobody_gone() -> None:
    state = searched(page("10.0.0.1", "login")).candidates
    assert searched(before=state, scope="10.9.").candidates == ()


def test_a_device_of_the_book_is_known_by_address_or_serial_number() -> None:
    assets = (Asset(id="core1", address="10.0.0.1"), Asset(id="ups1", serial="sn-ups-1"), Asset(id="oa", address="10.0.0.1", runs_on=["core1"]))  # type: ignore[arg-type]
    folded = searched(agent("10.0.0.1", "core"), agent("10.0.0.9", "ups", serial="SN-UPS-1"), assets=assets)
    assert {candidate.addresses[0]: (candidate.asset, candidate.state) for candidate in folded.candidates} == {
        "10.0.0.1": ("core1", "known"),
        "10.0.0.9": ("ups1", "known"),
    }


def test_what_the_book_says_otherwise_is_a_change() -> None:
    folded = searched(
        agent("10.0.0.1", "core", serial="NEW-1", vendor="Huawei"), assets=(Asset(id="core1", address="10.0.0.1", serial="OLD-1", vendor="huawei"),)
    )
    (core,) = folded.candidates
    assert [(one.field, one.before, one.after) for one in core.differences] == [("serial", "OLD-1", "NEW-1")]


def test_a_candidate_survives_the_store() -> None:
    folded = searched(agent("10.0.0.1", "core", serial="SAME-1", macs=MACS[:1]), agent("10.0.0.2", "b", serial="SAME-1", macs=MACS[1:]))
    for candidate in folded.candidates:
        body = candidate.document()
        assert read_candidate(body) == candidate
        assert body["state"] == "new"
        assert read_sighting(body["sightings"][0]) == candidate.sightings[0]


def test_a_thousand_devices_fold_quickly_enough() -> None:
    import time

    many = [agent(f"10.0.{n // 250}.{n % 250}", f"d{n}", serial=f"SN{n:06}", macs=(f"02:00:00:00:{n // 250:02x}:{n % 250:02x}",)) for n in range(1000)]
    begun = time.process_time()
    first = searched(*many)
    again = searched(*many, before=first.candidates, days=1)
    assert len(again.candidates) == 1000
    assert {candidate.id for candidate in again.candidates} == {candidate.id for candidate in first.candidates}
    assert time.process_time() - begun < 60
