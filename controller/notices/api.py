"""Routes of notices: /api/v1/notices, their files, orders, deliveries and the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.notices import (
    acts,
    answers,
    board,
    bodies,
    followup,
    office,
    orders,
    queries,
    views,
    wording,
)
from controller.notices import outbox as box
from controller.notices.desk import Desk
from controller.notices.tables import Delivery
from controller.problems import NotFound, Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1", tags=["notices"])

Reader = Annotated[Principal, Depends(may("notices.read"))]
Manager = Annotated[Principal, Depends(may("notices.manage"))]
Answerer = Annotated[Principal, Depends(may("notices.answer"))]
Provider = Annotated[Principal, Depends(may("notices.carry_out"))]
Page = Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")]
Size = Annotated[int, Query(ge=1, le=1000, description="Items per page.")]

FORM_OVERHEAD = 64 * 1024


@contextmanager
def at_desk(
    runtime: Runtime, scope: Scope, principal: Principal, *, write: bool = False
) -> Iterator[Desk]:
    """A desk in a transaction of its own."""
    opened = runtime.database.write() if write else runtime.database.read()
    with opened as session:
        yield Desk(session, runtime.settings, scope, principal)


@router.get("/notices", summary="Notices, overdue first")
def list_notices(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    state: Annotated[
        str, Query(description="a state, or open, overdue, proposed; empty: all")
    ] = "",
    unit: Annotated[str, Query(description="a unit's code")] = "",
    text: str = "",
    page: Page = 1,
    size: Size = 50,
) -> views.NoticePage:
    with at_desk(runtime, scope, reader) as desk:
        return board.listing(desk, page, size, state=state, unit=unit, text=text)


@router.post("/notices/draft", status_code=201, summary="Draft letters, one a unit")
def draft(
    body: bodies.NewDraft, runtime: RuntimeDep, scope: ScopeDep, manager: Manager
) -> bodies.Drafted:
    with at_desk(runtime, scope, manager, write=True) as desk:
        return acts.draft(desk, body)


@router.get("/notices/ledger", summary="What was recovered (回收成效台账)")
def ledger(
    runtime: RuntimeDep, scope: ScopeDep, reader: Reader, page: Page = 1, size: Size = 100
) -> views.Ledger:
    with at_desk(runtime, scope, reader) as desk:
        return queries.ledger(desk, page, size)


@router.get("/notices/orders", summary="Orders to the cloud provider")
def list_orders(
    runtime: RuntimeDep,
    scope: ScopeDep,
    provider: Provider,
    waiting: Annotated[bool, Query(description="only those without a receipt")] = False,
    page: Page = 1,
    size: Size = 100,
) -> views.OrderPage:
    with at_desk(runtime, scope, provider) as desk:
        return queries.orders(desk, page, size, waiting=waiting)


@router.post("/notices/orders/{order_id}/receipt", summary="An order was carried out")
def give_receipt(
    order_id: int, body: bodies.Receipt, runtime: RuntimeDep, scope: ScopeDep, provider: Provider
) -> views.OrderView:
    with at_desk(runtime, scope, provider, write=True) as desk:
        orders.receipt(desk, order_id, body.note, body.snapshot)
        return queries.order(desk, order_id)


@router.get("/notices/deliveries", summary="The outbox; state=dead are the dead letters")
def list_deliveries(
    runtime: RuntimeDep,
    scope: ScopeDep,
    manager: Manager,
    state: Literal["", "waiting", "sent", "dead"] = "",
    channel: str = "",
    page: Page = 1,
    size: Size = 100,
) -> views.DeliveryPage:
    with at_desk(runtime, scope, manager) as desk:
        return queries.deliveries(desk, page, size, state=state, channel=channel)


@router.post("/notices/deliveries/{delivery_id}/resend", summary="Try a dead letter again")
def resend(
    delivery_id: int, runtime: RuntimeDep, scope: ScopeDep, manager: Manager
) -> views.DeliveryView:
    with at_desk(runtime, scope, manager, write=True) as desk:
        row = resend_delivery(desk, delivery_id)
        return queries.delivery_views(desk, [row])[0]


def resend_delivery(desk: Desk, delivery_id: int) -> Delivery:
    """Raises NotFound, Problem 409 for one that is not dead."""
    row = desk.session.get(Delivery, delivery_id)
    if row is None or not desk.scope.allows(row.unit_id):
        raise NotFound("delivery", str(delivery_id))
    if row.state != "dead":
        raise Problem(409, "not possible now", f"it is {row.state}: only a dead letter is resent")
    box.resend(desk.session, row, desk.now)
    audit.record(desk.session, desk.principal, "notice.resend", f"delivery {delivery_id}")
    return row


@router.get("/notices/inbox", summary="Messages to the caller's unit, newest first")
def inbox(
    runtime: RuntimeDep, scope: ScopeDep, reader: Reader, page: Page = 1, size: Size = 50
) -> views.DeliveryPage:
    with at_desk(runtime, scope, reader) as desk:
        return queries.deliveries(desk, page, size, channel=box.INBOX)


@router.get("/notices/templates/{kind}", summary="The letter template in force")
def get_template(kind: str, runtime: RuntimeDep, _manager: Manager) -> bodies.TemplateView:
    with runtime.database.read() as session:
        found = wording.in_force(session, kind)
    return bodies.TemplateView.model_validate(vars(found))


@router.put("/notices/templates/{kind}", summary="Save a new version of a letter template")
def put_template(
    kind: str, body: bodies.TemplateText, runtime: RuntimeDep, manager: Manager
) -> bodies.TemplateView:
    with runtime.database.write() as session:
        made = wording.save(session, manager, kind, body.title, body.body)
    return bodies.TemplateView.model_validate(vars(made))


@router.get("/notices/{code}", summary="One notice with its resources and history")
def get_notice(
    code: str, runtime: RuntimeDep, scope: ScopeDep, reader: Reader
) -> views.NoticeDetail:
    with at_desk(runtime, scope, reader) as desk:
        return queries.detail(desk, code)


@router.patch("/notices/{code}", summary="Another text for a draft")
def edit(
    code: str, body: bodies.Text, runtime: RuntimeDep, scope: ScopeDep, manager: Manager
) -> views.NoticeDetail:
    with at_desk(runtime, scope, manager, write=True) as desk:
        office.edit(desk, code, body.title, body.body, body.addressee)
        return queries.detail(desk, code)


@router.post(
    "/notices/{code}/acts", summary="Review, sign, return, register, cancel, close, resend"
)
def act(
    code: str, body: bodies.LetterAct, runtime: RuntimeDep, scope: ScopeDep, manager: Manager
) -> views.NoticeDetail:
    with at_desk(runtime, scope, manager, write=True) as desk:
        acts.letter(desk, code, body)
        return queries.detail(desk, code)


@router.post("/notices/{code}/items/{item_id}/acts", summary="Decide or order for one resource")
def item_act(
    code: str,
    item_id: int,
    body: bodies.ItemAct,
    runtime: RuntimeDep,
    scope: ScopeDep,
    manager: Manager,
) -> views.NoticeDetail:
    with at_desk(runtime, scope, manager, write=True) as desk:
        acts.item(desk, code, item_id, body)
        return queries.detail(desk, code)


@router.post("/notices/{code}/items/{item_id}/answer", summary="Answer as the unit's handler")
def answer(
    code: str,
    item_id: int,
    body: bodies.Answering,
    runtime: RuntimeDep,
    scope: ScopeDep,
    answerer: Answerer,
) -> views.NoticeDetail:
    """Release, shrink, keep until, or dispute; in force once the person in charge confirms."""
    with at_desk(runtime, scope, answerer, write=True) as desk:
        answers.answer(desk, code, item_id, answers.Answer(**body.model_dump()))
        return queries.detail(desk, code)


@router.post(
    "/notices/{code}/items/{item_id}/confirm", summary="Confirm an answer as the person in charge"
)
def confirm(
    code: str,
    item_id: int,
    body: bodies.Confirming,
    runtime: RuntimeDep,
    scope: ScopeDep,
    answerer: Answerer,
) -> views.NoticeDetail:
    """Needs a signed-in user with the duty of a leader, other than the one that answered."""
    with at_desk(runtime, scope, answerer, write=True) as desk:
        if body.ok:
            answers.confirm(desk, code, item_id, body.note)
        else:
            answers.send_back(desk, code, item_id, body.note)
        return queries.detail(desk, code)


@router.post("/notices/{code}/calls", status_code=201, summary="Note a follow-up call (催办)")
def call(
    code: str, body: bodies.NewCall, runtime: RuntimeDep, scope: ScopeDep, manager: Manager
) -> views.NoticeDetail:
    with at_desk(runtime, scope, manager, write=True) as desk:
        followup.call(desk, code, body.person, body.phone, body.reply)
        return queries.detail(desk, code)


@router.post("/notices/{code}/escalations/{escalation_id}", summary="Decide on 约谈 or 通报")
def decide_escalation(
    code: str,
    escalation_id: int,
    body: bodies.Deciding,
    runtime: RuntimeDep,
    scope: ScopeDep,
    manager: Manager,
) -> views.NoticeDetail:
    with at_desk(runtime, scope, manager, write=True) as desk:
        followup.decide(desk, code, escalation_id, body.act, body.person, body.note)
        return queries.detail(desk, code)


@router.get("/notices/{code}/files/{file_id}", summary="A scan or receipt")
def get_file(
    code: str, file_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader
) -> Response:
    with at_desk(runtime, scope, reader) as desk:
        found = queries.file(desk, code, file_id)
    return as_download(found.name, found.media_type, found.content)


@router.post(
    "/notice-files/{code}", status_code=201, summary="Upload the stamped scan, or a receipt",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    }
                }
            },
        }
    },
)  # fmt: skip
async def upload(
    code: str,
    request: Request,
    runtime: RuntimeDep,
    scope: ScopeDep,
    manager: Manager,
    kind: Literal["scan", "receipt"] = "scan",
) -> views.FileView:
    """A PDF, PNG or JPEG of at most 20 MB as the form field ``file``."""
    name, content = await read_upload(request)

    def store() -> views.FileView:
        with at_desk(runtime, scope, manager, write=True) as desk:
            made = office.add_file(desk, code, kind, name, content)
            return views.FileView.model_validate(made)

    return await run_in_threadpool(store)


async def read_upload(request: Request) -> tuple[str, bytes]:
    """(name, content) of the form's ``file``. Raises Problem 413, 422."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > office.MOST_FILE + FORM_OVERHEAD:
        raise Problem(413, "too large", f"a scan has at most {office.MOST_FILE >> 20} MB")
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise Problem(422, "no file", "send the scan as the form field 'file'")
        return file.filename or "scan", await file.read()


def as_download(name: str, media: str, content: bytes, *, inline: bool = False) -> Response:
    """A file to look at or save; its name may be Chinese."""
    way = "inline" if inline else "attachment"
    return Response(
        content,
        media_type=media,
        headers={"Content-Disposition": f"{way}; filename*=UTF-8''{quote(name, safe='')}"},
    )
