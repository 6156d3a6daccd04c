"""``yunxun ipv6``: sites, the scan of them, and the report."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.commands.client import Api, Ca, CommandError, Data, Url, check_file, open_api
from controller.commands.terminal import plain
from controller.problems import Problem

app = typer.Typer(help="IPv6 readiness of sites: register, scan, report.", no_args_is_help=True)

FILES = ("xlsx", "pdf", "html")
BATCH = 20
"""Readings sent to the controller at a time: what was measured is kept although the scan breaks."""

PAGE = 2_000
AT_ONCE = 500
"""Sites registered at a time: a long list takes several requests."""

Unit = Annotated[str, typer.Option("--unit", help="Only this unit's sites, by code.")]
Form = Annotated[str, typer.Option("--format", help="table or json")]


@app.command("import")
def import_sites(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="XLSX, XLS or CSV.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Register sites: columns code name url unit (编码 名称 网址 单位).

    Example: yunxun ipv6 import 网站清单.xlsx --data /var/lib/yunxun
    """
    check_file(file)
    sites = _read_sites(file)
    created = changed = done = 0
    with open_api(url, data, ca) as api, _progress(len(sites), "sites registered") as bar:
        for batch in (sites[at : at + AT_ONCE] for at in range(0, len(sites), AT_ONCE)):
            try:
                told = api.put("/api/v1/ipv6/sites", {"sites": batch})
            except CommandError as error:
                kept = f"; the first {done} rows are in, mend the list and import it again"
                raise CommandError(f"{file}: {error}{kept if done else ''}") from None
            created, changed = created + told["created"], changed + told["changed"]
            done += len(batch)
            bar(len(batch))
    print(f"{len(sites)} sites: {created} new, {changed} changed")


