"""The texts that a Linux server is judged by: which kinds there are and how each is read from a Machine.

docs/collectors.md says the form of each body. Nothing here writes, and no password hash leaves these functions.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Generic, TypeVar

from collectors.servers import tomcat
from collectors.servers.accounts import accounts, groups
from collectors.servers.machine import MAX_FILE, Cut, Machine, Whole
from collectors.servers.protection import crypto_policy, integrity, storage, trusted_boot
from collectors.servers.services import process_names, service_table
from collectors.servers.sshd import sshd_config
from core.records import ended

HOUR_S: Final = 3600.0
TEN_MINUTES_S: Final = 600.0
OFTEN: Final = 0.0


M = TypeVar("M")
"""What facts are read from."""


@dataclass(frozen=True, slots=True)
class Fact(Generic[M]):
    """One kind of snapshot; ``every_s`` is the shortest pause between two readings (0: at each poll)."""

    kind: str
    read: Callable[[M], str | None]
    every_s: float = OFTEN
    is_setting: bool = True


def joined(machine: Machine, patterns: Iterable[str]) -> str | None:
    """Every file that a pattern matches, each under a line ``==> /path <==``; None when there is none."""
    parts: list[str] = []
    for path in dict.fromkeys(path for pattern in patterns for path in machine.files(pattern)):
        text = machine.read(path)
        if text is not None:
            parts.append(f"==> {path} <==\n{text.rstrip()}\n")
    return "".join(parts) or None


def _file(path: str) -> Callable[[Machine], str | None]:
    return lambda machine: machine.read(path)


def _joined(*patterns: str) -> Callable[[Machine], str | None]:
    return lambda machine: joined(machine, patterns)


_BEFORE_LINE_END: Final = (
    r"requirepass|masterauth|primaryauth|sentinel auth-pass \S+|tls-(?:client-)?key-file-pass|(?:wsrep_sst_auth|(?:master_)?password)[ \t]*[=:]"
)
_PASSWORD: Final = re.compile(
    rf"(?im)^([ \t]*(?:{_BEFORE_LINE_END})[ \t]*)\S.*$"
    r"|((?:\bpassword|ldapbindpasswd|radiussecrets?|\bpasswd|authorization)[ \t]*[= ][ \t]*)(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s;']+)"
    r"|(^[ \t]*user \S+.*?[ \t][>#])\S+"
)


def _without_passwords(*patterns: str) -> Callable[[Machine], str | None]:
    """As ``_joined``, for the files of services that hold passwords: they are written ``***``."""

    def read(machine: Machine) -> str | None:
        text = joined(machine, patterns)
        return text and _PASSWORD.sub(lambda found: f"{found[1] or found[2] or found[3]}***", text)

    return read


def _uname(machine: Machine) -> str | None:
    names = ("ostype", "hostname", "osrelease")
    texts = [machine.read(f"/proc/sys/kernel/{name}") for name in names]
    if None in texts:
        return machine.run("uname", "-snrm")
    return " ".join(text.strip() for text in texts if text) + f" {(machine.run('uname', '-m') or '').strip()}\n"


def packages(machine: Machine) -> str | None:
    """Installed packages of dpkg or rpm, one a line: name, version, architecture, status."""
    if status := machine.read("/var/lib/dpkg/status"):
        return "".join(f"{line}\n" for line in sorted(_dpkg(status)))
    return machine.run("rpm", "-qa", "--qf", "%{NAME}\t%{EVR}\t%{ARCH}\tii\n")


_DPKG_STATE: Final = {"installed": "i", "config-files": "c", "half-configured": "F", "half-installed": "H", "unpacked": "U", "not-installed": "n"}


def _dpkg(text: str) -> Iterable[str]:
    for block in text.split("\n\n"):
        field = dict(re.findall(r"^(Package|Version|Architecture|Status): (.*)$", block, re.MULTILINE))
        words = field.get("Status", "").split()
        if len(words) == 3 and "Package" in field:
            state = {"install": "i", "hold": "h", "deinstall": "r", "purge": "p"}.get(words[0], "u") + _DPKG_STATE.get(words[2], words[2][0])
            yield f"{field['Package']}\t{field.get('Version', '')}\t{field.get('Architecture', '')}\t{state}"


def audit_rules(machine: Machine) -> str | None:
    """The audit rules in force, else those in the files."""
    return machine.run("auditctl", "-l") or joined(machine, ("/etc/audit/audit.rules", "/etc/audit/rules.d/*.rules"))


SYSCTL: Final = (
    *(f"kernel.{name}" for name in ("randomize_va_space", "dmesg_restrict", "kptr_restrict", "sysrq", "core_uses_pid", "core_pattern", "yama.ptrace_scope")),
    *(f"fs.{name}" for name in ("suid_dumpable", "protected_hardlinks", "protected_symlinks", "file-max")),
    *(
        f"net.ipv4.{name}"
        for name in (
            "ip_forward",
            "tcp_syncookies",
            "icmp_echo_ignore_broadcasts",
            "icmp_ignore_bogus_error_responses",
            "tcp_max_syn_backlog",
            "tcp_timestamps",
        )
    ),
    *(
        f"net.ipv4.conf.{which}.{name}"
        for which in ("all", "default")
        for name in ("accept_redirects", "accept_source_route", "send_redirects", "secure_redirects", "rp_filter", "log_martians")
    ),
    *(
        f"net.ipv6.conf.{which}.{name}"
        for which in ("all", "default")
        for name in ("accept_redirects", "accept_source_route", "accept_ra", "disable_ipv6", "forwarding")
    ),
)


def sysctl(machine: Machine) -> str | None:
    """Kernel settings that matter for security, read from /proc/sys."""
    pairs = ((key, machine.read("/proc/sys/" + key.replace(".", "/"))) for key in SYSCTL)
    return "".join(f"{key} = {value.strip()}\n" for key, value in pairs if value is not None) or None


def mounts(machine: Machine) -> str | None:
    """Mounted file systems in the form of /proc/mounts, without those of containers and name spaces."""
    text = machine.read("/proc/mounts") or machine.read("/proc/self/mounts")
    if text is None:
        return None
    return "".join(f"{line}\n" for line in text.splitlines() if not re.search(r" (?:nsfs|squashfs) |/(?:docker|containers|kubelet|containerd)/", line)) or None


TIME_SERVICES: Final = ("chronyd", "ntpd", "systemd-timesyncd", "openntpd", "ntpsec")


def timesync_state(machine: Machine) -> str | None:
    """Whether the kernel's clock is disciplined and by which running service."""
    running = sorted(set(TIME_SERVICES) & process_names(machine))
    synchronised = "unknown"
    if text := machine.run("timedatectl", "show", "-p", "NTPSynchronized", "--value"):
        synchronised = text.strip() if text.strip() in ("yes", "no") else "unknown"
    if text := machine.run("chronyc", "-n", "tracking"):
        synchronised = "no" if "Not synchronised" in text or "Reference ID    : 00000000" in text else "yes"
    return f"synchronised={synchronised}\nrunning={','.join(running)}\n"


