"""``yunxun ledger``: a provider's monthly export, compared, confirmed, undone; 待核实.

Reconciliation and published months are in ledger_months.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.commands import ledger_months
from controller.commands.client import (
    BAD_INPUT,
    UNREACHABLE,
    Api,
    Ca,
    CommandError,
    Data,
    Url,
    check_file,
    open_api,
    told,
)
from controller.commands.language import chinese
from controller.commands.terminal import plain, show

app = typer.Typer(
    help="Platform exports against the register, reconciliation, published months.",
    no_args_is_help=True,
)
app.add_typer(ledger_months.app)

SHOWN = 50
Form = Annotated[str, typer.Option("--format", help="text or json")]
Number = Annotated[int, typer.Argument(metavar="IMPORT", help="Its number, see 'ledger list'.")]

CLASSES = {
    "bad": "无法读取",
    "duplicate": "重复",
    "unmatched": "单位不明",
    "renamed": "疑似改名",
    "changed": "变更",
    "new": "新增",
    "vanished": "待核实(平台已无)",
}
FIELDS = {
    "name": "名称",
    "kind": "类型",
    "instance_uuid": "UUID",
    "ip": "地址",
    "os": "操作系统",
    "unit": "单位",
    "system": "业务系统",
    "site": "站点",
    "zone": "网络区",
    "vcpu": "vCPU",
    "mem_bytes": "内存GB",
    "disk_bytes": "磁盘GB",
    "bandwidth_bit_s": "带宽Mbps",
}
STAGES = {
    "reading": "读取 · reading",
    "understanding": "识别 · understanding",
    "comparing": "比对 · comparing",
    "storing": "保存 · storing",
}


@app.command("import")
def import_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="XLSX, XLS or CSV.")],
    source: Annotated[str, typer.Option("--source", help="Code of the provider's source.")],
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DATE", help="From when changes hold. Default: today."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare, show, and keep nothing.")
    ] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "text",
) -> None:
    """Compare an export with the register. The register changes only by 'ledger confirm'.

    Example: yunxun ledger import 云主机清单.xlsx --source cloud-a --since 2026-11-01
    """
    check_file(file)
    with open_api(url, data, ca) as api:
        outcome = compare(api, file, {"source": source, "since": since, "dry_run": dry_run})
    if form == "json":
        print(json.dumps(outcome, ensure_ascii=False, indent=2))
        return
    show(_counts(outcome))
    if not dry_run:
        number = outcome["id"]
        print(f"import {number}; look: yunxun ledger show {number}; write: yunxun ledger confirm")


@app.command("source")
def save_source(
    code: Annotated[str, typer.Argument(metavar="CODE")],
    name: Annotated[str, typer.Option("--name", help="What people call the provider.")] = "",
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help="JSON, see docs/ledger.md.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Make a source, or change its mapping; without one, columns are read by their names.

    Example: yunxun ledger source cloud-a --name 云平台A --mapping cloud-a.json
    """
    body: dict[str, Any] = {"name": name}
    if mapping is not None:
        check_file(mapping)
        try:
            body["mapping"] = json.loads(mapping.read_text("utf-8"))
        except ValueError as error:
            raise CommandError(f"{mapping}: not JSON: {error}") from None
    with open_api(url, data, ca) as api:
        if mapping is None:
            known = {each["code"]: each for each in api.get("/api/v1/ledger/sources")}
            if code in known:
                body["mapping"] = known[code]["mapping"]
        saved = api.put(f"/api/v1/ledger/sources/{code}", body)
    print(f"{saved['code']} {saved['name']}: saved")


@app.command("list")
def list_imports(url: Url = "", data: Data = None, ca: Ca = None, form: Form = "text") -> None:
    """Every export that came, newest first.

    Example: yunxun ledger list
    """
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/ledger/imports"))
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table("import", "source", "file", "sha256", "state", "uploaded", "by", "confirmed by")
    for each in found:
        table.add_row(
            str(each["id"]),
            plain(each["source"]),
            plain(each["file_name"]),
            each["sha256"][:12],
            each["state"],
            ledger_months.local(each["uploaded"]),
            plain(each["uploaded_by"]),
            plain(each["confirmed_by"]),
        )
    show(table)


@app.command("show")
def show_import(
    number: Number,
    cls: Annotated[str, typer.Option("--class", help=" | ".join(CLASSES))] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "text",
) -> None:
    """The differences of an import, field by field.

    Example: yunxun ledger show 7 --class changed
    """
    with open_api(url, data, ca) as api:
        run = api.get(f"/api/v1/ledger/imports/{number}")
        path = f"/api/v1/ledger/imports/{number}/differences"
        if form == "json":
            found = list(api.items(path, cls=cls or None))
            print(json.dumps({"import": run, "differences": found}, ensure_ascii=False, indent=2))
            return
        page = api.get(path, cls=cls or None, size=SHOWN)
    show(_counts(run))
    table = Table("id", "class", "row", "code", "name", "unit", "what differs", "decision")
    for each in page["items"]:
        table.add_row(
            str(each["id"]),
            CLASSES[each["cls"]],
            str(each["row"] or ""),
            plain(each["key"]),
            plain(each["name"]),
            plain(each["unit"]),
            plain(_difference(each)),
            each["decision"],
        )
    show(table)
    if page["total"] > SHOWN:
        print(f"… and {page['total'] - SHOWN} more (--format json lists all)")


