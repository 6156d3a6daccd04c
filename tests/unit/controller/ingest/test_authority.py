"""The certificate is one that a strict client accepts, and the CA that agents pin never changes."""

from __future__ import annotations

import shutil
import socket
import ssl
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from controller.ingest.authority import (
    TlsError,
    TlsMaterial,
    ensure_authority,
    fingerprint_of,
    general_name,
    read_ca,
)
from controller.settings import Settings, TlsSettings

NOW = datetime.now(UTC)


def leaf(material: TlsMaterial) -> x509.Certificate:
    return x509.load_pem_x509_certificates(material.certificate.read_bytes())[0]


def handshake(material: TlsMaterial, ca_pem: str, name: str) -> None:
    """A TLS handshake with the name checked; raises ssl.SSLError."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(material.certificate, material.key)
    client = ssl.create_default_context(cadata=ca_pem)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", ["yx.example.gov.cn", "localhost", "127.0.0.1", "::1", "10.9.8.7"])
def test_a_client_that_pins_the_ca_accepts_every_name(tmp_path: Path, name: str) -> None:
    settings = Settings(
        data=tmp_path,
        public_url="https://yx.example.gov.cn:8443",
        host="0.0.0.0",
        tls=TlsSettings(names=("10.9.8.7",)),
    )
    material = ensure_authority(settings)
    handshake(material, material.ca_pem, name)


def test_a_name_that_is_not_in_the_certificate_is_refused(tmp_path: Path) -> None:
    material = ensure_authority(Settings(data=tmp_path))
    with pytest.raises(ssl.SSLError, match="mismatch"):
        handshake(material, material.ca_pem, "elsewhere.example.gov.cn")


def test_another_ca_of_the_same_name_is_refused(tmp_path: Path) -> None:
    material = ensure_authority(Settings(data=tmp_path / "one"))
    other = ensure_authority(Settings(data=tmp_path / "two"))
    assert other.fingerprint != material.fingerprint
    with pytest.raises(ssl.SSLError):
        handshake(material, other.ca_pem, "localhost")


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    ensure_authority(Settings(data=tmp_path))
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600


def test_the_certificate_lives_short_of_825_days_and_the_ca_ten_years(tmp_path: Path) -> None:
    material = ensure_authority(Settings(data=tmp_path))
    certificate = leaf(material)
    life = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    ca = x509.load_pem_x509_certificate(material.ca_pem.encode())
    assert life < timedelta(days=825)
    assert timedelta(days=3_650) < ca.not_valid_after_utc - NOW < timedelta(days=3_655)


def test_the_certificate_is_renewed_at_two_thirds_and_the_ca_stays(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    first = ensure_authority(settings, NOW)
    serial = leaf(first).serial_number
    assert leaf(ensure_authority(settings, NOW + timedelta(days=200))).serial_number == serial
    later = ensure_authority(settings, NOW + timedelta(days=300))
    assert leaf(later).serial_number != serial
    assert later.fingerprint == first.fingerprint


def test_a_new_name_makes_a_new_certificate_under_the_same_ca(tmp_path: Path) -> None:
    first = ensure_authority(Settings(data=tmp_path))
    second = ensure_authority(Settings(data=tmp_path, public_url="https://new.example:1"))
    handshake(second, first.ca_pem, "new.example")


def test_a_damaged_server_certificate_is_replaced_and_a_damaged_ca_is_not(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    material = ensure_authority(settings)
    material.certificate.write_text("torn")
    assert ensure_authority(settings).fingerprint == material.fingerprint
    (tmp_path / "tls" / "ca.pem").write_text("torn")
    with pytest.raises(TlsError, match="restore"):
        ensure_authority(settings)


def test_a_lost_ca_key_is_said_so(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    ensure_authority(settings)
    (tmp_path / "tls" / "ca.key").unlink()
    with pytest.raises(TlsError, match=r"ca\.key"):
        ensure_authority(settings)


def test_a_first_start_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    ensure_authority(settings)
    for name in ("ca.pem", "server.pem", "server.key"):
        (tmp_path / "tls" / name).unlink()
    material = ensure_authority(settings)
    handshake(material, material.ca_pem, "localhost")


def given(own: Path, folder: Path, *, chain: bool) -> TlsSettings:
    """The own material as if an administrator had been given it."""
    folder.mkdir()
    shutil.copy(own / "tls" / "server.key", folder / "site.key")
    certificates = x509.load_pem_x509_certificates((own / "tls" / "server.pem").read_bytes())
    kept = certificates if chain else certificates[:1]
    (folder / "site.pem").write_bytes(b"".join(c.public_bytes(Encoding.PEM) for c in kept))
    return TlsSettings(certificate=str(folder / "site.pem"), key=str(folder / "site.key"))


def test_a_given_chain_is_pinned_by_its_ca(tmp_path: Path) -> None:
    own = ensure_authority(Settings(data=tmp_path / "own"))
    tls = given(tmp_path / "own", tmp_path / "given", chain=True)
    settings = Settings(data=tmp_path / "data", tls=tls)
    material = ensure_authority(settings)
    assert material.fingerprint == own.fingerprint == fingerprint_of(read_ca(settings))
    assert not (tmp_path / "data").exists()


def test_a_given_certificate_without_its_chain_is_pinned_itself(tmp_path: Path) -> None:
    own = ensure_authority(Settings(data=tmp_path / "own"))
    tls = given(tmp_path / "own", tmp_path / "given", chain=False)
    material = ensure_authority(Settings(data=tmp_path, tls=tls))
    assert material.fingerprint not in ("", own.fingerprint)


def test_a_given_key_that_does_not_fit_is_refused_with_both_names(tmp_path: Path) -> None:
    ensure_authority(Settings(data=tmp_path / "own"))
    tls = given(tmp_path / "own", tmp_path / "given", chain=True)
    shutil.copy(tmp_path / "own" / "tls" / "ca.key", tls.key)
    with pytest.raises(TlsError, match=r"site\.key is not the key of"):
        ensure_authority(Settings(data=tmp_path, tls=tls))


def test_where_tls_is_not_set_up_there_is_no_ca(tmp_path: Path) -> None:
    assert read_ca(Settings(data=tmp_path)) == ""
    assert fingerprint_of("") == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("10.0.0.1", x509.IPAddress),
        ("[fd00::1]", x509.IPAddress),
        ("fe80::1%eth0", x509.IPAddress),
        ("云巡.example.cn", x509.DNSName),
        ("0.0.0.0", None),
        ("::", None),
        ("", None),
        ("a..b", None),
    ],
)
def test_names_become_what_a_certificate_holds(text: str, kind: type | None) -> None:
    name = general_name(text)
    assert name is None if kind is None else isinstance(name, kind)
