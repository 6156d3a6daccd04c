"""``yunxun import``: the registers and samples from files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from controller.commands.client import (
    BAD_INPUT,
    UNREACHABLE,
    Api,
    Ca,
    CommandError,
    Data,
    Url,
    check_file,
    open_api,
    told,
)
from controller.commands.import_outcome import finish
from controller.commands.language import word

app = typer.Typer(help="Import registers or samples from a file.", no_args_is_help=True)

PLAIN_LINE_ROWS = 1_000_000
"""Where there is no terminal, one line of progress each so many rows."""

File = Annotated[Path, typer.Argument(metavar="FILE", help="XLSX, XLS or CSV (UTF-8 or GBK).")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would happen and change nothing.")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Import the good rows although others are bad.")
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="DATE",
        help="From when rows without a date hold for what is registered already. "
        "Default: since what holds at present began.",
    ),
]
Sheet = Annotated[
    str | None, typer.Option("--sheet", help="Name of the sheet, where several hold a table.")
]
Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="HEADER=FIELD", help="A further header; HEADER= ignores it."),
]


def _known_form(form: str) -> str:
    """Before anything is sent: an import must not be done and then called wrong."""
    if form not in ("text", "json"):
        raise typer.BadParameter(f"--format {form}: there are text and json")
    return form


Form = Annotated[str, typer.Option("--format", help="text or json", callback=_known_form)]


class Register(NamedTuple):
    """A register that is imported from a file. ``help``: the columns and an example."""

    name: str
    help: str
    dated: bool = True
    """Whether its rows hold from a day on (--since)."""
    creates: bool = False
    """Whether the first import may make the data folder."""


REGISTERS = (
    Register(
        "units",
        "Columns: code name parent kind contact email phone since "
        "(编码 名称 上级单位 类型 联系人 …).\n\n"
        "Example: yunxun import units 单位.xlsx --dry-run",
        creates=True,
    ),
    Register(
        "resources",
        """Columns: code name kind unit system site zone ip vcpu mem_gib disk_gib bandwidth_mbps os
        created since tags instance_uuid retired (编码 名称 单位 业务系统 内存GB 开通时间 …).

        Example: yunxun import resources 资源台账.xlsx --map 备注=
        """,
        creates=True,
    ),
    Register(
        "systems",
        """Columns: unit name level record_number assessed crypto_assessed on_cloud … (单位 系统名称
        等保级别 备案号 测评日期 密评日期 是否上云 信创CPU 合同到期 …).

        Example: yunxun import systems 业务系统台账.xlsx --dry-run
        """,
        dated=False,
    ),
    Register(
        "allocations",
        """Columns: number line unit system purpose applied_vcpu approved_vcpu delivered_vcpu …
        (申请单号 单位 业务系统 用途 申请CPU 批复CPU 开通CPU 申请日期 到期日期 资源 …).

        Example: yunxun import allocations 资源申请台账.xlsx
        """,
        dated=False,
    ),
    Register(
        "pools",
        """Columns: code name site zone arch accelerator since vcpu mem_gib disk_gib cpu_overcommit
        reserve_pct (编码 名称 站点 网络区 架构 CPU总量 内存总量GB CPU超分比 预留比例 …).

        Example: yunxun import pools 资源池.xlsx --since 2026-07-01
        """,
    ),
    Register(
        "devices",
        "Columns: address name code unit site zone network role shared credential interval_s port …"
        "\n(管理地址 名称 编码 单位 站点 网络区 VPN 角色 共用 凭据 轮询间隔 SNMP端口 …).\n\n"
        "Example: yunxun import devices 设备清单.xlsx --dry-run",
    ),
    Register(
        "lines",
        "Columns: number operator kind level unit zone a_device a_port b_text bandwidth_mbps …\n"
        "(电路编号 运营商 线路类型 层级 单位 A端设备 A端端口 B端位置 带宽 合同开始 合同到期 "
        "年费用 …).\n\n"
        "Example: yunxun import lines 线路台账.xlsx --dry-run",
    ),
    Register(
        "products",
        """安全可靠测评 results. Columns: kind vendor product version level notice published expires
        (类别 厂商 产品名称 版本 等级 公告号 发布日期 有效期至).

        Example: yunxun import products 测评公告.xlsx --dry-run
        """,
        dated=False,
    ),
    Register(
        "points",
        """Columns: code name level unit community state zone address tcp_port device port line …
        (编码 名称 层级 单位 村社区 接入状态 网络区 地址 TCP端口 设备 端口 线路 …).

        Example: yunxun import points 接入点台账.xlsx --dry-run
        """,
    ),
    Register(
        "own-networks",
        "Departments' own networks. Columns: code name unit classified kind disposition hosts\n"
        "cost_year prefixes vpn lines "
        "(编码 名称 单位 是否涉密 类型 处置 主机数 年费用 网段 VPN 专线).\n"
        "A classified network is refused, and nothing of its row is stored.\n\n"
        "Example: yunxun import own-networks 专网台账.xlsx --dry-run",
        dated=False,
    ),
)
"""In the order of ``yunxun import --help``."""


def _command(register: Register) -> Callable[..., None]:
    """The function behind ``yunxun import NAME``: its parameters are the command's options."""

    def dated(
        file: File,
        dry_run: DryRun = False,
        skip_bad: SkipBad = False,
        since: Since = None,
        sheet: Sheet = None,
        mapping: Map = None,
        url: Url = "",
        data: Data = None,
        ca: Ca = None,
        form: Form = "text",
    ) -> None:
        params = {
            "dry_run": dry_run,
            "skip_bad": skip_bad,
            "since": since,
            "sheet": sheet,
            "map": mapping or None,
        }
        check_file(file)
        with open_api(url, data, ca, create=register.creates) as api:
            _register(api, register.name, file, params, form)

    def undated(
        file: File,
        dry_run: DryRun = False,
        skip_bad: SkipBad = False,
        sheet: Sheet = None,
        mapping: Map = None,
        url: Url = "",
        data: Data = None,
        ca: Ca = None,
        form: Form = "text",
    ) -> None:
        dated(file, dry_run, skip_bad, None, sheet, mapping, url, data, ca, form)

    return dated if register.dated else undated