STAMPS: Final = (
    "/var/lib/apt/periodic/update-success-stamp",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/pkgcache.bin",
    "/var/cache/dnf/last_makecache",
    "/var/cache/yum/last_makecache",
)


def updates(machine: Machine) -> str | None:
    """When the package lists were last fetched and what waits to be installed."""
    stamps = [time for time in map(machine.modified, STAMPS) if time is not None]
    if not stamps:
        return None
    pending = _pending_apt(machine)
    count = "unknown" if pending is None else str(len(pending))
    security = "unknown" if pending is None else str(sum("security" in line.lower() for line in pending))
    lines = [f"last_update={_iso(max(stamps))}", f"pending={count}", f"pending_security={security}", *(pending or ())]
    return "\n".join(lines) + "\n"


def _pending_apt(machine: Machine) -> list[str] | None:
    text = machine.run("apt-get", "-s", "-o", "Debug::NoLocking=true", "-q", "upgrade")
    return None if text is None else [line for line in text.splitlines() if line.startswith("Inst ")]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


PERMISSIONS: Final = (
    *(f"/etc/{name}" for name in ("passwd", "passwd-", "shadow", "shadow-", "group", "gshadow", "sudoers", "crontab", "ssh/sshd_config", "hosts.allow")),
    *(f"/etc/{name}" for name in ("cron.d", "cron.daily", "cron.hourly", "cron.weekly", "cron.monthly", "audit", "rsyslog.conf", "profile", "fstab")),
    *("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/var/log", "/var/log/auth.log", "/var/log/secure", "/var/log/syslog", "/var/log/messages"),
    *("/var/log/audit", "/var/log/wtmp", "/var/log/btmp", "/root", "/tmp", "/var/tmp"),  # noqa: S108 - looked at, not used
)


