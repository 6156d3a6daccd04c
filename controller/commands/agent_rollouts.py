"""``yunxun agent bundles|rollout|rollouts``: the self-contained agent over readiness hosts."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from controller.commands.client import PROBLEMS, Ca, Data, Url, open_api
from controller.commands.terminal import plain, show
from controller.commands.watching import check_form, readiness_project, watch

Form = Annotated[str, typer.Option("--format", help="table or json")]


def list_bundles(form: Form = "table", url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Agents that lie ready in <data>/agent-bundles, with their signature checked.

    Example: yunxun agent bundles
    """
    check_form(form)
    with open_api(url, data, ca) as api:
        found = api.get("/api/v1/rollouts/bundles")
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not found["items"]:
        print("no agent lies ready: 'make agent-bundle', then dist/* into <data>/agent-bundles")
        return
    print(f"trusted signer: {found['signer'] or 'none yet: yunxun agent trust signing.pub'}")
    table = Table("bundle", "arch", "glibc", "MB")
    table.add_column("", overflow="fold")
    for each in found["items"]:
        table.add_row(
            plain(each["name"]), plain(each["arch"]), plain(each["glibc"]),
            f"{each['size'] / 1e6:.1f}", plain(each["why"] or "signed"),
        )  # fmt: skip
    show(table)


def roll_out(
    bundle: Annotated[str, typer.Argument(metavar="BUNDLE", help="As 'agent bundles' names it.")],
    project: Annotated[
        str, typer.Option("--login", help="Readiness project: its hosts, login and approval.")
    ],
    host: Annotated[list[str] | None, typer.Option("--host", help="Only this host; again.")] = None,
    heartbeat: Annotated[
        int, typer.Option("--wait-s", help="A host without a heartbeat in this time goes back.")
    ] = 180,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch it to its end.")] = True,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Roll an agent out, a canary first. Exit status 1 unless every host is upgraded.

    Example: yunxun agent rollout yunxun-agent-0.1.0+0dec36f3-x86_64 --login 信创改造一批
    """
    check_form(form)
    with open_api(url, data, ca) as api:
        body = {"bundle": bundle, "project": readiness_project(api, project), "hosts": host or [],
                "wait_s": heartbeat}  # fmt: skip
        told = api.post("/api/v1/rollouts", body)
        if wait:
            told = watch(api, f"/api/v1/rollouts/{told['run']['id']}", _line)
    _show(told, form)
    if wait and any(it["state"] != "upgraded" for it in told["items"]):
        raise typer.Exit(PROBLEMS)


def list_rollouts(
    number: Annotated[int | None, typer.Argument(metavar="[RUN]", help="None: the latest.")] = None,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Roll-outs, or the hosts of one.

    Example: yunxun agent rollouts 41
    """
    check_form(form)
    with open_api(url, data, ca) as api:
        if number is not None:
            _show(api.get(f"/api/v1/rollouts/{number}"), form)
            return
        found = api.get("/api/v1/rollouts", size=20)
    if form == "json":
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not found["items"]:
        print("no roll-out yet; 'yunxun agent rollout BUNDLE --login PROJECT' starts one")
        return
    table = Table("run", "version", "state", "hosts", "project")
    table.add_column("", overflow="fold")
    for each in found["items"]:
        table.add_row(
            str(each["id"]), plain(each["version"]), each["state"], str(each["hosts"]),
            plain(each["project_name"]), _counts(each["by_state"]),
        )  # fmt: skip
    show(table)


def _line(told: dict[str, Any]) -> str:
    return f"{told['run']['state']}  {_counts(told['run']['by_state'])}"


def _counts(by_state: dict[str, int]) -> str:
    return "  ".join(f"{state.replace('_', ' ')} {n}" for state, n in sorted(by_state.items()))


def _show(told: dict[str, Any], form: str) -> None:
    if form == "json":
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return
    table = Table("host", "state", "stage")
    table.add_column("", overflow="fold")
    stages = told["run"]["stages"]
    for each in told["items"]:
        stage = stages[each["stage"] - 1] if 0 < each["stage"] <= len(stages) else ""
        table.add_row(
            plain(each["host"]), each["state"].replace("_", " "), stage, plain(each["message"])
        )
    show(table)
    run = told["run"]
    print(f"roll-out {run['id']} of {run['version']}: {run['state']} {run['error']}".rstrip())
