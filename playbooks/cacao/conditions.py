"""Conditions of playbooks as comparisons of CACAO variables (the part of the STIX pattern grammar that has no observables), and back. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from jinja2 import TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from playbooks.cacao.names import variable

_COMPARE: Final = {"eq": "=", "ne": "!=", "gt": ">", "lt": "<", "gteq": ">=", "lteq": "<=", "in": "IN"}
_BACK: Final = {"=": "==", "==": "==", "!=": "!=", "<>": "!=", ">": ">", "<": "<", ">=": ">=", "<=": "<="}
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<name>__[A-Za-z_][A-Za-z0-9_-]*?__):value|(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<sign>==|!=|<>|<=|>=|[=<>()\[\],])"
    r"|(?P<word>[A-Za-z]+))",
    re.ASCII,
)
_ENVIRONMENT: Final = ImmutableSandboxedEnvironment()


class _Foreign(ValueError):
    """Something that has no counterpart."""


# outward


def to_pattern(expression: str) -> tuple[str, tuple[str, ...]] | None:
    """A condition as a pattern with the variables that it looks at; None when it is more than comparisons."""
    try:
        tree = _ENVIRONMENT.parse("{{ " + expression + " }}")
        output = tree.body[0]
        if not isinstance(output, nodes.Output):
            return None
        used: list[str] = []
        return _outward(output.nodes[0], used), tuple(dict.fromkeys(used))
    except (TemplateError, _Foreign):
        return None


def _outward(node: nodes.Node, used: list[str]) -> str:
    match node:
        case nodes.And() | nodes.Or():
            word = "AND" if isinstance(node, nodes.And) else "OR"
            return f"({_outward(node.left, used)} {word} {_outward(node.right, used)})"
        case nodes.Not():
            return f"NOT {_outward(node.node, used)}"
        case nodes.Compare(ops=[one]) if one.op in _COMPARE:
            return f"{_looked_at(node.expr, used)} {_COMPARE[one.op]} {_constant(one.expr)}"
        case _:
            return f"{_looked_at(node, used)} = true"


def _looked_at(node: nodes.Node, used: list[str]) -> str:
    used.append(variable(_flat(node)))
    return f"{used[-1]}:value"


def _flat(node: nodes.Node) -> str:
    """``steps.look.answer.decision`` is look_decision, ``steps.look.ok`` look_ok, an input is itself."""
    parts: list[str] = []
    while isinstance(node, nodes.Getattr):
        parts.insert(0, node.attr)
        node = node.node
    if not isinstance(node, nodes.Name):
        raise _Foreign
    if node.name != "steps":
        return "_".join((node.name, *parts))
    return "_".join((*parts[:1], *(part for part in parts[1:] if part not in ("answer", "values"))))


def _constant(node: nodes.Node) -> str:
    match node:
        case nodes.Const():
            return literal(node.value)
        case nodes.List() | nodes.Tuple():
            return f"({', '.join(_constant(item) for item in node.items)})"
        case _:
            raise _Foreign


def literal(value: Any) -> str:
    """A constant of a pattern; raises ValueError for what is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    raise _Foreign


# inward


def from_pattern(pattern: str, known: Mapping[str, tuple[str, str]]) -> str | None:
    """A pattern as a condition; ``known``: variable -> (how we call it, kind of input). None when it is more than comparisons of known variables."""
    try:
        reader = _Reader(_tokens(pattern), known)
        found = reader.either()
    except (_Foreign, IndexError, RecursionError):
        return None
    return found if not reader.left else None


def _tokens(pattern: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, text = 0, pattern.strip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise _Foreign
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


class _Reader:
    """Recursive descent over tokens: OR, AND, NOT, brackets, comparisons."""

    def __init__(self, tokens: list[tuple[str, str]], known: Mapping[str, tuple[str, str]]) -> None:
        self.left, self._known = tokens, known

    def either(self) -> str:
        found = self._both()
        while self._is("word", "OR"):
            found = f"({found} or {self._both()})"
        return found

    def _both(self) -> str:
        found = self._one()
        while self._is("word", "AND"):
            found = f"({found} and {self._one()})"
        return found

    def _one(self) -> str:
        if self._is("word", "NOT"):
            return f"not {self._one()}"
        for opening, closing in (("(", ")"), ("[", "]")):
            if self._is("sign", opening):
                found = self.either()
                if not self._is("sign", closing):
                    raise _Foreign
                return found if found.startswith("(") else f"({found})"
        return self._comparison()

    def _comparison(self) -> str:
        kind, name = self.left.pop(0)
        if kind != "name" or name not in self._known:
            raise _Foreign
        ours, of_kind = self._known[name]
        negated = self._is("word", "NOT")
        if self._is("word", "IN"):
            found = f"{ours} in {self._set(of_kind)}"
        else:
            sign = self.left.pop(0)
            if sign[1] not in _BACK:
                raise _Foreign
            found = f"{ours} {_BACK[sign[1]]} {self._literal(of_kind)}"
        return f"not ({found})" if negated else found

    def _set(self, kind: str) -> str:
        if not self._is("sign", "("):
            raise _Foreign
        items = [self._literal(kind)]
        while self._is("sign", ","):
            items.append(self._literal(kind))
        if not self._is("sign", ")"):
            raise _Foreign
        return f"[{', '.join(items)}]"

    def _literal(self, kind: str) -> str:
        """A constant of ours; values of variables are texts in CACAO, so a text that stands for a number or a flag becomes one."""
        what, text = self.left.pop(0)
        plain = re.sub(r"\\(.)", r"\1", text[1:-1]) if what == "text" else text
        if kind == "bool" and plain.lower() in ("true", "false"):
            return plain.lower()
        if kind in ("int", "port", "number") and re.fullmatch(r"-?\d+(?:\.\d+)?", plain, re.ASCII):
            return plain
        if what in ("text", "number") and kind not in ("int", "port", "number", "bool"):
            return json.dumps(plain, ensure_ascii=False)
        raise _Foreign

    def _is(self, kind: str, text: str) -> bool:
        """Whether this comes next; then it is taken."""
        if self.left and self.left[0][0] == kind and self.left[0][1].upper() == text:
            self.left.pop(0)
            return True
        return False
