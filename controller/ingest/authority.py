"""The controller's certificate: a given one, or its own small CA's.

The own CA (P-256, ten years) signs one server certificate, renewed at two thirds of its life and
whenever a name is missing. Private keys are 0600 in ``<data>/tls``. Agents pin the CA by the
SHA-256 of its DER, which their enrolment token carries.

A given certificate: what agents pin is the last certificate of its file, that is the issuing CA
where the file holds the chain, else the certificate itself (self-signed, or with the chain left
out; agents must then enrol again when it is replaced).
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.settings import Settings

CA_DAYS = 3_653
SERVER_DAYS = 397
"""Below the 825 days that clients accept at most; renewed at two thirds."""
BACKDATE = timedelta(hours=1)
"""A client whose clock is a little slow must not see a certificate of tomorrow."""

_Private = ec.EllipticCurvePrivateKey


class TlsError(Exception):
    """The certificate cannot be used; the text names the file and what to do."""


class TlsMaterial(NamedTuple):
    """What a TLS server needs, and what an enrolment token says of it."""

    certificate: Path
    """Leaf first, then the CA."""
    key: Path
    ca_pem: str
    fingerprint: str
    """SHA-256 of the CA's DER, 64 hex digits."""


def ensure_authority(settings: Settings, now: datetime | None = None) -> TlsMaterial:
    """The given certificate, or the own one, made or renewed where needed. Raises TlsError.

    Called by the one process that holds the data folder's lock.
    """
    if settings.tls.certificate:
        return _given(settings)
    moment = now or datetime.now(UTC)
    folder = settings.data / "tls"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ca_key, ca = _own_ca(folder, moment)
    names = wanted_names(settings)
    _own_server(folder, ca_key, ca, names, moment)
    return _material(folder / "server.pem", folder / "server.key", ca)


def read_ca(settings: Settings) -> str:
    """The CA's PEM that agents pin, without making anything; "" where TLS is not set up."""
    try:
        if settings.tls.certificate:
            return _given(settings).ca_pem
        return (settings.data / "tls" / "ca.pem").read_text("ascii")
    except (OSError, TlsError):
        return ""


def fingerprint_of(ca_pem: str) -> str:
    """SHA-256 of the certificate's DER, 64 hex digits; "" for no certificate."""
    if not ca_pem:
        return ""
    return x509.load_pem_x509_certificate(ca_pem.encode()).fingerprint(hashes.SHA256()).hex()


def _given(settings: Settings) -> TlsMaterial:
    certificate, key = Path(settings.tls.certificate), Path(settings.tls.key)
    if not settings.tls.key:
        raise TlsError(f"tls.certificate is {certificate} and tls.key is not set: name both")
    try:
        chain = x509.load_pem_x509_certificates(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
    except OSError as error:
        raise TlsError(
            f"{error.filename}: {error.strerror}; see tls.certificate, tls.key"
        ) from None
    except (ValueError, TypeError) as error:
        raise TlsError(f"{certificate} or {key} is not unencrypted PEM: {error}") from None
    if chain[0].public_key() != private.public_key():
        raise TlsError(f"{key} is not the key of the first certificate in {certificate}")
    return _material(certificate, key, chain[-1])


def _material(certificate: Path, key: Path, ca: x509.Certificate) -> TlsMaterial:
    pem = ca.public_bytes(serialization.Encoding.PEM).decode("ascii")
    return TlsMaterial(certificate, key, pem, ca.fingerprint(hashes.SHA256()).hex())


def _own_ca(folder: Path, now: datetime) -> tuple[_Private, x509.Certificate]:
    key_path, path = folder / "ca.key", folder / "ca.pem"
    # A key alone is a first start that was cut off: nobody pins its CA yet.
    if path.exists() or (folder / "server.pem").exists():
        try:
            key = serialization.load_pem_private_key(key_path.read_bytes(), None)
            ca = x509.load_pem_x509_certificate(path.read_bytes())
        except OSError as error:
            raise TlsError(
                f"{error.filename}: {error.strerror}; restore it from a backup"
            ) from None
        except (ValueError, TypeError) as error:
            # Never replaced silently: every agent pins this CA.
            raise TlsError(f"{folder}: the CA is damaged ({error}); restore it") from None
        if not isinstance(key, _Private) or key.public_key() != ca.public_key():
            raise TlsError(f"{key_path} is not the key of {path}; restore both from a backup")
        return key, ca
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"Yunxun CA {socket.gethostname()}"[:64])]
    )
    ca = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    _write(path, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    return key, ca


def _own_server(
    folder: Path,
    ca_key: _Private,
    ca: x509.Certificate,
    names: list[x509.GeneralName],
    now: datetime,
) -> None:
    key_path, path = folder / "server.key", folder / "server.pem"
    if _still_good(key_path, path, ca, names, now):
        return
    key = ec.generate_private_key(ec.SECP256R1())
    until = min(now + timedelta(days=SERVER_DAYS), ca.not_valid_after_utc)
    common = next((n.value for n in names if isinstance(n, x509.DNSName)), "yunxun")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACKDATE, ca.not_valid_before_utc))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _write_key(key_path, key)
    _write(path, certificate.public_bytes(pem) + ca.public_bytes(pem), 0o644)


