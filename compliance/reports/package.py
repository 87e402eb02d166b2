"""The evidence package of an object: reports, verdicts, raw texts and the chain in one zip, with a manifest of hashes and the verifier beside them.

Links of the chain that speak of the object stand there in full; the others are sealed (number and hash), so that the chain stays checkable and
nothing about other objects leaves the house.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from compliance import evidence
from compliance.dossier import Dossier, Tell
from compliance.reports.content import Language
from compliance.reports.write import write
from compliance.run import OBJECT_ASSET, OWN
from core.errors import ConfigError, NotFound
from store.base import Body, Documents

VERIFIER: Final = Path(__file__).with_name("verify.py")
OF_EVERYBODY: Final = frozenset({evidence.ANSWERS, evidence.RISKS, evidence.CHECKS, evidence.DAYS})
README: Final = """望楼证据包 / Wanglou evidence package

manifest.json   本包所有文件的 SHA-256 / SHA-256 of every file
report.docx/.xlsx   自评估报告 / self-assessment report
verdicts.json   各资产每项检查的结论 / every verdict of every asset
chain.jsonl     证据链：完整条目或封存条目（序号与哈希）/ the chain: links in full, or sealed (number and hash)
texts/          证据原文（可直接阅读）/ the raw texts, to be read
verify.py       独立校验程序（只需 Python 3.9+）/ the stand-alone verifier (Python 3.9+, nothing else)

校验 / to verify:   python3 verify.py PACKAGE.zip --head {seq}:{hash}

请从可信来源取得 verify.py（随产品源码发布），并使用此前记录的链头（--head）核对：只有链头能发现整条链被重写。
Take verify.py from a source that you trust (it stands in the product's source), and compare with heads that you noted earlier (--head):
only a head can show that the whole chain was written anew.
"""


Attached = Callable[[str], bytes]
"""Reads an attached file by its digest; raises NotFound or ConfigError (changed on disk)."""


def package(documents: Documents, dossier: Dossier, language: Language, tell: Tell = lambda _share, _what: None, attached: Attached | None = None) -> bytes:
    """The zip. Its bytes are the same for the same dossier and chain, but for what Word and Excel write themselves; ``attached`` reads a file by its digest."""
    into = BytesIO()
    files: dict[str, Mapping[str, Any]] = {}
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:

        def add(name: str, content: bytes) -> None:
            made.writestr(zipfile.ZipInfo(name, dossier.made.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
            files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}

        tell(0.1, "report")
        add("report.docx", write("assessment", dossier, "docx", language))
        add("report.xlsx", write("assessment", dossier, "xlsx", language))
        add("verdicts.json", json.dumps([dict(body) for body in dossier.verdicts], ensure_ascii=False, indent=1, default=str).encode("utf-8", "replace"))
        tell(0.5, "chain")
        lines: list[str] = []
        seq, digest = 0, evidence.FIRST
        for link in links(documents, dossier):
            seq, digest = link["seq"], link["hash"]
            lines.append(json.dumps(link, ensure_ascii=True, sort_keys=True))
            if "body" in link and not link["kind"].startswith(evidence.OWN):
                add(f"texts/{seq:012d}-{_safe(link['asset'])}-{_safe(link['kind'])}.txt", link["body"].encode("utf-8", "surrogateescape"))
        for name, content in _attachments(dossier, attached) if attached else ():
            add(name, content)
        tell(0.9, "manifest")
        add("chain.jsonl", ("\n".join(lines) + "\n").encode("ascii") if lines else b"")
        add("verify.py", VERIFIER.read_bytes())
        add("README.txt", README.format(seq=seq, hash=digest).encode())
        told = _manifest(dossier, files, seq, digest)
        manifest = json.dumps(told | {"hash": evidence.digest(told)}, ensure_ascii=False, indent=1)
        made.writestr(zipfile.ZipInfo("manifest.json", dossier.made.timetuple()[:6]), manifest.encode(), zipfile.ZIP_DEFLATED)
    tell(1.0, "done")
    return into.getvalue()


def _attachments(dossier: Dossier, attached: Attached) -> Iterator[tuple[str, bytes]]:
    """What officers attached to their decisions; of a file that cannot be read the reason."""
    for file in {one.sha256: one for answer in dossier.answers for one in answer.files}.values():
        try:
            yield f"attachments/{file.sha256}-{_safe(file.name)}", attached(file.sha256)
        except (NotFound, ConfigError) as err:
            yield f"attachments/{file.sha256}.missing.txt", f"{file.name}: {err}\n".encode("utf-8", "replace")


def links(documents: Documents, dossier: Dossier) -> Iterator[Body]:
    """The whole chain up to the dossier's head, in full where it speaks of the object."""
    mine = (
        {asset.id for asset in dossier.assets}
        | {body["asset"] for body in dossier.verdicts}
        | {dossier.subject.id, f"{OBJECT_ASSET}{dossier.subject.id}", *OWN}
    )
    texts = {exhibit.id for exhibit in dossier.exhibits}
    spoken = {one.id for one in dossier.exemptions}
    for document in evidence.chain(documents):
        body = document.body
        if body["seq"] > dossier.head[0]:
            return
        own = body["kind"].startswith(evidence.OWN)
        full = document.id in texts or (own and (body["asset"] in mine or body["kind"] in OF_EVERYBODY or body["asset"] in spoken))
        yield dict(body) if full else {"seq": body["seq"], "hash": body["hash"]}


def _manifest(dossier: Dossier, files: Mapping[str, Any], seq: int, digest: str) -> dict[str, Any]:
    one = dossier.subject
    return {
        "format": 2,
        "object": {"id": one.id, "name": one.name, "grade": one.grade_text, "filing_number": one.filing_number},
        "state": dossier.moment.isoformat(),
        "made": dossier.made.isoformat(),
        "conclusion": {"figure": round(dossier.score.figure, 4), "zh": dossier.score.conclusion.zh, "en": dossier.score.conclusion.en},
        "chain": {"links": seq, "head": digest},
        "files": dict(files),
    }


def _safe(name: str) -> str:
    """A part of a file's name."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)[:60]
