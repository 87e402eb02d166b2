"""The metric catalogue: every metric's unit, kind and its names in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.errors import ConfigError
from core.files import build, read_yaml


class Metric(BaseModel):
    """One row: ``unit`` in UCUM or as people write it ("%", "By", "By/s", "Cel", "s"), names for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str
    kind: Literal["gauge", "counter"] = "gauge"
    zh: str
    en: str
    about: str = ""


def load_catalogue(folder: Path) -> Mapping[str, Metric]:
    """Every row of the folder's YAML tables; a name that stands in two tables is an error."""
    rows: dict[str, Metric] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        for name in document.data or {}:
            if name in rows:
                raise document.error("is in another table already", (name,))
            rows[name] = build(document, Metric, (name,))
    if not rows:
        raise ConfigError("holds no metric tables", path=folder)
    return rows


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Metric]:
    """The shipped catalogue."""
    return load_catalogue(Path(str(files("core") / "metrics")))
