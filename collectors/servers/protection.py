"""What protects the data and the start of a Linux server: encrypted volumes, trusted boot, watched files, the floor of TLS. docs/collectors.md says the form.

Each text is written here, so that no language of the system matters. Nothing is changed on the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from collectors.servers.machine import Machine

_PAIR: Final = re.compile(r'(\w+)="([^"]*)"')
_PLAIN_BY_NEED: Final = ("/boot", "/efi")
"""What starts before anything can be decrypted."""

Device = Mapping[str, str]


def _written(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}={value}\n" for name, value in pairs)


def storage(machine: Machine) -> str | None:
    """Each mounted block device and swap area: use (mount point or ``swap``), device, whether this machine encrypts it (``yes``, ``no``, ``memory``).

    None where lsblk does not see what the root lies on.
    """
    text = machine.run("lsblk", "-P", "-o", "NAME,KNAME,PKNAME,TYPE,MOUNTPOINT")
    if text is None:
        return None
    devices: list[Device] = [dict(_PAIR.findall(line)) for line in text.splitlines()]
    mounted = {one["MOUNTPOINT"]: one["KNAME"] for one in devices if one.get("MOUNTPOINT", "").startswith("/")}
    if "/" not in mounted:
        return None  # in a container, on ZFS or over the network: what lies below is not seen
    uses = [(place, name) for place, name in mounted.items() if not place.startswith(_PLAIN_BY_NEED)]
    uses += [("swap", _swap_on(line.split()[0], mounted)) for line in (machine.read("/proc/swaps") or "").splitlines()[1:]]
    return "".join(f"{use}\t{name}\t{_encrypted(name, devices)}\n" for use, name in sorted(uses))


def _swap_on(area: str, mounted: Mapping[str, str]) -> str:
    """The device of a swap area, which may be a file."""
    if area.startswith("/dev/"):
        return area.removeprefix("/dev/")
    folders = (str(folder) for folder in PurePosixPath(area).parents)
    return next((mounted[folder] for folder in folders if folder in mounted), area)


def _encrypted(name: str, devices: Iterable[Device], depth: int = 0) -> str:
    """Whether a device, or everything that it lies on, is decrypted by the kernel (dm-crypt)."""
    if name.startswith("zram"):
        return "memory"
    mine = [one for one in devices if name in (one.get("KNAME"), one.get("NAME"))]
    if any(one.get("TYPE") == "crypt" for one in mine):
        return "yes"
    below = [one["PKNAME"] for one in mine if one.get("PKNAME")]
    return "yes" if below and depth < 10 and all(_encrypted(one, devices, depth + 1) == "yes" for one in below) else "no"


def trusted_boot(machine: Machine) -> str:
    """Root of trust (TPM or TCM), verified start and the kernel's measurements (IMA; ``unknown`` when we may not see)."""
    chips = [path for pattern in ("/sys/class/tpm/*/dev", "/sys/class/tcm/*/dev", "/sys/class/misc/tcm*/dev") for path in machine.files(pattern)]
    measured = (machine.read("/sys/kernel/security/ima/runtime_measurements_count") or "unknown").strip()
    return _written((("chip", "yes" if chips else "no"), ("secure_boot", _secure_boot(machine)), ("measured", measured)))


def _secure_boot(machine: Machine) -> str:
    """By the firmware's variable, whose last byte says it (UEFI 2.10, 3.3); ``none`` without UEFI."""
    if not machine.files("/sys/firmware/efi/fw_platform_size"):
        return "none"
    values = [machine.read(path) for path in machine.files("/sys/firmware/efi/efivars/SecureBoot-*")]
    return ("on" if values[0].endswith("\x01") else "off") if values and values[0] else "unknown"


_AIDE: Final = ("/etc/aide/aide.conf", "/etc/aide.conf")
_AIDE_DATABASES: Final = ("/var/lib/aide/aide.db", "/var/lib/aide/aide.db.gz")


def integrity(machine: Machine) -> str | None:
    """Who watches files: AIDE with the time of its database and of its last run, Wazuh with its syscheck. None when we may not look everywhere."""
    if machine.read("/etc/shadow") is None:
        return None
    has_aide = any(machine.read(path) is not None for path in _AIDE)
    wazuh = machine.read("/var/ossec/etc/ossec.conf")
    tools = [name for name, is_there in (("aide", has_aide), ("wazuh", wazuh is not None)) if is_there]
    pairs = [("tool", ",".join(tools) or "none"), ("wazuh_watches", _syscheck(wazuh or ""))]
    for name, paths in (("aide_database", _AIDE_DATABASES), ("aide_run", machine.files("/var/log/aide/*.log"))):
        times = [time for time in map(machine.modified, paths) if time is not None]
        pairs += [(name, datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds"))] if has_aide and times else []
    return _written(pairs)


def _syscheck(configuration: str) -> str:
    blocks = re.findall(r"<syscheck>(.*?)</syscheck>", re.sub(r"<!--.*?-->", "", configuration, flags=re.DOTALL), re.DOTALL)
    off = [block for block in blocks if re.search(r"<disabled>\s*yes\s*</disabled>", block)]
    return "yes" if len(blocks) > len(off) else "no"


def crypto_policy(machine: Machine) -> str | None:
    """The floor of TLS for the whole system: the policy of crypto-policies(7), lowest protocol and security level of OpenSSL (``unset`` when not said)."""
    policy = machine.read("/etc/crypto-policies/state/current") or machine.read("/etc/crypto-policies/config")
    openssl = machine.read("/etc/ssl/openssl.cnf") or machine.read("/etc/pki/tls/openssl.cnf")
    if policy is None and openssl is None:
        return None
    words = [line.strip() for line in (policy or "").splitlines() if line.strip() and not line.lstrip().startswith("#")]
    lines = "\n".join(line for line in (openssl or "").splitlines() if not line.lstrip().startswith("#"))
    lowest, level = re.findall(r"(?im)^\s*(?:TLS\.)?MinProtocol\s*=\s*(\S+)", lines), re.findall(r"(?im)^\s*CipherString\s*=.*@SECLEVEL=(\d)", lines)
    return _written(
        (("policy", words[-1] if words else "unset"), ("min_protocol", lowest[-1] if lowest else "unset"), ("seclevel", level[-1] if level else "unset"))
    )
