"""One notice: the office's page with the steps that are possible now; a unit gets its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from controller.notices import acts, answers, bodies, followup, office, queries
from controller.notices.api import as_download, read_upload
from controller.notices.desk import Desk
from controller.notices.lifecycle import ITEM, LETTER, OFFICE, allowed
from controller.notices.views import EscalationView, ItemView, NoticeDetail
from controller.problems import Problem
from controller.reports.api import letter_file
from controller.reports.letters import Letter, letter_of
from controller.web import render
from controller.web.pages import notice_words as words
from controller.web.pages.notice_parts import (
    ShownEvent,
    ShownItem,
    data_url,
    day_of,
    evidence,
    item_of,
    path_of,
    show_events,
    show_item,
)
from controller.web.pages.notice_unit import unit_page
from controller.web.pages.notices import NoticesManager, NoticesView, attempt, desk_of
from controller.web.shell import Crumb, Flash
from controller.web.view import View

router = APIRouter()


@dataclass(frozen=True)
class Possible:
    """A step the office may take now; ``needs`` are the fields its form asks for."""

    act: str
    word: str
    needs: tuple[str, ...]
    danger: bool = False


@dataclass(frozen=True)
class ShownMessage:
    """A delivery of this notice in words."""

    channel: str
    recipient: str
    subject: str
    tone: str
    word: str
    error: str


@dataclass(frozen=True)
class NoticePage(render.Context):
    """The office's page. ``steps`` are for the letter, ``item_steps`` by resource id."""

    template: ClassVar[str] = "notice.html"

    notice: NoticeDetail
    letter: Letter
    tone: str
    word: str
    items: list[ShownItem]
    steps: list[Possible]
    item_steps: dict[int, list[Possible]]
    events: list[ShownEvent]
    escalations: list[tuple[EscalationView, str, str, str]]
    """(escalation, level, tone, state)"""
    messages: list[ShownMessage]
    may_manage: bool
    has_scan: bool
    path: str


@router.get("/notices/{code}")
def notice_page(code: str, view: NoticesView) -> HTMLResponse:
    if view.principal.role == "unit":
        # The first time it is opened is noted: a read with a write in it.
        with desk_of(view) as desk:
            unread = (found := desk.find(code)).read is None and found.state == "issued"
        if unread:
            with desk_of(view, write=True) as desk:
                answers.mark_read(desk, desk.find(code))
    if view.bound:
        return unit_page(view, code)
    with desk_of(view) as desk:
        notice = queries.detail(desk, code)
    return _office_page(view, notice)


def _office_page(view: View, notice: NoticeDetail) -> HTMLResponse:
    _, path = view.text, path_of(notice.code)
    manage = view.may("notices.manage")
    context = NoticePage(
        notice=notice,
        letter=letter_of(notice),
        tone=words.letter_state(notice.state, _)[0],
        word=words.letter_state(notice.state, _)[1],
        items=[show_item(item, data_url(notice.code, item.id), _) for item in notice.resources],
        steps=_letter_steps(notice, view) if manage else [],
        item_steps={
            item.id: _item_steps(notice, item, view) if manage else []
            for item in notice.resources
        },
        events=show_events(notice, _),
        escalations=[
            (each, words.level(each.level, _), *words.escalation_state(each.state, _))
            for each in notice.escalations
        ],
        messages=[
            ShownMessage(
                words.channel(each.channel, _), each.recipient, each.subject,
                *words.delivery_state(each.state, each.attempts, _), each.error,
            )
            for each in notice.deliveries
        ],
        may_manage=manage,
        has_scan=any(file.kind == "scan" for file in notice.files),
        path=path,
    )  # fmt: skip
    crumbs = [Crumb(_("提示函"), "/notices"), Crumb(notice.code)]
    return view.page(context, active="notices", crumbs=crumbs)


def _letter_steps(notice: NoticeDetail, view: View) -> list[Possible]:
    found = [
        each for each in allowed(LETTER, notice.state, OFFICE)
        if not (each == "close" and notice.open == 0)
    ]  # fmt: skip
    if notice.state == "issued" and notice.kind == "idle":
        found.insert(0, "send_again")
    needs = {"review": ("person",), "sign": ("person",), "register": ("number", "dated"),
             "send_again": ()}  # fmt: skip
    return [
        Possible(
            each, words.act(each, view.text), needs.get(each, ("note",)),
            each in ("cancel", "close", "return"),
        )
        for each in found
    ]  # fmt: skip


def _item_steps(notice: NoticeDetail, item: ItemView, view: View) -> list[Possible]:
    found = allowed(ITEM, item.state, OFFICE)
    today = view.now.astimezone(view.zone).date()
    if item.due is None or today <= item.due:
        found = [each for each in found if each != "force"]
    if notice.state == "draft":
        found = [each for each in found if each == "drop"] if len(notice.resources) > 1 else []
    elif notice.state != "issued":
        found = []
    if notice.kind != "claim":
        found = [each for each in found if each != "claim"]
    needs = {"grant_keep": ("person", "until"), "claim": ("unit", "note"),
             "force": ("person", "note")}  # fmt: skip
    return [
        Possible(
            each, words.act(each, view.text),
            needs.get(each, () if each.startswith("order_") else ("note",)),
            each in ("withdraw", "force", "order_recover", "drop"),
        )
        for each in found
    ]  # fmt: skip


