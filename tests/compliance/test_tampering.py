"""Evidence that was changed on the disc or in a package: every byte, every link."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compliance import evidence
from compliance.prove import NOW
from compliance.register import whole_estate
from compliance.reports import verify
from compliance.reports.package import package
from core.errors import NotFound, Unreadable
from core.names import EVIDENCE
from core.records import Snapshot
from store.base import Body, Document, Store
from store.open import open_store
from tests.compliance.conftest import Judged
from tests.compliance.test_package import again, forged, made, read  # noqa: F401 - a fixture

LINKS = 4


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store("embedded", tmp_path / "data", "service")
    for number in range(LINKS - 1):
        evidence.record(opened.documents, Snapshot(time=NOW, asset="web2", kind="sshd_config", body=f"permitrootlogin no\n# é{number}\n"), NOW)
    evidence.note(opened.documents, evidence.DAYS, "", {"x": 1}, NOW)
    yield opened
    opened.close()


def bodies(store: Store) -> list[Body]:
    return [link.body for link in evidence.chain(store.documents)]


class Flipped:
    """The chain with one link as a text that somebody changed on the disc."""

    def __init__(self, links: list[Body], number: int, text: bytes) -> None:
        self.links, self.number, self.text = links, number, text

    def get(self, kind: str, id: str) -> Document:
        if kind == evidence.HEAD:
            body: Body = {"seq": LINKS, "hash": self.links[-1]["hash"]}
        elif int(id) > LINKS:
            raise NotFound(id)
        elif int(id) == self.number:
            try:
                body = json.loads(self.text)
            except ValueError:
                raise Unreadable(id) from None
        else:
            body = self.links[int(id) - 1]
        return Document(kind=kind, id=id, version="1", updated=NOW, body=body)


def flips(text: bytes) -> Iterator[bytes]:
    """The text with each of its bytes changed in one bit, another bit from byte to byte."""
    for place in range(len(text)):
        changed = bytearray(text)
        changed[place] ^= 1 << place % 8
        yield bytes(changed)


def test_the_product_finds_each_flipped_byte_of_each_link(store: Store) -> None:
    links = bodies(store)
    for number, body in enumerate(links, 1):
        text = json.dumps(body, ensure_ascii=False).encode()
        missed = [changed for changed in flips(text) if evidence.first_break(Flipped(links, number, changed)) != number]  # type: ignore[arg-type]
        assert not missed


@pytest.mark.parametrize("body", ["substr(body, 2)", "CAST(X'7B22FF227D' AS TEXT)", "X'00FF'"])
def test_a_link_that_cannot_be_read_on_the_disc_is_a_break_and_no_crash(store: Store, tmp_path: Path, body: str) -> None:
    with sqlite3.connect(tmp_path / "data" / "state.db") as con:
        con.execute(f"UPDATE doc SET body = {body} WHERE kind = ? AND id = ?", (EVIDENCE, "000000000003"))  # noqa: S608
    assert evidence.first_break(store.documents) == 3
    with sqlite3.connect(tmp_path / "data" / "state.db") as con:
        con.execute(f"UPDATE doc SET body = {body} WHERE kind = ?", (evidence.HEAD,))  # noqa: S608
    assert evidence.first_break(store.documents) is not None


def test_a_note_of_the_head_that_cannot_be_read_is_found_again_from_the_links(store: Store, tmp_path: Path) -> None:
    head = evidence.head(store.documents)
    with sqlite3.connect(tmp_path / "data" / "state.db") as con:
        con.execute("UPDATE doc SET body = '' WHERE kind = ?", (evidence.HEAD,))
    assert evidence.head(store.documents) == head
    evidence.note(store.documents, evidence.DAYS, "", {}, NOW)
    assert evidence.first_break(store.documents) is None


def test_links_that_changed_places_are_found(store: Store) -> None:
    second, third = bodies(store)[1:3]
    store.documents.put(EVIDENCE, "000000000002", third)
    store.documents.put(EVIDENCE, "000000000003", second)
    assert evidence.first_break(store.documents) == 2


def test_an_end_that_was_cut_off_with_the_note_of_the_head_is_missed_by_a_head_kept_elsewhere(store: Store) -> None:
    seq, digest = evidence.head(store.documents)
    store.documents.delete(EVIDENCE, f"{seq:012d}")
    before = bodies(store)[-1]
    store.documents.put(evidence.HEAD, evidence.HEAD, {"seq": seq - 1, "hash": before["hash"]})
    assert evidence.first_break(store.documents) is None, "the chain alone cannot tell"
    assert not evidence.has(store.documents, seq, digest)


def chain_of(links: list[Any]) -> bytes:
    return b"".join(json.dumps(link, sort_keys=True).encode() + b"\n" for link in links)


def judged_alone(chain: bytes) -> bool:
    """Whether the verifier finds something in a chain, or cannot read it; the manifest aside."""
    lines = chain.decode("ascii", "replace").split("\n")
    try:
        return bool(lines.pop()) or bool(verify.of_chain(lines, {})[0])
    except verify.UNREADABLE:
        return True


def test_the_verifier_finds_each_flipped_byte_of_the_chain_although_the_manifest_fits(store: Store) -> None:
    chain = chain_of([bodies(store)[0], {name: bodies(store)[1][name] for name in ("seq", "hash")}, *bodies(store)[2:]])
    assert not judged_alone(chain)
    assert not [changed for changed in flips(chain) if not judged_alone(changed)]


def found(made: Path, tmp_path: Path, change: Callable[[list[Any]], Any]) -> list[str]:  # noqa: F811
    """What the verifier says of a package whose chain was changed and whose manifest was made to fit."""
    links = [json.loads(line) for line in read(made, "chain.jsonl").splitlines()]
    change(links)
    return verify.verify(str(forged(made, tmp_path, chain_of(links))), {})[0]


def full(links: list[Any], kind: str) -> int:
    return next(place for place, link in enumerate(links) if link.get("kind") == kind)


@pytest.mark.slow
def test_a_full_link_that_was_sealed_afterwards_is_missed_by_the_verdicts(made: Path, tmp_path: Path) -> None:  # noqa: F811
    def seal(links: list[Any]) -> None:
        place = full(links, "sshd_config")
        links[place] = {name: links[place][name] for name in ("seq", "hash")}

    assert any("is not that text in full" in problem for problem in found(made, tmp_path, seal))


@pytest.mark.slow
def test_a_link_whose_text_was_renamed_away_is_no_sealed_link(made: Path, tmp_path: Path) -> None:  # noqa: F811
    def rename(links: list[Any]) -> None:
        place = full(links, "sshd_config")
        links[place]["bodY"] = links[place].pop("body")

    assert any("is not written as links are" in problem for problem in found(made, tmp_path, rename))


@pytest.mark.slow
def test_a_verdict_that_says_another_thing_than_the_chain_is_found_although_the_manifest_fits(made: Path, tmp_path: Path) -> None:  # noqa: F811
    verdicts = json.loads(read(made, "verdicts.json"))
    next(one for one in verdicts if one["check"] == "lnx-ssh-root")["outcome"] = "pass"
    path = with_manifest(made, tmp_path, {"verdicts.json": json.dumps(verdicts).encode()})
    (said,) = verify.verify(str(path), {})[0]
    assert re.fullmatch(r"verdict lnx-ssh-root on web2: link \d{12} does not say pass", said)


@pytest.mark.slow
def test_each_flipped_byte_of_the_manifest_is_found(made: Path) -> None:  # noqa: F811
    manifest = read(made, "manifest.json")

    def unseen(changed: bytes) -> bool:
        try:
            return not list(verify.of_manifest(json.loads(changed.decode())))
        except verify.UNREADABLE:
            return False

    missed = [changed for changed in flips(manifest) if unseen(changed)]
    assert all(json.loads(changed) == json.loads(manifest) for changed in missed), "white space that became other white space says the same"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "chain.jsonl", "verdicts.json"])
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'"x"', b"[" * 5000, b"\xff\xfe", b'{"format": 1}', b"[1]\n", b"null\n"])
def test_nonsense_in_a_package_is_said_and_never_whole(made: Path, tmp_path: Path, name: str, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    assert verify.main([str(again(made, tmp_path, {name: content}))]) == 1
    assert "whole:" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_package_of_another_format_is_refused_by_name(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    manifest = json.loads(read(made, "manifest.json")) | {"format": 3}
    assert verify.main([str(again(made, tmp_path, {"manifest.json": json.dumps(manifest).encode()}))]) == 1
    assert "package of format 3" in capsys.readouterr().out


@pytest.mark.slow
def test_a_package_of_the_whole_estate_holds_every_link_that_its_verdicts_name(fresh: Judged, tmp_path: Path) -> None:
    path = tmp_path / "whole.zip"
    path.write_bytes(package(fresh.store.documents, fresh.dossier(subject=whole_estate(3)), "en"))
    assert verify.main([str(path)]) == 0


def with_manifest(made: Path, tmp_path: Path, change: dict[str, bytes]) -> Path:  # noqa: F811
    """The package with files replaced and a manifest that fits them."""
    manifest = json.loads(read(made, "manifest.json"))
    for name, content in change.items():
        manifest["files"][name]["sha256"] = hashlib.sha256(content).hexdigest()
    manifest["hash"] = verify.link_hash(manifest)
    return again(made, tmp_path, {**change, "manifest.json": json.dumps(manifest).encode()})
