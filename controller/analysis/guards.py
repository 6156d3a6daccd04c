"""What protects a resource from a hasty verdict: tags, seasons, silence, month ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

import numpy as np

from controller.analysis.explain import Words
from controller.analysis.figures import DAY_S, Bools, Figures
from controller.analysis.policy import Guards
from controller.analysis.seasons import (
    Season,
    is_period_end,
    next_period_end,
    season_of,
)
from controller.analysis.states import tag_named

MACHINES = ("vm", "physical")


@dataclass(frozen=True)
class Look:
    """The moment of judgement, seen from the office: days of its own calendar."""

    as_of_s: int
    zone: tzinfo

    def day(self, back: int) -> date:
        """The date on which most of the 24 hours ``back`` days ago lay."""
        middle = self.as_of_s - back * DAY_S - DAY_S // 2
        return datetime.fromtimestamp(middle, UTC).astimezone(self.zone).date()

    @property
    def today(self) -> date:
        return datetime.fromtimestamp(self.as_of_s, UTC).astimezone(self.zone).date()

    def text(self, seconds: float) -> str:
        return f"{datetime.fromtimestamp(seconds, UTC).astimezone(self.zone):%Y-%m-%d %H:%M}"


def exemption(
    tags: tuple[str, ...],
    guards: Guards,
    seasons: tuple[Season, ...],
    look: Look,
    window_days: int,
) -> Words | None:
    """Why the resource must not be judged, or None."""
    tag = tag_named(tags, guards.exempt_tags)
    if tag is not None:
        return Words(f"标签“{tag}”豁免", f"exempt by its tag “{tag}”")
    season = season_of(tags, seasons) if guards.cycles else None
    if season is None or all(season.holds(look.day(back)) for back in range(window_days)):
        return None
    return Words(
        f"{season.name_zh}资源，旺季为每年 {season.span}；观察的 {window_days} 天不全在旺季内，"
        "低负载不作为依据",
        f"seasonal ({season.name_en}, {season.span} every year); the {window_days} days looked at "
        "are not all within it",
    )


def stopped(figures: Figures, guards: Guards, look: Look, window_days: int) -> list[Words | None]:
    """For each subject why it counts as stopped, or None. Only machines can be."""
    answers: list[Words | None] = [None] * len(figures)
    quiet_s = guards.stopped_after_days * DAY_S
    off = _measured_off(figures, window_days)
    last_s = figures.last_s if len(figures.last_s) else np.full(len(figures), np.nan)
    silent = last_s <= figures.as_of_s - quiet_s - 1  # never, for NaN
    tagged = np.array([bool(subject.tags) for subject in figures.subjects], bool)
    # Few are any of it; asking each in turn took a third of the judging.
    for index in np.flatnonzero(off | silent | tagged).tolist():
        subject = figures.subjects[index]
        if subject.kind not in MACHINES:
            continue
        tag = tag_named(subject.tags, guards.stopped_tags)
        last = float(last_s[index])
        if tag is not None:
            answers[index] = Words(f"登记为已停机（标签“{tag}”）", f"registered as off (“{tag}”)")
        elif off[index]:
            answers[index] = Words(
                f"{window_days} 天内 CPU、内存、网络均为 0：已停机",
                f"CPU, memory and network were 0 for {window_days} days: switched off",
            )
        elif silent[index]:
            days = int((figures.as_of_s - last) // DAY_S)
            answers[index] = Words(
                f"自 {look.text(last)} 起 {days} 天没有任何数据，此前有数据：已停机"
                "（如主机实际在运行，请检查采集端）",
                f"no data for {days} days since {look.text(last)}, data before: stopped "
                "(if it does run, look at its agent)",
            )
    return answers


def _measured_off(figures: Figures, days: int) -> Bools:
    """A platform that reports a machine that is off gives zeros for all of it."""
    off = np.ones(len(figures), bool)
    for signal in ("cpu_used_pct", "mem_used_pct", "net_bytes_s"):
        if signal not in figures.daily:
            return np.zeros(len(figures), bool)
        with np.errstate(invalid="ignore"):
            off &= figures.highest(signal, days) == 0
    return off


@dataclass(frozen=True)
class PeriodEnds:
    """Parallel to the subjects: whether a month's (or quarter's) end within the look-back was
    measured, whether one was busy, and on which day back it was busiest."""

    seen: Bools
    busy: Bools
    busiest: list[int]
    wait_until: date


def period_ends(figures: Figures, guards: Guards, look: Look) -> PeriodEnds:
    """Looks back ``guards.look_back_days`` for what comes back at the end of months."""
    days = min(guards.look_back_days, figures.days)
    ends = [back for back in range(days) if is_period_end(look.day(back))]
    # A quarter's end is asked for only by a look-back that always contains one.
    day = figures.daily["cpu_used_pct"]
    highest = np.where(np.isnan(day.highest[:, ends]), -1.0, day.highest[:, ends])
    count = day.count[:, ends].sum(axis=1) if ends else np.zeros(len(figures))
    busiest = (
        [ends[i] for i in highest.argmax(axis=1).tolist()] if ends else [0] * len(figures.subjects)
    )
    top = highest.max(axis=1, initial=-1.0)
    return PeriodEnds(
        count > 0, top >= guards.busy_cpu_pct, busiest, next_period_end(look.today + timedelta(0))
    )
