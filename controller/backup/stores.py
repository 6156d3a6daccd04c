"""The stores of a data folder for a backup: beside the running server, or with our own engine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller import folder
from controller.backup.manifest import BackupError
from controller.children import samples_child
from controller.prepare import (
    PrepareError,
    close_runtime,
    open_runtime,
    prepare_database,
    prepare_samples,
)
from controller.runtime import Runtime
from controller.settings import Settings


@dataclass(frozen=True)
class SampleStore:
    """A sample table on disk: its name and where its parts lie."""

    table: str
    path: Path


@contextmanager
def running(settings: Settings, *, prepare: bool = True) -> Iterator[Runtime]:
    """A runtime on the folder: the running server's engine, or one of our own for the block.

    ``prepare``: without a server, bring both schemas up to date first. Raises BackupError.
    """
    runtime = open_runtime(settings)
    try:
        try:
            lock = folder.hold(settings.data)
        except folder.FolderBusy:
            yield runtime
            return
        child = samples_child(settings, folder.write_settings(settings))
        with lock:
            if child is not None:
                child.start()
            try:
                if prepare:
                    prepare_database(runtime)
                prepare_samples(runtime)
                yield runtime
            except PrepareError as error:
                raise BackupError(str(error)) from None
            finally:
                runtime.samples.close()
                if child is not None:
                    child.terminate()
                    child.wait(20)
    finally:
        close_runtime(runtime)


def sample_stores(runtime: Runtime) -> list[SampleStore]:
    """Every sample table of the embedded engine."""
    found = runtime.samples.query(
        "SELECT name, data_paths[1] AS path FROM system.tables "
        "WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name"
    )
    if not found:
        return []
    base = engine_folder(runtime.settings)
    return [
        SampleStore(str(name), base / _below(str(path), base))
        for name, path in zip(found["name"], found["path"], strict=True)
    ]


def engine_folder(settings: Settings) -> Path:
    """Where the embedded engine keeps its files."""
    return settings.data.resolve() / "samples" / "data"


def _below(path: str, base: Path) -> str:
    """The engine may name its folder by another way to the same place."""
    marker = path.find("store/")
    if marker < 0:
        raise BackupError(f"sample store: a table lies at {path}, outside {base}")
    return path[marker:]


def copy_database(source: Path, target: Path) -> None:
    """A consistent copy of a SQLite database that others may be writing. Raises BackupError."""
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True, timeout=60)) as come,
            closing(sqlite3.connect(target)) as go,
        ):
            come.backup(go)
            problem = go.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise BackupError(f"{source}: cannot be copied: {error}") from None
    if problem != "ok":
        raise BackupError(f"{source}: is damaged ({problem}); an older backup may not be")
