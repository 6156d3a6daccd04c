"""``yunxun idle``: which resources stand idle, are oversized, overloaded …, by which policy."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import Api, Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import plain, show, waiting

app = typer.Typer(help="Idle, oversized and overloaded resources, by policies.")

FORMATS = ("table", "json", "csv")
GAP = "—"
WORDS = {
    "idle": ("闲置", "idle"),
    "oversized": ("配置偏高", "oversized"),
    "overloaded": ("负载过高", "overloaded"),
    "stopped": ("已停机", "stopped"),
    "unused": ("未使用", "unused"),
    "night_off": ("夜间可关", "off at night"),
    "exempt": ("豁免", "exempt"),
    "undetermined": ("无法判定", "undetermined"),
    "in_use": ("在用", "in use"),
}
"""In the order in which a table lists them."""

English = Annotated[bool | None, typer.Option("--en/--zh", help="Language. Default: as LANG says.")]


@app.command("scan")
def scan(
    policy: Annotated[str, typer.Option("--policy", help="'yunxun idle policies' lists them.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="T", help="Judge on the data before this; default: now."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Code or name; its subtree is included.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "table",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="In the table also what is in use or undetermined.")
    ] = False,
    english: English = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Judge every resource by a policy and keep the verdicts.

    Example: yunxun idle scan --policy city

    yunxun idle scan --policy aws-co-idle-ec2 --as-of 2026-11-01 --format json
    """
    if form not in FORMATS:
        raise CommandError(f"--format {form}: there are {', '.join(FORMATS)}")
    wide = english if english is not None else not chinese()
    with open_api(url, data, ca) as api:
        made = _scan(api, {"policy": policy, "as_of": as_of, "unit": unit})
        path = f"/api/v1/idle/scans/{made['scan']}"
        if form == "csv":
            _write(api.get_bytes(path, format="csv", language="en" if wide else "zh"), output)
            return
        document = api.get(path, language="en") if wide else made
    if form == "json":
        kept = {name: document[name] for name in ("policy", "as_of", "rows")}
        _write((json.dumps(kept, ensure_ascii=False, indent=2) + "\n").encode(), output)
    elif output is not None:
        raise CommandError("--output: a table goes to the terminal; add --format json or csv")
    else:
        show(_table(document, wide, every))


@app.command("policies")
def policies(
    form: Annotated[str, typer.Option("--format", help="table | json")] = "table",
    english: English = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The policies in force: the city's own, presets, and the vendors' published rules.

    Example: yunxun idle policies --data /var/lib/yunxun
    """
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table, json")
    with open_api(url, data, ca) as api:
        found = api.get("/api/v1/idle/policies")
    if form == "json":
        _write((json.dumps(found, ensure_ascii=False, indent=2) + "\n").encode(), None)
        return
    wide = english if english is not None else not chinese()
    heads = (
        ("Policy", "Title", "Says", "Days", "Version", "Source")
        if wide
        else ("策略", "名称", "判定", "天数", "版本", "来源")
    )
    table = Table(header_style="bold")
    for head in heads:
        table.add_column(
            head, overflow="fold", justify="right" if head in ("Days", "天数") else "left"
        )
    for each in found:
        says = ", ".join(WORDS[cls][wide] for cls in each["classes"])
        title = each["title_en" if wide else "title_zh"]
        table.add_row(
            *map(
                plain,
                (each["id"], title, says, each["window_days"], each["version"], each["source"]),
            )
        )
    show(table)


@app.command("policy")
def policy_text(
    name: Annotated[str, typer.Argument(help="The policy's id.")],
    save: Annotated[
        Path | None,
        typer.Option("--save", metavar="FILE", help="Make this TOML file its next version."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="Why it was changed.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Print a policy's document, or save the next version of it.

    Example: yunxun idle policy city > city.toml; edit it; yunxun idle policy city --save city.toml
    """
    path = f"/api/v1/idle/documents/policies/{name}"
    if save is None:
        with open_api(url, data, ca) as api:
            sys.stdout.write(api.get(path)["body"])
        return
    try:
        body = save.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{save}: cannot be read: {error}") from None
    with open_api(url, data, ca) as api:
        made = api.post(f"{path}/versions", {"body": body, "note": note})
    typer.echo(f"{name}: version {made['version']}")


def _scan(api: Api, order: dict[str, Any]) -> dict[str, Any]:
    with waiting("判定中 · judging"):
        return dict(api.post("/api/v1/idle/scans", order))


def _table(document: dict[str, Any], english: bool, every: bool) -> Table:
    counts = Counter(row["class"] for row in document["rows"])
    summary = ", ".join(
        f"{names[english]} {counts[cls]}" for cls, names in WORDS.items() if counts[cls]
    )
    table = Table(
        title=f"{document['policy']}  {document['as_of'][:16]}",
        caption=summary or ("no resources" if english else "没有资源"),
        header_style="bold",
    )
    for head in (
        ("Class", "Resource", "Unit", "Why") if english else ("判定", "资源", "单位", "依据")
    ):
        table.add_column(head, overflow="fold")
    order = list(WORDS)
    shown = [r for r in document["rows"] if every or r["class"] not in ("in_use", "undetermined")]
    for row in sorted(shown, key=lambda r: (order.index(r["class"]), r["unit"] or "")):
        table.add_row(
            WORDS[row["class"]][english],
            plain(row["resource"]),
            plain(row["unit"] or GAP),
            plain(row["reason"]),
        )
    return table


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None
