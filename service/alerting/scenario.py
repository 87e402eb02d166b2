"""``wanglou scenario run``: replay scenario files and say what passed (docs/scenarios.md)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import ConfigError
from core.files import Document, parse_yaml, read_text
from service.alerting.form import read_configuration, read_head, read_scenario
from service.alerting.runner import Play


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scenario; ``message`` is the first difference or the error."""

    file: str
    scenario: str
    passed: bool
    message: str = ""


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The scenario files that paths name; a folder stands for every YAML file below it."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")])
        else:
            found.append(path)
    return found


def run_text(text: str, path: Path | str) -> Iterator[Outcome]:
    """Every scenario of one file; one that cannot be read fails alone."""
    seen: set[str] = set()
    for part in parts_of(text):
        try:
            documents = list(parse_yaml(part, path))
        except ConfigError as err:
            yield _unreadable(part, path, err)
            continue
        outcome = run_document(documents[0]) if documents and documents[0].data is not None else None
        if outcome is None:
            continue
        if outcome.scenario and outcome.scenario in seen:
            outcome = Outcome(outcome.file, outcome.scenario, False, "the name stands twice in this file")
        seen.add(outcome.scenario)
        yield outcome


def parts_of(text: str) -> Iterator[str]:
    """The documents of a file as texts, each with as many empty lines before it as keep its line numbers."""
    before = 0
    part: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        if line.rstrip() == "---" or line.startswith("--- "):
            yield "\n" * before + "".join(part)
            before, part = number, [line]
        else:
            part.append(line)
    yield "\n" * before + "".join(part)


def _unreadable(part: str, path: Path | str, err: ConfigError) -> Outcome:
    """A document that is no YAML; it may say so itself by ``load``."""
    said = {key: value.strip().strip("\"'") for key, value in re.findall(r"^(scenario|load):[ \t]*(.+)$", part, re.MULTILINE)}
    wanted = said.get("load")
    passed = wanted is not None and (wanted == "refused" or wanted in str(err))
    return Outcome(str(path), said.get("scenario", ""), passed, "" if passed else str(err))


def run_document(document: Document) -> Outcome:
    """One scenario."""
    name = str(document.data.get("scenario", "")) if isinstance(document.data, dict) else ""
    path = str(document.path)
    try:
        top = read_head(document)
        if top.load is not None:
            message = _refusal(document, top.load)
        else:
            message = Play(read_scenario(document)).run()
    except ConfigError as err:
        return Outcome(path, name, False, str(err))
    return Outcome(path, name, not message, message)


def _refusal(document: Document, wanted: str) -> str:
    from incidents.verify import verify

    try:
        verify(read_configuration(document))
    except ConfigError as err:
        if wanted == "refused" or wanted in str(err):
            return ""
        return f"expected a refusal with {wanted!r} got {err}"
    return "expected that the configuration is refused got no refusal"


def outcomes(paths: Sequence[Path]) -> Iterator[Outcome]:
    """Every scenario of every file; a file that cannot be read fails alone."""
    for path in files_of(paths):
        try:
            yield from run_text(read_text(path), path)
        except ConfigError as err:
            yield Outcome(str(path), "", False, str(err))


def run(paths: Sequence[Path | str], as_json: bool = False) -> int:
    """Print one line per scenario (or one JSON object); 0 only when there were scenarios and all passed."""
    found = []
    for outcome in outcomes([Path(path) for path in paths]):
        found.append(outcome)
        if not as_json:
            sys.stdout.write(f"{outcome.file}: {outcome.scenario or '(unreadable)'}: {'pass' if outcome.passed else outcome.message}\n")
    passed = sum(outcome.passed for outcome in found)
    if as_json:
        sys.stdout.write(json.dumps({"scenarios": [asdict(one) for one in found], "passed": passed, "total": len(found)}, ensure_ascii=False, indent=1) + "\n")
    else:
        sys.stdout.write(f"{passed} of {len(found)} scenarios passed\n")
    return 0 if found and passed == len(found) else 1


def main(arguments: Sequence[str]) -> int:
    """``run FILE-or-FOLDER... [--json]``."""
    words = [word for word in arguments if word != "--json"]
    if len(words) < 2 or words[0] != "run":
        sys.stderr.write("usage: scenario run FILE-or-FOLDER... [--json]\n")
        return 2
    return run(words[1:], as_json="--json" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
