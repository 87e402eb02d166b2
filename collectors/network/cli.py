"""Configurations of network devices over their command line (netmiko over SSH), as Snapshots ``running-config`` and ``startup-config``.

Secrets are blanked, and lines that change at every look (clocks, counters) are left out; what such a line says of who changed
the configuration last becomes an Event.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar, Final

from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException, NetmikoTimeoutException
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey
from paramiko.ssh_exception import BadHostKeyException, SSHException
from pydantic import Field

from collectors.base import Options, credential
from collectors.events.text import decoded
from collectors.network.bounded import bounded_link
from collectors.network.masking import masked
from collectors.servers.sshlink import approved_keys, shown_key, stranger
from core.errors import AuthRefused, BadReply, ConfigError, Unreachable
from core.records import Event, Record, Snapshot, fingerprint
from core.secrets import Secret, Secrets
from inventory.asset import Asset
from inventory.configuration.dialects import DIALECTS, PLATFORMS, is_whole, marked, told

# netmiko's name of the platform -> the command that shows the configuration
COMMANDS: Final[Mapping[str, str]] = {
    "cisco_ios": "show running-config",
    "cisco_xe": "show running-config",
    "cisco_nxos": "show running-config",
    "cisco_xr": "show running-config",
    "cisco_asa": "show running-config",
    "arista_eos": "show running-config",
    "ruijie_os": "show running-config",
    "zte_zxros": "show running-config",
    "huawei": "display current-configuration",
    "huawei_vrpv8": "display current-configuration",
    "hp_comware": "display current-configuration",
    "juniper_junos": "show configuration | display set",
    "fortinet": "show full-configuration",
    "hp_procurve": "show running-config",
    "aruba_os": "show running-config",
    "extreme_exos": "show configuration",
    "paloalto_panos": "show config running",
    "mikrotik_routeros": "/export",
    "hillstone_stoneos": "show configuration",
    "linux": "vtysh -c 'show running-config'",
}
# the command that shows what the device starts with; the others commit and have no second text
STARTUP: Final[Mapping[str, str]] = {
    "cisco_ios": "show startup-config",
    "cisco_xe": "show startup-config",
    "cisco_nxos": "show startup-config",
    "cisco_asa": "show startup-config",
    "arista_eos": "show startup-config",
    "ruijie_os": "show startup-config",
    "huawei": "display saved-configuration",
    "huawei_vrpv8": "display saved-configuration",
    "hp_comware": "display saved-configuration",
}
_CHANGING: Final = re.compile(
    r"^(?:!? ?(?:Last configuration (?:change|was)|NVRAM config last updated|Current configuration|ntp clock-period|!?Time:|Building configuration)"
    r"|!Running configuration last done|!Startup config saved|Using \d+ out of \d+ bytes|: (?:Saved|Written by)|Cryptochecksum:|#(?:conf_file_ver|buildno)="
    r"|## Last (?:commit|changed)|# (?:\w{3}/\d\d/\d{4}|\d{4}-\d\d-\d\d) .* by RouterOS)"
)
_STAMP: Final = re.compile(
    r"(?i)^[!#: ]*Last (?:configuration )?(?:change at|commit:|configuration was updated at|was updated at) ?(?P<when>.{8,60}?) by (?P<user>\S{1,64})"
)
_REFUSED: Final = re.compile(
    r"^\s*(?:% ?(?:Invalid|Incomplete|Unknown|Ambiguous|Unrecognized|Permission|Authorization|Can't)|Error: ?(?:Unrecognized|Too|Wrong|You)"
    r"|Command fail|Unknown action)"
)
MAX_CHARACTERS: Final = 8_000_000
MAX_BYTES: Final = 32 * 1024 * 1024
OLD: Final = timedelta(days=1)
BYTES: Final = "latin-1"  # every byte as it came: netmiko decodes piece by piece and drops what it cannot read, or what a piece cuts in two


class CliOptions(Options):
    """The platform (netmiko's name), the way in, and the command when the usual one will not do."""

    platform: str
    port: int = Field(default=22, ge=1, le=65535)
    credential: str = ""
    host_key: str = ""
    known_hosts: str = ""
    command: str = ""
    enable: bool = False
    startup: bool = True
    timeout_s: float = Field(default=20, gt=0, le=120)


class CliCollector:
    """One network device's configuration."""

    Options: ClassVar = CliOptions
    default_interval_s: ClassVar[float] = 3600.0

    def __init__(self, options: CliOptions, secrets: Secrets) -> None:
        if options.platform not in COMMANDS and not options.command:
            raise ConfigError(f"no command is known for {options.platform!r}; give one with command, or take one of: {', '.join(COMMANDS)}", key="platform")
        self._options, self._secrets = options, secrets
        self._has_startup, self._stamp = options.startup and options.platform in STARTUP, ""
        self.deadline_s = options.timeout_s * 6

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """The configurations; raises Unreachable, AuthRefused, HostKeyChanged or BadReply."""
        secret = credential(asset, "cli", self._options.credential, self._secrets)
        if not secret.username:
            raise ConfigError("the collector cli needs a credential with a username: credentials: {cli: NAME}", key=f"assets.{asset.id}.credentials.cli")
        options = self._options
        keys = approved_keys(asset.address, options.port, options.host_key, options.known_hosts)
        if not keys:
            raise stranger(asset.id, asset.address, options.port, shown_key(asset.id, asset.address, options.port, options.timeout_s), keys)
        running, startup = self._show(asset, secret, keys)
        yield self._snapshot(asset, "running-config", running, now)
        yield from self._author(asset, running, now)
        if startup and not is_refusal(startup):
            yield self._snapshot(asset, "startup-config", startup, now)
        elif startup:
            self._has_startup = False  # this device has no such command

    def _snapshot(self, asset: Asset, kind: str, text: str, now: datetime) -> Snapshot:
        body = cleaned(text)
        if not body.strip() or is_refusal(body):
            raise BadReply(asset.id, f"{asset.address}: no configuration came back: {_first_line_of(body) or 'nothing'}")
        own = told(body)
        if own and DIALECTS[own].last and PLATFORMS.get(self._options.platform) == own and not is_whole(body, DIALECTS[own]):
            raise BadReply(asset.id, f"{asset.address}: the {kind} does not end with {DIALECTS[own].last!r}; it was cut off and is not kept")
        return Snapshot(time=now, asset=asset.id, kind=kind, body=marked(body))

    def _author(self, asset: Asset, text: str, now: datetime) -> Iterator[Event]:
        """Who changed it last, when the device writes that beside its configuration and it is new."""
        stamp = next((found for line in text.splitlines()[:30] if (found := _STAMP.match(line.strip()))), None)
        if stamp is None or stamp[0] == self._stamp:
            return
        self._stamp, time = stamp[0], _time_of(stamp["when"], now)
        if now - time > OLD:
            return
        fields = {"event.category": "configuration", "event.type": "change", "user.name": stamp["user"]}
        identity = fingerprint("config_stamp", asset.id, {"stamp": stamp[0]})
        yield Event(id=identity, time=time, asset=asset.id, kind="config_stamp", message=stamp[0].strip(" !#:"), fields=fields)

    def close(self) -> None:
        """Nothing is held open."""

    def _show(self, asset: Asset, secret: Secret, keys: list[Any]) -> tuple[str, str]:
        """(running, startup) as the device prints them; startup is empty when it is not asked for."""
        options = self._options
        command = options.command or COMMANDS[options.platform]
        with session(asset, options, secret, keys, self.deadline_s, BYTES) as device:
            # the prompt alone on the last line: a description that holds the name of the device ends nothing
            prompt = rf"(?:^|\n){re.escape(device.find_prompt())}\s*$"
            running = str(device.send_command(command, expect_string=prompt, read_timeout=options.timeout_s * 2))
            startup = str(device.send_command(STARTUP[options.platform], expect_string=prompt, read_timeout=options.timeout_s * 2)) if self._has_startup else ""
        for text in (running, startup):
            if len(text) > MAX_CHARACTERS:
                raise BadReply(asset.id, f"{asset.address}: the configuration has more than {MAX_CHARACTERS:,} characters; it is not kept")
        return _in_its_charset(running), _in_its_charset(startup)


@contextmanager
def session(asset: Asset, options: CliOptions, secret: Secret, keys: list[Any], deadline_s: float, charset: str = "utf-8") -> Iterator[Any]:
    """A netmiko session whose host key is one of ``keys``, hung up at the deadline; what goes wrong in it is raised as DeviceError."""
    try:
        with (
            NamedTemporaryFile("w", encoding="ascii", prefix="known_hosts-") as known,
            bounded_link(asset.address, options.port, options.timeout_s, deadline_s, MAX_BYTES) as link,
        ):
            known.write(_known_hosts(asset.address, options.port, keys))
            known.flush()
            with ConnectHandler(**_parameters(asset.address, options, secret, known.name), sock=link, encoding=charset) as device:
                if options.enable and not device.check_enable_mode():
                    device.enable()
                yield device
    except NetmikoAuthenticationException as err:
        raise AuthRefused(asset.id, f"{asset.address}: refused the login of {secret.username!r}") from err
    except (NetmikoTimeoutException, OSError) as err:
        if any(isinstance(cause, BadHostKeyException) for cause in _causes(err)):
            shown = shown_key(asset.id, asset.address, options.port, options.timeout_s)
            raise stranger(asset.id, asset.address, options.port, shown, keys) from err
        raise Unreachable(asset.id, f"{asset.address}: {_first_line(err)}") from err
    except (NetmikoBaseException, SSHException, ValueError, EOFError) as err:
        raise BadReply(asset.id, f"{asset.address}: {_first_line(err)}") from err


def _causes(err: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = err
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _first_line(err: Exception) -> str:
    return _first_line_of(str(err)) or type(err).__name__


def _known_hosts(host: str, port: int, keys: list[Any]) -> str:
    name = host if port == 22 else f"[{host}]:{port}"
    return "".join(f"{name} {key.export_public_key().decode().strip()}\n" for key in keys)


def _parameters(host: str, options: CliOptions, secret: Secret, known_hosts: str) -> dict[str, Any]:
    key = _private_key(secret) if secret.key else None
    return {
        "device_type": options.platform,
        "host": host,
        "port": options.port,
        "username": secret.username,
        "password": None if key else secret.password,
        "pkey": key,
        "secret": secret.auth_key or secret.password,
        "ssh_strict": True,
        "alt_host_keys": True,
        "alt_key_file": known_hosts,
        "conn_timeout": options.timeout_s,
        "auth_timeout": options.timeout_s,
        "banner_timeout": options.timeout_s,
        "read_timeout_override": options.timeout_s * 2,
    }


def _private_key(secret: Secret) -> PKey:
    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            return kind.from_private_key(io.StringIO(secret.key), secret.passphrase or None)
        except (SSHException, ValueError):
            continue  # of another kind
    raise ConfigError("the private key of the credential cannot be read, or its passphrase is wrong", key="credential")


def _in_its_charset(text: str) -> str:
    """Each line in the charset that it is written in: devices keep what was typed, UTF-8 by one person and GB 18030 by another."""
    return "\n".join(line if line.isascii() else decoded(line.encode(BYTES)) for line in text.split("\n"))


def _time_of(text: str, now: datetime) -> datetime:
    """The time of a stamp when its zone is plain, else now."""
    for form in ("%Y-%m-%d %H:%M:%S%z", "%H:%M:%S %z %a %b %d %Y", "%Y-%m-%d %H:%M:%S %z"):
        try:
            return min(datetime.strptime(text.strip().replace(" UTC", " +0000"), form).astimezone(UTC), now)
        except ValueError:
            continue
    return now


def is_refusal(text: str) -> bool:
    """Whether a short answer is the device's complaint about the command."""
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) < 6 and any(_REFUSED.match(line) for line in lines)


def _first_line_of(text: str) -> str:
    return next((line.strip()[:120] for line in text.splitlines() if line.strip()), "")


def cleaned(text: str) -> str:
    """Without secrets and without lines that change at every look."""
    lines = (line.rstrip() for line in text.replace("\r", "").split("\n"))
    return "\n".join(masked([line for line in lines if not _CHANGING.match(line)])).strip("\n") + "\n"
