"""``yunxun import``: the registers and samples from files."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

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
from rich.table import Table

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
from controller.commands.language import chinese, word
from controller.commands.terminal import plain

app = typer.Typer(help="Import registers or samples from a file.", no_args_is_help=True)

SHOWN_ERRORS = 50
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


@app.command("units")
def import_units(
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
    """Columns: code name parent kind contact email phone since (编码 名称 上级单位 类型 联系人 …).

    Example: yunxun import units 单位.xlsx --dry-run
    """
    params = _params(dry_run, skip_bad, since, sheet, mapping)
    check_file(file)
    with open_api(url, data, ca, create=True) as api:
        _register(api, "units", file, params, form)


@app.command("resources")
def import_resources(
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
    """Columns: code name kind unit system site zone ip vcpu mem_gib disk_gib bandwidth_mbps os
    created since tags instance_uuid retired (编码 名称 单位 业务系统 内存GB 开通时间 …).

    Example: yunxun import resources 资源台账.xlsx --map 备注=
    """
    params = _params(dry_run, skip_bad, since, sheet, mapping)
    check_file(file)
    with open_api(url, data, ca, create=True) as api:
        _register(api, "resources", file, params, form)


@app.command("systems")
def import_systems(
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
    """Columns: unit name level record_number assessed crypto_assessed on_cloud … (单位 系统名称
    等保级别 备案号 测评日期 密评日期 是否上云 信创CPU 合同到期 …).

    Example: yunxun import systems 业务系统台账.xlsx --dry-run
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        params = _params(dry_run, skip_bad, None, sheet, mapping)
        _register(api, "systems", file, params, form)


