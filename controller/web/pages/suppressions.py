"""Windows in which findings are not raised: listed, made and ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.findings import windows
from controller.findings.model import WindowView
from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.patrol import plans
from controller.problems import Problem
from controller.web import render
from controller.web.pages import patrol_words as words
from controller.web.pages.finding_parts import (
    FindingsView,
    Manager,
    crumbs_of,
    moment_of,
    refused_words,
    tomorrow,
)
from controller.web.shell import Crumb, Flash

router = APIRouter()


@dataclass(frozen=True)
class SuppressionsPage(render.Context):
    """The windows, and the dialog that makes one."""

    template: ClassVar[str] = "suppressions.html"

    rows: list[WindowView]
    checks: dict[str, str]
    """Code of every check to its title."""
    units: list[UnitView]
    until: str
    patrol: bool
    may_manage: bool


@router.get("/findings/suppressions")
def suppressions_page(view: FindingsView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        rows = windows.list_windows(session, view.scope, view.now)
        units = list_units(session, view.scope, view.now)
    context = SuppressionsPage(
        rows=rows,
        checks={code: words.check_title(code, view.language) for code in plans.catalogue()},
        units=units,
        until=tomorrow(view),
        patrol=view.may("patrol.read"),
        may_manage=view.may("findings.manage"),
    )
    return view.page(context, active="patrol", crumbs=crumbs_of(view, Crumb(_("抑制窗口"))))


@router.post("/findings/suppressions")
def create_window(
    view: Manager,
    until: Annotated[str, Form()],
    reason: Annotated[str, Form(max_length=500)],
    code: Annotated[str, Form()] = "",
    unit: Annotated[str, Form()] = "",
    subject_kind: Annotated[str, Form()] = "",
    subject_key: Annotated[str, Form()] = "",
) -> RedirectResponse:
    _ = view.text
    try:
        with view.runtime.database.write() as session:
            windows.create_window(
                session, view.scope, view.principal, since=view.now, until=moment_of(view, until),
                reason=reason, code=code, unit=unit,
                subject_kind=subject_kind or ("resource" if subject_key else ""),
                subject_key=subject_key.strip(),
            )  # fmt: skip
    except Problem as problem:
        return render.go("/findings/suppressions", Flash("bad", refused_words(view, problem)))
    return render.go("/findings/suppressions", Flash("good", _("已抑制，到期自动恢复。")))


@router.post("/findings/suppressions/{window_id}/end")
def end_window(window_id: int, view: Manager) -> RedirectResponse:
    with view.runtime.database.write() as session:
        windows.end_window(session, view.scope, window_id, view.principal)
    return render.go("/findings/suppressions", Flash("good", view.text("抑制已结束。")))
