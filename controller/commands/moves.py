"""``yunxun move``: departments' own networks, the projects that move them, who talks to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from controller.commands.client import Ca, CommandError, Data, Url, open_api
from controller.commands.language import chinese
from controller.commands.terminal import day_of, plain, show

app = typer.Typer(
    help="Departments' own networks, their move into the extranet, and who talks to whom.",
    no_args_is_help=True,
)

Form = Annotated[str, typer.Option("--format", help="table or json")]
FileForm = Annotated[str, typer.Option("--format", help="table, json, csv or xlsx")]
Output = Annotated[
    Path | None, typer.Option("-o", "--output", help="Write here (for xlsx: needed).")
]
Unit = Annotated[str | None, typer.Option("--unit", help="Code or name; its subtree included.")]
Days = Annotated[int, typer.Option("--days", min=1, max=30, help="Days back from now.")]
Code = Annotated[str, typer.Argument(metavar="PROJECT", help="Code of the project.")]


@app.command("networks")
def list_networks(
    unit: Unit = None,
    disposition: Annotated[
        str | None, typer.Option("--disposition", help="migrate, keep, merge or none")
    ] = None,
    output: Output = None,
    form: FileForm = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The register of own networks; 'yunxun import own-networks FILE' fills it.

    Example: yunxun move networks --disposition migrate --data /var/lib/yunxun
    """
    _forms(form, "table", "json", "xlsx")
    params = {"unit": unit, "disposition": disposition}
    with open_api(url, data, ca) as api:
        if form == "xlsx":
            _save(output, api.get_bytes("/api/v1/moves/networks", format="xlsx", **params))
            return
        found = list(api.items("/api/v1/moves/networks", **params))
    if form == "json":
        _json(found, output)
        return
    table = _table("code", "name", "unit", "disposition", "project", "state")
    table.add_column("hosts", justify="right")
    table.add_column("yuan a year", justify="right")
    for each in found:
        table.add_row(
            plain(each["code"]), plain(each["name"]), plain(each["unit_name"]),
            each["disposition"] or "–", plain(each["project"] or "–"),
            "carried" if each["carried"] else each["project_state"] or "–",
            _number(each["hosts"]), _number(each["cost_year"]),
        )  # fmt: skip
    show(table)
    if not found:
        Console().print("no networks yet; 'yunxun import own-networks FILE' registers them")