def permissions(machine: Machine) -> str | None:
    """Mode and owner of the files that others must not change or read."""
    paths = (*PERMISSIONS, *machine.files("/etc/ssh/ssh_host_*_key"), *machine.files("/etc/sudoers.d/*"))
    rows = machine.status(paths)
    return "".join(f"{row.mode}\t{row.owner}\t{row.group}\t{row.path}\n" for row in rows) or None


def selinux(machine: Machine) -> str | None:
    """Mandatory access control: SELinux's settings, or that AppArmor runs."""
    if text := machine.read("/etc/selinux/config"):
        return text
    return "apparmor=enabled\n" if (machine.read("/sys/module/apparmor/parameters/enabled") or "").strip() == "Y" else None


def firewall(machine: Machine) -> str | None:
    """The packet filter's rules in force, without their counters and the time of the look: both change at every look."""
    if rules := machine.run("nft", "--stateless", "list", "ruleset"):
        return rules
    rules = machine.run("iptables-save")
    return rules and re.sub(r" \[\d+:\d+\]|^# (?:Generated|Completed).*\n", "", rules, flags=re.MULTILINE)


_PAM: Final = ("common-auth", "common-password", "common-account", "common-session", "system-auth", "password-auth", "sshd", "login", "su", "sudo")

_POSTGRESQL: Final = ("/etc/postgresql/*/*", "/var/lib/pgsql/data", "/var/lib/pgsql/*/data")

