"""巡查 · 问题: what is wrong, whose it is, what has been done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session, col, select

from controller.access.tables import User
from controller.findings import changes, views
from controller.findings.model import EventView, FindingView, Summary
from controller.findings.tables import SEVERITIES
from controller.inventory.model import UnitView
from controller.inventory.units import find_unit, list_units, subtree
from controller.web import figures, render, tables
from controller.web.pages import patrol_words as words
from controller.web.pages.finding_parts import (
    FindingsView,
    Manager,
    crumbs_of,
    moment_of,
    tomorrow,
)
from controller.web.pages.patrol_words import Evidence
from controller.web.shell import Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

Acknowledger = Annotated[View, Depends(opened("findings.acknowledge"))]

MOST_EXPORTED = 50_000
STATES = ("unresolved", "open", "acknowledged", "resolved", "all")


@dataclass(frozen=True)
class Choice:
    """One entry of a filter."""

    value: str
    label: str
    count: int | None = None


@dataclass(frozen=True)
class Shown:
    """A finding in the words of the page."""

    finding: FindingView
    title: str
    check: str
    severity: tuple[str, str]
    state: tuple[str, str]
    href: str


@dataclass(frozen=True)
class FindingsPage(render.Context):
    """The list; ``summary`` counts what waits in all of the reader's scope."""

    template: ClassVar[str] = "findings.html"

    rows: list[Shown]
    table: tables.TableState
    summary: Summary
    chosen: dict[str, str]
    """The filters as they stand."""
    states: list[Choice]
    severities: list[Choice]
    codes: list[Choice]
    units: list[UnitView]
    patrol: bool
    """Whether the reader has the patrol pages, too."""
    may_acknowledge: bool
    exports: tuple[tables.ExportLink, ...]


@dataclass(frozen=True)
class Happened:
    """One event of a finding's life, in words."""

    event: EventView
    what: str
    detail: str


@dataclass(frozen=True)
class FindingPage(render.Context):
    """One finding: evidence, life, and what can be done."""

    template: ClassVar[str] = "finding.html"

    shown: Shown
    evidence: list[Evidence]
    life: list[Happened]
    source: str
    remedy: str
    hidden_href: str
    """The finding that hides this one; "" where a window does or none."""
    people: list[str]
    """Who it can be assigned to."""
    until: str
    """What a suppression ends at unless another moment is given."""
    may_acknowledge: bool
    may_manage: bool


@router.get("/findings")
def findings_page(view: FindingsView, file: str = "") -> Response:
    _, asked = view.text, view.request.query_params
    chosen = {
        name: asked.get(name, "").strip()[:100]
        for name in ("state", "severity", "code", "unit", "text", "assignee", "more")
    }
    if chosen["state"] not in STATES:
        chosen["state"] = "unresolved"
    sort, descending = tables.parse_sort(asked.get("sort", ""), views.SORTS, "severity")
    page = tables.parse_page(asked.get("page", ""))
    size = MOST_EXPORTED if file in ("csv", "xlsx") else tables.PAGE_SIZE
    with view.runtime.database.read() as session:
        below = None
        if chosen["unit"]:
            unit = find_unit(session, view.scope, chosen["unit"], view.now)
            below = subtree(session, unit.id, view.now)
        wanted = views.Filter(
            state="" if chosen["state"] == "all" else chosen["state"],
            severity=chosen["severity"] if chosen["severity"] in SEVERITIES else "",
            code=chosen["code"],
            unit_ids=below,
            text=chosen["text"],
            assignee=chosen["assignee"],
            hidden=chosen["more"] == "hidden" if chosen["more"] != "all" else None,
            overdue=chosen["more"] == "overdue",
        )
        rows, total = views.list_findings(
            session, view.scope, view.now, wanted,
            sort=sort, descending=descending, page=1 if size > 1000 else page, size=size,
        )  # fmt: skip
        summary = views.summary(session, view.scope, view.now)
        codes = views.by_code(session, view.scope)
        units = list_units(session, view.scope, view.now)
    shown = [_shown(view, row) for row in rows]
    if file in ("csv", "xlsx"):
        return _export(view, shown, file)
    query = {key: value for key, value in chosen.items() if value and value != "unresolved"}
    context = FindingsPage(
        rows=shown,
        table=tables.TableState(
            "/findings", query, sort, descending, page, tables.PAGE_SIZE, total
        ),
        summary=summary,
        chosen=chosen,
        states=[
            Choice("unresolved", _("未消除"), summary.total),
            Choice("open", _("待确认"), summary.unacknowledged),
            Choice("acknowledged", _("处理中")),
            Choice("resolved", _("已消除")),
            Choice("all", _("全部")),
        ],
        severities=[
            Choice(each, words.severity(each, _)[1], getattr(summary, each)) for each in SEVERITIES
        ],
        codes=[Choice(code, words.check_title(code, view.language), n) for code, n in codes],
        units=units,
        patrol=view.may("patrol.read"),
        may_acknowledge=view.may("findings.acknowledge"),
        exports=(
            tables.ExportLink(
                "xlsx", _("Excel 表格（XLSX）"), render.link("/findings", query, file="xlsx")
            ),
            tables.ExportLink(
                "csv", _("文本表格（CSV）"), render.link("/findings", query, file="csv")
            ),
        ),
    )
    return view.page(context, active="patrol", crumbs=crumbs_of(view, Crumb(_("问题"))))


