"""Certificates as a server shows them, also when they are invalid: one verified handshake, and an unverified one when that fails."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtensionOID, NameOID

from core.records import Record, Sample, Snapshot

DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server showed. ``fault`` says why the chain is not trusted ("" when it is); ``chain`` begins with its own certificate."""

    chain: tuple[x509.Certificate, ...]
    fault: str
    protocol: str
    cipher: str

    @property
    def own(self) -> x509.Certificate:
        """The server's own certificate."""
        return self.chain[0]


async def look(host: str, port: int, name: str, ca_file: str = "", starttls: str = "") -> Shown:
    """Shake hands with ``host``, asking for ``name``. Raises OSError, TimeoutError, or ssl.SSLError when no handshake is possible at all."""
    try:
        return await _shake(host, port, name, trusting_context(ca_file), starttls, "")
    except ssl.SSLCertVerificationError as err:
        return await _shake(host, port, name, blind_context(), starttls, err.verify_message or str(err))


def trusting_context(ca_file: str = "") -> ssl.SSLContext:
    """Verification by the system's authorities, or by those in ``ca_file`` alone; raises OSError when it cannot be read."""
    return _trusting(ca_file, Path(ca_file).stat().st_mtime if ca_file else 0.0)


@lru_cache(maxsize=64)
def _trusting(ca_file: str, _changed: float) -> ssl.SSLContext:
    # reading the authorities takes tens of milliseconds: not at every poll
    return ssl.create_default_context(cafile=ca_file or None)


def blind_context() -> ssl.SSLContext:
    """No verification and old protocols too: to look at a certificate, never to send a secret."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


async def _shake(host: str, port: int, name: str, context: ssl.SSLContext, starttls: str, fault: str) -> Shown:
    if starttls:
        reader, writer = await asyncio.open_connection(host, port)
        await _ask_for_tls(reader, writer, starttls)
        await writer.start_tls(context, server_hostname=name)
    else:
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    try:
        link = writer.get_extra_info("ssl_object")
        return Shown(_chain(link), fault, str(link.version()), str(link.cipher()[0]))
    finally:
        writer.transport.abort()


_STARTTLS: Final = {
    "smtp": (b"220", b"EHLO wanglou\r\n", b"250 ", b"STARTTLS\r\n", b"220"),
    "imap": (b"* OK", b"", b"", b"a STARTTLS\r\n", b"a OK"),
    "pop3": (b"+OK", b"", b"", b"STLS\r\n", b"+OK"),
    "ftp": (b"220 ", b"", b"", b"AUTH TLS\r\n", b"234"),
}


async def _ask_for_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: str) -> None:
    greeting, hello, ready, ask, agreed = _STARTTLS[protocol]
    await _until(reader, greeting)
    if hello:
        writer.write(hello)
        await _until(reader, ready)
    writer.write(ask)
    await _until(reader, agreed)


async def _until(reader: asyncio.StreamReader, prefix: bytes) -> None:
    for _ in range(100):
        line = await reader.readline()
        if line.startswith(prefix):
            return
        if not line:
            break
    raise ConnectionError("the server did not offer TLS in plain text")


def _chain(link: Any) -> tuple[x509.Certificate, ...]:
    # the chain is public in Python 3.13; before that only the inner object has it
    inner = getattr(link, "_sslobj", link)
    raw = [item.public_bytes(2) for item in inner.get_unverified_chain() or ()]  # 2: DER
    return tuple(x509.load_der_x509_certificate(item) for item in raw or [link.getpeercert(binary_form=True)])


def days_left(certificate: x509.Certificate, now: datetime) -> float:
    """Days until it expires, negative afterwards."""
    return (certificate.not_valid_after_utc - now).total_seconds() / DAY_S


def records(shown: Shown, asset: str, endpoint: str, now: datetime) -> Iterator[Record]:
    """Days left of the certificate that ends first, validity, protocol version, and the chain in words."""
    labels = {"endpoint": endpoint}

    def sample(metric: str, value: float) -> Sample:
        return Sample(time=now, asset=asset, metric=metric, value=value, labels=labels)

    yield sample("tls.certificate.days_left", min(days_left(item, now) for item in shown.chain))
    yield sample("tls.certificate.valid", 0.0 if shown.fault else 1.0)
    if shown.protocol.startswith("TLSv1"):
        yield sample("tls.protocol.version", float(shown.protocol.removeprefix("TLSv") if "." in shown.protocol else "1.0"))
    yield Snapshot(time=now, asset=asset, kind=f"certificate.{endpoint}", body=f"endpoint={endpoint}\n{describe(shown)}")


def describe(shown: Shown) -> str:
    """``key=value`` lines: trust, protocol, then each certificate of the chain."""
    lines = [f"trusted={'no: ' + shown.fault if shown.fault else 'yes'}", f"protocol={shown.protocol}", f"cipher={shown.cipher}"]
    for number, item in enumerate(shown.chain):
        lines += [
            f"certificate={number}",
            f"subject={item.subject.rfc4514_string()}",
            f"issuer={item.issuer.rfc4514_string()}",
            f"names={','.join(names(item))}",
            f"not_before={item.not_valid_before_utc.isoformat()}",
            f"not_after={item.not_valid_after_utc.isoformat()}",
            f"serial={item.serial_number:x}",
            f"signature={item.signature_algorithm_oid.dotted_string}",
            f"sha256={item.fingerprint(hashes.SHA256()).hex()}",
        ]
    return "\n".join(lines) + "\n"


def names(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses that it is for; the common name when it has no list."""
    try:
        value = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, ValueError):
        return [str(item.value) for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [str(item.value) for item in value] if isinstance(value, x509.SubjectAlternativeName) else []


def in_file(text: str) -> list[x509.Certificate]:
    """The certificates of a PEM file; an unreadable one gives none."""
    try:
        return x509.load_pem_x509_certificates(text.encode("ascii", "replace"))
    except ValueError:
        return []
