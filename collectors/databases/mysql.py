"""MySQL and MariaDB as they run: global variables, accounts with their rights, plugins. Whether a password is empty is told by a word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final

import pymysql
from pydantic import Field
from pymysql.connections import Connection
from pymysql.cursors import Cursor, DictCursor

from collectors.databases.parts import HOUR_S, MOST_ROWS, DatabaseOptions, Sender, connections, proof, samples, settings, table, tls_context, word
from collectors.loop import wait
from core.errors import AuthRefused, BadReply, DeviceError, Unreachable
from core.records import Record
from core.secrets import Secret, Secrets
from inventory.asset import Asset

ENGINE: Final = "mysql"
SETTINGS: Final = "mysql.settings"
ACCOUNTS: Final = "mysql.accounts"
PLUGINS: Final = "mysql.plugins"
STORAGE: Final = "mysql.storage"
KINDS: Final = {SETTINGS: 300.0, ACCOUNTS: 300.0, PLUGINS: 300.0, STORAGE: HOUR_S}
DENIED: Final = frozenset({1044, 1045, 1130, 1227, 1142, 1143, 1698, 1820, 1862, 3118, 3159, 3955, 4151})
NOT_PERMITTED: Final = frozenset({1044, 1109, 1142, 1143, 1146, 1227, 1356})
AWAY: Final = frozenset({1040, 1053, 1129, 1203, 2002, 2003, 2005, 2006, 2013})
Row = tuple[Any, ...]

# the plugins that keep a password in the table
TOLD_APART: Final = "'', 'mysql_native_password', 'mysql_old_password', 'caching_sha2_password', 'sha256_password', 'ed25519', 'parsec'"
COLUMNS: Final = "SELECT lower(column_name) FROM information_schema.columns WHERE table_schema = 'mysql' AND table_name = 'user'"
LOCKED_THERE: Final = "JSON_VALUE(p.Priv, '$.account_locked')"
TRIES: Final = "JSON_UNQUOTE(JSON_EXTRACT(u.User_attributes, '$.Password_locking.failed_login_attempts'))"
OURS: Final = " WHERE NAME NOT REGEXP '^(mysql|sys|performance_schema)(/|$)|^innodb_'"
PLAIN_IN_MYSQL: Final = "SELECT count(*), coalesce(sum(ENCRYPTION <> 'Y'), 0) FROM information_schema.INNODB_TABLESPACES"
PLAIN_IN_MARIADB: Final = (  # it lists apart what it encrypts
    "SELECT count(*), coalesce(sum(NAME NOT IN (SELECT NAME FROM information_schema.INNODB_TABLESPACES_ENCRYPTION WHERE MIN_KEY_VERSION > 0)), 0)"
    " FROM information_schema.INNODB_SYS_TABLESPACES"
)
SEES_DATABASES: Final = (
    "SELECT count(*) FROM information_schema.user_privileges WHERE privilege_type = 'SHOW DATABASES'"
    " AND grantee = concat('''', replace(current_user(), '@', '''@'''), '''')"
)


class MysqlOptions(DatabaseOptions):
    """One server."""

    port: int = Field(default=3306, ge=1, le=65535)


class MysqlCollector:
    """One MySQL (5.7 or later) or MariaDB (10.4 or later) server."""

    Options: ClassVar = MysqlOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: MysqlOptions, secrets: Secrets) -> None:
        self._options, self._secrets, self._sender = options, secrets, Sender(KINDS)
        self.deadline_s = options.timeout_s * 4 + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Figures at each poll, texts when they are due; raises Unreachable, AuthRefused and BadReply."""
        secret = proof(asset, ENGINE, self._options.credential, self._secrets)
        host = self._options.host or asset.address
        link = self._link(host, secret)
        try:
            figures, texts = wait(asyncio.to_thread(_ask, link, self._sender.due()), self._options.timeout_s * 4)
        except (pymysql.MySQLError, OSError, ValueError, IndexError, AssertionError) as err:  # the last three: what the library makes of nonsense
            found = _translated(asset.id, f"{host}:{self._options.port}", err)
            if isinstance(found, Unreachable):
                yield from samples(asset.id, ENGINE, {"database.up": 0.0}, now)
            raise found from err
        finally:
            link._force_close()  # noqa: SLF001 - ends a thread that still waits for the server
        yield from samples(asset.id, ENGINE, figures, now)
        yield from self._sender.records(asset.id, now, texts)

    def anew(self) -> None:
        """Read and send every text with the next poll."""
        self._sender.anew()

    def close(self) -> None:
        """Nothing is held open."""

    def _link(self, host: str, secret: Secret) -> Connection[Cursor]:
        """A connection that is not open yet."""
        options = self._options
        where = {"unix_socket": host} if host.startswith("/") else {"host": host, "port": options.port}
        return pymysql.connect(
            **where,
            user=secret.username,
            password=secret.password,
            charset="utf8mb4",
            ssl=tls_context(options) if options.ca_file or options.tls == "require" else None,
            ssl_disabled=options.tls == "off",
            connect_timeout=max(1, round(options.timeout_s)),
            read_timeout=options.timeout_s,
            write_timeout=options.timeout_s,
            auth_plugin_map=dict.fromkeys((b"mysql_clear_password", b"dialog"), _NeverInClear),
            program_name="wanglou",
            defer_connect=True,
        )


class _NeverInClear:
    """A server that asks for the password as it is does not get it."""

    def __init__(self, _link: object) -> None:
        pass

    def authenticate(self, _packet: object) -> Any:
        raise pymysql.OperationalError(1045, "the server asks for the password in clear text")


