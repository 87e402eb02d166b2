"""One SSH connection to a host, kept between polls; the host key is checked, errors are translated."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncssh
from pydantic import Field

from collectors.base import Options, credential
from collectors.loop import wait
from core.errors import AuthRefused, BadReply, ConfigError, DeviceError, HostKeyChanged, Unreachable
from core.secrets import Secret, Secrets
from inventory.asset import Asset

MAX_OUTPUT: Final = 64 * 1024 * 1024
KEEPALIVE_S: Final = 30


class LinkOptions(Options):
    """How a server is reached by SSH."""

    port: int = Field(default=22, ge=1, le=65535)
    credential: str = ""
    host_key: str = ""
    known_hosts: str = ""
    timeout_s: float = Field(default=10, gt=0, le=60)


class Line:
    """The one connection that a collector keeps; made anew when the address of its asset changes. ``use`` is the collector's name."""

    def __init__(self, use: str, options: LinkOptions, secrets: Secrets) -> None:
        self._use, self._options, self._secrets = use, options, secrets
        self._address = ""
        self._link: SshLink | None = None

    def aim(self, asset: Asset) -> None:
        """Speak to this asset's address from now on; connects when something is run. Raises ConfigError without an account."""
        if self._link is not None and self._address == asset.address:
            return
        self.close()
        options, use = self._options, self._use
        secret = credential(asset, use, options.credential, self._secrets)
        if not secret.username:
            where = f"assets.{asset.id}.credentials.{use}"
            raise ConfigError(f"the collector {use} needs a credential with a username: credentials: {{{use}: NAME}}", key=where)
        self._address = asset.address
        key, hosts = options.host_key, options.known_hosts
        self._link = SshLink(asset.id, asset.address, options.port, secret, host_key=key, known_hosts=hosts, timeout_s=options.timeout_s)

    def run(self, command: str, script: str, polls: float = 1) -> bytes:
        """What ``command`` prints when it is fed ``script``, within ``polls`` times the time-out of the options; raises DeviceError."""
        if self._link is None:
            raise AssertionError("collect aims before it asks")
        return self._link.run(command, script, self._options.timeout_s * polls)

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._link is not None:
            self._link.close()
            self._link = None


class SshLink:
    """``host_key`` is the approved key ("ssh-ed25519 AAAA..."); without it the host must stand in ``known_hosts``."""

    def __init__(self, asset: str, host: str, port: int, secret: Secret, *, host_key: str = "", known_hosts: str = "", timeout_s: float = 10.0) -> None:
        self._asset, self._host, self._port, self._secret, self._timeout_s = asset, host, port, secret, timeout_s
        self._approved = approved_keys(host, port, host_key, known_hosts)
        self._link: Any = None

    def run(self, command: str, script: str, timeout_s: float) -> bytes:
        """What ``command`` prints when it is fed ``script``; raises DeviceError. Connects when there is no connection."""
        if self._link is None:
            self._connect()
        try:
            return wait(self._run(command, script), timeout_s)
        except (asyncssh.Error, OSError) as err:
            self.close()
            raise self._translated(err) from err

    def execute(self, arguments: Sequence[str], text: str, timeout_s: float) -> tuple[int, bytes, bytes]:
        """Run an argument vector, fed ``text``: status, what it printed, what it complained; raises DeviceError, also when time is over."""
        if self._link is None:
            self._connect()
        try:
            return wait(self._execute(shlex.join(arguments), text), timeout_s)
        except (asyncssh.Error, OSError) as err:
            self.close()
            raise self._translated(err) from err

    def close(self) -> None:
        """End the connection, if there is one."""
        link, self._link = self._link, None
        if link is not None:
            asyncio.run_coroutine_threadsafe(_abort(link), link._loop)  # noqa: SLF001 - the connection's own loop

    def _connect(self) -> None:
        client = _Client(self._approved)
        try:
            self._link = wait(self._open(client), self._timeout_s)
        except asyncssh.HostKeyNotVerifiable as err:
            raise stranger(self._asset, self._host, self._port, client.shown, self._approved) from err
        except (asyncssh.Error, OSError) as err:
            raise self._translated(err) from err
        except (ValueError, asyncssh.KeyImportError) as err:
            raise ConfigError(f"the private key of the credential for {self._host} cannot be read: {err}") from None

    async def _open(self, client: _Client) -> Any:
        secret = self._secret
        keys = [asyncssh.import_private_key(secret.key, secret.passphrase or None)] if secret.key else None
        options = asyncssh.SSHClientConnectionOptions(
            username=secret.username,
            password=secret.password or None,
            client_keys=keys,
            agent_path=None,
            config=None,
            known_hosts=([], [], []),  # nothing is trusted before our own look at the key
            server_host_key_algs=sorted({alg for key in self._approved for alg in _algorithms(key)}) or "default",
            keepalive_interval=KEEPALIVE_S,
            connect_timeout=self._timeout_s,
            login_timeout=self._timeout_s,
        )
        link, _ = await asyncssh.create_connection(lambda: client, self._host, self._port, options=options)
        return link

    async def _run(self, command: str, script: str) -> bytes:
        async with self._link.create_process(command, encoding=None, stderr=asyncssh.DEVNULL) as process:
            process.stdin.write(script.encode())
            process.stdin.write_eof()
            printed = await self._limited(process.stdout)
            await process.wait()
            if process.exit_status and not printed:
                raise AuthRefused(self._asset, f"{self._host}: {command!r} ended with status {process.exit_status}; may this user run it?")
            return printed

    async def _execute(self, command: str, text: str) -> tuple[int, bytes, bytes]:
        async with self._link.create_process(command, encoding=None) as process:
            process.stdin.write(text.encode())
            process.stdin.write_eof()
            out, err = await asyncio.gather(self._limited(process.stdout), self._limited(process.stderr))
            await process.wait()
            return process.exit_status if process.exit_status is not None else -1, out, err

    async def _limited(self, stream: Any) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while piece := await stream.read(65536):
            size += len(piece)
            if size > MAX_OUTPUT:
                raise BadReply(self._asset, f"{self._host} printed more than {MAX_OUTPUT:,} bytes")
            pieces.append(piece)
        return b"".join(pieces)

    def _translated(self, err: Exception) -> DeviceError:
        place = f"{self._host}:{self._port}"
        if isinstance(err, DeviceError):
            return err
        if isinstance(err, asyncssh.PermissionDenied):
            return AuthRefused(self._asset, f"{place} refused the login of {self._secret.username!r}")
        if isinstance(err, TimeoutError):
            return Unreachable(self._asset, f"{place}: no answer in time")
        if isinstance(err, asyncssh.ConnectionLost | asyncssh.ChannelOpenError | OSError):
            return Unreachable(self._asset, f"{place}: {err}")
        return BadReply(self._asset, f"{place}: {err}")


