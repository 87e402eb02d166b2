from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from compliance import evidence
from compliance.prove import NOW
from compliance.reports import verify
from compliance.reports.package import VERIFIER, package
from core.names import EVIDENCE
from tests.compliance.conftest import SUBJECT, Judged

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(judged: Judged, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dossier = judged.dossier(subject=SUBJECT.model_copy(update={"scope": SUBJECT.scope.model_copy(update={"assets": ("web2",)})}))
    path = tmp_path_factory.mktemp("package") / "evidence.zip"
    path.write_bytes(package(judged.store.documents, dossier, "zh_CN"))
    return path


def again(path: Path, into: Path, change: dict[str, bytes | None]) -> Path:
    """The package with some files replaced (None: left out)."""
    target = into / "changed.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        names = {**{name: old.read(name) for name in old.namelist()}, **change}
        for name, content in names.items():
            if content is not None:
                new.writestr(name, content)
    return target


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as found:
        return found.read(name)


def test_a_package_is_whole_for_a_program_that_knows_nothing_of_the_product(made: Path, tmp_path: Path) -> None:
    alone = tmp_path / "verify.py"
    alone.write_bytes(read(made, "verify.py"))
    assert alone.read_bytes() == VERIFIER.read_bytes()
    done = subprocess.run([sys.executable, "-I", str(alone), str(made)], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("whole: ")


def test_the_verifier_imports_nothing_of_the_product() -> None:
    source = VERIFIER.read_text(encoding="utf-8")
    assert not [line for line in source.splitlines() if line.startswith(("from compliance", "from core", "from store", "import compliance"))]


def test_one_flipped_bit_anywhere_in_any_file_is_found(made: Path, tmp_path: Path) -> None:
    chance = random.Random(5)
    with zipfile.ZipFile(made) as found:
        names = [name for name in found.namelist() if name != "manifest.json"]
    for name in names:
        content = bytearray(read(made, name))
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(7)
        problems, _ = verify.verify(str(again(made, tmp_path, {name: bytes(content)})), {})
        assert any(name in problem for problem in problems), name


def forged(made: Path, tmp_path: Path, chain: bytes) -> Path:
    """A package whose manifest was made to fit a changed chain: the forger knows how manifests are written."""
    manifest = json.loads(read(made, "manifest.json"))
    import hashlib

    manifest["files"]["chain.jsonl"]["sha256"] = hashlib.sha256(chain).hexdigest()
    last = json.loads(chain.splitlines()[-1])
    manifest["chain"] = {"links": last["seq"], "head": last["hash"]}
    manifest["hash"] = verify.link_hash(manifest)
    return again(made, tmp_path, {"chain.jsonl": chain, "manifest.json": json.dumps(manifest).encode()})


def test_a_changed_bit_in_the_chain_is_found_although_the_manifest_fits(made: Path, tmp_path: Path) -> None:
    chain = read(made, "chain.jsonl").replace(b"permitrootlogin yes", b"permitrootlogin no ", 1)
    problems, _ = verify.verify(str(forged(made, tmp_path, chain)), {})
    assert any("was changed (its hash does not match)" in problem for problem in problems)
    assert any("its text was changed" in problem for problem in problems)


def test_a_link_that_was_cut_out_is_missed(made: Path, tmp_path: Path) -> None:
    lines = read(made, "chain.jsonl").splitlines(keepends=True)
    problems, _ = verify.verify(str(forged(made, tmp_path, b"".join(lines[:3] + lines[4:]))), {})
    assert any("missing" in problem for problem in problems)


def rewritten(chain: bytes) -> bytes:
    """The chain with one text changed and every hash after it computed anew."""
    links, before = [json.loads(line) for line in chain.splitlines()], evidence.FIRST
    for link in links:
        if "body" in link:
            link["previous"] = before
            link["hash"] = verify.link_hash(link)
        before = link["hash"]
    return b"".join(json.dumps(link, sort_keys=True).encode() + b"\n" for link in links)


def test_a_chain_that_was_written_anew_is_shown_by_a_head_noted_earlier(made: Path, judged: Judged, tmp_path: Path) -> None:
    seq, digest = evidence.head(judged.store.documents)
    assert verify.verify(str(made), {seq: digest})[0] == []
    links = [json.loads(line) for line in read(made, "chain.jsonl").splitlines()]
    full = next(link for link in links if "body" in link)
    full["taken"] = "2020-01-01T00:00:00+00:00"
    path = forged(made, tmp_path, rewritten(b"".join(json.dumps(link).encode() + b"\n" for link in links)))
    problems, _ = verify.verify(str(path), {seq: digest})
    assert any("noted earlier" in problem for problem in problems)
    assert verify.main([str(path), "--head", f"{seq}:{digest}"]) == 1


def test_nothing_of_other_assets_leaves_the_house(made: Path) -> None:
    with zipfile.ZipFile(made) as found:
        names, lines = found.namelist(), [json.loads(line) for line in found.read("chain.jsonl").splitlines()]
    assert not [name for name in names if "-web1-" in name]
    assert {link["asset"] for link in lines if "body" in link and not link["kind"].startswith("wanglou.")} == {"web2"}
    assert next(set(link) for link in lines if "body" not in link) == {"seq", "hash"}


def test_what_is_no_package_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    assert verify.main([str(tmp_path / "x.zip")]) == 1
    assert verify.main([str(tmp_path / "absent.zip")]) == 2
    assert "no evidence package" in capsys.readouterr().out


def test_links_written_after_the_dossier_are_left_out(fresh: Judged) -> None:
    dossier = fresh.dossier()
    evidence.note(fresh.store.documents, evidence.DAYS, "", {}, NOW + timedelta(days=1))
    content = package(fresh.store.documents, dossier, "en")
    with zipfile.ZipFile(BytesIO(content)) as found:
        assert json.loads(found.read("manifest.json"))["chain"] == {"links": dossier.head[0], "head": dossier.head[1]}


def test_the_store_itself_finds_a_flipped_character(fresh: Judged) -> None:
    assert evidence.first_break(fresh.store.documents) is None
    document = fresh.store.documents.get(EVIDENCE, "000000000004")
    fresh.store.documents.put(EVIDENCE, document.id, document.body | {"body": document.body["body"].replace("e", "f", 1)})
    assert evidence.first_break(fresh.store.documents) == 4


def test_links_cut_off_at_the_end_are_missed_and_a_head_that_fell_behind_is_walked_from(fresh: Judged) -> None:
    documents = fresh.store.documents
    last, digest = evidence.head(documents)
    before = documents.get(EVIDENCE, f"{last - 3:012d}").body
    documents.put(evidence.HEAD, evidence.HEAD, {"seq": before["seq"], "hash": before["hash"]})
    assert evidence.head(documents) == (last, digest)
    evidence.note(documents, evidence.DAYS, "", {}, NOW)
    assert evidence.head(documents)[0] == last + 1
    assert evidence.first_break(documents) is None
    documents.delete(EVIDENCE, f"{last + 1:012d}")
    assert evidence.first_break(documents) == last + 1
