"""How the acts of playbooks get out: logins with checked host keys, and credentials whose every use is remembered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from collectors.network.cli import CliOptions, is_refusal, session
from collectors.network.snmp.access import Access
from collectors.network.snmp.collector import SnmpCollector, access_to
from collectors.network.snmp.thorough import PysnmpSession
from collectors.servers.sshlink import SshLink, approved_keys, shown_key, stranger
from core.errors import BadReply, ConfigError, Unreachable
from core.secrets import Secret, Secrets
from inventory.asset import Asset
from playbooks.capability import Agent, Ran, Shell, Terminal
from service.ansible import FOLDER, Login, play

USES: Final = ("act", "ssh")
CONNECT_S: Final = 10.0


class Remembering:
    """Credentials by name; what was opened is known afterwards."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self.used: list[Secret] = []

    def get(self, name: str) -> Secret:
        """The credential called ``name``; raises NotFound or ConfigError."""
        found = self._secrets.get(name)
        self.used.append(found)
        return found


class SshShell:
    """A login on one asset."""

    def __init__(self, link: SshLink, reach: ServiceReach) -> None:
        self._link, self._reach = link, reach

    def run(self, arguments: Sequence[str], *, stdin: str = "", timeout_s: float = 30.0) -> Ran:
        """Run an argument vector; raises DeviceError."""
        status, out, err = self._link.execute(arguments, stdin, min(timeout_s, self._reach.timeout_s))
        return Ran(status=status, out=out.decode("utf-8", "replace"), err=err.decode("utf-8", "replace"))


class CliTerminal:
    """The command line of one network device; a session of its own for each call, since devices end idle ones."""

    def __init__(self, asset: Asset, options: CliOptions, secret: Secret, reach: ServiceReach) -> None:
        self._asset, self._options, self._secret, self._reach = asset, options, secret, reach

    def show(self, command: str) -> str:
        """What the device prints; raises DeviceError."""
        with self._session() as device:
            return self._taken(str(device.send_command(command, read_timeout=self._reach.timeout_s)))

    def configure(self, lines: Sequence[str]) -> str:
        """Enter lines in configuration mode; raises DeviceError at the first that is refused."""
        with self._session() as device:
            said = str(device.send_config_set(list(lines), read_timeout=self._reach.timeout_s, cmd_verify=False))
        for line in said.splitlines():
            self._taken(line)
        return said

    def _session(self) -> AbstractContextManager[Any]:
        options = self._options
        keys = approved_keys(self._asset.address, options.port, options.host_key, options.known_hosts)
        if not keys:
            shown = shown_key(self._asset.id, self._asset.address, options.port, CONNECT_S)
            raise stranger(self._asset.id, self._asset.address, options.port, shown, keys)
        return session(self._asset, options, self._secret, keys, self._reach.timeout_s)

    def _taken(self, text: str) -> str:
        if is_refusal(text):
            raise BadReply(self._asset.id, f"{self._asset.address} refused: {' '.join(text.split())[:300]}")
        return text


class SnmpAgent:
    """The SNMP agent of one asset, by the thorough engine."""

    def __init__(self, access: Access) -> None:
        self._session = PysnmpSession(access)

    def get(self, oid: str) -> int | str | None:
        """One instance; raises DeviceError."""
        found = self._session.get([oid]).get(oid)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else found if isinstance(found, int | str) else None

    def set(self, oid: str, value: int | str) -> None:
        """Write one instance; raises DeviceError."""
        self._session.set(oid, value)

    def close(self) -> None:
        """Give the socket back."""
        self._session.close()


