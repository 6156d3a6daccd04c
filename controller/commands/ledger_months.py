"""``yunxun ledger reconcile|publish|months|differences``: 对账 and published months."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from controller.commands.client import PROBLEMS, Ca, CommandError, Data, Url, open_api
from controller.commands.terminal import plain, show
from controller.inventory.dated import SHANGHAI

app = typer.Typer()

SHOWN = 50
FORMATS = ("text", "json", "csv", "xlsx")
Month = Annotated[str, typer.Argument(metavar="MONTH", help="e.g. 2026-10")]
Form = Annotated[str, typer.Option("--format", help="text or json")]


@app.command("reconcile")
def reconcile(
    issue: Annotated[
        str, typer.Option("--issue", help="only_platform, only_register, size_agent, …; any.")
    ] = "",
    unit: Annotated[
        str | None, typer.Option("--unit", help="Code or name; its subtree is included.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help=" | ".join(FORMATS))] = "text",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Platform, register and agent side by side, and the score. Exit status 1 below the threshold.

    Example: yunxun ledger reconcile --issue any --format xlsx -o 对账.xlsx
    """
    if form not in FORMATS:
        raise CommandError(f"--format {form}: there are {', '.join(FORMATS)}")
    path = "/api/v1/ledger/reconciliation"
    with open_api(url, data, ca) as api:
        if form in ("csv", "xlsx"):
            if output is None:
                raise CommandError(f"--format {form}: name a file with -o FILE")
            content = api.get_bytes(path, issue=issue or None, unit=unit, format=form)
            _write(output, content)
            return
        with waiting("对账 · reconciling"):
            found = api.get(path, issue=issue or None, unit=unit, size=SHOWN)
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _show_reconciliation(found)
    if found["score"] is None or found["score"] < found["threshold"]:
        raise typer.Exit(PROBLEMS)


def _show_reconciliation(found: dict[str, Any]) -> None:
    score = "—" if found["score"] is None else f"{found['score']:g}"
    print(f"score {score} (threshold {found['threshold']:g}) = {found['formula']}")
    shares = Table("share", "good", "of", "%", "weight")
    for name, share in found["shares"].items():
        pct = "—" if share["pct"] is None else f"{share['pct']:.1f}"
        shares.add_row(name, str(share["good"]), str(share["of"]), pct, f"{share['weight']:g}")
    show(shares)
    issues = ", ".join(f"{name} {count}" for name, count in found["issues"].items())
    print(f"issues: {issues or 'none'}")
    table = Table("code", "name", "unit", "issues", "vCPU 台账/平台/采集")
    for each in found["items"]:
        sides = [each[side] or {} for side in ("register", "platform", "agent")]
        cores = " / ".join("—" if s.get("vcpu") is None else f"{s['vcpu']:g}" for s in sides)
        words = (each["key"], each["name"], each["unit_name"], ", ".join(each["issues"]))
        table.add_row(*map(plain, words), cores)
    show(table)
    if found["total"] > SHOWN:
        print(f"… and {found['total'] - SHOWN} more (--format csv or xlsx writes all)")


@app.command("publish")
def publish(
    month: Month,
    force: Annotated[
        str, typer.Option("--force", metavar="REASON", help="Publish below the score; why.")
    ] = "",
    note: Annotated[str, typer.Option("--note", help="Kept with the version.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "text",
) -> None:
    """Freeze a month's figures and the register they rest on as the next version.

    Example: yunxun ledger publish 2026-10 --note 十月月报
    """
    with open_api(url, data, ca) as api, waiting("发布 · publishing"):
        made = api.post("/api/v1/ledger/months", {"month": month, "force": force, "note": note})
    if form == "json":
        print(json.dumps(made, ensure_ascii=False, indent=2))
        return
    score = "—" if made["score"] is None else f"{made['score']:g}"
    print(
        f"{made['month']} version {made['version']}: published, score {score}, "
        f"{made['counts']['units']} units, {made['counts']['resources']} resources, "
        f"{made['counts']['bytes']} bytes, sha256 {made['digest'][:12]}"
    )


@app.command("months")
def list_months(url: Url = "", data: Data = None, ca: Ca = None, form: Form = "text") -> None:
    """Every published version, newest first. Example: yunxun ledger months"""
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/ledger/months"))
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table("month", "version", "published", "by", "score", "note", "forced because")
    for each in found:
        score = "—" if each["score"] is None else f"{each['score']:g}"
        table.add_row(
            each["month"],
            str(each["version"]),
            local(each["published"]),
            plain(each["published_by"]),
            score,
            plain(each["note"]),
            plain(each["forced"]),
        )
    show(table)


@app.command("differences")
def differences(
    month: Month,
    before: Annotated[int | None, typer.Option("--before", help="Default: newest.")] = None,
    after: Annotated[str, typer.Option("--after", help="A later version, or 'now'.")] = "now",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "text",
) -> None:
    """Which units' figures differ between two versions, by how much, and because of what.

    Example: yunxun ledger differences 2026-10 --before 1 --after 2
    """
    with open_api(url, data, ca) as api, waiting("比较 · comparing"):
        found = api.get(f"/api/v1/ledger/months/{month}/differences", before=before, after=after)
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table("unit", "figure", f"v{found['before']}", str(found["after"]), "because of")
    for change in found["figures"]:
        if change["by"] != "unit":
            continue
        for number, (name, (was, now)) in enumerate(change["fields"].items()):
            table.add_row(
                plain(change["unit_name"] or change["unit"] or "—") if not number else "",
                name,
                _figure(was),
                _figure(now),
                plain(", ".join(change["because"][:5])) if not number else "",
            )
    show(table)
    held = Table("resource", "from", "to", "what differs")
    for change in found["holdings"]:
        fields = change["fields"].items()
        words = "; ".join(f"{name} {_figure(was)} → {_figure(now)}" for name, (was, now) in fields)
        held.add_row(
            plain(change["resource"]), local(change["since"]), local(change["until"]), plain(words)
        )
    show(held)
    for cause in found["causes"]:
        print(f"{local(cause['at'])} {cause['by']} {cause['action']} {cause['object']}")


def local(moment: str) -> str:
    """A moment of an answer by the clock that people work by."""
    return f"{datetime.fromisoformat(moment).astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def _figure(value: Any) -> str:
    if value is None:
        return "—"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{output}: cannot be written: {error.strerror}") from None


def waiting(what: str) -> AbstractContextManager[object]:
    """A spinner on a terminal's stderr, nothing elsewhere."""
    console = Console(stderr=True)
    return console.status(what) if console.is_terminal else nullcontext()
