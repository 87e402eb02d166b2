"""Redis and Valkey as they run: settings, accounts with what they may do, memory, hits and replication. Hashes of passwords never leave this module."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, cast

import redis
from pydantic import Field
from redis.backoff import NoBackoff
from redis.retry import Retry

from collectors.base import credential
from collectors.databases.parts import DatabaseOptions, Sender, connections, samples, settings, table, word
from collectors.loop import wait
from collectors.rates import Rates
from core.errors import AuthRefused, BadReply, DeviceError, Unreachable
from core.records import Record
from core.secrets import Secret, Secrets
from inventory.asset import Asset

ENGINE: Final = "redis"
SETTINGS: Final = "redis.settings"
ACCOUNTS: Final = "redis.accounts"
KINDS: Final = {SETTINGS: 300.0, ACCOUNTS: 300.0}
DANGEROUS: Final[Mapping[str, frozenset[str]]] = {
    "config": frozenset({"all", "admin", "slow", "dangerous"}),
    "debug": frozenset({"all", "admin", "slow", "dangerous"}),
    "flushall": frozenset({"all", "keyspace", "write", "slow", "dangerous"}),
    "module": frozenset({"all", "slow", "admin", "dangerous"}),
    "shutdown": frozenset({"all", "admin", "slow", "dangerous"}),
}
"""Commands by which the server is reconfigured, emptied, stopped or made to run foreign code, with their categories (ACL CAT of Redis 7.0)."""
REFUSALS: Final = ("NOAUTH", "WRONGPASS", "NOPERM", "DENIED", "ERR invalid password", "ERR Client sent AUTH")


class RedisOptions(DatabaseOptions):
    """One server. ``tls`` is required unless it is switched off: Redis takes its password in the clear. ``host`` may be the path of a socket."""

    port: int = Field(default=6379, ge=1, le=65535)
    tls: Literal["require", "off"] = "require"


class RedisCollector:
    """One Redis (2.8 or later) or Valkey server."""

    Options: ClassVar = RedisOptions
    default_interval_s: ClassVar[float] = 60.0

    def __init__(self, options: RedisOptions, secrets: Secrets) -> None:
        self._options, self._secrets, self._sender, self._rates = options, secrets, Sender(KINDS), Rates()
        self.deadline_s = options.timeout_s * 4 + 5.0

    def collect(self, asset: Asset, now: datetime) -> Iterator[Record]:
        """Figures at each poll, texts when they are due; raises Unreachable, AuthRefused and BadReply."""
        host = self._options.host or asset.address
        link = self._link(host, credential(asset, ENGINE, self._options.credential, self._secrets))
        try:
            said, texts = wait(asyncio.to_thread(_ask, link, self._sender.due()), self._options.timeout_s * 4)
            measured = figures(said, self._rates, time.monotonic())
        except (redis.RedisError, OSError, ValueError, TypeError, KeyError, IndexError) as err:  # the last four: what the library makes of nonsense
            found = _translated(asset.id, f"{host}:{self._options.port}", err)
            if isinstance(found, Unreachable):
                yield from samples(asset.id, ENGINE, {"database.up": 0.0}, now)
            raise found from err
        finally:
            link.close()
        yield from samples(asset.id, ENGINE, measured, now)
        yield from self._sender.records(asset.id, now, texts)

    def anew(self) -> None:
        """Read and send every text with the next poll."""
        self._sender.anew()

    def close(self) -> None:
        """Nothing is held open."""

    def _link(self, host: str, secret: Secret) -> redis.Redis:
        """A connection that is not open yet."""
        options = self._options
        common: dict[str, Any] = {
            "username": secret.username or None,
            "password": secret.password or None,
            "protocol": 2,
            "decode_responses": True,
            "encoding_errors": "replace",
            "socket_timeout": options.timeout_s,
            "socket_connect_timeout": options.timeout_s,
            "retry": Retry(NoBackoff(), 0),
            "driver_info": None,
        }
        if host.startswith("/"):
            return redis.Redis(unix_socket_path=host, **common)
        if options.tls == "require" or options.ca_file:
            checks = {"ssl_ca_certs": options.ca_file, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
            common |= {"ssl": True, **(checks if options.ca_file else {"ssl_cert_reqs": "none", "ssl_check_hostname": False})}
        return redis.Redis(host=host, port=options.port, **common)


def _ask(link: redis.Redis, due: frozenset[str]) -> tuple[Mapping[str, Any], dict[str, str]]:
    said = cast("Mapping[str, Any]", link.info())
    if not isinstance(said, dict) or "redis_version" not in said:
        raise ValueError("INFO names no version")
    texts: dict[str, str] = {}
    given = (_permitted(link, "CONFIG", "GET", "*") if due else None) or []  # names and values in turn
    known = {str(name): str(value) for name, value in zip(given[::2], given[1::2], strict=True)}
    if SETTINGS in due and known:
        texts[SETTINGS] = settings([*known.items(), ("version", said["redis_version"]), ("role", said.get("role", ""))])
    if ACCOUNTS in due and (rows := _accounts(link, known)) is not None:
        texts[ACCOUNTS] = table(rows)
    return said, texts


def _permitted(link: redis.Redis, *command: str) -> Any:
    """The answer; None where the server does not know the command or we may not give it."""
    try:
        return cast("Any", link).execute_command(*command)
    except redis.exceptions.NoPermissionError:
        return None
    except redis.exceptions.ResponseError as err:
        if str(err).startswith(("NOPERM", "unknown command", "ERR unknown", "Unknown subcommand", "ERR Unknown subcommand")):
            return None
        raise


def _accounts(link: redis.Redis, known: Mapping[str, str]) -> list[list[str]] | None:
    """name, login, password, dangerous, keys of each account; None when the server does not tell."""
    there = _existing(link)
    if (lines := _permitted(link, "ACL", "LIST")) is not None:
        return [account(str(line), there) for line in lines]
    if "requirepass" in known and "acllog-max-len" not in known:  # before Redis 6 there was one account
        return [["default", "yes", "set" if known["requirepass"] else "none", " ".join(sorted(there)), "all"]]
    return None


def _existing(link: redis.Redis) -> frozenset[str]:
    """Those of the dangerous commands that are there; all of them when the server does not tell. One that was renamed away is not."""
    found = _permitted(link, "COMMAND", "INFO", *DANGEROUS)
    if not isinstance(found, Sequence | dict):
        return frozenset(DANGEROUS)
    names = found if isinstance(found, dict) else [one[0] if isinstance(one, Sequence) and one else "" for one in found if one]
    return frozenset(str(name).lower() for name in names) & DANGEROUS.keys()


def account(line: str, there: Iterable[str]) -> list[str]:
    """One line of ACL LIST without its hashes: name, login (yes, no), password (set, none: any will do, missing: none fits), the dangerous commands of
    ``there`` that it may give, keys (all, some, no).

    Raises ValueError for a line of another form.
    """
    words = line.split()
    if len(words) < 3 or words[0] != "user":
        raise ValueError("ACL LIST answers in another form")
    name, rules = words[1], words[2:]
    own = rules[: next((place for place, rule in enumerate(rules) if rule.startswith("(")), len(rules))]
    selectors = [part.split(")")[0].split() for part in " ".join(rules).split("(")[1:]]
    password = "none" if "nopass" in own else "set" if any(rule.startswith(("#", ">")) for rule in own) else "missing"
    patterns = [rule for rule in [*own, *(rule for part in selectors for rule in part)] if rule.startswith(("~", "%")) or rule == "allkeys"]
    keys = "all" if any(rule in ("~*", "allkeys", "%RW~*") for rule in patterns) else "some" if patterns else "no"
    dangerous = [command for command in sorted(there) if any(may(command, part) for part in (own, *selectors))]
    return [name, word("on" in own), password, " ".join(dangerous), keys]


def may(command: str, rules: Iterable[str]) -> bool:
    """Whether rules of an account, the last one wins, allow one of DANGEROUS. A single subcommand that is allowed counts: ``config|set`` is enough."""
    allowed = False
    for rule in (rule.lower() for rule in rules):
        if rule in ("allcommands", "+@all", f"+{command}") or (rule.startswith("+@") and rule[2:] in DANGEROUS[command]):
            allowed = True
        elif rule in ("nocommands", "-@all", f"-{command}") or (rule.startswith("-@") and rule[2:] in DANGEROUS[command]):
            allowed = False
        elif rule.startswith(f"+{command}|") and rule != "+config|get":
            allowed = True
    return allowed


def figures(said: Mapping[str, Any], rates: Rates, at: float) -> dict[str, float]:
    """What INFO tells, as samples; ``at``: monotonic seconds."""
    found = {"database.up": 1.0, **connections(float(said["connected_clients"]), float(said.get("maxclients", 0)))}
    used, limit = float(said["used_memory"]), float(said.get("maxmemory", 0))
    found["database.memory.usage"] = used
    if limit > 0:
        found["database.memory.utilization"] = 100 * used / limit
    hits, misses = float(said.get("keyspace_hits", 0)), float(said.get("keyspace_misses", 0))
    if (share := rates.share("hits", hits, hits + misses)) is not None:
        found["database.cache.hit_ratio"] = share
    if (evicted := rates.per_second("evicted", float(said.get("evicted_keys", 0)), at)) is not None:
        found["database.evictions"] = evicted
    if said.get("role") == "slave":
        found["database.replication.up"] = float(said.get("master_link_status") == "up")
        if (quiet := float(said.get("master_last_io_seconds_ago", -1))) >= 0:
            found["database.replication.lag"] = quiet
    states = [said[name] for name in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status") if name in said]
    if states:
        found["database.persistence.up"] = float(all(state == "ok" for state in states))
    return found


def _translated(asset: str, place: str, err: Exception) -> DeviceError:
    text = " ".join(str(err).split())[:300]
    if isinstance(err, redis.exceptions.TimeoutError | TimeoutError):
        return Unreachable(asset, f"{place}: no answer in time")
    if isinstance(err, redis.exceptions.AuthenticationError | redis.exceptions.NoPermissionError) or text.startswith(REFUSALS) or "DENIED" in text:
        return AuthRefused(asset, f"{place} refused: {text}; check account, password and rights")
    if "certificate verify failed" in text:
        return BadReply(asset, f"{place}: the certificate of the server is not trusted: {text}")
    if "SSL" in text or "ssl" in text:
        return BadReply(asset, f"{place}: no TLS is spoken there ({text}); with tls: off the password goes in the clear")
    if isinstance(err, redis.exceptions.BusyLoadingError | redis.exceptions.ConnectionError | OSError) and not isinstance(
        err, redis.exceptions.InvalidResponse
    ):
        return Unreachable(asset, f"{place}: {text}")
    return BadReply(asset, f"{place}: {text}")
