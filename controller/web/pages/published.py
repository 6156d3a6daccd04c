"""月度发布: published months, and one beside how it would be computed now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.inventory.units import list_units
from controller.ledger import months
from controller.ledger.months_api import Cause, VersionView, read_difference
from controller.problems import Problem
from controller.usage.model import UsageQuery, UsageRow
from controller.usage.periods import read_month
from controller.web import ledger_words, render, tables
from controller.web.pages.platform_imports import LedgerView
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

Publisher = Annotated[View, Depends(opened("ledger.publish"))]


@dataclass(frozen=True)
class PublishedPage(render.Context):
    """Every version of every month, and the form that publishes one."""

    template: ClassVar[str] = "published.html"

    rows: list[VersionView]
    table: tables.TableState
    last_month: str
    threshold: float
    may_publish: bool
    may_force: bool
    tabs: tuple[Area, ...]


@dataclass(frozen=True)
class Beside:
    """A unit's row as published and as computed now; one may be missing."""

    published: UsageRow | None
    now: UsageRow | None
    changed: bool

    @property
    def row(self) -> UsageRow | None:
        return self.now or self.published


@dataclass(frozen=True)
class ShownChange:
    """A row whose figures differ: (figure, before, after) in words."""

    title: str
    href: str
    changes: list[tuple[str, str, str]]
    because: list[str]


@dataclass(frozen=True)
class ShownHolding:
    """A stretch in which a resource's holding differs."""

    resource: str
    name: str
    since: str
    until: str
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True)
class MonthPage(render.Context):
    """One version beside a later one or now."""

    template: ClassVar[str] = "published_month.html"

    version: VersionView
    versions: list[VersionView]
    after: str
    rows: list[Beside]
    changes: list[ShownChange]
    holdings: list[ShownHolding]
    causes: list[Cause]
    exports: tuple[tables.ExportLink, ...]
    tabs: tuple[Area, ...]


@router.get("/ledger/months")
def months_page(view: LedgerView) -> Response:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with view.runtime.database.read() as session:
        found, total = months.list_versions(session, page=page, size=tables.PAGE_SIZE)
        rows = [VersionView.of(each) for each in found]
    first = view.now.astimezone(view.zone).replace(day=1)
    context = PublishedPage(
        rows=rows,
        table=tables.TableState("/ledger/months", {}, "", False, page, tables.PAGE_SIZE, total),
        last_month=f"{first - timedelta(days=1):%Y-%m}",
        threshold=view.runtime.settings.ledger.publish_score,
        may_publish=view.may("ledger.publish"),
        may_force=view.may("ledger.force"),
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    return view.page(context, active="ledger", crumbs=[Crumb(_("月度发布"))])


@router.post("/ledger/months")
def publish(
    view: Publisher,
    month: Annotated[str, Form(max_length=7)],
    note: Annotated[str, Form(max_length=500)] = "",
    force: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    try:
        made = months.publish(
            view.runtime, view.principal, month, force=force, note=note, now=view.now
        )
        with view.runtime.database.write() as session:
            kept = VersionView.of(months.keep(session, made))
            detail = kept.model_dump(mode="json", exclude={"month", "version"})
            object_ = f"{kept.month} v{kept.version}"
            audit.record(session, view.principal, "ledger.publish", object_, "ok", detail)
    except Problem as problem:
        return render.go("/ledger/months", Flash("bad", view.why(problem)))
    text = view.text("已发布 {month} 第 {n} 版。", month=kept.month, n=kept.version)
    return render.go(f"/ledger/months/{kept.month}?version={kept.version}", Flash("good", text))


@router.get("/ledger/months/{month}")
def month_page(month: str, view: LedgerView) -> Response:
    _, asked = view.text, view.request.query_params
    number = _number(asked.get("version", ""))
    with view.runtime.database.read() as session:
        version = VersionView.of(months.find_version(session, month, number))
        found, _total = months.list_versions(session, month=month, size=1000)
        versions = [VersionView.of(each) for each in found]
    after = asked.get("after", "now")
    known = {str(each.version) for each in versions if each.version > version.version}
    after = after if after in known else "now"
    query = UsageQuery(*read_month(month, view.zone), "unit")
    published = months.published_report(
        view.runtime, view.scope, query, month, version.version
    ).rows
    other = (
        view.report(query).rows
        if after == "now"
        else months.published_report(view.runtime, view.scope, query, month, int(after)).rows
    )
    difference, causes = read_difference(view.runtime, view.scope, month, version.version, after)
    changed = {each.unit for each in difference.figures if each.by == "unit"}
    was = {row.unit: row for row in published}
    now = {row.unit: row for row in other}
    figures, fields = ledger_words.figure_names(_), ledger_words.fields(_)

    with view.runtime.database.read() as session:
        names_of = {unit.code: unit.name for unit in list_units(session, view.scope, view.now)}

    def said(name: str, value: object) -> str:
        return ledger_words.said(name, names_of.get(str(value), value) if name == "unit" else value)

    def words(
        changes: dict[str, list[object]], names: dict[str, str]
    ) -> list[tuple[str, str, str]]:
        return [
            (names.get(name, name), said(name, one), said(name, two))
            for name, (one, two) in changes.items()
        ]

    context = MonthPage(
        version=version,
        versions=versions,
        after=after,
        rows=[
            Beside(was.get(unit), now.get(unit), unit in changed)
            for unit in dict.fromkeys((*now, *was))
        ],
        changes=[
            ShownChange(
                each.unit_name or each.unit or "",
                render.link(f"/units/{each.unit}"),
                words(each.fields, figures),
                each.because,
            )
            for each in difference.figures
            if each.by == "unit"
        ],
        holdings=[
            ShownHolding(
                each.resource,
                each.name,
                f"{each.since.astimezone(view.zone):%Y-%m-%d %H:%M}",
                f"{each.until.astimezone(view.zone):%Y-%m-%d %H:%M}",
                words(each.fields, fields),
            )
            for each in difference.holdings[:200]
        ],
        causes=causes,
        exports=tuple(
            tables.ExportLink(
                kind,
                label,
                render.link(
                    "/api/v1/usage", {"month": month, "version": version.version}, format=kind
                ),
            )
            for kind, label in (("xlsx", _("Excel 表格（XLSX）")), ("csv", _("文本表格（CSV）")))
        ),
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    crumbs = [Crumb(_("月度发布"), "/ledger/months"), Crumb(month)]
    return view.page(context, active="ledger", crumbs=crumbs)


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 7 else None
