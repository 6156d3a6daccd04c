"""One rule on all resources at once: what it says of each, and on how much data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.analysis.figures import DAY_S, STEP_S, Bools, Figures, Floats, Subject
from controller.analysis.fitting import Fit, fit_rule
from controller.analysis.measures import Measure, measure, needs_s, signals_of
from controller.analysis.policy import Policy, Rule
from controller.analysis.signals import SIGNALS
from controller.analysis.sizes import Flavour

HOUR_S = 3600

FAILS, HOLDS, UNKNOWN, NOT_MEANT = 0, 1, 2, 3
"""What a rule says of a resource."""


@dataclass(frozen=True)
class Ruled:
    """One rule on all subjects."""

    rule: Rule
    state: NDArray[np.int8]
    measures: list[Measure]
    fit: Fit | None
    samples: Floats
    expected: Floats
    young: Bools
    thin: Bools
    coarse: Bools
    unregistered: list[str]
    """Signals that lack something in the register, by subject: "" for none."""


def signals_used(rule: Rule) -> tuple[str, ...]:
    """Every signal that a rule's tests look at."""
    found = [signal for test in (*rule.tests, *rule.fit) for signal in signals_of(test)]
    return tuple(dict.fromkeys(found))


def apply_rule(
    rule: Rule, policy: Policy, figures: Figures, flavours: tuple[Flavour, ...]
) -> Ruled:
    subjects = figures.subjects
    tags = policy.guards.detached_tags
    measures = [measure(test, figures, tags) for test in rule.tests]
    used = signals_used(rule)
    window = rule.window_days
    expected = figures.expected(window)
    lacking = [_lacks(subject, used) for subject in subjects]
    samples = _samples(figures, used, window)
    spread = np.zeros(len(subjects))
    if len(figures.coarse_rows) and used:
        spread = figures.coarse_rows[:, :window].sum(axis=1)
    if min(needs_s(test) for test in (*rule.tests, *rule.fit)) <= STEP_S:
        samples = np.maximum(0.0, samples - spread)
    else:
        spread = np.zeros(len(subjects))  # what is coarse is fine enough for this rule
    created = np.array([subject.created_s for subject in subjects], np.float64)
    young = figures.as_of_s - created < rule.min_age_days * DAY_S
    thin = np.zeros(len(subjects), bool)
    if used:
        thin = (100 * samples < policy.guards.coverage_pct * expected) | (
            samples * STEP_S < rule.min_hours * HOUR_S
        )
        thin |= expected <= 0
    coarse = thin & (spread > 0)
    fit = fit_rule(rule, figures, flavours) if rule.fit else None
    state = _states(rule, figures, measures, fit, young | thin | coarse)
    return Ruled(
        rule, state, measures, fit, samples, expected, young, thin & ~coarse, coarse, lacking
    )


def _states(
    rule: Rule, figures: Figures, measures: list[Measure], fit: Fit | None, barred: Bools
) -> NDArray[np.int8]:
    count = len(figures)
    fails, unknown = np.zeros(count, bool), np.zeros(count, bool)
    for found in measures:
        fails |= found.known & ~found.passes
        unknown |= ~found.known
    if fit is not None:
        fails |= ~fit.unknown & (fit.index < 0)
        unknown |= fit.unknown
    state = np.where(fails, FAILS, np.where(unknown, UNKNOWN, HOLDS))
    state = np.where(barred, UNKNOWN, state)
    meant = np.array([subject.kind in rule.objects for subject in figures.subjects], bool)
    return np.where(meant, state, NOT_MEANT).astype(np.int8)


def _samples(figures: Figures, used: tuple[str, ...], window: int) -> Floats:
    """Rows that have every signal needed, at most; a signal that the register cannot scale for a
    resource does not count as one that was not measured."""
    fewest = np.full(len(figures), np.inf)
    for signal in used:
        count = figures.count(signal, window)
        needs = SIGNALS[signal].needs
        if needs:
            known = np.array([_has(s, needs) for s in figures.subjects], bool)
            count = np.where(known, count, np.inf)
        fewest = np.minimum(fewest, count)
    return np.where(np.isinf(fewest), 0.0, fewest)


def _has(subject: Subject, needs: str) -> bool:
    return (subject.line_bytes_s if needs == "line" else subject.vcpu) is not None


def _lacks(subject: Subject, used: tuple[str, ...]) -> str:
    for signal in used:
        needs = SIGNALS[signal].needs
        if needs and not _has(subject, needs):
            return needs
    return ""
