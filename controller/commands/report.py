"""``yunxun report``: documents for people, each from the capability that has the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.commands import patrol
from controller.commands.client import Ca, Data, Url

app = typer.Typer(help="Reports as files.", no_args_is_help=True)


@app.callback()
def _reports() -> None:
    """A group, also while it has one command."""


@app.command("patrol")
def patrol_report(
    run: Annotated[
        int | None, typer.Option("--run", help="Number of the run. Default: the last.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help=" | ".join(patrol.FILES))] = "html",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The inspection report (巡检日报) of a patrol run.

    Example: yunxun report patrol --format pdf -o daily.pdf --data /var/lib/yunxun
    """
    patrol.write_report(run, form, output, url, data, ca)
