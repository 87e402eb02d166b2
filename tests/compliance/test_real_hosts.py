"""Linux checks on real hosts over SSH: one as it comes, one badly kept, one hardened by what the checks advise.

The hosts are name spaces of this machine with files of their own (tests/peers/machine.py). What they share with it - the kernel, its packages, the running
services, the updates that wait - is not theirs to mend and is left out by name.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from compliance.evaluate import evaluate
from compliance.load import load_checks
from compliance.verdict import Outcome
from core.records import Snapshot
from inventory.asset import Asset
from tests.collectors.support import collector, poll
from tests.peers.machine import Machine, machine
from tests.peers.program import program

ASSET: Final = Asset(id="h1", address="127.0.0.1", credentials={"ssh": "ops"})
SHARED: Final = frozenset(
    f"lnx-{name}"
    for name in (
        # the kernel's and the machine's own
        *("kernel-memory", "mandatory-access", "storage-encrypted", "swap-encrypted", "trusted-boot", "crypto-policy", "updates", "packages-denied"),
        # what has to run, and no service is started for a test
        *("antimalware", "audit-service", "log-service", "time-sync", "intrusion", "integrity"),
        "log-retention",  # of the store, not of the host
    )
)
CHECKS: Final = {check.id: check for check in load_checks().checks.values() if check.id.startswith("lnx-") and check.id not in SHARED}

AUDIT: Final = """-w /etc/passwd -p wa -k identity
-w /etc/shadow -p wa -k identity
-w /etc/sudoers -p wa -k privilege
-w /var/log/lastlog -p wa -k logins
-w /var/log/faillog -p wa -k logins
-a always,exit -F arch=b64 -S adjtimex,settimeofday,clock_settime -k time
-a always,exit -F arch=b64 -S execve -F euid=0 -F auid>=1000 -k privilege
-e 2
"""
HARDENED: Final = {
    "ssh/sshd_config.d/00-site.conf": """PermitRootLogin no
PermitEmptyPasswords no
AllowGroups ops
AuthenticationMethods publickey,password
MaxAuthTries 4
LoginGraceTime 60
ClientAliveInterval 300
ClientAliveCountMax 2
Ciphers aes256-gcm@openssh.com,aes256-ctr
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
KexAlgorithms curve25519-sha256,diffie-hellman-group16-sha512
""",
    "pam.d/common-auth": """auth required pam_faillock.so preauth
auth [success=1 default=ignore] pam_unix.so nullok
auth [default=die] pam_faillock.so authfail
auth required pam_permit.so
""",
    "pam.d/common-account": "account required pam_faillock.so\naccount required pam_unix.so\n",
    "pam.d/common-password": """password requisite pam_pwquality.so retry=3
password required pam_pwhistory.so remember=5 use_authtok
password [success=1 default=ignore] pam_unix.so obscure use_authtok yescrypt
password requisite pam_deny.so
""",
    "pam.d/su": "auth sufficient pam_rootok.so\nauth required pam_wheel.so\n@include common-auth\n@include common-account\n@include common-session\n",
    "security/faillock.conf": "deny = 5\nunlock_time = 900\n",
    "security/pwquality.conf": "minlen = 10\nminclass = 3\n",
    "security/limits.d/core.conf": "* hard core 0\n",
    "profile.d/idle.sh": "TMOUT=600\nreadonly TMOUT\numask 027\n",
    "audit/auditd.conf": """log_file = /var/log/audit/audit.log
max_log_file_action = keep_logs
space_left_action = syslog
admin_space_left_action = suspend
""",
    "audit/rules.d/site.rules": AUDIT,
    "rsyslog.d/90-site.conf": '*.* action(type="omfwd" target="10.0.0.9" port="6514" protocol="tcp" StreamDriver="gtls" StreamDriverMode="1")\n',
    "nftables.conf": """flush ruleset
