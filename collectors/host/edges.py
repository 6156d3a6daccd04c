"""Who this host talks to: its TCP connections as edges, looked at now and then.

An edge is (direction, peer address, port): the peer's port where we called, ours where it called.
Connections come from sock_diag(7) in one walk of the kernel's table for both IP versions; those in
TIME_WAIT count too, or short calls would hardly ever be met. UDP is not looked at: most of its
sockets have no peer.

A document carries the edges of the time since the last whole one. New edges are told at once; what
was told before comes with the next whole document, after WHOLE_S. The order is fixed, so the same
edges have the same ``hash``.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Iterator

from collectors.host.netlink import (
    BUFFER_BYTES,
    HEADER,
    INET_DIAG_REQUEST,
    NETLINK_SOCK_DIAG,
    NLM_F_REQUEST_DUMP,
    NLMSG_DONE,
    NLMSG_ERROR,
    SOCK_DIAG_BY_FAMILY,
    TCP_LISTEN,
    open_netlink,
)
from collectors.host.sockets import SocketOwners
from collectors.records import Document

KIND = "edges"
WHOLE_S = 3_600.0
"""All edges are told again after this long."""

MOST_SOCKETS = 20_000
"""Connections read in one look. The kernel's table is hashed by a secret, so the first part of it
is a fair sample of the whole."""
MOST_EDGES = 2_000
"""Edges kept between two whole documents."""
MOST_SENT = 500
"""Edges of one document, those met most often; the others are counted."""
MOST_LOCAL = 50

TCPDIAG_GETSOCK = 18
"""The older request: it answers both IP versions in one walk."""
COMPAT_REQUEST = struct.Struct("=BBBB48xII")
"""inet_diag_req: family, source length, destination length, extensions, socket id, states, dbs."""
ESTABLISHED, SYN_SENT, TIME_WAIT, CLOSE_WAIT = 1, 2, 6, 8
STATES = 1 << ESTABLISHED | 1 << SYN_SENT | 1 << TIME_WAIT | 1 << CLOSE_WAIT
MAPPED = bytes(10) + b"\xff\xff"
ONE = bytes(15) + b"\x01"
LINK_LOCAL = 0xFE
INODE = struct.Struct("=I")
INODE_AT = 68
"""In inet_diag_msg."""
EPHEMERAL = 32_768
"""From here on ports are given to callers (ip_local_port_range). A closed connection between two of
them tells nothing once its listener is gone."""

OUT, IN, LOCAL = "out", "in", "local"
Key = tuple[str, bytes, int]
"""Direction, packed peer address (b"" for loopback), port."""


class Look:
    """What one look saw: connections by edge, an inode of each, and whether all were read."""

    def __init__(self) -> None:
        self.edges: dict[Key, int] = {}
        self.inodes: dict[Key, int] = {}
        self.own: set[bytes] = set()
        """Our addresses, as the connections have them."""
        self.sampled = False


class Edges:
    """The edges of the network namespace this process is in. Not thread-safe."""

    def __init__(self, interval_s: float, owners: SocketOwners | None = None) -> None:
        """``interval_s`` between looks; 0: never."""
        self._interval_s = interval_s
        self._owners = owners or SocketOwners("/proc")
        self._next = self._whole_at = 0.0
        self._seen: dict[Key, list[int]] = {}
        self._told: set[Key] = set()
        self._from_ms = 0
        self._looks = self._left_out = 0
        self._sampled = False
        self._refused = False

    def collect(self, now_ms: int, monotonic: float) -> Document | None:
        """A look if one is due; the document if there is something to tell. Raises OSError where
        the kernel gives no sockets to us, once: then it never looks again."""
        if self._interval_s <= 0 or self._refused or monotonic < self._next:
            return None
        # On the agent's own grid of ticks: a hair early must not put it off by a whole one.
        self._next = monotonic + self._interval_s - 1.0
        try:
            found = look()
        except (OSError, AttributeError):  # no sock_diag, or no netlink at all
            self._refused = True
            raise
        self.take(found, now_ms)
        return self.tell(now_ms, monotonic)

    def take(self, found: Look, now_ms: int) -> None:
        """Adds one look to what is known since the last whole document."""
        self._from_ms = self._from_ms or now_ms
        self._looks += 1
        self._sampled |= found.sampled
        for key, count in found.edges.items():
            known = self._seen.get(key)
            if known is not None:
                known[0] += 1
                known[1] = max(known[1], count)
            elif len(self._seen) < MOST_EDGES:
                self._seen[key] = [1, count]
            else:
                self._left_out += 1
        self._owners.find(found.inodes)

    def tell(self, now_ms: int, monotonic: float) -> Document | None:
        """All edges when it is time, else those that were not told yet, else nothing."""
        whole = not self._told or monotonic >= self._whole_at
        keys = [
            k for k, (looks, _) in self._seen.items() if looks and (whole or k not in self._told)
        ]
        if not keys:
            return None
        keys.sort(key=lambda key: (-self._seen[key][0], -self._seen[key][1], key))
        body = self._body(keys, whole)
        body |= {"from_ms": self._from_ms, "to_ms": now_ms}
        if whole:
            self._told = set(keys)
            self._seen, self._from_ms, self._looks = {}, now_ms, 0
            self._left_out, self._sampled = 0, False
            self._whole_at = monotonic + WHOLE_S
            self._owners.forget(self._told)
        else:
            self._told.update(keys)
            for key in keys:
                # The next whole document counts on from here.
                self._seen[key] = [0, 0]
        return Document(KIND, now_ms, body)

    def _body(self, keys: list[Key], whole: bool) -> dict[str, object]:
        name = self._owners.name
        ours = [key for key in keys if key[0] != LOCAL]
        local = [key for key in keys if key[0] == LOCAL][:MOST_LOCAL]
        sent = sorted(ours[:MOST_SENT])
        edges = [
            [key[0], "tcp", peer_text(key[1]), key[2], name(key), *self._seen[key]] for key in sent
        ]
        told = [[key[2], name(key), *self._seen[key]] for key in sorted(local)]
        digest = hashlib.sha256(repr([edge[:4] for edge in edges]).encode()).hexdigest()[:16]
        return {
            "whole": whole,
            "looks": self._looks,
            "edges": edges,
            "local": told,
            "left_out": self._left_out + len(ours) - len(sent),
            "sampled": self._sampled,
            "hash": digest,
        }


def peer_text(packed: bytes) -> str:
    """An address as text; IPv4 in 4 bytes, IPv6 in 16."""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed)


def look() -> Look:
    """One look at the connections of now; raises OSError where there is no sock_diag for us."""
    with open_netlink(NETLINK_SOCK_DIAG) as diag:
        listening = read_listening(diag)
    found = Look()
    count = 0
    # A socket of its own: what is left unread of a long answer goes with it.
    with open_netlink(NETLINK_SOCK_DIAG) as diag:
        for data in read_connections(diag):
            count += gather(data, listening, found)
            if count >= MOST_SOCKETS:
                found.sampled = True
                break
    keep_apart(found)
    return found


def keep_apart(found: Look) -> None:
    """Makes what we say to another address of ours local; the called end does not count again."""
    for key in [key for key in found.edges if key[1] in found.own]:
        count, inode = found.edges.pop(key), found.inodes.pop(key, 0)
        if key[0] == OUT:
            local = (LOCAL, b"", key[2])
            found.edges[local] = found.edges.get(local, 0) + count
            found.inodes.setdefault(local, inode)


def read_listening(diag: socket.socket) -> frozenset[int]:
    """The ports we listen on, either IP version."""
    ports: set[int] = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        body = INET_DIAG_REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, 1 << TCP_LISTEN)
        try:
            for data in answers(diag, SOCK_DIAG_BY_FAMILY, body):
                ports.update(row[3] for row in rows(data))
        except FileNotFoundError:  # a kernel without IPv6
            continue
    return frozenset(ports)


def read_connections(diag: socket.socket) -> Iterator[bytes]:
    """Datagrams of the connections of both IP versions."""
    body = COMPAT_REQUEST.pack(socket.AF_INET, 0, 0, 0, STATES, 0)
    yield from answers(diag, TCPDIAG_GETSOCK, body)


def answers(link: socket.socket, kind: int, body: bytes) -> Iterator[bytes]:
    """The kernel's datagrams as they come; raises OSError on its refusal."""
    link.send(HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST_DUMP, 1, 0) + body)
    while True:
        data = link.recv(BUFFER_BYTES)
        first = HEADER.unpack_from(data)[1]
        if first == NLMSG_ERROR:
            code = -struct.unpack_from("=i", data, HEADER.size)[0]
            raise OSError(code, "the kernel refused a dump of its sockets")
        yield data
        if first == NLMSG_DONE or last_kind(data) == NLMSG_DONE:
            return


