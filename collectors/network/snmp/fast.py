"""The fast engine: gufo-snmp, its errors translated, its bulk size adapted to what the agent can take."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    Md5Key,
    NoSuchInstance,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpDecodeError,
    SnmpError,
    SnmpVersion,
    User,
)
from gufo.snmp.sync import SnmpSession

from collectors.network.snmp.access import Access
from collectors.network.snmp.oid import arcs
from collectors.network.snmp.thorough import PysnmpSession
from collectors.network.snmp.values import Value
from core.errors import AuthRefused, BadReply, Unreachable

T = TypeVar("T")

_VERSIONS = {"1": SnmpVersion.v1, "2c": SnmpVersion.v2c, "3": SnmpVersion.v3}
_AUTH = {"md5": Md5Key, "sha1": Sha1Key, "sha224": Sha224Key, "sha256": Sha256Key, "sha384": Sha384Key, "sha512": Sha512Key}
_PRIVACY = {"des": DesKey, "aes128": Aes128Key, "aes192": Aes192Key, "aes256": Aes256Key}
_GET_AT_ONCE = 16
_LEAST_REPETITIONS = 2


class TooLarge(BadReply):
    """An answer that gufo could not take apart; most often one above its 4 KiB."""


def _user(access: Access) -> User | None:
    if access.version != "3":
        return None
    auth = _AUTH[access.auth](access.auth_key.encode()) if access.auth else None
    privacy = _PRIVACY[access.privacy](access.privacy_key.encode()) if access.privacy else None
    return User(access.user, auth_key=auth, priv_key=privacy)


def _numeric(host: str, port: int) -> str:
    """An address, since gufo takes no names."""
    try:
        ipaddress.ip_address(host)
        return host
    except ValueError:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4][0])


class GufoSession:
    """A session over gufo-snmp (see ``Session``)."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._repetitions = access.repetitions if access.version != "1" else 0
        self._other: PysnmpSession | None = None
        self._at_once = _GET_AT_ONCE
        try:
            self._session = SnmpSession(
                _numeric(access.host, access.port),
                access.port,
                access.community,
                user=_user(access),
                version=_VERSIONS[access.version],
                timeout=access.timeout_s,
            )
        except (OSError, ValueError) as err:
            raise Unreachable(access.host, f"{access.host}: {err}") from err
        self._asked(self._session.refresh)

    def get(self, oids: Sequence[str]) -> Mapping[str, Value]:
        """The values of some instances; what the agent does not have is left out."""
        found: dict[str, Value] = {}
        rest = list(oids)
        while rest:
            some, rest = rest[: self._at_once], rest[self._at_once :]
            found.update(self._get(some))
        return found

    def _get(self, oids: list[str]) -> Mapping[str, Value]:
        if len(oids) == 1 or self._access.version == "1":
            # SNMPv1 refuses the whole request for one missing instance (RFC 1157, 4.1.2)
            return {oid: value for oid in oids if (value := self._get_one(oid)) is not None}
        try:
            return {oid: value for oid, value in self._asked(lambda: self._session.get_many(oids)).items() if value is not None}
        except BadReply:
            self._at_once = max(1, len(oids) // 4)
            return {oid: value for oid in oids if (value := self._get_one(oid)) is not None}

    def _get_one(self, oid: str) -> Value:
        try:
            value: Value = self._asked(lambda: self._session.get(oid))
            return value
        except TooLarge:
            return self._thorough().get([oid]).get(oid)
        except BadReply:
            return None

    def walk(self, root: str) -> Iterator[tuple[str, Value]]:
        """Every instance below ``root``; asks for less at once when the agent or gufo cannot take it, and yields nothing twice."""
        last: tuple[int, ...] = ()
        again = False
        repetitions = self._repetitions
        while True:
            try:
                for oid, value in self._steps(root, repetitions):
                    here = arcs(oid)
                    if again and here <= last:
                        continue
                    last = here
                    yield oid, value
                return
            except Unreachable:
                if repetitions < _LEAST_REPETITIONS:
                    raise
                self._repetitions = repetitions = repetitions // 3
            except TooLarge:
                if repetitions < _LEAST_REPETITIONS:
                    break
                repetitions //= 3
            again = True
        for oid, value in self._thorough().walk(root):
            if arcs(oid) > last:
                yield oid, value

    def _steps(self, root: str, repetitions: int) -> Iterator[tuple[str, Value]]:
        bulk = repetitions >= _LEAST_REPETITIONS
        steps = self._session.getbulk(root, repetitions) if bulk else self._session.getnext(root)
        retries = min(1, self._access.retries) if bulk else self._access.retries
        while (step := self._asked(lambda: next(steps, None), retries)) is not None:
            yield step

    def _thorough(self) -> PysnmpSession:
        """The other engine, for the answers above 4 KiB that gufo cannot take even one by one."""
        if self._other is None:
            self._other = PysnmpSession(replace(self._access, repetitions=1, retries=min(1, self._access.retries)))
        return self._other

    def _asked(self, ask: Callable[[], T], retries: int | None = None) -> T:
        """Ask, again after a silence, and translate what gufo raises."""
        host = self._access.host
        retries = self._access.retries if retries is None else retries
        for attempt in range(retries + 1):
            try:
                return ask()
            except TimeoutError as err:
                if attempt == retries:
                    waited = self._access.timeout_s * (attempt + 1)
                    raise Unreachable(host, f"{host}: no SNMP answer within {waited:g} s; check address, port, credentials and filters") from err
            except SnmpAuthError as err:
                raise AuthRefused(host, f"{host}: the SNMPv3 user or its keys were refused") from err
            except NoSuchInstance as err:
                raise BadReply(host, f"{host}: no such instance") from err
            except SnmpDecodeError as err:
                raise TooLarge(host, f"{host}: an SNMP answer that cannot be understood ({err})") from err
            except (SnmpError, ValueError, RuntimeError) as err:
                raise BadReply(host, f"{host}: an SNMP answer that cannot be understood ({type(err).__name__}: {err})") from err
            except OSError as err:
                raise Unreachable(host, f"{host}: {err}") from err
            except BaseException as err:
                # some damaged packets make gufo's Rust core panic, which is no Exception
                if type(err).__name__ != "PanicException":
                    raise
                raise BadReply(host, f"{host}: an SNMP answer so damaged that it cannot be taken apart") from err
        raise Unreachable(host, f"{host}: no SNMP answer")

    def close(self) -> None:
        """Give the sockets back."""
        del self._session
        if self._other is not None:
            self._other.close()
