"""Verifying a backup, and restoring one into an empty folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from collectors.catalog import TABLES
from controller.access import audit
from controller.access.principal import local_principal
from controller.backup.create import Step
from controller.backup.manifest import (
    DATABASE,
    FILES,
    SAMPLES,
    BackupError,
    Entry,
    Manifest,
    copy,
    digest_of,
    read,
)
from controller.backup.stores import running, sample_stores
from controller.folder import FolderError, prepare
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store.dirty import mark_dirty
from controller.store.samples import SamplesError

LATE = timedelta(minutes=10)
"""Rows that arrived so long before the database was copied, or later, are rolled up again."""


@dataclass(frozen=True)
class Restored:
    """What a restore brought back; ``audit_entries`` were verified as an unbroken chain."""

    manifest: Manifest
    rows: dict[str, int]
    audit_entries: int
    marked: int
    """Resource-days that will be rolled up again."""


def verify(folder: Path, on_bytes: Step = lambda _: None) -> Manifest:
    """Reads every byte of a backup. Raises BackupError naming the first file that is wrong."""
    manifest = read(folder)
    for entry in manifest.entries:
        _check(folder, entry)
        on_bytes(entry.size)
    if manifest.revision:
        _check_database(folder / DATABASE)
    return manifest


def restore(folder: Path, settings: Settings, on_bytes: Step = lambda _: None) -> Restored:
    """Brings a backup back into ``settings.data``, which must be empty. Raises BackupError.

    Every file is checked while it is copied; the counts of rows and the audit log's chain are
    compared at the end. What arrived about the moment of the backup is marked to be rolled up.
    """
    manifest = read(folder)
    data = settings.data
    if data.exists() and any(data.iterdir()):
        raise BackupError(f"{data}: holds files already; a backup is restored into an empty folder")
    if not manifest.revision and not settings.database_url:
        raise BackupError(f"{folder}: holds no database; restore that by its own tools and name it")
    try:
        prepare(data)
        _copy_back(folder, manifest, data, on_bytes)
        with running(settings) as runtime:
            rows = _attach(runtime, folder, manifest, on_bytes)
            marked = _mark(runtime, manifest)
            entries = _audit(runtime, manifest)
    except OSError as error:
        raise BackupError(f"{data}: {error.strerror}: {error.filename or ''}") from None
    except FolderError as error:
        raise BackupError(str(error)) from None
    except SamplesError as error:
        raise BackupError(f"sample store: {error}") from None
    return Restored(manifest, rows, entries, marked)


def _check(folder: Path, entry: Entry) -> None:
    try:
        size, digest = digest_of(folder / entry.path)
    except OSError as error:
        raise BackupError(f"{folder / entry.path}: {error.strerror}; use another backup") from None
    _compare(folder, entry, size, digest)


def _compare(folder: Path, entry: Entry, size: int, digest: str) -> None:
    if (size, digest) != (entry.size, entry.sha256):
        raise BackupError(
            f"{folder / entry.path}: differs from what was written ({size} of {entry.size} bytes); "
            "use another backup"
        )


def _check_database(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as found:
            problem = found.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        problem = str(error)
    if problem != "ok":
        raise BackupError(f"{path}: is damaged ({problem}); use another backup")


def _copy_back(folder: Path, manifest: Manifest, data: Path, on_bytes: Step) -> None:
    for entry in manifest.entries:
        if entry.path == DATABASE:
            target = data / DATABASE
        elif entry.path.startswith(f"{FILES}/"):
            target = data / Path(entry.path).relative_to(FILES)
        else:
            continue
        _copy_checked(folder, entry, target)
        on_bytes(entry.size)


def _copy_checked(folder: Path, entry: Entry, target: Path) -> None:
    try:
        got = copy(folder / entry.path, target, entry.path)
    except FileNotFoundError:
        raise BackupError(f"{folder / entry.path}: is missing; use another backup") from None
    _compare(folder, entry, got.size, got.sha256)


def _attach(runtime: Runtime, folder: Path, manifest: Manifest, on_bytes: Step) -> dict[str, int]:
    """Hands every part to the engine; rows by table afterwards. Raises BackupError."""
    if not manifest.has_samples:
        return {}
    stores = {store.table: store for store in sample_stores(runtime)}
    missing = sorted(set(manifest.rows) - set(stores))
    if missing:
        raise BackupError(f"this version has no sample table {', '.join(missing)}; install a newer")
    # Merging would drop replaced rows, and the counts could not be compared.
    runtime.samples.command("SYSTEM STOP MERGES")
    try:
        for table, part, entries in _parts(manifest):
            for entry in entries:
                inner = Path(entry.path).relative_to(Path(SAMPLES) / table)
                _copy_checked(folder, entry, stores[table].path / "detached" / inner)
                on_bytes(entry.size)
            runtime.samples.command(f"ALTER TABLE {table} ATTACH PART '{part}'")
        return {table: _counted(runtime, table, rows) for table, rows in manifest.rows.items()}
    finally:
        runtime.samples.command("SYSTEM START MERGES")


def _counted(runtime: Runtime, table: str, expected: int) -> int:
    rows = int(runtime.samples.query(f"SELECT count() AS n FROM {table}")["n"][0])
    if rows != expected:
        raise BackupError(f"table {table}: {rows} rows came back of {expected}")
    return rows


def _parts(manifest: Manifest) -> Iterator[tuple[str, str, list[Entry]]]:
    """(table, part, its files)."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in manifest.entries:
        if entry.path.startswith(f"{SAMPLES}/"):
            _, table, part, *_ = Path(entry.path).parts
            found.setdefault((table, part), []).append(entry)
    for (table, part), entries in found.items():
        yield table, part, entries


def _mark(runtime: Runtime, manifest: Manifest) -> int:
    """The samples are younger than the database, whose marks do not know their last rows."""
    if not manifest.has_samples:
        return 0
    since = int((manifest.at - LATE).timestamp())
    marked = 0
    now = runtime.now()
    for table in TABLES:
        if table.name not in manifest.rows:
            continue
        found = runtime.samples.query(
            f"SELECT resource, toUInt32(toDate(time)) AS day FROM {table.name} "
            f"WHERE arrived >= toDateTime({since}) GROUP BY resource, day"
        )
        pairs = [
            (int(resource), _day(int(day)))
            for resource, day in zip(found.get("resource", ()), found.get("day", ()), strict=True)
        ]
        with runtime.database.write() as session:
            mark_dirty(session, table.name, pairs, now)
        marked += len(pairs)
    return marked


def _day(number: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)).date()


def _audit(runtime: Runtime, manifest: Manifest) -> int:
    """Verifies the audit log's chain and notes the restore in it. Raises BackupError."""
    with runtime.database.read() as session:
        verdict = audit.verify(session)
    if verdict.broken is not None:
        raise BackupError(
            f"the audit log's chain is broken at entry {verdict.broken} in this backup; "
            "an older one may be whole"
        )
    with runtime.database.write() as session:
        audit.record(
            session, local_principal(runtime.now()), "backup.restore", manifest.created, detail={}
        )
    return verdict.rows
