"""Why a resource is in its class, in one line of Chinese and one of English."""

from __future__ import annotations

import math
from typing import NamedTuple

from controller.analysis.policy import (
    Condition,
    DaysTest,
    PatternTest,
    ShareTest,
    StateTest,
    StatisticTest,
    Test,
)
from controller.analysis.signals import COMPARISONS, SIGNALS

MIB = float(1 << 20)
MOST_DIGITS = 6


class Words(NamedTuple):
    zh: str
    en: str


STATISTICS = {
    "mean": Words("平均", " mean"),
    "max": Words("最高", " highest"),
    "mean_of_daily_max": Words("日最高的平均", " mean of daily highest"),
    "top20_mean": Words("最高 20 % 采样的均值", " mean of the top 20 %"),
    "total": Words("日总量", " daily total"),
    "p50": Words(" P50", " P50"),
    "p90": Words(" P90", " P90"),
    "p95": Words(" P95", " P95"),
    "p97": Words(" P97", " P97"),
    "p99": Words(" P99", " P99"),
    "p99_5": Words(" P99.5", " P99.5"),
}
DAILY = {
    "mean": Words("日均值", " daily mean"),
    "max": Words("日最高", " daily highest"),
    "total": Words("日总量", " daily total"),
}


def amount(value: float, unit: str, beside: float | None = None) -> str:
    """A figure with its unit, and so many digits that it does not look equal to ``beside``."""
    if unit == "B":
        value, beside, unit = value / MIB, None if beside is None else beside / MIB, "MB"
    digits = 1
    while (
        beside is not None
        and value != beside
        and digits < MOST_DIGITS
        and round(value, digits) == round(beside, digits)
    ):
        digits += 1
    text = f"{value:,.{digits}f}"
    if digits == 1 and (text.endswith(".0") and value == int(value)):
        text = text[:-2]
    return f"{text} {unit}".rstrip()


def test_words(test: Test, value: float, detail: float, passes: bool) -> Words:
    """What one test found; ``value`` and ``detail`` as in ``measures.Measure``, NaN: unknown."""
    match test:
        case StatisticTest(condition=condition):
            return _figure(condition, value, passes)
        case DaysTest():
            return _days(test, value, detail, passes)
        case ShareTest():
            sign = "≥" if passes else "<"
            zh, en = _conditions(test.conditions)
            share = amount(value, "%", test.share_pct)
            return Words(
                f"{zh}的时间占 {share} {sign} {test.share_pct:g} %",
                f"{en} during {share} {sign} {test.share_pct:g} % of the time",
            )
        case PatternTest():
            zh, en = _conditions((test.condition,))
            sign = "≥" if passes else "<"
            return Words(
                f"每周规律性{zh}的时段 {value:g} 小时 {sign} {test.hours_per_week} 小时",
                f"regularly {en} in {value:g} {sign} {test.hours_per_week} hours of the week",
            )
        case StateTest():
            if passes:
                return Words(
                    f"已 {value:g} 天未挂载或未绑定 ≥ {test.days} 天",
                    f"attached to nothing for {value:g} ≥ {test.days} days",
                )
            return Words(
                "在用（已挂载或绑定）" if value == 0 else f"未挂载 {value:g} 天 < {test.days} 天",
                "attached" if value == 0 else f"detached {value:g} < {test.days} days",
            )


def _figure(condition: Condition, value: float, passes: bool) -> Words:
    signal, compare = SIGNALS[condition.signal], COMPARISONS[condition.compare]
    sign = compare.sign if passes else compare.opposite
    name = STATISTICS[condition.statistic]
    if condition.signal == "cpu_peak_pct" and condition.statistic == "max":
        name = Words("", "")  # a peak's highest is the peak
    shown = f"{amount(value, signal.unit, condition.threshold)} {sign}"
    limit = amount(condition.threshold, signal.unit)
    return Words(f"{signal.zh}{name.zh} {shown} {limit}", f"{signal.en}{name.en} {shown} {limit}")


def _days(test: DaysTest, value: float, detail: float, passes: bool) -> Words:
    if not math.isnan(detail):
        only = test.conditions[0]
        signal, compare = SIGNALS[only.signal], COMPARISONS[only.compare]
        unit = _daily_unit(only)
        sign = compare.sign if passes else compare.opposite
        name = DAILY[only.statistic]
        shown = f"{amount(detail, unit, only.threshold)} {sign} {amount(only.threshold, unit)}"
        return Words(f"{signal.zh}{name.zh}最高的一天 {shown}", f"{signal.en}{name.en} {shown}")
    zh, en = _conditions(test.conditions)
    if not test.days:
        return Words(
            f"{zh}的有 {value:g} 天{'(每天)' if passes else ',不是每天'}",
            f"{en} on {value:g} days{' (every day)' if passes else ', not every day'}",
        )
    sign = "≥" if passes else "<"
    return Words(
        f"{zh}的有 {value:g} 天 {sign} {test.days} 天", f"{en} on {value:g} {sign} {test.days} days"
    )


def _daily_unit(condition: Condition) -> str:
    unit = SIGNALS[condition.signal].unit
    return unit.removesuffix("/s") if condition.statistic == "total" else unit


def _conditions(conditions: tuple[Condition, ...]) -> Words:
    zh, en = [], []
    for each in conditions:
        signal = SIGNALS[each.signal]
        name = DAILY.get(each.statistic, Words("", ""))
        limit = f"{COMPARISONS[each.compare].sign} {amount(each.threshold, _daily_unit(each))}"
        zh.append(f"{signal.zh}{name.zh} {limit}")
        en.append(f"{signal.en}{name.en} {limit}")
    return Words("且".join(zh), " and ".join(en))


def on_what(window_days: int, samples: float, expected: float) -> Words:
    """The data behind it, as in the issue's own example."""
    return Words(
        f"{window_days} 天，{samples:,.0f}/{expected:,.0f} 个采样",
        f"{window_days} days, {samples:,.0f} of {expected:,.0f} samples",
    )


def joined(parts: list[Words]) -> Words:
    return Words("，".join(part.zh for part in parts), ", ".join(part.en for part in parts))
