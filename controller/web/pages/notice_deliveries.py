"""How letters go out: deliveries and their failures, sent again by hand; and the template."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controller.notices import queries, wording
from controller.notices.api import resend_delivery
from controller.notices.views import (
    DeliveryView,
)
from controller.problems import Problem
from controller.web import render, tables
from controller.web.language import Text
from controller.web.pages import notice_words as words
from controller.web.pages.notices import NoticesManager, attempt, desk_of, tabs_of
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()

MOST_SHOWN = 4 * wording.MOST_TEXT
"""Characters of a refused text that are shown again."""


@dataclass(frozen=True)
class ShownDelivery:
    """A message with its words."""

    delivery: DeliveryView
    tone: str
    word: str
    channel: str


@dataclass(frozen=True)
class DeliveriesPage(render.Context):
    """The outbox; failed messages first to be seen. ``mail_set``: whether mail can go out."""

    template: ClassVar[str] = "notices_deliveries.html"

    rows: list[ShownDelivery]
    table: tables.TableState
    tabs: tuple[Area, ...]
    chosen: str
    choices: list[tuple[str, str]]
    mail_set: bool


@dataclass(frozen=True)
class TemplatePage(render.Context):
    """The text of a kind of letter, to be edited; ``names`` may stand in braces."""

    template: ClassVar[str] = "notices_template.html"

    kind: str
    kinds: list[tuple[str, str]]
    wording: wording.Wording
    names: list[tuple[str, str]]
    tabs: tuple[Area, ...]
    error: str
    """Why the text that is shown was not saved; "" where it is the one in force."""


@router.get("/notices/deliveries")
def deliveries(view: NoticesManager) -> HTMLResponse:
    _, asked = view.text, view.request.query_params
    states = [("", _("全部")), ("dead", _("发送失败")), ("waiting", _("待发送")),
              ("sent", _("已送出"))]  # fmt: skip
    chosen = asked.get("state", "") if asked.get("state", "") in dict(states) else ""
    page = tables.parse_page(asked.get("page", ""))
    with desk_of(view) as desk:
        found = queries.deliveries(desk, page, tables.PAGE_SIZE, state=chosen)
    rows = [
        ShownDelivery(
            each,
            *words.delivery_state(each.state, each.attempts, _),
            words.channel(each.channel, _),
        )
        for each in found.items
    ]
    query = {"state": chosen} if chosen else {}
    context = DeliveriesPage(
        rows,
        tables.TableState("/notices/deliveries", query, "", False, page, found.size, found.total),
        tabs_of(view),
        chosen,
        states,
        bool(view.runtime.settings.mail.host),
    )
    crumbs = [Crumb(_("提示函"), "/notices"), Crumb(_("发送记录"))]
    return view.page(context, active="notices", crumbs=crumbs)


@router.post("/notices/deliveries/{delivery_id}/resend")
def resend(delivery_id: int, view: NoticesManager) -> RedirectResponse:
    done = view.text("已重新排队，稍后发送。")
    return attempt(
        view,
        "/notices/deliveries?state=dead",
        done,
        lambda desk: resend_delivery(desk, delivery_id),
    )


def _kinds(_: Text) -> list[tuple[str, str]]:
    return [("idle", _("闲置提示函")), ("claim", _("认领通知"))]


@router.get("/notices/template")
def template_page(view: NoticesManager) -> HTMLResponse:
    _ = view.text
    kinds = _kinds(_)
    asked = view.request.query_params.get("kind", "")
    kind = asked if asked in dict(kinds) else "idle"
    with view.runtime.database.read() as session:
        found = wording.in_force(session, kind)
    return _template_page(view, kinds, found)


def _template_page(
    view: View, kinds: list[tuple[str, str]], shown: wording.Wording, error: str = ""
) -> HTMLResponse:
    _ = view.text
    names = [
        ("unit", _("单位名称")), ("count", _("资源数量")), ("vcpu", _("合计核数")),
        ("mem_gib", _("合计内存")), ("disk_gib", _("合计存储")), ("clauses", _("依据条款")),
        ("as_of", _("研判截止日期")), ("answer_days", _("答复工作日数")),
        ("observe_days", _("观察工作日数")), ("office", _("发文机关")),
    ]  # fmt: skip
    context = TemplatePage(shown.kind, kinds, shown, names, tabs_of(view), error)
    crumbs = [Crumb(_("提示函"), "/notices"), Crumb(_("函件模板"))]
    status = 422 if error else 200
    return view.page(context, active="notices", crumbs=crumbs, status=status)


@router.post("/notices/template")
def save_template(
    view: NoticesManager,
    kind: Annotated[str, Form()] = "idle",
    title: Annotated[str, Form()] = "",
    body: Annotated[str, Form()] = "",
) -> Response:
    """What cannot be a letter comes back as it was typed, with what is wrong."""
    _ = view.text
    try:
        with desk_of(view, write=True) as desk:
            wording.save(desk.session, desk.principal, kind, title, body)
    except Problem as problem:
        if problem.status != 422:
            raise
        with view.runtime.database.read() as session:
            before = wording.in_force(session, kind)
        typed = replace(before, title=title[:MOST_SHOWN], body=body[:MOST_SHOWN])
        error = words.refusal(problem, _)
        if where := problem.extra.get("where"):
            error += _("有误之处：{where}", where=where)
        return _template_page(view, _kinds(_), typed, error)
    back = render.link("/notices/template", kind=kind)
    return render.go(back, Flash("good", _("模板已保存，之后拟的函使用新模板。")))
