"""Making a backup: the database first, then the samples, so that what the database says was
acknowledged is in the samples too."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from controller.access import audit
from controller.access.principal import local_principal
from controller.backup.manifest import (
    DATABASE,
    FILES,
    SAMPLES,
    BackupError,
    Entry,
    Manifest,
    copy,
    finished,
    read,
)
from controller.backup.stores import (
    SampleStore,
    copy_database,
    engine_folder,
    running,
    sample_stores,
)
from controller.runtime import Runtime
from controller.settings import Settings
from controller.store import migrate
from controller.store.samples import SamplesError

LEFT_OUT = frozenset({"run", "tmp", "samples", "lost+found"})
"""Folders below data that a controller makes anew, and the samples, which are frozen first."""

PARTIAL = ".partial-"
MARK = "yunxun_backup_"

Step = Callable[[int], None]
"""Called with the bytes that were just dealt with."""


def create(settings: Settings, destination: Path, on_bytes: Step = lambda _: None) -> Path:
    """A new backup below ``destination``; its folder. Raises BackupError.

    Only what the data folder holds is in it: a PostgreSQL or ClickHouse server has tools of its
    own for that.
    """
    os.umask(0o077)  # a backup holds keys
    try:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(f"{destination}: {error.strerror}; name another folder") from None
    with running(settings) as runtime, _alone(settings):
        _sweep(settings, destination)
        now = runtime.now()
        name = f"{now:%Y%m%d-%H%M%S}"
        if (destination / name).exists():
            raise BackupError(f"{destination / name}: is there already; try again in a second")
        fresh = destination / f"{PARTIAL}{name}"
        fresh.mkdir(mode=0o700)
        try:
            _check_room(settings, destination)
            manifest = _fill(runtime, fresh, _older(destination), now, on_bytes)
            manifest.write(fresh)
            fresh.rename(destination / name)
            _sync(destination)
        except OSError as error:
            raise BackupError(f"{fresh}: {error.strerror}: {error.filename or ''}") from None
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        with runtime.database.write() as session:
            audit.record(
                session,
                local_principal(runtime.now()),
                "backup.create",
                name,
                detail={"bytes": manifest.size, "files": len(manifest.entries)},
            )
    return destination / name


def prune(destination: Path, keep: int) -> list[Path]:
    """Removes the oldest finished backups beyond ``keep`` (0 keeps all); what was removed."""
    gone = finished(destination)[:-keep] if keep > 0 else []
    for path in gone:
        # Without its manifest it is no backup, wherever the removal is interrupted.
        (path / "manifest.json").unlink()
        shutil.rmtree(path)
    return gone


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One backup of a folder at a time. Raises BackupError while another is being made."""
    with (settings.data / "run" / "backup.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(
                f"{settings.data}: another backup of it is being made; wait until that is done"
            ) from None
        yield


def _sweep(settings: Settings, destination: Path) -> None:
    """What a killed run left: half a backup, and parts that the engine still holds for it."""
    for path in destination.glob(f"{PARTIAL}*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in (engine_folder(settings) / "shadow").glob(f"{MARK}*"):
        shutil.rmtree(path, ignore_errors=True)


def _fill(
    runtime: Runtime, fresh: Path, older: Path | None, now: datetime, on_bytes: Step
) -> Manifest:
    settings = runtime.settings
    entries: list[Entry] = []
    revision = ""
    if not settings.database_url:
        copy_database(settings.data / DATABASE, fresh / "copy.db")
        entries.append(copy(fresh / "copy.db", fresh / DATABASE, DATABASE))
        (fresh / "copy.db").unlink()
        on_bytes(entries[-1].size)
        with runtime.database.engine.connect() as connection:
            revision = migrate.revision(connection) or ""
    for path in _other_files(settings):
        relative = path.relative_to(settings.data)
        name = str(Path(FILES) / relative)
        entries.append(copy(path, fresh / name, name))
        on_bytes(entries[-1].size)
    rows: dict[str, int] = {}
    if not settings.samples.url:
        for entry, table, count in _samples(runtime, fresh, older):
            entries.append(entry)
            rows[table] = rows.get(table, 0) + count
            on_bytes(entry.size)
    return Manifest(
        created=now.isoformat(),
        version=version("yunxun"),
        revision=revision,
        rows=rows,
        entries=tuple(entries),
    )


def _other_files(settings: Settings) -> Iterator[Path]:
    """What else lies in the data folder: certificates, keys, uploads. Links are not followed."""
    for path in sorted(settings.data.rglob("*")):
        relative = path.relative_to(settings.data)
        if relative.parts[0] in LEFT_OUT or relative.name.startswith(DATABASE):
            continue
        if path.is_file() and not path.is_symlink():
            yield path


def _samples(runtime: Runtime, fresh: Path, older: Path | None) -> Iterator[tuple[Entry, str, int]]:
    """(file, table, rows) of every part; a part's rows come with its first file only."""
    mark = f"{MARK}{fresh.name.removeprefix(PARTIAL).replace('-', '_')}"
    shadow = engine_folder(runtime.settings) / "shadow" / mark
    known = _known(older)
    try:
        stores = sample_stores(runtime)
        for store in stores:
            runtime.samples.command(f"ALTER TABLE {store.table} FREEZE WITH NAME '{mark}'")
        for store in stores:
            frozen = shadow / store.path.relative_to(engine_folder(runtime.settings))
            for part in sorted(frozen.iterdir()) if frozen.is_dir() else ():
                yield from _part(store, part, fresh, older, known)
    except SamplesError as error:
        raise BackupError(f"sample store: {error}") from None
    finally:
        shutil.rmtree(shadow, ignore_errors=True)


def _part(
    store: SampleStore,
    part: Path,
    fresh: Path,
    older: Path | None,
    known: dict[str, Entry],
) -> Iterator[tuple[Entry, str, int]]:
    rows = int((part / "count.txt").read_text("ascii"))
    base = f"{SAMPLES}/{store.table}/{part.name}"
    # Two parts of one name are the same only if the engine's own checksums are.
    sums = copy(part / "checksums.txt", fresh / base / "checksums.txt", f"{base}/checksums.txt")
    same = older is not None and known.get(sums.path) == sums
    yield sums, store.table, rows
    for path in sorted(part.rglob("*")):
        if not path.is_file() or path.name == "checksums.txt":
            continue
        name = f"{base}/{path.relative_to(part)}"
        if same and older is not None and name in known and _linked(older, fresh, name):
            yield known[name], store.table, 0
        else:
            yield copy(path, fresh / name, name), store.table, 0


def _linked(older: Path, fresh: Path, name: str) -> bool:
    (fresh / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.link(older / name, fresh / name)
    except OSError:  # another file system, or the older one is gone
        return False
    return True


def _older(destination: Path) -> Path | None:
    found = finished(destination)
    return found[-1] if found else None


def _known(older: Path | None) -> dict[str, Entry]:
    if older is None:
        return {}
    try:
        return {entry.path: entry for entry in read(older).entries}
    except BackupError:  # damaged: this one copies everything
        return {}


def _check_room(settings: Settings, destination: Path) -> None:
    """Raises BackupError where a full copy might not fit."""
    # The first copies everything; later ones link what is there.
    need = 0 if _older(destination) else sum(_sizes(settings.data))
    free = shutil.disk_usage(destination).free
    if need > free:
        raise BackupError(
            f"{destination}: {free >> 20} MB are free, {need >> 20} MB may be needed; "
            "make room or name another folder"
        )


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.stat().st_size


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
