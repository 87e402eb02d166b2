"""One Ansible playbook of the site on one asset, by the installed program ``ansible-playbook``: a process of its own, argument list, nothing inherited.

Ansible is called, not imported: it stands under another licence. Key, known host keys and inventory lie in a folder that only this process reads and that is
gone afterwards. Values are handed over as data that Ansible does not take for templates.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from core.errors import ConfigError, Unreachable
from core.secrets import Secret
from inventory.asset import Asset
from playbooks.capability import Ran

PROGRAM: Final = "ansible-playbook"
FOLDER: Final = "ansible"
MOST: Final = 1024 * 1024


@dataclass(frozen=True)
class Login:
    """Where to, and how: ``keys`` are lines of approved host keys ("ssh-ed25519 AAAA...")."""

    asset: Asset
    port: int
    secret: Secret
    keys: Sequence[str]


def play(login: Login, file: Path, digest: str, variables: Mapping[str, Any], *, check: bool, timeout_s: float) -> Ran:
    """Run it (``check``: change nothing, say what would change); raises ConfigError when it cannot begin, Unreachable when time is over."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise ConfigError(f"the program {PROGRAM} is not installed on the machine of the service")
    if not login.secret.key or login.secret.passphrase:
        raise ConfigError(f"{PROGRAM} logs in with a private key without passphrase: give the asset such a credential for act")
    if not login.keys:
        raise ConfigError("no host key is approved", key=f"assets.{login.asset.id}.collect.ssh.host_key")
    _unchanged(file, digest)
    with TemporaryDirectory(prefix="wanglou-ansible-") as name:
        folder = Path(name)
        written = _write(folder, login, variables)
        become = ["--become"] if login.asset.facts.get("act_sudo") == "yes" else []
        arguments = [program, *written, *become, *(["--check"] if check else []), "--", str(file)]
        return _run(arguments, folder, login, timeout_s)


def _unchanged(file: Path, digest: str) -> None:
    try:
        found = sha256(file.read_bytes()).hexdigest()
    except OSError as err:
        raise ConfigError(f"cannot be read: {err.strerror}", path=file) from None
    if found != digest:
        raise ConfigError(f"is not the file that was approved: its SHA-256 is {found}", path=file)


def _write(folder: Path, login: Login, variables: Mapping[str, Any]) -> list[str]:
    host: dict[str, Any] = {"ansible_host": login.asset.address, "ansible_port": login.port, "ansible_user": login.secret.username}
    if python := login.asset.facts.get("python", ""):
        host["ansible_python_interpreter"] = python
    _private(folder / "inventory.yml", json.dumps({"all": {"hosts": {"target": host}}}))
    _private(folder / "ansible.cfg", "[defaults]\n")  # none of the user's or the machine's own
    _private(folder / "key", login.secret.key.rstrip("\n") + "\n")
    _private(folder / "known_hosts", "".join(f"[{login.asset.address}]:{login.port} {key}\n{login.asset.address} {key}\n" for key in login.keys))
    _private(folder / "vars.yml", "".join(f"{name}: {_data(value)}\n" for name, value in variables.items()) or "{}\n")
    return ["--inventory", f"{folder}/inventory.yml", "--limit", "target", "--private-key", f"{folder}/key", "--extra-vars", f"@{folder}/vars.yml"]


def _data(value: Any) -> str:
    """A value as YAML; a text is marked so that it is never a template."""
    return f"!unsafe {json.dumps(value)}" if isinstance(value, str) else json.dumps(value)


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _run(arguments: Sequence[str], folder: Path, login: Login, timeout_s: float) -> Ran:
    ssh = f"-F none -o UserKnownHostsFile={folder}/known_hosts -o GlobalKnownHostsFile=/dev/null -o StrictHostKeyChecking=yes -o ControlMaster=no"
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_SSH_ARGS": ssh,
        "ANSIBLE_TIMEOUT": str(max(1, min(10, int(timeout_s)))),
    }
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=folder, start_new_session=True)
        try:
            status = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Unreachable(login.asset.id, f"{PROGRAM} did not end within {timeout_s:.0f} s") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # what it left behind in its own session
            child.wait()
    return Ran(status=status, out=_read(folder / "out"), err=_read(folder / "err"))


def _read(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MOST).decode("utf-8", "replace")
