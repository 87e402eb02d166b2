"""The catalogue: every playbook that can be read, shipped and the site's own, and every problem met on the way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from core.errors import ConfigError
from core.files import Document, read_yaml
from playbooks.capabilities import capability
from playbooks.capability import Capability
from playbooks.form import Playbook, read_form
from playbooks.lint import check_calls, lint
from playbooks.policy import Policy, read_policy

LIBRARY: Final = Path(__file__).with_name("library")
FOLDER: Final = "playbooks"
POLICY: Final = "playbooks.yaml"


@dataclass(frozen=True)
class Catalogue:
    """Playbooks by name, where each was read, and what could not be used."""

    playbooks: Mapping[str, Playbook] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)
    problems: tuple[ConfigError, ...] = ()


def load_catalogue(folders: Iterable[Path], capabilities: Callable[[str], Capability] = capability) -> Catalogue:
    """Read every ``*.yaml`` below the folders; a playbook of a later folder takes the place of one of the same name, a broken file stands for nothing."""
    playbooks: dict[str, Playbook] = {}
    documents: dict[str, Document] = {}
    paths: dict[str, Path] = {}
    problems: list[ConfigError] = []
    for folder in folders:
        here: set[str] = set()
        for path in sorted(folder.rglob("*.yaml")) if folder.is_dir() else ():
            try:
                playbook, document = read_playbook(path, capabilities)
                if playbook.name in here:
                    raise document.error(f"there is another playbook {playbook.name!r}: {paths[playbook.name].name}", ("playbook",))
            except ConfigError as err:
                problems.append(err)
                continue
            here.add(playbook.name)
            playbooks[playbook.name], documents[playbook.name], paths[playbook.name] = playbook, document, path
    while wrong := check_calls(playbooks, documents):
        problems += wrong.values()
        playbooks = {name: one for name, one in playbooks.items() if name not in wrong}
    return Catalogue(playbooks, {name: paths[name] for name in playbooks}, tuple(problems))


def read_playbook(path: Path, capabilities: Callable[[str], Capability] = capability) -> tuple[Playbook, Document]:
    """One file, checked; raises ConfigError with file, line and key."""
    document = read_yaml(path)
    playbook = read_form(document)
    lint(playbook, document, capabilities)
    return playbook, document


class Shelf:
    """The shipped playbooks, those of a site and its policy, read again when a file changed. Thread-safe."""

    def __init__(self, site: Path) -> None:
        self._site, self._lock = site, threading.Lock()
        self._stamp: object = None
        self._catalogue, self._policy = Catalogue(), Policy()

    def look(self) -> tuple[Catalogue, Policy]:
        """What is there now. A policy that cannot be read leaves the one before in force, and is among the problems."""
        with self._lock:
            stamp = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in self._files() if path.exists()]
            if stamp != self._stamp:
                found = load_catalogue((LIBRARY, self._site / FOLDER))
                try:
                    self._policy = read_policy(self._site / POLICY)
                except ConfigError as err:
                    found = replace(found, problems=(*found.problems, err))
                self._catalogue, self._stamp = found, stamp
            return self._catalogue, self._policy

    def _files(self) -> list[Path]:
        return [*sorted((self._site / FOLDER).rglob("*.yaml")), self._site / POLICY]
