"""A usage report as HTML, and from that HTML as PDF."""

from __future__ import annotations

from controller.reports.letter_page import environment, to_pdf
from controller.reports.usage_chart import Curve, draw
from controller.reports.usage_data import UsageData
from controller.reports.usage_words import Report, write

GIB = float(1 << 30)


def as_html(data: UsageData, report: Report | None = None) -> str:
    """A whole page with its own style; it needs nothing from elsewhere."""
    return (
        environment()
        .get_template("usage.html")
        .render(report=report or write(data), charts=_charts(data))
    )


def as_pdf(data: UsageData) -> bytes:
    """A4 with the fonts embedded. Raises RuntimeError where Debian's Pango is missing."""
    return to_pdf(as_html(data))


def _charts(data: UsageData) -> list[tuple[str, str]]:
    trend = data.trend
    curves = (
        Curve(
            "CPU：分配与使用", "核", trend.times, trend.step_s, trend.vcpu_allocated,
            trend.cpu_used_cores, trend.cpu_used_cores_peak,
        ),
        Curve(
            "内存：分配与使用", "GB", trend.times, trend.step_s, trend.mem_allocated_bytes,
            trend.mem_used_bytes, trend.mem_used_bytes_peak, GIB,
        ),
    )  # fmt: skip
    drawn = ((f"{curve.title}（{curve.unit}）", draw(curve, data.zone)) for curve in curves)
    return [(title, picture) for title, picture in drawn if picture]
