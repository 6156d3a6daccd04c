"""Curves of use against allocation as SVG: a pale step area behind, use in front, gaps shaded.

Drawn by us because paper has no script; the same tokens as on screen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

WIDTH, HEIGHT = 720, 210
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 12, 24
ALLOCATED, USED, PEAK, MISSING = "#c9d4e5", "#1f5fbf", "#8fb0de", "#d5d9de"

Values = Sequence[float | None]


@dataclass(frozen=True)
class Curve:
    """Parallel lists; ``scale`` divides values into ``unit``. None is a gap."""

    title: str
    unit: str
    times: Sequence[int]
    step_s: int
    allocated: Values
    used: Values
    peak: Values
    scale: float = 1.0


def draw(curve: Curve, zone: ZoneInfo) -> str:
    """The picture as markup, all of it ours; "" where no value is known."""
    known = [v for each in (curve.allocated, curve.used, curve.peak) for v in each if v is not None]
    if len(curve.times) < 2 or not known:
        return ""
    axis = _Axis(curve, nice_top(max(known) / curve.scale))
    parts = [
        *_grid(axis),
        *_days(axis, zone),
        *_shaded(axis, curve),
        *(f'<path d="{d}" fill="{ALLOCATED}" fill-opacity=".5"/>' for d in axis.areas()),
        *_lines(axis, curve.peak, PEAK, 0.8),
        *_lines(axis, curve.used, USED, 1.4),
    ]
    label = f"{curve.title}（{curve.unit}）"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def nice_top(value: float) -> float:
    """The end of an axis from zero: 1, 2 or 5 times a power of ten, or a half step below."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power * 10 < value:
        power *= 10
    while power >= value:
        power /= 10
    return next((power * step for step in (1, 2, 3, 4, 5, 6, 8, 10) if power * step >= value), 1.0)


class _Axis:
    """From times and values to places in the picture."""

    def __init__(self, curve: Curve, top: float) -> None:
        self.curve, self.top = curve, top
        self.first = curve.times[0]
        self.last = curve.times[-1] + curve.step_s

    def x(self, at: float) -> float:
        span = (at - self.first) / (self.last - self.first)
        return round(LEFT + span * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        share = min(1.0, max(0.0, value / self.curve.scale / self.top))
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 1)

    def runs(self, values: Values) -> Iterator[list[tuple[int, float]]]:
        """Unbroken stretches of (time, value)."""
        run: list[tuple[int, float]] = []
        for at, value in zip(self.curve.times, values, strict=True):
            if value is None:
                if run:
                    yield run
                run = []
            else:
                run.append((at, value))
        if run:
            yield run

    def areas(self) -> Iterator[str]:
        """The allocation as step areas."""
        ground, step = self.y(0.0), self.curve.step_s
        for run in self.runs(self.curve.allocated):
            path = [f"M{self.x(run[0][0])} {ground}"]
            for at, value in run:
                path.append(f"L{self.x(at)} {self.y(value)}L{self.x(at + step)} {self.y(value)}")
            path.append(f"L{self.x(run[-1][0] + step)} {ground}Z")
            yield "".join(path)


def _grid(axis: _Axis) -> Iterator[str]:
    for part in range(5):
        value = axis.top * part / 4
        y = axis.y(value * axis.curve.scale)
        yield f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="#e6eaf0" stroke-width=".8"/>'
        yield (
            f'<text x="{LEFT - 6}" y="{y + 3.5}" text-anchor="end" font-size="10" fill="#66727f">'
            f"{_label(value)}</text>"
        )


def _label(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def _days(axis: _Axis, zone: ZoneInfo) -> Iterator[str]:
    """About eight dates below."""
    day = 86_400
    every = max(1, round((axis.last - axis.first) / day / 8))
    midnight = datetime.fromtimestamp(axis.first, zone).replace(hour=0, minute=0, second=0)
    at = int(midnight.timestamp())
    number = 0
    while at < axis.last:
        if at >= axis.first and number % every == 0:
            yield (
                f'<text x="{axis.x(at)}" y="{HEIGHT - 8}" font-size="10" fill="#66727f" '
                f'text-anchor="middle">{datetime.fromtimestamp(at, zone):%m-%d}</text>'
            )
        number += at >= axis.first
        at += day


def _shaded(axis: _Axis, curve: Curve) -> Iterator[str]:
    """Where nothing is known of the use: shaded, never joined."""
    top, ground = TOP, HEIGHT - BOTTOM
    start: int | None = None
    for at, value in zip([*curve.times, axis.last], [*curve.used, 0.0], strict=True):
        if value is None:
            start = at if start is None else start
        elif start is not None:
            x, width = axis.x(start), axis.x(at) - axis.x(start)
            yield (
                f'<rect x="{x}" y="{top}" width="{width:.1f}" height="{ground - top}" '
                f'fill="{MISSING}" fill-opacity=".7"/>'
            )
            start = None


def _lines(axis: _Axis, values: Values, colour: str, width: float) -> Iterator[str]:
    half = axis.curve.step_s / 2
    for run in axis.runs(values):
        points = " ".join(f"{axis.x(at + half)},{axis.y(value)}" for at, value in run)
        if len(run) == 1:
            x, y = points.split(",")
            yield f'<circle cx="{x}" cy="{y}" r="1" fill="{colour}"/>'
            continue
        yield (
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
            'stroke-linejoin="round"/>'
        )
