"""``yunxun cutover run|status|rollback``: carry approved plans out, watch hosts, take them back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import PROBLEMS, Ca, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import plain, show
from controller.commands.watching import check_form, readiness_project, watch

WORDS = {
    "waiting": "等待", "running": "进行中", "untouched": "未变更", "armed": "试运行中",
    "confirmed": "已割接", "rolled_back": "已回退", "rollback_unverified": "回退待核实",
    "needs_hands": "需到场处理", "unreachable": "无法连接", "unknown": "待查看",
}  # fmt: skip

Run = Annotated[int, typer.Argument(metavar="RUN", help="Number of the cut-over.")]
Form = Annotated[str, typer.Option("--format", help="table or json")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Watch it to its end.")]


def run(
    plan: Annotated[int, typer.Argument(metavar="PLAN", help="Number of an approved plan.")],
    project: Annotated[
        str, typer.Option("--login", help="Readiness project whose login is used: number or name.")
    ],
    wave: Annotated[int | None, typer.Option("--wave", min=1, help="Only this wave.")] = None,
    host: Annotated[
        list[str] | None, typer.Option("--host", help="Only this host, also if it is over; again.")
    ] = None,
    deadline: Annotated[
        int, typer.Option("--deadline", help="Seconds after which a host goes back by itself.")
    ] = 300,
    wait: Wait = True,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Carry an approved plan out, inside its window. Exit status 1 unless every host is confirmed.

    Example: yunxun cutover run 7 --login 市交通运输局迁网 --wave 1
    """
    check_form(form)
    with open_api(url, data, ca) as api:
        body = {
            "plan": plan, "project": readiness_project(api, project), "wave": wave,
            "hosts": host or [],
            "deadline_s": deadline,
        }  # fmt: skip
        told = api.post("/api/v1/cutovers", body)
        if wait:
            told = watch(api, f"/api/v1/cutovers/{told['run']['id']}", _line)
    _end(told, form, "confirmed" if wait else "")


def status(
    number: Annotated[int | None, typer.Argument(metavar="[RUN]", help="None: the latest.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, max=500, help="How many.")] = 20,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Where the hosts of a cut-over are, as they said themselves; or the latest cut-overs.

    Example: yunxun cutover status 31
    """
    check_form(form)
    with open_api(url, data, ca) as api:
        if number is not None:
            _end(api.get(f"/api/v1/cutovers/{number}"), form, "")
            return
        found = api.get("/api/v1/cutovers", size=last)
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not found["items"]:
        print("no cut-over yet; 'yunxun cutover run PLAN --login PROJECT' starts one")
        return
    table = Table("run", "name", "state", "hosts", "login")
    table.add_column("", overflow="fold")
    for each in found["items"]:
        counts = "  ".join(f"{_word(k)} {n}" for k, n in sorted(each["by_state"].items()))
        table.add_row(
            str(each["id"]), plain(each["name"]), f"{each['kind']} {each['state']}",
            str(each["hosts"]), plain(each["project_name"]), counts,
        )  # fmt: skip
    show(table)


def rollback(
    number: Run,
    wait: Wait = True,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Take a cut-over back: what is on trial at once, what is confirmed in reverse, with a timer of
    its own. Exit status 1 unless every host is on its old address.

    Example: yunxun cutover rollback 31
    """
    check_form(form)
    with open_api(url, data, ca) as api:
        told = api.post(f"/api/v1/cutovers/{number}/rollback")
        if wait:
            told = watch(api, f"/api/v1/cutovers/{told['run']['id']}", _line)
    _end(told, form, "back" if wait else "")


def cancel(number: Run, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Stop a cut-over before its next stage; hosts that are not confirmed go back.

    Example: yunxun cutover cancel 31
    """
    with open_api(url, data, ca) as api:
        api.get(f"/api/v1/cutovers/{number}")
        api.post(f"/api/v1/readiness/runs/{number}/cancel")
    print(f"run {number} stops before its next stage; 'yunxun cutover status {number}' says where")


def _line(told: dict[str, Any]) -> str:
    run_view = told["run"]
    if run_view["state"] == "queued":
        return (
            "waits for the worker" if run_view["worker"] else "no worker is running: yunxun serve"
        )
    stages = [it["stage"] for it in told["items"] if it["state"] == "running"]
    names = run_view["stages"]
    at = sorted({names[it - 1] for it in stages if 0 < it <= len(names)}, key=names.index)
    counts = "  ".join(f"{_word(k)} {n}" for k, n in sorted(run_view["by_state"].items()))
    return f"{counts}  {' '.join(at)}".rstrip()


def _end(told: dict[str, Any], form: str, wanted: str) -> None:
    if form == "json":
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _show(told)
    good = {"confirmed": ("confirmed",), "back": ("rolled_back", "untouched")}.get(wanted)
    if good and any(it["state"] not in good for it in told["items"]):
        raise typer.Exit(PROBLEMS)


def _show(told: dict[str, Any]) -> None:
    view = told["run"]
    table = Table("host", "old", "new", "state", "stage", "timer")
    table.add_column("", overflow="fold")
    for each in told["items"]:
        stage = view["stages"][each["stage"] - 1] if each["stage"] else ""
        words = " -> ".join(filter(None, (each["message"], each["to_do"])))
        table.add_row(
            plain(each["host"]), each["old"], each["new"], _word(each["state"]), stage,
            _left(each["deadline_at"]), plain(words),
        )  # fmt: skip
    show(table)
    if told["left_out"]:
        why = "no address known" if view["kind"] == "rollback" else "over before; --host NAME again"
        print(f"left out ({why}): {plain(', '.join(told['left_out']))}")
    print(f"{view['kind']} {view['id']} {view['name']}: {view['state']} {view['error']}".rstrip())


def _left(deadline: str | None) -> str:
    if not deadline:
        return ""
    left = (datetime.fromisoformat(deadline) - datetime.now(UTC)).total_seconds()
    return f"{max(0, left):.0f} s"


def _word(state: str) -> str:
    return WORDS.get(state, state) if chinese() else state.replace("_", " ")
