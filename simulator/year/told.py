"""What happened in the bureau's year, read from the YAML files beside this one: records, decisions, rounds, scans."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.files import build, read_yaml

SHIPPED: Final = Path(__file__).parent


class Model(BaseModel):
    """Frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Said(Model):
    """An answer to every item that one of the patterns fits: ``days`` ago, about one object or all; ``open`` leaves the items unanswered."""

    items: tuple[str, ...]
    of: str = ""
    word: Literal["conforms", "partial", "fails", "not_applicable", "open"] = Field(default="conforms", alias="as")
    days: int = Field(ge=1)
    text: str
    file: str = ""


class Work(Model):
    """A gap handed out ``days`` ago; ``done``, ``sent_back`` and ``withdrawn`` are days ago too, ``due`` is a day to come or past."""

    item: str
    of: str
    owner: str
    days: int
    due: int
    level: Literal["high", "medium", "low"]
    measure: str
    done: int = 0
    remark: str = ""
    sent_back: int = 0
    withdrawn: int = 0
    why: str = ""


class Wish(Model):
    """An exemption asked for ``days`` ago, granted or refused so many days ago, until a day."""

    item: str
    of: str
    by: str
    days: int
    until: int
    reason: str
    compensation: str
    grant: int = 0
    refuse: int = 0
    remark: str = ""


class Decisions(Model):
    """decisions.yaml."""

    answers: tuple[Said, ...]
    remedies: tuple[Work, ...]
    exemptions: tuple[Wish, ...]


class Seen(Model):
    """What was not in order in the round of a day."""

    days: int
    item: str
    text: str
    value: float | None = None
    photo: str = ""


class Walks(Model):
    """Rounds of a template, every so many days; the ones older than two days bear a second signature when ``second`` is somebody."""

    template: str
    first: int
    every: int
    by: str
    second: str = ""
    found: tuple[Seen, ...] = ()
    texts: Mapping[str, str] = {}
    numbers: Mapping[str, float] = {}

    @property
    def days(self) -> range:
        """The days ago on which one was walked, the oldest first; the newest is yesterday's at the latest."""
        return range(self.first, 0, -self.every) if self.every else range(self.first, self.first - 1, -1)


class Rounds(Model):
    """rounds.yaml."""

    rounds: tuple[Walks, ...]


class Hole(Model):
    """A vulnerability that a scan found on these hosts."""

    id: str
    level: Literal["critical", "high", "medium", "low"]
    port: str
    title: str
    fix: str
    hosts: tuple[str, ...]


class Scanned(Model):
    """A scan ``days`` ago of every host and network device whose id one of the patterns fits."""

    days: int = Field(ge=1)
    scanner: str
    hosts: tuple[str, ...]
    found: tuple[Hole, ...]


class Mended(Model):
    """A vulnerability handed out ``days`` ago, until a day to come or past."""

    host: str
    id: str
    owner: str
    days: int
    due: int


class Aside(Model):
    """A vulnerability set aside ``days`` ago, until a day to come."""

    host: str
    id: str
    word: Literal["accepted", "false_positive"] = Field(alias="as")
    days: int
    until: int
    why: str


class Scans(Model):
    """scans.yaml."""

    scans: tuple[Scanned, ...]
    handed_out: tuple[Mended, ...]
    set_aside: tuple[Aside, ...]


class Year(Model):
    """All of it; ``records`` are the fields of each record by kind, with ``id`` and perhaps ``file``."""

    records: Mapping[str, tuple[Mapping[str, Any], ...]]
    decisions: Decisions
    rounds: tuple[Walks, ...]
    scans: Scans


def load_year(folder: Path = SHIPPED) -> Year:
    """Raises ConfigError with file, line and key."""
    records = read_yaml(folder / "records.yaml")
    return Year(
        records=records.data,
        decisions=build(read_yaml(folder / "decisions.yaml"), Decisions),
        rounds=build(read_yaml(folder / "rounds.yaml"), Rounds).rounds,
        scans=build(read_yaml(folder / "scans.yaml"), Scans),
    )
