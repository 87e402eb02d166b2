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
from collections.abc import Iterator
from typing import Any

FIRST = "0" * 64


def link_hash(link: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of a link without its own hash."""
    text = json.dumps({key: value for key, value in link.items() if key != "hash"}, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


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
        problems = list(of_files(package, manifest))
        lines = package.read("chain.jsonl").decode("ascii").splitlines()
        found, links, full, head = of_chain(lines, dict(heads))
        problems += found
        said = manifest["chain"]
        if (said["links"], said["head"]) != (head[0], head[1]):
            problems.append(f"the chain ends at {head[0]}:{head[1]}, the manifest says {said['links']}:{said['head']}")
        problems += list(of_texts(package, lines))
        return problems, f"{len(manifest['files'])} files, {links} links ({full} in full), head {head[0]}:{head[1]}"


def of_texts(package: zipfile.ZipFile, lines: list[str]) -> Iterator[str]:
    """Whether the readable copies of the texts say what the chain says."""
    links = {link["seq"]: link for link in map(json.loads, lines) if "body" in link}
    for name in package.namelist():
        if name.startswith("texts/"):
            number = int(name[len("texts/") :].split("-", 1)[0])
            if number not in links or hashlib.sha256(package.read(name)).hexdigest() != links[number]["sha256"]:
                yield f"{name}: is not the text of link {number}"


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
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as err:
        print(f"no evidence package, or damaged beyond reading: {err}")  # noqa: T201
        return 2 if isinstance(err, OSError) else 1
    for problem in problems:
        print("CHANGED  " + problem)  # noqa: T201
    print(("NOT WHOLE: " if problems else "whole: ") + checked)  # noqa: T201
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
