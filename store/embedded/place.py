"""The data folder: fit to hold databases, and owned by one service at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from core.errors import ConfigError, StoreAway, StoreLocked

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "glusterfs",
        "lustre",
        "ncpfs",
    }
)


def prepare_folder(folder: Path) -> Path:
    """The resolved folder, made when missing; raises ConfigError (network file system) or StoreAway (read-only) with what to do."""
    place = folder.resolve()
    kind = file_system(place, _mounts())
    if kind in NETWORK_FILE_SYSTEMS:
        raise ConfigError(f"lies on a network file system ({kind}), where its databases could be damaged; choose a folder on a local disk", path=place)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (place / "state.lock").open("ab"):
            pass
    except OSError as err:
        raise StoreAway(
            f"nothing can be written to {place}: {err.strerror}. Make the folder writable for the account that runs Wanglou, or choose another one"
        ) from err
    return place


def file_system(place: Path, mounts: str) -> str:
    """The type of the file system that ``place`` lies on, by the text of /proc/mounts; "" when unknown."""
    found, length = "", -1
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        point = Path(parts[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if (place == point or point in place.parents) and len(point.parts) >= length:
            found, length = parts[2], len(point.parts)
    return found


def _mounts() -> str:
    with suppress(OSError):
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="replace")
    return ""


class ServiceLock:
    """write.lock: held as long as a service uses the folder; the operating system frees it when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreLocked with the process id of the holder."""
        self._path = folder / "write.lock"
        self._file: IO[str] = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = self._path.read_text(encoding="ascii").strip() or "unknown"
            self._file.close()
            raise StoreLocked(f"another service (process {holder}) already works in {folder}; stop it first, or choose another data folder") from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Let another service in."""
        self._file.close()
