"""The settings of one installation: a TOML file, overridden by the environment.

``WANGLOU_PORT=8600`` sets a top-level key, ``WANGLOU_STORE__URL=...`` one in a table; a secret may be given as
``WANGLOU_STORE__PASSWORD_FILE=/run/secrets/es``. Unknown keys are refused with file and line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from core.errors import ConfigError
from core.files import Document, build, read_toml

PREFIX = "WANGLOU_"
PASSWORD_CLASSES = 3
"""Of small letters, capital letters, digits and others, how many a password must have."""
PASSWORD_HISTORY = 5
"""How many passwords of the past may not return."""
RoleName = Literal["viewer", "operator", "duty_leader", "security_officer", "system_admin", "security_admin", "audit_admin"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _parted(value: Any) -> Any:
    """A list written as one text, as the environment has it."""
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


def _are_networks(ranges: tuple[str, ...]) -> tuple[str, ...]:
    for text in ranges:
        try:
            ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text} is no address and no network; write for instance 10.1.2.0/24") from None
    return ranges


class StoreSettings(_Table):
    """Where records live. ``elastic`` also keeps the embedded store as the queue before it."""

    backend: Literal["embedded", "elastic"] = "embedded"
    url: str = ""
    username: str = ""
    password: SecretStr = SecretStr("")
    api_key: SecretStr = SecretStr("")
    ca_file: Path | None = None
    namespace: str = Field(default="default", pattern=r"^[a-z0-9_]{1,40}$")
    replicas: int = Field(default=1, ge=0, le=5)


class RetentionSettings(_Table):
    """Days that records are kept. Events and audit: at least 190, since the law asks for six months."""

    raw_metrics_days: int = Field(default=60, ge=1)
    rollups_days: int = Field(default=400, ge=1)
    events_days: int = Field(default=190, ge=190)
    runs_days: int = Field(default=400, ge=190)


class CollectSettings(_Table):
    """How polling is done."""

    interval_s: float = Field(default=60, ge=1)
    workers: int = Field(default=32, ge=1, le=1024)
    syslog_udp: int | None = Field(default=None, ge=0, le=65535)
    syslog_tcp: int | None = Field(default=None, ge=0, le=65535)
    syslog_tls: int | None = Field(default=None, ge=0, le=65535)
    syslog_host: str = "127.0.0.1"
    syslog_rate: float = Field(default=0, ge=0)
    syslog_cert: Path | None = None
    syslog_key: Path | None = None
    trap_port: int | None = Field(default=None, ge=0, le=65535)
    trap_host: str = "127.0.0.1"
    trap_rate: float = Field(default=100, ge=0)
    trap_credentials: tuple[str, ...] = ()
    flows_udp: int | None = Field(default=None, ge=0, le=65535)
    sflow_udp: int | None = Field(default=None, ge=0, le=65535)
    flows_host: str = "127.0.0.1"

    _as_list = field_validator("trap_credentials", mode="before")(_parted)


class DiscoverySettings(_Table):
    """Where the network may be searched for devices, and how gently. Without ``allowed`` nothing is searched."""

    allowed: tuple[str, ...] = ()
    max_addresses: int = Field(default=4096, ge=1, le=65536)
    rate_per_s: float = Field(default=50, gt=0, le=10_000)
    workers: int = Field(default=32, ge=1, le=256)
    timeout_s: float = Field(default=1.5, gt=0, le=30)

    _as_list = field_validator("allowed", mode="before")(_parted)


class DetectionSettings(_Table):
    """Which scorer ranks the rows of a whole host, and which PyOD model is its second voice (empty: none)."""

    scorer: str = "knn"
    second: str = "iforest"


class ConsoleSettings(_Table):
    """Login and sessions; the defaults are those that graded protection level 3 asks for."""

    idle_minutes: int = Field(default=15, ge=1, le=1440)
    absolute_hours: int = Field(default=8, ge=1, le=168)
    lock_after: int = Field(default=5, ge=1, le=100)
    lock_minutes: int = Field(default=30, ge=1)
    password_length: int = Field(default=12, ge=8, le=128)
    password_days: int = Field(default=90, ge=0)
    cert_file: Path | None = None
    key_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()
    second_factor: Literal["offered", "administrators", "everybody"] = "offered"
    admin_addresses: tuple[str, ...] = ()
    role_addresses: dict[RoleName, tuple[str, ...]] = {}
    unused_days: int = Field(default=90, ge=0)
    address: str = Field(default="", pattern=r"^(https?://[^\s/]+(/[^\s]*)?)?$")

    _as_list = field_validator("admin_addresses", mode="before")(_parted)
    _networks = field_validator("admin_addresses")(_are_networks)

    @field_validator("role_addresses")
    @classmethod
    def _networks_of_roles(cls, ranges: dict[RoleName, tuple[str, ...]]) -> dict[RoleName, tuple[str, ...]]:
        return {role: _are_networks(networks) for role, networks in ranges.items()}


class WatchdogSettings(_Table):
    """How the supervisor alarms by itself when the service is silent or a call is overdue, and whom it tells every minute that all is well."""

    limit_s: float = Field(default=90, ge=30, le=3600)
    alarm_url: SecretStr = SecretStr("")
    alarm_modem: str = ""
    alarm_to: tuple[str, ...] = ()
    heartbeat_url: SecretStr = SecretStr("")

    _as_list = field_validator("alarm_to", mode="before")(_parted)


class SealSettings(_Table):
    """The second place to which the ends of the audit and the evidence chain go every hour: a file on another disc, a syslog server (UDP)."""

    file: Path | None = None
    syslog: str = Field(default="", pattern=r"^(.+:\d{1,5})?$")


class Settings(_Table):
    """Everything that may be set; every key has a default."""

    data: Path = Path("data")
    site: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65535)
    language: Literal["zh_CN", "en"] = "zh_CN"
    timezone: str = "Asia/Shanghai"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    store: StoreSettings = StoreSettings()
    retention: RetentionSettings = RetentionSettings()
    collect: CollectSettings = CollectSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    detection: DetectionSettings = DetectionSettings()
    console: ConsoleSettings = ConsoleSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    seal: SealSettings = SealSettings()

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError("is no time zone; write for instance Asia/Shanghai") from None
        return name

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def site_folder(self) -> Path:
        """Where the site's YAML files are: ``site`` or the folder ``site`` in the data folder."""
        return self.site or self.data / "site"

    @property
    def events_age(self) -> timedelta:
        """How long events and audit are kept."""
        return timedelta(days=self.retention.events_days)


