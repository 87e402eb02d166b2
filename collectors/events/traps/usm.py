"""SNMP version 3 as a receiver of traps and informs: user-based security (RFC 3414, 3826, 7860). Keys and ciphers are pysnmp's.

For a trap the sender is the authority on its engine's time, for an inform we are: a sender that does not know our engine id or
time is told by a report. A message is refused when its user is unknown, when it has another level of security than its user,
when it was changed on the way, and when it is older than the time window of 150 seconds allows.
"""

from __future__ import annotations

import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import md5, sha1, sha224, sha256, sha384, sha512
from typing import Any, Final

from pyasn1.type.univ import OctetString
from pysnmp.error import PySnmpError
from pysnmp.proto.secmod.rfc3414 import service as pysnmp_usm
from pysnmp.proto.secmod.rfc3414.localkey import hash_passphrase, localize_key

from collectors.events.traps.ber import COUNTER, OCTETS, BadPacket, Item, one, packed, packed_number, packed_oid, sequence
from collectors.events.traps.message import Trap, notification, response_pdu
from collectors.network.snmp.access import Auth, Privacy

WINDOW_S: Final = 150
MOST_BOOTS: Final = 2**31 - 1
MOST_ENGINES: Final = 10_000
REPORT: Final = 0xA8
USM: Final = 3
AUTHENTIC, PRIVATE, REPORTABLE = 1, 2, 4
MAX_SIZE: Final = 65_507
_STATISTICS: Final = "1.3.6.1.6.3.15.1.1"
NOT_IN_WINDOW, UNKNOWN_ENGINE = f"{_STATISTICS}.2.0", f"{_STATISTICS}.4.0"

# protocol: hash, octets of the digest, pysnmp's name of it
_HASHES: Final[dict[Auth, tuple[Any, int, Any]]] = {
    "md5": (md5, 12, pysnmp_usm.hmacmd5.HmacMd5.SERVICE_ID),
    "sha1": (sha1, 12, pysnmp_usm.hmacsha.HmacSha.SERVICE_ID),
    "sha224": (sha224, 16, pysnmp_usm.hmacsha2.HmacSha2.SHA224_SERVICE_ID),
    "sha256": (sha256, 24, pysnmp_usm.hmacsha2.HmacSha2.SHA256_SERVICE_ID),
    "sha384": (sha384, 32, pysnmp_usm.hmacsha2.HmacSha2.SAH384_SERVICE_ID),
    "sha512": (sha512, 48, pysnmp_usm.hmacsha2.HmacSha2.SHA512_SERVICE_ID),
}
# for the long keys there are two ways to make them, Blumenthal's and Reeder's (Cisco); a sender says not which it took
_CIPHERS: Final[dict[Privacy, tuple[Any, ...]]] = {
    "des": (pysnmp_usm.des.Des(),),
    "aes128": (pysnmp_usm.aes.Aes(),),
    "aes192": (pysnmp_usm.aes192.AesBlumenthal192(), pysnmp_usm.aes192.Aes192()),
    "aes256": (pysnmp_usm.aes256.AesBlumenthal256(), pysnmp_usm.aes256.Aes256()),
}


class Refused(Exception):
    """A message that is not let in; ``reason`` is a word for the counts."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class User:
    """One user with its protocols and pass phrases."""

    name: str
    auth: Auth = ""
    auth_key: str = field(default="", repr=False)
    privacy: Privacy = ""
    privacy_key: str = field(default="", repr=False)

    @property
    def level(self) -> int:
        """The flags that its messages must have."""
        return (AUTHENTIC if self.auth else 0) | (PRIVATE if self.privacy else 0)


@dataclass(frozen=True, slots=True)
class Engine:
    """Who we are to senders of informs: an id for ever, and how often we were started with it."""

    id: bytes
    boots: int


@dataclass(frozen=True, slots=True)
class Opened:
    """What came out of a message: a trap with the answer that an inform waits for, or the report that a sender needs."""

    trap: Trap | None = None
    answer: bytes = b""


@dataclass(slots=True)
class _Clock:
    """What is known of a sender's time: its boots, the latest of its seconds, and when they came."""

    boots: int
    latest: int
    at: float


@dataclass(frozen=True, slots=True)
class _Message:
    data: bytes
    id: int
    flags: int
    engine: bytes
    boots: int
    time: int
    user: str
    digest: Item
    salt: bytes
    body: Item