for _each in REGISTERS:
    app.command(_each.name, help=_each.help)(_command(_each))


@app.command("samples")
def import_samples(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, Parquet or XLSX.")],
    source: Annotated[
        str, typer.Option("--source", help="Whose figures these are, e.g. the platform's name.")
    ] = "",
    dry_run: DryRun = False,
    skip_bad: SkipBad = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "text",
) -> None:
    """Columns: resource time, perhaps interval_s, and any metrics of the catalogue.

    Example: yunxun import samples history.parquet --source platform-a
    """
    params = {"source": source or None, "dry_run": dry_run, "skip_bad": skip_bad}
    check_file(file)
    with open_api(url, data, ca, create=True) as api, _progress(file.name, by_bytes=True) as bar:
        outcome = _stream(api, file, params, bar)
    finish(outcome, form, columns=False)


def _register(api: Api, kind: str, file: Path, params: dict[str, Any], form: str) -> None:
    with _progress(file.name, by_bytes=False):
        try:
            outcome = api.post_file(f"/api/v1/import/{kind}", file, params)
        except CommandError as error:
            # A refused import answers the outcome's members inside the problem document.
            if "errors_total" not in error.problem:
                raise
            outcome = error.problem
    finish(outcome, form)


def _stream(api: Api, file: Path, params: dict[str, Any], bar: Progress) -> dict[str, Any]:
    task = bar.add_task("", total=file.stat().st_size)
    said = 0
    for line in api.stream_file("/api/v1/import/samples", file, params):
        if "outcome" in line:
            return dict(line["outcome"])
        if "problem" in line:
            problem = line["problem"]
            status = UNREACHABLE if problem.get("status", 0) >= 500 else BAD_INPUT
            raise CommandError(told(problem), status)
        rows, done = int(line.get("rows", 0)), line.get("bytes")
        bar.update(task, completed=done, description=word(f"{rows:,} 行", f"{rows:,} rows"))
        if bar.disable and rows - said >= PLAIN_LINE_ROWS:
            said = rows
            print(word(f"{file.name}：{rows} 行", f"{file.name}: {rows} rows"), file=sys.stderr)
    raise CommandError(
        f"{file}: the controller broke off before the outcome; import it again, "
        "rows already stored are not doubled"
    )


@contextmanager
def _progress(name: str, *, by_bytes: bool) -> Iterator[Progress]:
    """A bar on a terminal's stderr, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        (BarColumn(), DownloadColumn(), TimeRemainingColumn()) if by_bytes else (SpinnerColumn(),)
    )
    with Progress(
        TextColumn(name, markup=False),
        TextColumn("{task.description}"),
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        if not by_bytes:
            bar.add_task(word("正在导入", "importing"), total=None)
        yield bar
