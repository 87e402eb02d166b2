"""Checks an evidence package of Wanglou without Wanglou: Python 3.9 or newer, nothing else. Read it: it is meant to be read.

    python3 verify.py PACKAGE.zip [--head NUMBER:HASH]...

It recomputes the hash of every file that the manifest names, the hash of every link of the chain that is there in full, and that each full link names
the hash of the link before it. With --head it compares with heads of the chain that were noted earlier (each report prints one).
Links about other objects are sealed: only their number and hash are there. Exit status 0: whole; 1: changed or incomplete; 2: no package.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

FIRST = "0" * 64
FORMATS = (1, 2)
SEALED = {"seq", "hash"}
FULL = {"seq", "hash", "previous", "asset", "kind", "command", "parser", "taken", "recorded", "sha256", "body"}


UNREADABLE = (OSError, LookupError, TypeError, ValueError, AttributeError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile)
"""What reading a damaged or forged file may raise; RuntimeError is an encrypted or otherwise unknown part."""


def link_hash(link: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a link without its own hash."""
    text = json.dumps({key: value for key, value in link.items() if key != "hash"}, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def of_manifest(manifest: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the manifest itself; raises ValueError for a format that this program does not know."""
    if manifest["format"] not in FORMATS:
        raise ValueError(f"this is a package of format {manifest['format']!r}, this program reads {FORMATS}; take the verifier of the version that made it")
    if manifest["format"] > 1 and manifest.get("hash") != link_hash(manifest):
        yield "manifest.json: was changed (its hash does not match)"


def of_files(package: zipfile.ZipFile, manifest: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the files."""
    named = manifest["files"]
    there = {name for name in package.namelist() if name != "manifest.json"}
    if len(package.namelist()) != len(set(package.namelist())):
        yield "a file stands twice in the package"
    for name in sorted(there - set(named)):
        yield f"{name}: the manifest does not name it"
    for name in sorted(set(named) - there):
        yield f"{name}: is missing"
    for name in sorted(there & set(named)):
        digest = hashlib.sha256(package.read(name)).hexdigest()
        if digest != named[name]["sha256"]:
            yield f"{name}: was changed (its SHA-256 is {digest})"


def of_line(line: str, link: dict[str, Any]) -> Iterator[str]:
    """Whether a line is written as the product writes it; a full link whose text was taken out is no sealed one."""
    if set(link) not in (SEALED, FULL) or json.dumps(link, ensure_ascii=True, sort_keys=True) != line:
        yield f"link {link['seq']}: is not written as links are"


def of_link(link: dict[str, Any], before: str) -> Iterator[str]:
    """What is wrong with one full link; ``before`` is the hash of the link before it."""
    if link_hash(link) != link["hash"]:
        yield f"link {link['seq']}: was changed (its hash does not match)"
    if link["previous"] != before:
        yield f"link {link['seq']}: does not follow the link before it"
    text = hashlib.sha256(str(link["body"]).encode("utf-8", "surrogateescape")).hexdigest()
    if text != link["sha256"]:
        yield f"link {link['seq']}: its text was changed"


def of_chain(lines: list[str], heads: dict[int, str]) -> tuple[list[str], int, int, tuple[int, str]]:
    """(what is wrong, links, full links, the last link)."""
    problems: list[str] = []
    before, full, seq = FIRST, 0, 0
    for line in lines:
        link = json.loads(line)
        problems.extend(of_line(line, link))
        if link["seq"] != seq + 1:
            problems.append(f"link {link['seq']}: the link before it is missing")
        seq = link["seq"]
        if "body" in link:
            full += 1
            problems.extend(of_link(link, before))
        before = link["hash"]
        if seq in heads and heads.pop(seq) != before:
            problems.append(f"link {seq}: is another one than was noted earlier; the chain was written anew")
    problems.extend(f"link {number}: was noted earlier and is not there" for number in sorted(heads))
    return problems, len(lines), full, (seq, before)


def verify(path: str, heads: dict[int, str]) -> tuple[list[str], str]:
    """(what is wrong, what was checked)."""
    with zipfile.ZipFile(path) as package:
        manifest = json.loads(package.read("manifest.json").decode("utf-8"))
        problems = [*of_manifest(manifest), *of_files(package, manifest)]
        lines = package.read("chain.jsonl").decode("ascii", "replace").split("\n")
        if lines.pop():
            problems.append("chain.jsonl: its last line is cut off")
        try:
            found, links, full, head = of_chain(lines, dict(heads))
            problems += [*found, *of_texts(package, lines), *of_verdicts(package, lines)]
        except (LookupError, TypeError, ValueError, AttributeError) as err:
            return [*problems, f"chain.jsonl or verdicts.json: cannot be read to the end ({err})"], f"{len(manifest['files'])} files"
        said = manifest["chain"]
        if (said["links"], said["head"]) != (head[0], head[1]):
            problems.append(f"the chain ends at {head[0]}:{head[1]}, the manifest says {said['links']}:{said['head']}")
        return problems, f"{len(manifest['files'])} files, {links} links ({full} in full), head {head[0]}:{head[1]}"


def of_texts(package: zipfile.ZipFile, lines: list[str]) -> Iterator[str]:
    """Whether the readable copies of the texts say what the chain says."""
    links = {link["seq"]: link for link in map(json.loads, lines) if "body" in link}
    for name in package.namelist():
        if name.startswith("texts/"):
            number = int(name[len("texts/") :].split("-", 1)[0])
            if number not in links or hashlib.sha256(package.read(name)).hexdigest() != links[number]["sha256"]:
                yield f"{name}: is not the text of link {number}"


def of_verdicts(package: zipfile.ZipFile, lines: list[str]) -> Iterator[str]:
    """Whether the verdicts say what the chain noted of them, and the texts that they rest on stand there in full."""
    links = {link["seq"]: link for link in map(json.loads, lines) if "body" in link}
    for verdict in json.loads(package.read("verdicts.json").decode("utf-8")):
        name = f"verdict {verdict['check']} on {verdict['asset']}"
        for read in verdict["read"]:
            text = links.get(int(read["evidence"]))
            if text is None or (text["asset"], text["kind"], text["sha256"]) != (verdict["asset"], read["kind"], read["sha256"]):
                yield f"{name}: rests on link {read['evidence']}, which is not that text in full"
        link = links.get(int(verdict["link"] or 0))
        rows = json.loads(link["body"]) if link else []
        if not any((row["asset"], row["check"], row["outcome"]) == (verdict["asset"], verdict["check"], verdict["outcome"]) for row in rows):
            yield f"{name}: link {verdict['link']} does not say {verdict['outcome']}"


def noted(texts: list[str]) -> dict[int, str]:
    """Heads given on the command line."""
    return {int(number): digest.strip().lower() for number, digest in (text.split(":", 1) for text in texts)}


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    reader = argparse.ArgumentParser(description="Checks an evidence package of Wanglou.")
    reader.add_argument("package")
    reader.add_argument("--head", action="append", default=[], help="a head of the chain noted earlier, as NUMBER:HASH")
    given = reader.parse_args(arguments)
    try:
        problems, checked = verify(given.package, noted(given.head))
    except UNREADABLE as err:
        print(f"no evidence package, or damaged beyond reading: {err}")  # noqa: T201
        return 2 if isinstance(err, OSError) else 1
    for problem in problems:
        print("CHANGED  " + problem)  # noqa: T201
    print(("NOT WHOLE: " if problems else "whole: ") + checked)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
