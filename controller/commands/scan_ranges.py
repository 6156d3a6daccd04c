"""``yunxun device ranges``: where devices may be looked for, and when."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from controller.commands.client import Ca, Data, Url, open_api
from controller.commands.lines import known_form
from controller.commands.terminal import plain, show

app = typer.Typer(help="Ranges that may be scanned for devices.", no_args_is_help=True)


@app.command("add")
def add(
    cidr: Annotated[str, typer.Argument(metavar="RANGE", help="Such as 10.1.0.0/24.")],
    since: Annotated[str, typer.Option("--from", metavar="TIME", help="2026-11-23T22:00")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="At most 31 days on.")],
    network: Annotated[str, typer.Option("--network", help="VPN or zone of the range.")] = "",
    rate: Annotated[float, typer.Option("--rate", help="Addresses a second, at most 200.")] = 20,
    note: Annotated[str, typer.Option("--note", help="Who allowed it, and why.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Register a range for scanning, or change when it may be scanned.

    Example: yunxun device ranges add 10.1.0.0/24 --from 2026-11-23T22:00 --until 2026-11-24T06:00
    """
    body = {"cidr": cidr, "since": since, "until": until, "network": network, "rate_per_s": rate,
            "note": note}  # fmt: skip
    with open_api(url, data, ca) as api:
        made = api.post("/api/v1/network/scan-ranges", body)
    print(f"{made['id']}: {made['cidr']} may be scanned until {made['until'][:16]}")


@app.command("list")
def list_ranges(
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
) -> None:
    """All registered ranges.

    Example: yunxun device ranges list
    """
    with open_api(url, data, ca) as api:
        found = api.get("/api/v1/network/scan-ranges")["items"]
    if not known_form(form):
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("id", "range", "network", "from", "until", "a second", "note", "by"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(
            str(each["id"]), each["cidr"], plain(each["network"]), each["since"][:16],
            each["until"][:16], f"{each['rate_per_s']:g}", plain(each["note"]), plain(each["by"]),
        )  # fmt: skip
    show(table)


@app.command("remove")
def remove(
    number: Annotated[int, typer.Argument(metavar="ID")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """No more scanning of a range.

    Example: yunxun device ranges remove 3
    """
    with open_api(url, data, ca) as api:
        api.delete(f"/api/v1/network/scan-ranges/{number}")
    print(f"removed: range {number}")
