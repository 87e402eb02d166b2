"""What of a server is sent when: tables that did not change too, for a verdict on an old text is no verdict."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.base import Rereads
from collectors.databases.mysql import MysqlCollector
from collectors.databases.postgresql import PostgresqlCollector
from collectors.servers.backups import BackupsCollector
from collectors.servers.changes import Changes
from collectors.servers.facts import Fact, Readings
from collectors.servers.host import HostCollector
from collectors.servers.sockets import Listener
from core.records import Event, Snapshot
from core.secrets import NoSecrets
from inventory.asset import Asset
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


def test_after_work_on_a_machine_every_text_is_read_and_sent_once_more_and_is_no_change() -> None:
    changes, asked = Changes(), list[str]()

    def read(machine: str) -> str:
        asked.append(machine)
        return machine

    readings: Readings[str] = Readings([Fact("umask", read, 3600.0)])

    def poll(at: float) -> list[str]:
        made = [*changes.ports("a", NOW, at, [SSH], ()), *changes.users("a", NOW, []), *changes.facts("a", NOW, at, readings, "022")]
        return [one.kind for one in made if isinstance(one, Snapshot | Event)]

    assert poll(10.0) == ["ports", "users", "umask"]
    assert poll(70.0) == []
    changes.anew()
    readings.anew()
    assert poll(130.0) == ["ports", "users", "umask"], "sent, and no event of a change"
    assert poll(190.0) == []
    assert len(asked) == 2


def test_what_reads_seldom_can_be_told_to_read_now() -> None:
    for collector in (
        HostCollector(HostCollector.Options(), NoSecrets()),
        BackupsCollector(
            BackupsCollector.Options.model_validate({"local": True, "sets": [{"name": "daily", "tool": "files", "place": "/nowhere/*.tar"}]}), NoSecrets()
        ),
        MysqlCollector(MysqlCollector.Options(), NoSecrets()),
        PostgresqlCollector(PostgresqlCollector.Options(), NoSecrets()),
    ):
        assert isinstance(collector, Rereads)
        collector.anew()


def test_this_machine_sends_its_texts_again_after_work_on_it() -> None:
    collector = HostCollector(HostCollector.Options(), NoSecrets())

    def kinds() -> list[str]:
        return [one.kind for one in collector.collect(Asset(id="a", address="127.0.0.1"), NOW) if isinstance(one, Snapshot)]

    first = kinds()
    assert "accounts" in first
    assert "accounts" not in kinds()
    collector.anew()
    assert set(kinds()) == set(first)