_FACTS: Final[tuple[Fact[Machine], ...]] = (
    Fact("os-release", _file("/etc/os-release")),
    Fact("uname", _uname),
    Fact("packages", packages, HOUR_S, is_setting=False),
    Fact("accounts", accounts),
    Fact("groups", groups),
    Fact("sshd_config", sshd_config),
    Fact("sudoers", _joined("/etc/sudoers", "/etc/sudoers.d/*")),
    Fact("login.defs", _file("/etc/login.defs")),
    Fact("pam", _joined(*(f"/etc/pam.d/{name}" for name in _PAM))),
    Fact("faillock.conf", _file("/etc/security/faillock.conf")),
    Fact("pwquality.conf", _joined("/etc/security/pwquality.conf", "/etc/security/pwquality.conf.d/*.conf")),
    Fact("limits", _joined("/etc/security/limits.conf", "/etc/security/limits.d/*.conf")),
    Fact("profile", _joined("/etc/profile", "/etc/profile.d/*.sh", "/etc/bash.bashrc", "/etc/bashrc")),
    Fact("banner", _joined("/etc/issue", "/etc/issue.net", "/etc/motd")),
    Fact("auditd.conf", _file("/etc/audit/auditd.conf")),
    Fact("audit.rules", audit_rules),
    Fact("rsyslog", _joined("/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf")),
    Fact("logrotate", _joined("/etc/logrotate.conf", "/etc/logrotate.d/*")),
    Fact("journald.conf", _joined("/etc/systemd/journald.conf", "/etc/systemd/journald.conf.d/*.conf")),
    Fact("sysctl", sysctl),
    Fact("cron", _joined("/etc/crontab", "/etc/anacrontab", "/etc/cron.d/*", "/etc/cron.allow", "/etc/cron.deny", "/var/spool/cron/**/*")),
    Fact("mounts", mounts, is_setting=False),
    Fact("services", service_table, TEN_MINUTES_S, is_setting=False),
    Fact("fstab", _file("/etc/fstab")),
    Fact(
        "timesync",
        _joined("/etc/chrony/chrony.conf", "/etc/chrony/*.d/*", "/etc/chrony.conf", "/etc/ntp.conf", "/etc/ntpsec/ntp.conf", "/etc/systemd/timesyncd.conf"),
    ),
    Fact("timesync.state", timesync_state, is_setting=False),
    Fact("updates", updates, HOUR_S, is_setting=False),
    Fact("apt", _joined("/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*")),
    Fact("permissions", permissions, HOUR_S),
    Fact("selinux", selinux),
    Fact("storage", storage, HOUR_S),
    Fact("trusted-boot", trusted_boot, HOUR_S, is_setting=False),
    Fact("integrity", integrity, HOUR_S, is_setting=False),
    Fact("crypto-policy", crypto_policy, HOUR_S),
    Fact("hosts.access", _joined("/etc/hosts.allow", "/etc/hosts.deny")),
    Fact("firewall", firewall),
    Fact("dns", _file("/etc/resolv.conf")),
    Fact("nginx", _without_passwords("/etc/nginx/nginx.conf", "/etc/nginx/conf.d/*.conf", "/etc/nginx/sites-enabled/*")),
    Fact("postgresql.conf", _without_passwords(*(f"{folder}/{name}" for folder in _POSTGRESQL for name in ("postgresql.conf", "conf.d/*.conf")))),
    Fact("pg_hba.conf", _without_passwords(*(f"{folder}/pg_hba.conf" for folder in _POSTGRESQL))),
    Fact("mariadb", _without_passwords("/etc/mysql/my.cnf", "/etc/mysql/conf.d/*.cnf", "/etc/mysql/m*.conf.d/*.cnf", "/etc/my.cnf", "/etc/my.cnf.d/*.cnf")),
    Fact("redis.conf", _without_passwords("/etc/redis/*.conf", "/etc/redis.conf", "/etc/valkey/*.conf")),
    *(Fact(kind, read, HOUR_S) for kind, read in tomcat.KINDS.items()),
    Fact("tomcat.processes", tomcat.processes, TEN_MINUTES_S, is_setting=False),
)


def _to_its_end(read: Callable[[Machine], str | None]) -> Callable[[Machine], str | None]:
    """``read`` with the mark that it came to its end; where a file was too long, what says so and cannot be judged."""

    def reading(machine: Machine) -> str | None:
        try:
            return ended(read(Whole(machine)) or "") or None
        except Cut as err:
            return f"[truncated] {err} is longer than {MAX_FILE:,} bytes and was not read\n"

    return reading


FACTS: Final = tuple(replace(fact, read=_to_its_end(fact.read)) for fact in _FACTS)


class Readings(Generic[M]):
    """Which facts are due, and whether a text is news: sent when it changed, else once an hour."""

    def __init__(self, facts: Iterable[Fact[M]]) -> None:
        self._facts = tuple(facts)
        self._read_at: dict[str, float] = {}
        self._sent: dict[str, tuple[str, float]] = {}

    def read(self, machine: M, at: float) -> Iterator[tuple[Fact[M], str]]:
        """Each fact that is due at ``at`` (seconds) with its text; an empty one for what was there and is not any more."""
        for fact in self.due(at):
            self._read_at[fact.kind] = at
            text = fact.read(machine)
            if text is not None or fact.kind in self._sent:
                yield fact, text or ""

    def due(self, at: float) -> list[Fact[M]]:
        """The facts whose pause is over."""
        return [fact for fact in self._facts if at - self._read_at.get(fact.kind, -math.inf) >= fact.every_s]

    def anew(self) -> None:
        """Every fact is due, and its text is sent also when it says the same."""
        self._read_at.clear()
        self._sent = {kind: (digest, -math.inf) for kind, (digest, _) in self._sent.items()}

    def is_news(self, kind: str, text: str, at: float) -> tuple[bool, bool]:
        """(send it, it differs from the one before)."""
        before = self._sent.get(kind)
        digest = sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        is_changed = before is not None and before[0] != digest
        if before is None or is_changed or at - before[1] >= HOUR_S:
            self._sent[kind] = (digest, at)
            return True, is_changed
        return False, False
