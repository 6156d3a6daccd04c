"""Routes of who talks to whom: /api/v1/moves/graph and links."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from controller.access.deps import RuntimeDep, ScopeDep
from controller.inventory.api import PageNumber, PageSize
from controller.inventory.model import Page
from controller.inventory.papers_api import UnitFilter, below
from controller.moves.api import Reader
from controller.moves.edge_views import MOST_DAYS, MOST_LISTED, EndView, LinkView, Map, Seen, seen
from controller.moves.sheets import XLSX, attachment, to_xlsx

router = APIRouter(prefix="/api/v1/moves", tags=["moves"])

Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="Days back from now.")]

KIND_WORDS = {"vm": "云主机", "volume": "云硬盘", "address": "地址", "database": "数据库",
              "physical": "物理机", "other": "资源", "network": "专网"}  # fmt: skip


class NodeView(BaseModel):
    """A node of the drawing."""

    key: str
    kind: str
    name: str
    unit: str
    hosts: int


class ArrowView(BaseModel):
    """All links from one node (by place) to another."""

    source: int
    target: int
    ports: list[int]
    links: int
    looks: int
    days: int


class GraphView(BaseModel):
    """Who depends on whom. ``left_out`` arrows are too light to be drawn; the list holds all."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"nodes": [{"key": "system:7", "kind": "system", "name": "智慧交通",
                            "unit": "市交通运输局", "hosts": 10},
                           {"key": "internet", "kind": "internet", "name": "", "unit": "",
                            "hosts": 4}],
                 "arrows": [{"source": 0, "target": 1, "ports": [443], "links": 4, "looks": 90,
                             "days": 7}],
                 "left_out": 0, "hosts": 10, "unknown": 4}
            ]
        }
    )  # fmt: skip

    nodes: list[NodeView]
    arrows: list[ArrowView]
    left_out: int
    hosts: int
    unknown: int
    seen: Seen


@router.get("/graph", summary="Dependencies between systems or units, as connections show them")
def get_graph(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    days: Days = 30,
    by: Literal["system", "unit"] = "system",
    unit: UnitFilter = None,
) -> GraphView:
    """Of another unit's side a unit learns the kind only."""
    now = runtime.now()
    with runtime.database.read() as session:
        of = below(session, scope, unit, now)
        drawn = Map(session, scope, days, now, of).graph(by)
        told = seen(session, scope, days, now)
    return GraphView(
        nodes=[NodeView(**vars(node)) for node in drawn.nodes],
        arrows=[
            ArrowView(
                source=a.source, target=a.target, ports=list(a.ports), links=a.links,
                looks=a.looks, days=a.days,
            )
            for a in drawn.arrows
        ],
        left_out=drawn.left_out, hosts=drawn.hosts, unknown=drawn.unknown, seen=told,
    )  # fmt: skip


@router.get(
    "/links",
    summary="Who calls whom, host by host",
    responses={200: {"content": {XLSX: {}, "text/csv": {}}}},
    response_model=Page[LinkView],
)
def get_links(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    days: Days = 30,
    unit: UnitFilter = None,
    text: Annotated[str, Query(max_length=100, description="Name, address or port.")] = "",
    unknown: Annotated[bool, Query(description="Only with an end that is no resource.")] = False,
    page: PageNumber = 1,
    size: PageSize = 100,
    form: Annotated[Literal["json", "csv", "xlsx"], Query(alias="format")] = "json",
) -> Response | Page[LinkView]:
    """Those met on most days first. Files hold the first 100,000."""
    now = runtime.now()
    with runtime.database.read() as session:
        of = below(session, scope, unit, now)
        found = Map(session, scope, days, now, of)
    rows = found.rows(text=text, unknown=unknown)
    if form == "json":
        begin = (page - 1) * size
        items = list(found.views(rows, begin, begin + size))
        return Page(items=items, total=len(rows), page=page, size=size)
    lines = [_line(view) for view in found.views(rows, 0, MOST_LISTED)]
    if form == "xlsx":
        return attachment(to_xlsx("访问关系", HEADS, lines), "links.xlsx")
    return attachment(_csv(lines), "links.csv", "text/csv; charset=utf-8")


HEADS = ("调用方", "调用方单位", "调用方系统", "调用方地址", "被调用方", "被调用方单位",
         "被调用方系统", "被调用方地址", "协议", "端口", "进程", "观测天数", "观测次数",
         "首次", "最近")  # fmt: skip


def _line(view: LinkView) -> list[object]:
    return [*_end(view.client), *_end(view.server), view.protocol, view.port, view.process,
            view.days, view.looks, view.first.isoformat(), view.last.isoformat()]  # fmt: skip


def _end(end: EndView) -> list[object]:
    if end.kind == "other":
        return [f"其他单位的{KIND_WORDS.get(end.name, '资源')}", "", "", ""]
    name = end.name or (f"未登记（{end.network}）" if end.network else "未登记")
    return [name, end.unit_name, end.system, end.address]


def _csv(lines: list[list[object]]) -> bytes:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(HEADS)
    writer.writerows([_harmless(cell) for cell in line] for line in lines)
    return file.getvalue().encode("utf-8-sig")


def _harmless(cell: Any) -> Any:
    """A text that an office program would take for a formula, marked as text."""
    return "'" + cell if isinstance(cell, str) and cell[:1] in "=+-@\t\r" and cell else cell
