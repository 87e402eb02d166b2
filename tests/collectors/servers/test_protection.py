"""What protects data and start of a server: read off a made tree of files and the words of lsblk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collectors.servers.machine import LocalMachine
from collectors.servers.protection import crypto_policy, integrity, storage, trusted_boot

LSBLK = """\
NAME="sda" KNAME="sda" PKNAME="" TYPE="disk" MOUNTPOINT=""
NAME="sda1" KNAME="sda1" PKNAME="sda" TYPE="part" MOUNTPOINT="/boot"
NAME="sda2" KNAME="sda2" PKNAME="sda" TYPE="part" MOUNTPOINT=""
NAME="luks-1" KNAME="dm-0" PKNAME="sda2" TYPE="crypt" MOUNTPOINT=""
NAME="vg-root" KNAME="dm-1" PKNAME="dm-0" TYPE="lvm" MOUNTPOINT="/"
NAME="sdb" KNAME="sdb" PKNAME="" TYPE="disk" MOUNTPOINT=""
NAME="vg-data" KNAME="dm-2" PKNAME="dm-0" TYPE="lvm" MOUNTPOINT="/srv/my data"
NAME="vg-data" KNAME="dm-2" PKNAME="sdb" TYPE="lvm" MOUNTPOINT="/srv/my data"
"""
SWAPS = "Filename Type Size Used Priority\n/dev/zram0 partition 1 0 100\n/var/swap/file file 1 0 -2\n/dev/sdb partition 1 0 -3\n"


class Told(LocalMachine):
    """A tree of files whose lsblk says ``LSBLK``."""

    def run(self, *arguments: str) -> str | None:
        return LSBLK if arguments[0] == "lsblk" else None


def tree(root: Path, files: dict[str, str]) -> Told:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return Told(str(root))


def test_a_volume_is_encrypted_when_everything_below_it_is(tmp_path: Path) -> None:
    rows = (storage(tree(tmp_path, {"proc/swaps": SWAPS})) or "").splitlines()
    assert rows == ["/\tdm-1\tyes", "/srv/my data\tdm-2\tno", "swap\tdm-1\tyes", "swap\tsdb\tno", "swap\tzram0\tmemory"]
    assert storage(LocalMachine(str(tmp_path))) is None  # without lsblk nothing is said


def test_the_last_byte_of_the_firmwares_variable_says_whether_the_start_is_verified(tmp_path: Path) -> None:
    variable = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    assert trusted_boot(tree(tmp_path, {})) == "chip=no\nsecure_boot=none\nmeasured=unknown\n"
    there = {"sys/firmware/efi/fw_platform_size": "64\n", "sys/class/tpm/tpm0/dev": "10:224\n", "sys/kernel/security/ima/runtime_measurements_count": "812\n"}
    assert trusted_boot(tree(tmp_path, there)) == "chip=yes\nsecure_boot=unknown\nmeasured=812\n"
    for byte, said in (("\x01", "on"), ("\x00", "off")):
        assert f"\nsecure_boot={said}\n" in trusted_boot(tree(tmp_path, {variable: "\x06\x00\x00\x00" + byte}))


def test_a_watch_of_files_is_told_with_its_last_run_and_only_by_who_sees_everything(tmp_path: Path) -> None:
    assert integrity(tree(tmp_path, {"etc/aide/aide.conf": "x\n"})) is None
    machine = tree(tmp_path, {"etc/shadow": "root:*:1::::::\n", "var/lib/aide/aide.db": "x", "var/log/aide/aide.log": "x"})
    for path, at in (("var/lib/aide/aide.db", 1_700_000_000), ("var/log/aide/aide.log", 1_700_090_000)):
        os.utime(tmp_path / path, (at, at))
    wanted = "tool=aide\nwazuh_watches=no\naide_database=2023-11-14T22:13:20+00:00\naide_run=2023-11-15T23:13:20+00:00\n"
    assert integrity(machine) == wanted


@pytest.mark.parametrize(
    ("configuration", "watches"),
    [
        ("<ossec_config><syscheck>\n<disabled>no</disabled>\n</syscheck></ossec_config>", "yes"),
        ("<syscheck><frequency>43200</frequency></syscheck>", "yes"),
        ("<syscheck><disabled> yes </disabled></syscheck>", "no"),
        ("<!-- <syscheck></syscheck> -->", "no"),
    ],
)
def test_wazuh_watches_when_its_syscheck_is_not_disabled(tmp_path: Path, configuration: str, watches: str) -> None:
    machine = tree(tmp_path, {"etc/shadow": "root:*:1::::::\n", "var/ossec/etc/ossec.conf": configuration})
    assert integrity(machine) == f"tool=wazuh\nwazuh_watches={watches}\n"


def test_the_floor_of_tls_comes_from_the_policy_and_from_openssl(tmp_path: Path) -> None:
    assert crypto_policy(tree(tmp_path, {})) is None
    machine = tree(
        tmp_path, {"etc/ssl/openssl.cnf": "[system_default_sect]\n# MinProtocol = TLSv1.3\nMinProtocol = TLSv1.2\nCipherString = DEFAULT@SECLEVEL=2\n"}
    )
    assert crypto_policy(machine) == "policy=unset\nmin_protocol=TLSv1.2\nseclevel=2\n"
    assert (crypto_policy(tree(tmp_path, {"etc/crypto-policies/state/current": "# made by a tool\nDEFAULT:SHA1\n"})) or "").startswith("policy=DEFAULT:SHA1\n")
