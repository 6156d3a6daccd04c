"""``yunxun forecast``: when pools, lines and file systems reach their limit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import plain, show, waiting

app = typer.Typer(
    help="When pools, lines and file systems reach their limit.", no_args_is_help=True
)

GIB = 2.0**30
LONGEST_SECONDS = 1800.0
KINDS = ("pool", "link", "volume")
METRICS = {
    "alloc_vcpu": ("vCPU 分配", "vCPU given out"),
    "alloc_mem": ("内存分配", "memory given out"),
    "alloc_disk": ("存储分配", "disk given out"),
    "use_cpu": ("CPU 使用", "CPU used"),
    "use_mem": ("内存使用", "memory used"),
    "line_out": ("出向带宽", "line, sent"),
    "line_in": ("入向带宽", "line, received"),
    "disk": ("磁盘", "disk"),
}
STATES = {
    "over": ("已达上限", "at the limit"),
    "reaches": ("将达上限", "will reach it"),
    "steady": ("平稳", "steady"),
    "refused": ("不作预测", "no forecast"),
}


@app.command("list")
def list_forecasts(
    kind: Annotated[str, typer.Option("--kind", help=" | ".join(KINDS))] = "",
    unit: Annotated[str | None, typer.Option("--unit", help="Code or name, with subtree.")] = None,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The most urgent first, with the 80 % interval and the back-test's error.

    Example: yunxun forecast list --kind pool
    """
    if kind and kind not in KINDS:
        raise CommandError(f"--kind {kind}: there are {', '.join(KINDS)}")
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table, json")
    query = {"kind": kind} | ({"unit": unit} if unit else {})
    with open_api(url, data, ca) as api:
        rows = list(api.items("/api/v1/forecasts", **query))
    if form == "json":
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    zh = chinese()
    table = Table(header_style="bold")
    heads = (
        ("名称", "指标", "当前", "上限", "状态", "天数", "区间", "回测误差", "说明")
        if zh
        else ("Name", "Figure", "Now", "Limit", "State", "Days", "80 %", "Error", "Why")
    )
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(
            plain(row["name"]), METRICS[row["metric"]][not zh], _amount(row, "now"),
            _amount(row, "limit"), STATES[row["state"]][not zh], _days(row["days"]),
            f"{_days(row['low'])} – {_days(row['high'])}" if row["low"] is not None else "–",
            "–" if row["error_pct"] is None else f"{row['error_pct']:.1f} %",
            plain(row["reason_zh" if zh else "reason_en"]),
        )  # fmt: skip
    show(table)
    if not rows:
        print("还没有预测,运行 yunxun forecast run" if zh else "none yet: yunxun forecast run")


@app.command("run")
def run(url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Make all forecasts anew, as the worker does every night.

    Example: yunxun forecast run --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api, waiting("预测计算中 · forecasting"):
        found = make(api.get, api.post)
    if found is None:
        raise CommandError("the forecasts are not done yet: see the controller's log")
    for kind, states in found["counts"].items():
        told = ", ".join(f"{STATES[name][not chinese()]} {n}" for name, n in states.items())
        print(f"{kind}: {told or '–'}")
    print(f"{found['seconds']} s")


def make(get: Callable[..., Any], post: Callable[..., Any]) -> dict[str, Any] | None:
    """Has them made through the API and waits; the run, or None where it takes too long."""
    before = post("/api/v1/forecasts", {})["before"]
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        run = get("/api/v1/forecasts/last-run")
        if run is not None and run["at"] != before:
            return dict(run)
        time.sleep(0.5)
    return None


def _days(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _amount(row: dict[str, Any], name: str) -> str:
    value, metric = row[name], row["metric"]
    if value is None:
        return "–"
    if metric in ("alloc_vcpu", "use_cpu"):
        return f"{value:,.0f}"
    if metric.startswith("line"):
        return f"{value * 8 / 1e6:,.1f} Mbps"
    return f"{value / GIB:,.0f} GB"
