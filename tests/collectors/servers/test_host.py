"""This machine as an asset: real numbers, real services and ports, and the facts of a made tree of files."""

import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.base import Collector
from collectors.servers.accounts import password_state
from collectors.servers.clocks import NTP_EPOCH, chrony_offset, sntp_offset
from collectors.servers.facts import FACTS, Readings
from collectors.servers.figures import filesystems
from collectors.servers.machine import MAX_FILE, LocalMachine, Machine
from collectors.servers.remote import RemoteMachine
from compliance.kinds import Unreadable, readable
from core.records import Event
from tests.collectors.support import Authority, Polled, collector, poll

TREE = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nli::1000:1000::/home/li:/bin/sh\nold:x:1001:1001::/home/old:/bin/sh\ndaemon:x:1:1::/:/usr/sbin/nologin\n",
    "etc/shadow": "root:$6$salt$longhashlonghash:19000:0:90:7:::\nold:!$y$j9T$abcdefgh:18000:0:99999:7:30::\ndaemon:*:18000::::::\n",
    "etc/group": "root:x:0:\nsudo:secret:27:li\n",
    "etc/ssh/sshd_config": "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin yes # too open\nPort 22\nMatch User git\n  PasswordAuthentication yes\n",
    "etc/ssh/sshd_config.d/10-bureau.conf": "PermitRootLogin no\nClientAliveInterval=300\n",
    "etc/sudoers": "root ALL=(ALL:ALL) ALL\n",
    "etc/sudoers.d/li": "li ALL=(ALL) NOPASSWD: ALL\n",
    "etc/login.defs": "PASS_MAX_DAYS 99999\n",
    "var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n\n"
    "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n",
    "proc/sys/kernel/randomize_va_space": "2\n",
    "etc/init.d/ssh": "#!/bin/sh\n",
    "etc/rc2.d/S01ssh": "#!/bin/sh\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def facts(tree: Path) -> dict[str, str]:
    machine = LocalMachine(str(tree))
    return {fact.kind: text.removesuffix("# end\n") for fact in FACTS if (text := fact.read(machine)) is not None}


def test_only_what_the_machine_has_is_there(facts: dict[str, str]) -> None:
    assert set(facts) == {
        *(
            "accounts",
            "groups",
            "sshd_config",
            "sudoers",
            "login.defs",
            "packages",
            "sysctl",
            "services",
            "permissions",
            "timesync.state",
            "integrity",
            "trusted-boot",
        ),
    }


def test_accounts_tell_states_and_ages_and_no_hash(facts: dict[str, str]) -> None:
    assert facts["accounts"].splitlines()[1:] == [
        "root:0:0:/root:/bin/bash:set:sha512:19000:0:90:7::",
        "li:1000:1000:/home/li:/bin/sh:empty:::::::",
        "old:1001:1001:/home/old:/bin/sh:locked:yescrypt:18000:0:99999:7:30:",
        "daemon:1:1:/:/usr/sbin/nologin:none::18000:::::",
    ]
    assert "longhash" not in "".join(facts.values())
    assert facts["groups"] == "root::0:\nsudo::27:li\n"


def test_the_first_value_of_sshd_wins_and_includes_are_put_in_place(facts: dict[str, str]) -> None:
    assert facts["sshd_config"].splitlines()[1:] == [
        "permitrootlogin no",
        "clientaliveinterval 300",
        "port 22",
        "match User git",
        "    passwordauthentication yes",
    ]


def test_several_files_are_joined_under_their_names(facts: dict[str, str]) -> None:
    assert facts["sudoers"] == "==> /etc/sudoers <==\nroot ALL=(ALL:ALL) ALL\n==> /etc/sudoers.d/li <==\nli ALL=(ALL) NOPASSWD: ALL\n"


def test_packages_and_services_have_the_documented_form(facts: dict[str, str]) -> None:
    assert facts["packages"] == "bash\t5.2\tamd64\tii\ngone\t1\tall\trc\n"
    assert facts["services"] == "ssh\tenabled\tunknown\n"
    assert facts["sysctl"] == "kernel.randomize_va_space = 2\n"


def by_shell(script: str) -> bytes:
    return subprocess.run(["/bin/sh"], input=script.encode(), capture_output=True, check=True).stdout


