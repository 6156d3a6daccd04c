"""``yunxun trap``: SNMP traps as they came, and who sends them."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

import typer
from rich.table import Table

from controller.commands.client import Ca, Data, Url, open_api
from controller.commands.lines import Form, known_form
from controller.commands.terminal import plain, show

app = typer.Typer(help="SNMP traps and informs.", no_args_is_help=True)


@app.command("list")
def list_traps(
    kind: Annotated[str, typer.Option("--kind", help="link_down, bgp_down, raw …")] = "",
    text: Annotated[str, typer.Option("--text", help="In device, address, OID, port.")] = "",
    most: Annotated[int, typer.Option("--most", min=1, max=1000)] = 50,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """The newest traps.

    Example: yunxun trap list --kind link_down --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        traps = list(islice(api.items("/api/v1/traps", kind=kind, text=text), most))
    if not known_form(form):
        print(json.dumps(traps, ensure_ascii=False, indent=2))
        return
    table = Table("time", "device", "source", "kind", "about", "OID", "version", "poller")
    for each in traps:
        table.add_row(
            each["at"][:19], plain(each["device"] or "–"), each["source"], each["kind"],
            plain(each["about"]), each["oid"], each["version"], plain(each["poller"]),
        )  # fmt: skip
    show(table)


@app.command("sources")
def list_sources(url: Url = "", data: Data = None, ca: Ca = None, form: Form = "table") -> None:
    """Who sends: unknown ones first, with what was taken, dropped and refused.

    Example: yunxun trap sources --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        sources = list(api.items("/api/v1/trap-sources"))
    if not known_form(form):
        print(json.dumps(sources, ensure_ascii=False, indent=2))
        return
    table = Table("address", "device", "poller")
    for heading in ("received", "dropped", "refused"):
        table.add_column(heading, justify="right")
    table.add_column("last")
    for each in sources:
        table.add_row(
            each["address"] or "*", plain(each["device"] or "–"), plain(each["poller"]),
            f"{each['received']:,}", f"{each['dropped']:,}", f"{each['refused']:,}",
            each["last_seen"][:19],
        )  # fmt: skip
    show(table)
