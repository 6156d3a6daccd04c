"""One notice as the unit sees it: the evidence, its answers and their confirmation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from controller.notices import answers, queries
from controller.notices.answers import Answer
from controller.notices.desk import Desk
from controller.notices.model import ANSWERS, KEEP_REASONS
from controller.notices.views import NoticeDetail
from controller.problems import Problem
from controller.reports.letters import Letter, letter_of
from controller.web import render
from controller.web.pages import notice_words as words
from controller.web.pages.notice_parts import (
    ShownEvent,
    ShownItem,
    data_url,
    day_of,
    path_of,
    show_events,
    show_item,
)
from controller.web.pages.notices import attempt, desk_of
from controller.web.shell import Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

ALL = -1
"""In place of a resource's id: the answer is for all."""

UnitView = Annotated[View, Depends(opened("notices.answer"))]


@dataclass(frozen=True)
class NoticeUnitPage(render.Context):
    """The unit's page: evidence and answer for each resource. ``duty`` is the reader's."""

    template: ClassVar[str] = "notice_unit.html"

    notice: NoticeDetail
    letter: Letter
    tone: str
    word: str
    items: list[ShownItem]
    events: list[ShownEvent]
    answers: list[tuple[str, str]]
    reasons: list[tuple[str, str]]
    first_day: str
    last_day: str
    leads: bool
    may_answer: bool
    path: str
    refused: int
    """Id of the resource whose answer was refused, ALL for that of all, 0 for none; ``typed`` is
    that answer."""
    typed: Answer
    error: str
    unanswered: int
    """Resources that wait for an answer, where the reader may give it."""
    unconfirmed: int
    """Answers that wait for the reader's confirmation."""
    seen: str
    """Their marks: those are confirmed, not what comes later."""


def unit_page(
    view: View, code: str, *, refused: int = 0, typed: Answer | None = None, error: str = ""
) -> HTMLResponse:
    """The page; with an answer that was ``refused`` as it was ``typed``. Raises NotFound."""
    _, me = view.text, view.principal
    with desk_of(view) as desk:
        notice, today = queries.detail(desk, code), desk.today
    most = timedelta(days=view.runtime.settings.notices.keep_max_days)
    items = [
        show_item(
            item, data_url(notice.code, item.id), _,
            tuple(
                answers.possible(
                    item.state, me.role, me.duty, answered_by_me=item.answered_by == me.name
                )
            ),
        )
        for item in notice.resources
        if item.state != "dropped"
    ]  # fmt: skip
    context = NoticeUnitPage(
        notice=notice,
        letter=letter_of(notice),
        tone=words.letter_state(notice.state, _)[0],
        word=words.letter_state(notice.state, _)[1],
        items=items,
        events=show_events(notice, _),
        answers=[(code, words.answer(code, _)) for code in ANSWERS],
        reasons=[(code, words.keep_reason(code, _)) for code in KEEP_REASONS],
        first_day=(today + timedelta(days=1)).isoformat(),
        last_day=(today + most).isoformat(),
        leads=answers.leads(me.role, me.duty),
        may_answer=view.may("notices.answer"),
        path=path_of(notice.code),
        refused=refused,
        typed=typed or Answer(""),
        error=error,
        unanswered=sum("answer" in each.acts and each.item.state == "waiting" for each in items),
        unconfirmed=sum("confirm" in each.acts for each in items),
        seen=" ".join(answers.mark(each.item) for each in items if "confirm" in each.acts),
    )
    crumbs = [Crumb(_("提示函"), "/notices"), Crumb(notice.number or notice.code)]
    return view.page(context, active="notices", crumbs=crumbs, status=422 if error else 200)


@router.post("/notices/{code}/items/{item_id}/answer")
def answer(
    code: str,
    item_id: int,
    view: UnitView,
    chosen: Annotated[str, Form(alias="answer")] = "",
    note: Annotated[str, Form()] = "",
    keep_reason: Annotated[str, Form()] = "",
    keep_until: Annotated[str, Form()] = "",
) -> Response:
    typed = Answer(chosen, note[:2000], keep_reason)
    return _answer(
        view, code, item_id, typed, keep_until,
        lambda desk, given: answers.answer(desk, code, item_id, given),
    )  # fmt: skip


@router.post("/notices/{code}/answers")
def answer_all(
    code: str,
    view: UnitView,
    chosen: Annotated[str, Form(alias="answer")] = "",
    note: Annotated[str, Form()] = "",
    keep_reason: Annotated[str, Form()] = "",
    keep_until: Annotated[str, Form()] = "",
) -> Response:
    """The same for every resource that has no answer yet."""
    typed = Answer(chosen, note[:2000], keep_reason)
    return _answer(
        view, code, ALL, typed, keep_until,
        lambda desk, given: answers.answer_all(desk, code, given),
    )  # fmt: skip


def _answer(
    view: View, code: str, item_id: int, typed: Answer, keep_until: str,
    do: Callable[[Desk, Answer], object],
) -> Response:  # fmt: skip
    """What is incomplete comes back as it was typed, with what is wrong."""
    _ = view.text
    try:
        typed = replace(typed, keep_until=day_of(keep_until))
        with desk_of(view, write=True) as desk:
            do(desk, typed)
    except Problem as problem:
        if problem.status not in (403, 409, 422):
            raise
        error = words.refusal(problem, _)
        if problem.status == 422 and view.bound:
            return unit_page(view, code, refused=item_id, typed=typed, error=error)
        return render.go(path_of(code), Flash("bad", error))
    return render.go(_back(code, item_id), Flash("good", _("已提交，待负责人确认后生效。")))


def _back(code: str, item_id: int) -> str:
    """To the resource that was worked on: a letter may list many."""
    return f"{path_of(code)}#item-{item_id}" if item_id > 0 else path_of(code)


@router.post("/notices/{code}/confirmations")
def confirm_all(code: str, view: UnitView, seen: Annotated[str, Form()] = "") -> RedirectResponse:
    """Every answer that waits for the reader's confirmation, as it was ``seen``."""
    done, marks = view.text("已确认，答复生效。"), set(seen.split()) or None
    return attempt(view, path_of(code), done, lambda desk: answers.confirm_all(desk, code, marks))


@router.post("/notices/{code}/items/{item_id}/confirm")
def confirm(
    code: str,
    item_id: int,
    view: UnitView,
    ok: Annotated[str, Form()] = "1",
    note: Annotated[str, Form()] = "",
) -> RedirectResponse:
    _ = view.text
    if ok == "1":
        return attempt(
            view, _back(code, item_id), _("已确认，答复生效。"),
            lambda desk: answers.confirm(desk, code, item_id, note),
        )  # fmt: skip
    return attempt(
        view, _back(code, item_id), _("已退回经办人。"),
        lambda desk: answers.send_back(desk, code, item_id, note),
    )  # fmt: skip
