"""``yunxun allocation`` and ``yunxun due``: the papers, what contradicts, what falls due."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from controller.commands.client import PROBLEMS, Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import day_of, plain, show

app = typer.Typer(help="Allocations: applied, approved, delivered.", no_args_is_help=True)

Unit = Annotated[str | None, typer.Option("--unit", help="Code or name; with its subtree.")]
Form = Annotated[str, typer.Option("--format", help="table or json")]


@app.command("list")
def list_allocations(
    unit: Unit = None,
    state: Annotated[
        str, typer.Option("--state", help="applied, approved, delivered or expired")
    ] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """Applications with what was approved and delivered, and how many days that took.

    Example: yunxun allocation list --unit 市交通运输局 --state approved
    """
    with open_api(url, data, ca) as api:
        lines = list(api.items("/api/v1/allocations", unit=unit, state=state or None))
    if _as_json(lines, form):
        return
    table = Table("number", "unit", "system", "state")
    for heading in ("applied vCPU", "approved", "delivered", "days"):
        table.add_column(heading, justify="right")
    for line in lines:
        sizes = [line[step]["vcpu"] for step in ("applied", "approved", "delivered")]
        days = line["days_to_deliver"]
        table.add_row(
            f"{line['number']}-{line['line']}", plain(line["unit_name"]), plain(line["system"]),
            line["state"], *("–" if size is None else f"{size:,.0f}" for size in sizes),
            "–" if days is None else str(days),
        )  # fmt: skip
    show(table)


@app.command("check")
def check(
    unit: Unit = None, url: Url = "", data: Data = None, ca: Ca = None, form: Form = "table"
) -> None:
    """Papers that contradict each other or what is held. Exit status 1: there are some.

    Example: yunxun allocation check --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/allocations/contradictions", unit=unit))
    if not _as_json(found, form):
        table = Table("number", "unit", "system", "kind", "what")
        for each in found:
            words = (each["kind_zh"], each["text_zh"])
            kind, text = words if chinese() else (each["kind"], each["text_en"])
            table.add_row(
                f"{each['number']}-{each['line']}", plain(each["unit_name"]),
                plain(each["system"]), kind, plain(text),
            )  # fmt: skip
        show(table)
    if found:
        raise typer.Exit(PROBLEMS)


@app.command("due")
def due(
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Default: 30 days from now.")
    ] = None,
    unit: Unit = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "table",
) -> None:
    """What falls due: assessments, drills, backups, contracts, allocations. Exit status 1: some
    are overdue.

    Example: yunxun allocation due --until 2026-12-31
    """
    with open_api(url, data, ca) as api:
        items = list(api.items("/api/v1/due", until=until, unit=unit))
    if not _as_json(items, form):
        table = Table("due", "", "unit", "subject", "what", "last")
        for item in items:
            table.add_row(
                day_of(item["due"]), "!" if item["overdue"] else "", plain(item["unit_name"]),
                plain(item["subject"]), item["title_zh" if chinese() else "title_en"],
                day_of(item["last"]),
            )  # fmt: skip
        show(table)
    if any(item["overdue"] for item in items):
        raise typer.Exit(PROBLEMS)


def _as_json(rows: list[dict[str, object]], form: str) -> bool:
    if form == "json":
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return True
    if form != "table":
        raise CommandError(f"--format {form}: there are table and json")
    return False