@app.command("allocations")
def import_allocations(
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
    """Columns: number line unit system purpose applied_vcpu approved_vcpu delivered_vcpu …
    (申请单号 单位 业务系统 用途 申请CPU 批复CPU 开通CPU 申请日期 到期日期 资源 …).

    Example: yunxun import allocations 资源申请台账.xlsx
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        params = _params(dry_run, skip_bad, None, sheet, mapping)
        _register(api, "allocations", file, params, form)


@app.command("pools")
def import_pools(
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
    """Columns: code name site zone arch accelerator since vcpu mem_gib disk_gib cpu_overcommit
    reserve_pct (编码 名称 站点 网络区 架构 CPU总量 内存总量GB CPU超分比 预留比例 …).

    Example: yunxun import pools 资源池.xlsx --since 2026-07-01
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        params = _params(dry_run, skip_bad, since, sheet, mapping)
        _register(api, "pools", file, params, form)


@app.command("devices")
def import_devices(
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
    """Columns: address name code unit site zone network role shared credential interval_s port …
    (管理地址 名称 编码 单位 站点 网络区 VPN 角色 共用 凭据 轮询间隔 SNMP端口 …).

    Example: yunxun import devices 设备清单.xlsx --dry-run
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        _register(api, "devices", file, _params(dry_run, skip_bad, since, sheet, mapping), form)


@app.command("lines")
def import_lines(
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
    """Columns: number operator kind level unit zone a_device a_port b_text bandwidth_mbps …
    (电路编号 运营商 线路类型 层级 单位 A端设备 A端端口 B端位置 带宽 合同开始 合同到期 年费用 …).

    Example: yunxun import lines 线路台账.xlsx --dry-run
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        _register(api, "lines", file, _params(dry_run, skip_bad, since, sheet, mapping), form)


@app.command("products")
def import_products(
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
    """安全可靠测评 results. Columns: kind vendor product version level notice published expires
    (类别 厂商 产品名称 版本 等级 公告号 发布日期 有效期至).

    Example: yunxun import products 测评公告.xlsx --dry-run
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        _register(api, "products", file, _params(dry_run, skip_bad, None, sheet, mapping), form)


@app.command("points")
def import_points(
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
    """Columns: code name level unit community state zone address tcp_port device port line …
    (编码 名称 层级 单位 村社区 接入状态 网络区 地址 TCP端口 设备 端口 线路 …).

    Example: yunxun import points 接入点台账.xlsx --dry-run
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        _register(api, "points", file, _params(dry_run, skip_bad, since, sheet, mapping), form)


@app.command("own-networks")
def import_own_networks(
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
    """Departments' own networks. Columns: code name unit classified kind disposition hosts
    cost_year prefixes vpn lines (编码 名称 单位 是否涉密 类型 处置 主机数 年费用 网段 VPN 专线).
    A classified network is refused, and nothing of its row is stored.

    Example: yunxun import own-networks 专网台账.xlsx --dry-run
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        params = _params(dry_run, skip_bad, None, sheet, mapping)
        _register(api, "own-networks", file, params, form)


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
    _finish(outcome, form, columns=False)


def _params(
    dry_run: bool,
    skip_bad: bool,
    since: str | None,
    sheet: str | None,
    mapping: list[str] | None,
) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "skip_bad": skip_bad,
        "since": since,
        "sheet": sheet,
        "map": mapping or None,
    }


def _register(api: Api, kind: str, file: Path, params: dict[str, Any], form: str) -> None:
    with _progress(file.name, by_bytes=False):
        try:
            outcome = api.post_file(f"/api/v1/import/{kind}", file, params)
        except CommandError as error:
            # A refused import answers the outcome's members inside the problem document.
            if "errors_total" not in error.problem:
                raise
            outcome = error.problem
    _finish(outcome, form)


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


def _finish(outcome: dict[str, Any], form: str, *, columns: bool = True) -> None:
    """Prints the outcome; raises CommandError where something is wrong with the file. ``columns``
    can be left out of it (--map)."""
    total = int(outcome.get("errors_total", len(outcome.get("errors", []))))
    if form == "json":
        print(json.dumps(outcome, ensure_ascii=False, indent=2))
    else:
        if total:
            _print_errors(outcome.get("errors", []), total, word("问题与处理", "what to do"))
        if outcome.get("warnings"):
            count = int(outcome.get("warnings_total", 0))
            _print_errors(outcome["warnings"], count, word("请留意", "look at"))
        print(summary(outcome))
    if total and not (outcome.get("imported") or outcome.get("ready")):
        name = outcome.get("file_name") or word("文件", "the file")
        verb = "would not be" if outcome.get("dry_run") else "was not"
        raise CommandError(
            word(
                f"{name} 未导入，错误 {total} 处；请按所列修改，或用 --skip-bad 跳过错误行"
                + "、用 --map 表头= 忽略某列" * columns,
                f"{name} {verb} imported, errors: {total}; mend what is listed, or leave out bad "
                "rows with --skip-bad" + " and columns with --map HEADER=" * columns,
            )
        )


_COUNTED = (
    ("rows", "{} 行", "{} rows"),
    ("created", "新增 {}", "{} created"),
    ("updated", "更新 {}", "{} updated"),
    ("unchanged", "未变 {}", "{} unchanged"),
    ("skipped", "有错误 {}", "{} with errors"),
    ("days_marked", "待重算 {} 个资源日", "{} resource-days to recompute"),
)


def summary(outcome: dict[str, Any]) -> str:
    """One line: what came of it."""
    words = [
        word(zh, en).format(outcome[name])
        for name, zh, en in _COUNTED
        if outcome.get(name) or (name == "rows" and name in outcome)
    ]
    state = (
        word("已导入", "imported") if outcome.get("imported") else word("未导入", "not imported")
    )
    if outcome.get("dry_run"):
        state = word("试运行，未作任何改动", "dry run, nothing changed")
    name = outcome.get("file_name") or word("文件", "file")
    return word(f"{name}：{state}：{'，'.join(words)}", f"{name}: {state}: {', '.join(words)}")


def _print_errors(errors: list[dict[str, Any]], total: int, heading: str) -> None:
    table = Table(word("行", "row"), word("列", "column"))
    table.add_column(heading, overflow="fold")
    for error in errors[:SHOWN_ERRORS]:
        row = str(error.get("row") or "")
        table.add_row(row, plain(error["column"]), plain(_message(error)))
    console = Console(stderr=True)
    console.print(table)
    if total > SHOWN_ERRORS:
        left = total - SHOWN_ERRORS
        console.print(
            word(
                f"… 另有 {left} 处（--format json 最多列出 1000 处）",
                f"… and {left} more (--format json lists up to 1000)",
            )
        )


def _message(error: dict[str, Any]) -> str:
    said = error.get("message_zh") if chinese() else ""
    return str(said or error["message"])


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
