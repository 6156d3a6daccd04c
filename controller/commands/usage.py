"""``yunxun usage``: who holds and uses what, in the terminal or as a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from controller.commands import links
from controller.commands.client import Api, Ca, CommandError, Data, Url, open_api
from controller.commands.files import save
from controller.commands.language import chinese
from controller.commands.terminal import natural_width, plain
from controller.usage.columns import NAMES, Column, shown

app = typer.Typer()

GAP = "—"
BAR_CELLS = 8
_BLOCKS = " ▏▎▍▌▋▊▉█"
BYS = ("unit", "system", "resource", "zone", "site", "link", "device")
OF_NETWORK = ("link", "device")
FORMATS = ("table", "json", "csv", "xlsx")
NAME_CELLS = 24
"""Where a terminal is too narrow, names are folded at this width."""


@app.command()
def usage(
    since: Annotated[
        str | None,
        typer.Option("--from", metavar="DATE", help="First day, or a time (RFC 3339)."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="DATE", help="The day after the last, or a time."),
    ] = None,
    month: Annotated[
        str | None,
        typer.Option("--month", metavar="2026-10", help="A whole month in place of --from --to."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version", metavar="N", help="The month as published: a version, or 'latest'."
        ),
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Code or name; its subtree is included.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", help="A business system.")] = None,
    by: Annotated[str, typer.Option("--by", help=" | ".join(BYS))] = "unit",
    form: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "table",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    english: Annotated[
        bool | None,
        typer.Option("--en/--zh", help="Language of the table. Default: as LANG says."),
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Usage of [from, to): allocations, CPU, memory, storage, network, and how complete it is.

    Dates are Asia/Shanghai. Example: yunxun usage --from 2026-06-01 --to 2026-07-01 --by system

    Links and devices of the network: yunxun usage --from 2026-06-01 --to 2026-07-01 --by link

    A month as it was published: yunxun usage --month 2026-10 --version latest
    """
    if by not in BYS:
        raise CommandError(f"--by {by}: there are {', '.join(BYS)}")
    if form not in FORMATS:
        raise CommandError(f"--format {form}: there are {', '.join(FORMATS)}")
    if form == "xlsx" and output is None:
        raise CommandError("--format xlsx: name a file with -o FILE")
    if month is None and (since is None or until is None):
        raise CommandError("which period? give --from and --to, or --month 2026-10")
    params: dict[str, Any] = {"from": since, "to": until, "month": month, "version": version}
    params |= {"unit": unit, "system": system, "by": by}
    if by in OF_NETWORK:
        if month or version or system:
            raise CommandError(f"--by {by}: give --from and --to; no month, version or system")
        wide = english if english is not None else not chinese()
        links.usage(url, data, ca, since or "", until or "", by, unit, form, output, wide)
        return
    with open_api(url, data, ca) as api:
        content = _fetch(api, form, params)
    if isinstance(content, bytes):
        save(content, output)
    elif form == "json":
        save((json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode(), output)
    else:
        wide = english if english is not None else not chinese()
        print_report(content, wide, output)


def _fetch(api: Api, form: str, params: dict[str, Any]) -> dict[str, Any] | bytes:
    if form in ("csv", "xlsx"):
        return api.get_bytes("/api/v1/usage", **params, format=form)
    return dict(api.get("/api/v1/usage", **params))


def print_report(document: dict[str, Any], english: bool, output: Path | None = None) -> None:
    """Prints the table as wide as the terminal allows, whole into a pipe or file.

    Raises CommandError.
    """
    console = Console()
    if output is None and console.is_terminal:
        console.print(table(document, english, console.width))
        return
    view = table(document, english)
    width = natural_width(view)
    if output is None:
        Console(width=width).print(view)
        return
    try:
        with output.open("w", encoding="utf-8") as file:
            Console(file=file, width=width).print(view)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None


@dataclass(frozen=True)
class Figure:
    """A column of figures. Where there is no room, the greatest ``rank`` goes first."""

    zh: str
    en: str
    rank: int
    show: Callable[[dict[str, Any]], str | Text]


def table(document: dict[str, Any], english: bool, width: int | None = None) -> Table:
    """The report as a table of at most ``width``; a gap is "—".

    Where it does not fit, bars become numbers, then whole columns are left out, and it says so:
    a figure that is cut off reads as another figure.
    """
    view = _table(document, english, FIGURES, 0)
    if width is None or natural_width(view) <= width:
        return view
    for least in range(max(figure.rank for figure in NUMBERS), -1, -1):
        kept = tuple(figure for figure in NUMBERS if figure.rank <= least)
        view = _table(document, english, kept, NAME_CELLS)
        if natural_width(view) <= width:
            break
    return view


def _table(
    document: dict[str, Any], english: bool, figures: tuple[Figure, ...], name_cells: int
) -> Table:
    by = document["by"]

    def say(zh: str, en: str) -> str:
        return en if english else zh

    coverage = document.get("coverage_pct")
    whole = GAP if coverage is None else f"{coverage:.1f}%"
    caption = say(f"数据完整率 {whole}", f"data complete {whole}")
    left_out = len(FIGURES) - len(figures)
    if left_out:
        caption += say(
            f"。窗口较窄，省略 {left_out} 列；全部见 --format csv 或更宽的窗口",
            f"; {left_out} columns left out for width: see --format csv or a wider window",
        )
    version = document.get("version")
    if version:
        caption += say(f"；已发布月度第 {version} 版", f"; published version {version}")
    view = Table(
        title=say("资源使用情况", "Usage") + f"  {document['from'][:16]} … {document['to'][:16]}",
        caption=caption,
        header_style="bold",
    )
    names: list[Column] = [
        column for column in NAMES[by] if by != "unit" or column.field == "unit_name"
    ]
    for column in names:
        view.add_column(say(column.zh, column.en), overflow="fold", max_width=name_cells or None)
    for figure in figures:
        view.add_column(say(figure.zh, figure.en), justify="right", no_wrap=True)
    for row in document["rows"]:
        view.add_row(
            *(_name(row, column.field) for column in names),
            *(figure.show(row) for figure in figures),
        )
    return view


def _name(row: dict[str, Any], field: str) -> Text:
    indent = "  " * row.get("depth", 0) if field == "unit_name" else ""
    return plain(indent + (row.get(field) or GAP))


def _number(field: str, kind: Any, digits: int) -> Callable[[dict[str, Any]], str | Text]:
    def show(row: dict[str, Any]) -> str:
        value = shown(row.get(field), kind)
        return GAP if value is None else f"{value:,.{digits}f}"

    return show


def _complete(row: dict[str, Any]) -> str:
    return GAP if row.get("coverage_pct") is None else f"{row['coverage_pct']:.1f}%"


def _bar(field: str) -> Callable[[dict[str, Any]], str | Text]:
    """A thin bar and the number."""

    def show(row: dict[str, Any]) -> str | Text:
        share: float | None = row.get(field)
        if share is None:
            return GAP
        eighths = round(min(100.0, share) / 100 * BAR_CELLS * 8)
        full, part = divmod(eighths, 8)
        bar = (_BLOCKS[8] * full + (_BLOCKS[part] if part else "")).ljust(BAR_CELLS)
        colour = "red" if share >= 85 else "yellow" if share < 5 else "cyan"
        return Text.assemble((bar, colour), f"{share:6.1f}")

    return show


FIGURES = (
    Figure("资源", "Res.", 1, lambda row: str(row["resources"])),
    Figure("vCPU", "vCPU", 1, _number("vcpu_allocated", "count", 0)),
    Figure("内存 GiB", "Mem GiB", 4, _number("mem_allocated_bytes", "bytes", 0)),
    Figure("存储 GiB", "Disk GiB", 5, _number("disk_allocated_bytes", "bytes", 0)),
    Figure("CPU 平均", "CPU mean", 0, _bar("cpu_avg_pct")),
    Figure("P95", "P95", 2, _number("cpu_p95_pct", "pct", 1)),
    Figure("峰值", "peak", 5, _number("cpu_max_pct", "pct", 1)),
    Figure("内存平均", "Mem mean", 0, _bar("mem_avg_pct")),
    Figure("P95", "P95", 3, _number("mem_p95_pct", "pct", 1)),
    Figure("存储", "Disk", 4, _number("disk_used_pct", "pct", 1)),
    Figure("入 Mbit/s", "In Mbit/s", 6, _number("net_rx_avg_bytes_s", "rate", 1)),
    Figure("出 Mbit/s", "Out Mbit/s", 6, _number("net_tx_avg_bytes_s", "rate", 1)),
    Figure("完整率", "Data", 0, _complete),
)
_PLAIN = {"CPU mean": "cpu_avg_pct", "Mem mean": "mem_avg_pct"}
NUMBERS = tuple(
    replace(figure, show=_number(_PLAIN[figure.en], "pct", 1)) if figure.en in _PLAIN else figure
    for figure in FIGURES
)
"""The same with numbers in place of bars."""