@app.command("confirm")
def confirm(
    number: Number,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="CLASS", help="Accept all of a class; 'all' for every."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="From when the changes hold.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Form = "text",
) -> None:
    """Write what was accepted into the register, all of it or nothing.

    Example: yunxun ledger confirm 7 --accept new --accept changed --since 2026-11-01
    """
    classes = ["renamed", "changed", "new", "vanished"] if "all" in (accept or []) else accept
    with open_api(url, data, ca) as api:
        for each in classes or []:
            if each not in CLASSES:
                raise CommandError(f"--accept {each}: there are all, {', '.join(CLASSES)}")
            api.post(
                f"/api/v1/ledger/imports/{number}/decisions",
                {"cls": each, "decision": "accepted"},
            )
        with ledger_months.waiting("确认 · confirming"):
            run = api.post(f"/api/v1/ledger/imports/{number}/confirm", {"since": since})
    _said(run, form)


@app.command("undo")
def undo(
    number: Number, url: Url = "", data: Data = None, ca: Ca = None, form: Form = "text"
) -> None:
    """Undo a confirmed import: exactly what it changed, or not at all.

    Example: yunxun ledger undo 7
    """
    with open_api(url, data, ca) as api, ledger_months.waiting("撤销 · undoing"):
        run = api.post(f"/api/v1/ledger/imports/{number}/undo")
    _said(run, form)


@app.command("discard")
def discard(
    number: Number, url: Url = "", data: Data = None, ca: Ca = None, form: Form = "text"
) -> None:
    """End an import that shall not be confirmed. Example: yunxun ledger discard 7"""
    with open_api(url, data, ca) as api:
        run = api.post(f"/api/v1/ledger/imports/{number}/discard")
    _said(run, form)


@app.command("pending")
def list_pending(url: Url = "", data: Data = None, ca: Ca = None, form: Form = "text") -> None:
    """待核实: registered resources that their platform names no more.

    Example: yunxun ledger pending
    """
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/ledger/pending"))
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table("check", "resource", "name", "unit", "source", "noticed")
    for each in found:
        words = (each["resource"], each["name"], each["unit_name"], each["source"])
        table.add_row(str(each["id"]), *map(plain, words), ledger_months.local(each["noticed"]))
    show(table)


def compare(api: Api, file: Path, params: dict[str, Any]) -> dict[str, Any]:
    """Sends the file and follows the comparison; the import. Raises CommandError."""
    console = Console(stderr=True)
    with Progress(
        TextColumn(file.name, markup=False),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("上传 · uploading", total=4)
        for line in api.stream_file("/api/v1/ledger/imports", file, params):
            if "outcome" in line:
                return dict(line["outcome"])
            if "problem" in line:
                problem = line["problem"]
                status = UNREACHABLE if problem.get("status", 0) >= 500 else BAD_INPUT
                raise CommandError(told(problem), status)
            bar.update(task, completed=line["done"], description=STAGES[line["stage"]])
            if bar.disable:
                print(f"{file.name}: {line['stage']}", file=sys.stderr)
    raise CommandError(f"{file}: the controller broke off before the outcome; import it again")


def _said(run: dict[str, Any], form: str) -> None:
    if form == "json":
        print(json.dumps(run, ensure_ascii=False, indent=2))
        return
    counts = run["counts"]
    words = [
        f"{counts[name]} {text}"
        for name, text in (
            ("created", "created"),
            ("updated", "updated"),
            ("to_check", "to check"),
            ("days_marked", "resource-days to recompute"),
        )
        if name in counts
    ]
    print(f"import {run['id']} {run['file_name']}: {run['state']}: {', '.join(words)}")


def _counts(run: dict[str, Any]) -> Table:
    counts = run["counts"]
    since = ledger_months.local(run["since"])[:10]
    title = f"{run['source_name']} {run['file_name']} · since {since} · {run['state']}"
    table = Table("rows", "unchanged", *CLASSES.values(), title=plain(title))
    table.add_row(*(str(counts.get(name, 0)) for name in ("rows", "unchanged", *CLASSES)))
    return table


def _difference(each: dict[str, Any]) -> str:
    detail = each["detail"]
    words = [
        f"{FIELDS.get(name, name)} {_value(name, before)} → {_value(name, after)}"
        for name, (before, after) in each["fields"].items()
        if before is not None or each["cls"] != "new"
    ]
    if "errors" in detail:
        words += [
            f"{error['column']}: "
            + str((chinese() and error.get("message_zh")) or error["message"])
            for error in detail["errors"][:3]
        ]
    elif "message" in detail:
        words.append(detail["message"])
    elif each["cls"] == "duplicate":
        words.append(f"{detail['reason']}: rows {', '.join(map(str, detail['rows']))}")
    return "; ".join(words)


def _value(name: str, value: Any) -> str:
    if value is None or value in ("", []):
        return "—"
    if name in ("mem_bytes", "disk_bytes"):
        return f"{value / 2**30:g}"
    if name == "bandwidth_bit_s":
        return f"{value / 1e6:g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
