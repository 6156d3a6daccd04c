"""Certificates that the host serves: their algorithms, strength, names and end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from playbooks.judge.detectors.base import Detector, Hit, Look, NotApplicable
from playbooks.judge.detectors.network import is_old

_SM = ("sm2", "1.2.156.10197", "sm3")


class Certificate(NamedTuple):
    path: str
    subject: str
    signature: str
    key: str
    bits: int
    curve: str
    end: str
    names: str

    @property
    def is_sm2(self) -> bool:
        return any(it in f"{self.signature} {self.curve}".lower() for it in _SM)

    @property
    def ends(self) -> datetime | None:
        try:
            return datetime.strptime(self.end, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
        except ValueError:
            return None


def certificates_of(look: Look) -> Iterator[Certificate]:
    """Those the host's own configuration names. Raises NotApplicable where there is none."""
    rows = [line.split("\t") for line in look.facts.text("certificates").splitlines()]
    known = [row for row in rows if len(row) == 8]
    if not known:
        raise NotApplicable("no served certificate found")
    for row in known:
        path, subject, signature, key, bits, curve, end, names = row
        size = int(bits) if bits.isdigit() else 0
        yield Certificate(path, subject, signature, key, size, curve, end, names)


def without_sm2(look: Look) -> Iterable[Hit]:
    """No SM2 certificate among those that are served."""
    every = list(certificates_of(look))
    if not any(it.is_sm2 for it in every):
        for it in every:
            yield Hit(it.path, "cert", it.path, f"{it.signature} {it.key}", "certificates")


def weak_certificates(look: Look) -> Iterable[Hit]:
    """Protocols before TLS 1.2, broken ciphers, MD5 and SHA-1 signatures, short RSA keys."""
    for line in look.facts.lines("appconfig"):
        for pattern in look.parameters["match"]:
            if pattern.search(line.text):
                yield Hit(
                    f"{line.path}: {line.text.strip()[:80]}",
                    "file",
                    line.locator,
                    line.text,
                    "appconfig",
                )
                break
    try:
        every = list(certificates_of(look))
    except NotApplicable:
        return
    for it in every:
        short = "rsa" in it.key.lower() and 0 < it.bits < 2048
        if short or it.signature.lower().startswith(("md5", "sha1")):
            yield Hit(
                it.path, "cert", it.path, f"{it.signature} {it.key} {it.bits}", "certificates"
            )


def certificates_and_move(look: Look) -> Iterable[Hit]:
    """A certificate for an address that goes, or one that ends within 30 days of the window."""
    old = is_old(look)
    limit = datetime.fromisoformat(look.input("window.end")) + timedelta(days=30)
    for it in certificates_of(look):
        words = it.names.replace("IP Address:", " ").replace(",", " ").split()
        if any(old(word) for word in words):
            yield Hit(f"{it.path} name", "cert", it.path, it.names, "certificates")
        if it.ends and it.ends < limit:
            yield Hit(f"{it.path} end", "cert", it.path, it.end, "certificates")


DETECTORS = {
    "without_sm2": Detector(without_sm2),
    "weak_tls": Detector(weak_certificates, frozenset({"match"})),
    "certificates_and_move": Detector(certificates_and_move),
}
