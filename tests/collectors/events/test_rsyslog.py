"""The listener with a real rsyslog as the sender."""

import socket
import time
from pathlib import Path

import pytest

from tests.collectors.events.test_listener import Box, listening
from tests.peers.program import free_port, program, running, until

RSYSLOG = """
module(load="imudp")
input(type="imudp" port="{inlet}" address="127.0.0.1")
global(workDirectory="{folder}")
template(name="old" type="string" string="<%PRI%>%TIMESTAMP% %HOSTNAME%-old %syslogtag%%msg%")
template(name="iso" type="string" string="<%PRI%>%TIMESTAMP:::date-rfc3339% %HOSTNAME%-iso %syslogtag%%msg%")
action(type="omfwd" target="127.0.0.1" port="{tcp}" protocol="tcp" tcp_framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" target="127.0.0.1" port="{tcp}" protocol="tcp" tcp_framing="traditional" template="iso")
action(type="omfwd" target="127.0.0.1" port="{udp}" protocol="udp" template="old")
"""


FORMS = {("asset-gate", "1"), ("asset-gate-old", None), ("asset-gate-iso", None)}


@pytest.mark.peer
def test_rsyslog_speaks_all_three_forms(tmp_path: Path) -> None:
    box = Box()
    listener = listening(box)
    inlet = free_port(socket.SOCK_DGRAM)
    (tmp_path / "rsyslog.conf").write_text(RSYSLOG.format(inlet=inlet, folder=tmp_path, **listener.ports), encoding="utf-8")
    arguments = [program("rsyslogd"), "-n", "-f", str(tmp_path / "rsyslog.conf"), "-i", str(tmp_path / "pid")]
    with running(arguments, (tmp_path / "pid").exists, tmp_path / "log"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:

        def all_came() -> bool:
            link.sendto("<38>Jan  1 00:00:00 gate sshd[12]: Failed password for 管理员 from 192.0.2.5 port 4 ssh2".encode(), ("127.0.0.1", inlet))
            time.sleep(0.2)
            return {(event.asset, event.fields.get("log.syslog.version")) for event in box.events} == FORMS

        until(all_came)
    assert {(event.kind, event.fields["user.name"], event.fields["process.pid"]) for event in box.events} == {("login_failed", "管理员", 12)}
    listener.stop()
