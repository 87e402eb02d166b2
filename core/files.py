"""Reading files that people write: YAML and TOML into data, with the line of every key at hand.

YAML rules: only ``true`` and ``false`` are booleans (so ``on``, ``off``, ``yes``, ``no`` are words), a key
twice in one mapping is an error, aliases that multiply without end are refused, nothing but plain data is built (safe loader).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from core.errors import ConfigError

T = TypeVar("T")
Where = tuple[str | int, ...]
MAX_BYTES = 16 * 1024 * 1024
MAX_FROM_ALIASES = 100_000  # values beyond one for each character of the text


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document: plain data and the line (from 1) of each key and list item."""

    data: Any
    path: Path | str
    lines: Mapping[Where, int] = field(default_factory=dict)

    def line(self, where: Where) -> int | None:
        """The line of ``where``, or of the nearest enclosing key that is in the file."""
        while where and where not in self.lines:
            where = where[:-1]
        return self.lines.get(where)

    def error(self, message: str, where: Where = ()) -> ConfigError:
        """An error that points at ``where`` in this file."""
        return ConfigError(message, path=self.path, line=self.line(where), key=".".join(map(str, where)))


class _Loader(yaml.CSafeLoader):  # libyaml: three to ten times as fast, and it limits nesting
    """The safe loader with YAML 1.2 booleans, duplicate keys refused and dates left as text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
# decimal integers only: 08:00 and 1:30 are texts, not base-60 numbers, and 0123 is no octal
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789"))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: dict[Hashable, int] = {}
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable):
            raise yaml.constructor.ConstructorError(None, None, "a key must be a plain word", key_node.start_mark)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice (first in line {seen[key]})", key_node.start_mark)
        seen[key] = key_node.start_mark.line + 1
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file of at most 16 MiB; raises ConfigError that says what to do."""
    try:
        raw = path.read_bytes()
    except OSError as err:
        raise ConfigError(f"cannot be read: {err.strerror}", path=path) from err
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"is {len(raw):,} bytes, the limit is {MAX_BYTES:,}", path=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = raw[: err.start].count(b"\n") + 1
        raise ConfigError("is not UTF-8; save it as UTF-8", path=path, line=line) from err


def read_yaml(path: Path) -> Document:
    """The single document of a YAML file (an empty file gives None)."""
    documents = list(parse_yaml(read_text(path), path))
    if len(documents) > 1:
        raise ConfigError("holds more than one document; one is expected", path=path)
    return documents[0] if documents else Document(None, path)


def parse_yaml(text: str, path: Path | str) -> Iterator[Document]:
    """Every document in ``text``, in order; raises ConfigError with file and line."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is None:
                continue
            lines: dict[Where, int] = {}
            _collect_lines(node, (), lines, set(), len(text) + MAX_FROM_ALIASES)
            yield Document(loader.construct_document(node), path, lines)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        raise ConfigError(str(err.problem or err), path=path, line=mark.line + 1 if mark else None) from err
    except (yaml.YAMLError, ValueError, RecursionError) as err:
        raise ConfigError(f"is not valid YAML: {err}", path=path) from err
    finally:
        loader.dispose()


def to_yaml(data: Any) -> str:
    """Plain data as YAML that ``parse_yaml`` reads back as it was; keys stay in order."""
    return str(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=150))


def _collect_lines(node: yaml.Node, where: Where, lines: dict[Where, int], inside: set[int], most: int) -> None:
    if id(node) in inside:
        raise yaml.constructor.ConstructorError(None, None, "an alias that contains itself", node.start_mark)
    if len(lines) > most:
        raise yaml.constructor.ConstructorError(None, None, f"aliases that multiply into more than {most:,} values", node.start_mark)
    inside.add(id(node))
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*where, key.value if isinstance(key, yaml.ScalarNode) else str(key.value))
            lines[place] = key.start_mark.line + 1
            _collect_lines(value, place, lines, inside, most)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _collect_lines(value, (*where, number), lines, inside, most)
    inside.discard(id(node))


def read_toml(path: Path) -> Document:
    """A TOML file with the line of each key (found by scanning; good for plain tables and keys)."""
    text = read_text(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        found = re.search(r"line (\d+)", str(err))
        raise ConfigError(f"is not valid TOML: {err}", path=path, line=int(found[1]) if found else None) from err
    return Document(data, path, _toml_lines(text))


def _toml_lines(text: str) -> dict[Where, int]:
    lines: dict[Where, int] = {}
    table: Where = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            lines.setdefault(table, number)
        elif key := re.match(r"\s*([A-Za-z0-9_.\"'-]+)\s*=", line):
            lines.setdefault((*table, *(part.strip("\"'") for part in key[1].split("."))), number)
    return lines


def build(document: Document, model: type[T], where: Where = ()) -> T:
    """``document.data`` at ``where`` as ``model`` (a pydantic model or dataclass).

    Unknown keys are errors when the model forbids them. Raises ConfigError with file, line and key; the
    offending value itself is never repeated, since it may be a secret.
    """
    data = document.data
    for step in where:
        data = data[step]
    try:
        return TypeAdapter(model).validate_python(data)
    except ValidationError as err:
        raise _first_error(document, where, err) from None


def _first_error(document: Document, where: Where, err: ValidationError) -> ConfigError:
    problems = err.errors(include_input=False, include_url=False)
    first = problems[0]
    place = (*where, *(step for step in first["loc"] if isinstance(step, str | int)))
    message = "unknown key" if first["type"] in ("extra_forbidden", "unexpected_keyword_argument") else first["msg"]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return document.error(message + more, place)
