"""What the charts draw, as JSON: one answer for all charts of a page, gaps said, words included.

    {"offset", "since", "until", "step", "times", "gaps": [[from, to]], "words": {…},
     "charts": {part: {"kind": count|pct|bytes|bits, "word", "series": [{"role", "name", "area",
                "values"}]}}}

Times are epoch seconds; ``offset`` is the zone's distance from UTC at the end of the period.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter

from controller.inventory.resources import find_resource
from controller.inventory.units import find_unit
from controller.problems import NotFound
from controller.usage.model import Trend
from controller.usage.queries import resource_series, unit_trend
from controller.web.language import Text
from controller.web.pages.resources import window_of
from controller.web.period import Period
from controller.web.view import UsageView, View

router = APIRouter(prefix="/web-data")

POINTS = 720

LENGTHS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}

METRICS = [
    "cpu_used_pct", "cpu_max_pct", "mem_used_bytes", "mem_total_bytes", "disk_used_bytes",
    "disk_total_bytes", "disk_read_bytes_s", "disk_write_bytes_s", "net_rx_bytes_s",
    "net_tx_bytes_s", "net4_rx_bytes_s", "net4_tx_bytes_s", "net6_rx_bytes_s", "net6_tx_bytes_s",
]  # fmt: skip

Values = Sequence[float | None]
Combined = Callable[[Values, Values], list[float | None]]


@router.get("/trend")
def city_data(view: UsageView) -> dict[str, Any]:
    """The same of everything the reader may see."""
    period = view.period()
    trend = unit_trend(view.runtime, view.scope, None, period.since, period.until, points=POINTS)
    return _trend_answer(view, period, trend)


@router.get("/units/{code}/trend")
def unit_data(code: str, view: UsageView) -> dict[str, Any]:
    """A unit's CPU, memory, storage and traffic over the period of the query."""
    period = view.period()
    with view.runtime.database.read() as session:
        if find_unit(session, view.scope, code, view.now).code != code:
            raise NotFound("unit", code)
    trend = unit_trend(view.runtime, view.scope, code, period.since, period.until, points=POINTS)
    return answer_of(
        view, period.since, period.until, trend.step_s, trend.times, trend.cpu_used_cores
    ) | {"charts": trend_charts(trend, view.text)}


def _trend_answer(view: View, period: Period, trend: Trend) -> dict[str, Any]:
    seen = trend.cpu_used_cores
    answer = answer_of(view, period.since, period.until, trend.step_s, trend.times, seen)
    # Before anything was allocated there was nothing to measure.
    known = [t for t, held in zip(trend.times, trend.vcpu_allocated, strict=True) if held]
    missed = since_then(answer["gaps"], known[0] if known else answer["since"])
    return answer | {"charts": trend_charts(trend, view.text), "gaps": missed}


@router.get("/resources/{code}")
def resource_data(code: str, view: UsageView, window: str = "") -> dict[str, Any]:
    """A resource's measurements over the last hour to 90 days."""
    until = view.now.replace(microsecond=0)
    since = until - LENGTHS[window_of(window)]
    with view.runtime.database.read() as session:
        resource = find_resource(session, view.scope, code, view.now)
    series = resource_series(
        view.runtime, view.scope, resource.code, METRICS, since, until, points=POINTS
    )
    values, peaks = series.values, series.peaks
    nothing: list[float | None] = [None] * len(series.times)

    def get(metric: str) -> Values:
        return values.get(metric, nothing)

    def peak(metric: str) -> Values:
        return peaks.get(metric, nothing)

    _ = view.text
    known = [i for i, value in enumerate(get("cpu_used_pct")) if value is not None]
    cpu_seen: Values = get("cpu_used_pct") if known else get("mem_used_bytes")
    charts = {
        "cpu": chart(
            "pct",
            line(
                "peak",
                _("峰值"),
                _higher(peaks.get("cpu_max_pct", nothing), peaks.get("cpu_used_pct", nothing)),
            ),
            line("used", _("平均"), get("cpu_used_pct"), area=True),
        ),
        "memory": chart(
            "bytes",
            line("allocated", _("总量"), _filled(get("mem_total_bytes"), resource.mem_bytes)),
            line("memory", _("使用"), get("mem_used_bytes"), area=True),
        ),
        "disk": chart(
            "bytes",
            line("allocated", _("总量"), _filled(get("disk_total_bytes"), resource.disk_bytes)),
            line("disk", _("使用"), get("disk_used_bytes"), area=True),
        ),
        "disk_io": chart(
            "bytes",
            line("rx", _("读取"), get("disk_read_bytes_s")),
            line("tx", _("写入"), get("disk_write_bytes_s")),
            word="/s",
        ),
        "network": chart(
            "bits",
            line("rx", _("入网"), _bits(get("net_rx_bytes_s"))),
            line("tx", _("出网"), _bits(get("net_tx_bytes_s"))),
        ),
        "ipv6": chart(
            "bits",
            line("rx", _("IPv4 收发"), _bits(_sum(get("net4_rx_bytes_s"), get("net4_tx_bytes_s")))),
            line("v6", _("IPv6 收发"), _bits(_sum(get("net6_rx_bytes_s"), get("net6_tx_bytes_s")))),
        ),
    }
    answer = answer_of(view, since, until, series.step_s, series.times, cpu_seen)
    # What did not exist yet cannot be missing.
    begun = int(resource.created.timestamp())
    return answer | {"charts": charts, "gaps": since_then(answer["gaps"], begun)}


