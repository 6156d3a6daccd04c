"""The readiness report as a document: HTML, and PDF made of it."""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from controller.ipv6.report import Report
from controller.ipv6.traffic import SHANGHAI
from controller.ipv6.views import title
from controller.ipv6.words import WORDS

HTML, PDF = "text/html; charset=utf-8", "application/pdf"
MOST_PRINTED = 500
"""Hosts on paper, the lowest scores first; the workbook holds all of them."""


def as_html(report: Report) -> str:
    """The page; hosts that never told anything are counted, not listed."""
    words = WORDS[report.language]
    titles = {each.code: title(each, report.language) for each in report.index.hosts}
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters.update(
        one=lambda value: words["unknown"] if value is None else f"{value:.1f}",
        gb=lambda value: f"{value / 1e9:.2f} GB",
        moment=_moment,
        title_of=lambda code: titles.get(code, code),
    )
    told = sorted(
        (host for host in report.hosts if host.at is not None),
        key=lambda host: (host.score is None, host.score or 0.0, host.code),
    )
    text = files("controller.ipv6").joinpath("report.html").read_text("utf-8")
    return environment.from_string(text).render(
        language=report.language,
        w=words,
        told=report.read.told,
        made=_moment(report.now),
        sites=[site for site, _ in report.read.sites],
        hosts=told[:MOST_PRINTED],
        untold=len(report.hosts) - min(len(told), MOST_PRINTED),
        devices=report.gear,
        traffic=report.traffic,
        official=report.official,
    )


def as_pdf(report: Report) -> bytes:
    """The same on A4."""
    # Half a second and 60 MB that only a printed report needs.
    from weasyprint import HTML as PRINTER  # noqa: PLC0415

    pdf: bytes = PRINTER(string=as_html(report)).write_pdf()
    return pdf


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else "–"
