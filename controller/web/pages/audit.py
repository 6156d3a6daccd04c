"""系统 · 审计日志: who did what, and whether the chain of the log is whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from controller.access import audit
from controller.access.tables import AuditEntry
from controller.web import figures, render, tables, words
from controller.web.pages.system import framed
from controller.web.period import parse
from controller.web.shell import Area, system_tabs
from controller.web.view import View, opened

router = APIRouter()

AuditReader = Annotated[View, Depends(opened("audit.read"))]


@dataclass(frozen=True)
class ShownEntry:
    """A row of the audit log in words."""

    entry: AuditEntry
    action: str
    tone: str
    outcome: str


@dataclass(frozen=True)
class AuditPage(render.Context):
    """``older`` leads on, "" at the end; ``verdict`` is None until the check was asked for."""

    template: ClassVar[str] = "audit.html"

    tabs: tuple[Area, ...]
    rows: list[ShownEntry]
    actor: str
    action: str
    first: str
    last: str
    older: str
    verdict: audit.Verdict | None
    verify_url: str
    exports: tuple[tables.ExportLink, ...]


@router.get("/system/audit")
def audit_page(view: AuditReader, file: str = "", before: int | None = None) -> Response:
    _, asked = view.text, view.request.query_params
    actor, action = asked.get("actor", "").strip(), asked.get("action", "").strip()
    first, last = asked.get("from", ""), asked.get("to", "")
    since, until = _span(view, first, last)
    export = file in ("csv", "xlsx")
    size = 100_000 if export else 100
    with view.runtime.database.read() as session:
        entries = audit.list_entries(
            session,
            since=since,
            until=until,
            actor=actor,
            action=action,
            before_id=before,
            limit=size,
        )
        verdict = audit.verify(session) if asked.get("verify") == "1" else None
    rows = [
        ShownEntry(entry, words.action(entry.action, _), *words.outcome(entry.outcome, _))
        for entry in entries
    ]
    if export:
        return _export_audit(view, rows, file)
    query = {"actor": actor, "action": action, "from": first, "to": last}
    full = len(entries) == size
    context = AuditPage(
        tabs=system_tabs(view.principal, _),
        rows=rows,
        actor=actor,
        action=action,
        first=first,
        last=last,
        older=render.link("/system/audit", query, before=entries[-1].id) if full else "",
        verdict=verdict,
        verify_url=render.link("/system/audit", query, verify="1"),
        exports=(
            tables.ExportLink(
                "xlsx", _("Excel 表格（XLSX）"), render.link("/system/audit", query, file="xlsx")
            ),
            tables.ExportLink(
                "csv", _("文本表格（CSV）"), render.link("/system/audit", query, file="csv")
            ),
        ),
    )
    return framed(view, context, _("审计日志"))


def _span(view: View, first: str, last: str) -> tuple[datetime | None, datetime | None]:
    """The audit log's dates; without two readable ones, all of it."""
    if not first or not last:
        return None, None
    period = parse("custom", first, last, view.now, view.zone)
    return (None, None) if period.error else (period.since, period.until)


def _export_audit(view: View, rows: list[ShownEntry], file: str) -> Response:
    _ = view.text
    heads = [
        "ID",
        _("时间"),
        _("操作人"),
        _("来源地址"),
        _("操作"),
        _("对象"),
        _("结果"),
        _("详情"),
        _("链值"),
    ]
    cells = [
        [
            each.entry.id,
            figures.moment(each.entry.at, view.zone, seconds=True),
            each.entry.actor,
            each.entry.address,
            each.entry.action,
            each.entry.object,
            each.outcome,
            str(each.entry.detail) if each.entry.detail else "",
            each.entry.chain,
        ]
        for each in rows
    ]
    return tables.export(file, f"audit-{view.now.astimezone(view.zone):%Y%m%d}", heads, cells)
