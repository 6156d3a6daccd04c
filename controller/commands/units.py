"""``yunxun unit``: merges, splits, renames and moves; and corrections of many resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import Ca, CommandError, Data, Url, check_file, open_api
from controller.commands.terminal import day_of, plain, show

app = typer.Typer(help="Units: merge, split, rename, move, correct.", no_args_is_help=True)

On = Annotated[str, typer.Option("--on", metavar="DATE", help="From this day on.")]
Document = Annotated[str, typer.Option("--document", help="The paper that orders it (文号).")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, change nothing.")]


@app.command("merge")
def merge(
    units: Annotated[list[str], typer.Argument(metavar="CODE...", help="Units that are merged.")],
    into: Annotated[str, typer.Option("--into", help="Code of the unit they become.")],
    on: On,
    name: Annotated[str, typer.Option("--name", help="Its (new) name.")] = "",
    document: Document = "",
    dry_run: DryRun = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Example: yunxun unit merge lyj --into zrj --name 市自然资源和林业局 --on 2026-07-01"""
    body = {
        "kind": "merge", "effective": on, "units": units, "into": [{"code": into, "name": name}],
        "document": document, "dry_run": dry_run,
    }  # fmt: skip
    _change(body, url, data, ca)


@app.command("split")
def split(
    unit: Annotated[str, typer.Argument(metavar="CODE")],
    part: Annotated[
        list[str],
        typer.Option("--part", metavar="CODE=NAME[:SYSTEM,SYSTEM…]", help="A part; several."),
    ],
    on: On,
    rest: Annotated[str, typer.Option("--rest", help="Who takes what no part names.")] = "",
    document: Document = "",
    dry_run: DryRun = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Example: yunxun unit split lyj --part lz=林长办:林长制 --part fh=防火办 --rest fh
    --on 2026-07-01
    """
    parts = []
    for text in part:
        code, separator, described = text.partition("=")
        if not separator:
            raise CommandError(f"--part {text}: write CODE=NAME or CODE=NAME:SYSTEM,SYSTEM")
        name, _, systems = described.partition(":")
        parts.append(
            {"code": code, "name": name, "systems": [each for each in systems.split(",") if each]}
        )
    body = {
        "kind": "split", "effective": on, "units": [unit], "into": parts, "rest": rest,
        "document": document, "dry_run": dry_run,
    }  # fmt: skip
    _change(body, url, data, ca)


@app.command("rename")
def rename(
    unit: Annotated[str, typer.Argument(metavar="CODE")],
    name: Annotated[str, typer.Argument(metavar="NAME")],
    on: On,
    document: Document = "",
    dry_run: DryRun = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Example: yunxun unit rename wjw 市卫生健康委员会 --on 2026-07-01"""
    body = {
        "kind": "rename", "effective": on, "units": [unit],
        "into": [{"code": unit, "name": name}], "document": document, "dry_run": dry_run,
    }  # fmt: skip
    _change(body, url, data, ca)


@app.command("move")
def move(
    unit: Annotated[str, typer.Argument(metavar="CODE")],
    parent: Annotated[str, typer.Option("--to", help='Code of the new parent; "" is the top.')],
    on: On,
    document: Document = "",
    dry_run: DryRun = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Example: yunxun unit move dsj --to sjj --on 2026-07-01"""
    body = {
        "kind": "move", "effective": on, "units": [unit],
        "into": [{"code": unit, "parent": parent}], "document": document, "dry_run": dry_run,
    }  # fmt: skip
    _change(body, url, data, ca)


@app.command("changes")
def changes(url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Every merge, split, rename and move, newest first.

    Example: yunxun unit changes
    """
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/unit-changes"))
    table = Table("id", "from", "kind", "ended", "into", "resources", "document", "undone")
    for each in found:
        table.add_row(
            str(each["id"]), day_of(each["effective"]), each["kind"], ", ".join(each["ended"]),
            ", ".join(each["into"]), str(each["moved_resources"]), plain(each["document"]),
            day_of(each["undone"]),
        )  # fmt: skip
    show(table)


@app.command("undo")
def undo(
    change: Annotated[int, typer.Argument(metavar="ID", help="As 'unit changes' shows it.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Take a change back, as long as nothing of it was changed since.

    Example: yunxun unit undo 4
    """
    with open_api(url, data, ca) as api:
        answer = api.post(f"/api/v1/unit-changes/{change}/undo")
    print(f"{answer['change']['kind']} {change}: undone, {_days(answer)}")


@app.command("correct")
def correct(
    resources: Annotated[
        list[str] | None, typer.Argument(metavar="[CODE...]", help="Resources to correct.")
    ] = None,
    listed: Annotated[
        Path | None, typer.Option("--file", help="Text file with a code a line.")
    ] = None,
    of_unit: Annotated[
        str, typer.Option("--of", help="Only what this unit was said to hold.")
    ] = "",
    unit: Annotated[str, typer.Option("--to", help="The true owner.")] = "",
    system: Annotated[str | None, typer.Option("--system")] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="DATE")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE")] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Put right whose resources were, backwards in time; figures follow before it answers.

    Example: yunxun unit correct --of lyj --to zrj --since 2026-08-01 --until 2026-11-01
    """
    codes = list(resources or [])
    if listed is not None:
        check_file(listed)
        codes += listed.read_text(encoding="utf-8-sig").split()
    body: dict[str, Any] = {"resources": codes, "of_unit": of_unit}
    given = {"unit": unit or None, "system": system, "since": since, "until": until}
    body |= {name: value for name, value in given.items() if value is not None}
    with open_api(url, data, ca) as api:
        answer = api.post("/api/v1/corrections", body)
    print(
        f"{answer['resources']} resources corrected, {answer['unchanged']} unchanged, "
        + _days(answer)
    )


def _change(body: dict[str, Any], url: str, data: Path | None, ca: Path | None) -> None:
    with open_api(url, data, ca) as api:
        answer = api.post("/api/v1/unit-changes", body)
    state = "dry run, nothing changed" if body["dry_run"] else f"change {answer['id']}"
    print(
        f"{answer['kind']}: {state}: {answer['moved_resources']} resources and "
        f"{len(answer['moved_units'])} units moved, {_days(answer)}"
    )
    for warning in answer["warnings"]:
        print(json.dumps(warning, ensure_ascii=False))


def _days(answer: dict[str, Any]) -> str:
    pending = answer.get("days_pending") or 0
    left = f", {pending} days of owners left to the worker" if pending else ""
    return f"{answer['days_marked']} resource-days say something else{left}"
