from __future__ import annotations

import zipfile
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from compliance.answers import answers, save_answer
from compliance.exchange import transfer
from compliance.office import Office
from compliance.prove import NOW
from compliance.register import save_object
from compliance.rollup import Answer, Conformity
from core.errors import ConfigError, Refused
from core.settings import Settings
from inventory.credentials import Vault
from service.transfers import KEYS, Post
from store.open import open_store
from tests.compliance.conftest import OFFICER, SUBJECT, Judged
from tests.compliance.test_site_frameworks import BASELINE, site

pytestmark = pytest.mark.slow
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def inside(fresh: Judged, tmp_path: Path) -> Post:
    """The side that sends: an object by a framework of its own, with an answer."""
    folder = tmp_path / "inside"
    post = Post(Office(fresh.store, Settings(data=folder)), Vault(fresh.store, b"k" * 32))
    post.site.mkdir(parents=True)
    site(post.site)
    save_object(fresh.store, SUBJECT.model_copy(update={"framework": "bureau-baseline", "label": "秘密"}), "li", OFFICER, NOW)
    said = Answer(item="BL-03", conformity=Conformity.CONFORMS, who="li", time=NOW, comment="制度 3 号", expires=NOW + timedelta(days=90))
    save_answer(fresh.store, said, OFFICER)
    list(post.key(NOW))
    return post


@pytest.fixture
def outside(inside: Post, tmp_path: Path) -> Post:
    """The side that takes, and trusts the other one."""
    store = open_store("embedded", tmp_path / "outside" / "store", "service")
    post = Post(Office(store, Settings(data=tmp_path / "outside")), Vault(store, b"m" * 32))
    (post.site / KEYS).mkdir(parents=True)
    (post.site / KEYS / "inside.pem").write_text("\n".join(next(inside.key(NOW)).splitlines()) + "\n", encoding="ascii")
    return post


def made(inside: Post, folder: Path, name: str = "one.wlt") -> Path:
    list(inside.make("oa", folder / name, NOW))
    return folder / name


def test_records_cross_the_gap_and_say_who_decided_where(inside: Post, outside: Post, tmp_path: Path) -> None:
    path = made(inside, tmp_path)
    looked = list(outside.take(path, LATER, do=False))
    assert "from inside, number 1" in looked[0]
    assert "oa, marked 秘密" in looked[0]
    assert not answers(outside.store)
    list(outside.take(path, LATER, do=True))
    assert [(one.item, one.who) for one in answers(outside.store)] == [("BL-03", "li@inside")]
    assert outside.office.subject("oa").label == "秘密"
    assert "bureau-baseline-2026" in outside.office.frameworks().by_id
    (kept,) = outside.office.kept()
    with zipfile.ZipFile(BytesIO(outside.office.read(str(kept["file"])))) as package:
        assert "manifest.json" in package.namelist()
    assert [entry.action for entry in outside.store.audit.read(action="compliance.transfer.take")] == ["compliance.transfer.take"]
    assert (tmp_path / "inside").exists()


def test_a_file_is_taken_once_and_an_older_one_never_after_a_later_one(inside: Post, outside: Post, tmp_path: Path) -> None:
    first, second = made(inside, tmp_path), made(inside, tmp_path, "two.wlt")
    list(outside.take(second, LATER, do=True))
    for path in (second, first):
        with pytest.raises(Refused, match="was taken already, or a later one was"):
            list(outside.take(path, LATER, do=True))


def test_a_changed_bit_anywhere_is_refused(inside: Post, outside: Post, tmp_path: Path) -> None:
    content = made(inside, tmp_path).read_bytes()
    begin = content.index(b"\n", content.index(b"\n") + 1)
    for place in [*range(begin, begin + 80, 13), *range(begin + 95, len(content), len(content) // 40)]:
        wrong = bytearray(content)
        wrong[place] ^= 1
        with pytest.raises((Refused, ConfigError)):
            transfer.unpack(bytes(wrong), outside._trusted(), LATER)
    assert transfer.unpack(content, outside._trusted(), LATER).sender == "inside"


def test_a_stranger_another_version_and_a_file_from_the_future_are_refused(inside: Post, outside: Post, tmp_path: Path) -> None:
    path = made(inside, tmp_path)
    with pytest.raises(Refused, match="has not come yet"):
        list(outside.take(path, NOW - timedelta(hours=1), do=True))
    path.write_bytes(path.read_bytes().replace(b"TRANSFER 1\n", b"TRANSFER 2\n", 1))
    with pytest.raises(ConfigError, match="of version 2; this Wanglou reads version 1"):
        list(outside.take(path, LATER, do=True))
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ConfigError, match="is no transfer file"):
        list(outside.take(path, LATER, do=True))
    stranger = transfer.pack({}, transfer.fresh_key(), number=1, made=NOW, object="oa", catalogue="0" * 64, framework="mlps-2019")
    path.write_bytes(stranger)
    with pytest.raises(Refused, match="nobody trusted has the key"):
        list(outside.take(path, LATER, do=True))
    assert not answers(outside.store)


def test_other_requirements_on_the_two_sides_are_refused(inside: Post, outside: Post, tmp_path: Path) -> None:
    path = made(inside, tmp_path)
    site(outside.site, BASELINE.replace("不允许", "禁止"))
    with pytest.raises(Refused, match="says something else than that of inside"):
        list(outside.take(path, LATER, do=True))
    private = inside.vault.get("transfer-key").key
    path.write_bytes(transfer.pack({}, private, number=9, made=NOW, object="oa", catalogue="0" * 64, framework="mlps-2019"))
    with pytest.raises(Refused, match="another version of GB/T 22239"):
        list(outside.take(path, LATER, do=True))


def test_a_later_decision_here_stays(inside: Post, outside: Post, tmp_path: Path) -> None:
    (said,) = answers(inside.store)
    save_answer(outside.store, replace(said, who="zhao", time=NOW + timedelta(seconds=9), conformity=Conformity.FAILS), OFFICER)
    list(outside.take(made(inside, tmp_path), LATER, do=True))
    assert [one.who for one in answers(outside.store)] == ["zhao"]


def test_the_private_key_is_sealed_and_made_once(inside: Post, fresh: Judged) -> None:
    first, second = list(inside.key(NOW)), list(inside.key(LATER))
    assert first == second
    assert "PRIVATE" not in str(fresh.store.documents.get("credential", "transfer-key").body)
    with pytest.raises(ConfigError, match="is no public key"):
        transfer.fingerprint("-----BEGIN nothing-----")
