"""``yunxun report``: documents for people, each from the capability that has the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from controller.commands import ipv6, patrol, readiness, usage_report
from controller.commands.client import Ca, CommandError, Data, Url, open_api

app = typer.Typer(help="Reports as files.", no_args_is_help=True)


@app.command("usage")
def usage(
    month: Annotated[
        str | None, typer.Option("--month", metavar="2026-10", help="A whole month.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day, in place of --month.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="The day after the last.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Code or name. Default: the whole city.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="N", help="The month as published: N, or 'latest'."),
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="A file for every unit, into the folder of -o.")
    ] = False,
    form: Annotated[str, typer.Option("--format", help=" | ".join(usage_report.FORMS))] = "pdf",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write to this file (or folder)."),
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The usage report (资源使用情况报告) of a unit, or of the whole city.

    Example: yunxun report usage --month 2026-10 --unit 市财政局 -o 财政局.pdf --data DIR

    One for each unit: yunxun report usage --month 2026-10 --each -o reports/ --data DIR
    """
    if form not in usage_report.FORMS:
        raise CommandError(f"--format {form}: there are {', '.join(usage_report.FORMS)}")
    if month is None and (since is None or until is None):
        raise CommandError("which period? give --month 2026-10, or --from and --to")
    if each and unit is not None:
        raise CommandError("--each is for every unit: leave out --unit")
    params: dict[str, Any] = {"month": month, "from": since, "to": until, "version": version}
    with open_api(url, data, ca) as api:
        if each:
            written = usage_report.write_each(api, params, form, output)
            typer.echo(f"{len(written)} 份报告 · reports: {output}")
        else:
            usage_report.write_one(api, params | {"unit": unit}, form, output)


@app.command("ipv6")
def ipv6_report(
    form: Annotated[str, typer.Option("--format", help=" | ".join(ipv6.FILES))] = "pdf",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="zh or en")] = "zh",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The IPv6 readiness report (IPv6 支持度报告): units, sites, hosts, gear, traffic.

    Example: yunxun report ipv6 -o ipv6.pdf --data DIR
    """
    ipv6.report(output, form, "", language, url, data, ca)


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


@app.command("readiness")
def readiness_report(
    project: Annotated[str, typer.Option("--project", metavar="P", help="Number or name.")],
    run: Annotated[
        int | None, typer.Option("--run", help="Of this run. Default: what stands now.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help=" | ".join(readiness.FILES))] = "html",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The readiness report (评估报告) of a project: what to do first, by host and target.

    Example: yunxun report readiness --project 3 --format pdf -o wave1.pdf
    """
    readiness.write_report(project, run, form, output, url, data, ca)