class Keys:
    """The keys of users on engines: made once, since making one takes milliseconds."""

    def __init__(self, users: Iterable[User]) -> None:
        self.users = frozenset(users)
        self._passphrases: dict[tuple[str, str], OctetString] = {}
        self._local: OrderedDict[tuple[User, bytes], tuple[bytes, tuple[OctetString, ...]]] = OrderedDict()

    def local(self, user: User, engine: bytes) -> tuple[bytes, tuple[OctetString, ...]]:
        """The authentication key of ``user`` on ``engine``, and one privacy key for each cipher in question."""
        found = self._local.get((user, engine))
        if found is None:
            found = self._local[user, engine] = self._make(user, engine)
            if len(self._local) > MOST_ENGINES:
                self._local.popitem(last=False)
        return found

    def _make(self, user: User, engine: bytes) -> tuple[bytes, tuple[OctetString, ...]]:
        kind, _, service = _HASHES[user.auth]
        auth = localize_key(self._hashed(user.auth, user.auth_key), OctetString(engine), kind)
        privacy = self._hashed(user.auth, user.privacy_key) if user.privacy else OctetString()
        return auth.asOctets(), tuple(OctetString(cipher.localize_key(service, privacy, OctetString(engine))) for cipher in _CIPHERS.get(user.privacy, ()))

    def _hashed(self, auth: Auth, passphrase: str) -> OctetString:
        key = (auth, passphrase)
        if key not in self._passphrases:
            self._passphrases[key] = hash_passphrase(passphrase.encode(), _HASHES[auth][0])
        return self._passphrases[key]


