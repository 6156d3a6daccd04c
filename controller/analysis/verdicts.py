"""Verdicts in words: the class of each resource with its reason, evidence and recommendation."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from controller.analysis import guards as guarding
from controller.analysis.explain import Words, amount, joined, on_what, test_words
from controller.analysis.figures import DAY_S, STEP_S, Figures, Pattern
from controller.analysis.guards import Look
from controller.analysis.measures import signals_of
from controller.analysis.patterns import in_words, weekly_hours
from controller.analysis.policy import DaysTest, PatternTest, Policy, Rule, StatisticTest, Test
from controller.analysis.ruled import HOLDS, HOUR_S, Ruled, signals_used
from controller.analysis.sizes import Flavour, smaller

HOLDS_PCT = 80.0
"""How full a smaller size may get by what an idle machine used at its highest."""


@dataclass(frozen=True)
class Verdict:
    """What a policy says of one resource."""

    resource: int
    cls: str
    rule: str
    """Id of the rule that holds, or of the one that it was judged by."""
    reason: Words
    evidence: dict[str, float]
    samples: int
    samples_expected: int
    coverage_pct: float | None
    window_days: int
    recommendation: dict[str, Any]


@dataclass
class Judgement:
    """A policy's verdicts on all subjects, in their order; ``cls`` is "" for kinds of resource
    that the policy does not speak of."""

    policy: Policy
    figures: Figures
    look: Look
    flavours: tuple[Flavour, ...]
    cls: list[str]
    _ruled: list[Ruled] = field(repr=False)
    _by: list[int] = field(repr=False)
    """Index of the rule that each verdict rests on."""
    _protected: list[Words | None] = field(repr=False)
    _ends: guarding.PeriodEnds | None = field(repr=False)

    def counts(self) -> dict[str, int]:
        """Class to number of resources."""
        return dict(Counter(cls for cls in self.cls if cls))

    def verdicts(self) -> list[Verdict]:
        """All of them, with words."""
        return [self.verdict(index) for index, cls in enumerate(self.cls) if cls]

    def verdict(self, index: int) -> Verdict:
        ruled, cls = self._ruled[self._by[index]], self.cls[index]
        samples, expected = float(ruled.samples[index]), float(ruled.expected[index])
        coverage = round(min(100.0, 100 * samples / expected), 2) if expected else None
        reason = self._reason(index, ruled, cls)
        recommendation: dict[str, Any] = {}
        if cls not in ("in_use", "exempt", "undetermined"):
            recommendation, more = self._recommendation(index, ruled, cls)
            reason = joined([reason, more]) if more else reason
        return Verdict(
            self.figures.subjects[index].resource,
            cls,
            ruled.rule.id,
            reason,
            self._evidence(index, ruled, cls),
            int(samples),
            int(expected),
            coverage if signals_used(ruled.rule) else None,
            ruled.rule.window_days,
            recommendation,
        )

    def _reason(self, index: int, ruled: Ruled, cls: str) -> Words:
        protected = self._protected[index]
        if protected is not None:
            return protected
        if cls == "undetermined":
            return self._why_unknown(index, ruled)
        passed = cls not in ("in_use", "undetermined")
        if cls == "in_use" and ruled.state[index] == HOLDS:
            return self._busy_at_the_end(index)
        parts = []
        for test, found in zip(ruled.rule.tests, ruled.measures, strict=True):
            if not passed and (found.passes[index] or not found.known[index]):
                continue  # only what speaks against it
            detail = math.nan if found.detail is None else float(found.detail[index])
            parts.append(
                test_words(test, float(found.value[index]), detail, bool(found.passes[index]))
            )
            if passed and isinstance(test, PatternTest):
                parts.append(self._hours(index, test))
            if not passed:
                break
        if ruled.fit is not None and (passed or not parts):
            parts.append(ruled.fit.words(index))
        if signals_used(ruled.rule):
            samples, expected = float(ruled.samples[index]), float(ruled.expected[index])
            parts.append(on_what(ruled.rule.window_days, samples, expected))
        return joined(parts)

    def _hours(self, index: int, test: PatternTest) -> Words:
        pattern = Pattern(test.condition, test.window_days)
        holds, known = self.figures.patterns[pattern]
        which = weekly_hours(holds, known, test.share_pct).which[index]
        return Words(*in_words(which))

    def _busy_at_the_end(self, index: int) -> Words:
        ends = self._ends
        assert ends is not None  # noqa: S101 -- a release was held back by it
        back = ends.busiest[index]
        top = float(self.figures.daily["cpu_used_pct"].highest[index, back])
        day = self.look.day(back)
        return Words(
            f"平时空闲，但月末（季末）使用：{day:%Y-%m-%d} CPU 最高 {amount(top, '%')}",
            f"idle between, but used at the end of the month: CPU {amount(top, '%')} on "
            f"{day:%Y-%m-%d}",
        )

    def _why_unknown(self, index: int, ruled: Ruled) -> Words:
        rule, subject = ruled.rule, self.figures.subjects[index]
        samples, expected = float(ruled.samples[index]), float(ruled.expected[index])
        data = on_what(rule.window_days, samples, expected)
        if ruled.young[index]:
            days = max(0, (self.figures.as_of_s - subject.created_s) // DAY_S)
            least = rule.min_age_days
            answer = Words(
                f"开通 {days} 天 < {least} 天，暂不判定", f"{days} days old < {least} days"
            )
        elif ruled.coarse[index]:
            hours = float(self.figures.coarse_s[index]) / HOUR_S
            answer = Words(
                f"数据粒度为 {hours:g} 小时，粗于规则所需的 5 分钟，无法判定（{data.zh}）",
                f"the data are of {hours:g} h, coarser than the 5 minutes that the rule needs "
                f"({data.en})",
            )
        elif ruled.thin[index]:
            answer = self._too_thin(rule, samples, expected)
        elif ruled.unregistered[index]:
            lacks = {"line": Words("带宽", "bandwidth"), "vcpu": Words("CPU 核数", "vCPU")}
            what = lacks[ruled.unregistered[index]]
            answer = Words(f"登记中没有{what.zh}，无法判定", f"the register gives no {what.en}")
        elif ruled.fit is not None and ruled.fit.unknown[index]:
            answer = Words("登记中没有规格（核数、内存），无法判定", "the register gives no size")
        else:
            answer = Words(
                f"所需状态或数据未知（{data.zh}）",
                f"a state or figure needed is unknown ({data.en})",
            )
        return answer

    def _too_thin(self, rule: Rule, samples: float, expected: float) -> Words:
        data = on_what(rule.window_days, samples, expected)
        least = self.policy.guards.coverage_pct
        if not expected or not samples:
            return Words(f"没有所需的数据（{data.zh}）", f"the data needed are absent ({data.en})")
        if 100 * samples >= least * expected:
            hours = samples * STEP_S / HOUR_S
            return Words(
                f"只有 {hours:.1f} 小时数据 < {rule.min_hours:g} 小时（{data.zh}）",
                f"only {hours:.1f} h of data < {rule.min_hours:g} h ({data.en})",
            )
        share = amount(100 * samples / expected, "%", least)
        return Words(
            f"数据完整率 {share} < {least:g} %（{data.zh}）",
            f"data complete {share} < {least:g} % ({data.en})",
        )

    def _recommendation(
        self, index: int, ruled: Ruled, cls: str
    ) -> tuple[dict[str, Any], Words | None]:
        subject, rule = self.figures.subjects[index], ruled.rule
        if cls == "stopped":
            freed = _freed(subject.vcpu, subject.mem_bytes, subject.disk_bytes)
            return {"action": "review", **freed}, None
        answer: dict[str, Any] = {"action": rule.action}
        if ruled.fit is not None:
            size = ruled.fit.chosen(index)
            answer |= _shrunk(subject.vcpu, subject.mem_bytes, size)
            return answer, None
        if rule.action == "shrink":
            least = self._least_size(index, rule)
            if least is None:
                return {"action": "review"}, None
            answer |= _shrunk(subject.vcpu, subject.mem_bytes, least)
        elif rule.action in ("release", "stop"):
            disk = subject.disk_bytes if rule.action == "release" else None
            answer |= _freed(subject.vcpu, subject.mem_bytes, disk)
        ends = self._ends
        if rule.action == "release" and ends is not None and cls == "idle":
            return answer | self._held_back(index, ends), self._hold_words(index, ends)
        return answer, None

    def _least_size(self, index: int, rule: Rule) -> Flavour | None:
        """The smallest size of the list that keeps the window's highest CPU and memory at most
        ``HOLDS_PCT``; None where there is none, or the present size is not known."""
        subject = self.figures.subjects[index]
        if not subject.vcpu or not subject.mem_bytes:
            return None
        cpu = self._figure(index, "cpu_used_pct", "max", rule.window_days) * subject.vcpu
        mem = self._figure(index, "mem_used_pct", "max", rule.window_days) * subject.mem_bytes
        for size in smaller(self.flavours, subject.vcpu, subject.mem_bytes):
            if cpu <= HOLDS_PCT * size.vcpu and mem <= HOLDS_PCT * size.mem_bytes:
                return size
        return None

    def _held_back(self, index: int, ends: guarding.PeriodEnds) -> dict[str, Any]:
        if ends.seen[index] and not ends.busy[index]:
            return {}
        return {"action": "review", "wait_until": ends.wait_until.isoformat()}

    def _hold_words(self, index: int, ends: guarding.PeriodEnds) -> Words | None:
        if ends.seen[index] and not ends.busy[index]:
            return None
        day = ends.wait_until.isoformat()
        if ends.busy[index]:
            return Words(
                f"{self._busy_at_the_end(index).zh}；{day} 前暂不释放",
                f"{self._busy_at_the_end(index).en}; not to be released before {day}",
            )
        return Words(
            f"尚未经过月末，{day} 前暂不释放",
            f"no month's end was seen yet; not to be released before {day}",
        )

    def _evidence(self, index: int, ruled: Ruled, cls: str) -> dict[str, float]:
        evidence: dict[str, float] = {}
        for test, found in zip(ruled.rule.tests, ruled.measures, strict=True):
            value = float(found.value[index])
            if not math.isnan(value):
                evidence[name_of(test, ruled.rule)] = round(value, 4)
            if found.detail is not None and not math.isnan(float(found.detail[index])):
                evidence[f"{name_of(test, ruled.rule)}_worst"] = round(
                    float(found.detail[index]), 4
                )
        if ruled.fit is not None and cls not in ("exempt", "stopped"):
            evidence |= ruled.fit.evidence(index)
        window = min(ruled.rule.window_days, self.figures.days)
        for key, signal, statistic in _ALWAYS:
            if signal in self.figures.daily and signals_used(ruled.rule):
                value = self._figure(index, signal, statistic, window)
                if not math.isnan(value):
                    evidence.setdefault(key, round(value, 4))
        return evidence

    def _figure(self, index: int, signal: str, statistic: str, window: int) -> float:
        day = self.figures.daily[signal]
        if statistic == "max":
            highest = day.highest[index, :window]
            known = highest[~np.isnan(highest)]
            return float(known.max()) if len(known) else math.nan
        seconds = float(day.seconds[index, :window].sum())
        return float(day.total[index, :window].sum()) / seconds if seconds else math.nan


_ALWAYS = (
    ("cpu_avg_pct", "cpu_used_pct", "mean"),
    ("cpu_max_pct", "cpu_used_pct", "max"),
    ("mem_avg_pct", "mem_used_pct", "mean"),
    ("mem_max_pct", "mem_used_pct", "max"),
    ("net_avg_bytes_s", "net_bytes_s", "mean"),
)
"""What a reader wants to see beside any verdict."""


def name_of(test: Test, rule: Rule) -> str:
    """The test's figure as a key of the evidence."""
    match test:
        case StatisticTest(condition=condition, window_days=window):
            suffix = "" if window == rule.window_days else f"_{window}d"
            return f"{condition.signal}_{condition.statistic}{suffix}"
        case DaysTest(conditions=conditions):
            if len(conditions) == 1:
                return f"days_{conditions[0].signal}_{conditions[0].statistic}"
            return "days_hit"
        case PatternTest():
            return "quiet_hours_a_week"
        case _:
            position = rule.tests.index(test)
            kind = "detached_days" if not signals_of(test) else "share_of_time_pct"
            same = [t for t in rule.tests[:position] if type(t) is type(test)]
            return f"{kind}_{len(same) + 1}" if same else kind


def _freed(vcpu: float | None, mem: float | None, disk: float | None) -> dict[str, Any]:
    named = {"vcpu_freed": vcpu, "mem_bytes_freed": mem, "disk_bytes_freed": disk}
    return {name: value for name, value in named.items() if value is not None}


def _shrunk(vcpu: float | None, mem: float | None, size: Flavour) -> dict[str, Any]:
    return {
        "new_vcpu": size.vcpu,
        "new_mem_bytes": size.mem_bytes,
        **_freed(
            None if vcpu is None else max(0.0, vcpu - size.vcpu),
            None if mem is None else max(0.0, mem - size.mem_bytes),
            None,
        ),
    }
