"""Putting a resource right from its page: its owner of some time, and public support."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse

from controller.inventory.api import Correction, post_holding
from controller.inventory.claims_api import ShareIn, put_share
from controller.problems import Problem
from controller.web import render, typed_lists
from controller.web.pages.register_parts import RegisterWriter
from controller.web.shell import Flash

router = APIRouter()


@router.post("/resources/{code}/owner")
def correct_owner(
    code: str,
    view: RegisterWriter,
    unit: Annotated[str, Form(max_length=200)],
    since: Annotated[str, Form(max_length=10)] = "",
    until: Annotated[str, Form(max_length=10)] = "",
    system: Annotated[str, Form(max_length=200)] = "",
) -> RedirectResponse:
    _, back = view.text, f"/resources/{quote(code, safe='')}#holdings"
    try:
        said: dict[str, object] = {"unit": unit, "since": _day(since), "until": _day(until)}
        if system.strip():
            said["system"] = system.strip()
        done = post_holding(
            code, Correction.model_validate(said), view.runtime, view.scope, view.principal
        )
    except (ValueError, Problem) as error:
        return render.go(back, Flash("bad", _("未更正：{why}", why=view.why(error))))
    if not done.days_marked:
        return render.go(back, Flash("info", _("台账已是如此，没有改动。")))
    words = _("已更正，{n} 天的归属有变化，用量已重算；已发布的月份不变。", n=done.days_marked)
    if done.days_pending:
        words = _("已更正，{n} 天的归属有变化，用量正在后台重算。", n=done.days_marked)
    return render.go(back, Flash("good", words))


@router.post("/resources/{code}/share")
def say_shared(
    code: str,
    view: RegisterWriter,
    mode: Annotated[Literal["apportioned", "public", "none"], Form()],
    since: Annotated[str, Form(max_length=10)],
    note: Annotated[str, Form(max_length=500)] = "",
    parts: Annotated[str, Form(max_length=10_000)] = "",
) -> RedirectResponse:
    """``parts``: a line a unit with its percentage, of an apportioned one."""
    _, back = view.text, f"/resources/{quote(code, safe='')}#holdings"
    try:
        wanted = ShareIn(
            mode=mode, since=datetime.fromisoformat(since), note=note,
            parts=typed_lists.shares(parts) if mode == "apportioned" else {},
        )  # fmt: skip
        put_share(code, wanted, view.runtime, view.principal)
    except (ValueError, Problem) as error:
        return render.go(back, Flash("bad", _("未登记：{why}", why=view.why(error))))
    if mode == "public":
        return render.go(back, Flash("good", _("已列为公共支撑：计入用量，不参与排名。")))
    if mode == "apportioned":
        said = _("已按比例分摊：持有单位的用量不变，分摊结果见“待认领与共享”。")
        return render.go(back, Flash("good", said))
    return render.go(back, Flash("good", _("已取消共享登记。")))


def _day(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
