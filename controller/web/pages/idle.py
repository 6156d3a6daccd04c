"""闲置判定: the board of one scan, what its recommendations would free, and the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import iter_route_contexts

from controller.access import audit
from controller.analysis.policy import Policy
from controller.idle import library, queries
from controller.idle.model import ScanView, VerdictView, WhatIf
from controller.idle.scan import scan
from controller.idle.tables import CLASSES
from controller.idle.what_if import what_if
from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.web import render, tables
from controller.web.language import Text
from controller.web.pages.parts import Choice
from controller.web.shell import Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

DRAFT = "/notices/draft"
"""Where chosen verdicts go to become letters."""
FREEING = ("idle", "oversized", "unused", "stopped")

Reader = Annotated[View, Depends(opened("idle.read"))]
Scanner = Annotated[View, Depends(opened("idle.scan"))]


def class_word(cls: str, _: Text) -> str:
    """A class as officials call it."""
    return {
        "idle": _("闲置"),
        "oversized": _("配置偏高"),
        "overloaded": _("负载过高"),
        "stopped": _("已停机"),
        "unused": _("未使用"),
        "night_off": _("夜间、周末可关"),
        "exempt": _("豁免"),
        "undetermined": _("无法判定"),
        "in_use": _("在用"),
    }[cls]


def class_tone(cls: str) -> str:
    """How a class is marked; what asks for nothing has no mark."""
    return {"idle": "bad", "unused": "bad", "oversized": "warn", "overloaded": "warn"}.get(cls, "")


def action_word(action: str, _: Text) -> str:
    """What is recommended, in a word."""
    return {
        "release": _("释放"),
        "shrink": _("缩小规格"),
        "stop": _("停机"),
        "schedule": _("定时开关机"),
        "enlarge": _("扩容"),
        "review": _("核实"),
    }.get(action, action)


@dataclass(frozen=True)
class Line:
    """One row of the board."""

    verdict: VerdictView
    word: str
    tone: str
    action: str
    reason: str
    vcpu: float | None
    mem: float | None


@dataclass(frozen=True)
class IdlePage(render.Context):
    """The board. ``scan`` is None before the first one; ``draft`` is "" where no letters are."""

    template: ClassVar[str] = "idle.html"

    views: tuple[Choice, ...]
    scan: ScanView | None
    title: str
    policies: tuple[Choice, ...]
    rows: list[Line]
    tabs: tuple[Choice, ...]
    total: WhatIf | None
    idle: int
    oversized: int
    judged: int
    table: tables.TableState
    units: list[UnitView]
    unit: str
    cls: str
    text: str
    exports: tuple[tables.ExportLink, ...]
    filtered: bool
    draft: str
    may_scan: bool


@dataclass(frozen=True)
class WhatIfPage(render.Context):
    """What sites and zones would get back."""

    template: ClassVar[str] = "idle_what_if.html"

    views: tuple[Choice, ...]
    answer: WhatIf
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Rules:
    """A policy in the reader's language."""

    policy: Policy
    title: str
    note: str
    says: str
    document: str


@dataclass(frozen=True)
class PoliciesPage(render.Context):
    """The policies in force."""

    template: ClassVar[str] = "idle_policies.html"

    views: tuple[Choice, ...]
    rows: list[Rules]


def views(chosen: str, _: Text) -> tuple[Choice, ...]:
    """The pages of this area."""
    return (
        Choice(_("判定结果"), "/idle", chosen == "board"),
        Choice(_("腾退测算"), "/idle/what-if", chosen == "what-if"),
        Choice(_("用量对比"), "/comparison", chosen == "comparison"),
        Choice(_("容量预测"), "/forecasts", chosen == "forecasts"),
        Choice(_("判定规则"), "/idle/policies", chosen == "policies"),
    )


@router.get("/idle")
def board(view: Reader) -> HTMLResponse:
    _, asked = view.text, view.request.query_params
    policy = asked.get("policy", library.DEFAULT)[:64]
    unit, text = asked.get("unit", ""), asked.get("text", "").strip()[:100]
    cls = asked.get("class", "")
    cls = cls if cls in (*CLASSES, "all") else ""
    sort, descending = tables.parse_sort(asked.get("sort", "-vcpu"), queries.SORTS, "vcpu")
    page = tables.parse_page(asked.get("page", ""))
    english = view.language == "en"
    with view.runtime.database.read() as session:
        found = queries.latest_scan(session, view.scope, policy)
        units = list_units(session, view.scope, view.now)
        counts: dict[str, int] = {}
        items: list[VerdictView] = []
        total, freed = 0, None
        if found is not None:
            counts = queries.class_counts(
                session, view.scope, found.id, found.as_of, unit=unit or None, text=text
            )
            wanted = list(CLASSES) if cls == "all" else [cls] if cls else list(FREEING)
            listed = queries.list_verdicts(
                session, view.scope, found.id, found.as_of, classes=wanted, unit=unit or None,
                text=text, sort=f"-{sort}" if descending else sort, page=page,
                size=tables.PAGE_SIZE,
            )  # fmt: skip
            items, total = listed.items, listed.total
            freed = what_if(session, view.scope, policy, view.now)
        known = library.policies(session)
    chosen = {"policy": policy, "unit": unit, "text": text, "class": cls}
    query = {key: value for key, value in chosen.items() if value}
    state = tables.TableState("/idle", query, sort, descending, page, tables.PAGE_SIZE, total)
    context = IdlePage(
        views=views("board", _),
        scan=found,
        title=(found.title_en if english else found.title_zh) if found else "",
        policies=tuple(
            Choice(
                each.title_en if english else each.title_zh,
                each.id,
                each.id == policy,
            )
            for each in known
        ),
        rows=[_line(each, _, english=english) for each in items],
        tabs=_tabs(cls, counts, query, _),
        total=freed,
        idle=counts.get("idle", 0) + counts.get("unused", 0),
        oversized=counts.get("oversized", 0),
        judged=sum(counts.values()),
        table=state,
        units=units,
        unit=unit,
        cls=cls,
        text=text,
        exports=_exports(found, _),
        filtered=bool(unit or text),
        draft=DRAFT if view.may("notices.manage") and _drafts(view) else "",
        may_scan=view.may("idle.scan"),
    )
    return view.page(context, active="idle", crumbs=[Crumb(_("闲置判定"))])


