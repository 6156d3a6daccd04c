"""``yunxun pool``: what resource pools hold, and whether an application fits."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import PROBLEMS, Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import plain, show

app = typer.Typer(help="Resource pools: what is there and left.", no_args_is_help=True)

GIB = 2.0**30
Form = Annotated[str, typer.Option("--format", help="table or json")]


@app.command("list")
def list_pools(url: Url = "", data: Data = None, ca: Ca = None, form: Form = "table") -> None:
    """Every pool: capacity, held, promised and left, in cores and GB.

    Example: yunxun pool list --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        pools = list(api.items("/api/v1/pools"))
    if form == "json":
        print(json.dumps(pools, ensure_ascii=False, indent=2))
        return
    if form != "table":
        raise CommandError(f"--format {form}: there are table and json")
    table = Table()
    for heading in ("pool", "name", "arch"):
        table.add_column(heading, overflow="fold")
    for heading in ("vCPU", "held", "ratio", "left", "GB", "held", "left", "disk left", "cards"):
        table.add_column(heading, justify="right", no_wrap=True)
    for pool in pools:
        ratio = pool["cpu_ratio"]
        table.add_row(
            plain(pool["code"]), plain(pool["name"]), pool["arch"],
            _number(pool, "capacity", "vcpu"), _number(pool, "allocated", "vcpu"),
            "–" if ratio is None else f"{ratio:.2f}", _number(pool, "left", "vcpu"),
            _number(pool, "capacity", "mem_bytes"), _number(pool, "allocated", "mem_bytes"),
            _number(pool, "left", "mem_bytes"), _number(pool, "left", "disk_bytes"),
            _number(pool, "left", "accelerators"),
        )  # fmt: skip
    show(table)


@app.command("can-approve")
def can_approve(
    vcpu: Annotated[float, typer.Option(min=0, help="Cores.")] = 0,
    mem_gib: Annotated[float, typer.Option("--mem", min=0, help="Memory in GB.")] = 0,
    disk_gib: Annotated[float, typer.Option("--disk", min=0, help="Disk in GB.")] = 0,
    cards: Annotated[float, typer.Option("--cards", min=0, help="GPU or NPU cards.")] = 0,
    site: Annotated[str, typer.Option("--site")] = "",
    zone: Annotated[str, typer.Option("--zone")] = "",
    arch: Annotated[str, typer.Option("--arch", help="x86, kunpeng, phytium, hygon …")] = "",
    accelerator: Annotated[str, typer.Option("--accelerator", help="Model of the cards.")] = "",
    purpose: Annotated[
        str, typer.Option("--purpose", help="production, test or emergency (may use the reserve)")
    ] = "production",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Annotated[str, typer.Option("--format", help="text or json")] = "text",
) -> None:
    """Whether an application can be approved, and why (not). Exit status 1: it cannot.

    Example: yunxun pool can-approve --vcpu 64 --mem 256 --site 主中心 --arch kunpeng
    """
    with open_api(url, data, ca) as api:
        told = api.get(
            "/api/v1/idle/recover-first", vcpu=vcpu, mem_gib=mem_gib, disk_gib=disk_gib,
            accelerators=cards, site=site, zone=zone, arch=arch, accelerator=accelerator,
            purpose=purpose,
        )  # fmt: skip
    answer, recovery = told["answer"], told["recovery"]
    if form == "json":
        print(json.dumps({**answer, "recovery": recovery}, ensure_ascii=False, indent=2))
    else:
        reason = "reason_zh" if chinese() else "reason_en"
        print(answer[reason])
        if answer["alternatives"]:
            others = ", ".join(answer["alternatives"])
            print(f"其他可用资源池：{others}" if chinese() else f"other pools that fit: {others}")
        if recovery:
            print(recovery[reason])
            _show_steps(recovery["steps"])
    if not answer["ok"]:
        raise typer.Exit(PROBLEMS)


def _show_steps(steps: list[dict[str, Any]]) -> None:
    """What to recover first, in its order."""
    if not steps:
        return
    table = Table()
    for heading in ("资源", "单位", "判定") if chinese() else ("resource", "unit", "class"):
        table.add_column(heading, overflow="fold")
    for heading in ("vCPU", "GB", "disk GB"):
        table.add_column(heading, justify="right")
    for each in steps:
        table.add_row(
            plain(each["resource"]), plain(each["unit"] or "–"), each["cls"],
            f"{each['vcpu']:,.0f}", f"{each['mem_bytes'] / GIB:,.0f}",
            f"{each['disk_bytes'] / GIB:,.0f}",
        )  # fmt: skip
    show(table)


def _number(pool: dict[str, Any], part: str, size: str) -> str:
    value = pool[part].get(size)
    if value is None:
        return "–"
    return f"{value / GIB if size.endswith('_bytes') else value:,.0f}"
