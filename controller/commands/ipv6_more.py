"""``yunxun ipv6 vantage|hosts|plan|official``: pollers that scan, and the work with hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from controller.commands.client import Ca, CommandError, Data, Url, check_file, open_api
from controller.commands.ipv6 import Form, Unit, app
from controller.commands.terminal import plain
from controller.problems import Problem

vantage = typer.Typer(help="Where sites are seen from: pollers that scan.", no_args_is_help=True)
app.add_typer(vantage, name="vantage")


@vantage.command("set")
def set_vantage(
    name: Annotated[str, typer.Argument(metavar="NAME", help="extranet, internet, …")],
    agent: Annotated[str, typer.Option("--agent", help="A poller, by id or name.")],
    every: Annotated[float, typer.Option("--every", help="Hours between two scans.")] = 24,
    dns: Annotated[
        list[str] | None, typer.Option("--dns", metavar="ADDRESS[#PORT]", help="Name servers.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option("--allow", metavar="NETWORK", help="Private network that may be visited."),
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Have a poller scan the sites from there.

    Example: yunxun ipv6 vantage set extranet --agent poller-1 --allow 10.0.0.0/8 --dns 10.1.1.53
    """
    body = {"agent": agent, "every_h": every, "dns": dns or [], "allow": allow or []}
    with open_api(url, data, ca) as api:
        api.put(f"/api/v1/ipv6/vantages/{name}", body)
    print(f"{name}: {agent} scans every {every:g} h")


@vantage.command("list")
def list_vantages(url: Url = "", data: Data = None, ca: Ca = None, form: Form = "table") -> None:
    """Vantage points, who looks from them, and the newest reading of each.

    Example: yunxun ipv6 vantage list
    """
    with open_api(url, data, ca) as api:
        told = api.get("/api/v1/ipv6/vantages")
    if form == "json":
        print(json.dumps(told, ensure_ascii=False))
        return
    table = Table("测量位置", "采集端", "间隔（小时）", "最近测量", "网站")
    for each in told:
        table.add_row(plain(each["name"]), plain(each["agent_name"]), f"{each['every_h']:g}",
                      str(each["newest"] or "–")[:16], str(each["sites"]))  # fmt: skip
    Console().print(table)
    if not told:
        print("no vantage points yet; 'yunxun ipv6 vantage set NAME --agent POLLER' makes one")


@vantage.command("scan")
def scan_now(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Scan from there at once; the readings come in as they are measured.

    Example: yunxun ipv6 vantage scan internet
    """
    with open_api(url, data, ca) as api:
        task = api.post(f"/api/v1/ipv6/vantages/{name}/scan", {})["task"]
    print(f"task {task}: the poller fetches it within seconds")


@app.command("hosts")
def hosts(
    unit: Unit = "",
    state: Annotated[
        str, typer.Option("--state", help="all, passing, failing, unknown or untold")
    ] = "all",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Hosts with their score and what fails.

    Example: yunxun ipv6 hosts --unit HBJ --state failing
    """
    with open_api(url, data, ca) as api:
        told = list(api.items("/api/v1/ipv6/hosts", unit=unit or None, state=state))
    if form == "json":
        print(json.dumps(told, ensure_ascii=False))
        return
    table = Table("主机", "单位", "得分", "不达标项", "IPv6 流量 %")
    for each in told:
        score = "–" if each["score"] is None else f"{each['score']:.1f}"
        share = "–" if each["traffic_pct"] is None else f"{each['traffic_pct']:.1f}"
        table.add_row(plain(each["code"]), plain(each["unit_name"]), score,
                      " ".join(each["lost"]), share)  # fmt: skip
    Console().print(table)


@app.command("plan")
def plan(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    resource: Annotated[
        list[str] | None, typer.Option("--host", metavar="CODE", help="A host; as often as needed.")
    ] = None,
    unit: Unit = "",
    prefix: Annotated[str, typer.Option("--prefix", help="Of static addresses, /64 or less.")] = "",
    gateway: Annotated[str, typer.Option("--gateway", help="Default gateway.")] = "",
    interface: Annotated[str, typer.Option("--interface", help="Of the static address.")] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the inventory here.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Plan to switch IPv6 on: prints the inventory for playbooks/enable_ipv6.yml. Without --host
    the plan holds the failing hosts of --unit.

    Example: yunxun ipv6 plan 第一批 --unit HBJ --prefix 2408:8000:1:2::/64 -o hosts.yml
    """
    if not resource and not unit:
        raise CommandError("name hosts with --host, or a unit with --unit")
    with open_api(url, data, ca) as api:
        chosen = resource or [
            each["code"] for each in api.items("/api/v1/ipv6/hosts", unit=unit, state="failing")
        ]
        if not chosen:
            raise CommandError(f"unit {unit} has no hosts that fail")
        body = {"name": name, "resources": chosen, "prefix": prefix, "gateway": gateway,
                "interface": interface}  # fmt: skip
        made = api.post("/api/v1/ipv6/plans", body)
        text = api.get_bytes(f"/api/v1/ipv6/plans/{made['id']}/inventory").decode()
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, "utf-8")
        print(f"plan {made['id']}: {len(chosen)} hosts, {output}")


@app.command("official")
def official(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="XLSX, XLS or CSV.")],
    source: Annotated[str, typer.Option("--source", help="Which monitor: 省级监测平台, …")],
    day: Annotated[str, typer.Option("--day", metavar="YYYY-MM-DD", help="Of the report.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Import what an official monitor found: a site (网站, 域名) or unit (单位) and a score (得分).

    Example: yunxun ipv6 official 通报.xlsx --source 省级监测平台 --day 2026-11-01
    """
    check_file(file)
    # Reading sheets loads the register's code: only this command needs it.
    from controller.ipv6.official_sheet import read_official_file  # noqa: PLC0415

    try:
        with file.open("rb") as content:
            rows = read_official_file(content, file.name)
    except Problem as problem:
        raise CommandError(f"{file}: {problem.detail}") from None
    body = {"source": source, "day": day, "rows": [row.model_dump() for row in rows]}
    with open_api(url, data, ca) as api:
        told = api.put("/api/v1/ipv6/official", body)
    print(f"{told['kept']} results of {source}, {day}")
