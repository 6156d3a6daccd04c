"""提示函: the board, follow-up, orders, ledger, outbox and template."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.notices import acts, bodies, orders, outbox, queries
from controller.notices import board as lists
from controller.notices.desk import CALENDAR_WRONG, Desk
from controller.notices.views import (
    DeliveryView,
    EscalationView,
    Ledger,
    NoticeRow,
    OrderView,
)
from controller.problems import Problem
from controller.web import figures, render, tables
from controller.web.language import Text
from controller.web.pages import notice_words as words
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

NoticesView = Annotated[View, Depends(opened("notices.read"))]
NoticesManager = Annotated[View, Depends(opened("notices.manage"))]
ProviderView = Annotated[View, Depends(opened("notices.carry_out"))]


FOLLOW_SIZE = 20
"""Each is a card with forms."""


@dataclass(frozen=True)
class ShownNotice:
    """A notice and how its state is said."""

    row: NoticeRow
    tone: str
    word: str


@dataclass(frozen=True)
class NoticesPage(render.Context):
    """The board; ``counts`` are (filter, word, number); ``messages`` are a unit's inbox."""

    template: ClassVar[str] = "notices.html"

    rows: list[ShownNotice]
    table: tables.TableState
    counts: list[tuple[str, str, int]]
    chosen: str
    text: str
    unit: str
    units: list[UnitView]
    tabs: tuple[Area, ...]
    exports: tuple[tables.ExportLink, ...]
    messages: list[DeliveryView]
    office: bool
    any: bool
    calendar_error: str


@dataclass(frozen=True)
class Late:
    """One line of the follow-up list; ``proposals`` wait for a decision."""

    row: NoticeRow
    contact: str
    phone: str
    calls: list[Any]
    proposals: list[tuple[EscalationView, str]]


@dataclass(frozen=True)
class FollowPage(render.Context):
    """催办清单: notices past their deadline and what was done about them."""

    template: ClassVar[str] = "notices_follow.html"

    rows: list[Late]
    table: tables.TableState
    tabs: tuple[Area, ...]
    may_manage: bool


@dataclass(frozen=True)
class ShownOrder:
    """An order with its words."""

    order: OrderView
    word: str
    detail: str


@dataclass(frozen=True)
class OrdersPage(render.Context):
    """处置指令 and their receipts."""

    template: ClassVar[str] = "notices_orders.html"

    rows: list[ShownOrder]
    table: tables.TableState
    tabs: tuple[Area, ...]
    waiting: int


@dataclass(frozen=True)
class LedgerPage(render.Context):
    """回收成效台账 with its sums."""

    template: ClassVar[str] = "notices_ledger.html"

    ledger: Ledger
    table: tables.TableState
    tabs: tuple[Area, ...]
    exports: tuple[tables.ExportLink, ...]


@contextmanager
def desk_of(view: View, *, write: bool = False) -> Iterator[Desk]:
    """The reader's desk in a transaction of its own."""
    opened_ = view.runtime.database.write() if write else view.runtime.database.read()
    with opened_ as session:
        yield Desk(session, view.runtime.settings, view.scope, view.principal)


def attempt(view: View, back: str, done: str, do: Callable[[Desk], object]) -> RedirectResponse:
    """Do it and go ``back`` saying so, or saying why not. Raises NotFound."""
    try:
        with desk_of(view, write=True) as desk:
            do(desk)
    except Problem as problem:
        if problem.status not in (403, 409, 413, 422) and problem.title != CALENDAR_WRONG:
            raise
        return render.go(back, Flash("bad", words.refusal(problem, view.text)))
    return render.go(back, Flash("good", done))


def tabs_of(view: View) -> tuple[Area, ...]:
    """The pages of this area that the reader may open."""
    _ = view.text
    found = []
    if view.may("notices.read"):
        found.append(Area("board", _("提示函"), "/notices", "file-text"))
    if view.may("notices.manage"):
        found.append(Area("follow", _("催办与升级"), "/notices/follow", "history"))
    if view.may("notices.carry_out"):
        found.append(Area("orders", _("处置指令"), "/notices/orders", "server-2"))
    if view.may("notices.read"):
        found.append(Area("ledger", _("回收成效台账"), "/notices/ledger", "file-spreadsheet"))
    if view.may("notices.manage"):
        found.append(Area("deliveries", _("发送记录"), "/notices/deliveries", "activity-heartbeat"))
        found.append(Area("template", _("函件模板"), "/notices/template", "settings"))
    return tuple(found)


