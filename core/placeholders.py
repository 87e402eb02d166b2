"""``{{ name }}`` in what a site writes: each stands for one value and can never become more than a value. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

_MARK: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LONGEST: Final = 200


def names(template: Any) -> Iterator[str]:
    """The names that stand in a text, or anywhere in lists and mappings of texts."""
    return (mark[1] for mark in _MARK.finditer(str(template)))


def tight(text: str) -> str:
    """The text with ``{{ name }}`` written ``{{name}}``, for what may hold no blanks."""
    return _MARK.sub(r"{{\1}}", text)


def in_path(path: str, values: Mapping[str, str]) -> str:
    """A path with its query, each value percent-encoded so that it adds no part, key or address."""
    return _MARK.sub(lambda mark: quote(values.get(mark[1], ""), safe=""), path)


def filled(template: Any, values: Mapping[str, str]) -> Any:
    """A template of texts, lists and mappings with its values put in; keys, numbers and everything else stay as they are."""
    if isinstance(template, str):
        return _MARK.sub(lambda mark: values.get(mark[1], ""), template)
    if isinstance(template, Mapping):
        return {name: filled(inner, values) for name, inner in template.items()}
    return [filled(inner, values) for inner in template] if isinstance(template, list | tuple) else template


def at(answer: Any, place: str) -> str:
    """The value at a place such as ``result.0.id`` of JSON data, as text of at most 200 characters; empty when there is none."""
    for step in place.split("."):
        if isinstance(answer, list) and step.isdigit() and int(step) < len(answer):
            answer = answer[int(step)]
        elif isinstance(answer, Mapping) and step in answer:
            answer = answer[step]
        else:
            return ""
    return str(answer)[:LONGEST] if isinstance(answer, str | int | float) else ""
