"""``yunxun check``: is it ready to move? Without a host so far: files judged for Xinchuang."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from controller.commands.client import CommandError
from controller.commands.language import chinese
from controller.commands.terminal import plain
from playbooks.judge.offline import Scan
from playbooks.judge.offline_profiles import NoProfile, chosen
from playbooks.judge.offline_run import FORMATS, BadUsage, existing, write
from playbooks.judge.results import Verdict

app = typer.Typer(
    no_args_is_help=True,
    help="Readiness: migration to the cloud and the extranet, IPv6 and Xinchuang adaptation.",
)
PROBLEMS = 1


@app.callback()
def _group() -> None:
    """One command below another."""


@app.command()
def xinchuang(
    path: Annotated[
        str, typer.Option("--path", metavar="PATH", help="Folder, archive, JAR, wheel or image.")
    ],
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="P", help="A target machine; repeat it, or say all."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "table",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    english: Annotated[
        bool | None, typer.Option("--en/--zh", help="Language of the texts. Default: as LANG says.")
    ] = None,
) -> None:
    """Will these files run on a domestic machine? Reads only; needs no server and no host.

    Example: yunxun check xinchuang --path /opt/app --profile kunpeng920-kylin-v10
    --profile hygon-uos-a. Exit status 1 says that not everything is ready.
    """
    if form not in FORMATS:
        raise CommandError(f"--format {form}: there are {', '.join(FORMATS)}")
    try:
        scan = Scan(existing(path), chosen(profile or []))
        _run(scan, form, output, english=english if english is not None else not chinese())
    except (NoProfile, BadUsage) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{error.filename or path}: {error.strerror}") from None
    if scan.verdict is not Verdict.READY:
        raise typer.Exit(PROBLEMS)


def _run(scan: Scan, form: str, output: Path | None, *, english: bool) -> None:
    console = Console(stderr=True)
    if not console.is_terminal:
        write(scan, form, output, english=english)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("…")

        def show(count: int, at: str) -> None:
            progress.update(task, description=plain(f"{count:,} {at[-60:]}").plain)

        scan.progress = show
        write(scan, form, output, english=english)
