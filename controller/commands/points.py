"""``yunxun point``: access points, whether they are reached, and coverage by county and level."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.lines import Fields, Form, Since, Unit, known_form, read_fields, save
from controller.commands.terminal import plain, show

app = typer.Typer(help="Access points and coverage.", no_args_is_help=True)

Code = Annotated[str, typer.Argument(metavar="CODE", help="Code of the access point.")]


@app.command("list")
def list_points(
    unit: Unit = None,
    text: Annotated[str, typer.Option("--text", help="In code, name, address, place.")] = "",
    state: Annotated[
        str, typer.Option("--state", help="connected, planned, exempt, unreachable or removed")
    ] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Access points with their reachability of the last quarter of an hour and of 24 hours.

    Example: yunxun point list --state unreachable --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        points = list(api.items("/api/v1/access-points", unit=unit, text=text, state=state))
    if not known_form(form):
        print(json.dumps(points, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("code", "level", "unit", "community", "zone", "address", "state", "reached"):
        table.add_column(heading, overflow="fold")
    for heading in ("24 h %", "ms", "loss %"):
        table.add_column(heading, justify="right")
    for each in points:
        table.add_row(
            plain(each["code"]), each["level"], plain(each["unit_name"]), plain(each["community"]),
            plain(each["zone"]), each["address"], each["state"],
            {True: "yes", False: "NO", None: "–"}[each["reachable"]],
            _number(each["availability_pct"], 2), _number(each["rtt_ms"], 1),
            _number(each["loss_pct"], 0),
        )  # fmt: skip
    show(table)


@app.command("show")
def show_point(code: Code, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """One access point with its history, as JSON.

    Example: yunxun point show AP-0001
    """
    with open_api(url, data, ca) as api:
        found = api.get(f"/api/v1/access-points/{code}")
    print(json.dumps(found, ensure_ascii=False, indent=2))


@app.command("set")
def set_point(
    code: Code,
    fields: Fields,
    since: Since = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Changes fields: unit community state level zone address tcp_port line device port …

    Example: yunxun point set AP-0001 zone=公用网络区 address=10.9.1.2
    """
    body = read_fields(fields)
    with open_api(url, data, ca) as api:
        api.put(f"/api/v1/access-points/{code}", body | ({"since": since} if since else {}))
    print(f"{code}: changed {', '.join(body)}")


@app.command("remove")
def remove_point(
    code: Code,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Takes a point out of the register; its history stays, an import brings it back.

    Example: yunxun point remove AP-0001 --yes
    """
    with open_api(url, data, ca) as api:
        found = api.get(f"/api/v1/access-points/{code}")["point"]
        if not yes and not typer.confirm(f"remove {code} of {found['unit_name']}?"):
            raise CommandError("nothing was removed")
        api.delete(f"/api/v1/access-points/{code}", confirm=code)
    print(f"removed: {code}")


@app.command("coverage")
def coverage(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write XLSX there.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Who should be connected and is, by county and level; contracted against aimed bandwidth.

    Example: yunxun point coverage -o 接入率.xlsx
    """
    language = "zh" if chinese() else "en"
    with open_api(url, data, ca) as api:
        if output is not None:
            body = api.get_bytes("/api/v1/network/coverage", format="xlsx", language=language)
            save(output, body)
            return
        found = api.get("/api/v1/network/coverage")
    if not known_form(form):
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("county", "level"):
        table.add_column(heading, overflow="fold")
    for heading in ("should", "connected", "%", "reached", "measured", "Mbit/s", "meet target"):
        table.add_column(heading, justify="right")
    for each in found["rows"]:
        _row(table, each, each["county_name"] or "–")
    table.add_section()
    for each in found["levels"]:
        _row(table, each, "*")
    show(table)


@app.command("availability")
def availability(
    by: Annotated[str, typer.Option("--by", help="unit or point")] = "unit",
    since: Annotated[str | None, typer.Option("--from", metavar="DATE")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE")] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Availability of connected points over a period (7 days), by unit or by point.

    Example: yunxun point availability --by point --from 2026-11-01 --to 2026-12-01
    """
    asked = {"by": by, "from": since, "to": until}
    with open_api(url, data, ca) as api:
        rows = list(api.items("/api/v1/network/availability", **asked))
    if not known_form(form):
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    table = Table("code", "name", "unit")
    for heading in ("points", "measured", "available %", "ms", "loss %", "data %"):
        table.add_column(heading, justify="right")
    for each in rows:
        table.add_row(
            plain(each["code"]), plain(each["name"]), plain(each["unit_name"]),
            str(each["points"]), str(each["measured"]), _number(each["availability_pct"], 2),
            _number(each["rtt_ms"], 1), _number(each["loss_pct"], 1),
            _number(each["coverage_pct"], 1),
        )  # fmt: skip
    show(table)


def _row(table: Table, each: dict[str, Any], county: str) -> None:
    aim = f"{each['met']}/{each['aimed']}" if each["aimed"] else "–"
    table.add_row(
        plain(county), each["level"], str(each["should"]), str(each["connected"]),
        _number(each["connected_pct"], 1), str(each["reachable"]), str(each["measured"]),
        f"{each['bit_s'] / 1e6:,.0f}", aim,
    )  # fmt: skip


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
