"""The score of a run, 0-100, with the sum it is made of.

A check takes off at most its weight: weight × √(share), where share is the findings, counted by
severity (critical 1, major 0.6, minor 0.3, info 0), over the subjects looked at. The root makes
the first findings count: one host in a hundred costs a tenth of the weight. Checks that did not
apply or could not be done take no part; the weights of the others are the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any, NamedTuple

IMPACT = {"critical": 1.0, "major": 0.6, "minor": 0.3, "info": 0.0}


class Part(NamedTuple):
    """One check's share in the score. ``severities``: of its findings that are not hidden."""

    check: str
    weight: float
    judged: int
    severities: Sequence[str]


def score(parts: Iterable[Part]) -> tuple[float | None, dict[str, Any]]:
    """The score, one digit, and the formula as it is shown; None where nothing was judged."""
    taken = [part for part in parts if part.judged > 0 and part.weight > 0]
    whole = sum(part.weight for part in taken)
    lines = []
    lost = 0.0
    for part in taken:
        impact = sum(IMPACT[severity] for severity in part.severities)
        share = min(1.0, impact / part.judged)
        deduction = 100 * part.weight * sqrt(share) / whole
        lost += deduction
        lines.append(
            {
                "check": part.check,
                "weight": part.weight,
                "judged": part.judged,
                "findings": len(part.severities),
                "impact": round(impact, 2),
                "share_pct": round(100 * share, 3),
                "deduction": round(deduction, 2),
            }
        )
    total = round(max(0.0, 100 - lost), 1) if taken else None
    return total, {"impact": IMPACT, "weights": round(whole, 2), "parts": lines}
