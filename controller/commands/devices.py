"""``yunxun device``: network gear, how it is asked, and finding more of it."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.commands import credentials, scan_ranges
from controller.commands.client import PROBLEMS, Api, Ca, CommandError, Data, Url, open_api
from controller.commands.lines import known_form
from controller.commands.terminal import plain, show

app = typer.Typer(help="Network devices: register, poll, discover.", no_args_is_help=True)
app.add_typer(credentials.app, name="credential")
app.add_typer(scan_ranges.app, name="ranges")

Form = Annotated[str, typer.Option("--format", help="table or json")]
Code = Annotated[str, typer.Argument(metavar="CODE", help="As 'yunxun device list' shows it.")]
ASK_S = 2.0


@app.command("add")
def add_device(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="IPv4 or IPv6.")],
    credential: Annotated[str, typer.Option("--credential", help="Name of a credential.")],
    unit: Annotated[str, typer.Option("--unit", help="Code or name of who runs it.")],
    name: Annotated[str, typer.Option("--name")] = "",
    code: Annotated[str, typer.Option("--code", help="Default: made of the name.")] = "",
    site: Annotated[str, typer.Option("--site", help="Its pollers poll the device.")] = "",
    zone: Annotated[str, typer.Option("--zone", help="Network zone.")] = "",
    network: Annotated[
        str, typer.Option("--network", help="VPN in which the address is unique; default: zone.")
    ] = "",
    role: Annotated[
        str, typer.Option("--role", help="core aggregation access router firewall wireless host")
    ] = "other",
    port: Annotated[int, typer.Option("--port", help="UDP port.")] = 161,
    interval: Annotated[int, typer.Option("--interval", help="Seconds between polls.")] = 60,
    shared: Annotated[bool, typer.Option("--shared", help="Serves several units.")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Register one device. A poller asks it within a minute; its ports are then on its page.

    Example: yunxun device add 10.1.0.1 --credential core --unit 330100 --site 主中心 --role core
    """
    body = {
        "address": address, "credential": credential, "unit": unit, "name": name, "code": code,
        "site": site, "zone": zone, "network": network, "role": role, "port": port,
        "interval_s": interval, "shared": shared,
    }  # fmt: skip
    with open_api(url, data, ca) as api:
        made = api.post("/api/v1/network/devices", body)
        pollers = [each for each in api.items("/api/v1/agents") if "poller" in each["roles"]]
    print(f"{made['code']}: registered; see /network/devices/{made['code']}")
    if not pollers:
        print(
            "note: no agent holds role poller yet, so nothing asks it. On a host with"
            " yunxun[poller] set [poll] enabled = true, then: yunxun agent roles ID poller",
            file=sys.stderr,
        )


