"""Where a device is and as whom to ask it."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field

PORT = 161
AUTH = ("SHA-1", "SHA-224", "SHA-256", "SHA-384", "SHA-512", "MD5")
PRIV = ("AES-128", "AES-192", "AES-256", "DES")
SHORTEST_PASSWORD = 8
"""Octets; RFC 3414 section 11.2. Agents refuse shorter ones with an unhelpful silence."""


class TargetError(ValueError):
    """The address or the credential cannot be used; the text says what to write instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """A device's address, numeric or a name, and its UDP port."""

    host: str
    port: int = PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Community:
    """SNMPv1 or v2c."""

    community: str = field(repr=False)
    version: str = "2c"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An SNMPv3 user; without passwords noAuthNoPriv, without ``priv_password`` authNoPriv."""

    name: str
    auth: str = "SHA-256"
    auth_password: str = field(default="", repr=False)
    priv: str = "AES-128"
    priv_password: str = field(default="", repr=False)
    expansion: str = "blumenthal"
    """How AES-192/256 stretch a key shorter than theirs: ``blumenthal`` or ``cisco``."""

    def __post_init__(self) -> None:
        if self.auth not in AUTH:
            raise TargetError(f"authentication {self.auth!r} is not one of {', '.join(AUTH)}")
        if self.priv not in PRIV:
            raise TargetError(f"encryption {self.priv!r} is not one of {', '.join(PRIV)}")
        if self.expansion not in ("blumenthal", "cisco"):
            raise TargetError("key expansion is blumenthal or cisco")
        if self.priv_password and not self.auth_password:
            raise TargetError("encryption needs authentication too: give its password")
        for what, word in (("auth", self.auth_password), ("priv", self.priv_password)):
            if word and len(word.encode()) < SHORTEST_PASSWORD:
                raise TargetError(
                    f"the {what} password is shorter than {SHORTEST_PASSWORD} characters"
                )


Credential = Community | User


def parse_target(text: str) -> Target:
    """``HOST``, ``HOST:PORT``, ``2001:db8::1``, ``[2001:db8::1]:161``.

    Raises:
        TargetError: no host, or a port that is none.
    """
    host, port = text.strip(), ""
    if host.startswith("["):
        host, closed, rest = host[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise TargetError(f"{text!r}: write an IPv6 address with a port as [2001:db8::1]:161")
        port = rest[1:]
        _check_v6(host, text)
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    elif ":" in host:
        _check_v6(host, text)
    if not host:
        raise TargetError(f"{text!r}: no host")
    if not port:
        return Target(host)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise TargetError(f"{text!r}: port {port!r} is not 1 to 65535")
    return Target(host, int(port))


def _check_v6(host: str, text: str) -> None:
    try:
        ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        raise TargetError(f"{text!r}: {host!r} is not an IPv6 address") from None


def numeric(target: Target) -> Target:
    """The target with its name resolved (blocking); numeric addresses come back as they are.

    A link-local address keeps its zone as a number, which is what the socket understands.

    Raises:
        OSError: the name does not resolve.
    """
    try:
        ipaddress.ip_address(target.host)
    except ValueError:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
        address = found[0][4]
        host = str(address[0]).partition("%")[0]
        zone = address[3] if len(address) == 4 else 0
        return Target(f"{host}%{zone}" if zone else host, target.port)
    return target
