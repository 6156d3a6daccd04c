"""One export against the register: its differences row by row, confirming and undoing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from controller.access import audit
from controller.inventory.model import UnitView
from controller.inventory.settle import settle
from controller.inventory.units import find_unit, list_units
from controller.ledger import confirm, imports, mapping, undo
from controller.ledger.mapping import SourceMapping
from controller.ledger.model import DifferenceView, ImportView
from controller.problems import Problem
from controller.web import ledger_words, render, tables
from controller.web.pages.platform_imports import SETTLE_SECONDS, LedgerKeeper, day
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View

router = APIRouter()


@dataclass(frozen=True)
class ClassTab:
    """A class with how many differences it has and how many of them are accepted."""

    key: str
    label: str
    meaning: str
    tone: str
    total: int
    accepted: int
    rejected: int
    href: str
    chosen: bool
    applicable: bool


@dataclass(frozen=True)
class ShownDifference:
    """A difference; ``changes`` are (field, before, after) in words, ``why`` what speaks for it."""

    each: DifferenceView
    unit: str
    """The owner's name."""
    tone: str
    word: str
    decision_tone: str
    decision_word: str
    changes: list[tuple[str, str, str]]
    why: str
    acceptable: bool


@dataclass(frozen=True)
class ImportPage(render.Context):
    """An import's differences of one class (``chosen``), or of all."""

    template: ClassVar[str] = "platform_import.html"

    run: ImportView
    tone: str
    word: str
    waiting: bool
    accepted: int
    classes: list[ClassTab]
    chosen: ClassTab | None
    rows: list[ShownDifference]
    table: tables.TableState
    text: str
    since: str
    units: list[UnitView]
    """To name the owner that a word of the export means; only while it waits."""
    tabs: tuple[Area, ...]


