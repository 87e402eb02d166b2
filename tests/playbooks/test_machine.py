"""Capabilities for Linux machines on a real one: what they say they do, whether it holds, and that undo brings back what was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import AuthRefused, BadReply
from playbooks.capabilities.remedies import Part, remedies, with_block, without_block
from service.reaching import ServiceReach
from tests.peers.machine import Machine, machine
from tests.peers.program import free_port
from tests.playbooks.acting import Hand, Vault, there_and_back

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("machine")) as found:
        yield found


@pytest.fixture(scope="module")
def reach(host: Machine) -> Iterator[ServiceReach]:
    found = ServiceReach(Vault(host=host.secret), host.asset(), 600)
    yield found
    found.close()


Make = Callable[..., Hand]


@pytest.fixture
def hand(host: Machine, reach: ServiceReach) -> Make:
    def make(name: str, facts: dict[str, str] | None = None, /, **options: Any) -> Hand:
        return Hand(name, host.asset(facts=facts), reach, **options)

    return make


def test_commands_of_the_list_look_and_say(host: Machine, hand: Make) -> None:
    disk = hand("ssh.command", command="disk").do()
    assert "1048576-blocks" in disk.said
    assert disk.values["status"] == 0
    listed = hand("ssh.command", command="list", path="/etc/init.d").do()
    assert "demo" in listed.said
    assert hand("ssh.command", command="tail", path="/etc/hostname", count=1).plan().commands == ("tail -n 1 -- /etc/hostname",)


def test_a_program_that_is_not_there_is_said(host: Machine, hand: Make) -> None:
    with pytest.raises(BadReply, match="chronyc is not there"):
        hand("ssh.command", command="chrony").do()


def test_evidence_is_taken_whole_with_a_digest(host: Machine, hand: Make) -> None:
    found = hand("evidence.collect", commands=("kernel", "mounts", "chrony")).do()
    assert "==> kernel <==\nLinux" in found.said
    assert (found.values["parts"], found.values["missing"], len(found.values["sha256"])) == (2, ["chrony"], 64)


def test_room_of_a_file_system(host: Machine, hand: Make) -> None:
    values = hand("disk.room", path="/var/log").do().values
    assert 0 <= values["percent"] <= 100
    assert values["free_mb"] > 0


def test_old_files_go_and_nothing_else_does(host: Machine, hand: Make) -> None:
    script = "mkdir -p /var/log/app/sub; cd /var/log/app; touch new.gz keep.log; for f in a.gz sub/b.gz; do echo x > $f; touch -d '40 days ago' $f; done"
    host.inside("sh", "-c", f"{script}; ln -sf /etc /var/log/app/link; touch -d '40 days ago' old.log")
    clean = hand("files.clean", folder="/var/log/app", pattern="*.gz", days=30)
    assert clean.verify().before == {"files": 2, "bytes": 4}
    answer = clean.do()
    assert answer.values == {"files": 2, "bytes": 4}
    assert "/var/log/app/sub/b.gz" in answer.said
    assert clean.verify().holds is True
    assert set(host.inside("find", "/var/log/app", "-type", "f").split()) == {"/var/log/app/new.gz", "/var/log/app/keep.log", "/var/log/app/old.log"}


def test_logs_are_turned_over_by_the_machines_own_rules(host: Machine, hand: Make) -> None:
    host.inside("sh", "-c", "echo line > /var/log/demo.log; printf '/var/log/demo.log {\\n rotate 2\\n}\\n' > /etc/logrotate.d/demo")
    hand("logs.rotate", config="demo").do()
    assert host.inside("cat", "/var/log/demo.log.1") == "line\n"
    with pytest.raises(BadReply, match="status 1"):
        hand("logs.rotate", config="absent").do()


def test_a_service_is_restarted_and_must_run(host: Machine, hand: Make) -> None:
    restart = hand("service.restart", service="demo")
    assert restart.plan().commands == ("service demo restart", "service demo status")
    restart.do()
    first = host.inside("cat", "/run/demo.pid")
    restart.do()
    assert host.inside("cat", "/run/demo.pid") != first
    assert hand("service.state", service="demo").do().values == {"running": True}
    host.inside("touch", "/etc/demo.broken")
    try:
        with pytest.raises(BadReply, match="service demo restart ended with status 1"):
            restart.do()
    finally:
        host.inside("rm", "/etc/demo.broken")


def test_a_service_is_stopped_and_started_again(host: Machine, hand: Make) -> None:
    hand("service.restart", service="demo").do()
    there_and_back(hand("service.stop", service="demo"))


def test_a_shutdown_is_announced_and_called_off(host: Machine, hand: Make) -> None:
    down = hand("host.shutdown", minutes=5)
    assert down.plan().inverse == ("shutdown -c",)
    there_and_back(down)


def test_a_machine_that_is_gone_is_shut_down(host: Machine) -> None:
    gone = host.asset(collect={"ssh": {"port": free_port(), "host_key": host.sshd.host_key}})
    assert Hand("host.shutdown", gone, ServiceReach(Vault(host=host.secret), gone, 10)).verify().holds is True


def test_an_account_is_locked_for_passwords_and_keys(host: Machine, hand: Make) -> None:
    host.inside("sh", "-c", "useradd -M outsider && echo outsider:Long-enough-1 | chpasswd")
    before = host.inside("getent", "shadow", "outsider")
    there_and_back(hand("account.lock", account="outsider"))
    assert host.inside("getent", "shadow", "outsider") == before
    with pytest.raises(BadReply, match="no account"):
        hand("account.lock", account="nobody-there").verify()


@pytest.mark.parametrize("address", ["203.0.113.9", "2001:db8::9"])
@pytest.mark.parametrize("way", ["nft", "iptables"])
def test_an_address_is_blocked_and_let_in(host: Machine, hand: Make, address: str, way: str) -> None:
    there_and_back(hand("firewall.block", {"firewall": way}, address=address))


def test_blocking_really_drops_packets(host: Machine, hand: Make) -> None:
    ping = ("ping", "-c", "1", "-W", "1", "-I", "203.0.113.20", "203.0.113.21")
    host.inside("sh", "-c", "ip address add 203.0.113.20/32 dev lo; ip address add 203.0.113.21/32 dev lo")
    block = hand("firewall.block", address="203.0.113.20")
    reached = "1 received" in host.inside(*ping, check=False)
    block.do()
    assert "1 received" not in host.inside(*ping, check=False)
    block.undo({})
    assert ("1 received" in host.inside(*ping, check=False)) == reached


@pytest.mark.parametrize("check", ["lnx-ssh-tries", "lnx-pwd-age", "lnx-shell-idle"])  # at the top, at the bottom, a new file
def test_a_remedy_is_written_holds_and_is_taken_out_to_the_letter(host: Machine, hand: Make, check: str) -> None:
    files = [part.file for part in remedies()[check].parts]
    for part in remedies()[check].parts:
        if part.create:
            host.inside("mkdir", "-p", str(Path(part.file).parent))
    before = {file: (host.root / file.lstrip("/")).read_text() if (host.root / file.lstrip("/")).exists() else None for file in files}
    there_and_back(hand("remedy.apply", check=check))
    after = {file: (host.root / file.lstrip("/")).read_text() if (host.root / file.lstrip("/")).exists() else None for file in files}
    assert after == before


def test_sshd_itself_reads_the_remedy(host: Machine, hand: Make) -> None:
    remedy = hand("remedy.apply", check="lnx-ssh-idle")
    remedy.do()
    try:
        assert "clientaliveinterval 300" in host.inside("/usr/sbin/sshd", "-T")
        assert "reloaded" in host.inside("cat", "/run/sshd.reloads")
    finally:
        remedy.undo({})


def test_root_does_not_shut_itself_out(host: Machine, hand: Make) -> None:
    before = (host.root / "etc/ssh/sshd_config").read_text()
    with pytest.raises(BadReply, match="shut itself out"):
        hand("remedy.apply", check="lnx-ssh-root").do()
    assert (host.root / "etc/ssh/sshd_config").read_text() == before


def test_settings_that_sshd_refuses_are_not_put_in_place(host: Machine, hand: Make) -> None:
    config = host.root / "etc/ssh/sshd_config"
    whole = config.read_text()
    config.write_text(whole + "NoSuchOption yes\n")
    try:
        with pytest.raises(BadReply, match="sshd -t"):
            hand("remedy.apply", check="lnx-ssh-tries").do()
        assert config.read_text() == whole + "NoSuchOption yes\n"
        assert not config.with_name("sshd_config.wanglou-new").exists()
    finally:
        config.write_text(whole)


def test_a_block_is_written_once_and_taken_out_whole() -> None:
    part = Part(file="/etc/x", lines=("a = 1",))
    for text in ("", "b = 2\n", "b = 2", "# begin wanglou other\n# end wanglou other\n"):
        once = with_block(text, part, "c")
        assert with_block(once, part, "c") == once
        assert without_block(once, "c") == (text if not text or text.endswith("\n") else text + "\n")
    assert without_block("# begin wanglou c\nhalf", "c") == "# begin wanglou c\nhalf"


def test_a_changed_host_key_stops_before_anything_is_sent(host: Machine) -> None:
    known = host.asset(collect={"ssh": {"port": host.sshd.port, "host_key": (host.sshd.folder / "user_key.pub").read_text().strip()}})
    with pytest.raises(AuthRefused):
        Hand("account.lock", known, ServiceReach(Vault(host=host.secret), known, 30), account="outsider").do()
