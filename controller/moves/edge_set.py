"""The edges of one resource over 31 days, packed: who it talks to, on which days, how often. Pure.

An edge is (direction, protocol, peer address, port). The name of the process is a mark on it that
later documents may fill in. Each day has a count of the looks in which the edge was met; the day's
place in the ring is its number modulo DAYS. A set holds at most MOST edges: the ones met longest
ago go first, and how many went is counted.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from ipaddress import IPv6Address, ip_address
from typing import Any

import numpy as np
from numpy.typing import NDArray

DAYS = 31
MOST = 2_000
MOST_NAMES = 500
OUT, IN, LOCAL = 0, 1, 2
DIRECTIONS = {"out": OUT, "in": IN, "local": LOCAL}
PROTOCOLS = {"tcp": 6, "udp": 17}
EPOCH = date(2020, 1, 1)
LIMIT = 65_535
_MAPPED = bytes(10) + b"\xff\xff"
_HEAD = struct.Struct("<4sIII")
_MAGIC = b"YXE1"

EDGE = np.dtype(
    [
        ("peer", "S16"),
        ("port", "<u2"),
        ("direction", "u1"),
        ("protocol", "u1"),
        ("name", "<u2"),
        ("peak", "<u2"),
        ("first", "<u2"),
        ("last", "<u2"),
    ]
)
"""``peer``: IPv4 mapped into IPv6, so that one key serves both; ``name`` is a place in ``names``
(0: not known); ``peak``: most connections at one look; days are counted from EPOCH."""


def day_number(day: date) -> int:
    """Days since EPOCH."""
    return (day - EPOCH).days


def pack_address(text: str) -> bytes | None:
    """16 bytes, or None for what is no address."""
    try:
        address = ip_address(text.split("%", maxsplit=1)[0])
    except ValueError:
        return None
    return address.packed if address.version == 6 else _MAPPED + address.packed


def address_text(packed: bytes) -> str:
    """The address in its usual form; "" for that of loopback edges."""
    whole = packed.ljust(16, b"\0")  # numpy drops zeros at the end
    if whole == bytes(16):
        return ""
    address = IPv6Address(whole)
    return str(address.ipv4_mapped or address)


KEY = struct.Struct("<16sHBB")
"""The first fields of EDGE."""


@dataclass
class EdgeSet:
    """``edges`` and ``looks`` (a row an edge, a column a day of the ring) belong together."""

    edges: NDArray[Any] = field(default_factory=lambda: np.zeros(0, EDGE))
    looks: NDArray[np.uint16] = field(default_factory=lambda: np.zeros((0, DAYS), "<u2"))
    names: list[str] = field(default_factory=lambda: [""])
    newest: int = 0
    """The day up to which the ring is swept."""
    dropped: int = 0

    def __len__(self) -> int:
        return len(self.edges)

    def sweep(self, day: int) -> None:
        """Makes room for ``day``: clears days that fell out of the ring, and edges with none."""
        if day <= self.newest:
            return
        for each in range(max(self.newest + 1, day - DAYS + 1), day + 1):
            self.looks[:, each % DAYS] = 0
        self.newest = day
        kept = self.edges["last"].astype(np.int64) > day - DAYS
        if not kept.all():
            self.edges, self.looks = self.edges[kept], self.looks[kept]

    def merge(self, rows: Sequence[EdgeRow], day: int) -> None:
        """Adds rows of one document to ``day``; a day that has left the ring is not taken in."""
        if day <= self.newest - DAYS:
            return
        self.sweep(day)
        told: dict[bytes, EdgeRow] = {}
        for row in rows:
            before = told.get(row.key)
            told[row.key] = row if before is None else before.plus(row)
        raw, size = self.edges.tobytes(), EDGE.itemsize
        places = {raw[at : at + KEY.size]: at // size for at in range(0, len(raw), size)}
        known = [(places[key], row) for key, row in told.items() if key in places]
        if known:
            self._add(known, day)
        fresh = [row for key, row in told.items() if key not in places]
        if fresh:
            self._append(fresh, day)

    def _add(self, known: Sequence[tuple[int, EdgeRow]], day: int) -> None:
        places = np.array([place for place, _ in known])
        edges, looks = self.edges, np.array([row.looks for _, row in known])
        column = self.looks[places, day % DAYS].astype(np.int64) + looks
        self.looks[places, day % DAYS] = np.minimum(column, LIMIT)
        edges["peak"][places] = np.maximum(edges["peak"][places], [r.peak for _, r in known])
        edges["last"][places] = np.maximum(edges["last"][places], day)
        edges["first"][places] = np.minimum(edges["first"][places], day)
        for place, row in known:
            if row.process:
                edges["name"][place] = self._name(row.process)

    def _append(self, rows: Sequence[EdgeRow], day: int) -> None:
        added = np.zeros(len(rows), EDGE)
        for place, row in enumerate(rows):
            peer, port, direction, protocol = KEY.unpack(row.key)
            added[place] = (
                peer, port, direction, protocol, self._name(row.process), row.peak, day, day,
            )  # fmt: skip
        looks = np.zeros((len(rows), DAYS), "<u2")
        looks[:, day % DAYS] = [min(row.looks, LIMIT) for row in rows]
        self.edges = np.concatenate([self.edges, added])
        self.looks = np.concatenate([self.looks, looks])
        if len(self.edges) > MOST:
            order = np.lexsort((self.looks.sum(axis=1), self.edges["last"]))[::-1]
            kept = np.sort(order[:MOST])
            self.dropped += len(self.edges) - MOST
            self.edges, self.looks = self.edges[kept], self.looks[kept]

    def _name(self, process: str) -> int:
        if process in self.names:
            return self.names.index(process)
        if len(self.names) >= MOST_NAMES:
            return 0
        self.names.append(process)
        return len(self.names) - 1

    def pack(self) -> bytes:
        """The set as bytes."""
        names = json.dumps(self.names, ensure_ascii=False).encode()
        head = _HEAD.pack(_MAGIC, len(self.edges), self.newest, self.dropped)
        body = struct.pack("<I", len(names)) + names + self.edges.tobytes() + self.looks.tobytes()
        return head + zlib.compress(body, 1)


@dataclass(frozen=True)
class EdgeRow:
    """One edge of a document; ``key`` as of ``edge_key``."""

    key: bytes
    process: str
    looks: int
    peak: int

    def plus(self, other: EdgeRow) -> EdgeRow:
        """Both as one: what a document says twice."""
        return EdgeRow(
            self.key, other.process or self.process, self.looks + other.looks,
            max(self.peak, other.peak),
        )  # fmt: skip


def edge_key(direction: int, protocol: int, peer: bytes, port: int) -> bytes:
    """What an edge is known by: its first bytes in EDGE."""
    return KEY.pack(peer, port, direction, protocol)


def unpack(data: bytes) -> EdgeSet:
    """The set of ``pack``. Raises ValueError for anything else."""
    try:
        magic, count, newest, dropped = _HEAD.unpack_from(data)
        if magic != _MAGIC:
            raise ValueError("not packed edges")
        body = zlib.decompress(data[_HEAD.size :])
        (length,) = struct.unpack_from("<I", body)
        at = 4 + length
        names = json.loads(body[4:at])
        edges = np.frombuffer(body, EDGE, count, at).copy()
        looks = np.frombuffer(body, "<u2", count * DAYS, at + count * EDGE.itemsize)
    except (struct.error, zlib.error) as error:
        raise ValueError(f"not packed edges: {error}") from None
    return EdgeSet(edges, looks.reshape(count, DAYS).copy(), names, newest, dropped)
