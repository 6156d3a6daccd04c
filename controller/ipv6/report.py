"""The readiness report as one data set: for the workbook here, and for the printed document."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import xlsxwriter
from sqlmodel import Session

from controller.access.scope import Scope
from controller.analysis.ipv6 import Index
from controller.ipv6 import official
from controller.ipv6.hosts import host_views
from controller.ipv6.model import HostView, OfficialView, Overview, TrafficTrend
from controller.ipv6.overview import Read, read_overview
from controller.ipv6.traffic import SHANGHAI
from controller.ipv6.trend import read_trend
from controller.ipv6.views import title
from controller.ipv6.words import WORDS
from controller.usage.export import plain_text

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
TREND_DAYS = 30


@dataclass(frozen=True)
class Report:
    """Everything a report shows; the same numbers as on screen."""

    read: Read
    index: Index
    hosts: list[HostView]
    gear: list[HostView]
    traffic: TrafficTrend
    official: list[OfficialView]
    now: datetime
    language: str


def read_report(
    session: Session, scope: Scope, index: Index, now: datetime, language: str, vantage: str = ""
) -> Report:
    """Reads it for what the caller may see."""
    read = read_overview(session, scope, index, now, language, vantage=vantage)
    end = now.astimezone(SHANGHAI).date() + timedelta(days=1)
    first = end - timedelta(days=TREND_DAYS)
    return Report(
        read=read,
        index=index,
        hosts=host_views(session, read.hosts, now),
        gear=host_views(session, read.gear, now),
        traffic=read_trend(session, scope, first, end, "unit", now),
        official=official.beside(session, scope, read, now),
        now=now,
        language=language,
    )


def to_xlsx(report: Report) -> bytes:
    """The workbook's bytes; cells that begin like a formula are text."""
    words, body = WORDS[report.language], io.BytesIO()
    told = report.read.told
    book = xlsxwriter.Workbook(
        body, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    head = book.add_format({"bold": True, "bg_color": "#e8eef7", "bottom": 1, "text_wrap": True})
    _summary(book.add_worksheet(words["summary"]), told, words, head)
    for name, heads, lines in (
        ("units", *_units(told, words)),
        ("sites", *_sites(report, words)),
        ("hosts", *_hosts(report, words)),
        ("devices", *_devices(report, words)),
        ("traffic", *_traffic(report.traffic, words)),
        ("official", *_official(report.official, words)),
    ):
        _table(book.add_worksheet(words[name]), head, heads, lines)
    book.set_properties({"created": report.now.replace(tzinfo=None)})
    book.close()
    return body.getvalue()


Sheet = tuple[list[str], list[list[Any]]]


def _units(told: Overview, words: dict[str, str]) -> Sheet:
    heads = [words[k] for k in ("unit", "score", "known", "count", "measured", "reachable",
                                "passing", "hosts", "hosts_told", "hosts_passing",
                                "share", "action")]  # fmt: skip
    lines = []
    for unit in told.units:
        hosts = next((part for part in unit.parts if part.kind == "host"), None)
        first = unit.actions[0] if unit.actions else None
        lines.append(
            [unit.unit_name, unit.score, round(100 * unit.coverage, 1), unit.sites, unit.measured,
             unit.reachable, unit.passing, hosts.registered if hosts else 0,
             hosts.scored if hosts else 0, hosts.passing if hosts else 0, unit.traffic_pct,
             f"{first.title} +{first.gain:.1f}" if first else ""]
        )  # fmt: skip
    return heads, lines


def _sites(report: Report, words: dict[str, str]) -> Sheet:
    lines: list[list[Any]] = []
    for site, evaluation in report.read.sites:
        points = {each.code: each for each in evaluation.results} if evaluation else {}
        lines.append(
            [site.name, site.unit_name, site.url, site.vantage or "", _when(site.at), site.score]
            + [_points(points.get(each.code)) for each in report.index.indicators]
        )
    heads = [words[k] for k in ("site", "unit", "url", "vantage", "at", "score")]
    return heads + _heads(report, "site"), lines


def _hosts(report: Report, words: dict[str, str]) -> Sheet:
    heads = [words[k] for k in ("host", "name", "unit", "system", "at", "score", "share")]
    lines: list[list[Any]] = []
    for view, subject in zip(report.hosts, report.read.hosts, strict=True):
        told = subject.evaluation
        points = {each.code: each for each in told.results} if told else {}
        lines.append(
            [view.code, view.name, view.unit_name, view.system, _when(view.at), view.score,
             view.traffic_pct]
            + [_points(points.get(each.code)) for each in report.index.hosts]
        )  # fmt: skip
    return heads + _heads(report, "host"), lines


def _devices(report: Report, words: dict[str, str]) -> Sheet:
    heads = [words[k] for k in ("host", "name", "unit", "at", "score", "share")]
    lines: list[list[Any]] = []
    for view, subject in zip(report.gear, report.read.gear, strict=True):
        told = subject.evaluation
        points = {each.code: each for each in told.results} if told else {}
        lines.append(
            [view.code, view.name, view.unit_name, _when(view.at), view.score, view.traffic_pct]
            + [_points(points.get(each.code)) for each in report.index.devices]
        )
    return heads + _heads(report, "device"), lines


def _heads(report: Report, kind: str) -> list[str]:
    return [
        f"{title(each, report.language)} /{each.weight:g}"
        for each in report.index.of(kind).indicators
    ]


def _traffic(trend: TrafficTrend, words: dict[str, str]) -> Sheet:
    heads = [words[k] for k in ("day", "share", "v4", "v6", "hosts")]
    lines: list[list[Any]] = [
        [day.day.isoformat(), day.pct, day.v4_bytes, day.v6_bytes, day.hosts] for day in trend.days
    ]
    lines += [[part.name, part.pct, part.v4_bytes, part.v6_bytes, part.hosts]
              for part in trend.parts]  # fmt: skip
    return heads, lines


def _official(rows: list[OfficialView], words: dict[str, str]) -> Sheet:
    extra = sorted({name for row in rows for name in row.items})
    heads = [words[k] for k in ("source", "day", "name", "unit", "official_score", "ours")]
    lines: list[list[Any]] = [
        [row.source, row.day.isoformat(), row.name, row.unit_name, row.score, row.ours]
        + [row.items.get(name) for name in extra]
        for row in rows
    ]
    return heads + extra, lines


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else ""


def _points(result: Any) -> Any:
    if result is None or result.state in ("unknown", "not_applicable"):
        return None
    return result.points


def _summary(sheet: Any, told: Overview, words: dict[str, str], head: Any) -> None:
    lines: list[tuple[str, Any]] = [
        (words["score"], told.score), (words["known"], round(100 * told.coverage, 1)),
        (words["count"], told.sites),
        (words["measured"], told.measured), (words["reachable"], told.reachable),
        (words["passing"], told.passing), (words["share"], told.traffic_pct),
        (words["index"], f"{told.index_title} {told.index}"),
    ]  # fmt: skip
    for part in told.parts:
        label = f"{words[f'{part.kind}s']}: {words['score']}"
        lines.append((label, part.score))
    for row, (label, value) in enumerate(lines):
        sheet.write(row, 0, label, head)
        sheet.write(row, 1, value)
    row = len(lines) + 1
    for place, name in enumerate(("action", "gain", "on", "remedy")):
        sheet.write(row, place, words[name], head)
    for each in told.actions:
        row += 1
        on = f"{words[f'{each.kind}s']} {each.sites}"
        sheet.write_row(row, 0, [each.title, each.gain, on, each.remedy])
    sheet.write(row + 2, 0, words["method"])
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 2, 16)
    sheet.set_column(3, 3, 70)


def _table(sheet: Any, head: Any, heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    sheet.write_row(0, 0, heads, head)
    for row, line in enumerate(lines, 1):
        for place, value in enumerate(line):
            sheet.write(row, place, plain_text(value) if isinstance(value, str) else value)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, max(len(lines), 1), len(heads) - 1)
    sheet.set_column(0, 2, 26)
    sheet.set_column(3, len(heads) - 1, 14)
