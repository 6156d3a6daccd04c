"""What a backup holds, by file, with digests.

::

    BACKUP/manifest.json                         this, written last: without it there is no backup
    BACKUP/yunxun.db                             the relational database (SQLite)
    BACKUP/samples/TABLE/PART/FILE               parts of the sample tables
    BACKUP/files/…                               the rest of the data folder: keys, certificates, …

Parts never change once they are written, so a part that an older backup beside this one holds is
linked to it, not copied.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORM = 1
MANIFEST = "manifest.json"
DATABASE = "yunxun.db"
SAMPLES = "samples"
FILES = "files"
CHUNK = 1 << 20


class BackupError(Exception):
    """A backup cannot be made, read or restored; the text says which and what to do."""


@dataclass(frozen=True)
class Entry:
    """One file: its path in the backup, bytes and SHA-256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """``rows`` counts a sample table's rows before replacing, by its parts' own counts."""

    created: str
    version: str
    revision: str
    """Of the relational schema; "" where the database is not in this backup."""
    rows: dict[str, int] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    form: int = FORM

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.created).astimezone(UTC)

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)

    @property
    def has_samples(self) -> bool:
        return bool(self.rows)

    def write(self, folder: Path) -> None:
        """Durably, as the last file of the backup."""
        body = asdict(self)
        body["entries"] = [[each.path, each.size, each.sha256] for each in self.entries]
        text = json.dumps(body, ensure_ascii=False, indent=1)
        with (folder / MANIFEST).open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """The manifest of a finished backup. Raises BackupError."""
    path = folder / MANIFEST
    try:
        body: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BackupError(f"{folder}: no backup here ({MANIFEST} is missing)") from None
    except OSError as error:
        raise BackupError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        raise BackupError(f"{path}: is damaged; use another backup") from None
    if body.get("form") != FORM:
        raise BackupError(f"{path}: form {body.get('form')!r} is not {FORM}; a newer version's?")
    try:
        entries = tuple(Entry(_inside(p, path), int(n), str(d)) for p, n, d in body["entries"])
        return Manifest(
            created=str(body["created"]),
            version=str(body["version"]),
            revision=str(body["revision"]),
            rows={str(name): int(count) for name, count in body["rows"].items()},
            entries=entries,
        )
    except (KeyError, TypeError, ValueError):
        raise BackupError(f"{path}: is damaged; use another backup") from None


def _inside(path: str, where: Path) -> str:
    """Raises BackupError for a path that would leave the backup's folder."""
    parts = Path(path).parts
    if not parts or Path(path).is_absolute() or ".." in parts:
        raise BackupError(f"{where}: names {path!r}, which lies outside the backup")
    return path


def finished(destination: Path) -> list[Path]:
    """The finished backups in ``destination``, the oldest first."""
    if not destination.is_dir():
        return []
    return sorted(path.parent for path in destination.glob(f"[0-9]*/{MANIFEST}"))


def copy(source: Path, target: Path, name: str) -> Entry:
    """Copies one file durably into the backup as ``name``, or out of it; its entry."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with source.open("rb") as come, os.fdopen(handle, "wb") as go:
        while chunk := come.read(CHUNK):
            digest.update(chunk)
            go.write(chunk)
            size += len(chunk)
        go.flush()
        os.fsync(go.fileno())
    return Entry(name, size, digest.hexdigest())


def digest_of(path: Path) -> tuple[int, str]:
    """(bytes, SHA-256) of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
