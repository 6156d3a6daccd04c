"""依赖关系: who depends on whom as connections show it, drawn and listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from controller.inventory.model import UnitView
from controller.inventory.papers_api import below
from controller.inventory.units import list_units
from controller.moves.edge_graph import Graph, Node
from controller.moves.edge_views import EndView, Map, Seen, seen
from controller.web import move_words, render, tables
from controller.web.move_words import MovesView
from controller.web.pages.parts import Choice
from controller.web.pages.register_parts import Cell, text_filter
from controller.web.shell import Area, Crumb
from controller.web.view import View

router = APIRouter()

DAYS = (1, 7, 30)


@dataclass(frozen=True)
class ShownLink:
    """A line of the list: both ends, and what was met."""

    client: Cell
    client_of: str
    server: Cell
    server_of: str
    port: int
    process: str
    days: int
    looks: int
    last: str


@dataclass(frozen=True)
class MoveGraphPage(render.Context):
    """The drawing (fetched after the page) and the list behind it."""

    template: ClassVar[str] = "move_graph.html"

    tabs: tuple[Area, ...]
    seen: Seen
    days: tuple[Choice, ...]
    bys: tuple[Choice, ...]
    by: str
    chosen_days: int
    units: list[UnitView]
    unit: str
    text: str
    unknown: bool
    data_url: str
    links: list[ShownLink]
    table: tables.TableState
    exports: tuple[tables.ExportLink, ...]


def _asked(view: View) -> tuple[int, Literal["system", "unit"], str]:
    asked = view.request.query_params
    days = asked.get("days", "30")
    by: Literal["system", "unit"] = "unit" if asked.get("by") == "unit" else "system"
    return int(days) if days in {str(each) for each in DAYS} else 30, by, asked.get("unit", "")


@router.get("/moves/graph")
def graph_page(view: MovesView) -> Response:
    _, asked = view.text, view.request.query_params
    days, by, unit = _asked(view)
    text, unknown = text_filter(view), asked.get("unknown") == "1"
    page = tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        of = below(session, view.scope, unit, view.now)
        found = Map(session, view.scope, days, view.now, of)
        told = seen(session, view.scope, days, view.now)
    rows = found.rows(text=text, unknown=unknown)
    begin = (page - 1) * tables.PAGE_SIZE
    query = {
        "days": "" if days == 30 else str(days), "by": "" if by == "system" else by, "unit": unit,
        "text": text, "unknown": "1" if unknown else "",
    }  # fmt: skip
    kept = {key: value for key, value in query.items() if value}
    api = {"days": days, "unit": unit, "text": text, "unknown": "true" if unknown else ""}
    context = MoveGraphPage(
        tabs=move_words.tabs(_), seen=told,
        days=tuple(
            Choice(_("{n} 天", n=each), render.link("/moves/graph", kept, days=each), each == days)
            for each in DAYS
        ),
        bys=(
            Choice(_("按业务系统"), render.link("/moves/graph", kept, by="system"), by == "system"),
            Choice(_("按单位"), render.link("/moves/graph", kept, by="unit"), by == "unit"),
        ),
        by=by, chosen_days=days, units=units, unit=unit, text=text, unknown=unknown,
        data_url=render.link("/web-data/moves/graph", {"days": days, "by": by, "unit": unit}),
        links=[_link(view, each) for each in found.views(rows, begin, begin + tables.PAGE_SIZE)],
        table=tables.TableState("/moves/graph", kept, "", False, page, tables.PAGE_SIZE, len(rows)),
        exports=(
            tables.ExportLink("xlsx", _("Excel 表格（XLSX）"),
                              render.link("/api/v1/moves/links", api, format="xlsx")),
            tables.ExportLink("csv", _("文本表格（CSV）"),
                              render.link("/api/v1/moves/links", api, format="csv")),
        ),
    )  # fmt: skip
    crumbs = [Crumb(_("迁网"), "/moves"), Crumb(_("依赖关系"))]
    return view.page(context, active="moves", crumbs=crumbs)


def _link(view: View, each: Any) -> ShownLink:
    client, server = _end(view, each.client), _end(view, each.server)
    return ShownLink(
        client[0], client[1], server[0], server[1], each.port, each.process, each.days, each.looks,
        each.last.isoformat(),
    )  # fmt: skip


def _end(view: View, end: EndView) -> tuple[Cell, str]:
    _ = view.text
    if end.kind == "other":
        return Cell(_other(end.name, move_words.end_kinds(_))), ""
    if end.kind == "peer":
        return Cell(end.address, tone=""), end.network or _("未登记")
    href = f"/resources/{quote(end.code, safe='')}"
    return Cell(end.name, href, title=end.address), " · ".join(
        filter(None, (end.unit_name, end.system))
    )


@router.get("/web-data/moves/graph")
def graph_data(view: MovesView) -> dict[str, Any]:
    """The drawing's nodes and arrows, named in the reader's language."""
    _ = view.text
    days, by, unit = _asked(view)
    with view.runtime.database.read() as session:
        of = below(session, view.scope, unit, view.now)
        drawn = Map(session, view.scope, days, view.now, of).graph(by)
    return _drawing(drawn, view)


def _other(kind: str, words: dict[str, str]) -> str:
    return words.get(kind, words["resource"])


def _node_name(node: Node, words: dict[str, str]) -> str:
    if node.kind == "other":
        return _other(node.name, words)
    return words["internet"] if node.kind == "internet" else node.name


def _drawing(drawn: Graph, view: View) -> dict[str, Any]:
    _ = view.text
    words = move_words.end_kinds(_)
    return {
        "nodes": [
            {
                "name": _node_name(n, words),
                "kind": n.kind, "unit": n.unit, "hosts": n.hosts,
            }
            for n in drawn.nodes
        ],
        "arrows": [
            {"source": a.source, "target": a.target, "ports": list(a.ports), "links": a.links,
             "days": a.days}
            for a in drawn.arrows
        ],
        "left_out": drawn.left_out,
        "words": {
            "unit": _("单位"), "hosts": _("主机"), "ports": _("端口"), "links": _("连接关系"),
            "days": _("观测天数"), "addresses": _("地址"), "empty": _("所选范围内没有观测到连接"),
            "days_unit": _("天"),
        },
    }  # fmt: skip