class ServiceReach:
    """The way out of one act, ended by ``close``."""

    def __init__(self, secrets: Secrets, asset: Asset | None, seconds: float, site: Path | None = None) -> None:
        self._site = site
        self._asset, self._end = asset, time.monotonic() + seconds
        self._remembering = Remembering(secrets)
        self._links: dict[str, SshLink] = {}
        self._agents: dict[str, SnmpAgent] = {}

    @property
    def secrets(self) -> Secrets:
        """Credentials by name."""
        return self._remembering

    @property
    def timeout_s(self) -> float:
        """Seconds left; raises Unreachable when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise Unreachable(self._asset.id if self._asset else "", "the time of this act is over")
        return left

    def shell(self, asset: Asset) -> Shell:
        """A login on ``asset`` with its credential for ``act``, else ``ssh``; port and approved host key are those of its collector ``ssh``."""
        link = self._links.get(asset.id)
        if link is None:
            link = self._links[asset.id] = self._connect(asset)
        return SshShell(link, self)

    def terminal(self, asset: Asset) -> Terminal:
        """The command line of ``asset`` with its credential for ``act``, else ``cli``; platform, port and host key are those of its collector ``cli``."""
        options = CliOptions.model_validate({"timeout_s": min(CONNECT_S, self.timeout_s), **asset.collect.get("cli", {"platform": ""})})
        name = next((asset.credentials[use] for use in ("act", "cli") if asset.credentials.get(use)), options.credential)
        if not options.platform or not name or not asset.address:
            raise ConfigError(
                "a playbook needs the asset's address, collector cli and a credential: credentials: {act: NAME}", key=f"assets.{asset.id}.collect.cli"
            )
        return CliTerminal(asset, options, self._remembering.get(name), self)

    def agent(self, asset: Asset) -> Agent:
        """The SNMP agent of ``asset`` with its credential for ``act``, else ``snmp_write``; port and version are those of its collector ``snmp``."""
        name = next((asset.credentials[use] for use in ("act", "snmp_write") if asset.credentials.get(use)), "")
        if not name or not asset.address:
            raise ConfigError(
                "a playbook needs the asset's address and a credential that may write: credentials: {snmp_write: NAME}",
                key=f"assets.{asset.id}.credentials.snmp_write",
            )
        if asset.id not in self._agents:
            options = SnmpCollector.Options.model_validate({**asset.collect.get("snmp", {}), "timeout_s": min(3.0, self.timeout_s)})
            self._agents[asset.id] = SnmpAgent(access_to(asset, options, self._remembering.get(name)))
        return self._agents[asset.id]

    def play(self, asset: Asset, file: str, sha256: str, variables: Mapping[str, Any], *, check: bool) -> Ran:
        """Run a file of the site's folder ``ansible/``; login and host key are those of ``shell``."""
        if self._site is None:
            raise ConfigError("there is no site folder to take Ansible playbooks from")
        options, secret = self._login(asset)
        port = int(options.get("port", 22))
        keys = approved_keys(asset.address, port, str(options.get("host_key", "")), str(options.get("known_hosts", "")))
        login = Login(asset, port, secret, [key.export_public_key().decode().strip() for key in keys])
        return play(login, self._site / FOLDER / file, sha256, variables, check=check, timeout_s=self.timeout_s)

    def _login(self, asset: Asset) -> tuple[Mapping[str, Any], Secret]:
        """Options of its collector ``ssh``, and its credential for ``act``, else ``ssh``; raises ConfigError."""
        options: Mapping[str, Any] = asset.collect.get("ssh", {})
        name = next((asset.credentials[use] for use in USES if asset.credentials.get(use)), str(options.get("credential", "")))
        if not name or not asset.address:
            raise ConfigError("a playbook needs the asset's address and a credential: credentials: {act: NAME}", key=f"assets.{asset.id}.credentials.act")
        return options, self._remembering.get(name)

    def _connect(self, asset: Asset) -> SshLink:
        options, secret = self._login(asset)
        return SshLink(
            asset.id,
            asset.address,
            int(options.get("port", 22)),
            secret,
            host_key=str(options.get("host_key", "")),
            known_hosts=str(options.get("known_hosts", "")),
            timeout_s=min(CONNECT_S, self.timeout_s),
        )

    def used(self) -> list[Secret]:
        """Every secret that was opened."""
        return list(self._remembering.used)

    def close(self) -> None:
        """End the logins."""
        for link in self._links.values():
            link.close()
        self._links.clear()
        for agent in self._agents.values():
            agent.close()
        self._agents.clear()