class _Client(asyncssh.SSHClient):
    def __init__(self, approved: list[Any]) -> None:
        self._approved = approved
        self.shown: Any = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: Any) -> bool:  # noqa: ARG002 - given by the library
        """Whether this very key was approved."""
        self.shown = key
        return any(key.public_data == approved.public_data for approved in self._approved)


def approved_keys(host: str, port: int, host_key: str, known_hosts: str) -> list[Any]:
    """The keys that ``host`` may show: the given one, else those of the file (default: the user's own known_hosts)."""
    try:
        if host_key:
            return [asyncssh.import_public_key(host_key)]
        path = Path(known_hosts or "~/.ssh/known_hosts").expanduser()
        return list(asyncssh.read_known_hosts(str(path)).match(host, "", port)[0]) if path.exists() else []
    except (asyncssh.KeyImportError, ValueError, OSError) as err:
        raise ConfigError(f"the approved host key cannot be read: {err}", key="host_key" if host_key else "known_hosts") from None


def stranger(asset: str, host: str, port: int, shown: Any, approved: list[Any]) -> DeviceError:
    """The error for a host that shows a key that was not approved."""
    if shown is None:
        return BadReply(asset, f"{host}:{port} showed no host key that can be checked")
    digest = shown.get_fingerprint()
    if approved:
        return HostKeyChanged(asset, f"{host}:{port} shows another host key than the approved one: {digest}. Reinstalled, or an attack")
    line = shown.export_public_key().decode().strip()
    return AuthRefused(asset, f"{host}:{port} is not known; when {digest} is its key, approve it with the option host_key: {line!r}")


def shown_key(asset: str, host: str, port: int, timeout_s: float) -> Any:
    """The key that a host shows, nothing else said to it; raises Unreachable."""
    try:
        return wait(asyncssh.get_server_host_key(host, port, config=None), timeout_s)
    except (asyncssh.Error, OSError) as err:
        raise Unreachable(asset, f"{host}:{port}: {err or 'no answer in time'}") from err


def _algorithms(key: Any) -> list[str]:
    name = key.get_algorithm()
    return ["rsa-sha2-512", "rsa-sha2-256"] if name == "ssh-rsa" else [name]


async def _abort(link: Any) -> None:
    link.abort()
