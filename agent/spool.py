"""The spool: what was measured and is not yet known to be stored at the controller.

One SQLite file, one connection, ``synchronous=FULL``. A batch has the id (agent, epoch, seq) and
leaves only when the controller said 2xx for that id. Data, counters and losses change in one
transaction. The rollback journal is kept between transactions (``PERSIST``), so that evicting still
works where the disk has no byte left; a torn write-ahead log would lose its tail unseen.

Epochs. ``seq`` must never be issued twice with different content, or the second would pass for a
replay and be lost. A seq counter can only be wound back by restoring a file or a machine, so the
epoch is new (random) whenever that may have happened: a new or damaged spool, another machine, a
new boot (a restored disk snapshot always boots), a wall clock that leapt ahead of the monotonic
one (a snapshot resumed with its memory), and an answer that acknowledges a seq not yet issued.
Batches that wait are then given new ids as they are sent, and no old epoch follows a new one:
two epochs by turns are two machines, and that is how the controller knows a clone.

Damage. A batch whose checksum fails is left out and counted. A file that cannot be used is kept
as ``spool.aside.sqlite`` (one such file), a new one is started at once, and agent.salvage copies
over what can be read.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from agent.spool_batch import Entry, halve, new_epoch, relabel, seal, sound_entry, span_of
from agent.spool_file import COLUMNS, is_damage
from agent.spool_folder import ASIDE, FILE, SpoolFolder
from agent.spool_losses import Losses, add_loss, loss_documents, note_loss
from agent.spool_queue import ROW_BYTES, Queue
from collectors.records import (
    DOCUMENTS,
    BatchId,
    Document,
    Reading,
    encode_documents,
    encode_samples,
)

__all__ = ["ASIDE", "FILE", "Spool"]

MADE = BatchId("unenrolled", "made", 0)
"""Stands in batches that came encoded; ``claim`` gives them their own."""


class Spool:
    """The file, its counters and its cap. Every method may be called from any thread."""

    def __init__(
        self,
        folder: str,
        *,
        max_bytes: int,
        min_free_pct: float = 5.0,
        machine: str = "",
        boot: str = "",
    ) -> None:
        self._folder = SpoolFolder(folder, min_free_pct=min_free_pct, machine=machine, boot=boot)
        self._queue = Queue(self._folder, max_bytes)
        self._lock = threading.RLock()
        self._unwritten: Losses = {}

    def _heal(self, error: sqlite3.Error) -> None:
        """After damage met while running: a new file; epoch and eras go on from memory."""
        kept = {key: self._meta[key] for key in ("eras", "agent", "conflict", "losses", "lost")}
        self._queue.db.close()
        self._folder.put_damaged_aside(error)
        self._queue.reopen()
        self._meta.update(kept)
        note_loss(self._meta, "spool_damaged", 0, 0, 0, 0)

    @property
    def _meta(self) -> dict[str, Any]:
        return self._queue.meta

    # ---- what it says of itself

    @property
    def damaged(self) -> str:
        """Path of the damaged file while there may be something to salvage in it."""
        return self._folder.damaged

    @property
    def durable(self) -> bool:
        """False once the spool is in memory only."""
        return self._folder.durable

    @property
    def events(self) -> list[tuple[str, str]]:
        """(event, detail) for the log: what opening and healing had to do."""
        return self._folder.events

    def take_events(self) -> list[tuple[str, str]]:
        """``events``, each given once."""
        events, self._folder.events = self._folder.events, []
        return events

    @property
    def epoch(self) -> str:
        return str(self._meta["epoch"])

    @property
    def issued(self) -> int:
        """The highest seq given out in this epoch."""
        return int(self._meta["seq"])

    @property
    def batches(self) -> int:
        """Batches that wait."""
        return int(self._meta["batches"])

    @property
    def eras(self) -> dict[str, list[tuple[int, int]]]:
        """Times already used, see schedule.Eras; "host" for whole-host rows, "parts" for others."""
        return {k: [(int(a), int(b)) for a, b in v] for k, v in self._meta["eras"].items()}

    @property
    def owner(self) -> str:
        """Id of the agent the spool last worked for; "" before the first."""
        return str(self._meta["agent"])

    @property
    def conflict(self) -> bool:
        """Whether the controller called that agent a clone."""
        return bool(self._meta["conflict"])

    def summary(self) -> dict[str, Any]:
        """Counters for status: epoch, seq, batches, rows, bytes, quarantined, lost, durable."""
        with self._lock:
            keys = ("epoch", "seq", "batches", "rows", "bytes", "quarantined", "lost")
            oldest = (
                self._queue.db.execute("SELECT from_ms FROM batch ORDER BY n LIMIT 1").fetchone()
                if self.batches
                else None
            )
            return {
                **{key: self._meta[key] for key in keys},
                "oldest_ms": oldest[0] if oldest else None,
                "max_bytes": self._queue.max_bytes,
                "durable": self.durable,
            }

    # ---- putting in

    def append(
        self,
        agent: str,
        samples: Sequence[tuple[str, tuple[tuple[str, str], ...], list[Reading]]],
        documents: list[Document],
        now_ms: int,
        eras: dict[str, list[tuple[int, int]]] | None = None,
    ) -> list[int]:
        """Stores one collection durably; gives the places of its batches, newest last.

        ``samples`` are (table, ((metric, wire type), …), readings). Nothing is raised for a full
        disk: the oldest goes first, and if even that does not help the collection itself is
        counted as lost.
        """
        with self._lock:
            for _ in range(4):
                try:
                    return self._append(agent, samples, documents, now_ms, eras)
                except sqlite3.Error as error:
                    self._queue.rollback()
                    if is_damage(error):
                        self._heal(error)
                    elif not self._queue.evict_for_space():
                        break
            for _, _, readings in samples:
                span = span_of(readings)
                add_loss(self._unwritten, "disk_full", len(readings), 1, *span)
            return []

    def _append(
        self,
        agent: str,
        samples: Sequence[tuple[str, tuple[tuple[str, str], ...], list[Reading]]],
        documents: list[Document],
        now_ms: int,
        eras: dict[str, list[tuple[int, int]]] | None,
    ) -> list[int]:
        self._queue.begin()
        meta = self._meta
        for reason, (rows, batches, first, last) in self._unwritten.items():
            note_loss(meta, reason, rows, batches, first, last)
        places = []
        for table, names, readings in samples:
            body = encode_samples(self._queue.next_id(agent), table, names, readings)
            places.append(self._insert(agent, table, len(readings), *span_of(readings), body))
        if documents:
            body = encode_documents(self._queue.next_id(agent), documents)
            places.append(self._insert(agent, DOCUMENTS, 0, now_ms, now_ms, body))
        if meta["losses"] and not self._queue.has_loss_report():
            body = encode_documents(self._queue.next_id(agent), loss_documents(meta, now_ms))
            places.append(self._insert(agent, "loss", 0, now_ms, now_ms, body))
        if eras is not None:
            meta["eras"] = eras
        self._queue.commit()
        self._unwritten = {}
        return places

    def _insert(
        self, agent: str, kind: str, rows: int, from_ms: int, to_ms: int, body: bytes
    ) -> int:
        meta = self._meta
        return self._queue.put(
            BatchId(agent, meta["epoch"], meta["seq"]), kind, rows, from_ms, to_ms, body
        )

    def append_made(
        self, table: str, rows: int, from_ms: int, to_ms: int, body: bytes
    ) -> list[int]:
        """Stores a batch that was encoded elsewhere; it gets its id as it is sent. As ``append``
        it raises nothing for a full disk."""
        with self._lock:
            for _ in range(4):
                try:
                    self._queue.begin()
                    place = self._queue.put(MADE, table, rows, from_ms, to_ms, body)
                    self._queue.commit()
                except sqlite3.Error as error:
                    self._queue.rollback()
                    if is_damage(error):
                        self._heal(error)
                    elif not self._queue.evict_for_space():
                        break
                else:
                    return [place]
            add_loss(self._unwritten, "disk_full", rows, 1, from_ms, to_ms)
            return []

    def restore(self, entries: Iterable[Entry]) -> int:
        """Takes over batches salvaged from a damaged file, in one transaction; how many."""
        count = 0
        with self._lock:
            try:
                self._queue.begin()
                for entry in entries:
                    # Not at the price of what is already here: the cap evicts the oldest place.
                    size = len(entry.body) + ROW_BYTES
                    held = self._meta["bytes"]
                    if held + size > self._queue.max_bytes or self._folder.spare() < size:
                        span = (entry.from_ms, entry.to_ms)
                        note_loss(self._meta, "spool_full", entry.rows, 1, *span)
                        continue
                    self._queue.put(*entry[1:])
                    count += 1
                self._queue.commit()
            except sqlite3.Error:
                self._queue.rollback()
                return 0
        return count

    def finish_salvage(self, expected_rows: int, restored_rows: int) -> None:
        """The damaged file is read through: what it held beyond what was restored is lost."""
        with self._lock:
            self._folder.damaged = ""
            missing = max(0, expected_rows - restored_rows)
            if missing:
                add_loss(self._unwritten, "spool_damaged", missing, 1, 0, 0)

    # ---- losses

    def note_loss(self, reason: str, rows: int, from_ms: int, to_ms: int) -> None:
        """Counts a loss that others saw; written with the next append."""
        with self._lock:
            add_loss(self._unwritten, reason, rows, 1, from_ms, to_ms)

    # ---- taking out

    def newest(self, places: Sequence[int]) -> Entry | None:
        """The newest batch among ``places`` that still waits."""
        for place in reversed(places):
            entry = self._read("n = ?", (place,))
            if entry:
                return entry
        return None

    def oldest(self) -> Entry | None:
        """The oldest batch that waits."""
        return self._read("n > ? ORDER BY n LIMIT 1", (-1,))

    def _read(self, where: str, values: tuple[int, ...]) -> Entry | None:
        with self._lock:
            while True:
                try:
                    row = self._queue.db.execute(
                        f"SELECT {COLUMNS} FROM batch WHERE {where}", values
                    ).fetchone()
                    if row is None:
                        return None
                    entry = sound_entry(row)
                    if entry is not None:
                        return entry
                    self._queue.drop_bad(row)
                except sqlite3.Error as error:
                    self._queue.rollback()
                    if not is_damage(error):
                        return None
                    self._heal(error)

    def claim(self, entry: Entry, agent: str) -> Entry:
        """``entry`` under an id of ``agent`` and the present epoch; durable before it is sent."""
        if entry.id.agent == agent and entry.id.epoch == self.epoch:
            return entry
        with self._lock:
            try:
                self._queue.begin()
                batch_id = self._queue.next_id(agent)
                body = relabel(entry.body, batch_id)
                self._queue.relabel(entry, batch_id, body)
                self._queue.commit()
            except sqlite3.Error:
                self._queue.rollback()
                raise
        return entry._replace(id=batch_id, body=body)

    def ack(self, entry: Entry) -> None:
        """The controller has it. Its removal may wait for the next commit (ACK_GROUP)."""
        with self._lock:
            try:
                self._queue.begin()
                self._queue.delete(entry.n, entry.rows, len(entry.body))
                self._queue.commit_in_groups()
            except sqlite3.Error as error:
                self._queue.rollback()
                if is_damage(error):
                    self._heal(error)

    def quarantine(self, entry: Entry, reason: str, now_ms: int) -> None:
        """The controller will never take it: kept apart within bounds, and reported as a loss."""
        with self._lock:
            self._queue.begin()
            self._queue.keep_apart(entry, reason, now_ms)
            self._queue.commit()

    def quarantined(self) -> list[dict[str, Any]]:
        """What is kept apart, newest first: id, kind, rows, time range, reason."""
        names = ("agent", "epoch", "seq", "kind", "rows", "from_ms", "to_ms", "at_ms", "reason")
        with self._lock:
            query = f"SELECT {', '.join(names)} FROM quarantine ORDER BY n DESC"
            return [dict(zip(names, row, strict=True)) for row in self._queue.db.execute(query)]

    def split(self, entry: Entry, agent: str) -> bool:
        """Replaces a batch that is too large by its two halves; False if it is a single row."""
        halves = halve(entry.body)
        if not halves:
            return False
        with self._lock:
            self._queue.begin()
            self._queue.delete(entry.n, entry.rows, len(entry.body))
            for header, payload in halves:
                batch_id = self._queue.next_id(agent)
                body = seal(header, payload, batch_id)
                span = (entry.from_ms, entry.to_ms)
                self._queue.put(batch_id, entry.kind, header["rows"], *span, body)
            self._queue.commit()
        return True

    # ---- epochs, owners

    def renew_epoch(self) -> None:
        """From here on ids are of a new epoch; those that wait get theirs as they are sent."""
        with self._lock:
            self._queue.begin()
            self._meta["epoch"], self._meta["seq"] = new_epoch(), 0
            self._queue.commit()

    def set_conflict(self) -> None:
        """The controller called this agent a clone: its data waits, and must not be mixed."""
        with self._lock:
            if not self._meta["conflict"]:
                self._queue.begin()
                self._meta["conflict"] = True
                self._queue.commit()

    def work_for(self, agent: str) -> None:
        """Takes ``agent`` as the owner.

        After a conflict nobody can tell which of the waiting batches were measured before the
        copy was made: they are kept aside and counted, so that no two machines' data are mixed.
        Otherwise (enrolled anew on the same machine) they go out under the new agent's ids.
        """
        with self._lock:
            if self.owner == agent:
                return
            if self.conflict and self.durable:
                told = (self._meta["rows"], self._meta["batches"])
                eras = self._meta["eras"]
                first, last = self._queue.waiting_span()
                self._queue.rollback()
                self._queue.db.close()
                self._folder.put_aside()
                self._queue.reopen()
                self._meta["eras"] = eras
                if told[1]:
                    note_loss(self._meta, "agent_conflict", *told, first, last)
            self._queue.begin()
            self._meta.update(agent=agent, conflict=False, epoch=new_epoch(), seq=0)
            self._queue.commit()

    # ---- at leisure, at the end

    def tidy(self) -> None:
        """Gives pages beyond the reserve back to the disk, a slice at a time."""
        with self._lock:
            self._queue.tidy()

    def flush(self) -> None:
        """Commits removals that wait."""
        with self._lock:
            if self._queue.db.in_transaction:
                try:
                    self._queue.commit()
                except sqlite3.Error:
                    self._queue.rollback()

    def close(self) -> None:
        """Commits what waits and closes the file."""
        with self._lock:
            self.flush()
            self._queue.db.close()
