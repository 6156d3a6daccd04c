"""`yunxun demo`: everything on this machine, with this machine's own agent and a demo fleet."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller import folder
from controller.commands import usage
from controller.commands.client import Api, CommandError, open_api
from controller.demo import cutover, extranet, ipv6_hosts, ledger, moves, notices, papers, people
from controller.demo import run as demo
from controller.demo.idle import first_forecast, first_scan
from controller.demo.ipv6 import measure_sites
from controller.demo.network import first_device
from controller.demo.patrol import first_patrol
from controller.demo.readiness import first_projects

app = typer.Typer()

CLASSES = {
    "in_use": "在用",
    "undetermined": "无法判定",
    "idle": "闲置 idle",
    "oversized": "配置偏高 oversized",
    "stopped": "已停机",
    "overloaded": "负载过高",
    "unused": "未使用",
    "exempt": "豁免",
    "night_off": "夜间、周末可关",
}

OWN_METRICS = ("cpu_used_pct", "mem_used_pct", "disk_used_pct", "net_rx_bytes_s", "net_tx_bytes_s")


@app.command("demo")
def run_demo(
    data: Annotated[
        Path, typer.Option("--data", help="Folder of the demo; emptied at each start.")
    ] = Path("var/demo"),
    port: Annotated[int, typer.Option("--port", help="Port on 127.0.0.1.")] = 8090,
    days: Annotated[
        int, typer.Option("--days", min=2, max=400, help="Days of invented history.")
    ] = 35,
    once: Annotated[
        bool, typer.Option("--once", help="Show the table and stop instead of serving on.")
    ] = False,
) -> None:
    """Run the main job on this machine: controller, a real agent, and a marked demo fleet.

    Example: yunxun demo --data /tmp/yunxun-demo --port 8099
    """
    console = Console()
    # A plain kill must not leave the controller and the agent behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        demo.check_port(port)
        demo.prepare_folder(data)
        with demo.controller(data, port) as (processes, password):
            _serve(
                console, data, port, days=days, processes=processes, password=password, once=once
            )
    except demo.DemoError as error:
        raise CommandError(str(error)) from None
    except KeyboardInterrupt:
        console.print("\n演示已停止 · demo stopped")


def _serve(
    console: Console,
    data: Path,
    port: int,
    *,
    days: int,
    processes: demo.Processes,
    password: str,
    once: bool,
) -> None:
    address = f"http://127.0.0.1:{port}"
    fleet = demo.Fleet(data / "fleet", datetime.now(UTC), days)
    with _bar() as bar:
        history = bar.add_task(
            "生成演示数据 · inventing history", total=len(fleet.vms) * days * 288
        )
        fleet.write_registers()
        papers.write_papers(fleet.folder, fleet.vms, fleet.end)
        for rows in fleet.write_samples():
            bar.advance(history, rows)
        bar.update(history, completed=len(fleet.vms) * days * 288)
        start = bar.add_task("启动控制端 · starting the controller", total=1)
        processes.wait_until(
            lambda: _ready(address, data / "controller"), f"an answer of {address}/readyz"
        )
        bar.advance(start)
    with open_api(data=data / "controller") as api:
        _import_registers(console, api, fleet)
        demo.enrol_agent(data, _enrolment_token(api))
        _approve_own_agent(api, processes)
        demo.run_agent(processes, data)
        _import_samples(api, fleet.folder / "samples.parquet")
        _show(console, api, processes, fleet)
        console.print(
            f"\n[bold]控制台 · console[/bold]  {address}\n"
            f"[bold]账号 · user[/bold]      admin\n[bold]密码 · password[/bold]  {password}\n"
            f"数据目录 · folder  {data} (演示数据,可随时删除 · disposable)\n"
        )
        _furnish(console, api, fleet, processes)
        own = _own_agent(api)
        if own is not None:
            console.print(
                first_device(api.get, api.post, api.put, processes, data, agent_id=own["id"])
            )
        told = moves.furnish(api, data / "controller", fleet.vms, fleet.folder, fleet.end)
        console.print(told)
        console.print(cutover.furnish(data / "controller", fleet.end))
        console.print(ipv6_hosts.furnish(api, data / "controller", fleet.vms, fleet.end))
        _invite(console, api, data / "controller", password)
        while not once:
            processes.check()
            time.sleep(1)


def _furnish(console: Console, api: Api, fleet: demo.Fleet, processes: demo.Processes) -> None:
    """What an office would have done with it by now; the console can be looked at meanwhile."""
    classes = first_scan(api.post)
    told = ", ".join(f"{CLASSES.get(name, name)} {count}" for name, count in classes.items())
    console.print(f"闲置判定 · judged: {told}")
    console.print(f"容量预测 · forecast: {first_forecast(api.get, api.post)}")
    console.print(f"巡查 · patrolled: {first_patrol(api.get, api.post)}")
    console.print(ledger.furnish(api, fleet.vms, fleet.folder, fleet.end))
    console.print(notices.furnish(api, fleet.vms, fleet.folder))
    console.print(
        first_projects(api.get, api.post, api.put, api.post_file, fleet.folder, fleet.end)
    )
    console.print(extranet.furnish(api, fleet.folder, fleet.end))
    console.print(f"网站 IPv6 · sites measured: {measure_sites(api, processes)}")


def _invite(console: Console, api: Api, folder: Path, password: str) -> None:
    """Accounts of those who work with it: an operator, and the unit that has an open letter."""
    issued = api.get("/api/v1/notices", state="issued")["items"]
    unit = issued[0]["unit_code"] if issued else demo.OWN_UNIT
    people.add_people(folder, unit, password)
    console.print(
        f"同密码账号 · same password: {people.OPS} (运维 · operator), {people.HANDLER} / "
        f"{people.LEADER} ({unit} 经办人 / 负责人 · handler / person in charge)"
    )


def _ready(address: str, folder_: Path) -> bool:
    """It answers, and has told commands where it is, which it does a moment later."""
    try:
        answer = httpx.get(f"{address}/readyz", timeout=5, trust_env=False)
    except httpx.HTTPError:
        return False
    return answer.status_code == 200 and folder.read_server(folder_) is not None


def _import_registers(console: Console, api: Api, fleet: demo.Fleet) -> None:
    for kind, name in (("units", "units"), ("resources", "resources"), ("resources", "enlarged")):
        outcome = api.post_file(f"/api/v1/import/{kind}", fleet.folder / f"{name}.csv")
        if not outcome["imported"]:
            raise demo.DemoError(f"import of {name}.csv refused: {outcome['errors'][:1]}")
        console.print(
            f"导入 · imported {name}.csv: 新增 {outcome['created']}, 更新 {outcome['updated']}"
        )

    for name in papers.FILES:
        outcome = api.post_file(f"/api/v1/import/{name}", fleet.folder / f"papers-{name}.csv")
        if not outcome["imported"]:
            raise demo.DemoError(f"import of papers-{name}.csv refused: {outcome['errors'][:1]}")
    papers.tell(api, fleet.vms, fleet.end)


def _enrolment_token(api: Api) -> str:
    made = api.post("/api/v1/agent-tokens", {"unit": demo.OWN_UNIT, "uses": 1, "hours": 1})
    return str(made["token"])


def _own_agent(api: Api) -> dict[str, Any] | None:
    agents = api.get("/api/v1/agents")["items"]
    return agents[0] if agents else None


def _approve_own_agent(api: Api, processes: demo.Processes) -> None:
    processes.wait_until(lambda: _own_agent(api) is not None, "the agent's enrolment")
    agent = _own_agent(api)
    assert agent is not None  # noqa: S101 -- the wait above saw it
    if agent["state"] == "pending":
        api.post(f"/api/v1/agents/{agent['id']}/approve")


STAGES = {
    "checking": "检查历史数据 · checking history",
    "storing": "写入历史数据 · storing history",
    "rolling": "汇总历史数据 · rolling history up",
}


def _import_samples(api: Api, file: Path) -> None:
    size = file.stat().st_size
    with _bar() as bar:
        task = bar.add_task(STAGES["checking"], total=size)
        for line in api.stream_file("/api/v1/import/samples", file, {"source": "demo"}):
            if "stage" in line:
                stage = STAGES.get(line["stage"], line["stage"])
                bar.update(task, description=stage, completed=line["bytes"] or 0)
            elif not line.get("outcome", {}).get("imported"):
                raise demo.DemoError(f"import of {file.name} refused: {line}")
        bar.update(task, completed=size)


def _show(console: Console, api: Api, processes: demo.Processes, fleet: demo.Fleet) -> None:
    """This machine's own figures, then the units' table of the last 30 days."""
    processes.wait_until(lambda: _own_row(api) is not None, "the first sample of this machine")
    own = _own_row(api)
    if own is not None:
        console.print(own)
    since = fleet.end - timedelta(days=30)
    report = api.get(
        "/api/v1/usage", **{"from": since.isoformat(), "to": fleet.end.isoformat(), "by": "unit"}
    )
    usage.print_report(report, english=False)


def _own_row(api: Api) -> Table | None:
    """The latest figures that this machine's agent sent, or None before the first."""
    agent = _own_agent(api)
    if agent is None or not agent["resource_code"]:
        return None
    now = datetime.now(UTC)
    series = api.get(
        f"/api/v1/resources/{agent['resource_code']}/series",
        **{
            "from": (now - timedelta(minutes=10)).isoformat(),
            "to": (now + timedelta(minutes=1)).isoformat(),
            "metric": list(OWN_METRICS),
        },
    )
    latest = {
        name: next((v for v in reversed(series["values"].get(name, [])) if v is not None), None)
        for name in OWN_METRICS
    }
    if latest["cpu_used_pct"] is None:
        return None
    table = Table(title=f"本机实测 · this machine, measured: {agent['name']}", title_justify="left")
    for heading in ("CPU %", "内存 %", "存储 %", "入网 KB/s", "出网 KB/s"):
        table.add_column(heading, justify="right")
    table.add_row(
        *(
            "—" if value is None else f"{value / (1000 if name.endswith('_s') else 1):,.1f}"
            for name, value in latest.items()
        )
    )
    return table


@contextmanager
def _bar() -> Iterator[Progress]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), transient=False
    ) as bar:
        yield bar
