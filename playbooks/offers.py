"""Playbooks that something else names (a check, for what it found): whether they can be run so, and their inputs filled from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import ConfigError
from playbooks.form import Playbook
from playbooks.kinds import read_value


def fault(books: Mapping[str, Playbook], name: str, assets: str, given: Mapping[str, Any]) -> str:
    """Why a playbook cannot be run with these inputs, ``assets`` being the input that takes assets; empty when it can."""
    book = books.get(name)
    if book is None:
        return f"there is no playbook {name!r}"
    if unknown := sorted(({assets} | set(given)) - {"", *book.inputs}):
        return f"the playbook {name} has no input {unknown[0]!r}; it has {', '.join(book.inputs) or 'none'}"
    if assets and book.inputs[assets].type != "asset":
        return f"the input {assets!r} of the playbook {name} takes no assets but a {book.inputs[assets].type}"
    for key, value in given.items():
        try:
            read_value(key, book.inputs[key], value)
        except ConfigError as err:
            return f"the input {key!r} of the playbook {name}: {err}"
    return ""


def filled(book: Playbook, assets: str, given: Mapping[str, Any], found: Sequence[str]) -> dict[str, Any]:
    """The inputs as far as they are known: those given, and the assets (as many as the input takes)."""
    if not assets or assets not in book.inputs or not found:
        return dict(given)
    form = book.inputs[assets]
    return {**given, assets: list(found[: form.most]) if form.many else found[0]}
