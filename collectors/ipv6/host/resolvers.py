"""The resolvers of this host: which are reached over IPv6, and which answer questions for AAAA."""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, NamedTuple

from collectors.host.files import read_line

AAAA, IN = 28, 1
NO_ERROR, NO_SUCH_NAME = 0, 3
"""Both are an answer to AAAA; a resolver that cannot says SERVFAIL or NOTIMP, or nothing."""
PORT = 53
TRIES, WAIT_S = 2, 1.5
MOST = 3
"""What the C library reads of resolv.conf."""
STUBS = ("run/systemd/resolve/resolv.conf", "run/NetworkManager/no-stub-resolv.conf")
"""Where the real resolvers stand when resolv.conf names a stub on loopback."""


class Resolv(NamedTuple):
    """What resolv.conf says."""

    servers: list[str]
    search: str
    """First domain searched, "" without."""


def read_resolvers(root: str = "/", port: int = PORT) -> list[dict[str, Any]]:
    """Each resolver with what it answered; [] without any."""
    told = parse_resolv(read_line(os.path.join(root, "etc/resolv.conf")))
    if told.servers and all(is_loopback(each) for each in told.servers):
        for path in STUBS:
            behind = parse_resolv(read_line(os.path.join(root, path)))
            if behind.servers:
                told = Resolv(behind.servers, behind.search or told.search)
                break
    name = told.search or "localhost"
    return [_ask(each, name, port) for each in told.servers[:MOST]]


def parse_resolv(text: str) -> Resolv:
    """Name servers and the first search domain."""
    servers: list[str] = []
    search = ""
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0][0] in "#;":
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] in ("search", "domain") and not search:
            search = words[1].strip(".")
    return Resolv(servers, search)


def is_loopback(address: str) -> bool:
    """127/8 or ::1."""
    return address.startswith("127.") or address == "::1"


def _ask(server: str, name: str, port: int) -> dict[str, Any]:
    version = 6 if ":" in server else 4
    code = ask_aaaa(server, name, port)
    return {
        "address": server,
        "version": version,
        "reachable": code is not None,
        "aaaa": code in (NO_ERROR, NO_SUCH_NAME) if code is not None else None,
    }


def ask_aaaa(server: str, name: str, port: int = PORT) -> int | None:
    """Response code to a question for ``name``'s AAAA; None without an answer."""
    number = int.from_bytes(os.urandom(2), "big")
    query = encode_query(number, name)
    try:
        found = socket.getaddrinfo(
            server, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST
        )
        family, address = found[0][0], found[0][4]
        for _ in range(TRIES):
            with socket.socket(family, socket.SOCK_DGRAM) as wire:
                wire.settimeout(WAIT_S)
                wire.connect(address)
                wire.send(query)
                try:
                    answer = wire.recv(4_096)
                except TimeoutError:
                    continue
            if len(answer) >= 12 and answer[:2] == query[:2] and answer[2] & 0x80:
                return answer[3] & 0x0F
    except (OSError, UnicodeError):
        return None
    return None


def encode_query(number: int, name: str) -> bytes:
    """A recursive question for AAAA (RFC 1035, 3596)."""
    labels = b"".join(
        bytes([len(part)]) + part for part in (each.encode("idna") for each in name.split("."))
    )
    return (
        struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0)
        + labels
        + b"\0"
        + struct.pack(">HH", AAAA, IN)
    )
