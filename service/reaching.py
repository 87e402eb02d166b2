"""How the acts of playbooks get out: logins with checked host keys, and credentials whose every use is remembered."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from collectors.servers.sshlink import SshLink
from core.errors import ConfigError, Unreachable
from core.secrets import Secret, Secrets
from inventory.asset import Asset
from playbooks.capability import Ran, Shell

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


class ServiceReach:
    """The way out of one act, ended by ``close``."""

    def __init__(self, secrets: Secrets, asset: Asset | None, seconds: float) -> None:
        self._asset, self._end = asset, time.monotonic() + seconds
        self._remembering = Remembering(secrets)
        self._links: dict[str, SshLink] = {}

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

    def _connect(self, asset: Asset) -> SshLink:
        options: Mapping[str, Any] = asset.collect.get("ssh", {})
        name = next((asset.credentials[use] for use in USES if asset.credentials.get(use)), str(options.get("credential", "")))
        if not name or not asset.address:
            raise ConfigError("a playbook needs the asset's address and a credential: credentials: {act: NAME}", key=f"assets.{asset.id}.credentials.act")
        return SshLink(
            asset.id,
            asset.address,
            int(options.get("port", 22)),
            self._remembering.get(name),
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
