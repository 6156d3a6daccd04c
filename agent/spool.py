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

import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from typing import Any

from agent.spool_batch import (
    Entry,
    checksum,
    halve,
    new_epoch,
    relabel,
    seal,
    sound_entry,
    span_of,
)
from agent.spool_file import (
    COLUMNS,
    SCHEMA,
    VERSION,
    DamagedError,
    check,
    classified,
    connect,
    is_damage,
    read_meta,
    remove,
    write_meta,
)
from collectors.records import (
    DOCUMENTS,
    BatchId,
    Document,
    Reading,
    WireError,
    encode_documents,
    encode_samples,
    open_envelope,
)

FILE = "spool.sqlite"
ASIDE = "spool.aside.sqlite"

ROW_BYTES = 120
"""What SQLite and our columns add to a batch's body, for the cap."""

RESERVE_BYTES = 256 << 10
"""Pages claimed when the file is made: live data passes through them on a full disk."""

ACK_GROUP = 16
"""Acknowledged batches whose removal may wait for the next commit; killed, they are sent again."""

PLENTY_BYTES = 1 << 30
"""With so much to spare the disk is asked every 16th time only."""

QUARANTINE_BYTES = 4 << 20
QUARANTINE_BATCHES = 2_000


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
        self._path = os.path.join(folder, FILE)
        self._aside = os.path.join(folder, ASIDE)
        self._max = max_bytes
        self._min_free = min_free_pct / 100
        self._machine, self._boot = machine, boot
        self._lock = threading.RLock()
        self._acks = 0
        self._spare_asked = self._spare_known = 0
        self._unwritten: dict[str, list[int]] = {}
        self.events: list[tuple[str, str]] = []
        """(event, detail) for the log: what opening and healing had to do."""
        self.damaged = ""
        """Path of the damaged file while there may be something to salvage in it."""
        self.durable = True
        self._db, self._meta = self._start()

    # ---- opening

    def _start(self) -> tuple[sqlite3.Connection, dict[str, Any]]:
        try:
            return self._open_or_replace()
        except (sqlite3.Error, OSError) as error:
            # Unwritable folder, dying disk: measuring goes on and live data still goes out.
            self.events.append(("spool_in_memory", f"{self._path}: {error}"))
            self.durable = False
            self._max = min(self._max, 8 << 20)
            db = connect(":memory:")
            return db, self._create(db)

    def _open_or_replace(self) -> tuple[sqlite3.Connection, dict[str, Any]]:
        fresh = not os.path.lexists(self._path)
        if not fresh:
            try:
                db, meta = self._open_existing()
            except DamagedError as error:
                self.events.append(("spool_damaged", f"{error}; kept as {self._aside}"))
                self._put_aside()
                self.damaged = self._aside
            else:
                other = bool(self._machine and meta["machine"] != self._machine)
                if other or meta["boot"] != self._boot:
                    meta.update(epoch=new_epoch(), seq=0, boot=self._boot)
                    meta["machine"] = self._machine or meta["machine"]
                return db, meta
        db = connect(self._path)
        meta = self._create(db)
        if self.damaged:
            # That something was lost is certain; how much is known when salvage is done.
            self._lose(meta["losses"], "spool_damaged", 0, 0, 0, 0)
            meta["lost"]["spool_damaged"] = 0
        return db, meta

    def _open_existing(self) -> tuple[sqlite3.Connection, dict[str, Any]]:
        if not os.path.isfile(self._path) or os.path.getsize(self._path) == 0:
            raise DamagedError("not a file, or empty")
        try:
            db = connect(self._path)
        except sqlite3.Error as error:
            raise classified(error) from error
        try:
            check(db)
            return db, read_meta(db)
        except sqlite3.Error as error:
            db.close()
            raise classified(error) from error
        except DamagedError:
            db.close()
            raise

    def _create(self, db: sqlite3.Connection) -> dict[str, Any]:
        meta = {
            "version": VERSION,
            "epoch": new_epoch(),
            "seq": 0,
            "n": 0,
            "machine": self._machine,
            "boot": self._boot,
            "agent": "",
            "conflict": False,
            "eras": {},
            "batches": 0,
            "rows": 0,
            "bytes": 0,
            "quarantined": 0,
            "losses": {},
            "lost": {},
            "reports": 0,
        }
        db.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA.split(";")[:-1]:
            db.execute(statement)
        db.execute("INSERT INTO meta VALUES (1, '', 0)")
        write_meta(db, meta)
        db.execute("COMMIT")
        if self.durable and self._spare() > 4 * RESERVE_BYTES:
            db.execute("INSERT INTO batch (n, body) VALUES (0, zeroblob(?))", (RESERVE_BYTES,))
            db.execute("DELETE FROM batch")
        return meta

    def _put_aside(self) -> None:
        """Keeps the file as the one aside; an older one goes, so the disk is bounded."""
        for suffix in ("", "-journal"):
            if os.path.lexists(self._aside + suffix):
                remove(self._aside + suffix)
            if os.path.lexists(self._path + suffix):
                os.replace(self._path + suffix, self._aside + suffix)

    def _heal(self, error: sqlite3.Error) -> None:
        """After damage met while running: a new file; epoch and eras go on from memory."""
        eras, agent, conflict = (self._meta[key] for key in ("eras", "agent", "conflict"))
        losses, lost = self._meta["losses"], self._meta["lost"]
        self._db.close()
        self.events.append(("spool_damaged", f"{error}; kept as {self._aside}"))
        self._acks = 0
        try:
            self._put_aside()
            self.damaged = self._aside
        except OSError as failure:
            self.events.append(("spool_not_kept", str(failure)))
            remove(self._path)
        self._db, self._meta = self._start()
        self._meta.update(eras=eras, agent=agent, conflict=conflict, losses=losses, lost=lost)
        self._note_loss("spool_damaged", 0, 0, 0, 0)

    # ---- what it says of itself

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
                self._db.execute("SELECT from_ms FROM batch ORDER BY n LIMIT 1").fetchone()
                if self.batches
                else None
            )
            return {
                **{key: self._meta[key] for key in keys},
                "oldest_ms": oldest[0] if oldest else None,
                "max_bytes": self._max,
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
                    self._rollback()
                    if is_damage(error):
                        self._heal(error)
                    elif not self._evict_for_space():
                        break
            for _, _, readings in samples:
                span = span_of(readings)
                self._lose(self._unwritten, "disk_full", len(readings), 1, *span)
            return []

    def _append(
        self,
        agent: str,
        samples: Sequence[tuple[str, tuple[tuple[str, str], ...], list[Reading]]],
        documents: list[Document],
        now_ms: int,
        eras: dict[str, list[tuple[int, int]]] | None,
    ) -> list[int]:
        self._begin()
        meta = self._meta
        for reason, (rows, batches, first, last) in self._unwritten.items():
            self._note_loss(reason, rows, batches, first, last)
        places = []
        for table, names, readings in samples:
            body = encode_samples(self._next_id(agent), table, names, readings)
            places.append(self._insert(agent, table, len(readings), *span_of(readings), body))
        if documents:
            body = encode_documents(self._next_id(agent), documents)
            places.append(self._insert(agent, DOCUMENTS, 0, now_ms, now_ms, body))
        if meta["losses"] and not self._has_loss_report():
            body = encode_documents(self._next_id(agent), self._loss_documents(now_ms))
            places.append(self._insert(agent, "loss", 0, now_ms, now_ms, body))
        if eras is not None:
            meta["eras"] = eras
        self._commit()
        self._unwritten = {}
        return places

    def _next_id(self, agent: str) -> BatchId:
        self._meta["seq"] += 1
        return BatchId(agent, self._meta["epoch"], self._meta["seq"])

    def _insert(
        self, agent: str, kind: str, rows: int, from_ms: int, to_ms: int, body: bytes
    ) -> int:
        meta = self._meta
        return self._put(
            BatchId(agent, meta["epoch"], meta["seq"]), kind, rows, from_ms, to_ms, body
        )

    def _put(
        self, batch_id: BatchId, kind: str, rows: int, from_ms: int, to_ms: int, body: bytes
    ) -> int:
        self._make_room(len(body) + ROW_BYTES)
        meta = self._meta
        meta["n"] += 1
        meta["batches"] += 1
        meta["rows"] += rows
        meta["bytes"] += len(body) + ROW_BYTES
        self._db.execute(
            f"INSERT INTO batch ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (meta["n"], *batch_id, kind, rows, from_ms, to_ms, checksum(batch_id, body), body),
        )
        return int(meta["n"])

    def restore(self, entries: Iterable[Entry]) -> int:
        """Takes over batches salvaged from a damaged file, in one transaction; how many."""
        count = 0
        with self._lock:
            try:
                self._begin()
                for entry in entries:
                    # Not at the price of what is already here: the cap evicts the oldest place.
                    size = len(entry.body) + ROW_BYTES
                    if self._meta["bytes"] + size > self._max or self._spare() < size:
                        self._note_loss("spool_full", entry.rows, 1, entry.from_ms, entry.to_ms)
                        continue
                    self._put(*entry[1:])
                    count += 1
                self._commit()
            except sqlite3.Error:
                self._rollback()
                return 0
        return count

    def finish_salvage(self, expected_rows: int, restored_rows: int) -> None:
        """The damaged file is read through: what it held beyond what was restored is lost."""
        with self._lock:
            self.damaged = ""
            missing = max(0, expected_rows - restored_rows)
            if missing:
                self._lose(self._unwritten, "spool_damaged", missing, 1, 0, 0)

    # ---- room

    def _spare(self) -> int:
        """Bytes this file may still take from the disk; asked seldom while there is plenty."""
        self._spare_asked += 1
        if self._spare_known > PLENTY_BYTES and self._spare_asked % 16:
            return self._spare_known
        self._spare_known = self._ask_spare()
        return self._spare_known

    def _ask_spare(self) -> int:
        try:
            disk = os.statvfs(os.path.dirname(self._path))
        except OSError:
            return 0
        return int(disk.f_frsize * (disk.f_bavail - disk.f_blocks * self._min_free))

    def _make_room(self, need: int) -> None:
        """Evicts the oldest until ``need`` bytes fit the cap and leave the disk its floor."""
        meta = self._meta
        while meta["batches"] and meta["bytes"] + need > self._max:
            self._evict(1)
        if self.durable and self._spare() < need + 65_536:
            while meta["batches"] and self._free_bytes() < need + 8_192:
                self._evict(8)

    def _free_bytes(self) -> int:
        pages: int = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        return pages * 4096

    def _evict(self, count: int) -> None:
        """Drops the ``count`` oldest sample batches, then the oldest of anything; counts them."""
        found = (
            self._db.execute(
                "SELECT n, kind, rows, from_ms, to_ms, length(body), body FROM batch"
                " WHERE kind NOT IN ('documents', 'loss') ORDER BY n LIMIT ?",
                (count,),
            ).fetchall()
            or self._db.execute(
                "SELECT n, kind, rows, from_ms, to_ms, length(body), body FROM batch"
                " ORDER BY n LIMIT 1"
            ).fetchall()
        )
        for n, kind, rows, from_ms, to_ms, size, body in found:
            self._delete(n, rows, size)
            if kind == "loss":
                self._take_back(body)
            else:
                self._note_loss("spool_full", rows, 1, from_ms, to_ms)
        if not found:
            # The counters said otherwise than the table: believe the table.
            self._meta.update(batches=0, rows=0, bytes=0)

    def _evict_for_space(self) -> bool:
        """After ENOSPC: frees pages in the file with what its journal already holds."""
        try:
            if not self._meta["batches"]:
                return False
            self._begin()
            self._evict(8)
            self._commit()
        except sqlite3.Error:
            self._rollback()
            return False
        return True

    def _delete(self, n: int, rows: int, size: int) -> None:
        if self._db.execute("DELETE FROM batch WHERE n = ?", (n,)).rowcount:
            meta = self._meta
            meta["batches"] -= 1
            meta["rows"] -= rows
            meta["bytes"] -= size + ROW_BYTES

    # ---- losses

    def note_loss(self, reason: str, rows: int, from_ms: int, to_ms: int) -> None:
        """Counts a loss that others saw; written with the next append."""
        with self._lock:
            self._lose(self._unwritten, reason, rows, 1, from_ms, to_ms)

    def _note_loss(self, reason: str, rows: int, batches: int, from_ms: int, to_ms: int) -> None:
        self._lose(self._meta["losses"], reason, rows, batches, from_ms, to_ms)
        self._meta["lost"][reason] = self._meta["lost"].get(reason, 0) + rows

    @staticmethod
    def _lose(
        losses: dict[str, list[int]], reason: str, rows: int, batches: int, first: int, last: int
    ) -> None:
        had = losses.get(reason)
        if had is None:
            losses[reason] = [rows, batches, first, last]
        elif not last:
            had[0], had[1] = had[0] + rows, had[1] + batches
        else:
            low = min(had[2], first) if had[3] else first
            losses[reason] = [had[0] + rows, had[1] + batches, low, max(had[3], last)]

    def _has_loss_report(self) -> bool:
        query = "SELECT 1 FROM batch WHERE kind = 'loss' LIMIT 1"
        return self._db.execute(query).fetchone() is not None

    def _loss_documents(self, now_ms: int) -> list[Document]:
        """The losses so far as documents; the counters start again. ``id`` tells repeats."""
        documents = []
        for reason, (rows, batches, first, last) in self._meta["losses"].items():
            self._meta["reports"] += 1
            body = {
                "reason": reason,
                "rows": rows,
                "batches": batches,
                "from_ms": first or now_ms,
                "to_ms": last or now_ms,
                "id": f"{self._meta['epoch']}-{self._meta['reports']}",
            }
            documents.append(Document("loss", now_ms, body))
        self._meta["losses"] = {}
        return documents

    def _take_back(self, body: bytes) -> None:
        """A report of losses that has to go itself: its numbers return to the counters."""
        try:
            documents = open_envelope(body)[0]["documents"]
        except WireError:
            return
        for document in documents:
            told = document["body"]
            span = (told["from_ms"], told["to_ms"])
            self._lose(self._meta["losses"], told["reason"], told["rows"], told["batches"], *span)

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
                    row = self._db.execute(
                        f"SELECT {COLUMNS} FROM batch WHERE {where}", values
                    ).fetchone()
                    if row is None:
                        return None
                    entry = sound_entry(row)
                    if entry is not None:
                        return entry
                    self._drop_bad(row)
                except sqlite3.Error as error:
                    self._rollback()
                    if not is_damage(error):
                        return None
                    self._heal(error)

    def _drop_bad(self, row: tuple[Any, ...]) -> None:
        self._begin()
        rows, first, last = (v if isinstance(v, int) else 0 for v in row[5:8])
        self._delete(row[0], rows, len(row[9]) if isinstance(row[9], bytes) else 0)
        self._note_loss("spool_damaged", rows, 1, first, last)
        self._commit_in_groups()

    def claim(self, entry: Entry, agent: str) -> Entry:
        """``entry`` under an id of ``agent`` and the present epoch; durable before it is sent."""
        if entry.id.agent == agent and entry.id.epoch == self.epoch:
            return entry
        with self._lock:
            try:
                self._begin()
                batch_id = self._next_id(agent)
                body = relabel(entry.body, batch_id)
                self._db.execute(
                    "UPDATE batch SET agent = ?, epoch = ?, seq = ?, crc = ?, body = ? WHERE n = ?",
                    (*batch_id, checksum(batch_id, body), body, entry.n),
                )
                self._meta["bytes"] += len(body) - len(entry.body)
                self._commit()
            except sqlite3.Error:
                self._rollback()
                raise
        return entry._replace(id=batch_id, body=body)

    def ack(self, entry: Entry) -> None:
        """The controller has it. Its removal may wait for the next commit (ACK_GROUP)."""
        with self._lock:
            try:
                self._begin()
                self._delete(entry.n, entry.rows, len(entry.body))
                self._commit_in_groups()
            except sqlite3.Error as error:
                self._rollback()
                if is_damage(error):
                    self._heal(error)

    def quarantine(self, entry: Entry, reason: str, now_ms: int) -> None:
        """The controller will never take it: kept apart within bounds, and reported as a loss."""
        with self._lock:
            self._begin()
            self._delete(entry.n, entry.rows, len(entry.body))
            self._db.execute(
                "INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.n, *entry.id, entry.kind, entry.rows,
                    entry.from_ms, entry.to_ms, now_ms, reason[:500], entry.body,
                ),
            )  # fmt: skip
            self._meta["quarantined"] += 1
            self._note_loss("quarantined", entry.rows, 1, entry.from_ms, entry.to_ms)
            self._db.execute(
                "DELETE FROM quarantine WHERE n IN (SELECT n FROM (SELECT n,"
                " sum(length(body)) OVER (ORDER BY n DESC) AS held,"
                " row_number() OVER (ORDER BY n DESC) AS nth FROM quarantine)"
                " WHERE held > ? OR nth > ?)",
                (QUARANTINE_BYTES, QUARANTINE_BATCHES),
            )
            self._commit()

    def quarantined(self) -> list[dict[str, Any]]:
        """What is kept apart, newest first: id, kind, rows, time range, reason."""
        names = ("agent", "epoch", "seq", "kind", "rows", "from_ms", "to_ms", "at_ms", "reason")
        with self._lock:
            query = f"SELECT {', '.join(names)} FROM quarantine ORDER BY n DESC"
            return [dict(zip(names, row, strict=True)) for row in self._db.execute(query)]

    def split(self, entry: Entry, agent: str) -> bool:
        """Replaces a batch that is too large by its two halves; False if it is a single row."""
        halves = halve(entry.body)
        if not halves:
            return False
        with self._lock:
            self._begin()
            self._delete(entry.n, entry.rows, len(entry.body))
            for header, payload in halves:
                batch_id = self._next_id(agent)
                body = seal(header, payload, batch_id)
                span = (entry.from_ms, entry.to_ms)
                self._put(batch_id, entry.kind, header["rows"], *span, body)
            self._commit()
        return True

    # ---- epochs, owners

    def renew_epoch(self) -> None:
        """From here on ids are of a new epoch; those that wait get theirs as they are sent."""
        with self._lock:
            self._begin()
            self._meta["epoch"], self._meta["seq"] = new_epoch(), 0
            self._commit()

    def set_conflict(self) -> None:
        """The controller called this agent a clone: its data waits, and must not be mixed."""
        with self._lock:
            if not self._meta["conflict"]:
                self._begin()
                self._meta["conflict"] = True
                self._commit()

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
                first, last = self._waiting_span()
                self._rollback()
                self._db.close()
                self._put_aside()
                self._db, self._meta = self._start()
                self._meta["eras"] = eras
                if told[1]:
                    self._note_loss("agent_conflict", *told, first, last)
            self._begin()
            self._meta.update(agent=agent, conflict=False, epoch=new_epoch(), seq=0)
            self._commit()

    # ---- transactions

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.execute("BEGIN IMMEDIATE")

    def _commit_in_groups(self) -> None:
        self._acks += 1
        if self._acks >= ACK_GROUP:
            self._commit()

    def _commit(self) -> None:
        write_meta(self._db, self._meta)
        self._db.execute("COMMIT")
        self._acks = 0

    def _rollback(self) -> None:
        """Back to the last commit, counters included."""
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._meta = read_meta(self._db)
        except (sqlite3.Error, DamagedError):
            pass
        self._acks = 0

    def _waiting_span(self) -> tuple[int, int]:
        try:
            row = self._db.execute("SELECT min(from_ms), max(to_ms) FROM batch").fetchone()
        except sqlite3.Error:
            return 0, 0
        return (int(row[0]), int(row[1])) if row[0] is not None else (0, 0)

    def tidy(self) -> None:
        """Gives pages beyond the reserve back to the disk, a slice at a time."""
        with self._lock:
            if self._db.in_transaction or self._free_bytes() < 4 * RESERVE_BYTES:
                return
            try:
                self._db.execute("PRAGMA incremental_vacuum(256)").fetchall()
            except sqlite3.Error:
                self._rollback()

    def flush(self) -> None:
        """Commits removals that wait."""
        with self._lock:
            if self._db.in_transaction:
                try:
                    self._commit()
                except sqlite3.Error:
                    self._rollback()

    def close(self) -> None:
        """Commits what waits and closes the file."""
        with self._lock:
            self.flush()
            self._db.close()
