"""A Linux machine to act on: a real OpenSSH server whose sessions land in mount and network namespaces of their own.

In there ``/etc`` is a copy, ``/var/log``, ``/var/tmp``, ``/run`` and ``/srv`` are empty, and the packet filter is nobody else's; programs are the real ones.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.secrets import Secret
from inventory.asset import Asset
from tests.peers.program import program, running
from tests.peers.sshd import Sshd, sshd

PREPARE = """set -e
cp -a /etc "$1/etc"
mkdir -p "$1/empty"
mount --make-rprivate /
mount --bind "$1/etc" /etc
mkdir -p /var/lib/logrotate
for place in /var/log /var/lib/logrotate /var/tmp /run /srv /opt; do mount -t tmpfs -o mode=0755 tmpfs "$place"; done
mkdir -p /run/sshd /run/systemd/shutdown
ip link set lo up 2>/dev/null || true
touch "$1/ready"
exec sleep infinity
"""
INIT = """#!/bin/sh
# a service of the machine: a process that sleeps, or one that refuses to start
case "$1" in
  start) test ! -e /etc/demo.broken && start-stop-daemon --start --background --make-pidfile --pidfile /run/demo.pid --exec /bin/sleep -- 3600 ;;
  stop) start-stop-daemon --stop --oknodo --retry 2 --pidfile /run/demo.pid --remove-pidfile ;;
  restart) "$0" stop && "$0" start ;;
  status) test -e /run/demo.pid && kill -0 "$(cat /run/demo.pid)" ;;
  *) exit 2 ;;
esac
"""
RELOAD = """#!/bin/sh
test "$1" = reload && /usr/sbin/sshd -t && echo reloaded >> /run/sshd.reloads
"""


SHUTDOWN = """#!/bin/sh
# the machine of the tests announces, and never really goes down
case "$1" in
  -c) rm -f /run/systemd/shutdown/scheduled ;;
  -h) echo "$2" > /run/systemd/shutdown/scheduled ;;
esac
"""


ENTER = """#!/bin/sh
PATH={root}/bin:$PATH:/usr/sbin:/sbin
export PATH
exec nsenter --mount=/proc/{pid}/ns/mnt --net=/proc/{pid}/ns/net -- sh -c "$SSH_ORIGINAL_COMMAND"
"""


@dataclass(frozen=True)
class Machine:
    """Where its SSH server listens, the credential, and how to look inside without it."""

    sshd: Sshd
    pid: int
    root: Path

    @property
    def secret(self) -> Secret:
        """What it accepts."""
        return self.sshd.secret

    def asset(self, id: str = "host", facts: Mapping[str, str] | None = None, **more: object) -> Asset:
        """It, as the inventory knows it."""
        ssh = {"port": self.sshd.port, "host_key": self.sshd.host_key}
        known = {"init": "sysv", "sshd_service": "reloading", **(facts or {})}
        return Asset.model_validate({"id": id, "address": "127.0.0.1", "collect": {"ssh": ssh}, "credentials": {"act": "host"}, "facts": known, **more})

    def inside(self, *arguments: str, check: bool = True) -> str:
        """Run something in it, past the server."""
        return inside(self.pid, arguments, check=check)


def inside(pid: int, arguments: Sequence[str], *, check: bool = True) -> str:
    """Run something in the namespaces of a process."""
    vector = [program("nsenter"), f"--mount=/proc/{pid}/ns/mnt", f"--net=/proc/{pid}/ns/net", "--", *arguments]
    return subprocess.run(vector, check=check, capture_output=True, text=True, timeout=30).stdout


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """The machine; ends with the block."""
    if os.geteuid() != 0 or subprocess.run([program("unshare"), "--mount", "--net", "true"], check=False, capture_output=True).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("namespaces cannot be made here, and a machine to act on needs them")
        pytest.skip("namespaces cannot be made here")
    root = folder / "machine"
    root.mkdir()
    (root / "bin").mkdir()
    (root / "bin" / "shutdown").write_text(SHUTDOWN, encoding="ascii")
    (root / "bin" / "shutdown").chmod(0o755)
    arguments = [program("unshare"), "--mount", "--net", "sh", "-c", PREPARE, "sh", str(root)]
    with running(arguments, (root / "ready").exists, folder / "machine.log") as process:
        for name, text in (("demo", INIT), ("reloading", RELOAD)):
            script = root / "etc" / "init.d" / name
            script.write_text(text, encoding="ascii")
            script.chmod(0o755)
        enter = folder / "enter"
        enter.write_text(ENTER.format(root=root, pid=process.pid), encoding="ascii")
        enter.chmod(0o755)
        try:
            with sshd(folder, f"ForceCommand {enter}") as server:
                yield Machine(server, process.pid, root)
        finally:
            inside(process.pid, ["/etc/init.d/demo", "stop"], check=False)  # it is nobody's child any more
