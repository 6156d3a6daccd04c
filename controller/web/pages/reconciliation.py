"""对账: platform, register and agent side by side, and the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter
from fastapi.responses import Response

from controller.inventory.model import UnitView
from controller.inventory.units import list_units
from controller.ledger.reconcile import ISSUES, WEIGHTS, Line
from controller.ledger.reconcile_api import UnitCoverage, chosen, coverage, narrowed
from controller.ledger.sides import read_reconciliation
from controller.web import ledger_words, render, tables
from controller.web.language import Text
from controller.web.pages.platform_imports import LedgerView
from controller.web.shell import Area, Crumb

router = APIRouter()


@dataclass(frozen=True)
class ShownShare:
    """A part of the score."""

    name: str
    meaning: str
    good: int
    of: int
    pct: float | None
    weight: float


@dataclass(frozen=True)
class ShownIssue:
    """An issue with how many machines have it."""

    key: str
    tone: str
    word: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class ShownLine:
    """A machine: its sizes as each side knows them, (cores, memory, disk)."""

    line: Line
    unit_code: str
    unit_name: str
    issues: list[tuple[str, str]]
    sides: list[tuple[float | None, float | None, float | None]]
    """register, platform, agent"""
    differs: list[bool]
    """Whether cores, memory or disk are not the same on the sides that know them."""


@dataclass(frozen=True)
class ReconciliationPage(render.Context):
    """The score with its parts, what is amiss, every machine, and the units' coverage."""

    template: ClassVar[str] = "reconciliation.html"

    score: float | None
    threshold: float
    passed: bool
    formula: str
    shares: list[ShownShare]
    issues: list[ShownIssue]
    issue: str
    rows: list[ShownLine]
    table: tables.TableState
    coverage: list[UnitCoverage]
    units: list[UnitView]
    unit: str
    text: str
    exports: tuple[tables.ExportLink, ...]
    tabs: tuple[Area, ...]


@router.get("/ledger/reconciliation")
def reconciliation_page(view: LedgerView) -> Response:
    _, asked = view.text, view.request.query_params
    unit, text = asked.get("unit", "")[:200], asked.get("text", "").strip()[:100]
    issue = asked.get("issue", "any")
    issue = issue if issue in ("", "any", *ISSUES) else "any"
    scope = narrowed(view.runtime, view.scope, unit or None, view.now)
    found, units = read_reconciliation(view.runtime, scope, view.now)
    lines = chosen(found, units, issue=issue, text=text)
    page = tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        choices = list_units(session, view.scope, view.now)
    query = {"issue": issue, "unit": unit, "text": text}
    words, counts = ledger_words.issues(_), found.counts()
    threshold = view.runtime.settings.ledger.publish_score
    api = {"issue": issue, "unit": unit, "text": text}
    context = ReconciliationPage(
        score=found.score,
        threshold=threshold,
        passed=found.score is not None and found.score >= threshold,
        formula=_("得分 = {parts}", parts=_formula(_)),
        shares=[
            ShownShare(
                *ledger_words.shares(_)[name], share.good, share.of, share.pct, WEIGHTS[name]
            )
            for name, share in found.shares.items()
        ],
        issues=[
            ShownIssue(key, *words[key], counts[key], key == issue)
            for key in ISSUES
            if key in counts
        ],
        issue=issue,
        rows=[_shown(line, units, words) for line in tables.cut(lines, page)],
        table=tables.TableState(
            "/ledger/reconciliation", query, "", False, page, tables.PAGE_SIZE, len(lines)
        ),
        coverage=coverage(found, units),
        units=choices,
        unit=unit,
        text=text,
        exports=tuple(
            tables.ExportLink(
                kind, label, render.link("/api/v1/ledger/reconciliation", api, format=kind)
            )
            for kind, label in (("xlsx", _("Excel 表格（XLSX）")), ("csv", _("文本表格（CSV）")))
        ),
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    return view.page(context, active="ledger", crumbs=[Crumb(_("对账"))])


def _formula(_: Text) -> str:
    """The weights with the names of their shares."""
    names = ledger_words.shares(_)
    return " + ".join(f"{weight:g} % × {names[name][0]}" for name, weight in WEIGHTS.items())


def _shown(
    line: Line, units: dict[int, tuple[str, str]], words: dict[str, tuple[str, str]]
) -> ShownLine:
    code, name = units.get(line.unit_id or 0, ("", ""))
    sides = [line.sizes(side) for side in ("register", "platform", "agent")]
    differs = [
        len({_near(side[place]) for side in sides if side[place] is not None}) > 1
        for place in range(3)
    ]
    issues = [words[issue] for issue in line.issues if issue != "no_agent" or len(line.issues) == 1]
    return ShownLine(line, code, name, issues, sides, differs)


def _near(value: Any) -> float:
    """To three digits: what is written alike is not marked as different."""
    return float(f"{value:.3g}")