@app.command("carried")
def show_carried(
    by: Annotated[str, typer.Option("--by", help="county or unit")] = "county",
    output: Output = None,
    form: FileForm = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """How many of the networks that shall move are carried by the extranet (一网承载率).

    Example: yunxun move carried --by unit --format xlsx -o 一网承载率.xlsx
    """
    _forms(form, "table", "json", "xlsx")
    with open_api(url, data, ca) as api:
        if form == "xlsx":
            _save(output, api.get_bytes("/api/v1/moves/carried", format="xlsx", by=by))
            return
        told = api.get("/api/v1/moves/carried", by=by)
    if form == "json":
        _json(told, output)
        return
    table = _table("of")
    for head in ("networks", "to move", "carried", "rate", "hosts' rate", "kept", "undecided"):
        table.add_column(head, justify="right")
    for each in (told["whole"], *told["rows"]):
        table.add_row(
            plain(each["name"]), str(each["networks"]), str(each["to_move"]), str(each["carried"]),
            _pct(each["rate_pct"]), _pct(each["hosts_rate_pct"]), str(each["kept"]),
            str(each["undecided"]),
        )  # fmt: skip
    show(table)


@app.command("begin")
def begin(
    code: Code,
    network: Annotated[str, typer.Option("--network", help="Code of the own network.")],
    name: Annotated[str, typer.Option("--name")] = "",
    target: Annotated[str, typer.Option("--target", help="Zone it goes to.")] = "",
    lead: Annotated[str, typer.Option("--lead", help="Who answers for it.")] = "",
    until: Annotated[str | None, typer.Option("--until", metavar="DATE")] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Begin the move of a network.

    Example: yunxun move begin mv-jtj-video --network jtj-video --target 公用网络区
    --until 2026-12-31
    """
    body = {"code": code, "name": name, "network": network, "target": target, "lead": lead,
            "planned_end": until}  # fmt: skip
    with open_api(url, data, ca) as api:
        _show_project(api.post("/api/v1/moves/projects", body))


@app.command("list")
def list_projects(
    state: Annotated[str, typer.Option("--state", help="open, done or cancelled")] = "",
    output: Output = None,
    form: FileForm = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The board: every project, its step and what blocks it.

    Example: yunxun move list --state open
    """
    _forms(form, "table", "json", "xlsx")
    with open_api(url, data, ca) as api:
        if form == "xlsx":
            _save(output, api.get_bytes("/api/v1/moves/projects", format="xlsx", state=state))
            return
        found = list(api.items("/api/v1/moves/projects", state=state))
    if form == "json":
        _json(found, output)
        return
    table = _table("project", "network", "unit", "step", "done", "blocked by", "until")
    for each in found:
        table.add_row(
            plain(each["code"]), plain(each["network_name"]), plain(each["unit_name"]),
            each["step"] or each["state"], f"{each['done_steps']}/5",
            plain(_blockers(each)), day_of(each["planned_end"]),
        )  # fmt: skip
    show(table)
    if not found:
        Console().print("no projects; 'yunxun move begin PROJECT --network CODE' begins one")


@app.command("show")
def show_project(
    code: Code, form: Form = "table", url: Url = "", data: Data = None, ca: Ca = None
) -> None:
    """One project: its steps, what blocks it, and its history.

    Example: yunxun move show mv-jtj-video
    """
    _forms(form, "table", "json")
    with open_api(url, data, ca) as api:
        told = api.get(f"/api/v1/moves/projects/{code}")
    if form == "json":
        _json(told, None)
    else:
        _show_project(told)


@app.command("step")
def change_step(
    code: Code,
    step: Annotated[
        str, typer.Argument(help="addresses, parallel, cutover, sign_off or line_retired")
    ],
    state: Annotated[
        str | None, typer.Option("--state", help="waiting, doing, done or skipped")
    ] = None,
    who: Annotated[str | None, typer.Option("--who")] = None,
    planned: Annotated[str | None, typer.Option("--planned", metavar="DATE")] = None,
    blocked_by: Annotated[
        str | None, typer.Option("--blocked-by", help='What blocks it; "" for nothing any more.')
    ] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="Paper or ticket.")] = None,
    hosts_done: Annotated[int | None, typer.Option("--hosts-done", min=0)] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Change a step of a project. Steps follow each other; the sign-off is the unit's own.

    Example: yunxun move step mv-jtj-video addresses --state done --reference 批复〔2026〕17号
    """
    given = {"state": state, "who": who, "planned": planned, "blocked_by": blocked_by,
             "reference": reference, "hosts_done": hosts_done}  # fmt: skip
    body = {key: value for key, value in given.items() if value is not None}
    if not body:
        raise CommandError("nothing to change: give --state, --who, --planned, --blocked-by …")
    with open_api(url, data, ca) as api:
        _show_project(api.patch(f"/api/v1/moves/projects/{code}/steps/{step}", body))


@app.command("sign")
def sign_off(
    code: Code,
    refuse: Annotated[bool, typer.Option("--refuse", help="Send it back; say why.")] = False,
    text: Annotated[str, typer.Option("--text", help="Remark; needed to send back.")] = "",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """The unit's word after the cut-over (a token of role unit).

    Example: yunxun move sign mv-jtj-video --text 业务正常 --url https://yunxun.example:8090
    """
    with open_api(url, data, ca) as api:
        body = {"accept": not refuse, "text": text}
        _show_project(api.post(f"/api/v1/moves/projects/{code}/sign-off", body))


@app.command("cancel")
def cancel(
    code: Code,
    why: Annotated[str, typer.Option("--why", help="The reason; it stays in the history.")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """End a project without moving; 'yunxun move reopen' takes it back.

    Example: yunxun move cancel mv-jtj-video --why 并入新平台
    """
    with open_api(url, data, ca) as api:
        _show_project(api.post(f"/api/v1/moves/projects/{code}/cancel", {"text": why}))


@app.command("reopen")
def reopen(
    code: Code,
    why: Annotated[str, typer.Option("--why")],
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Take a cancellation back.

    Example: yunxun move reopen mv-jtj-video --why 恢复实施
    """
    with open_api(url, data, ca) as api:
        _show_project(api.post(f"/api/v1/moves/projects/{code}/reopen", {"text": why}))


@app.command("graph")
def show_graph(
    days: Days = 30,
    by: Annotated[str, typer.Option("--by", help="system or unit")] = "system",
    unit: Unit = None,
    form: Form = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Which systems (or units) depend on which, as observed connections show it.

    Example: yunxun move graph --days 7 --unit 市交通运输局
    """
    _forms(form, "table", "json")
    with open_api(url, data, ca) as api:
        told = api.get("/api/v1/moves/graph", days=days, by=by, unit=unit)
    if form == "json":
        _json(told, None)
        return
    table = _table("from", "to", "ports")
    for head in ("links", "days"):
        table.add_column(head, justify="right")
    nodes = [_node(each) for each in told["nodes"]]
    for each in told["arrows"]:
        table.add_row(
            plain(nodes[each["source"]]), plain(nodes[each["target"]]),
            " ".join(map(str, each["ports"])), str(each["links"]), str(each["days"]),
        )  # fmt: skip
    show(table)
    seen = told["seen"]
    Console().print(
        f"{seen['hosts_telling']} of {seen['hosts']} hosts told of their connections; "
        f"{told['unknown']} addresses are no resource"
    )


@app.command("links")
def show_links(
    days: Days = 30,
    unit: Unit = None,
    text: Annotated[str, typer.Option("--text", help="Name, address or port.")] = "",
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Only with an end that is no resource.")
    ] = False,
    output: Output = None,
    form: FileForm = "table",
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Who calls whom, host by host.

    Example: yunxun move links --unknown --days 7 --format csv -o 未登记对端.csv
    """
    _forms(form, "table", "json", "csv", "xlsx")
    params = {"days": days, "unit": unit, "text": text, "unknown": unknown}
    with open_api(url, data, ca) as api:
        if form in ("csv", "xlsx"):
            _save(output, api.get_bytes("/api/v1/moves/links", format=form, **params))
            return
        found = list(api.items("/api/v1/moves/links", **params))
    if form == "json":
        _json(found, output)
        return
    table = _table("client", "unit", "server", "unit", "address", "process")
    for head in ("port", "days", "looks"):
        table.add_column(head, justify="right")
    for each in found:
        client, server = each["client"], each["server"]
        table.add_row(
            plain(client["name"] or client["address"]), plain(client["unit_name"]),
            plain(server["name"] or "–"), plain(server["unit_name"] or server["network"]),
            plain(server["address"]), plain(each["process"]), str(each["port"]),
            str(each["days"]), str(each["looks"]),
        )  # fmt: skip
    show(table)


def _show_project(told: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{told['code']}  {told['name']}  {told['unit_name']}  {told['state']}", markup=False
    )
    table = _table("step", "state", "who", "planned", "finished", "reference", "blocked by")
    for each in told["steps"]:
        table.add_row(
            each["step"], each["state"], plain(each["who"]), day_of(each["planned"]),
            day_of(each["finished"]), plain(each["reference"]), plain(_blockers(each)),
        )  # fmt: skip
    show(table)
    for event in told.get("events", [])[:10]:
        line = f"{event['at'][:16]}  {event['by']}  {event['what']} {event['step']} {event['text']}"
        console.print(plain(line.rstrip()))


def _blockers(told: dict[str, Any]) -> str:
    return "; ".join(each["zh" if chinese() else "en"] for each in told["blockers"])


def _node(node: dict[str, Any]) -> str:
    return str(node["name"] or node["kind"]) + (f" ({node['unit']})" if node["unit"] else "")


def _table(*heads: str) -> Table:
    table = Table()
    for head in heads:
        table.add_column(head, overflow="fold")
    return table


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _pct(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


def _forms(form: str, *allowed: str) -> None:
    if form not in allowed:
        raise CommandError(f"--format {form}: there are {', '.join(allowed)}")


def _json(value: Any, output: Path | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    if output is None:
        print(text)
    else:
        output.write_text(text + "\n", "utf-8")


def _save(output: Path | None, body: bytes) -> None:
    if output is None:
        raise CommandError("a file needs -o FILE")
    output.write_bytes(body)
    print(output)
