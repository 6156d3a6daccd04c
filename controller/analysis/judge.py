"""Judging every resource by a policy: exactly one class each.

The arrays of all resources are compared at once; words are made for one resource when they are
asked for.
"""

from __future__ import annotations

from datetime import tzinfo

import numpy as np

from controller.analysis import guards as guarding
from controller.analysis.explain import Words
from controller.analysis.figures import Figures
from controller.analysis.guards import Look
from controller.analysis.policy import Policy
from controller.analysis.ruled import FAILS, HOLDS, UNKNOWN, Ruled, apply_rule
from controller.analysis.seasons import Season
from controller.analysis.sizes import Flavour
from controller.analysis.verdicts import Judgement, Verdict

__all__ = ["Judgement", "Verdict", "judge"]


def judge(
    policy: Policy,
    figures: Figures,
    seasons: tuple[Season, ...],
    flavours: tuple[Flavour, ...],
    zone: tzinfo,
) -> Judgement:
    """Every subject of the figures, by this policy."""
    look = Look(figures.as_of_s, zone)
    ruled = [apply_rule(rule, policy, figures, flavours) for rule in policy.rules]
    count = len(figures)
    cls, by = [""] * count, [0] * count
    first = _first(ruled, HOLDS)
    unknown = _first([r for r in ruled if not r.rule.optional], UNKNOWN)
    required = [index for index, each in enumerate(ruled) if not each.rule.optional]
    meant = _first_meant(ruled)
    release = any(rule.action == "release" for rule in policy.rules)
    ends = None
    if policy.guards.look_back_days and release and "cpu_used_pct" in figures.daily:
        ends = guarding.period_ends(figures, policy.guards, look)
    for index in range(count):
        if first[index] >= 0:
            by[index] = first[index]
            cls[index] = ruled[first[index]].rule.cls
        elif unknown[index] >= 0:
            by[index], cls[index] = required[unknown[index]], "undetermined"
        elif meant[index] >= 0:
            by[index], cls[index] = meant[index], "in_use"
    protected = _protect(policy, figures, seasons, look, ruled, cls, by)
    if ends is not None and policy.guards.look_back == "in_use":
        for index in np.flatnonzero(ends.busy).tolist():
            rule = ruled[by[index]].rule
            if cls[index] == rule.cls == "idle" and protected[index] is None:
                cls[index] = "in_use"
    return Judgement(policy, figures, look, flavours, cls, ruled, by, protected, ends)


def _protect(
    policy: Policy,
    figures: Figures,
    seasons: tuple[Season, ...],
    look: Look,
    ruled: list[Ruled],
    cls: list[str],
    by: list[int],
) -> list[Words | None]:
    """Sets exempt and stopped, which come before any rule, and gives their reasons."""
    window = policy.window_days
    still = guarding.stopped(figures, policy.guards, look, window)
    answers: list[Words | None] = [None] * len(figures)
    for index, subject in enumerate(figures.subjects):
        if not cls[index]:
            continue
        reason = None
        if subject.tags:
            days = ruled[by[index]].rule.window_days
            reason = guarding.exemption(subject.tags, policy.guards, seasons, look, days)
        if reason is not None:
            cls[index] = "exempt"
        elif still[index] is not None:
            reason, cls[index] = still[index], "stopped"
        answers[index] = reason
    return answers


def _first(ruled: list[Ruled], state: int) -> list[int]:
    """Index of the first rule in that state for each subject, -1 for none."""
    if not ruled:
        return []
    hit = np.stack([each.state == state for each in ruled])
    found: list[int] = np.where(hit.any(axis=0), hit.argmax(axis=0), -1).tolist()
    return found


def _first_meant(ruled: list[Ruled]) -> list[int]:
    """The rule that an unremarkable resource is explained by: the first it was judged by."""
    hit = np.stack([(each.state == FAILS) & (not each.rule.optional) for each in ruled])
    any_rule = np.stack([each.state == FAILS for each in ruled])
    chosen = np.where(
        hit.any(axis=0),
        hit.argmax(axis=0),
        np.where(any_rule.any(axis=0), any_rule.argmax(axis=0), -1),
    )
    found: list[int] = chosen.tolist()
    return found
