"""Which smaller size would hold a load with the policy's head-room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.analysis.explain import Words, amount
from controller.analysis.figures import Bools, Figures, Floats
from controller.analysis.measures import statistic
from controller.analysis.policy import Rule
from controller.analysis.signals import COMPARISONS, SIGNALS
from controller.analysis.sizes import GIB, Flavour


@dataclass(frozen=True)
class Fit:
    """Parallel to the subjects."""

    rule: Rule
    flavours: tuple[Flavour, ...]
    values: list[Floats]
    """Each fit test's figure on the present size."""
    scale: list[Floats]
    """Allocation that each figure is a share of; NaN: it does not scale."""
    index: NDArray[np.int64]
    """The smallest size that holds the load; -1: none does, or there is none."""
    nearest: NDArray[np.int64]
    """The largest smaller size; -1: there is none."""
    unknown: Bools

    def chosen(self, index: int) -> Flavour:
        return self.flavours[int(self.index[index])]

    def evidence(self, index: int) -> dict[str, float]:
        """The figures now, and on the size that was looked at."""
        found: dict[str, float] = {}
        size = self._looked_at(index)
        for test, values, scale in zip(self.rule.fit, self.values, self.scale, strict=True):
            value = float(values[index])
            if np.isnan(value):
                continue
            name = f"{test.condition.signal}_{test.condition.statistic}"
            found[name] = round(value, 4)
            if size is not None:
                found[f"{name}_on_new_size"] = round(self._on(size, index, value, scale), 4)
        return found

    def words(self, index: int) -> Words:
        size = self._looked_at(index)
        if size is None:
            return Words("已是规格表中最小的规格", "there is no smaller size")
        parts_zh, parts_en = [], []
        for test, values, scale in zip(self.rule.fit, self.values, self.scale, strict=True):
            condition = test.condition
            signal, compare = SIGNALS[condition.signal], COMPARISONS[condition.compare]
            value = self._on(size, index, float(values[index]), scale)
            passes = bool(compare.holds(value, condition.threshold))
            if self.index[index] < 0 and passes:
                continue
            name = condition.statistic.upper().replace("_", ".").replace("MAX", "")
            shown = (
                f"{amount(value, signal.unit, condition.threshold)} "
                f"{compare.sign if passes else compare.opposite} "
                f"{amount(condition.threshold, signal.unit)}"
            )
            parts_zh.append(f"{signal.zh} {name} {shown}".replace("  ", " "))
            parts_en.append(f"{signal.en} {name} {shown}".replace("  ", " "))
        text = f"{size.vcpu:g} 核 {size.mem_gib:g} GB"
        english = f"{size.vcpu:g} vCPU {size.mem_gib:g} GB"
        return Words(
            f"换为 {text} 后：{'，'.join(parts_zh)}", f"on {english}: {', '.join(parts_en)}"
        )

    def _looked_at(self, index: int) -> Flavour | None:
        at = int(self.index[index])
        at = int(self.nearest[index]) if at < 0 else at
        return None if at < 0 else self.flavours[at]

    @staticmethod
    def _on(size: Flavour, index: int, value: float, scale: Floats) -> float:
        held = float(scale[index])
        if np.isnan(held):
            return value
        return value * held / (size.vcpu if held < GIB / 2 else size.mem_bytes)


def fit_rule(rule: Rule, figures: Figures, flavours: tuple[Flavour, ...]) -> Fit:
    """For every subject the smallest size on which all of the rule's fit tests hold."""
    subjects = figures.subjects
    vcpu = np.array([s.vcpu or np.nan for s in subjects], np.float64)
    mem = np.array([s.mem_bytes or np.nan for s in subjects], np.float64)
    nothing = np.full(len(subjects), np.nan)
    held = {"vcpu": vcpu, "mem": mem, "": nothing}
    values = [statistic(test, figures) for test in rule.fit]
    scale = [held[SIGNALS[test.condition.signal].size] for test in rule.fit]
    index = np.full(len(subjects), -1, np.int64)
    nearest = np.full(len(subjects), -1, np.int64)
    unknown = np.isnan(vcpu) | np.isnan(mem)
    for each in values:
        unknown |= np.isnan(each)
    for number, size in enumerate(flavours):
        less = (
            (size.vcpu <= vcpu)
            & (size.mem_bytes <= mem * 1.02)
            & ((size.vcpu < vcpu) | (size.mem_bytes < mem * 0.98))
        )
        holds = less & ~unknown
        for test, value, base in zip(rule.fit, values, scale, strict=True):
            new = size.vcpu if base is vcpu else size.mem_bytes
            factor = np.where(np.isnan(base), 1.0, base / new)
            with np.errstate(invalid="ignore"):
                holds &= COMPARISONS[test.condition.compare].holds(
                    value * factor, test.condition.threshold
                )
        nearest = np.where(less, number, nearest)
        index = np.where(holds & (index < 0), number, index)
    return Fit(rule, flavours, values, scale, index, nearest, unknown)
