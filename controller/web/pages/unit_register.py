"""单位台账: units with kind, names and people; merges, splits and renames, and undoing them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.inventory.dated import EVER
from controller.inventory.model import UnitView
from controller.inventory.naming import fold
from controller.inventory.unit_people import ChangeView, UnitDetail, list_changes, unit_detail
from controller.inventory.units import list_units
from controller.inventory.units_api import (
    MOST_ALIAS,
    ChangeIn,
    PartIn,
    UnitKeep,
    change_units,
    keep_unit,
    undo_change,
)
from controller.problems import Problem
from controller.web import figures, register_words, render, typed_lists
from controller.web.pages.register_parts import (
    Cell,
    Head,
    Listing,
    RegisterView,
    RegisterWriter,
    listing,
    tabs,
    text_filter,
)
from controller.web.shell import Area, Crumb, Flash

router = APIRouter()

PATH = "/registers/units"


@dataclass(frozen=True)
class ShownChange:
    """A change and how its kind is said."""

    change: ChangeView
    kind: str


@dataclass(frozen=True)
class UnitRegisterPage(render.Context):
    """The register of units; ``detail`` of the one chosen."""

    template: ClassVar[str] = "register_units.html"

    tabs: tuple[Area, ...]
    listing: Listing
    units: list[UnitView]
    text: str
    detail: UnitDetail | None
    people: list[tuple[str, str, str, str]]
    """(role, name, phone, e-mail) of the one chosen."""
    former: list[tuple[str, str, str, str]]
    """(name, kind, from, until) of the one chosen."""
    changes: list[ShownChange]
    may_write: bool


@router.get(PATH)
def unit_register_page(view: RegisterView) -> Response:
    _, words = view.text, register_words
    text, chosen = text_filter(view), view.request.query_params.get("unit", "")
    with view.runtime.database.read() as session:
        units = list_units(session, view.scope, view.now)
        changes = list_changes(session, view.scope)[:50]
        detail = unit_detail(session, view.scope, chosen, view.now) if chosen else None
    names = {unit.code: unit.name for unit in units}
    place = {unit.code: number for number, unit in enumerate(units)}
    key = fold(text)
    found = [unit for unit in units if key in fold(f"{unit.code} {unit.name} {unit.contact}")]
    columns = (
        (Head("tree", _("单位")), lambda u: place[u.code],
         lambda u: Cell("　" * u.depth + u.name, render.link(PATH, unit=u.code))),
        (Head("code", _("编码")), lambda u: u.code, lambda u: Cell(u.code)),
        (Head("kind", _("类型")), lambda u: u.kind, lambda u: Cell(words.unit_kind(u.kind, _))),
        (Head("parent", _("上级单位")), lambda u: names.get(u.parent_code or ""),
         lambda u: Cell(names.get(u.parent_code or "", ""))),
        (Head("contact", _("经办人")), lambda u: u.contact or None, lambda u: Cell(u.contact)),
        (Head("", _("电话")), lambda u: u.phone, lambda u: Cell(u.phone)),
    )  # fmt: skip
    shown = listing(view, PATH, found, columns, {"text": text, "unit": chosen}, "tree")
    if isinstance(shown, Response):
        return shown
    roles = {"handler": _("经办人"), "charge": _("负责人"), "leader": _("分管领导")}
    context = UnitRegisterPage(
        tabs=tabs(view), listing=shown, units=units, text=text, detail=detail,
        people=[
            (roles[each.role], each.name, each.phone, each.email)
            for each in (detail.contacts if detail else [])
        ],
        former=[
            (each.name, words.unit_kind(each.kind, _),
             "–" if each.since == EVER else figures.day(each.since, view.zone),
             figures.day(each.until, view.zone))
            for each in (detail.former if detail else [])
            # A unit that was never called otherwise has no past to list.
            if each.since != EVER or each.until is not None
        ],
        changes=[ShownChange(each, words.change_kind(each.kind, _)) for each in changes],
        may_write=view.may("inventory.write"),
    )  # fmt: skip
    return view.page(context, active="registers", crumbs=[Crumb(_("登记台账"))])


@router.post("/registers/units/changes")
def make_change(
    view: RegisterWriter,
    kind: Annotated[Literal["merge", "rename", "move"], Form()],
    unit: Annotated[str, Form(max_length=64)],
    effective: Annotated[str, Form(max_length=10)],
    into: Annotated[str, Form(max_length=64)] = "",
    name: Annotated[str, Form(max_length=200)] = "",
    document: Annotated[str, Form(max_length=200)] = "",
) -> RedirectResponse:
    _ = view.text
    part = {
        "merge": PartIn(code=into or unit, name=name),
        "rename": PartIn(code=unit, name=name),
        "move": PartIn(code=unit, parent=into),
    }[kind]
    try:
        wanted = ChangeIn(
            kind=kind, effective=datetime.fromisoformat(effective), units=[unit], into=[part],
            document=document,
        )  # fmt: skip
        done = change_units(view.runtime, view.principal, wanted)
    except (ValueError, Problem) as error:
        return render.go(PATH, Flash("bad", _("未变更：{why}", why=view.why(error))))
    said = _("已变更，移交资源 {n} 项。", n=done.moved_resources)
    return render.go(PATH, Flash("good", said))


@router.post("/registers/units/splits")
def split_unit(
    view: RegisterWriter,
    unit: Annotated[str, Form(max_length=64)],
    effective: Annotated[str, Form(max_length=10)],
    parts: Annotated[str, Form(max_length=20_000)],
    rest: Annotated[str, Form(max_length=64)] = "",
    document: Annotated[str, Form(max_length=200)] = "",
) -> RedirectResponse:
    _ = view.text
    try:
        wanted = ChangeIn(
            kind="split", effective=datetime.fromisoformat(effective), units=[unit],
            into=typed_lists.split_parts(parts), rest=rest.strip(), document=document,
        )  # fmt: skip
        done = change_units(view.runtime, view.principal, wanted)
    except (ValueError, Problem) as error:
        return render.go(PATH, Flash("bad", _("未变更：{why}", why=view.why(error))))
    said = _("已拆分，移交资源 {n} 项。", n=done.moved_resources)
    return render.go(PATH, Flash("good", said))


@router.post("/registers/units/{code}/aliases")
def keep_aliases(
    code: str, view: RegisterWriter, aliases: Annotated[str, Form(max_length=10_000)] = ""
) -> RedirectResponse:
    """Makes the unit's aliases exactly what was typed."""
    _, back = view.text, render.link(PATH, unit=code)
    try:
        kept = UnitKeep(aliases=typed_lists.lines(aliases, MOST_ALIAS))
        with view.runtime.database.write() as session:
            keep_unit(session, view.principal, code, kept, view.runtime)
    except (ValueError, Problem) as error:
        return render.go(back, Flash("bad", _("未保存：{why}", why=view.why(error))))
    return render.go(back, Flash("good", _("别名已保存，今后导入时按别名识别。")))


@router.post("/registers/units/changes/{change_id}/undo")
def undo(change_id: int, view: RegisterWriter) -> RedirectResponse:
    _ = view.text
    try:
        undo_change(view.runtime, view.principal, change_id)
    except Problem as error:
        return render.go(PATH, Flash("bad", _("未撤销：{why}", why=view.why(error))))
    return render.go(PATH, Flash("good", _("已撤销，单位与资源归属恢复原状。")))
