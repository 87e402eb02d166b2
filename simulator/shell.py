"""The command line of a network device over SSH, as far as whoever reads its configuration needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import asyncssh

Family = Literal["huawei", "h3c", "cisco"]
PROMPTS: Final[Mapping[Family, str]] = {"huawei": "<{}>", "h3c": "<{}>", "cisco": "{}#"}
UNKNOWN: Final[Mapping[Family, str]] = {
    "huawei": "Error: Unrecognized command found at '^' position.",
    "h3c": " % Unrecognized command found at '^' position.",
    "cisco": "% Invalid input detected at '^' marker.",
}
SHOWS: Final[Mapping[str, str]] = {
    "display current-configuration": "running",
    "display saved-configuration": "startup",
    "show running-config": "running",
    "show startup-config": "startup",
}
QUIET: Final = ("screen-length", "terminal ", "enable")
USER: Final = "wanglou"
PASSWORD: Final = "simulated"  # noqa: S105 - of devices that exist on loopback alone


@dataclass(frozen=True, slots=True)
class Shell:
    """``text`` gives the configuration ("running", "startup") as it is now."""

    name: str
    family: Family
    text: Callable[[str], str]
    answers: Callable[[], bool] = lambda: True

    def answer(self, command: str) -> str | None:
        """What the device prints; None for a command that ends the session."""
        if command in ("quit", "exit", "logout"):
            return None
        if not command or command.startswith(QUIET):
            return ""
        return self.text(SHOWS[command]) if command in SHOWS else UNKNOWN[self.family]

    async def talk(self, process: Any) -> None:
        """One session: prompt, command, answer, until either side ends it."""
        if not self.answers():
            process.exit(1)
            return
        prompt = PROMPTS[self.family].format(self.name)
        process.stdout.write(f"\r\n{prompt}")
        async for line in process.stdin:
            said = self.answer(line.strip())
            if said is None:
                break
            process.stdout.write(
                said.rstrip("\n").replace("\n", "\r\n") + f"\r\n{prompt}"
            )  # lines that came at once were echoed before: a prompt needs its own
        process.exit(0)


def open_key(folder: Path) -> Any:
    """The host key of all devices, made at the first start."""
    path = folder / "ssh_host_key"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
    return asyncssh.read_private_key(path)


def shown_key(folder: Path) -> str:
    """Its public half, as a site approves it."""
    return str(open_key(folder).export_public_key().decode().strip())


class _Login(asyncssh.SSHServer):
    def begin_auth(self, _username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


async def serve_shell(host: str, port: int, key: Any, talk: Callable[[Any], Any], encoding: str | None = "utf-8") -> Any:
    """Listen; sessions are given to ``talk``. Raises OSError."""
    return await asyncssh.create_server(_Login, host, port, server_host_keys=[key], process_factory=talk, encoding=encoding, reuse_address=True)