@pytest.mark.parametrize("way", ["here", "by a shell"])
def test_a_file_that_is_too_long_is_told_and_never_judged_by_its_first_part(tree: Path, way: str) -> None:
    (fact,) = (fact for fact in FACTS if fact.kind == "sudoers")
    place = tree / "etc/sudoers"

    class Within(LocalMachine):
        """The files of the tree, read in the way in question."""

        def read(self, path: str) -> str | None:
            return super().read(path) if way == "here" else RemoteMachine(by_shell).read(f"{tree}{path}")

    place.write_text("#" * (MAX_FILE - 1) + "\n", encoding="ascii")
    exact = fact.read(Within(str(tree)))
    assert exact is not None
    assert exact.endswith("\n# end\n")
    place.write_text("#" * MAX_FILE + "\nALL ALL=(ALL) NOPASSWD: ALL\n", encoding="ascii")
    longer = fact.read(Within(str(tree)))
    assert longer == "[truncated] /etc/sudoers is longer than 4,194,304 bytes and was not read\n"
    with pytest.raises(Unreadable, match="cut off"):
        readable("sudoers", longer)


def test_a_link_out_of_the_tree_is_not_followed(tree: Path) -> None:
    (tree / "etc/login.defs").unlink()
    (tree / "etc/login.defs").symlink_to("/etc/passwd")
    assert LocalMachine(str(tree)).read("/etc/login.defs") is None


@pytest.mark.parametrize(
    ("field", "state"),
    [
        ("", ("empty", "")),
        ("*", ("none", "")),
        ("!", ("locked", "")),
        ("!!", ("locked", "")),
        ("!$6$a$b", ("locked", "sha512")),
        ("$y$j9T$abc$defghijk", ("set", "yescrypt")),
        ("$1$abcdefgh$ijklmnop", ("set", "md5")),
        ("abJnggxhB/yWI", ("set", "des")),
    ],
)
def test_the_password_field_is_understood(field: str, state: tuple[str, str]) -> None:
    assert password_state(field) == state


def test_a_text_is_sent_when_it_changed_else_once_an_hour() -> None:
    readings = Readings[Machine](())
    assert readings.is_news("a", "x", 0.0) == (True, False)
    assert readings.is_news("a", "x", 60.0) == (False, False)
    assert readings.is_news("a", "y", 120.0) == (True, True)
    assert readings.is_news("a", "y", 3600.0) == (False, False)
    assert readings.is_news("a", "y", 3720.0) == (True, False)


def host(**options: object) -> Collector:
    return collector("host", {"snapshots": False, **options})


def test_this_machine_has_plausible_numbers() -> None:
    subject = host()
    poll(subject)
    time.sleep(0.5)
    polled = poll(subject)
    assert polled.error is None
    assert 0 <= polled.value("system.cpu.utilization") <= 100
    assert 0 < polled.value("system.memory.utilization") < 100
    assert 0 < polled.value("system.filesystem.utilization", mountpoint="/") <= 100
    assert polled.value("system.processes.count") > 1
    assert polled.value("system.uptime") > 0
    assert all(value >= 0 for value in polled.values("system.network.io"))


def test_filling_a_file_system_is_seen(tmp_path: Path) -> None:
    subject = host(mountpoints=["/dev/shm"])
    if not Path("/dev/shm").is_mount():
        pytest.skip("no /dev/shm of its own here")
    before = poll(subject).value("system.filesystem.usage", mountpoint="/dev/shm")
    blob = Path("/dev/shm") / f"wanglou-test-{tmp_path.name}"
    blob.write_bytes(b"x" * 8_000_000)
    try:
        assert poll(subject).value("system.filesystem.usage", mountpoint="/dev/shm") - before > 7_000_000
    finally:
        blob.unlink()


def test_a_watched_service_that_stops_is_down() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "wanglou-test"])
    subject = host(services=["no-such-daemon", {"name": "worker", "process": Path(sys.executable).name}, {"name": "gone", "pidfile": "/nonexistent"}])
    first = poll(subject)
    process.kill()
    process.wait()
    assert first.value("system.service.up", service="worker") == 1.0
    assert first.value("system.service.up", service="no-such-daemon") == 0.0
    assert first.value("system.service.up", service="gone") == 0.0


