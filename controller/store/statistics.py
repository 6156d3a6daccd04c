"""The one home of statistics in SQL: fragments for ClickHouse, tested against plain Python.

All of them skip NaN (not measured). None of them invents a value: what nothing was measured for
is NaN again.
"""

from __future__ import annotations

from collections.abc import Sequence

BUCKET_S = 300
"""The bucket of five-minute rollups; a row with a longer interval is coarse."""
HOUR_S = 3_600
DAY_S = 86_400

PRESENT_SHARE = 0.8
"""A bucket with less of its allocation present is a gap."""

_RANK_EPSILON = 1e-9
"""Keeps quantileExact on the nearest rank; see ``percentile``."""
_SHARE_SLACK = 1e-6
"""Sums are Float32: exactly 80 % must not become a gap by its last digit."""


def percentile(value: str, share: float, condition: str = "") -> str:
    """Nearest rank: the ceil(share·n)-th smallest of the non-NaN values, else NaN.

    quantileExact takes the 0-based rank floor(level·n): one too high wherever share·n is whole.
    A level a little below ``share`` has the right rank for every n up to 10⁷, for shares of at
    most two decimals.
    """
    keep = f"not isNaN({value})" + (f" AND {condition}" if condition else "")
    return f"quantileExactIf({share - _RANK_EPSILON!r})({value}, {keep})"


def weighted_percentile(value: str, share: float, weight: str) -> str:
    """``percentile`` where each value stands ``weight`` times, a positive whole number.

    quantileExactWeighted takes the first value whose running weight reaches ceil(level·n).
    """
    keep = f"not isNaN({value})"
    return (
        f"quantileExactWeightedIf({share - _RANK_EPSILON!r})({value}, toUInt64({weight}), {keep})"
    )


def percentiles(value: str, shares: Sequence[float], condition: str) -> str:
    """Several nearest ranks of the same values, as an array in the order of ``shares``.

    Other than quantileExact, quantilesExact says 0 of nothing.
    """
    levels = ", ".join(repr(share - _RANK_EPSILON) for share in shares)
    keep = f"not isNaN({value}) AND {condition}"
    nothing = f"[{', '.join('nan' for _ in shares)}]"
    return f"if(countIf({keep}) = 0, {nothing}, quantilesExactIf({levels})({value}, {keep}))"


def percentile_of_array(values: str, share: float) -> str:
    """Nearest rank of an array without NaN, NaN of an empty one."""
    level = share - _RANK_EPSILON
    return f"ifNull(arrayReduce('quantileExactOrNull({level!r})', {values}), nan)"


def mean(value: str, condition: str = "") -> str:
    """Plain mean of the non-NaN values, else NaN."""
    keep = f"not isNaN({value})" + (f" AND {condition}" if condition else "")
    return f"avgIf({value}, {keep})"


def weighted_mean(value: str, weight: str) -> str:
    """Mean of the non-NaN values, each counted by its seconds, else NaN."""
    return f"avgWeightedIf({value}, {weight}, not isNaN({value}))"


def highest(value: str, condition: str = "") -> str:
    """Largest non-NaN value, else NaN."""
    keep = f"not isNaN({value})" + (f" AND {condition}" if condition else "")
    return f"ifNull(maxOrNullIf({value}, {keep}), nan)"


def latest(value: str, time: str) -> str:
    """The non-NaN value of the latest time, else NaN."""
    return f"ifNull(argMaxOrNullIf({value}, {time}, not isNaN({value})), nan)"


def total(value: str) -> str:
    """Sum of the non-NaN values; 0 of none, so it stands beside a count."""
    return f"sumIf({value}, not isNaN({value}))"


def rolled(value: str, rollup: str, weight: str, time: str) -> str:
    """How a metric's rows become a coarser row, by the catalogue's ``rollup``."""
    if rollup == "avg":
        return weighted_mean(value, weight)
    if rollup == "max":
        return highest(value)
    return latest(value, time)


def share_pct(used: str, present: str, enough: str) -> str:
    """100·used/present, NaN where nothing is allocated or not ``enough`` of it is present."""
    return f"if(({enough}) AND {present} > 0, 100 * {used} / {present}, nan)"


def enough(known: str, held: str, count: str, held_count: str) -> str:
    """Whether a bucket is no gap: at least 80 % of the allocation held has data.

    Where no allocation is known, resources are counted instead.
    """
    share = PRESENT_SHARE - _SHARE_SLACK
    return (
        f"if({held} > 0, {known} >= {share!r} * {held}, "
        f"{count} > 0 AND {count} >= {share!r} * {held_count})"
    )


def priority(source: str) -> str:
    """Which source speaks for a bucket that several measured: the agent, a poller, an import."""
    return f"multiIf({source} = 'agent', 1, startsWith({source}, 'poller'), 2, 3)"


def bucket(time: str, step_s: int = BUCKET_S) -> str:
    """Start of the bucket a row belongs to, as DateTime in UTC: the one its interval starts in.

    Agents are aligned. A platform's export that is not keeps its values whole this way, one row
    to one bucket; splitting by overlap would blur exactly the peaks a percentile looks for.
    """
    if step_s == BUCKET_S:
        return f"toStartOfFiveMinutes({time})"  # the general form takes twice the time
    if step_s == HOUR_S:
        return f"toStartOfHour({time})"
    return f"toDateTime(intDiv(toUnixTimestamp({time}), {step_s}) * {step_s}, 'UTC')"


def moment(epoch_s: int) -> str:
    """A literal to compare a time column with, so that the index is used."""
    return f"toDateTime64({int(epoch_s)}, 3, 'UTC')"