table inet filter {
  chain input {
    type filter hook input priority 0; policy drop;
    iif lo accept
    tcp dport 22 accept
  }
}
""",
}
NETWORK: Final = {f"net.ipv4.conf.all.{name}": "0" for name in ("accept_redirects", "accept_source_route", "send_redirects")}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Machine]:
    with machine(tmp_path) as found:
        yield found


def write(host: Machine, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = host.root / "etc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def edit(host: Machine, name: str, *changes: tuple[str, str]) -> None:
    path = host.root / "etc" / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{name} of this machine has no {old!r}"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


@contextmanager
def serving(host: Machine, port: int) -> Iterator[None]:
    """Something inside that listens on a port of every address."""
    script = f"import socket; s = socket.create_server(('0.0.0.0', {port})); print('up', flush=True); s.accept()"
    vector = [program("nsenter"), f"--mount=/proc/{host.pid}/ns/mnt", f"--net=/proc/{host.pid}/ns/net", "--", program("python3"), "-c", script]
    process = subprocess.Popen(vector, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield
    finally:
        process.kill()
        process.communicate()


def verdicts(host: Machine) -> dict[str, Outcome]:
    now = datetime.now(UTC)
    reader = collector("ssh", {"port": host.sshd.port, "host_key": host.sshd.host_key, "timeout_s": 30}, ops=host.secret)
    polled = poll(reader, ASSET, now)
    reader.close()
    assert polled.error is None
    texts = [record for record in polled.records if isinstance(record, Snapshot)]
    return {name: evaluate(check, "h1", texts, now).outcome for name, check in CHECKS.items()}


def those(found: Mapping[str, Outcome], outcome: Outcome) -> set[str]:
    return {name for name, said in found.items() if said is outcome}


@pytest.mark.peer
@pytest.mark.slow
def test_a_hardened_host_passes_every_check_that_is_its_own(host: Machine) -> None:
    write(host, HARDENED)
    edit(host, "login.defs", ("PASS_MAX_DAYS\t99999", "PASS_MAX_DAYS\t90"), ("UMASK\t\t022", "UMASK\t\t027"))
    host.inside("groupadd", "--system", "ops")
    host.inside("nft", "-f", "/etc/nftables.conf")
    for name, value in NETWORK.items():
        host.inside("sysctl", "-q", "-w", f"{name}={value}")
    with serving(host, 22):
        found = verdicts(host)
    assert host.inside("sshd", "-t") == "", "the server itself takes the hardened settings"
    assert {name: said for name, said in found.items() if said is not Outcome.PASS} == {}


@pytest.mark.peer
@pytest.mark.slow
def test_a_badly_kept_host_fails_where_it_is_bad(host: Machine) -> None:
    as_it_comes = verdicts(host)
    write(
        host,
        {
            "ssh/sshd_config.d/00-bad.conf": """PermitRootLogin yes
PermitEmptyPasswords yes
IgnoreRhosts no
HostbasedAuthentication yes
Ciphers aes128-cbc,3des-cbc
""",
            "sudoers.d/bad": "Defaults !syslog\nALL ALL=(ALL) NOPASSWD: ALL\n",
            "rsyslog.d/bad.conf": "*.* @10.0.0.9\n",
        },
    )
    day = int(datetime.now(UTC).timestamp() // 86400)
    edit(
        host,
        "passwd",
        ("root:x:0:0:root:/root:/bin/bash\n", "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/bash\nguest:x:1500:1500::/home/guest:/bin/bash\n"),
    )
    with (host.root / "etc" / "shadow").open("a", encoding="ascii") as shadow:
        shadow.write(f"toor:$1$abcdefgh$Q1W2E3R4T5Y6U7I8O9P0a.:{day - 500}:0:99999:7:::\nguest::{day}:0:99999:7:::\n")
    with (host.root / "etc" / "group").open("a", encoding="ascii") as groups:
        groups.write("docker:x:1500:guest\n")
    (host.root / "etc" / "cron.d").chmod(0o777)
    (host.root / "etc" / "shadow").chmod(0o644)
    next((host.root / "etc" / "ssh").glob("ssh_host_*_key")).chmod(0o644)
    with serving(host, 23), serving(host, 6379):
        found = verdicts(host)
    made_worse = those(found, Outcome.FAIL) - those(as_it_comes, Outcome.FAIL)
    assert made_worse == {f"lnx-{name}" for name in WORSE}
    assert those(as_it_comes, Outcome.FAIL) - those(found, Outcome.FAIL) == {"lnx-log-forward"}, "nothing else got better"
    silent = {name for name in CHECKS if found[name] is not Outcome.FAIL}
    assert silent == {f"lnx-{name}" for name in NOT_BAD}


WORSE: Final = (
    *("accounts-shared", "accounts-stale", "accounts-unique", "clear-text", "file-permissions", "pwd-age-accounts", "pwd-empty", "pwd-hash", "risky-ports"),
    *("container-rights", "cron-permissions", "log-tls", "sudo-log"),
    *("ssh-empty", "ssh-keys", "sudo-all", "sudo-nopasswd", "uid-zero"),
)
NOT_BAD: Final = ("accounts-system", "audit-keep", "log-forward", "log-local", "log-permissions")
