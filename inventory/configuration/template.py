"""Golden templates: lines that every configuration of a kind has, and lines that none has. One YAML file below the site's ``templates/``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.errors import ConfigError
from core.files import build, read_yaml
from core.patterns import PatternText, compiled
from inventory.asset import Asset
from inventory.configuration.blocks import Block, parse
from inventory.configuration.dialects import dialect_of

MOST_SHOWN = 50


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Model):
    """Words for people in both languages."""

    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class Line(_Model):
    """One line, word for word (``line``) or by a ``pattern``; at the top, or in every block whose header matches ``inside``."""

    line: str = ""
    pattern: PatternText | None = None
    inside: PatternText | None = None
    besides: PatternText | None = None
    why: Text | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Line:
        if bool(self.line) == bool(self.pattern):
            raise ValueError("gives either line (the exact text) or pattern")
        return self

    @property
    def words(self) -> str:
        """What is looked for, as a person reads it."""
        return self.line or f"/{self.pattern}/"

    def fits(self, text: str) -> bool:
        """Whether ``text`` is this line."""
        if self.pattern:
            return compiled(self.pattern).search(text) is not None
        return text == " ".join(self.line.split())


class Template(_Model):
    """``match`` says which assets: by kind, id, tag, site, vendor or platform; empty parts match all."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    title: Text
    kinds: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    must: tuple[Line, ...] = ()
    must_not: tuple[Line, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Template:
        if not self.must and not self.must_not:
            raise ValueError("asks for nothing; give must or must_not")
        return self

    def is_for(self, asset: Asset, dialect: str) -> bool:
        """Whether the configuration of ``asset`` in this dialect is to be like the template."""
        return (
            (not self.kinds or asset.kind in self.kinds)
            and (not self.assets or asset.id in self.assets)
            and (not self.tags or bool(set(asset.tags) & set(self.tags)))
            and (not self.platforms or dialect in self.platforms)
        )


@dataclass(frozen=True, slots=True)
class Deviation:
    """A line that is missing (``is_missing``) or stands there though it must not, and the block it is about (empty: the top)."""

    line: str
    block: str
    is_missing: bool
    why: Text | None = None

    @property
    def text(self) -> str:
        """One line for lists: ``-`` missing, ``+`` too much."""
        return f"{'-' if self.is_missing else '+'} {f'{self.block} > ' if self.block else ''}{self.line}"


def load_templates(folder: Path) -> tuple[tuple[Template, ...], tuple[ConfigError, ...]]:
    """The good templates of a folder, and an error with file, line and key for each bad file."""
    found: dict[str, Template] = {}
    problems: list[ConfigError] = []
    for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
        try:
            document = read_yaml(path)
            template = build(document, Template)
            if template.name in found:
                raise document.error(f"the template {template.name} is in another file already", ("name",))
            found[template.name] = template
        except ConfigError as err:
            problems.append(err)
    return tuple(found.values()), tuple(problems)


def deviations(text: str, template: Template, platform: str = "") -> tuple[Deviation, ...]:
    """How a configuration deviates from the template, in the order of the template."""
    blocks = parse(text, dialect_of(text, platform))
    missing = [one for line in template.must for one in _missing(line, blocks)]
    present = [one for line in template.must_not for one in _present(line, blocks)]
    return tuple([*missing, *present][:MOST_SHOWN])


def _missing(line: Line, blocks: Sequence[Block]) -> Iterator[Deviation]:
    if line.inside is None:
        if not any(line.fits(text) for block in blocks for _depth, text in block.walk()):
            yield Deviation(line.words, "", is_missing=True, why=line.why)
        return
    for block in _meant(line, blocks):
        if not any(line.fits(text) for text in _below(block)):
            yield Deviation(line.words, block.text, is_missing=True, why=line.why)


def _present(line: Line, blocks: Sequence[Block]) -> Iterator[Deviation]:
    if line.inside is None:
        yield from (Deviation(text, "", is_missing=False, why=line.why) for block in blocks for _depth, text in block.walk(banners=False) if line.fits(text))
        return
    for block in _meant(line, blocks):
        yield from (Deviation(text, block.text, is_missing=False, why=line.why) for text in _below(block) if line.fits(text))


def _meant(line: Line, blocks: Iterable[Block]) -> Iterator[Block]:
    """The blocks that the line is about, at any depth."""
    inside, besides = compiled(line.inside or ""), compiled(line.besides) if line.besides else None
    for block in blocks:
        if inside.search(block.text) and not (besides and any(besides.search(text) for _depth, text in block.walk())):
            yield block
        yield from _meant(line, block.inside)


def _below(block: Block) -> Iterator[str]:
    return (text for depth, text in block.walk() if depth)
