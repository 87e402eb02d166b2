"""Kind of record: its fields, when something about it is due, and what counts as a gap; one YAML file each (kinds/, and ``records/`` of the site's folder).

docs/records.md describes every key. A kind decides nothing about requirement items: checks (checks/records/) read the table that it yields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from compliance.check import Model, Test, Text
from core.errors import ConfigError
from core.files import build, read_yaml
from core.patterns import PatternText, compiled

SHIPPED: Final = Path(__file__).with_name("kinds")
NAME: Final = r"^[a-z][a-z0-9_]{0,40}$"
LONGEST: Final = 4_000
MOST: Final = 5_000
"""Records of one kind."""
DERIVED: Final = ("id", "state", "late", "gaps", "found")
"""Columns that every table has beside the fields."""
Conditions = Mapping[str, Test]


class RecordField(Model):
    """One field. ``list`` holds names parted by commas, ``flag`` is yes or no or not known."""

    id: str = Field(pattern=NAME)
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    type: Literal["text", "note", "date", "number", "flag", "choice", "choices", "list", "document"] = "text"
    choices: Mapping[str, Text] = Field(default_factory=dict)
    required: bool = False
    pattern: PatternText | None = None
    hint: Text | None = None

    @model_validator(mode="after")
    def _has_choices(self) -> RecordField:
        if (self.type in ("choice", "choices")) != bool(self.choices):
            raise ValueError("a choice names its choices, and nothing else does")
        if self.id in DERIVED:
            raise ValueError(f"{self.id} is a column that every table has already")
        return self


class Due(Model):
    """Something that comes round: ``months`` after the latest of the dates ``after``, or on the date ``at``.

    Without any of the dates ``after`` it is late at once (it was never done); without ``at`` nothing is due.
    ``months_field`` names a number field that replaces ``months``, ``when`` limits it to some records, ``newest`` to the newest one of these.
    """

    id: str = Field(pattern=NAME)
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    after: tuple[str, ...] = ()
    at: str = ""
    months: float = Field(default=0, ge=0)
    months_field: str = ""
    newest: bool = False
    when: Conditions = Field(default_factory=dict)
    soon_days: int = Field(default=30, ge=0)

    @model_validator(mode="after")
    def _one_way(self) -> Due:
        if bool(self.after) == bool(self.at):
            raise ValueError("a due date is either after some dates or at one date")
        if self.after and not self.months:
            raise ValueError("after needs months")
        return self


class Needs(Model):
    """Another record: of ``kind``, whose field ``theirs`` holds what the field ``ours`` says, young enough and as ``when`` says."""

    kind: str
    ours: str
    theirs: str
    when: Conditions = Field(default_factory=dict)
    date: str = ""
    months: float = Field(default=0, ge=0)


class Twice(Model):
    """The same value of ``field`` in records whose field ``differ`` has different values out of ``among``, one of them ``always`` when it is given."""

    field: str
    differ: str
    among: tuple[str, ...] = Field(min_length=2)
    always: str = ""


class Gap(Model):
    """What is wrong with one record: its fields are as ``when`` says, a record that it ``needs`` is missing, it stands ``twice``, or accounts are still open.

    ``ended``: asked of records that are no longer in force, instead of those that are.
    """

    id: str = Field(pattern=NAME)
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    when: Conditions = Field(default_factory=dict)
    needs: Needs | None = None
    twice: Twice | None = None
    accounts: str = ""
    ended: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Gap:
        if not (self.when or self.needs or self.twice or self.accounts):
            raise ValueError("a gap has at least one of when, needs, twice, accounts")
        return self


class RecordKind(Model):
    """A kind of record. ``ends`` is the date after which a record is no longer in force; ``access`` tells whose log-ins are watched."""

    id: str = Field(pattern=NAME)
    order: int = 100
    title: Text
    about: Text
    fields: Annotated[tuple[RecordField, ...], Field(min_length=1)]
    name: str
    ends: str = ""
    dues: tuple[Due, ...] = ()
    gaps: tuple[Gap, ...] = ()
    access: Access | None = None
    writers: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> RecordKind:
        known = {one.id: one.type for one in self.fields}
        if len(known) != len(self.fields):
            raise ValueError("two fields have one id")
        dates = {name for name, kind in known.items() if kind == "date"}
        wanted_dates = [*([self.ends] if self.ends else []), *(name for due in self.dues for name in (*due.after, *([due.at] if due.at else [])))]
        for name in wanted_dates:
            if name not in dates:
                raise ValueError(f"{name} is no date field of this kind")
        for name in self._named():
            if name not in known:
                raise ValueError(f"{name} is no field of this kind")
        ids = [*(due.id for due in self.dues), *(gap.id for gap in self.gaps)]
        if len(set(ids)) != len(ids):
            raise ValueError("two of dues and gaps have one id")
        return self

    def _named(self) -> Iterable[str]:
        yield self.name
        for due in self.dues:
            yield from (*due.when, *([due.months_field] if due.months_field else []))
        for gap in self.gaps:
            yield from gap.when
            yield from ([gap.needs.ours] if gap.needs else [])
            yield from ([gap.twice.field, gap.twice.differ] if gap.twice else [])
            yield from ([gap.accounts] if gap.accounts else [])
        if self.access:
            yield from (name for name in (self.access.accounts, self.access.window) if name)

    @property
    def takes_files(self) -> bool:
        """Whether its records have documents."""
        return any(one.type == "document" for one in self.fields)

    def field(self, name: str) -> RecordField:
        """A field by its id."""
        return next(one for one in self.fields if one.id == name)

    @property
    def snapshot(self) -> str:
        """The snapshot kind under which checks read the table."""
        return f"record.{self.id}"


class Access(Model):
    """Whose log-ins are watched: the field with the account names, and the one with the hours in which they may log in (``Mon-Fri 09:00-18:00``)."""

    accounts: str
    window: str = ""


RecordKind.model_rebuild()


def load_kinds(folders: Iterable[Path] = (SHIPPED,)) -> tuple[dict[str, RecordKind], list[ConfigError]]:
    """Kinds by id in their order, and what is wrong; a later folder replaces a kind of the same id, a broken file leaves the others."""
    found: dict[str, RecordKind] = {}
    problems: list[ConfigError] = []
    for path in (path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.yaml"))):
        try:
            one = build(read_yaml(path), RecordKind)
        except ConfigError as err:
            problems.append(err)
            continue
        found[one.id] = one
    for kind in found.values():
        problems += [
            ConfigError(f"{kind.id} needs records of {gap.needs.kind}, which is no kind") for gap in kind.gaps if gap.needs and gap.needs.kind not in found
        ]
    return dict(sorted(found.items(), key=lambda pair: (pair[1].order, pair[0]))), problems


def read_values(kind: RecordKind, values: Mapping[str, Any]) -> dict[str, Any]:
    """What a form or a row of a table says, as it is kept (dates as ISO text, lists as lists); blank fields are left out.

    Raises ConfigError that names the field.
    """
    if unknown := sorted(set(values) - {one.id for one in kind.fields}):
        raise ConfigError("is no field of this kind of record", key=unknown[0])
    found = {one.id: value for one in kind.fields if (value := _value(one, values.get(one.id))) not in (None, "", [])}
    for one in kind.fields:
        if (one.required or one.id == kind.name) and one.id not in found:
            raise ConfigError(f"{one.zh} ({one.en}) is needed", key=one.id)
    return found


YES: Final = frozenset({"yes", "true", "1", "y", "是", "有"})
NO: Final = frozenset({"no", "false", "0", "n", "否", "无"})


def _value(field: RecordField, value: Any) -> Any:
    """One value in its form, None when blank; raises ConfigError."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if field.type == "date":
        return _date(field, value)
    if field.type == "number":
        return _number(field, value)
    if field.type == "flag":
        return _flag(field, value)
    if field.type in ("list", "choices"):
        return [_choice(field, part) if field.type == "choices" else _text(field, part) for part in parted(value)]
    return _choice(field, str(value).strip()) if field.type == "choice" else _text(field, value)


