"""``yunxun cutover``: plans made, handed in, approved; what carries them out stands beside them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from controller.commands import cutover_runs
from controller.commands.client import (
    PROBLEMS,
    Ca,
    CommandError,
    Data,
    Url,
    check_file,
    open_api,
)
from controller.commands.language import chinese
from controller.commands.terminal import plain, show

app = typer.Typer(help="Cut-overs: plan, approve, carry out.", no_args_is_help=True)

for _command in (cutover_runs.run, cutover_runs.status, cutover_runs.rollback, cutover_runs.cancel):
    app.command(_command.__name__)(_command)

SHOWN_FAULTS = 50
Plan = Annotated[int, typer.Argument(metavar="PLAN", help="Number of the plan.")]


@app.command("plan")
def make_plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Address plan: XLSX, XLS or CSV.")],
    project: Annotated[str, typer.Option("--project", help="Code of the project.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write plan.yml for the playbooks here.")
    ] = None,
    acl: Annotated[
        Path | None, typer.Option("--acl", help="Write the permits to ask for here, as XLSX.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check; nothing is kept or written.")
    ] = False,
    days: Annotated[
        int, typer.Option("--days", min=7, max=30, help="Days of observed connections.")
    ] = 30,
    wave: Annotated[int, typer.Option("--wave", min=1, max=1000, help="Most hosts a wave.")] = 30,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Make a plan from an address plan: columns 主机 网卡 现IP IPv4地址 掩码 网关 IPv6地址
    IPv6前缀 IPv6网关 DNS NTP MTU VLAN 静态路由. Exit status 1 where it has faults that block.

    Example: yunxun cutover plan 地址方案.xlsx --project mv-jtj-video -o plan.yml --acl 申请.xlsx
    """
    if form not in ("table", "json"):
        raise CommandError(f"--format {form}: there are table and json")
    check_file(file)
    params = {"project": project, "dry_run": dry_run, "days": days, "wave": wave}
    with open_api(url, data, ca) as api:
        told = api.post_file("/api/v1/moves/plans", file, params)
        if not dry_run:
            for kind, path in (("yml", output), ("acl", acl)):
                if path is not None:
                    where = f"/api/v1/moves/plans/{told['id']}/file"
                    path.write_bytes(api.get_bytes(where, kind=kind))
    if form == "json":
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _show_plan(told)
    if told["summary"]["blockers"]:
        raise typer.Exit(PROBLEMS)


@app.command("plans")
def list_plans(
    project: Annotated[str, typer.Option("--project")] = "",
    state: Annotated[
        str, typer.Option("--state", help="draft, submitted, approved, refused or withdrawn")
    ] = "",
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Plans, the newest first.

    Example: yunxun cutover plans --state approved
    """
    with open_api(url, data, ca) as api:
        found = list(api.items("/api/v1/moves/plans", project=project, state=state))
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    table = Table()
    for head in ("plan", "project", "state", "file", "hosts", "blockers", "warnings", "window"):
        table.add_column(head, overflow="fold")
    for each in found:
        told = each["summary"]
        table.add_row(
            str(each["id"]), plain(each["project"]), each["state"], plain(each["file_name"]),
            str(told["hosts"]), str(told["blockers"]), str(told["warnings"]), _window(each),
        )  # fmt: skip
    show(table)


@app.command("submit")
def submit_plan(
    plan: Plan,
    begin: Annotated[str, typer.Option("--begin", metavar="TIME", help="Window from (Shanghai).")],
    end: Annotated[str, typer.Option("--end", metavar="TIME")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Hand a plan in for approval, with the window in which it is to be carried out.

    Example: yunxun cutover submit 7 --begin 2026-11-28T22:00 --end 2026-11-29T04:00
    """
    with open_api(url, data, ca) as api:
        _say(api.post(f"/api/v1/moves/plans/{plan}/submit", {"begin": begin, "end": end}))


@app.command("approve")
def approve_plan(
    plan: Plan,
    note: Annotated[str, typer.Option("--note")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Approve a plan. Not by whoever made or submitted it.

    Example: yunxun cutover approve 7
    """
    _decide(plan, True, note, url, data, ca)


@app.command("refuse")
def refuse_plan(
    plan: Plan,
    why: Annotated[str, typer.Option("--why")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Send a plan back.

    Example: yunxun cutover refuse 7 --why 窗口与月结冲突
    """
    _decide(plan, False, why, url, data, ca)


@app.command("withdraw")
def withdraw_plan(plan: Plan, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Take a plan back; it can no longer be carried out.

    Example: yunxun cutover withdraw 7
    """
    with open_api(url, data, ca) as api:
        _say(api.post(f"/api/v1/moves/plans/{plan}/withdrawal"))


@app.command("file")
def plan_file(
    plan: Plan,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to.")],
    kind: Annotated[str, typer.Option("--kind", help="yml, acl or xlsx")] = "yml",
    wave: Annotated[int | None, typer.Option("--wave", min=1, help="Only this wave (yml).")] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """A plan as a file: plan.yml for the playbooks, permits to ask for, or everything as XLSX.

    Example: yunxun cutover file 7 --wave 1 -o plan.yml
    """
    with open_api(url, data, ca) as api:
        output.write_bytes(api.get_bytes(f"/api/v1/moves/plans/{plan}/file", kind=kind, wave=wave))
    print(output)


def _decide(
    plan: int, approve: bool, note: str, url: str, data: Path | None, ca: Path | None
) -> None:
    with open_api(url, data, ca) as api:
        body = {"approve": approve, "note": note}
        _say(api.post(f"/api/v1/moves/plans/{plan}/decision", body))


def _say(told: dict[str, Any]) -> None:
    print(f"plan {told['id']} of {told['project']}: {told['state']}  {_window(told)}".rstrip())


def _window(told: dict[str, Any]) -> str:
    if not told["window_from"]:
        return ""
    return f"{told['window_from'][:16]} – {told['window_until'][:16]}"


def _show_plan(told: dict[str, Any]) -> None:
    faults, summary = told["faults"], told["summary"]
    if faults:
        table = Table("row", "column", "host", "")
        table.add_column("what to do", overflow="fold")
        for each in faults[:SHOWN_FAULTS]:
            table.add_row(
                str(each["row"] or ""), plain(each["column"]), plain(each["host"]),
                each["severity"], plain(each["zh" if chinese() else "en"]),
            )  # fmt: skip
        Console(stderr=True).print(table)
        if len(faults) > SHOWN_FAULTS:
            more = len(faults) - SHOWN_FAULTS
            print(f"… and {more} more (--format json lists all)", file=sys.stderr)
    waves = Table("wave", "hosts", "systems")
    waves.add_column("note", overflow="fold")
    for wave in told["waves"]:
        note = wave["note_zh" if chinese() else "note_en"]
        waves.add_row(
            str(wave["number"]), str(len(wave["hosts"])), plain("、".join(wave["systems"])), note
        )
    show(waves)
    number = "trial" if told["id"] is None else f"plan {told['id']}"
    print(
        f"{number}: {summary['hosts']} hosts of {summary['rows']} rows, {summary['blockers']} "
        f"faults that block, {summary['warnings']} warnings, {summary['permits']} permits to ask "
        f"for, {summary['unwatched']} hosts without observed connections"
    )
