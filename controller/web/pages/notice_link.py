"""The page behind the link in a mail: one notice, to read only, without a login."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from controller.access.deps import RuntimeDep, client_address
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.notices import answers, links, queries
from controller.notices.api import as_download, at_desk
from controller.notices.secret import link_key
from controller.notices.tables import Notice
from controller.notices.views import NoticeDetail
from controller.problems import NotFound
from controller.reports.api import letter_file
from controller.reports.letters import Letter, letter_of
from controller.runtime import Runtime
from controller.web import language, render
from controller.web.errors import bare_shell
from controller.web.pages import notice_words as words
from controller.web.pages.notice_parts import (
    ShownEvent,
    ShownItem,
    evidence,
    item_of,
    show_events,
    show_item,
)
from controller.web.shell import LANGUAGE_COOKIE

router = APIRouter(prefix="/n")


@dataclass(frozen=True)
class NoticeLinkPage(render.Context):
    """What a unit reads without a login; ``login`` leads to where it decides."""

    template: ClassVar[str] = "notice_link.html"

    notice: NoticeDetail
    letter: Letter
    tone: str
    word: str
    items: list[ShownItem]
    events: list[ShownEvent]
    login: str
    path: str


@dataclass(frozen=True)
class _Visit:
    notice: NoticeDetail
    scope: Scope
    reader: Principal


def _visit(request: Request, runtime: Runtime, token: str, *, opened: bool = False) -> _Visit:
    """What the link opens. Raises NotFound for one that is forged, over, or of another unit now."""
    now = runtime.now()
    found = links.read(link_key(runtime.settings), token, now)
    if found is None:
        raise NotFound("page", "link")
    scope = Scope(frozenset({found.unit_id}))
    reader = Principal("link", "unit", now, unit_id=found.unit_id, address=client_address(request))
    with at_desk(runtime, scope, reader) as desk:
        row = desk.session.get(Notice, found.notice_id)
        if row is None or row.unit_id != found.unit_id:
            raise NotFound("page", "link")
        code, unread = row.code, row.read is None and row.state == "issued"
        notice = queries.detail(desk, code)
    if opened and unread:
        with at_desk(runtime, scope, reader, write=True) as desk:
            answers.mark_read(desk, desk.find(code), via="link")
    return _Visit(notice, scope, reader)


@router.get("/{token}")
def link_page(token: str, request: Request, runtime: RuntimeDep) -> HTMLResponse:
    visit = _visit(request, runtime, token, opened=True)
    chosen = language.known(request.cookies.get(LANGUAGE_COOKIE), runtime.settings.language)
    _ = language.text(chosen)
    notice = visit.notice
    tone, word = words.letter_state(notice.state, _)
    context = NoticeLinkPage(
        notice=notice,
        letter=letter_of(notice),
        tone=tone,
        word=word,
        items=[
            show_item(item, f"/n/{token}/data/{item.id}", _)
            for item in notice.resources
            if item.state != "dropped"
        ],
        events=show_events(notice, _),
        login=render.link("/login", next=f"/notices/{notice.code}"),
        path=f"/n/{token}",
    )
    frame = bare_shell(chosen, notice.title, here=f"/n/{token}")
    answer = render.page(request, context, frame, runtime.settings.timezone)
    # The address itself is the key: it must not be told to any other page.
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@router.get("/{token}/data/{item_id}")
def link_data(token: str, item_id: int, request: Request, runtime: RuntimeDep) -> dict[str, Any]:
    visit = _visit(request, runtime, token)
    item = item_of(visit.notice, item_id)
    zone = ZoneInfo(runtime.settings.timezone)
    _ = language.text(language.known(request.cookies.get(LANGUAGE_COOKIE)))
    return evidence(runtime, visit.scope, item, visit.reader.at, zone, _)


@router.get("/{token}/letter.pdf")
def link_letter(token: str, request: Request, runtime: RuntimeDep) -> Response:
    return letter_file(_visit(request, runtime, token).notice, "pdf")


@router.get("/{token}/files/{file_id}")
def link_file(token: str, file_id: int, request: Request, runtime: RuntimeDep) -> Response:
    visit = _visit(request, runtime, token)
    with at_desk(runtime, visit.scope, visit.reader) as desk:
        found = queries.file(desk, visit.notice.code, file_id)
    return as_download(found.name, found.media_type, found.content)