@router.post("/idle/scan")
def scan_now(
    view: Scanner, policy: Annotated[str, Form(max_length=64)] = library.DEFAULT
) -> Response:
    """Judges now and comes back to the board."""
    _ = view.text
    number = scan(view.runtime, view.scope, policy, None, view.principal.name)
    with view.runtime.database.write() as session:
        audit.record(session, view.principal, "idle.scan", policy, detail={"scan": number})
    return render.go(
        render.link("/idle", policy=policy), Flash("good", _("已按现有数据重新判定。"))
    )


@router.get("/idle/what-if")
def what_if_page(view: Reader) -> HTMLResponse:
    _ = view.text
    cls = view.request.query_params.get("class", "")
    cls = cls if cls in FREEING else ""
    with view.runtime.database.read() as session:
        answer = what_if(
            session, view.scope, library.DEFAULT, view.now, classes=[cls] if cls else None
        )
    path = "/idle/what-if"
    choices = [Choice(_("全部建议"), path, not cls)]
    choices += [
        Choice(class_word(each, _), render.link(path, {"class": each}), each == cls)
        for each in FREEING
    ]
    context = WhatIfPage(views("what-if", _), answer, tuple(choices))
    crumbs = [Crumb(_("闲置判定"), "/idle"), Crumb(_("腾退测算"))]
    return view.page(context, active="idle", crumbs=crumbs)


@router.get("/idle/policies")
def policies_page(view: Reader) -> HTMLResponse:
    _, english = view.text, view.language == "en"
    with view.runtime.database.read() as session:
        known = library.policies(session)
    rows = [
        Rules(
            each,
            each.title_en if english else each.title_zh,
            each.note_en if english else each.note_zh,
            (", " if english else "、").join(
                dict.fromkeys(class_word(rule.cls, _) for rule in each.rules)
            ),
            f"/api/v1/idle/documents/policies/{quote(each.id, safe='')}",
        )
        for each in known
    ]
    crumbs = [Crumb(_("闲置判定"), "/idle"), Crumb(_("判定规则"))]
    return view.page(PoliciesPage(views("policies", _), rows), active="idle", crumbs=crumbs)


def _line(verdict: VerdictView, _: Text, *, english: bool) -> Line:
    said = verdict.recommendation
    return Line(
        verdict,
        class_word(verdict.cls, _),
        class_tone(verdict.cls),
        action_word(said["action"], _) if said else "",
        verdict.reason_en if english else verdict.reason_zh,
        said.get("vcpu_freed"),
        said.get("mem_bytes_freed"),
    )


def _tabs(cls: str, counts: dict[str, int], query: dict[str, str], _: Text) -> tuple[Choice, ...]:
    first = sum(counts.get(each, 0) for each in FREEING)
    freeing, every = _("可腾退"), _("全部")  # apart: texts inside f-strings are not found
    tabs = [
        Choice(f"{freeing} {first}", render.link("/idle", query, **{"class": ""}), not cls),
        *(
            Choice(
                f"{class_word(each, _)} {counts[each]}",
                render.link("/idle", query, **{"class": each}),
                each == cls,
            )
            for each in CLASSES
            if counts.get(each)
        ),
        Choice(
            f"{every} {sum(counts.values())}",
            render.link("/idle", query, **{"class": "all"}),
            cls == "all",
        ),
    ]
    return tuple(tabs)


def _exports(found: ScanView | None, _: Text) -> tuple[tables.ExportLink, ...]:
    if found is None:
        return ()
    path = f"/api/v1/idle/scans/{found.id}"
    return (tables.ExportLink("csv", _("文本表格（CSV）"), render.link(path, format="csv")),)


def _drafts(view: View) -> bool:
    """Whether this installation has the desk that letters are drafted at."""
    return any(
        context.path == DRAFT and "POST" in (context.methods or ())
        for context in iter_route_contexts(view.request.app.routes)
    )
