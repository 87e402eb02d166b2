"""The bureau's own certificate authority and the certificates of its pages, kept in a folder."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "市生态环境局信息中心"), x509.NameAttribute(NameOID.COMMON_NAME, "Bureau Root CA")])


@dataclass(frozen=True, slots=True)
class Authority:
    """Key and certificate; ``path`` is the certificate's file, for those who should trust it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    path: Path

    def context(self, folder: Path, name: str, address: str, days: float) -> ssl.SSLContext:
        """A server's context with a certificate that ends in ``days`` (negative: has ended)."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.renew(context, folder, name, address, days)
        return context

    def renew(self, context: ssl.SSLContext, folder: Path, name: str, address: str, days: float) -> None:
        """Another certificate for the connections to come."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        names = x509.SubjectAlternativeName([x509.DNSName(f"{name}.bureau.test"), x509.IPAddress(ip_address(address))])
        builder = _builder(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name}.bureau.test")]), key, now - timedelta(days=90), now + timedelta(days=days)
        )
        certificate = (
            builder.add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = folder / f"{name}.pem"
        _write(path, key, certificate)
        context.load_cert_chain(path)


def open_authority(folder: Path) -> Authority:
    """The authority of the folder, made when it is not there; others must not read the folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, own = folder / "ca.crt", folder / "ca.pem"
    if own.exists() and path.exists():
        loaded = load_pem_private_key(own.read_bytes(), None)
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        if isinstance(loaded, ec.EllipticCurvePrivateKey) and certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=400):
            return Authority(loaded, certificate, path)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    certificate = (
        _builder(NAME, key, now - timedelta(days=100), now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_signing(), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(own, key, certificate)
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    return Authority(key, certificate, path)


def _builder(name: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(NAME).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(since).not_valid_after(until)


def _signing() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _write(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM))
