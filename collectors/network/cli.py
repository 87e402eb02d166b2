"""The running configuration of network devices over their command line (netmiko over SSH), as Snapshot ``running-config``.

Passwords and keys in the text are blanked, and lines that change at every look (clocks, counters) are left out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from tempfile import NamedTemporaryFile
from typing import Any, ClassVar, Final

from netmiko import ConnectHandler
from netmiko.exceptions import NetmikoAuthenticationException, NetmikoBaseException, NetmikoTimeoutException
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey
from paramiko.ssh_exception import BadHostKeyException, SSHException
from pydantic import Field

from collectors.base import Options, credential
from collectors.servers.sshlink import approved_keys, shown_key, stranger
from core.errors import AuthRefused, BadReply, ConfigError, Unreachable
from core.records import Event, Record, Snapshot, fingerprint
from core.secrets import Secret, Secrets
from inventory.asset import Asset

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
    "linux": "vtysh -c 'show running-config'",
}
_CHANGING: Final = re.compile(
    r"^(?:!? ?(?:Last configuration change|NVRAM config last updated|Current configuration|ntp clock-period|!Time:|Building configuration)|# \w{3}/\d\d/\d{4})"
)
_SECRET: Final = re.compile(
    r"(?P<what>\b(?:password|secret|community|key-string|pre-shared-key|authentication-key|auth-password|priv-password|md5|cipher|irreversible-cipher|sha2?|hash)\b"
    r"(?: (?:simple|cipher|irreversible-cipher|plain|encrypted|\d{1,2}|read|write|auth|priv))*)(?P<gap> +)(?P<value>\"[^\"]*\"|\S+)",
    re.IGNORECASE,
)
MAX_CHARACTERS: Final = 8_000_000


class CliOptions(Options):
    """The platform (netmiko's name), the way in, and the command when the usual one will not do."""

    platform: str
    port: int = Field(default=22, ge=1, le=65535)
    credential: str = ""
    host_key: str = ""
    known_hosts: str = ""
    command: str = ""
    enable: bool = False
    timeout_s: float = Field(default=20, gt=0, le=120)


class CliCollector:
    """One network device's configuration."""

    Options: ClassVar = CliOptions
    default_interval_s: ClassVar[float] = 3600.0

    def __init__(self, options: CliOptions, secrets: Secrets) -> None:
        if options.platform not in COMMANDS and not options.command:
            raise ConfigError(f"no command is known for {options.platform!r}; give one with command, or take one of: {', '.join(COMMANDS)}", key="platform")
        self._options, self._secrets = options, secrets
        self._last = ""
        self.deadline_s = options.timeout_s * 4

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """The configuration; raises Unreachable, AuthRefused, HostKeyChanged or BadReply."""
        secret = credential(asset, "cli", self._options.credential, self._secrets)
        if not secret.username:
            raise ConfigError("the collector cli needs a credential with a username: credentials: {cli: NAME}", key=f"assets.{asset.id}.credentials.cli")
        options = self._options
        keys = approved_keys(asset.address, options.port, options.host_key, options.known_hosts)
        if not keys:
            raise stranger(asset.id, asset.address, options.port, shown_key(asset.id, asset.address, options.port, options.timeout_s), keys)
        text = cleaned(self._show(asset, secret, keys))
        if not text.strip():
            raise BadReply(asset.id, f"{asset.address}: the configuration came back empty")
        yield Snapshot(time=now, asset=asset.id, kind="running-config", body=text)
        if self._last not in ("", text):
            identity = fingerprint("config_changed", asset.id, {"kind": "running-config", "time": now.isoformat()})
            fields = {"event.category": "configuration", "event.type": "change", "snapshot.kind": "running-config"}
            yield Event(id=identity, time=now, asset=asset.id, kind="config_changed", message="the running configuration changed", fields=fields)
        self._last = text

    def close(self) -> None:
        """Nothing is held open."""

    def _show(self, asset: Asset, secret: Secret, keys: list[Any]) -> str:
        options = self._options
        command = options.command or COMMANDS[options.platform]
        try:
            with NamedTemporaryFile("w", encoding="ascii", prefix="known_hosts-") as known:
                known.write(_known_hosts(asset.address, options.port, keys))
                known.flush()
                with ConnectHandler(**_parameters(asset.address, options, secret, known.name)) as link:
                    if options.enable and not link.check_enable_mode():
                        link.enable()
                    return str(link.send_command(command, read_timeout=options.timeout_s * 2))[:MAX_CHARACTERS]
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
    return next((line.strip() for line in str(err).splitlines() if line.strip()), type(err).__name__)


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
    }


def _private_key(secret: Secret) -> PKey:
    for kind in (Ed25519Key, ECDSAKey, RSAKey):
        try:
            return kind.from_private_key(io.StringIO(secret.key), secret.passphrase or None)
        except (SSHException, ValueError):
            continue  # of another kind
    raise ConfigError("the private key of the credential cannot be read, or its passphrase is wrong", key="credential")


def cleaned(text: str) -> str:
    """Without secrets and without lines that change at every look."""
    lines = (line.rstrip() for line in text.replace("\r", "").splitlines())
    kept = (_SECRET.sub(lambda found: f"{found['what']}{found['gap']}***", line) for line in lines if not _CHANGING.match(line))
    return "\n".join(kept).strip("\n") + "\n"