def parted(value: Any) -> list[str]:
    """A list that was written as one text, in Chinese or in English."""
    if not isinstance(value, str):
        return [str(part).strip() for part in value if str(part).strip()]
    for mark in "；;，、\n":
        value = value.replace(mark, ",")
    return [part.strip() for part in value.split(",") if part.strip()]


def _text(field: RecordField, value: Any) -> str:
    text = str(value).strip()
    if len(text) > LONGEST:
        raise ConfigError(f"{field.zh} ({field.en}) has {len(text)} characters; at most {LONGEST} are taken", key=field.id)
    if field.pattern and not compiled(field.pattern).search(text):
        raise ConfigError(f"{field.zh} ({field.en}) is not written as it should be" + (f": {field.hint.en}" if field.hint else ""), key=field.id)
    return text


def _date(field: RecordField, value: Any) -> str:
    text = str(value).strip()[:10].replace("/", "-").replace(".", "-")
    parts = text.split("-")
    try:
        return date(*(int(part) for part in parts)).isoformat() if len(parts) == 3 else date.fromisoformat(text).isoformat()
    except (ValueError, TypeError):
        raise ConfigError(f"{field.zh} ({field.en}) is no date; write for instance 2026-03-31", key=field.id) from None


def _number(field: RecordField, value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ConfigError(f"{field.zh} ({field.en}) is no number", key=field.id) from None
    if not -1e12 < number < 1e12:
        raise ConfigError(f"{field.zh} ({field.en}) is out of all bounds", key=field.id)
    return number


def _flag(field: RecordField, value: Any) -> bool:
    word = str(value).strip().lower()
    if word not in YES | NO:
        raise ConfigError(f"{field.zh} ({field.en}) is yes or no (是 or 否)", key=field.id)
    return word in YES


def _choice(field: RecordField, value: str) -> str:
    word = value.strip().lower()
    for key, text in field.choices.items():
        if word in (key.lower(), text.zh.lower(), text.en.lower()):
            return key
    words = ", ".join(f"{text.zh}/{key}" for key, text in field.choices.items())
    raise ConfigError(f"{field.zh} ({field.en}) is one of {words}", key=field.id)
