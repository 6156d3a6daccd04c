"""``yunxun backup``: backups of a data folder, beside a running server or without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from controller import folder, local
from controller.backup import create as making
from controller.backup import restore as bringing
from controller.backup.create import Step
from controller.backup.manifest import BackupError, finished, read
from controller.commands.client import PROBLEMS, CommandError
from controller.commands.terminal import show
from controller.settings import Settings, SettingsError, load

app = typer.Typer(
    help="Backups of a data folder: database, samples, keys and certificates.",
    no_args_is_help=True,
)

Data = Annotated[Path, typer.Option("--data", help="The controller's data folder.")]
To = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where backups are kept.")]
Backup = Annotated[Path, typer.Argument(metavar="BACKUP", help="The folder of one backup.")]


@app.command("create")
def create(
    data: Data,
    to: To,
    keep: Annotated[
        int, typer.Option("--keep", min=0, help="Remove the oldest beyond so many; 0 keeps all.")
    ] = 0,
) -> None:
    """Back up a data folder, while its server goes on or without one.

    A backup holds the keys that seal credentials: keep it where only administrators read. Parts
    that the newest backup beside it holds are linked, so the next ones are small and fast.

    Example: yunxun backup create --data /var/lib/yunxun --to /backup/yunxun --keep 14
    """
    settings = _settings(data)
    with _refusals():
        with _bar("备份 · backup", None) as step:
            made = making.create(settings, to, step)
        manifest = read(made)
        gone = making.prune(to, keep)
    rows = sum(manifest.rows.values())
    typer.echo(f"{made}: {manifest.size / 1e6:,.1f} MB, {rows:,} rows of samples")
    if settings.database_url:
        typer.echo("the database is a server's: back it up with pg_dump", err=True)
    if settings.samples.url:
        typer.echo("the samples are a server's: back them up with clickhouse-backup", err=True)
    for path in gone:
        typer.echo(f"removed {path}")


@app.command("list")
def list_backups(to: To) -> None:
    """The backups in a folder.

    Example: yunxun backup list --to /backup/yunxun
    """
    found = finished(to)
    if not found:
        typer.echo(f"{to}: no backup yet; 'yunxun backup create --data DIR --to {to}' makes one")
        return
    table = Table("备份 · backup", "时间 · at", "版本 · version", "MB", "行 · rows")
    with _refusals():
        for path in found:
            manifest = read(path)
            table.add_row(
                path.name,
                manifest.created[:19],
                manifest.version,
                f"{manifest.size / 1e6:,.1f}",
                f"{sum(manifest.rows.values()):,}",
            )
    show(table)


@app.command("verify")
def verify(backup: Backup) -> None:
    """Read every byte of a backup and compare it with what was written. Exit status 1: damaged.

    Example: yunxun backup verify /backup/yunxun/20261101-020000
    """
    with _refusals(status=PROBLEMS):
        total = read(backup).size
        with _bar("核验 · verify", total) as step:
            manifest = bringing.verify(backup, step)
    typer.echo(f"{backup}: whole, {len(manifest.entries):,} files, {manifest.size / 1e6:,.1f} MB")


@app.command("restore")
def restore(backup: Backup, data: Data) -> None:
    """Bring a backup back into an empty folder, checked file by file; then serve it.

    Agents go on sending: what they sent between the backup and the loss is gone, what they still
    hold comes. Example: yunxun backup restore /backup/yunxun/20261101-020000 --data /var/lib/yunxun
    """
    settings = _new(data)
    with _refusals():
        total = read(backup).size
        with _bar("恢复 · restore", total) as step:
            done = bringing.restore(backup, settings, step)
    typer.echo(
        f"{data}: as of {done.manifest.created[:19]}, {sum(done.rows.values()):,} rows of samples, "
        f"{done.audit_entries:,} audit entries in an unbroken chain"
    )
    typer.echo(f"start it: yunxun serve --data {data}")


def _settings(data: Path) -> Settings:
    """Raises CommandError for a folder that no controller worked on."""
    try:
        return local.settings_of(data)
    except local.LocalError as error:
        raise CommandError(str(error)) from None


def _new(data: Path) -> Settings:
    try:
        return load(data=data.resolve())
    except SettingsError as error:
        raise CommandError(str(error)) from None


@contextmanager
def _refusals(status: int = 2) -> Iterator[None]:
    try:
        yield
    except (BackupError, folder.FolderError) as error:
        raise CommandError(str(error), status) from None


@contextmanager
def _bar(title: str, total: int | None) -> Iterator[Step]:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda size: bar.advance(task, size)
