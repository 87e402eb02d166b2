"""A site's file with one key and a list of entries that have an id: what is right in it, and what is wrong with its line."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from core.errors import ConfigError
from core.files import build, read_yaml

M = TypeVar("M", bound=BaseModel)


def read_entries(path: Path, key: str, model: type[M]) -> tuple[dict[str, M], tuple[ConfigError, ...]]:
    """Entries by id in the order of the file; of two with one id the first counts. No file is no entry."""
    if not path.exists():
        return {}, ()
    try:
        document = read_yaml(path)
        if not isinstance(document.data, dict) or set(document.data) != {key} or not isinstance(document.data[key], list):
            raise document.error(f"has one key, {key}, with a list")
    except ConfigError as err:
        return {}, (err,)
    found: dict[str, M] = {}
    problems: list[ConfigError] = []
    for number in range(len(document.data[key])):
        try:
            one = build(document, model, (key, number))
            name = str(getattr(one, "id", number))
            if name in found:
                raise document.error(f"{name} stands twice; the first one counts", (key, number, "id"))
            found[name] = one
        except ConfigError as err:
            problems.append(err)
    return found, tuple(problems)
