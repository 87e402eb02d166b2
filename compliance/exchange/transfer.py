"""One file that carries records over an air gap: a zip, signed with Ed25519 (RFC 8032). Pure.

Form: a line that names form and version, a line with the fingerprint of the key, a line with the signature (base64) over the first line and the zip,
then the zip. Nothing of the zip is read before the signature holds. ``number`` rises with every file of a sender, so that an old file is not taken again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, Field, ValidationError

from compliance.check import Model
from core.errors import ConfigError, Refused

VERSION: Final = 1
MAGIC: Final = b"WANGLOU-TRANSFER "
MOST_BYTES: Final = 512 * 1024 * 1024
MOST_PARTS: Final = 200
EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class Head(Model):
    """What a file says of itself. ``catalogue`` is the digest of the shipped requirements: both sides must have the same."""

    number: int = Field(ge=1)
    made: AwareDatetime
    object: str
    label: str = ""
    catalogue: str = Field(pattern=r"^[0-9a-f]{64}$")
    framework: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file whose signature held."""

    sender: str
    fingerprint: str
    head: Head
    parts: Mapping[str, bytes]

    def records(self, name: str) -> list[dict[str, Any]]:
        """A part that is a list of records; empty when it is not there."""
        found = json.loads(self.parts.get(name, b"[]"))
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise ConfigError(f"{name} is no list of records")
        return found


def fresh_key() -> str:
    """A private key as PEM."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Ed25519PrivateKey.generate().private_bytes(*form).decode("ascii")


def public_key(private: str) -> str:
    """The public half as PEM, to be put into ``transfer-keys/`` of whoever takes the files."""
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _private(private).public_key().public_bytes(*form).decode("ascii")


def fingerprint(public: str) -> str:
    """SHA-256 over the raw public key; raises ConfigError for what is no Ed25519 key."""
    raw = _public(public).public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()


def _private(pem: str) -> Ed25519PrivateKey:
    try:
        found = serialization.load_pem_private_key(pem.encode("ascii"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError("is no private key in PEM") from None
    if not isinstance(found, Ed25519PrivateKey):
        raise ConfigError("is no Ed25519 key")
    return found


def _public(pem: str) -> Ed25519PublicKey:
    try:
        found = serialization.load_pem_public_key(pem.encode("ascii", "replace"))
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError("is no public key in PEM") from None
    if not isinstance(found, Ed25519PublicKey):
        raise ConfigError("is no Ed25519 key")
    return found


def pack(parts: Mapping[str, bytes], private: str, **about: Any) -> bytes:
    """The file; ``about`` are the other fields of ``Head``."""
    head = Head(parts={name: hashlib.sha256(content).hexdigest() for name, content in parts.items()}, **about)
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in {"head.json": head.model_dump_json().encode(), **parts}.items():
            made.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    first = MAGIC + str(VERSION).encode() + b"\n"
    signature = base64.b64encode(_private(private).sign(first + into.getvalue()))
    return first + fingerprint(public_key(private)).encode() + b"\n" + signature + b"\n" + into.getvalue()


def unpack(content: bytes, trusted: Mapping[str, str], now: datetime) -> Parcel:
    """Read a file; ``trusted`` maps names of senders to their public keys.

    Raises ConfigError when it is no such file, of another version or damaged inside, Refused when nobody trusted signed it or it was changed.
    """
    first, key, signature, body = _split(content)
    sender = next((name for name, pem in trusted.items() if fingerprint(pem) == key), "")
    if not sender:
        raise Refused(f"nobody trusted has the key {key[:16]}; its public half belongs into transfer-keys/")
    try:
        _public(trusted[sender]).verify(base64.b64decode(signature, validate=True), first + body)
    except (InvalidSignature, binascii.Error):
        raise Refused(f"the signature of {sender} does not hold: the file was changed") from None
    head, parts = _opened(body)
    if head.made > now:
        raise Refused(f"was made at {head.made.isoformat()}, which has not come yet; compare the clocks")
    return Parcel(sender, key, head, parts)


def _split(content: bytes) -> tuple[bytes, str, bytes, bytes]:
    if len(content) > MOST_BYTES:
        raise ConfigError(f"has {len(content):,} bytes; at most {MOST_BYTES:,} are read")
    lines = content.split(b"\n", 3)
    if not content.startswith(MAGIC) or len(lines) != 4:
        raise ConfigError("is no transfer file of Wanglou")
    version = lines[0][len(MAGIC) :].decode("ascii", "replace")
    if version != str(VERSION):
        raise ConfigError(f"is a transfer file of version {version[:20]}; this Wanglou reads version {VERSION}")
    return lines[0] + b"\n", lines[1].decode("ascii", "replace"), lines[2], lines[3]


def _opened(body: bytes) -> tuple[Head, dict[str, bytes]]:
    """The zip of a trusted sender, still read with bounds."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as found:
            entries = found.infolist()
            if len(entries) > MOST_PARTS or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise ConfigError("holds more than a transfer file may")
            read = {entry.filename: found.read(entry) for entry in entries}
        head = Head.model_validate_json(read.pop("head.json"))
    except (zipfile.BadZipFile, KeyError, ValidationError, NotImplementedError) as err:
        raise ConfigError(f"is damaged inside: {type(err).__name__}") from None
    if {name: hashlib.sha256(content).hexdigest() for name, content in read.items()} != dict(head.parts):
        raise ConfigError("does not hold the parts that it names")
    return head, read
