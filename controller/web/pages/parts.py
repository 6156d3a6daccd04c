"""What several pages show alike: the period switch, a line of figures, a ranking."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from controller.usage.model import UsageRow
from controller.web.language import Text
from controller.web.period import NAMES, Period
from controller.web.render import link
from controller.web.tables import ExportLink


@dataclass(frozen=True)
class Choice:
    """One of a few ways to look at a page."""

    label: str
    href: str
    chosen: bool


@dataclass(frozen=True)
class PeriodSwitch:
    """7 天 / 30 天 / 上月 / 自选; ``kept`` are the parameters that stay as they are."""

    path: str
    choices: tuple[Choice, ...]
    custom: bool
    first: str
    last: str
    kept: Mapping[str, str]
    problem: str


def period_switch(path: str, period: Period, kept: Mapping[str, str], _: Text) -> PeriodSwitch:
    """The switch of a page at ``path`` that shows ``period``."""
    labels = dict(zip(NAMES, (_("7 天"), _("30 天"), _("上月"), ""), strict=True))
    return PeriodSwitch(
        path=path,
        choices=tuple(
            Choice(label, link(path, kept, period=name), name == period.name)
            for name, label in labels.items()
            if label
        ),
        custom=period.name == "custom",
        first=period.first_day.isoformat(),
        last=period.last_day.isoformat(),
        kept=kept,
        problem=_("自选时段无法识别，已显示最近 30 天。") if period.error else "",
    )


@dataclass(frozen=True)
class Allocation:
    """One of the page's figures: how much is allocated and how much of it is used."""

    allocated: float | None
    average_pct: float | None
    p95_pct: float | None

    @property
    def used(self) -> float | None:
        """The average in the allocation's own unit."""
        if self.allocated is None or self.average_pct is None:
            return None
        return self.allocated * self.average_pct / 100


def rank_rows(
    rows: Iterable[UsageRow], own: str | None, period: Period, *, limit: int | None = None
) -> str:
    """The rows of a ranking chart as JSON for its ``data-rows``; highest CPU average first.

    Public support is left out, and then the P95 with it, which cannot be taken apart.
    """
    known = [row for row in rows if row.cpu_for_ranking is not None]
    known.sort(key=lambda row: -(row.cpu_for_ranking or 0.0))
    return json.dumps(
        [
            {
                "name": row.unit_name or row.unit,
                "value": round(row.cpu_for_ranking or 0.0, 1),
                "p95": (
                    None
                    if row.cpu_p95_pct is None or row.public_support
                    else round(row.cpu_p95_pct, 1)
                ),
                "own": row.unit == own,
                "href": link(f"/units/{quote(row.unit or '', safe='')}", period.query),
            }
            for row in known[:limit]
        ],
        ensure_ascii=False,
    )


def usage_exports(period: Period, by: str, unit: str | None, _: Text) -> tuple[ExportLink, ...]:
    """The report behind a page, from the API in its own formats."""
    query = {**period.api_query, "by": by, "unit": unit or ""}
    paper = {**period.api_query, "unit": unit or ""}
    return (
        ExportLink("pdf", _("用量报告（PDF）"), link("/api/v1/reports/usage", paper, format="pdf")),
        ExportLink(
            "docx", _("用量报告（DOCX）"), link("/api/v1/reports/usage", paper, format="docx")
        ),
        ExportLink("xlsx", _("Excel 表格（XLSX）"), link("/api/v1/usage", query, format="xlsx")),
        ExportLink("csv", _("文本表格（CSV）"), link("/api/v1/usage", query, format="csv")),
    )