@router.get("/notices")
def board(view: NoticesView, file: str = "") -> Response:
    _, asked = view.text, view.request.query_params
    whole = file in ("csv", "xlsx")
    text, unit = asked.get("text", "").strip()[:100], asked.get("unit", "")
    chosen = asked.get("state", "") if asked.get("state", "") in lists.FILTERS else ""
    sort, descending = tables.parse_sort(asked.get("sort", ""), lists.SORTS, "due")
    page = tables.parse_page(asked.get("page", ""))
    with desk_of(view) as desk:
        counted = lists.counts(desk, unit=unit, text=text)
        rows = lists.rows(
            desk, state=chosen, unit=unit, text=text, sort=sort, descending=descending,
            page=1 if whole else page, size=None if whole else tables.PAGE_SIZE,
        )  # fmt: skip
        units = list_units(desk.session, view.scope, view.now)
        wrong = desk.calendar_error
        messages = (
            queries.deliveries(desk, 1, 8, channel=outbox.INBOX).items
            if view.principal.role == "unit" else []
        )  # fmt: skip
    if whole:
        return _export(view, rows, file)
    query = {k: v for k, v in (("state", chosen), ("unit", unit), ("text", text)) if v}
    context = NoticesPage(
        rows=[ShownNotice(row, *words.letter_state(row.state, _)) for row in rows],
        table=tables.TableState(
            "/notices", query, sort, descending, page, tables.PAGE_SIZE, counted[chosen]
        ),
        counts=_counts(counted, view),
        chosen=chosen,
        text=text,
        unit=unit,
        units=units,
        tabs=tabs_of(view),
        exports=_exports(view, "/notices", query),
        messages=messages,
        office=not view.bound,
        any=bool(counted[""] or query),
        calendar_error=wrong if not view.bound else "",
    )  # fmt: skip
    return view.page(context, active="notices", crumbs=[Crumb(_("提示函"))])


def _counts(counted: dict[str, int], view: View) -> list[tuple[str, str, int]]:
    _ = view.text
    named = [
        ("", _("全部")), ("open", _("未办结")), ("overdue", _("已逾期")),
        ("proposed", _("待审批升级")), ("draft", _("拟稿")), ("reviewed", _("待签发")),
        ("signed", _("待发文")), ("issued", _("办理中")), ("closed", _("已办结")),
        ("cancelled", _("已作废")),
    ]  # fmt: skip
    if view.bound:
        named = [each for each in named if each[0] in ("", "overdue", "issued", "closed")]
    return [(key, word, counted[key]) for key, word in named]


def _exports(view: View, path: str, query: dict[str, str]) -> tuple[tables.ExportLink, ...]:
    _ = view.text
    return (
        tables.ExportLink("xlsx", _("Excel 表格（XLSX）"), render.link(path, query, file="xlsx")),
        tables.ExportLink("csv", _("文本表格（CSV）"), render.link(path, query, file="csv")),
    )


def _export(view: View, rows: list[NoticeRow], file: str) -> Response:
    _ = view.text
    heads = [
        _("编号"), _("发文字号"), _("单位"), _("标题"), _("状态"), _("发文时间"), _("答复期限"),
        _("剩余工作日"), _("资源数"), _("未办结"), _("已确认"), "vCPU",
    ]  # fmt: skip
    cells = [
        [
            row.code, row.number, row.unit_name, row.title, words.letter_state(row.state, _)[1],
            figures.moment(row.issued, view.zone), str(row.due or ""), row.days_left, row.items,
            row.open, row.answered, row.vcpu,
        ]
        for row in rows
    ]  # fmt: skip
    return tables.export(file, f"notices-{view.now.astimezone(view.zone):%Y%m%d}", heads, cells)


