"""Opening the spool: its file, the damaged one kept aside, and how much of the disk is left."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from agent.spool_batch import new_epoch
from agent.spool_file import (
    SCHEMA,
    VERSION,
    DamagedError,
    check,
    classified,
    connect,
    read_meta,
    remove,
    write_meta,
)
from agent.spool_losses import add_loss

FILE = "spool.sqlite"
ASIDE = "spool.aside.sqlite"

RESERVE_BYTES = 256 << 10
"""Pages claimed when the file is made: live data passes through them on a full disk."""

PLENTY_BYTES = 1 << 30
"""With so much to spare the disk is asked every 16th time only."""


class SpoolFolder:
    """Where the spool's file lies. ``machine`` and ``boot`` tell a copy, see agent.spool."""

    def __init__(self, folder: str, *, min_free_pct: float, machine: str, boot: str) -> None:
        self._path = os.path.join(folder, FILE)
        self.aside = os.path.join(folder, ASIDE)
        self._min_free = min_free_pct / 100
        self._machine, self._boot = machine, boot
        self._spare_asked = self._spare_known = 0
        self.events: list[tuple[str, str]] = []
        """(event, detail) for the log: what opening and healing had to do."""
        self.damaged = ""
        """Path of the damaged file while there may be something to salvage in it."""
        self.durable = True
        """False once the spool is in memory only."""

    def open(self) -> tuple[sqlite3.Connection, dict[str, Any]]:
        """The file's connection and counters; a new file, or memory, where it cannot be used."""
        try:
            return self._open_or_replace()
        except (sqlite3.Error, OSError) as error:
            # Unwritable folder, dying disk: measuring goes on and live data still goes out.
            self.events.append(("spool_in_memory", f"{self._path}: {error}"))
            self.durable = False
            db = connect(":memory:")
            return db, self._create(db)

    def _open_or_replace(self) -> tuple[sqlite3.Connection, dict[str, Any]]:
        fresh = not os.path.lexists(self._path)
        if not fresh:
            try:
                db, meta = self._open_existing()
            except DamagedError as error:
                self.events.append(("spool_damaged", f"{error}; kept as {self.aside}"))
                self.put_aside()
                self.damaged = self.aside
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
            add_loss(meta["losses"], "spool_damaged", 0, 0, 0, 0)
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
        if self.durable and self.spare() > 4 * RESERVE_BYTES:
            db.execute("INSERT INTO batch (n, body) VALUES (0, zeroblob(?))", (RESERVE_BYTES,))
            db.execute("DELETE FROM batch")
        return meta

    def put_aside(self) -> None:
        """Keeps the file as the one aside; an older one goes, so the disk is bounded."""
        for suffix in ("", "-journal"):
            if os.path.lexists(self.aside + suffix):
                remove(self.aside + suffix)
            if os.path.lexists(self._path + suffix):
                os.replace(self._path + suffix, self.aside + suffix)

    def put_damaged_aside(self, error: sqlite3.Error) -> None:
        """The same after damage met while running; the connection must be closed."""
        self.events.append(("spool_damaged", f"{error}; kept as {self.aside}"))
        try:
            self.put_aside()
            self.damaged = self.aside
        except OSError as failure:
            self.events.append(("spool_not_kept", str(failure)))
            remove(self._path)

    def spare(self) -> int:
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
