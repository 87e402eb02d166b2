"""A backup of a PostgreSQL database really restored: into a scratch database of its own on the target, counted, timed, and dropped again.

The backup is one that ``pg_dump --format=custom`` wrote, on the target (or mounted there). What is in it runs as the asset's database user: let that be
one that may create databases and nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from core.errors import BadReply, ConfigError
from inventory.asset import Asset
from playbooks.capabilities.databases import client, kind_of
from playbooks.capabilities.remote import asset_of, fact, run, shown
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Path

SCRATCH: Final = "wanglou_drill"
DROP: Final = f"DROP DATABASE IF EXISTS {SCRATCH}"
CREATE: Final = f"CREATE DATABASE {SCRATCH}"
COUNT: Final = (
    "SELECT count(*), coalesce(sum((xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', schemaname, relname), false, true, '')))"
    "[1]::text::bigint), 0), pg_database_size(current_database()) FROM pg_stat_user_tables"
)


class DrillOptions(Options):
    """The backup file."""

    backup: Path


def restore(target: Asset | None, backup: str) -> list[str]:
    """The vector of pg_restore."""
    if kind_of(target) != "postgresql":
        raise ConfigError("only backups of PostgreSQL are restored", key=f"assets.{asset_of(target).id}.facts.database")
    where = {"--host": fact(target, "database_host"), "--port": fact(target, "database_port"), "--username": fact(target, "database_user")}
    given = [f"{flag}={value}" for flag, value in where.items() if value]
    return ["pg_restore", *given, "--no-owner", "--no-privileges", "--no-password", "--exit-on-error", f"--dbname={SCRATCH}", "--", backup]


class SqlDrill:
    """Restores, counts, drops. The scratch database has a name of our own, so doing it again is harmless."""

    name: ClassVar[str] = "sql.drill"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = False
    undoable: ClassVar[bool] = True
    Options: ClassVar = DrillOptions

    def plan(self, options: DrillOptions, target: Asset | None) -> Act:
        """Every statement and the call."""
        ask = shown(target, client(target, "postgres"))[0]
        look = shown(target, client(target, SCRATCH))[0]
        steps = (
            f"{ask} <<< {DROP!r}",
            f"{ask} <<< {CREATE!r}",
            *shown(target, restore(target, options.backup)),
            f"{look} <<< {COUNT!r}",
            f"{ask} <<< {DROP!r}",
        )
        return Act(commands=steps, inverse=(f"{ask} <<< {DROP!r}",))

    def verify(self, options: DrillOptions, target: Asset | None, reach: Reach) -> State:  # noqa: ARG002
        """Nothing is meant to be left of it."""
        return State(holds=None)

    def do(self, options: DrillOptions, target: Asset | None, reach: Reach) -> Answer:
        """``values``: seconds that the restore took, tables, rows, bytes; raises BadReply when the backup cannot be restored."""
        asked = client(target, "postgres")
        run(reach, target, asked, stdin=f"{DROP};\n")
        run(reach, target, asked, stdin=f"{CREATE};\n")
        try:
            began = time.monotonic()
            run(reach, target, restore(target, options.backup))
            took = time.monotonic() - began
            found = run(reach, target, client(target, SCRATCH), stdin=f"{COUNT};\n").out.strip().split("|")
        finally:
            run(reach, target, asked, stdin=f"{DROP};\n")
        if len(found) != 3 or not all(number.isdecimal() for number in found):
            raise BadReply(asset_of(target).id, f"the restored database said something else: {'|'.join(found)[:200]}")
        tables, rows, size = map(int, found)
        values = {"seconds": round(took, 1), "tables": tables, "rows": rows, "bytes": size}
        return Answer(said=f"{options.backup}: {tables} tables with {rows} rows, {size} bytes, restored in {took:.1f} s", values=values)

    def undo(self, options: DrillOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """Drop what a kill may have left."""
        return Answer(said=run(reach, target, client(target, "postgres"), stdin=f"{DROP};\n").out)
