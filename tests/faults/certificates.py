"""A CA and a server certificate made for one test."""

from __future__ import annotations

import hashlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority(NamedTuple):
    """PEM of the CA, its fingerprint, and a context that serves ``address`` and localhost."""

    ca_pem: str
    fingerprint: str
    context: ssl.SSLContext
    certificate: Path
    key: Path


def make_authority(
    folder: Path,
    name: str = "test",
    since: datetime | None = None,
    days: int = 30,
    address: str = "127.0.0.1",
) -> Authority:
    """A fresh CA and a certificate of it, valid from ``since`` (yesterday)."""
    since = since or datetime.now(UTC) - timedelta(days=1)
    until = since + timedelta(days=days)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
    base = x509.CertificateBuilder().not_valid_before(since).not_valid_after(until)
    ca = (
        base.subject_name(ca_name)
        .issuer_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(address))]
    server = (
        base.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(ca_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    ca_pem = ca.public_bytes(pem).decode()
    certificate, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_text(server.public_bytes(pem).decode() + ca_pem)
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key_file)
    fingerprint = hashlib.sha256(ca.public_bytes(serialization.Encoding.DER)).hexdigest()
    return Authority(ca_pem, fingerprint, context, certificate, key_file)
