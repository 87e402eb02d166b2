"""The thorough engine: pysnmp, slower but with every type of value kept apart; it also records devices."""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any

from pyasn1.type import univ

from collectors.network.snmp.access import Access
from collectors.network.snmp.oid import inside
from collectors.network.snmp.values import Value, opaque
from core.errors import AuthRefused, BadReply, Unreachable

with warnings.catch_warnings():
    # pysnmp calls names that pysmi has since renamed
    warnings.simplefilter("ignore", DeprecationWarning)
    from pysnmp.error import PySnmpError
    from pysnmp.hlapi.v3arch.asyncio import (
        USM_AUTH_HMAC96_MD5,
        USM_AUTH_HMAC96_SHA,
        USM_AUTH_HMAC128_SHA224,
        USM_AUTH_HMAC192_SHA256,
        USM_AUTH_HMAC256_SHA384,
        USM_AUTH_HMAC384_SHA512,
        USM_AUTH_NONE,
        USM_PRIV_CBC56_DES,
        USM_PRIV_CFB128_AES,
        USM_PRIV_CFB192_AES,
        USM_PRIV_CFB256_AES,
        USM_PRIV_NONE,
        CommunityData,
        ContextData,
        ObjectIdentity,
        ObjectType,
        SnmpEngine,
        UdpTransportTarget,
        UsmUserData,
        bulk_cmd,
        get_cmd,
        next_cmd,
        set_cmd,
    )
    from pysnmp.proto import errind, rfc1902
    from pysnmp.proto.rfc1905 import EndOfMibView, NoSuchInstance, NoSuchObject
    from pysnmp.smi.builder import MibBuilder
    from pysnmp.smi.view import MibViewController

_AUTH = {
    "": USM_AUTH_NONE, "md5": USM_AUTH_HMAC96_MD5, "sha1": USM_AUTH_HMAC96_SHA, "sha224": USM_AUTH_HMAC128_SHA224, "sha256": USM_AUTH_HMAC192_SHA256,
    "sha384": USM_AUTH_HMAC256_SHA384, "sha512": USM_AUTH_HMAC384_SHA512,
}  # fmt: skip
_PRIVACY = {"": USM_PRIV_NONE, "des": USM_PRIV_CBC56_DES, "aes128": USM_PRIV_CFB128_AES, "aes192": USM_PRIV_CFB192_AES, "aes256": USM_PRIV_CFB256_AES}
_REFUSED = (
    errind.AuthenticationFailure,
    errind.AuthenticationError,
    errind.UnknownUserName,
    errind.UnsupportedSecurityLevel,
    errind.WrongDigest,
    errind.DecryptionError,
)
_AT_ONCE = 16
_LEAST_REPETITIONS = 2
_NO_SUCH_NAME = 2


def _credentials(access: Access) -> Any:
    if access.version != "3":
        return CommunityData(access.community, mpModel=0 if access.version == "1" else 1)
    return UsmUserData(
        access.user,
        access.auth_key or None,
        access.privacy_key or None,
        authProtocol=_AUTH[access.auth],
        privProtocol=_PRIVACY[access.privacy],
    )


@functools.cache
def _view() -> MibViewController:
    """The one MIB view of all engines, made once: pysnmp would build one for each, and warn of itself while at it."""
    view = MibViewController(MibBuilder())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ObjectIdentity("1.3.6.1.2.1.1.1.0").resolve_with_mib(view)
    return view


