"""What of a server is sent when: tables that did not change too, for a verdict on an old text is no verdict."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.servers.changes import Changes
from collectors.servers.sockets import Listener
from core.records import Event, Snapshot
from tests.collectors.support import NOW

SSH, WEB = (Listener("tcp", "0.0.0.0", port, name) for port, name in ((22, "sshd"), (80, "nginx")))


def sent(changes: Changes, at: float, listeners: Sequence[Listener]) -> tuple[bool, list[str]]:
    """Whether the table was sent, and the events."""
    records = list(changes.ports("a", NOW, at, listeners, ()))
    return any(isinstance(one, Snapshot) and one.kind == "ports" for one in records), [one.kind for one in records if isinstance(one, Event)]


def test_the_table_of_ports_is_sent_when_it_changes_and_once_an_hour() -> None:
    changes = Changes()
    assert sent(changes, 10.0, [SSH]) == (True, [])
    assert sent(changes, 70.0, [SSH]) == (False, [])
    assert sent(changes, 130.0, [SSH, WEB]) == (True, ["port_opened"])
    assert sent(changes, 3700.0, [SSH, WEB]) == (False, [])
    assert sent(changes, 3730.0, [SSH, WEB]) == (True, [])
    assert sent(changes, 3790.0, [SSH]) == (True, ["port_closed"])