def last_kind(data: bytes) -> int:
    """The kind of a datagram's last message: the end of a dump is 20 bytes, alone or at the end."""
    if len(data) < HEADER.size + 4:
        return 0
    size, kind = HEADER.unpack_from(data, len(data) - HEADER.size - 4)[:2]
    return int(kind) if size == HEADER.size + 4 else 0


Row = tuple[bytes, int, int, int, int, bytes, bytes, bytes]


def rows(data: bytes) -> Iterator[Row]:
    """(size as the kernel's, family, state, our port, their port, our address, theirs, …) of each
    socket in a datagram. Sockets of one kind have one size, so that a run of them is unpacked in
    one go; the ports and addresses are in network order."""
    at, end = 0, len(data)
    while at + HEADER.size <= end:
        size, kind = HEADER.unpack_from(data, at)[:2]
        if kind in (NLMSG_DONE, NLMSG_ERROR) or size < HEADER.size + INODE_AT + INODE.size:
            return
        step = (size + 3) & ~3
        layout = struct.Struct(f"!4s12xBBxxHH16s16s28x4s{step - 88}x")
        same = data[at : at + 4]
        whole = at + (end - at) // step * step
        for row in layout.iter_unpack(memoryview(data)[at:whole]):
            if row[0] != same:
                break
            yield row
            at += step


def gather(data: bytes, listening: frozenset[int], found: Look) -> int:
    """Adds a datagram's connections to ``found``; how many there were."""
    edges, inodes, own, count = found.edges, found.inodes, found.own, 0
    for _, family, state, ours, theirs, source16, peer16, inode in rows(data):
        count += 1
        if state == TIME_WAIT and theirs >= EPHEMERAL and ours not in listening:
            continue
        peer, source = peer16, source16
        if family == socket.AF_INET:
            peer, source = peer16[:4], source16[:4]
        elif peer16.startswith(MAPPED):
            peer, source = peer16[12:], source16[12:]
        elif peer16[0] == LINK_LOCAL and peer16[1] & 0xC0 == 0x80:
            continue
        own.add(source)
        if peer in (source, ONE) or (peer[0] == 127 and len(peer) == 4):
            # Both ends are ours: only the side that calls counts.
            if ours in listening:
                continue
            key: Key = (LOCAL, b"", theirs)
        elif ours in listening:
            key = (IN, peer, ours)
        else:
            key = (OUT, peer, theirs)
        edges[key] = edges.get(key, 0) + 1
        if key not in inodes:
            inodes[key] = INODE.unpack(inode)[0]
    return count