def _ignore(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """What pysnmp raises in a callback is a packet that it could not take apart; the request that waits for it times out."""


class PysnmpSession:
    """A session over pysnmp (see ``Session``); has its own event loop, so it belongs to the thread that uses it."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_ignore)
        self._engine = SnmpEngine()
        self._engine.cache["mibViewController"] = _view()
        self._credentials, self._context = _credentials(access), ContextData(contextName=access.context.encode())
        self._repetitions = access.repetitions
        try:
            address = (access.host, access.port)
            self._target = self._loop.run_until_complete(UdpTransportTarget.create(address, timeout=access.timeout_s, retries=access.retries))
        except (PySnmpError, OSError) as err:
            self.close()
            raise Unreachable(access.host, f"{access.host}: {err}") from err

    def get(self, oids: Sequence[str]) -> Mapping[str, Value]:
        """The values of some instances; what the agent does not have is left out."""
        found: dict[str, Value] = {}
        step = 1 if self._access.version == "1" else _AT_ONCE
        for start in range(0, len(oids), step):
            for oid, raw in self._ask(get_cmd, oids[start : start + step]):
                if (value := plain(raw)) is not None:
                    found[oid] = value
        return found

    def set(self, oid: str, value: int | str) -> None:
        """Write one instance, a whole number or a text; raises BadReply with the agent's reason, DeviceError."""
        typed = rfc1902.Integer32(value) if isinstance(value, int) else rfc1902.OctetString(value.encode())
        self._ask(set_cmd, [(oid, typed)])

    def walk(self, root: str) -> Iterator[tuple[str, Value]]:
        """Every instance below ``root``."""
        for oid, raw in self.walk_typed(root):
            yield oid, plain(raw)

    def walk_typed(self, root: str) -> Iterator[tuple[str, Any]]:
        """As ``walk``, with pysnmp's own values, whose tags tell a counter from a gauge."""
        last = root
        while True:
            rows = self._after(last)
            for oid, raw in rows:
                if isinstance(raw, EndOfMibView | NoSuchObject | NoSuchInstance) or not inside(oid, root):
                    return
                last = oid
                yield oid, raw
            if not rows:
                return

    def _after(self, oid: str) -> list[tuple[str, Any]]:
        if self._access.version == "1" or self._repetitions < _LEAST_REPETITIONS:
            return self._ask(next_cmd, [oid])
        try:
            return self._ask(bulk_cmd, [oid], 0, self._repetitions)
        except (Unreachable, BadReply):
            self._repetitions //= 3
            return self._after(oid)

    def _ask(self, command: Any, oids: Sequence[str | tuple[str, Any]], *numbers: int) -> list[tuple[str, Any]]:
        objects = [ObjectType(ObjectIdentity(one)) if isinstance(one, str) else ObjectType(ObjectIdentity(one[0]), one[1]) for one in oids]
        host = self._access.host
        try:
            request: Awaitable[Any] = command(self._engine, self._credentials, self._target, self._context, *numbers, *objects, lookupMib=False)
            problem, status, _, rows = self._loop.run_until_complete(request)
        except (PySnmpError, OSError, ValueError) as err:
            raise BadReply(host, f"{host}: an SNMP answer that cannot be understood ({type(err).__name__}: {err})") from err
        if problem is not None:
            self._fail(problem)
        if int(status):
            if int(status) == _NO_SUCH_NAME:
                return []
            raise BadReply(host, f"{host}: the agent refused the request ({status.prettyPrint()})")
        return [(str(row[0].get_oid() if hasattr(row[0], "get_oid") else row[0]), row[1]) for row in rows]

    def _fail(self, problem: Any) -> None:
        host = self._access.host
        if isinstance(problem, errind.RequestTimedOut):
            raise Unreachable(
                host, f"{host}: no SNMP answer within {self._access.timeout_s * (self._access.retries + 1):g} s; check address, port, credentials and filters"
            )
        if isinstance(problem, _REFUSED):
            raise AuthRefused(host, f"{host}: the SNMPv3 user or its keys were refused ({problem})")
        raise BadReply(host, f"{host}: {problem}")

    def close(self) -> None:
        """Give the socket back, and end what pysnmp keeps running."""
        self._engine.close_dispatcher()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=1))
        self._loop.close()


def plain(raw: Any) -> Value:
    """A value of pysnmp as a plain one; None for the three exceptions of SNMPv2."""
    if isinstance(raw, NoSuchObject | NoSuchInstance | EndOfMibView | univ.Null):
        return None
    if isinstance(raw, univ.ObjectIdentifier):
        return ".".join(map(str, raw))
    if isinstance(raw, rfc1902.IpAddress):
        return str(raw.prettyPrint())
    if isinstance(raw, rfc1902.Opaque):
        return opaque(bytes(raw))
    if isinstance(raw, univ.OctetString):
        return bytes(raw)
    return int(raw)