@router.post("/notices/draft")
def draft(view: NoticesManager, verdict: Annotated[list[int] | None, Form()] = None) -> Response:
    """One letter a unit from the verdicts that were ticked."""
    _ = view.text
    try:
        with desk_of(view, write=True) as desk:
            made = acts.draft(desk, bodies.NewDraft(verdicts=verdict or []))
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return render.go("/idle", Flash("bad", words.refusal(problem, _)))
    text = _("已拟 {n} 份函。", n=len(made.codes))
    if made.skipped:
        names = "、".join(list(made.skipped)[:5])
        text += _("{n} 项未列入（已在未办结的函中或无需提示）：{names}",
                  n=len(made.skipped), names=names)  # fmt: skip
    return render.go("/notices?state=draft", Flash("good" if made.codes else "warn", text))


@router.get("/notices/follow")
def follow(view: NoticesManager) -> HTMLResponse:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with desk_of(view) as desk:
        units = {unit.code: unit for unit in list_units(desk.session, view.scope, view.now)}
        found, total = lists.pressing(desk, page, FOLLOW_SIZE)
    late = [
        Late(
            each.notice,
            unit.contact if (unit := units.get(each.notice.unit_code)) else "",
            unit.phone if unit else "",
            list(each.calls),
            [(e, words.level(e.level, _)) for e in each.escalations],
        )
        for each in found
    ]
    table = tables.TableState("/notices/follow", {}, "", False, page, FOLLOW_SIZE, total)
    context = FollowPage(late, table, tabs_of(view), view.may("notices.manage"))
    crumbs = [Crumb(_("提示函"), "/notices"), Crumb(_("催办与升级"))]
    return view.page(context, active="notices", crumbs=crumbs)


@router.get("/notices/orders")
def orders_page(view: ProviderView) -> HTMLResponse:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with desk_of(view) as desk:
        found = queries.orders(desk, page, tables.PAGE_SIZE)
        waiting = queries.orders(desk, 1, 1, waiting=True).total
    rows = [
        ShownOrder(
            each, words.order(each.kind, _), "，".join(f"{k} {v}" for k, v in each.detail.items())
        )
        for each in found.items
    ]
    table = tables.TableState("/notices/orders", {}, "", False, page, found.size, found.total)
    context = OrdersPage(rows, table, tabs_of(view), waiting)
    return view.page(context, active="notices", crumbs=[Crumb(_("处置指令"))])


@router.post("/notices/orders/{order_id}/receipt")
def receipt(
    order_id: int,
    view: ProviderView,
    note: Annotated[str, Form()] = "",
    snapshot: Annotated[str, Form()] = "",
) -> RedirectResponse:
    done = view.text("回执已登记。")
    return attempt(
        view, "/notices/orders", done, lambda desk: orders.receipt(desk, order_id, note, snapshot)
    )


@router.get("/notices/ledger")
def ledger(view: NoticesView, file: str = "") -> Response:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    whole = file in ("csv", "xlsx")
    size = 100_000 if whole else tables.PAGE_SIZE
    with desk_of(view) as desk:
        found = queries.ledger(desk, 1 if whole else page, size)
    if whole:
        heads = [
            _("核验时间"), _("方式"), _("单位"), _("资源编码"), _("资源名称"), _("提示函"), "vCPU",
            _("内存 GB"), _("存储 GB"), _("每月节约（元）"), _("核验依据"),
        ]  # fmt: skip
        cells = [
            [
                figures.moment(each.at, view.zone), _how(each.how, _), each.unit_name,
                each.resource_code, each.resource_name, each.notice_code, each.vcpu,
                each.mem_bytes / 2**30, each.disk_bytes / 2**30, each.cost_month, each.evidence,
            ]
            for each in found.items
        ]  # fmt: skip
        return tables.export(file, "recovered", heads, cells)
    table = tables.TableState("/notices/ledger", {}, "", False, page, size, found.total)
    context = LedgerPage(found, table, tabs_of(view), _exports(view, "/notices/ledger", {}))
    crumbs = [Crumb(_("提示函"), "/notices"), Crumb(_("回收成效台账"))]
    return view.page(context, active="notices", crumbs=crumbs)


def _how(code: str, _: Text) -> str:
    return _("缩减") if code == "shrunk" else _("释放")