def read_settings(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of ``path`` (or ``wanglou.toml`` in the data folder, when there) and of the environment.

    Raises ConfigError naming the file and line, or the variable.
    """
    env = os.environ if environment is None else environment
    found = path or Path(env.get(f"{PREFIX}DATA", "data")) / "wanglou.toml"
    if path is not None and not path.exists():
        raise ConfigError("there is no such settings file", path=path)
    document = read_toml(found) if found.exists() else Document({}, found)
    if isinstance(document.data.get("retention"), dict):
        _refuse_short_retention(document)
    merged, sources = _overlay(document.data, env)
    try:
        return build(Document(merged, document.path, document.lines), Settings)
    except ConfigError as err:
        if variable := sources.get(err.key):
            raise ConfigError(f"environment variable {variable}: {err.message}") from None
        raise


def _refuse_short_retention(document: Document) -> None:
    days = document.data["retention"].get("events_days", 190)
    if isinstance(days, int) and days < 190:
        raise document.error("logs and audit are kept at least 190 days: the law asks for six months", ("retention", "events_days"))


def _overlay(data: Mapping[str, Any], env: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """``data`` with the environment's values put in, and which variable gave which key."""
    merged: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()}
    sources: dict[str, str] = {}
    for variable, text in env.items():
        place = _place(variable)
        if place is None:
            continue
        value = text
        if place[-1].endswith("_file") and _field(place) is None:
            place, value = (*place[:-1], place[-1].removesuffix("_file")), _secret_file(variable, text)
        if _field(place) is None and len(place) == 1:
            continue
        target = merged
        for step in place[:-1]:
            target = target.setdefault(step, {})
        target[place[-1]] = value
        sources[".".join(place)] = variable
    return merged, sources


def _place(variable: str) -> tuple[str, ...] | None:
    if not variable.startswith(PREFIX) or not re.fullmatch(r"[A-Z0-9_]+", variable):
        return None
    return tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))


def _field(place: tuple[str, ...]) -> Any:
    model: Any = Settings
    for step in place:
        fields = getattr(model, "model_fields", {})
        if step not in fields:
            return None
        model = fields[step].annotation
    return model


def _secret_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as err:
        raise ConfigError(f"environment variable {variable}: {path} cannot be read: {err.strerror}") from err


def describe(model: type[BaseModel] = Settings, prefix: str = "") -> list[tuple[str, str, str]]:
    """(key, type, default) of every setting, for the documentation and its test."""
    rows: list[tuple[str, str, str]] = []
    for name, field in model.model_fields.items():
        annotation: Any = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            rows += describe(annotation, f"{prefix}{name}.")
        else:
            kind = getattr(annotation, "__name__", None) or str(annotation).replace("typing.", "")
            rows.append((prefix + name, kind, str(field.default)))
    return rows
