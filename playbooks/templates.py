"""Templates in playbooks: ``{{ expression }}`` over plain data, in Jinja's sandbox without calls, loops or blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateError, Undefined, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from core.errors import ConfigError

FILTERS: Final = ("length", "count", "lower", "upper", "trim", "join", "default", "first", "last", "int", "float", "sort", "unique", "min", "max", "sum")
MAX_TEMPLATE: Final = 4000
MAX_RESULT: Final = 20_000
FORBIDDEN: Final = (nodes.Call, nodes.Mul, nodes.Pow)  # a call reaches methods, a product of texts reaches all memory


def _environment() -> ImmutableSandboxedEnvironment:
    found = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)  # plain text, never a page
    found.globals.clear()
    found.filters = {name: found.filters[name] for name in FILTERS}
    return found


_ENVIRONMENT: Final = _environment()


def check_text(text: str) -> frozenset[str]:
    """The names that a template uses; raises ConfigError for one that is wrong or does more than look values up."""
    if len(text) > MAX_TEMPLATE:
        raise ConfigError(f"a template has at most {MAX_TEMPLATE} characters")
    if "{%" in text or "{#" in text:
        raise ConfigError("only {{ expressions }} may stand in a template, no blocks")
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateError as err:
        raise ConfigError(f"is no template: {err}") from None
    if any(True for kind in FORBIDDEN for _ in tree.find_all(kind)):
        raise ConfigError("a template looks values up; calls, products and powers are not allowed")
    return frozenset(meta.find_undeclared_variables(tree))


def check_condition(text: str) -> frozenset[str]:
    """The names that a condition (an expression without braces) uses; raises ConfigError."""
    if "{{" in text or "}}" in text:
        raise ConfigError("a condition is a bare expression, without braces")
    return check_text("{{ " + text + " }}")


def texts_in(value: Any, where: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text inside a nested value, with its place."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts_in(inner, (*where, str(key)))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from texts_in(inner, (*where, number))


def is_template(text: str) -> bool:
    """Whether anything in it is to be looked up."""
    return "{{" in text or "{%" in text  # a block is refused where it is read


def render(value: Any, values: Mapping[str, Any]) -> Any:
    """The value with every template filled in; one that is nothing but ``{{ x }}`` keeps the type of x. Raises ConfigError."""
    if isinstance(value, str):
        return _text(value, values) if is_template(value) else value
    if isinstance(value, Mapping):
        return {key: render(inner, values) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [render(inner, values) for inner in value]
    return value


def holds(condition: str, values: Mapping[str, Any]) -> bool:
    """Whether a condition is true of the values; a name that is not there makes it false."""
    try:
        return bool(_expression(condition)(**values))
    except TemplateError:
        return False
    except (TypeError, ValueError, ArithmeticError) as err:
        raise ConfigError(f"the condition {condition!r} cannot be told: {err}") from None


def _text(text: str, values: Mapping[str, Any]) -> Any:
    check_text(text)
    bare = text.strip()
    try:
        if bare.startswith("{{") and bare.endswith("}}") and bare.count("{{") == 1:
            plain = _expression(bare[2:-2])(**values)
            if isinstance(plain, Undefined):
                str(plain)  # says what is missing, or what the sandbox does not give
            return plain
        found = _ENVIRONMENT.from_string(text).render(**values)
    except TemplateError as err:
        raise ConfigError(f"the template {text!r} cannot be filled in: {err}") from None
    except (TypeError, ValueError, ArithmeticError) as err:
        raise ConfigError(f"the template {text!r} cannot be filled in: {err}") from None
    if len(found) > MAX_RESULT:
        raise ConfigError(f"the template {text[:60]!r} gives more than {MAX_RESULT} characters")
    return found


@lru_cache(maxsize=1024)
def _expression(text: str) -> Any:
    check_text("{{ " + text + " }}")
    return _ENVIRONMENT.compile_expression(text, undefined_to_none=False)