@app.command("list")
def list_devices(
    unit: Annotated[str | None, typer.Option("--unit", help="Its subtree included.")] = None,
    state: Annotated[str, typer.Option("--state", help="new, up or down")] = "",
    text: Annotated[str, typer.Option("--text", help="In name, address, vendor, model …")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Devices with their state and latest figures.

    Example: yunxun device list --state down
    """
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/network/devices", unit=unit, state=state, text=text))
    if not known_form(form):
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("code", "name", "address", "state", "vendor", "model", "unit", "site"):
        table.add_column(heading, overflow="fold")
    for heading in ("ports", "CPU %", "mem %", "°C"):
        table.add_column(heading, justify="right")
    for heading in ("poller", "last answer"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            plain(each["code"]), plain(each["name"]), plain(each["address"]),
            each["state"] if each["enabled"] else "paused", plain(each["vendor"]),
            plain(each["model"]), plain(each["unit_name"]), plain(each["site"]),
            f"{each['ports_up']}/{each['ports']}", _figure(each["cpu_pct"]),
            _figure(each["mem_pct"]), _figure(each["temperature_c"]), plain(each["poller"] or "–"),
            (each["last_answer"] or "never")[:19],
        )  # fmt: skip
    show(table)


@app.command("show")
def show_device(code: Code, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """One device with ports, neighbours, addresses, peers, parts and sensors, as JSON.

    Example: yunxun device show core-1
    """
    with open_api(url, data, ca) as api:
        found = api.get(f"/api/v1/network/devices/{code}")
    print(json.dumps(found, ensure_ascii=False, indent=2))


@app.command("set")
def set_device(
    code: Code,
    credential: Annotated[str | None, typer.Option("--credential")] = None,
    name: Annotated[str | None, typer.Option("--name")] = None,
    role: Annotated[str | None, typer.Option("--role")] = None,
    interval: Annotated[int | None, typer.Option("--interval")] = None,
    poller: Annotated[
        str | None, typer.Option("--poller", help="Id of the one agent that may; '' for any.")
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--poll/--no-poll", help="Go on or stop polling it.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Change how a device is asked. Owner and place: yunxun import devices.

    Example: yunxun device set core-1 --credential core-v3 --interval 30
    """
    told = {
        "credential": credential, "name": name, "role": role, "interval_s": interval,
        "poller": poller, "enabled": enabled,
    }  # fmt: skip
    body = {key: value for key, value in told.items() if value is not None}
    if not body:
        raise CommandError("nothing to set: see yunxun device set --help")
    with open_api(url, data, ca) as api:
        api.patch(f"/api/v1/network/devices/{code}", body)
    print(f"{code}: changed {', '.join(body)}")


@app.command("remove")
def remove_device(
    code: Code,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Take a device out of the register; its figures stay, its address is free again.

    Example: yunxun device remove core-1 --yes
    """
    with open_api(url, data, ca) as api:
        found = api.get(f"/api/v1/network/devices/{code}")
        if not yes and not typer.confirm(f"remove {code} ({found['address']})?"):
            raise CommandError("nothing was removed")
        api.delete(f"/api/v1/network/devices/{code}", confirm=code)
    print(f"removed: {code}")


@app.command("discover")
def discover(
    wanted: Annotated[str, typer.Argument(metavar="RANGE", help="Such as 10.1.0.0/24.")],
    credential: Annotated[list[str], typer.Option("--credential", help="Tried in turn.")],
    network: Annotated[str, typer.Option("--network", help="VPN or zone of the range.")] = "",
    poller: Annotated[str, typer.Option("--poller", help="Id of the agent that scans.")] = "",
    port: Annotated[int, typer.Option("--port", help="UDP port.")] = 161,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Stay until it is done.")] = True,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Let a poller look for devices in a range that is registered for scanning; what answers is
    proposed, see 'yunxun device proposals'. Exit status 1: the scan failed.

    Example: yunxun device discover 10.1.0.0/24 --credential core --credential access
    """
    body = {"range": wanted, "network": network, "credentials": credential, "agent": poller,
            "port": port}  # fmt: skip
    with open_api(url, data, ca) as api:
        task = api.post("/api/v1/network/discoveries", body)
        print(f"task {task['id']}: {task['agent_name']} looks into {wanted}")
        if not wait:
            return
        task = _watch(api, task)
        if task["state"] != "done":
            raise CommandError(f"task {task['id']}: {task['state']}: {task['error']}", PROBLEMS)
        found = (task["result"] or {}).get("found") or []
        print(f"{len(found)} devices answered")
    if found:
        print("next: yunxun device proposals")


def _watch(api: Api, task: dict[str, Any]) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    told = -1
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        line = bar.add_task("waiting for the poller", total=None)
        while task["state"] in ("waiting", "running"):
            time.sleep(ASK_S)
            task = dict(api.get(f"/api/v1/agent-tasks/{task['id']}"))
            if task["total"]:
                bar.update(
                    line, completed=task["done"], total=task["total"], description="scanning"
                )
                if not console.is_terminal and task["done"] != told:
                    told = task["done"]
                    print(f"{told} of {task['total']} addresses", file=sys.stderr)
    return task


@app.command("proposals")
def list_proposals(
    state: Annotated[str, typer.Option("--state", help="open, approved, rejected")] = "open",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """What scans found and nobody decided on yet.

    Example: yunxun device proposals --format json
    """
    with open_api(url, data, ca) as api:
        found = api.get("/api/v1/network/proposals", state=state)["items"]
    if not known_form(form):
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("id", "address", "name", "vendor", "description", "credential", "found"):
        table.add_column(heading, overflow="fold")
    for each in found:
        when = datetime.fromisoformat(each["found"])
        table.add_row(
            str(each["id"]), plain(each["address"]), plain(each["sys_name"]),
            plain(each["vendor"]), plain(each["sys_descr"][:60]), plain(each["credential"]),
            f"{when:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    show(table)


@app.command("approve")
def approve(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", help="Of proposals.")],
    unit: Annotated[str, typer.Option("--unit", help="Code or name of who runs them.")],
    site: Annotated[str, typer.Option("--site")] = "",
    zone: Annotated[str, typer.Option("--zone")] = "",
    role: Annotated[str, typer.Option("--role")] = "other",
    shared: Annotated[bool, typer.Option("--shared")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Register proposed devices; they are polled from then on.

    Example: yunxun device approve 3 4 5 --unit 临江区 --site 临江分中心 --role access
    """
    body = {"unit": unit, "site": site, "zone": zone, "role": role, "shared": shared}
    with open_api(url, data, ca) as api:
        for number in numbers:
            made = api.post(f"/api/v1/network/proposals/{number}/approval", body)
            print(f"{number}: registered as {made['code']}")


@app.command("reject")
def reject(
    numbers: Annotated[list[int], typer.Argument(metavar="ID...", help="Of proposals.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Not devices of ours: later scans do not propose them again.

    Example: yunxun device reject 6
    """
    with open_api(url, data, ca) as api:
        for number in numbers:
            api.post(f"/api/v1/network/proposals/{number}/rejection")
            print(f"{number}: rejected")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"