@router.post("/notices/{code}/act")
def act(
    code: str,
    view: NoticesManager,
    name: Annotated[str, Form(alias="act")] = "",
    person: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    number: Annotated[str, Form()] = "",
    dated: Annotated[str, Form()] = "",
) -> RedirectResponse:

    def do(desk: Desk) -> None:
        body = bodies.LetterAct(
            act=name, person=person[:100], note=note[:2000], number=number[:80], dated=day_of(dated)
        )
        acts.letter(desk, code, body)

    return attempt(
        view, path_of(code), view.text("已办理：{act}", act=words.act(name, view.text)), do
    )


@router.post("/notices/{code}/text")
def edit(
    code: str,
    view: NoticesManager,
    title: Annotated[str, Form()] = "",
    body: Annotated[str, Form()] = "",
    addressee: Annotated[str, Form()] = "",
) -> RedirectResponse:
    done = view.text("文稿已保存。")
    return attempt(
        view, path_of(code), done, lambda desk: office.edit(desk, code, title, body, addressee)
    )


@router.post("/notices/{code}/items/{item_id}/act")
def item_act(
    code: str,
    item_id: int,
    view: NoticesManager,
    name: Annotated[str, Form(alias="act")] = "",
    person: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
    until: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
) -> RedirectResponse:

    def do(desk: Desk) -> None:
        body = bodies.ItemAct(
            act=name, person=person[:100], note=note[:2000], until=day_of(until), unit=unit[:200]
        )
        acts.item(desk, code, item_id, body)

    return attempt(
        view, path_of(code), view.text("已办理：{act}", act=words.act(name, view.text)), do
    )


@router.post("/notices/{code}/call")
def call(
    code: str,
    view: NoticesManager,
    person: Annotated[str, Form()] = "",
    phone: Annotated[str, Form()] = "",
    reply: Annotated[str, Form()] = "",
) -> RedirectResponse:
    done = view.text("催办已登记。")
    return attempt(
        view, path_of(code), done, lambda desk: followup.call(desk, code, person, phone, reply)
    )


@router.post("/notices/{code}/escalations/{escalation_id}")
def escalate(
    code: str,
    escalation_id: int,
    view: NoticesManager,
    name: Annotated[str, Form(alias="act")] = "",
    person: Annotated[str, Form()] = "",
    note: Annotated[str, Form()] = "",
) -> RedirectResponse:
    done = view.text("已登记。")
    return attempt(
        view, path_of(code), done,
        lambda desk: followup.decide(desk, code, escalation_id, name, person, note),
    )  # fmt: skip


@router.post("/notice-files/{code}")
async def upload(code: str, view: NoticesManager, kind: str = "scan") -> RedirectResponse:
    """Sent by script with the token in its header: a form of several parts carries no proof."""
    try:
        name, content = await read_upload(view.request)
    except Problem as problem:
        # The script shows no answer of its own: it goes where the flash is.
        answer = render.go(path_of(code), Flash("bad", words.refusal(problem, view.text)))
    else:
        answer = await run_in_threadpool(_keep_file, view, code, kind, name, content)
    if "hx-request" in view.request.headers:
        # The script would follow a redirect within the page; this makes the browser go there.
        answer.headers["HX-Redirect"] = answer.headers["location"]
        del answer.headers["location"]
        answer.status_code = 200
    return answer


def _keep_file(view: View, code: str, kind: str, name: str, content: bytes) -> RedirectResponse:
    return attempt(
        view, path_of(code), view.text("扫描件已上传。"),
        lambda desk: office.add_file(desk, code, kind, name, content),
    )  # fmt: skip


@router.get("/notices/{code}/letter.{form}")
def letter(code: str, form: Literal["pdf", "docx", "html"], view: NoticesView) -> Response:
    with desk_of(view) as desk:
        notice = queries.detail(desk, code)
    return letter_file(notice, form)


@router.get("/notices/{code}/files/{file_id}")
def file(code: str, file_id: int, view: NoticesView) -> Response:
    with desk_of(view) as desk:
        found = queries.file(desk, code, file_id)
    return as_download(found.name, found.media_type, found.content)


@router.get("/web-data/notices/{code}/{item_id}")
def data(code: str, item_id: int, view: NoticesView) -> dict[str, Any]:
    """The charts of one resource of a notice, as web-data of a resource."""
    with desk_of(view) as desk:
        item = item_of(queries.detail(desk, code), item_id)
    return evidence(view.runtime, view.scope, item, view.now, view.zone, view.text)
