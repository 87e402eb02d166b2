"""PostgreSQL as it runs: what pg_settings, pg_roles and pg_hba_file_rules say, in transactions that read only. How a password is stored is told by a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar, Final, LiteralString

from pydantic import Field

from collectors.databases.parts import HOUR_S, MOST_ROWS, DatabaseOptions, Sender, connections, proof, samples, settings, table, without_passwords, word
from collectors.loop import wait
from core.errors import AuthRefused, BadReply, DeviceError, Unreachable
from core.records import Record
from core.secrets import Secret, Secrets
from inventory.asset import Asset

try:
    import psycopg
except ImportError as err:  # the package is there, the C library that it speaks through is not
    raise ModuleNotFoundError("psycopg finds no libpq", name="libpq5") from err

ENGINE: Final = "postgresql"
SETTINGS: Final = "postgresql.settings"
ACCOUNTS: Final = "postgresql.accounts"
HBA: Final = "postgresql.hba"
DATABASES: Final = "postgresql.databases"
KINDS: Final = {SETTINGS: 300.0, ACCOUNTS: 300.0, HBA: 300.0, DATABASES: HOUR_S}
MOST_DATABASES: Final = 30
NOWHERE: Final = "/nonexistent"  # files of the service's own account are not looked at
Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# A function that an administrator made, or pg_authid, tells how a password is stored; without either it is unknown. The hash stays on the server.
OWN: Final[LiteralString] = (
    "SELECT EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner"
    " WHERE n.nspname = 'wanglou' AND p.proname = 'password_schemes' AND p.pronargs = 0 AND r.rolsuper AND has_function_privilege(p.oid, 'EXECUTE')),"
    " has_table_privilege('pg_authid', 'SELECT')"
)
ROLES: Final[LiteralString] = (
    "SELECT r.rolname, r.rolcanlogin, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, coalesce(s.scheme, 'unknown'),"
    " CASE WHEN isfinite(r.rolvaliduntil) THEN to_char(r.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"+00:00\"') ELSE '' END,"
    " array_to_string(ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid ORDER BY 1), ',')"
    " FROM pg_roles r LEFT JOIN ({schemes}) s ON s.name = r.rolname WHERE r.rolname !~ '^pg_' ORDER BY 1 LIMIT {limit}"
)
BY_TABLE: Final[LiteralString] = (
    "SELECT rolname AS name, CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram-sha-256'"
    " WHEN rolpassword LIKE 'md5%' THEN 'md5' ELSE 'other' END AS scheme FROM pg_authid"
)
BY_FUNCTION: Final[LiteralString] = "SELECT f.name, f.scheme FROM wanglou.password_schemes() AS f(name, scheme)"
BY_NOBODY: Final[LiteralString] = "SELECT NULL::name AS name, NULL::text AS scheme WHERE false"
RULES: Final[LiteralString] = (
    "SELECT line_number, type, array_to_string(database, ','), array_to_string(user_name, ','), address, netmask, auth_method,"
    " array_to_string(options, ','), error FROM pg_hba_file_rules ORDER BY line_number LIMIT {limit}"
)
NAMES: Final[LiteralString] = (
    "SELECT datname, pg_get_userbyid(datdba),"
    " EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0 AND privilege_type = 'CONNECT'),"
    " has_database_privilege(datname, 'CONNECT') FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"
)
INSIDE: Final[LiteralString] = (
    "SELECT coalesce((SELECT bool_or(has_schema_privilege('public', oid, 'CREATE')) FROM pg_namespace WHERE nspname = 'public'), false),"
    " (SELECT count(DISTINCT c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) x"
    "  WHERE x.grantee = 0 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')"
)
FIGURES: Final[LiteralString] = (
    "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'), current_setting('max_connections')::int, pg_is_in_recovery(),"
    " CASE WHEN pg_is_in_recovery() THEN CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
    " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END END"
)


class PostgresqlOptions(DatabaseOptions):
    """``database`` is the one that the collector connects to first."""

    port: int = Field(default=5432, ge=1, le=65535)
    database: str = "postgres"


class PostgresqlCollector:
    """One PostgreSQL server (10 or later)."""

    Options: ClassVar = PostgresqlOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: PostgresqlOptions, secrets: Secrets) -> None:
        self._options, self._secrets, self._sender = options, secrets, Sender(KINDS)
        self.deadline_s = options.timeout_s * 4 + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Figures at each poll, texts when they are due; raises Unreachable, AuthRefused and BadReply."""
        secret = proof(asset, ENGINE, self._options.credential, self._secrets)
        host = self._options.host or asset.address
        texts: dict[str, str] = {}
        try:
            figures = wait(self._ask(host, secret, self._sender.due(), texts), self._options.timeout_s * 4)
        except (psycopg.Error, OSError) as err:
            found = _translated(asset.id, f"{host}:{self._options.port}", err)
            if isinstance(found, Unreachable):
                yield from samples(asset.id, ENGINE, {"database.up": 0.0}, now)
            raise found from None  # the library's text may quote what was sent
        yield from samples(asset.id, ENGINE, figures, now)
        yield from self._sender.records(asset.id, now, texts)

    def anew(self) -> None:
        """Read and send every text with the next poll."""
        self._sender.anew()

    def close(self) -> None:
        """Nothing is held open."""

    async def _ask(self, host: str, secret: Secret, due: frozenset[str], texts: dict[str, str]) -> dict[str, float]:
        async with await self._connect(host, secret, self._options.database) as link:
            used, limit, _, lag = (await _rows(link, FIGURES))[0]
            if SETTINGS in due:
                texts[SETTINGS] = settings((name, value) for name, value in await _rows(link, "SELECT name, setting FROM pg_settings"))
            if ACCOUNTS in due:
                texts[ACCOUNTS] = table(await _roles(link))
            if HBA in due and (rules := await _permitted(link, RULES.format(limit=MOST_ROWS + 1))) is not None:
                texts[HBA] = table(_rule(*row) for row in rules)
            if DATABASES in due:
                texts[DATABASES] = table([await self._inside(host, secret, *row) for row in (await _rows(link, NAMES))[:MOST_DATABASES]])
        return {"database.up": 1.0, **connections(used, limit), **({} if lag is None else {"database.replication.lag": max(0.0, float(lag))})}

    async def _connect(self, host: str, secret: Secret, database: str) -> Connection:
        """A connection whose transactions read only and end in time; names are looked up in the system's own schema alone."""
        options = self._options
        link = await psycopg.AsyncConnection.connect(
            host=host,
            port=options.port,
            dbname=database,
            user=secret.username,
            password=secret.password,
            passfile=NOWHERE,
            connect_timeout=max(2, round(options.timeout_s)),
            sslmode="disable" if options.tls == "off" else "verify-full" if options.ca_file else options.tls,
            sslrootcert=options.ca_file or NOWHERE,
            gssencmode="disable",
            application_name="wanglou",
            client_encoding="UTF8",
            autocommit=True,
        )
        await link.set_read_only(True)
        await link.execute(f"SET search_path = pg_catalog; SET statement_timeout = {round(options.timeout_s * 1000)}; SET lock_timeout = 1000")
        return link

    async def _inside(self, host: str, secret: Secret, name: str, owner: str, everybody: bool, may_enter: bool) -> tuple[Any, ...]:
        """What PUBLIC may do in a database; unknown where we may not enter."""
        found: tuple[Any, ...] = (None, "")
        if may_enter:
            try:
                async with await self._connect(host, secret, name) as link:
                    found = (await _rows(link, INSIDE))[0]
            except psycopg.Error:
                found = (None, "")  # pg_hba.conf keeps us out of this one
        return name, owner, word(everybody), word(found[0]), found[1]


