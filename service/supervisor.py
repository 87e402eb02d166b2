"""``wanglou up``: starts the service and the console (and the simulated bureau), watches them, ends them together.

It is the independent process that notices when the service stands still: the service writes a heartbeat, and
when that is older than ``STALE_S`` the service is ended and started again, which is printed and audited at its return.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from core.errors import ConfigError
from core.settings import Settings
from service.children import Child

STALE_S = 90.0
READY_WITHIN_S = 240.0
END_WITHIN_S = 15.0
EXIT_CONFIG = 78  # sysexits EX_CONFIG: starting again would not help


class Supervisor:
    """One thread, one loop."""

    def __init__(
        self, settings: Settings, children: Mapping[str, Child], say: Callable[[str], None], look: Callable[[float], None], also: Sequence[str] = ()
    ) -> None:
        """``look``: asked all the time for what goes wrong unseen; ``also``: further addresses that must answer before all is ready."""
        self._settings, self._children, self._say, self._look, self._also = settings, children, say, look, also
        self._ending = False

    def run(self) -> int:
        """Run until SIGINT or SIGTERM; returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        try:
            for child in self._children.values():
                child.start()
            return self._watch() if self._wait_until_ready() else 1
        finally:
            self._stop_all()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _wait_until_ready(self) -> bool:
        """Wait for the console's answer and the service's first heartbeat; a child that refuses to start ends all."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._ending:
            for child in self._children.values():
                if not child.alive:
                    return self._give_up(f"{child.name} ended with status {child.status} before it was ready")
            if self._heartbeat() is not None and all(map(answers, (self._probe_url(), *self._also))):
                self._say(f"ready: {self.url}")
                return True
            if time.monotonic() > deadline:
                return self._give_up(f"not ready within {READY_WITHIN_S:.0f} s")
            time.sleep(0.2)
        return False

    def _give_up(self, why: str) -> bool:
        print(f"wanglou: {why}", file=sys.stderr)  # noqa: T201
        return False

    def _watch(self) -> int:
        while not self._ending:
            for child in self._children.values():
                if not child.alive and child.status == EXIT_CONFIG:
                    self._give_up(f"{child.name} cannot run with these settings")
                    return 1
                status = child.status
                if child.revive(time.monotonic()):
                    self._say(f"{child.name} ended with status {status} and was started again")
            self._end_what_stands_still()
            self._look(time.monotonic())
            time.sleep(0.5)
        return 0

    def _end_what_stands_still(self) -> None:
        service = self._children["service"]
        beat = self._heartbeat()
        if service.process is None or not service.alive or beat is None or beat.get("pid") != service.process.pid:
            return
        age = time.monotonic() - float(beat["monotonic"])
        if age > STALE_S:
            self._say(f"service has stood still for {age:.0f} s and is started again")
            service.process.kill()

    def _heartbeat(self) -> dict[str, float] | None:
        return read_heartbeat(self._settings.data)

    def _stop_all(self) -> None:
        deadline = time.monotonic() + END_WITHIN_S
        for child in reversed(list(self._children.values())):
            child.ask_to_end()
        for child in self._children.values():
            child.end(deadline)

    @property
    def url(self) -> str:
        """The console's address as a person types it."""
        scheme = "https" if self._settings.console.cert_file else "http"
        host = "127.0.0.1" if self._settings.host in ("0.0.0.0", "::") else self._settings.host  # noqa: S104
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self._settings.port}"

    def _probe_url(self) -> str:
        return f"{self.url}/healthz"


def heartbeat_path(data: Path) -> Path:
    """Where the service writes its heartbeat."""
    return data / "run" / "heartbeat.json"


def read_heartbeat(data: Path) -> dict[str, float] | None:
    """The service's last heartbeat (pid, monotonic), None when there is none."""
    try:
        found: dict[str, float] = json.loads(heartbeat_path(data).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def answers(url: str) -> bool:
    """Whether an HTTP server of ours answers with 200; its certificate is not the question here."""
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=2, context=context if url.startswith("https") else None) as answer:  # noqa: S310 - own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def refuse_taken_port(host: str, port: int) -> None:
    """Raise ConfigError when something listens there already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as err:
            raise ConfigError(
                f"port {port} on {host} cannot be used ({err.strerror}); choose another one, for instance WANGLOU_PORT={port + 1} ./start"
            ) from err