def test_a_pid_file_of_a_dead_process_means_down(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (tmp_path / "pid").write_text(f"{process.pid}\n", encoding="ascii")
    subject = host(services=[{"name": "worker", "pidfile": str(tmp_path / "pid")}])
    assert poll(subject).value("system.service.up", service="worker") == 1.0
    process.kill()
    process.wait()
    assert poll(subject).value("system.service.up", service="worker") == 0.0


def opened(polled: Polled) -> list[Event]:
    return [event for event in polled.events() if event.kind in ("port_opened", "port_closed")]


def test_a_new_port_is_told_once_and_a_watched_one_that_closes_is_zero() -> None:
    with socket.create_server(("127.0.0.1", 0)) as early:
        watched = early.getsockname()[1]
        subject = host(ports=[watched])
        assert opened(poll(subject)) == [], "what listens at the first poll is no news"
        with socket.create_server(("127.0.0.1", 0)) as late:
            port = late.getsockname()[1]
            news = [event for event in opened(poll(subject)) if event.fields["server.port"] == port]
            again = [event for event in opened(poll(subject)) if event.fields["server.port"] == port]
    assert [(event.kind, event.fields["network.scope"]) for event in news] == [("port_opened", "local")]
    assert again == []
    assert poll(subject).value("system.port.listening", port=str(port)) == 0.0
    later = poll(subject)
    assert later.value("system.port.listening", port=str(watched)) == 0.0
    assert later.values("system.port.listening", port=str(port)) == []


def test_a_weakened_setting_is_sent_at_once_and_told(tree: Path) -> None:
    subject = collector("host", {"root": str(tree)})
    first = poll(subject)
    assert "permitrootlogin no" in first.snapshot("sshd_config")
    second = poll(subject)
    assert "sshd_config" not in second.kinds()
    (tree / "etc/ssh/sshd_config.d/10-bureau.conf").write_text("PermitRootLogin yes\n", encoding="ascii")
    third = poll(subject)
    assert "permitrootlogin yes" in third.snapshot("sshd_config")
    assert [event.fields["snapshot.kind"] for event in third.events() if event.kind == "config_changed"] == ["sshd_config"]
    (tree / "etc/login.defs").unlink()
    assert poll(subject).snapshot("login.defs") == "", "what is gone must not be judged by its last text"


def test_the_days_of_a_certificate_in_a_file_are_seen(tree: Path) -> None:
    Authority(tree).write(tree / "etc/site.pem", "www.example", days=12)
    (tree / "etc/broken.pem").write_text("no certificate", encoding="ascii")
    polled = poll(collector("host", {"root": str(tree), "certificates": ["/etc/*.pem"]}))
    assert polled.value("tls.certificate.days_left", endpoint="/etc/site.pem") == pytest.approx(12, abs=0.1)


MOUNTS = """proc /proc proc rw 0 0
overlay / overlay rw 0 0
/dev/sda2 /data ext4 rw 0 0
/dev/sda2 /data/bind ext4 rw 0 0
nas:/x /nas nfs4 rw 0 0
/dev/sdb1 /with\\040blank xfs rw 0 0
tmpfs /run tmpfs rw 0 0
"""


def test_file_systems_that_fill_up_are_told_from_others() -> None:
    assert filesystems(MOUNTS) == [("overlay", "/"), ("/dev/sda2", "/data"), ("/dev/sdb1", "/with blank")]
    assert filesystems(MOUNTS, ("/nas",)) == [("nas:/x", "/nas")]


@pytest.fixture
def time_server() -> Iterator[tuple[int, dict[str, float]]]:
    """An SNTP server whose clock is ``ahead`` seconds fast, and whose stratum can be set."""
    settings = {"ahead": 7.0, "stratum": 2.0}
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.bind(("127.0.0.1", 0))
    link.settimeout(0.2)
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            try:
                request, address = link.recvfrom(512)
            except TimeoutError:
                continue
            now = time.time() + settings["ahead"] + NTP_EPOCH
            stamp = struct.pack("!II", int(now), int(now % 1 * 2**32))
            link.sendto(struct.pack("!BB22x", 0x24, int(settings["stratum"])) + request[40:48] + stamp + stamp, address)

    thread = threading.Thread(target=serve)
    thread.start()
    yield link.getsockname()[1], settings
    ending.set()
    thread.join()
    link.close()


def test_the_clock_is_compared_with_a_time_server(time_server: tuple[int, dict[str, float]]) -> None:
    port, settings = time_server
    assert sntp_offset(f"127.0.0.1:{port}") == pytest.approx(-7.0, abs=0.2)
    settings["stratum"] = 0
    assert sntp_offset(f"127.0.0.1:{port}") is None, "a kiss of death is no time"
    polled = poll(host(ntp=f"127.0.0.1:{port}"))
    assert polled.values("system.time.offset") == [], "what cannot be known is not told"


def test_what_chrony_prints_is_understood() -> None:
    text = "Reference ID    : C0000201 (ntp)\nSystem time     : 0.000012345 seconds slow of NTP time\nLeap status     : Normal\n"
    assert chrony_offset(text) == pytest.approx(-0.000012345)
    assert chrony_offset(text.replace("Normal", "Not synchronised")) is None
    assert chrony_offset(None) is None


def test_one_poll_costs_less_than_one_percent_of_a_core_at_the_usual_interval() -> None:
    subject = host()
    poll(subject)
    begun = time.process_time()
    for _ in range(3):
        poll(subject, now=datetime.now(UTC) + timedelta(seconds=1))
    assert (time.process_time() - begun) / 3 < 0.6