def _still_good(
    key_path: Path, path: Path, ca: x509.Certificate, names: list[x509.GeneralName], now: datetime
) -> bool:
    """Whether the server certificate is ours, whole, younger than two thirds, and names all."""
    try:
        chain = x509.load_pem_x509_certificates(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        leaf = chain[0]
        leaf.verify_directly_issued_by(ca)
        named = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:
        return False  # whatever is wrong with it, a new one is made
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    return (
        len(chain) == 2
        and key.public_key() == leaf.public_key()
        and leaf.not_valid_before_utc <= now < leaf.not_valid_before_utc + life * 2 / 3
        and set(names) <= set(named)
    )


def wanted_names(settings: Settings) -> list[x509.GeneralName]:
    """Every name and address by which this controller may be reached, once each."""
    public = urlsplit(settings.public_url).hostname if settings.public_url else None
    texts = [public or "", settings.host.strip("[]"), *settings.tls.names]
    hostname = socket.gethostname()
    texts += [hostname, "localhost", "127.0.0.1", "::1", *local_addresses(hostname)]
    kept: dict[x509.GeneralName, None] = {}
    for text in texts:
        name = general_name(text)
        if name is not None:
            kept[name] = None
    return list(kept)


def general_name(text: str) -> x509.GeneralName | None:
    """An address or DNS name for a certificate; None for a wildcard address or what is neither."""
    text = text.strip().split("%")[0]
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        with contextlib.suppress(UnicodeError, ValueError):
            encoded = text.encode("idna").decode("ascii")
            return x509.DNSName(encoded) if encoded else None
        return None
    return None if address.is_unspecified else x509.IPAddress(address)


def local_addresses(hostname: str) -> list[str]:
    """Addresses of this host that others use: by its name, and towards the network."""
    found: dict[str, None] = {}
    with contextlib.suppress(OSError):
        for *_, address in socket.getaddrinfo(hostname, None):
            found[str(address[0])] = None
    # Connecting a datagram socket sends nothing; it only picks the address a packet would have.
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            found[str(probe.getsockname()[0])] = None
    for lasting in lasting_addresses():
        found[lasting] = None
    return [a for a in found if not ipaddress.ip_address(a.split("%")[0]).is_link_local]


IF_INET6 = "/proc/net/if_inet6"
TEMPORARY, UNUSABLE = 0x01, 0x08 | 0x20 | 0x40
"""Flags of linux/if_addr.h: temporary; failed as a duplicate, deprecated, still being tested."""
MOST_LASTING = 32


def lasting_addresses(path: str = IF_INET6) -> list[str]:
    """IPv6 addresses of this host's cards, whether or not a route leads out by them; temporary ones
    are left out, which are others tomorrow. Empty where the kernel does not say."""
    found = []
    try:
        lines = Path(path).read_text("ascii").splitlines()
    except OSError:
        return []
    for line in lines:
        words = line.split()
        if len(words) != 6 or words[5] == "lo" or int(words[4], 16) & (TEMPORARY | UNUSABLE):
            continue
        found.append(str(ipaddress.IPv6Address(bytes.fromhex(words[0]))))
    return sorted(found)[:MOST_LASTING]


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: _Private) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(path, pem, 0o600)


def _write(path: Path, data: bytes, mode: int) -> None:
    """Atomically, on the disk, and never readable to others for a moment."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