def _ask(link: Connection[Cursor], due: frozenset[str]) -> tuple[dict[str, float], dict[str, str]]:
    link.connect()
    _rows(link, "SET SESSION TRANSACTION READ ONLY")
    variables = {str(name): value for name, value in _rows(link, "SHOW GLOBAL VARIABLES")}
    texts: dict[str, str] = {}
    if SETTINGS in due:
        texts[SETTINGS] = settings(variables.items())
    if ACCOUNTS in due and (accounts := _accounts(link)) is not None:
        texts[ACCOUNTS] = table(accounts)
    if PLUGINS in due:
        components = [(urn, "ACTIVE", "COMPONENT") for (urn,) in _permitted(link, "SELECT component_urn FROM mysql.component") or ()]
        texts[PLUGINS] = table([*(row[:3] for row in _rows(link, "SHOW PLUGINS")), *components])
    if STORAGE in due:
        texts[STORAGE] = settings(_storage(link))
    used = float(_rows(link, "SHOW GLOBAL STATUS LIKE 'Threads_connected'")[0][1])
    return {"database.up": 1.0, **connections(used, float(variables.get("max_connections", 0))), **_lag(link)}, texts


def _rows(link: Connection[Any], statement: str) -> Sequence[Row]:
    with link.cursor() as cursor:
        cursor.execute(statement)
        found: Sequence[Row] = cursor.fetchall()
    return found


def _permitted(link: Connection[Any], statement: str) -> Sequence[Row] | None:
    """The rows; None without the right to read them, or where the server does not know them."""
    try:
        return _rows(link, statement)
    except pymysql.MySQLError as err:
        if _code(err) in NOT_PERMITTED:
            return None
        raise


def _accounts(link: Connection[Any]) -> Sequence[Row] | None:
    """name, host, login, password, plugin, super, file, grant, create_user, ssl, expired, tries."""
    columns = {name for (name,) in _rows(link, COLUMNS)}
    if "authentication_string" not in columns:
        return None
    is_role = "u.is_role = 'Y'" if "is_role" in columns else "false"
    locked, source = "u.account_locked = 'Y'", "mysql.user u"
    if "account_locked" not in columns:  # MariaDB keeps it in the table below its view
        locked = f"coalesce({LOCKED_THERE}, '') IN ('1', 'true')"
        source = "mysql.user u JOIN mysql.global_priv p ON p.User = u.User AND p.Host = u.Host"
    hashed = "coalesce(u.authentication_string, '') = ''" + (" AND coalesce(u.Password, '') = ''" if "password" in columns else "")
    tries = TRIES if "user_attributes" in columns else "''"
    statement = (
        f"SELECT u.User, u.Host, IF({is_role} OR {locked}, 'no', 'yes'),"  # noqa: S608 - made of our own words
        f" IF(u.plugin NOT IN ({TOLD_APART}), 'external', IF({hashed}, 'empty', 'set')), u.plugin,"
        f" {', '.join(_flag(name) for name in ('Super_priv', 'File_priv', 'Grant_priv', 'Create_user_priv'))},"
        f" u.ssl_type, {_flag('password_expired')}, {tries} FROM {source} ORDER BY 1, 2 LIMIT {MOST_ROWS + 1}"
    )
    return _permitted(link, statement)


def _flag(column: str) -> str:
    return f"IF(u.{column} = 'Y', 'yes', 'no')"


def _storage(link: Connection[Any]) -> list[tuple[str, Any]]:
    """Whether the database test is there, and how many tablespaces are not encrypted."""
    sees_all = bool(_rows(link, SEES_DATABASES)[0][0])
    is_there = bool(_rows(link, "SHOW DATABASES LIKE 'test'"))
    counted = next((found[0] for statement in (PLAIN_IN_MYSQL, PLAIN_IN_MARIADB) if (found := _permitted(link, statement + OURS))), ("unknown", "unknown"))
    return [("test_database", word(is_there if is_there or sees_all else None)), ("tablespaces", counted[0]), ("tablespaces_plain", counted[1])]


def _lag(link: Connection[Any]) -> dict[str, float]:
    """Seconds behind the source; nothing where this is no replica, replication stands, or we may not ask."""
    for statement in ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS"):
        try:
            with link.cursor(DictCursor) as cursor:
                cursor.execute(statement)
                row: Any = cursor.fetchone() or {}
        except pymysql.MySQLError as err:
            if _code(err) in NOT_PERMITTED | {1064}:
                continue
            raise
        behind = next((value for name, value in row.items() if name.startswith("Seconds_Behind") and value is not None), None)
        return {} if behind is None else {"database.replication.lag": float(behind)}
    return {}


def _code(err: Exception) -> int:
    return err.args[0] if err.args and isinstance(err.args[0], int) else 0


def _translated(asset: str, place: str, err: Exception) -> DeviceError:
    text = " ".join(str(err.args[1] if len(err.args) > 1 else err).split())[:300]
    if isinstance(err, TimeoutError) or "timed out" in text:
        return Unreachable(asset, f"{place}: no answer in time")
    if _code(err) in DENIED:
        return AuthRefused(asset, f"{place} refused: {text}; check account, password and grants")
    if isinstance(err, pymysql.MySQLError) and "certificate verify failed" in text:
        return BadReply(asset, f"{place}: the certificate of the server is not trusted: {text}")
    return (Unreachable if isinstance(err, OSError) or _code(err) in AWAY else BadReply)(asset, f"{place}: {text}")
