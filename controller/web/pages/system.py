"""系统: what its pages share, and data not stored (ops)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse

from controller.ingest.agents import SetAsideView, list_set_aside
from controller.web import render, tables, words
from controller.web.shell import Area, Crumb, system_tabs
from controller.web.view import View, opened

router = APIRouter()

SystemReader = Annotated[View, Depends(opened("system.read"))]


@dataclass(frozen=True)
class ShownSetAside:
    """A count of data that was not stored, with its words."""

    row: SetAsideView
    kind: str
    meaning: str


@dataclass(frozen=True)
class SetAsidePage(render.Context):
    """Newest first."""

    template: ClassVar[str] = "set_aside.html"

    tabs: tuple[Area, ...]
    rows: list[ShownSetAside]
    table: tables.TableState


@router.get("/system/set-aside")
def set_aside_page(view: SystemReader) -> HTMLResponse:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with view.runtime.database.read() as session:
        found = list_set_aside(session, view.scope, view.now)
    state = tables.TableState(
        "/system/set-aside", {}, "last_seen", True, page, tables.PAGE_SIZE, len(found)
    )
    rows = [
        ShownSetAside(row, *words.set_aside_kind(row.kind, _)) for row in tables.cut(found, page)
    ]
    context = SetAsidePage(tabs=system_tabs(view.principal, _), rows=rows, table=state)
    return framed(view, context, _("未入库数据"))


def framed(view: View, context: render.Context, title: str, status: int = 200) -> HTMLResponse:
    """A page of 系统."""
    crumbs = [Crumb(view.text("系统")), Crumb(title)]
    return view.page(context, active="system", crumbs=crumbs, status=status)
