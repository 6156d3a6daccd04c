"""采集端: who measures, how far behind, and the door for new ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.ingest import agents as registry
from controller.ingest.agents import AgentView, TokenView, list_agents, token_views
from controller.inventory.model import UnitView
from controller.inventory.units import find_unit, list_units
from controller.web import figures, render, tables
from controller.web.enrolment import controller_url, pinned_fingerprint
from controller.web.shell import Crumb, Flash
from controller.web.view import AgentsManager, AgentsView
from controller.web.words import agent_state

router = APIRouter()

ORDER = {"conflict": 0, "pending": 1, "active": 2, "revoked": 3}
"""Who waits for a decision stands first."""

SORTS: dict[str, Callable[[AgentView], Any]] = {
    "state": lambda agent: (ORDER.get(agent.state, 9), -(agent.lag_s or 0.0), agent.name),
    "name": lambda agent: agent.name,
    "unit": lambda agent: agent.unit_name,
    "version": lambda agent: agent.version,
    "seen": lambda agent: agent.last_seen,
    "lag": lambda agent: agent.lag_s,
    "skew": lambda agent: None if agent.clock_skew_s is None else abs(agent.clock_skew_s),
    "losses": lambda agent: agent.losses,
}


@dataclass(frozen=True)
class ShownAgent:
    """An agent and how its state is said."""

    agent: AgentView
    tone: str
    word: str


@dataclass(frozen=True)
class AgentsPage(render.Context):
    """``counts`` are (tone, word, number) of all agents, not of the page; ``open_new``: show the
    dialog for a new token at once."""

    template: ClassVar[str] = "agents.html"

    rows: list[ShownAgent]
    table: tables.TableState
    counts: list[tuple[str, str, int]]
    text: str
    state_filter: str
    registered: int
    units: list[UnitView]
    tokens: list[TokenView]
    """Enrolment tokens that can still be used; for those who manage agents."""
    may_manage: bool
    open_new: bool
    exports: tuple[tables.ExportLink, ...]


@dataclass(frozen=True)
class TokenCreated(render.Context):
    """The enrolment token, shown this once, in the command that uses it."""

    template: ClassVar[str] = "token_created.html"

    unit_name: str
    command: str
    uses: int
    hours: int
    auto_approve: bool


@router.get("/agents")
def agents_page(view: AgentsView, file: str = "") -> Response:
    _, asked = view.text, view.request.query_params
    may_manage = view.may("agents.manage")
    with view.runtime.database.read() as session:
        agents = list_agents(session, view.scope, view.now)
        units = list_units(session, view.scope, view.now)
        tokens = token_views(session, view.scope, view.now) if may_manage else []
    shown = [ShownAgent(agent, *agent_state(agent, _)) for agent in agents]
    text, state = asked.get("text", "").strip()[:100], asked.get("state", "")
    rows = [each for each in shown if _matches(each, text, state)]
    sort, descending = tables.parse_sort(asked.get("sort", ""), SORTS, "state")
    rows = tables.ordered(rows, lambda each: SORTS[sort](each.agent), descending=descending)
    if file in ("csv", "xlsx"):
        return _export(view, rows, file)
    query = {key: value for key, value in (("text", text), ("state", state)) if value}
    page = tables.parse_page(asked.get("page", ""))
    table = tables.TableState("/agents", query, sort, descending, page, tables.PAGE_SIZE, len(rows))
    context = AgentsPage(
        rows=tables.cut(rows, page),
        table=table,
        counts=_counts(shown),
        text=text,
        state_filter=state,
        registered=len(shown),
        units=units,
        tokens=[
            token
            for token in tokens
            if token.revoked is None and token.uses_left > 0 and token.expires > view.now
        ],
        may_manage=may_manage,
        open_new=may_manage and asked.get("new") == "1",
        exports=(
            tables.ExportLink(
                "xlsx", _("Excel 表格（XLSX）"), render.link("/agents", query, file="xlsx")
            ),
            tables.ExportLink(
                "csv", _("文本表格（CSV）"), render.link("/agents", query, file="csv")
            ),
        ),
    )
    return view.page(context, active="agents", crumbs=[Crumb(_("采集端"))])


@router.post("/agents/{agent_id}/approve")
def approve(agent_id: str, view: AgentsManager) -> RedirectResponse:
    registry.approve(view.runtime.database, view.scope, agent_id, view.principal, view.now)
    return render.go("/agents", Flash("good", view.text("已批准，该主机的数据开始入库。")))


@router.post("/agents/{agent_id}/revoke")
def revoke(agent_id: str, view: AgentsManager) -> RedirectResponse:
    registry.revoke(view.runtime.database, view.scope, agent_id, view.principal, view.now)
    return render.go("/agents", Flash("good", view.text("已吊销，该采集端的数据不再接收。")))


@router.post("/agents/tokens/{token_id}/revoke")
def revoke_token(token_id: int, view: AgentsManager) -> RedirectResponse:
    registry.revoke_token(view.runtime.database, view.scope, token_id, view.principal, view.now)
    return render.go("/agents", Flash("good", view.text("接入令牌已吊销。")))


@router.post("/agents/tokens")
def create_token(
    view: AgentsManager,
    unit: Annotated[str, Form()],
    uses: Annotated[int, Form(ge=1, le=10_000)] = 1,
    hours: Annotated[int, Form(ge=1, le=8760)] = 24,
    auto_approve: Annotated[bool, Form()] = False,
) -> Response:
    _ = view.text
    url = controller_url(view.request, view.runtime.settings)
    with view.runtime.database.read() as session:
        found = find_unit(session, view.scope, unit, view.now)
    token = registry.create_token(
        view.runtime.database, view.scope, found.code, uses, float(hours), auto_approve,
        view.principal, view.now, url, pinned_fingerprint(view.runtime.settings, url),
    )  # fmt: skip
    context = TokenCreated(
        unit_name=found.name,
        command=f"echo '{token}' | sudo yunxun-agent enrol -",
        uses=uses,
        hours=hours,
        auto_approve=auto_approve,
    )
    crumbs = [Crumb(_("采集端"), "/agents"), Crumb(_("接入命令"))]
    return view.page(context, active="agents", crumbs=crumbs)


def _matches(each: ShownAgent, text: str, state: str) -> bool:
    agent = each.agent
    words = f"{agent.name} {agent.unit_name} {agent.resource_code} {agent.address}".casefold()
    return text.casefold() in words and state in ("", each.word)


def _counts(shown: list[ShownAgent]) -> list[tuple[str, str, int]]:
    counted: dict[tuple[str, str], int] = {}
    for each in shown:
        key = (each.tone, each.word)
        counted[key] = counted.get(key, 0) + 1
    return [(tone, word, count) for (tone, word), count in counted.items()]


def _export(view: AgentsView, rows: list[ShownAgent], file: str) -> Response:
    _ = view.text
    heads = [
        _("名称"), _("状态"), _("单位"), _("资源"), _("版本"), _("最近通信"), _("延迟（秒）"),
        _("时钟偏差（秒）"), _("丢弃行数"), _("来源地址"),
    ]  # fmt: skip
    cells = [
        [
            each.agent.name,
            each.word,
            each.agent.unit_name,
            each.agent.resource_code,
            each.agent.version,
            figures.moment(each.agent.last_seen, view.zone),
            each.agent.lag_s,
            each.agent.clock_skew_s,
            each.agent.losses,
            each.agent.address,
        ]
        for each in rows
    ]
    return tables.export(file, f"agents-{view.now.astimezone(view.zone):%Y%m%d}", heads, cells)
