"""Databases, by their own client on their own machine: questions of a list, and idle connections ended. PostgreSQL and MySQL/MariaDB.

Facts of the asset: ``database`` (``postgresql``, ``mysql``), and where the login's usual ones will not do ``database_host`` (a name or the
folder of the socket), ``database_port``, ``database_user``. No password is given: the client uses the machine's own ways (peer, ``.pgpass``, ``.my.cnf``).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.errors import BadReply, ConfigError
from core.files import build, read_yaml
from inventory.asset import Asset
from playbooks.capabilities.commands import Reading
from playbooks.capabilities.remote import asset_of, fact, run, shown
from playbooks.capability import Act, Answer, Danger, Options, Reach, State
from playbooks.words import Word

TABLE: Final = FilePath(__file__).with_name("queries.yaml")


class Query(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: str
    en: str
    postgresql: str = ""
    mysql: str = ""


@lru_cache(maxsize=1)
def queries() -> Mapping[str, Query]:
    """The table."""
    document = read_yaml(TABLE)
    return {name: build(document, Query, (name,)) for name in document.data}


def _known(name: str) -> str:
    if name not in queries():
        raise ValueError(f"is none of the questions that may be asked: {', '.join(sorted(queries()))}")
    return name


class SqlOptions(Options):
    """Which question, in which database."""

    query: Annotated[str, AfterValidator(_known)]
    database: Word = "postgres"


def kind_of(target: Asset | None) -> str:
    """``postgresql`` or ``mysql``; raises ConfigError."""
    kind = fact(target, "database")
    if kind not in ("postgresql", "mysql"):
        raise ConfigError(f"{asset_of(target).id} needs the fact database: postgresql or mysql", key=f"assets.{asset_of(target).id}.facts.database")
    return kind


def client(target: Asset | None, database: str) -> list[str]:
    """The client's vector; the statement comes by its input."""
    where = {"-h": fact(target, "database_host"), "-p" if kind_of(target) == "postgresql" else "-P": fact(target, "database_port")}
    user = {"-U" if kind_of(target) == "postgresql" else "-u": fact(target, "database_user")}
    given = [word for flag, value in {**where, **user}.items() if value for word in (flag, value)]
    if kind_of(target) == "postgresql":
        return ["psql", "-X", "-A", "-q", "-t", "-F", "|", "-v", "ON_ERROR_STOP=1", *given, "-d", database]
    return ["mysql", "--batch", "--skip-column-names", *given, *([] if database == "postgres" else ["-D", database])]


class SqlRead(Reading):
    """One question of the list."""

    name: ClassVar[str] = "sql.read"
    Options: ClassVar = SqlOptions

    def plan(self, options: SqlOptions, target: Asset | None) -> Act:
        """Client and statement."""
        return Act(commands=(f"{shown(target, client(target, options.database))[0]} <<< {self._statement(options, target)!r}",))

    def do(self, options: SqlOptions, target: Asset | None, reach: Reach) -> Answer:
        """Ask; ``values.rows`` is how many lines came."""
        ran = run(reach, target, client(target, options.database), stdin=self._statement(options, target) + ";\n")
        return Answer(said=ran.out, values={"rows": len(ran.out.splitlines())})

    @staticmethod
    def _statement(options: SqlOptions, target: Asset | None) -> str:
        found: str = getattr(queries()[options.query], kind_of(target))
        if not found:
            raise ConfigError(f"{options.query} is not asked of {kind_of(target)}")
        return found


class IdleOptions(Options):
    """Connections of ``user`` (all but the owner of the database server when empty) that have done nothing for ``minutes``."""

    minutes: int = Field(default=10, ge=1, le=1440)
    user: Word | None = None


class SqlEndIdle:
    """Ends idle connections; who is cut off connects again. Running statements are left alone."""

    name: ClassVar[str] = "sql.end_idle"
    danger: ClassVar[Danger] = Danger.CHANGE
    targeted: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    verifiable: ClassVar[bool] = True
    undoable: ClassVar[bool] = False
    Options: ClassVar = IdleOptions

    def plan(self, options: IdleOptions, target: Asset | None) -> Act:
        """The statement that ends them."""
        return Act(commands=(f"{shown(target, client(target, 'postgres'))[0]} <<< {_end(options, target)!r}",))

    def verify(self, options: IdleOptions, target: Asset | None, reach: Reach) -> State:
        """Whether none is left."""
        ran = run(reach, target, client(target, "postgres"), stdin=_count(options, target) + ";\n")
        number = ran.out.strip()
        if not number.isdecimal():
            raise BadReply(asset_of(target).id, f"the database said something else: {ran.out[:200]}")
        return State(holds=number == "0", said=f"{number} idle connections", before={"idle": int(number)})

    def do(self, options: IdleOptions, target: Asset | None, reach: Reach) -> Answer:
        """End them."""
        ran = run(reach, target, client(target, "postgres"), stdin=_end(options, target) + ";\n")
        if kind_of(target) == "mysql" and ran.out.strip():
            run(reach, target, client(target, "postgres"), stdin=ran.out)  # the KILL statements that the first one wrote
        return Answer(said=ran.out, values={"ended": len(ran.out.split())})

    def undo(self, options: IdleOptions, target: Asset | None, reach: Reach, before: Mapping[str, Any]) -> Answer:  # noqa: ARG002
        """They connect again by themselves."""
        return Answer()


def _where(options: IdleOptions, target: Asset | None) -> str:
    if kind_of(target) == "postgresql":
        user = f"usename = '{options.user}'" if options.user else "NOT (SELECT rolsuper FROM pg_roles WHERE oid = usesysid)"
        return f"state = 'idle' AND state_change < now() - interval '{options.minutes} minutes' AND pid <> pg_backend_pid() AND {user}"
    user = f"user = '{options.user}'" if options.user else "user NOT IN ('root', 'mysql', 'system user', 'event_scheduler')"
    return f"command = 'Sleep' AND time > {options.minutes * 60} AND {user}"


def _count(options: IdleOptions, target: Asset | None) -> str:
    table = "pg_stat_activity" if kind_of(target) == "postgresql" else "information_schema.processlist"
    return f"SELECT count(*) FROM {table} WHERE {_where(options, target)}"  # noqa: S608 - a plain word and a number


def _end(options: IdleOptions, target: Asset | None) -> str:
    if kind_of(target) == "postgresql":
        return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_where(options, target)}"  # noqa: S608 - a plain word and a number
    return f"SELECT concat('KILL ', id, ';') FROM information_schema.processlist WHERE {_where(options, target)}"  # noqa: S608 - a plain word and a number
