"""A real FRR router on loopback: zebra with its own sockets, and vtysh behind an OpenSSH server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.peers.program import program, running
from tests.peers.sshd import Sshd, sshd

# no addresses and no routes: nothing here changes the network of this machine
CONFIG = """hostname r1
password zebra-secret
log file /dev/null
ip prefix-list office seq 5 permit 192.0.2.0/24
!
"""


@contextmanager
def frr(folder: Path) -> Iterator[Sshd]:
    """The SSH server whose users land in vtysh."""
    zebra, vtysh = program("zebra"), program("vtysh")
    # zebra gives up root for a user of its own, who cannot enter the folders of pytest
    with TemporaryDirectory(prefix="frr-") as place:
        run = Path(place)
        run.chmod(0o755)
        (run / "zebra.conf").write_text(CONFIG, encoding="ascii")
        (run / "vtysh.conf").write_text("", encoding="ascii")
        if os.geteuid() == 0:
            for path in (run, run / "zebra.conf"):
                shutil.chown(path, "frr", "frr")
        arguments = [zebra, "-f", str(run / "zebra.conf"), "-i", str(run / "zebra.pid"), "-z", str(run / "zserv.api"), "--vty_socket", place, "-P", "0"]
        command = f"ForceCommand {vtysh} --vty_socket {run} --config_dir {run}"
        with running(arguments, (run / "zebra.vty").exists, folder / "zebra.log"), sshd(folder, command) as found:
            yield found