@router.get("/ledger/imports/{import_id}")
def import_page(import_id: int, view: LedgerKeeper) -> Response:
    _, asked = view.text, view.request.query_params
    cls, text = asked.get("cls", ""), asked.get("text", "").strip()[:100]
    page = tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        run = ImportView.of(*imports.find_import(session, import_id))
        tally = imports.tally(session, import_id)
        cls = cls if cls in tally else ""
        found, total = imports.list_differences(
            session, import_id, cls=cls, text=text, page=page, size=tables.PAGE_SIZE
        )
        rows = [DifferenceView.of(each) for each in found]
        waiting = run.state == "compared"
        every = list_units(session, view.scope, view.now)
    names = {unit.code: unit.name for unit in every}
    path = f"/ledger/imports/{import_id}"
    classes = [_tab(path, key, counts, key == cls, _) for key, counts in tally.items()]
    query = {key: value for key, value in (("cls", cls), ("text", text)) if value}
    context = ImportPage(
        run=run,
        tone=ledger_words.states(_)[run.state][0],
        word=ledger_words.states(_)[run.state][1],
        waiting=waiting,
        accepted=sum(counts.get("accepted", 0) for counts in tally.values()),
        classes=classes,
        chosen=next((tab for tab in classes if tab.chosen), None),
        rows=[_shown(each, names, _, chinese=view.language == "zh") for each in rows],
        table=tables.TableState(path, query, "", False, page, tables.PAGE_SIZE, total),
        text=text,
        since=f"{run.since.astimezone(view.zone):%Y-%m-%d}",
        units=every if waiting and "unmatched" in tally else [],
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    crumbs = [Crumb(_("平台清单"), "/ledger/imports"), Crumb(run.file_name)]
    return view.page(context, active="ledger", crumbs=crumbs)


def _tab(path: str, key: str, counts: dict[str, int], chosen: bool, _: Any) -> ClassTab:
    return ClassTab(
        key,
        ledger_words.classes(_)[key],
        ledger_words.meanings(_)[key],
        ledger_words.tone(key),
        sum(counts.values()),
        counts.get("accepted", 0),
        counts.get("rejected", 0),
        render.link(path, {"cls": key}),
        chosen,
        key in imports.APPLICABLE and key != "unmatched",
    )


def _shown(
    each: DifferenceView, units: dict[str, str], _: Any, *, chinese: bool
) -> ShownDifference:
    names = ledger_words.fields(_)

    def said(name: str, value: Any) -> str:
        return ledger_words.said(name, units.get(value, value) if name == "unit" else value)

    return ShownDifference(
        each,
        units.get(each.unit, each.unit),
        ledger_words.tone(each.cls),
        ledger_words.classes(_)[each.cls],
        *ledger_words.decisions(_)[each.decision],
        [
            (names.get(name, name), said(name, was), said(name, now))
            for name, (was, now) in each.fields.items()
        ],
        _why(each, _, chinese=chinese),
        each.cls in imports.APPLICABLE and (each.cls != "unmatched" or each.registered),
    )


def _why(each: DifferenceView, _: Any, *, chinese: bool) -> str:
    detail = each.detail
    rows = "、".join(map(str, detail.get("rows", [])))
    if detail.get("reason") == "cells":
        return ("；" if chinese else "; ").join(
            f"{error['column']}：{error.get('message_zh') or error['message']}"
            if chinese
            else f"{error['column']}: {error['message']}"
            for error in detail["errors"]
        )
    if detail.get("matched_by"):
        ways = {
            "address and size": _("地址与规格相同"),
            "name and address": _("名称与地址相同"),
            "name": _("名称相同"),
        }
        return str(_("按{way}识别", way=ways[detail["matched_by"]]))
    reasons = {
        "row": _("与第 {rows} 行完全相同", rows=rows),
        "uuid": _("与第 {rows} 行 UUID 相同", rows=rows),
        "code": _("与第 {rows} 行编码相同", rows=rows),
        "resource": _("与第 {rows} 行是同一资源", rows=rows),
        "absent": _("平台清单中没有"),
        "deleted": _("平台清单第 {rows} 行标为已删除", rows=rows),
        "owner": _("“{unit}”不是台账中的单位", unit=each.unit) if each.unit else _("清单未写单位"),
        "key": _("既无 UUID 也无编码，无法登记"),
        "retired": _("台账中已注销"),
    }
    return str(reasons.get(detail.get("reason", ""), ""))


@router.post("/ledger/imports/{import_id}/decide")
def decide(
    import_id: int,
    view: LedgerKeeper,
    decision: Annotated[str, Form(pattern="^(open|accepted|rejected)$")],
    cls: Annotated[str, Form()] = "",
    ids: Annotated[list[int] | None, Form()] = None,
    back: Annotated[str, Form()] = "",
) -> RedirectResponse:
    def work(session: Session) -> None:
        count = imports.decide(session, import_id, decision, ids=ids, cls="" if ids else cls)
        detail = {"decision": decision, "cls": cls, "decided": count}
        audit.record(session, view.principal, "ledger.decide", str(import_id), "ok", detail)

    done = _do(view, import_id, work, "")
    wanted = f"/ledger/imports/{import_id}"
    if back.startswith(f"{wanted}?"):
        done.headers["location"] = back
    return done


@router.post("/ledger/imports/{import_id}/owner")
def name_owner(
    import_id: int,
    view: LedgerKeeper,
    word: Annotated[str, Form(min_length=1, max_length=200)],
    unit: Annotated[str, Form()],
) -> RedirectResponse:
    """Remembers for the source what a word means, and compares again."""

    def work(session: Session) -> None:
        code = find_unit(session, view.scope, unit, view.now).code
        _run, source = imports.find_import(session, import_id)
        saved = mapping.mapping_of(source).model_dump()
        saved["words"].setdefault("unit", {})[word] = code
        mapping.save_source(
            session, source.code, source.name, SourceMapping.model_validate(saved),
            view.principal.name, view.now,
        )  # fmt: skip
        imports.recompare(session, import_id, view.now)
        detail = {"import": import_id, "word": word, "unit": code}
        audit.record(session, view.principal, "ledger.source", source.code, "ok", detail)

    return _do(
        view, import_id, work, view.text("已记住“{word}”对应的单位，并重新比对。", word=word)
    )


@router.post("/ledger/imports/{import_id}/confirm")
def confirm_import(
    import_id: int, view: LedgerKeeper, since: Annotated[str, Form()]
) -> RedirectResponse:
    def work(session: Session) -> None:
        run = confirm.confirm(
            session, import_id, since=day(view, since), by=view.principal.name, now=view.now
        )
        counts = dict(run.counts)
        audit.record(session, view.principal, "ledger.confirm", str(import_id), "ok", counts)

    return _do(view, import_id, work, view.text("已确认并写入台账，相关日期的用量随即重新计算。"))


@router.post("/ledger/imports/{import_id}/undo")
def undo_import(import_id: int, view: LedgerKeeper) -> RedirectResponse:
    def work(session: Session) -> None:
        undo.undo(session, view.runtime.samples, import_id, by=view.principal.name, now=view.now)
        audit.record(session, view.principal, "ledger.undo", str(import_id))

    return _do(view, import_id, work, view.text("已撤销，台账恢复到确认之前。"))


@router.post("/ledger/imports/{import_id}/discard")
def discard(import_id: int, view: LedgerKeeper) -> RedirectResponse:
    def work(session: Session) -> None:
        imports.discard(session, import_id)
        audit.record(session, view.principal, "ledger.discard", str(import_id))

    return _do(view, import_id, work, view.text("已放弃，台账未变。"))


@router.post("/ledger/imports/{import_id}/compare")
def compare_again(import_id: int, view: LedgerKeeper) -> RedirectResponse:
    def work(session: Session) -> None:
        imports.recompare(session, import_id, view.now)
        audit.record(session, view.principal, "ledger.recompare", str(import_id))

    return _do(view, import_id, work, view.text("已重新比对。"))


def _do(view: View, import_id: int, work: Callable[[Session], None], done: str) -> RedirectResponse:
    """Does ``work`` in one transaction and goes back; what hinders it is said on the page."""
    path = f"/ledger/imports/{import_id}"
    try:
        with view.runtime.database.write() as session:
            work(session)
    except Problem as problem:
        if problem.status == 404:
            raise
        return render.go(path, Flash("bad", view.why(problem)))
    settle(view.runtime, SETTLE_SECONDS)
    return render.go(path, Flash("good", done) if done else None)
