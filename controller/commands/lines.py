"""``yunxun line``: circuits, their contracts and who pays for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import Api, Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import day_of, plain, show

app = typer.Typer(help="Lines: circuits, contracts, bandwidth.", no_args_is_help=True)

Form = Annotated[str, typer.Option("--format", help="table or json")]
Unit = Annotated[str | None, typer.Option("--unit", help="Code or name; its subtree included.")]
Text = Annotated[str, typer.Option("--text", help="In number, operator, name, ends, note.")]
Fields = Annotated[
    list[str], typer.Argument(metavar="FIELD=VALUE...", help="What to set; FIELD= empties it.")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="From when owner and size hold.")
]
UPLINKS = "/api/v1/network/uplinks"
NUMBERS = ("bandwidth_bit_s", "yearly_cost", "tcp_port")


@app.command("list")
def list_lines(
    unit: Unit = None,
    text: Text = "",
    state: Annotated[str, typer.Option("--state", help="active, due, ended or removed")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Lines by operator and circuit number.

    Example: yunxun line list --state due --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        lines = list(api.items("/api/v1/lines", unit=unit, text=text, state=state))
    if not known_form(form):
        print(json.dumps(lines, ensure_ascii=False, indent=2))
        return
    table = Table()
    for heading in ("id", "operator", "number", "kind", "level", "unit"):
        table.add_column(heading, overflow="fold")
    table.add_column("Mbit/s", justify="right")
    for heading in ("contract end", "state"):
        table.add_column(heading, no_wrap=True)
    for each in lines:
        width = each["bandwidth_bit_s"]
        table.add_row(
            str(each["id"]), plain(each["operator"]), plain(each["number"]), each["kind"],
            each["level"], plain(each["unit_name"] or "–"),
            "–" if width is None else f"{width / 1e6:,.0f}",
            day_of(each["contract_end"]), each["state"],
        )  # fmt: skip
    show(table)


@app.command("show")
def show_line(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Circuit number or id.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """One line with its history and points, as JSON.

    Example: yunxun line show LJ-MSTP-0012
    """
    with open_api(url, data, ca) as api:
        found = api.get(f"/api/v1/lines/{_find(api, number)['id']}")
    print(json.dumps(found, ensure_ascii=False, indent=2))


@app.command("set")
def set_line(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Circuit number or id.")],
    fields: Fields,
    since: Since = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Changes fields: unit bandwidth_bit_s yearly_cost contract_end level kind zone a_device …

    Example: yunxun line set LJ-MSTP-0012 bandwidth_bit_s=2e9 --since 2027-01-01
    """
    body = read_fields(fields)
    with open_api(url, data, ca) as api:
        line = _find(api, number)
        api.put(f"/api/v1/lines/{line['id']}", body | ({"since": since} if since else {}))
    print(f"{line['operator']} {line['number']}: changed {', '.join(body)}")


@app.command("remove")
def remove_line(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Circuit number or id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Takes a line out of the register; its history stays, an import brings it back.

    Example: yunxun line remove LJ-MSTP-0012 --yes
    """
    with open_api(url, data, ca) as api:
        line = _find(api, number)
        name = f"{line['operator']} {line['number']}"
        if not yes and not typer.confirm(f"remove line {name} ({line['points']} points on it)?"):
            raise CommandError("nothing was removed")
        api.delete(f"/api/v1/lines/{line['id']}", confirm=line["number"])
    print(f"removed: {name}")


@app.command("uplinks")
def uplinks(
    since: Annotated[str | None, typer.Option("--from", metavar="DATE")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="DATE")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write XLSX there.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """County uplinks: contracted against used (P95), of the last 7 days unless said otherwise.

    Example: yunxun line uplinks --from 2026-11-01 --to 2026-12-01 -o 县区上联.xlsx
    """
    asked = {"from": since, "to": until}
    with open_api(url, data, ca) as api:
        if output is not None:
            language = "zh" if chinese() else "en"
            save(output, api.get_bytes(UPLINKS, format="xlsx", language=language, **asked))
            return
        counties = api.get(UPLINKS, **asked)
    if not known_form(form):
        print(json.dumps(counties, ensure_ascii=False, indent=2))
        return
    table = Table("county", "line")
    for heading in ("Mbit/s", "P95 in", "P95 out", "highest", "used %", "data %"):
        table.add_column(heading, justify="right")
    table.add_column("judged")
    for county in counties:
        _use_row(table, county["name"], "*", county, county["state"])
        for line in county["lines"]:
            told = "" if line["measured"] else "not measured"
            _use_row(table, "", f"{line['operator']} {line['number']}", line, told)
    show(table)


def _use_row(table: Table, county: str, line: str, each: dict[str, Any], told: str) -> None:
    use, used = each["use"], each["used_pct"]
    table.add_row(
        plain(county), plain(line),
        *(
            "–" if value is None else f"{value / 1e6:,.1f}"
            for value in (
                each["contracted_bit_s"], use["in_p95"], use["out_p95"], use["highest"]
            )
        ),
        "–" if used is None else f"{used:.1f}", f"{use['coverage_pct']:.1f}", told,
    )  # fmt: skip


def save(output: Path, body: bytes) -> None:
    """Writes a file that was fetched, and says which. Raises CommandError."""
    try:
        output.write_bytes(body)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None
    print(output)


def _find(api: Api, number: str) -> dict[str, Any]:
    """The line of this circuit number or id. Raises CommandError."""
    lines = list(api.items("/api/v1/lines", text=number))
    found = [each for each in lines if each["number"] == number]
    if not found and number.isdecimal():
        return dict(api.get(f"/api/v1/lines/{number}")["line"])
    if len(found) != 1:
        several = "; ".join(f"{each['id']} {each['operator']}" for each in found)
        raise CommandError(
            f"line {number}: " + (f"several: {several}; give the id" if found else "there is none")
        )
    return dict(found[0])


def read_fields(fields: list[str]) -> dict[str, Any]:
    """FIELD=VALUE pairs as a body; an empty value of a number or date is null. Raises
    CommandError."""
    body: dict[str, Any] = {}
    for field in fields:
        name, separator, value = field.partition("=")
        if not separator or not name:
            raise CommandError(f"{field!r}: write FIELD=VALUE")
        if name in NUMBERS:
            try:
                body[name] = float(value) if value else None
            except ValueError:
                raise CommandError(f"{field!r}: {value!r} is no number") from None
        elif name.startswith("contract_"):
            body[name] = value or None
        else:
            body[name] = value
    return body


def known_form(form: str) -> bool:
    """Whether a table is wanted, not JSON. Raises CommandError for anything else."""
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table and json")
    return form == "table"
