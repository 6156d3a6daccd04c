"""The spool's table of batches with its counters: they change in one transaction or not at all."""

from __future__ import annotations

import sqlite3
from typing import Any

from agent.spool_batch import Entry, checksum
from agent.spool_file import COLUMNS, DamagedError, read_meta, write_meta
from agent.spool_folder import RESERVE_BYTES, SpoolFolder
from agent.spool_losses import note_loss, take_back
from collectors.records import BatchId

ROW_BYTES = 120
"""What SQLite and our columns add to a batch's body, for the cap."""

MEMORY_BYTES = 8 << 20
"""The cap where the spool could not be opened on disk."""

ACK_GROUP = 16
"""Acknowledged batches whose removal may wait for the next commit; killed, they are sent again."""

QUARANTINE_BYTES = 4 << 20
QUARANTINE_BATCHES = 2_000


class Queue:
    """One connection, its transaction and its cap. Not thread-safe; raises sqlite3.Error."""

    def __init__(self, folder: SpoolFolder, max_bytes: int) -> None:
        self._folder = folder
        self._max = max_bytes
        self._acks = 0
        self.db, self.meta = folder.open()

    @property
    def max_bytes(self) -> int:
        """The cap on what waits."""
        return self._max if self._folder.durable else min(self._max, MEMORY_BYTES)

    def reopen(self) -> None:
        """Begins anew with what the folder has now; the old connection must be closed."""
        self._acks = 0
        self.db, self.meta = self._folder.open()

    # ---- batches

    def next_id(self, agent: str) -> BatchId:
        self.meta["seq"] += 1
        return BatchId(agent, self.meta["epoch"], self.meta["seq"])

    def put(
        self, batch_id: BatchId, kind: str, rows: int, from_ms: int, to_ms: int, body: bytes
    ) -> int:
        self.make_room(len(body) + ROW_BYTES)
        meta = self.meta
        meta["n"] += 1
        meta["batches"] += 1
        meta["rows"] += rows
        meta["bytes"] += len(body) + ROW_BYTES
        self.db.execute(
            f"INSERT INTO batch ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (meta["n"], *batch_id, kind, rows, from_ms, to_ms, checksum(batch_id, body), body),
        )
        return int(meta["n"])

    def delete(self, n: int, rows: int, size: int) -> None:
        if self.db.execute("DELETE FROM batch WHERE n = ?", (n,)).rowcount:
            meta = self.meta
            meta["batches"] -= 1
            meta["rows"] -= rows
            meta["bytes"] -= size + ROW_BYTES

    def drop_bad(self, row: tuple[Any, ...]) -> None:
        self.begin()
        rows, first, last = (v if isinstance(v, int) else 0 for v in row[5:8])
        self.delete(row[0], rows, len(row[9]) if isinstance(row[9], bytes) else 0)
        note_loss(self.meta, "spool_damaged", rows, 1, first, last)
        self.commit_in_groups()

    def relabel(self, entry: Entry, batch_id: BatchId, body: bytes) -> None:
        """Gives a waiting batch another id, and the body that carries it."""
        self.db.execute(
            "UPDATE batch SET agent = ?, epoch = ?, seq = ?, crc = ?, body = ? WHERE n = ?",
            (*batch_id, checksum(batch_id, body), body, entry.n),
        )
        self.meta["bytes"] += len(body) - len(entry.body)

    def keep_apart(self, entry: Entry, reason: str, now_ms: int) -> None:
        """Moves a batch into quarantine; the oldest there go beyond its bounds."""
        self.delete(entry.n, entry.rows, len(entry.body))
        self.db.execute(
            "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.n, *entry.id, entry.kind, entry.rows,
                entry.from_ms, entry.to_ms, now_ms, reason[:500], entry.body,
            ),
        )  # fmt: skip
        self.meta["quarantined"] += 1
        note_loss(self.meta, "quarantined", entry.rows, 1, entry.from_ms, entry.to_ms)
        self.db.execute(
            "DELETE FROM quarantine WHERE n IN (SELECT n FROM (SELECT n,"
            " sum(length(body)) OVER (ORDER BY n DESC) AS held,"
            " row_number() OVER (ORDER BY n DESC) AS nth FROM quarantine)"
            " WHERE held > ? OR nth > ?)",
            (QUARANTINE_BYTES, QUARANTINE_BATCHES),
        )

    def has_loss_report(self) -> bool:
        query = "SELECT 1 FROM batch WHERE kind = 'loss' LIMIT 1"
        return self.db.execute(query).fetchone() is not None

    def waiting_span(self) -> tuple[int, int]:
        try:
            row = self.db.execute("SELECT min(from_ms), max(to_ms) FROM batch").fetchone()
        except sqlite3.Error:
            return 0, 0
        return (int(row[0]), int(row[1])) if row[0] is not None else (0, 0)

    # ---- room

    def make_room(self, need: int) -> None:
        """Evicts the oldest until ``need`` bytes fit the cap and leave the disk its floor."""
        meta = self.meta
        while meta["batches"] and meta["bytes"] + need > self.max_bytes:
            self._evict(1)
        if self._folder.durable and self._folder.spare() < need + 65_536:
            while meta["batches"] and self._free_bytes() < need + 8_192:
                self._evict(8)

    def _free_bytes(self) -> int:
        pages: int = self.db.execute("PRAGMA freelist_count").fetchone()[0]
        return pages * 4096

    def _evict(self, count: int) -> None:
        """Drops the ``count`` oldest sample batches, then the oldest of anything; counts them."""
        found = (
            self.db.execute(
                "SELECT n, kind, rows, from_ms, to_ms, length(body), body FROM batch"
                " WHERE kind NOT IN ('documents', 'loss') ORDER BY n LIMIT ?",
                (count,),
            ).fetchall()
            or self.db.execute(
                "SELECT n, kind, rows, from_ms, to_ms, length(body), body FROM batch"
                " ORDER BY n LIMIT 1"
            ).fetchall()
        )
        for n, kind, rows, from_ms, to_ms, size, body in found:
            self.delete(n, rows, size)
            if kind == "loss":
                take_back(self.meta, body)
            else:
                note_loss(self.meta, "spool_full", rows, 1, from_ms, to_ms)
        if not found:
            # The counters said otherwise than the table: believe the table.
            self.meta.update(batches=0, rows=0, bytes=0)

    def evict_for_space(self) -> bool:
        """After ENOSPC: frees pages in the file with what its journal already holds."""
        try:
            if not self.meta["batches"]:
                return False
            self.begin()
            self._evict(8)
            self.commit()
        except sqlite3.Error:
            self.rollback()
            return False
        return True

    def tidy(self) -> None:
        """Gives pages beyond the reserve back to the disk, a slice at a time."""
        if self.db.in_transaction or self._free_bytes() < 4 * RESERVE_BYTES:
            return
        try:
            self.db.execute("PRAGMA incremental_vacuum(256)").fetchall()
        except sqlite3.Error:
            self.rollback()

    # ---- transactions

    def begin(self) -> None:
        if not self.db.in_transaction:
            self.db.execute("BEGIN IMMEDIATE")

    def commit_in_groups(self) -> None:
        self._acks += 1
        if self._acks >= ACK_GROUP:
            self.commit()

    def commit(self) -> None:
        write_meta(self.db, self.meta)
        self.db.execute("COMMIT")
        self._acks = 0

    def rollback(self) -> None:
        """Back to the last commit, counters included."""
        try:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            self.meta = read_meta(self.db)
        except (sqlite3.Error, DamagedError):
            pass
        self._acks = 0