class Usm:
    """Opens messages of version 3. ``monotonic`` gives seconds."""

    def __init__(self, engine: Engine, monotonic: Callable[[], float]) -> None:
        self._engine, self._monotonic = engine, monotonic
        self._started = monotonic()
        self._keys = Keys(())
        self._clocks: OrderedDict[bytes, _Clock] = OrderedDict()
        self.statistics: Counter[str] = Counter()

    def set_users(self, users: Iterable[User]) -> None:
        """Let in exactly these; keys of unchanged users are kept."""
        wanted = frozenset(users)
        if wanted != self._keys.users:
            self._keys = Keys(wanted)

    def open(self, data: bytes) -> Opened:
        """Take ``data`` apart; raises BadPacket or Refused."""
        message = _taken_apart(data)
        try:
            return self._open(message)
        except (BadPacket, Refused):
            # whoever waits for an answer learns our engine id by this; the flag alone says too little, since some set it in traps
            if message.flags & REPORTABLE and message.engine != self._engine.id:
                return Opened(answer=self._report(message, UNKNOWN_ENGINE, None))
            raise

    def _open(self, message: _Message) -> Opened:
        if not message.engine:
            raise Refused("engine")
        user = self._user(message)
        if user.auth and not self._is_timely(message):
            if message.engine == self._engine.id and message.flags & REPORTABLE:
                return Opened(answer=self._report(message, NOT_IN_WINDOW, user))
            raise Refused("late")
        return self._opened(message, user)

    def _user(self, message: _Message) -> User:
        """Whose keys fit: several devices may have a user of one name with keys of their own."""
        named = [user for user in self._keys.users if user.name == message.user]
        if not named:
            raise Refused("user")
        level = [user for user in named if user.level == message.flags & (AUTHENTIC | PRIVATE)]
        if not level:
            raise Refused("level")
        for user in level:
            if not user.auth or self._is_authentic(message, user):
                return user
        raise Refused("digest")

    def _opened(self, message: _Message, user: User) -> Opened:
        (context, name, pdu), way = self._scoped(message, user)
        trap = notification(pdu, "3", user=user.name)
        if not trap.is_inform:
            return Opened(trap)
        if message.engine != self._engine.id:  # the receiver is the authority for an inform (RFC 3414 section 3.2)
            raise Refused("engine")
        scoped = sequence(packed(OCTETS, context), packed(OCTETS, name), response_pdu(pdu))
        return Opened(trap, self._sealed(message.id, scoped, user, way))

    def _is_authentic(self, message: _Message, user: User) -> bool:
        kind, size, _ = _HASHES[user.auth]
        place = message.digest
        if place.end - place.body != size:
            return False
        blank = message.data[: place.body] + bytes(size) + message.data[place.end :]
        wanted = hmac.digest(self._keys.local(user, message.engine)[0], blank, kind)[:size]
        return hmac.compare_digest(wanted, place.octets)

    def _is_timely(self, message: _Message) -> bool:
        if message.engine == self._engine.id:
            return message.boots == self._engine.boots and abs(message.time - self._seconds) <= WINDOW_S and message.boots < MOST_BOOTS
        return self._follow(message)

    def _follow(self, message: _Message) -> bool:
        """RFC 3414 section 3.2 step 7 b: our idea of the sender's time goes forward with what it sends, never back."""
        now = self._monotonic()
        known = self._clocks.get(message.engine)
        if known is None or (message.boots, message.time) > (known.boots, known.latest):
            known = self._clocks[message.engine] = _Clock(message.boots, message.time, now)
            if len(self._clocks) > MOST_ENGINES:
                self._clocks.popitem(last=False)
        self._clocks.move_to_end(message.engine)
        return known.boots < MOST_BOOTS and message.boots == known.boots and message.time >= known.latest + (now - known.at) - WINDOW_S

    def _scoped(self, message: _Message, user: User) -> tuple[tuple[bytes, bytes, Item], int]:
        """The parts of the scoped PDU, and which of the ways to make its key the sender took."""
        if not user.privacy:
            return _context(message.body), 0
        sealed = OctetString(message.body.text())
        for way, (cipher, key) in enumerate(zip(_CIPHERS[user.privacy], self._keys.local(user, message.engine)[1], strict=True)):
            try:
                return _context(one(bytes(cipher.decrypt_data(key, (message.boots, message.time, OctetString(message.salt)), sealed)))), way
            except (BadPacket, PySnmpError, ValueError):
                continue
        raise Refused("decryption")

    @property
    def _seconds(self) -> int:
        return int(self._monotonic() - self._started)

    def _report(self, message: _Message, what: str, user: User | None) -> bytes:
        self.statistics[what] += 1
        count = packed_number(self.statistics[what], COUNTER)
        # the request id cannot be read of a sealed message; RFC 3412 section 7.1 step 3 c allows 0 then
        body = packed_number(0) + packed_number(0) + packed_number(0) + sequence(sequence(packed_oid(what), count))
        scoped = sequence(packed(OCTETS, self._engine.id), packed(OCTETS, b""), packed(REPORT, body))
        level = User(message.user, user.auth, user.auth_key) if user else User(message.user)
        return self._sealed(message.id, scoped, level)

    def _sealed(self, number: int, scoped: bytes, user: User, way: int = 0) -> bytes:
        """A message of ours to the sender, at the level of ``user`` and with a key made in the sender's ``way``."""
        boots, seconds, salt = self._engine.boots, self._seconds, b""
        auth, privacy = self._keys.local(user, self._engine.id) if user.auth else (b"", ())
        if user.privacy:
            sealed, fresh = _CIPHERS[user.privacy][way].encrypt_data(privacy[way], (boots, seconds, None), scoped)
            scoped, salt = packed(OCTETS, bytes(sealed)), bytes(fresh)
        kind, size, _ = _HASHES[user.auth] if user.auth else (sha256, 0, None)
        head = sequence(packed_number(number), packed_number(MAX_SIZE), packed(OCTETS, bytes((user.level,))), packed_number(USM))
        name = packed(OCTETS, user.name.encode())
        after = packed(OCTETS, salt)
        security = sequence(packed(OCTETS, self._engine.id), packed_number(boots), packed_number(seconds), name, packed(OCTETS, bytes(size)), after)
        whole = sequence(packed_number(3), head, packed(OCTETS, security), scoped)
        if not user.auth:
            return whole
        place = len(whole) - len(scoped) - len(after) - size
        return whole[:place] + hmac.digest(auth, whole, kind)[:size] + whole[place + size :]


def _taken_apart(data: bytes) -> _Message:
    parts = one(data).parts()
    if len(parts) != 4:
        raise BadPacket("a message of version 3 has four parts")
    head = parts[1].parts()
    if len(head) != 4 or head[3].number() != USM or len(head[2].text()) != 1:
        raise BadPacket("a message of version 3 with another head than that of the user-based security model")
    parts[2].text()
    security = one(data, parts[2].body, parts[2].end).parts()
    if len(security) != 6:
        raise BadPacket("security parameters that are none")
    boots, seconds, flags = security[1].number(), security[2].number(), head[2].text()[0]
    if boots < 0 or seconds < 0 or flags & (AUTHENTIC | PRIVATE) == PRIVATE:
        raise BadPacket("security parameters that contradict themselves")
    security[4].text()
    user = security[3].text().decode("utf-8", "replace")
    return _Message(data, head[0].number(), flags, security[0].text(), boots, seconds, user, security[4], security[5].text(), parts[3])


def _context(scoped: Item) -> tuple[bytes, bytes, Item]:
    parts = scoped.parts()
    if len(parts) != 3:
        raise BadPacket("a scoped PDU has three parts")
    return parts[0].text(), parts[1].text(), parts[2]