def trend_charts(trend: Trend, _: Text) -> dict[str, Any]:
    """The charts of a unit or of the city."""
    return {
        "cpu": chart(
            "count",
            line("allocated", _("分配"), trend.vcpu_allocated),
            line("peak", _("峰值"), trend.cpu_used_cores_peak),
            line("used", _("使用"), trend.cpu_used_cores, area=True),
            word=_("核"),
        ),
        "memory": chart(
            "bytes",
            line("allocated", _("分配"), trend.mem_allocated_bytes),
            line("memory", _("使用"), trend.mem_used_bytes, area=True),
        ),
        "disk": chart(
            "bytes",
            line("allocated", _("分配"), trend.disk_allocated_bytes),
            line("disk", _("使用"), trend.disk_used_bytes, area=True),
        ),
        "network": chart(
            "bits",
            line("rx", _("入网"), _bits(trend.net_rx_bytes_s)),
            line("tx", _("出网"), _bits(trend.net_tx_bytes_s)),
        ),
    }


def chart(kind: str, *series: dict[str, Any], word: str = "") -> dict[str, Any]:
    """One chart; ``word`` follows every figure of kind ``count`` in the tooltip."""
    return {"kind": kind, "word": word, "series": list(series)}


def line(role: str, name: str, values: Values, *, area: bool = False) -> dict[str, Any]:
    """One line; its role decides the colour. Seven digits are more than a screen shows."""
    short = [None if value is None else float(f"{value:.7g}") for value in values]
    return {"role": role, "name": name, "area": area, "values": short}


def gaps(
    times: Sequence[int], values: Values, step: int, since: int, until: int
) -> list[list[int]]:
    """[from, to) of every stretch of [since, until) without a value.

    One step at the very end is still being measured and is no gap.
    """
    covered = [
        (time, time + step) for time, value in zip(times, values, strict=True) if value is not None
    ]
    found: list[list[int]] = []
    at = since
    for start, end in covered:
        if start > at:
            found.append([at, start])
        at = max(at, end)
    if covered and until - at > 2 * step:
        found.append([at, until])
    return found


def since_then(found: list[list[int]], begun: int) -> list[list[int]]:
    """The parts of gaps from ``begun`` on."""
    return [[max(start, begun), end] for start, end in found if end > begun]


def answer_of(
    view: View, since: datetime, until: datetime, step: int, times: Sequence[int], seen: Values
) -> dict[str, Any]:
    _ = view.text
    first, last = int(since.timestamp()), int(until.timestamp())
    offset = until.astimezone(view.zone).utcoffset() or timedelta(0)
    return {
        "offset": int(offset.total_seconds()),
        "since": first,
        "until": last,
        "step": step,
        "times": list(times),
        "gaps": gaps(times, seen, step, first, last),
        "words": {"gap": _("数据缺失"), "empty": _("该时段尚无数据")},
    }


def _each(
    combine: Callable[[float, float], float],
) -> Callable[[Values, Values], list[float | None]]:
    def combined(one: Values, other: Values) -> list[float | None]:
        return [
            (a if b is None else b) if a is None or b is None else combine(a, b)
            for a, b in zip(one, other, strict=True)
        ]

    return combined


_sum = _each(lambda a, b: a + b)
_higher = _each(max)


def _bits(bytes_s: Values) -> list[float | None]:
    return [None if value is None else value * 8 for value in bytes_s]


def _filled(values: Values, allocated: float | None) -> list[float | None]:
    """The measured total where there is one, else what the register says is allocated."""
    return [allocated if value is None else value for value in values]