@router.post("/findings/acknowledge")
def acknowledge(
    view: Acknowledger,
    ids: Annotated[list[int] | None, Form()] = None,
    note: Annotated[str, Form(max_length=1000)] = "",
    back: Annotated[str, Form()] = "",
) -> RedirectResponse:
    if not ids:
        return render.go("/findings", Flash("bad", view.text("请至少选择一项问题。")))
    with view.runtime.database.write() as session:
        count = changes.acknowledge(session, view.scope, ids, view.principal, note)
    to = f"/findings/{ids[0]}" if back == "finding" else "/findings"
    return render.go(to, Flash("good", view.text("已确认 {n} 项。", n=count)))


@router.get("/findings/{finding_id}")
def finding_page(finding_id: int, view: FindingsView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        life = views.get_finding(session, view.scope, finding_id, view.now)
        people = _people(session) if view.may("findings.manage") else []
    finding = life.finding
    cause = finding.hidden_by.removeprefix("finding:")
    context = FindingPage(
        shown=_shown(view, finding),
        evidence=words.evidence(finding.code, finding.detail, view.language, view.zone),
        life=[_happened(view, event) for event in reversed(life.events)],
        source=words.source(finding.source, _),
        remedy=words.remedy(finding.code, finding.detail, view.language),
        hidden_href=f"/findings/{cause}" if finding.hidden_by.startswith("finding:") else "",
        people=people,
        until=tomorrow(view),
        may_acknowledge=view.may("findings.acknowledge"),
        may_manage=view.may("findings.manage"),
    )
    crumbs = crumbs_of(view, Crumb(_("问题"), "/findings"), Crumb(_("问题 {n}", n=finding_id)))
    return view.page(context, active="patrol", crumbs=crumbs)


@router.post("/findings/{finding_id}/assign")
def assign(
    finding_id: int,
    view: Manager,
    to: Annotated[str, Form()] = "",
    due: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=1000)] = "",
) -> RedirectResponse:
    when = moment_of(view, due) if due else None
    with view.runtime.database.write() as session:
        changes.assign(session, view.scope, finding_id, to, when, view.principal, note)
    return render.go(f"/findings/{finding_id}", Flash("good", view.text("已指派。")))


@router.post("/findings/{finding_id}/note")
def add_note(
    finding_id: int, view: Acknowledger, note: Annotated[str, Form(max_length=1000)] = ""
) -> RedirectResponse:
    if not note.strip():
        return render.go(f"/findings/{finding_id}", Flash("bad", view.text("请填写内容。")))
    with view.runtime.database.write() as session:
        changes.add_note(session, view.scope, finding_id, view.principal, note)
    return render.go(f"/findings/{finding_id}", Flash("good", view.text("已记录。")))


@router.post("/findings/{finding_id}/resolve")
def resolve(
    finding_id: int, view: Manager, note: Annotated[str, Form(max_length=1000)] = ""
) -> RedirectResponse:
    if not note.strip():
        return render.go(f"/findings/{finding_id}", Flash("bad", view.text("请填写处理情况。")))
    with view.runtime.database.write() as session:
        changes.resolve(session, view.scope, finding_id, view.principal, note)
    return render.go(f"/findings/{finding_id}", Flash("good", view.text("已标记为消除。")))


def _shown(view: View, finding: FindingView) -> Shown:
    _ = view.text
    return Shown(
        finding=finding,
        title=finding.title(view.language),
        check=words.check_title(finding.code, view.language),
        severity=words.severity(finding.severity, _),
        state=words.state(finding.state, _),
        href=words.subject_link(finding.subject_kind, finding.subject_key, finding.detail),
    )


def _happened(view: View, event: EventView) -> Happened:
    _, detail = view.text, event.detail
    said = ""
    if event.what == "severity":
        said = " → ".join(words.severity(str(detail.get(side)), _)[1] for side in ("from", "to"))
    elif event.what in ("assigned", "handed_over"):
        said = f"{detail.get('from') or '–'} → {detail.get('to') or '–'}"
    return Happened(event, words.happened(event.what, _), said)


def _people(session: Session) -> list[str]:
    rows = session.exec(
        select(User.username)
        .where(
            col(User.disabled).is_(False),
            col(User.role).in_(("ops", "engineer", "provider", "county_admin")),
        )
        .order_by(col(User.username))
    )
    return list(rows)


def _export(view: View, rows: list[Shown], file: str) -> Response:
    _ = view.text
    heads = [
        _("级别"), _("状态"), _("问题"), _("对象"), _("单位"), _("检查项"), _("首次发现"),
        _("最近发现"), _("次数"), _("确认人"), _("责任人"), _("时限"),
    ]  # fmt: skip
    cells = [
        [
            each.severity[1],
            each.state[1],
            each.title,
            each.finding.subject_name or each.finding.subject_key,
            each.finding.unit_name,
            each.check,
            figures.moment(each.finding.opened, view.zone),
            figures.moment(each.finding.last_seen, view.zone),
            each.finding.times_seen,
            each.finding.acknowledged_by,
            each.finding.assignee,
            figures.moment(each.finding.due, view.zone),
        ]
        for each in rows
    ]
    return tables.export(file, f"findings-{view.now.astimezone(view.zone):%Y%m%d}", heads, cells)