async def _rows(link: Connection, statement: LiteralString) -> list[tuple[Any, ...]]:
    async with link.transaction(), link.cursor() as cursor:
        await cursor.execute(statement)
        return await cursor.fetchall()


async def _permitted(link: Connection, statement: LiteralString) -> list[tuple[Any, ...]] | None:
    """The rows; None without the right to read them, or where the server does not know them."""
    try:
        return await _rows(link, statement)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedTable):
        return None


async def _roles(link: Connection) -> list[tuple[Any, ...]]:
    by_function, by_table = (await _rows(link, OWN))[0]
    ways: list[LiteralString] = [*([BY_FUNCTION] if by_function else []), *([BY_TABLE] if by_table else []), BY_NOBODY]
    for way in ways:
        try:
            return await _rows(link, ROLES.format(schemes=way, limit=MOST_ROWS + 1))
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedFunction, psycopg.errors.DatatypeMismatch):
            continue
    return []


def _rule(line: int, kind: str | None, database: str | None, user: str | None, address: str | None, netmask: str | None, *rest: str | None) -> tuple[Any, ...]:
    """A rule of access; ``rest`` is method, options, error."""
    method, options, error = rest
    return line, kind, database, user, _network(address or "", netmask or ""), method, without_passwords(options or ""), error


def _network(address: str, netmask: str) -> str:
    try:
        return str(ip_network(f"{address.partition('%')[0]}/{_bits(netmask)}", strict=False)) if netmask else address
    except ValueError:
        return f"{address} {netmask}".strip()


def _bits(netmask: str) -> str:
    """IPv6 masks are told as addresses; the library takes their length."""
    if ":" not in netmask:
        return netmask
    return str(int(ip_address(netmask)).bit_count())


_SAID: Final = re.compile(r"FATAL|致命")
_BUSY: Final = re.compile(r"(?i)too many|starting up|shutting down|recovery|remaining connection slots|过多|正在启动|正在关闭")


def _translated(asset: str, place: str, err: Exception) -> DeviceError:
    """By the SQLSTATE, else by what the library wrote: it tells no SQLSTATE of a login that was refused."""
    text = " ".join(str(err).split())[:300]
    if isinstance(err, TimeoutError | psycopg.errors.ConnectionTimeout | psycopg.errors.QueryCanceled):
        return Unreachable(asset, f"{place}: no answer in time")
    if isinstance(err, psycopg.OperationalError) and (_BUSY.search(text) or not (_SAID.search(text) or "password" in text)):
        is_nonsense = re.search(r"(?i)received|expected|SSL|certificate|protocol|authentication method", text) and "closed the connection" not in text
        return (BadReply if is_nonsense else Unreachable)(asset, f"{place}: {text}")
    if isinstance(err, psycopg.OperationalError):
        return AuthRefused(asset, f"{place} refused the login: {text}; check account, password and pg_hba.conf")
    if isinstance(err, psycopg.errors.InsufficientPrivilege):
        return AuthRefused(asset, f"{place}: {text}; grant pg_monitor to the collecting account")
    return Unreachable(asset, f"{place}: {text}") if isinstance(err, OSError) else BadReply(asset, f"{place}: {text}")