@app.command("scan")
def scan_sites(
    vantage: Annotated[
        str, typer.Option("--vantage", help="Where this host stands: extranet, internet, …")
    ] = "internet",
    dns: Annotated[
        list[str] | None, typer.Option("--dns", metavar="ADDRESS[#PORT]", help="Name servers.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="NETWORK", help="Private network that may be visited."),
    ] = None,
    authorities: Annotated[
        str, typer.Option("--site-ca", metavar="FILE", help="PEM that sites' certificates may use.")
    ] = "",
    unit: Unit = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Measure the registered sites from this host, over both IP versions, and keep the readings.

    Example: yunxun ipv6 scan --vantage extranet --allow 10.0.0.0/8 --allow fd00::/8
    --dns 10.1.1.53 --url https://yunxun.example:8090
    """
    with open_api(url, data, ca) as api:
        sites = [each for each in _sites(api) if not unit or each["unit"] == unit]
        if not sites:
            raise CommandError("no sites registered; 'yunxun ipv6 import FILE' registers them")
        with _progress(len(sites), "sites measured") as bar:
            for batch in measure(sites, vantage, dns or [], allow or [], authorities):
                api.post("/api/v1/ipv6/readings", {"readings": batch})
                bar(len(batch))
        measured = {each["code"] for each in sites}
        scores = [each for each in _sites(api) if each["code"] in measured]
    if form == "json":
        print(json.dumps(scores, ensure_ascii=False))
        return
    _show_sites(scores)


@app.command("report")
def report(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write here (for files: needed).")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, json, xlsx, pdf or html")] = "table",
    vantage: Annotated[str, typer.Option("--vantage", help="Only as seen from there.")] = "",
    language: Annotated[str, typer.Option("--language", help="zh or en")] = "zh",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Scores of the whole and of each unit, and what would raise them most.

    Example: yunxun ipv6 report --format xlsx -o ipv6.xlsx --data /var/lib/yunxun
    """
    if form not in ("table", "json", *FILES):
        raise CommandError(f"--format {form}: table, json, {', '.join(FILES)}")
    if form in FILES and output is None:
        raise CommandError(f"--format {form} needs -o FILE")
    params = {"language": language, "vantage": vantage or None}
    with open_api(url, data, ca) as api:
        if form in FILES and output is not None:
            output.write_bytes(api.get_bytes("/api/v1/ipv6/overview", **params, format=form))
            print(output)
            return
        told = api.get("/api/v1/ipv6/overview", **params)
    text = json.dumps(told, ensure_ascii=False)
    if form == "json" and output is not None:
        output.write_text(text, "utf-8")
    elif form == "json":
        print(text)
    else:
        _show_overview(told)


def _read_sites(file: Path) -> list[dict[str, str]]:
    # Reading sheets loads the register's code: only this command needs it.
    from controller.ipv6.sheet import read_site_file  # noqa: PLC0415

    try:
        return read_site_file(file)
    except Problem as problem:
        raise CommandError(f"{file}: {problem.detail}") from None


def _sites(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    page = 1
    while True:  # the controller judges every site for each page: few large ones
        answer = api.get("/api/v1/ipv6/sites", page=page, size=PAGE)
        found += answer["items"]
        if not answer["items"] or len(found) >= answer["total"]:
            return found
        page += 1


def measure(
    sites: Sequence[dict[str, Any]],
    vantage: str,
    dns: Sequence[str],
    allow: Sequence[str],
    authorities: str,
) -> Iterator[list[dict[str, Any]]]:
    """Readings in batches, from the program that pollers run too."""
    arguments = [sys.executable, "-m", "collectors.ipv6", "-", "--vantage", vantage]
    arguments += [part for each in dns for part in ("--dns", each)]
    arguments += [part for each in allow for part in ("--allow", each)]
    arguments += ["--ca", authorities] if authorities else []
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise CommandError("the scanner has no pipes")
        with process.stdin as lines:
            lines.write("code,url\n")
            lines.writelines(f"{_quoted(each['code'])},{_quoted(each['url'])}\n" for each in sites)
        batch: list[dict[str, Any]] = []
        for line in process.stdout:
            batch.append(json.loads(line))
            if len(batch) >= BATCH:
                yield batch
                batch = []
        if batch:
            yield batch
        if process.wait():
            said = process.stderr.read().strip().splitlines()[-1:] or ["no word"]
            hint = "; install yunxun[poller]" if "No module named" in said[0] else ""
            raise CommandError(f"the scanner ended with {process.returncode}: {said[0]}{hint}")
    finally:
        process.kill()
        process.wait()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@contextmanager
def _progress(total: int, what: str) -> Iterator[Any]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda count: print(f"{count} {what}", file=sys.stderr)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn())  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


def _show_sites(sites: Sequence[dict[str, Any]]) -> None:
    table = Table()
    for head in ("单位", "名称", "地址", "IPv6", "IPv4"):
        table.add_column(head)
    table.add_column("得分", justify="right")
    for each in sites:
        table.add_row(
            plain(each["unit_name"]), plain(each["name"]), plain(each["url"]),
            _word(each["home_v6"]), _word(each["home_v4"]), _score(each["score"]),
        )  # fmt: skip
    Console().print(table)


def _show_overview(told: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{told['index_title']} {told['index']}: {_score(told['score'])}, "
        f"{told['measured']}/{told['sites']}, IPv6 {told['reachable']}, ≥{told['good']:g}: "
        f"{told['passing']}",
        markup=False,
    )
    table = Table()
    table.add_column("单位")
    for head in ("数量", "已测", "IPv6 可达", "达标", "得分"):
        table.add_column(head, justify="right")
    table.add_column("最能提分")
    for each in told["units"]:
        first = each["actions"][0] if each["actions"] else None
        table.add_row(
            plain(each["unit_name"]), str(each["sites"]), str(each["measured"]),
            str(each["reachable"]), str(each["passing"]), _score(each["score"]),
            f"{first['title']} +{first['gain']:.1f}" if first else "",
        )  # fmt: skip
    console.print(table)
    if not told["sites"]:
        console.print("no sites yet; 'yunxun ipv6 import FILE' registers them")


def _word(value: bool | None) -> str:
    return "–" if value is None else "✓" if value else "✗"


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
