"""``yunxun agent``: enrolment tokens, and who may send."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from controller.commands import agent_rollouts, agent_trust
from controller.commands.client import Ca, CommandError, Data, Url, open_api
from controller.commands.language import word
from controller.commands.terminal import plain, show

app = typer.Typer(help="Agents: enrol, list, approve, revoke.", no_args_is_help=True)

app.command("trust")(agent_trust.trust)
app.command("bundles")(agent_rollouts.list_bundles)
app.command("rollout")(agent_rollouts.roll_out)
app.command("rollouts")(agent_rollouts.list_rollouts)

AgentId = Annotated[str, typer.Argument(metavar="ID", help="As 'yunxun agent list' shows it.")]


@app.command("token")
def make_token(
    unit: Annotated[str, typer.Option("--unit", help="Code or name of the unit.")],
    uses: Annotated[int, typer.Option(min=1, help="How many agents may enrol with it.")] = 1,
    hours: Annotated[float, typer.Option(min=0.1, help="How long it is good for.")] = 24,
    auto_approve: Annotated[
        bool, typer.Option("--auto-approve", help="Agents need no approval after enrolling.")
    ] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Print an enrolment token, and nothing else. On the host: yunxun-agent enrol TOKEN

    Example: yunxun agent token --unit 市财政局 --hours 2 --data /var/lib/yunxun
    """
    wanted = {"unit": unit, "uses": uses, "hours": hours, "auto_approve": auto_approve}
    with open_api(url, data, ca) as api:
        print(api.post("/api/v1/agent-tokens", wanted)["token"])


@app.command("list")
def list_agents(
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
    form: Annotated[str, typer.Option("--format", help="table or json")] = "table",
) -> None:
    """All agents that you may see.

    Example: yunxun agent list --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        agents = list(api.items("/api/v1/agents"))
    if form == "json":
        print(json.dumps(agents, ensure_ascii=False, indent=2))
        return
    if form != "table":
        raise CommandError(f"--format {form}: there are table and json")
    if not agents:
        print(word("还没有采集端：先用 yunxun agent token --unit 单位 生成注册令牌",
                   "no agents yet: begin with 'yunxun agent token --unit UNIT'"))  # fmt: skip
        return
    table = Table()
    for heading in ("id", "name", "state", "unit", "resource", "version", "last seen", "lag"):
        # The id is what 'agent approve' takes: it is never cut off.
        table.add_column(heading, no_wrap=heading == "id", overflow="fold")
    table.add_column("address", overflow="fold")
    for agent in agents:
        lag = agent.get("lag_s")
        table.add_row(
            agent["id"],
            plain(agent["name"]),
            agent["state"],
            plain(agent.get("unit_name") or agent.get("unit_code") or ""),
            plain(agent.get("resource_code") or ""),
            plain(agent.get("version") or ""),
            (agent.get("last_seen") or "never")[:19],
            "" if lag is None else f"{lag:.0f} s",
            plain(agent.get("address") or ""),
        )
    show(table)


@app.command()
def approve(agent: AgentId, url: Url = "", data: Data = None, ca: Ca = None) -> None:
    """Let an agent that waits for approval send.

    Example: yunxun agent approve 3f2a9c --data /var/lib/yunxun
    """
    with open_api(url, data, ca) as api:
        api.post(f"/api/v1/agents/{agent}/approve")
    print(f"agent {agent}: approved")


@app.command("roles")
def set_roles(
    agent: AgentId,
    roles: Annotated[
        list[str] | None, typer.Argument(metavar="[ROLE]...", help="poller; none: takes all away.")
    ] = None,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Say what an agent is trusted with. A poller is given the credentials of network gear.

    Example: yunxun agent roles 3f2a… poller
    """
    with open_api(url, data, ca) as api:
        made = api.put(f"/api/v1/agents/{agent}/roles", {"roles": roles or []})
    print(f"agent {made['name']}: {', '.join(made['roles']) or 'no roles'}")


@app.command()
def revoke(
    agent: AgentId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = "",
    data: Data = None,
    ca: Ca = None,
) -> None:
    """Refuse an agent from now on; its host must be enrolled anew to come back.

    Example: yunxun agent revoke 3f2a9c --yes --data /var/lib/yunxun
    """
    if not yes and not typer.confirm(f"Revoke agent {agent}?"):
        raise CommandError("not revoked")
    with open_api(url, data, ca) as api:
        api.post(f"/api/v1/agents/{agent}/revoke")
    print(f"agent {agent}: revoked")
