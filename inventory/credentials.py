"""Credentials, sealed in the store and used by name.

Envelope: each secret field is encrypted with AES-256-GCM under a fresh data key, which is wrapped under the
master key; credential id and field name are bound as additional data, so that a sealed field cannot be moved.
The master key comes from ``WANGLOU_MASTER_KEY`` (64 hex digits), the file that ``WANGLOU_MASTER_KEY_FILE``
names, or ``master.key`` in the data folder, made at the first start with mode 0600. Back it up apart.
"""

from __future__ import annotations

import os
import stat
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import ConfigError, NotFound
from core.names import ACCOUNT, CREDENTIAL
from core.secrets import Secret
from store.base import Document, Store

SECRET_FIELDS: Final = ("password", "key", "passphrase", "community", "auth_key", "priv_key", "token")
PLAIN_FIELDS: Final = ("username", "auth_protocol", "priv_protocol", "context")
_NONCE: Final = 12


def master_key(folder: Path, environment: Mapping[str, str] | None = None) -> bytes:
    """The 32-byte master key; makes ``folder/master.key`` when no source names one. Raises ConfigError."""
    env = os.environ if environment is None else environment
    if text := env.get("WANGLOU_MASTER_KEY"):
        return _decode(text, "environment variable WANGLOU_MASTER_KEY")
    path = Path(env.get("WANGLOU_MASTER_KEY_FILE") or folder / "master.key")
    if not path.exists():
        if "WANGLOU_MASTER_KEY_FILE" in env:
            raise ConfigError("the master key file named by WANGLOU_MASTER_KEY_FILE does not exist", path=path)
        _create(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("is readable by others than its owner; run chmod 600 on it", path=path)
    return _decode(path.read_text(encoding="ascii", errors="replace"), str(path))


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(os.urandom(32).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def _decode(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ConfigError(f"{place}: the master key is 64 hexadecimal digits")
    return key


class Vault:
    """Credentials by name. Secrets go in and are used; no method gives them back but ``get``, for collectors."""

    def __init__(self, store: Store, master: bytes) -> None:
        self._store, self._master = store, master

    def put(self, name: str, fields: Mapping[str, str], *, who: str, now: datetime) -> None:
        """Seal ``fields`` under ``name``; an empty secret field keeps the value stored before."""
        if unknown := set(fields) - {*SECRET_FIELDS, *PLAIN_FIELDS}:
            raise ConfigError(f"unknown field; a credential has {', '.join((*PLAIN_FIELDS, *SECRET_FIELDS))}", key=f"{name}.{min(unknown)}")
        sealed = dict(self._sealed(name))
        sealed |= {field: seal(self._master, f"{name}/{field}", fields[field]) for field in SECRET_FIELDS if fields.get(field)}
        plain = {field: fields[field] for field in PLAIN_FIELDS if fields.get(field)}
        self._store.audit.append(time=now, actor=who, action="credential.put", object=name, body={"fields": sorted({*plain, *sealed})})
        self._store.documents.put(CREDENTIAL, name, {"plain": plain, "sealed": sealed, "updated": now.isoformat(), "by": who})

    def get(self, name: str) -> Secret:
        """The opened credential; raises NotFound, or ConfigError when the master key is not the one it was sealed with."""
        body = self._document(name).body
        opened = {field: open_sealed(self._master, f"{name}/{field}", box) for field, box in body["sealed"].items()}
        return Secret(**{**body["plain"], **opened})

    def names(self) -> list[str]:
        """The names of all credentials."""
        return [document.id for document in self._store.documents.find(CREDENTIAL).items]

    def remove(self, name: str, *, who: str, now: datetime) -> None:
        """Forget a credential; raises NotFound."""
        self._document(name)
        self._store.audit.append(time=now, actor=who, action="credential.remove", object=name, body={})
        self._store.documents.delete(CREDENTIAL, name)

    def rotate(self, new_master: bytes, *, who: str, now: datetime) -> int:
        """Wrap every data key anew under ``new_master``; returns how many fields. The old key is useless afterwards."""
        self._store.audit.append(time=now, actor=who, action="credential.rotate", object="*", body={})
        count = 0
        for document in self._store.documents.find(CREDENTIAL).items:
            sealed = {field: rewrap(self._master, new_master, f"{document.id}/{field}", box) for field, box in document.body["sealed"].items()}
            self._store.documents.put(CREDENTIAL, document.id, {**document.body, "sealed": sealed}, document.version)
            count += len(sealed)
        count += self._rotate_second_factors(new_master)
        self._master = new_master
        return count

    def _rotate_second_factors(self, new_master: bytes) -> int:
        """The keys of second factors lie sealed in the accounts of the console."""
        count = 0
        for document in self._store.documents.find(ACCOUNT, limit=10_000).items:
            if box := document.body.get("second"):
                fresh = rewrap(self._master, new_master, second_context(document.id), box)
                self._store.documents.put(ACCOUNT, document.id, {**document.body, "second": fresh}, document.version)
                count += 1
        return count

    def _document(self, name: str) -> Document:
        try:
            return self._store.documents.get(CREDENTIAL, name)
        except NotFound:
            raise NotFound(f"there is no credential called {name!r}; add it under Settings or with: wanglou credential put {name}") from None

    def _sealed(self, name: str) -> Mapping[str, Any]:
        try:
            sealed: Mapping[str, Any] = self._store.documents.get(CREDENTIAL, name).body["sealed"]
        except NotFound:
            return {}
        return sealed


def second_context(account: str) -> str:
    """What the key of an account's second factor is sealed for."""
    return f"{account}/second-factor"


def seal(master: bytes, context: str, text: str) -> dict[str, str]:
    """Encrypt ``text`` for ``context`` ("name/field"); the result is JSON."""
    data_key = AESGCM.generate_key(256)
    return {"key": _encrypt(master, context, data_key), "box": _encrypt(data_key, context, text.encode())}


def open_sealed(master: bytes, context: str, box: Mapping[str, str]) -> str:
    """The text that ``seal`` took; raises ConfigError for another key, context or a changed box."""
    return _decrypt(_decrypt(master, context, box["key"]), context, box["box"]).decode()


def rewrap(old: bytes, new: bytes, context: str, box: Mapping[str, str]) -> dict[str, str]:
    """The same box, its data key wrapped under ``new``."""
    return {"key": _encrypt(new, context, _decrypt(old, context, box["key"])), "box": box["box"]}


def _encrypt(key: bytes, context: str, data: bytes) -> str:
    nonce = os.urandom(_NONCE)
    return b64encode(nonce + AESGCM(key).encrypt(nonce, data, context.encode())).decode()


def _decrypt(key: bytes, context: str, text: str) -> bytes:
    raw = b64decode(text)
    try:
        return AESGCM(key).decrypt(raw[:_NONCE], raw[_NONCE:], context.encode())
    except (InvalidTag, ValueError):
        raise ConfigError(f"credential {context!r} cannot be opened: it was sealed with another master key, or was changed") from None
