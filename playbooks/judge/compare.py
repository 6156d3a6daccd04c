"""Two runs of one host side by side: new, fixed, still open, lost from sight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from playbooks.judge.detectors.data import MOST_HITS
from playbooks.judge.results import Difference, Judgement, Result, Status
from playbooks.judge.rules import Rule

_GONE = frozenset({Status.PASS, Status.FIXED, Status.NOT_APPLICABLE, Status.INFORMATIONAL})


def compare_runs(before: Judgement, after: Judgement, rules: Mapping[str, Rule]) -> Difference:
    """A failure is fixed only where the later run looked again at all that the rule needs.

    The rule passes now, or it fails for other subjects while every section it reads is complete;
    anything else is lost from sight, neither fixed nor confirmed.
    """
    old = {it.fingerprint: it for it in before.results if it.status is Status.FAIL}
    new = {it.fingerprint: it for it in after.results if it.status is Status.FAIL}
    later = _by_rule(after.results)
    partial = set(after.notes.get("incomplete", "").split())
    fixed, lost = [], []
    for key, result in old.items():
        if key in new:
            continue
        if _looked_again(later.get(result.rule, []), rules.get(result.rule), partial):
            fixed.append(replace(result, status=Status.FIXED))
        else:
            lost.append(result)
    return Difference(
        new=_ordered(it for key, it in new.items() if key not in old),
        fixed=_ordered(fixed),
        still_open=_ordered(it for key, it in new.items() if key in old),
        lost_sight=_ordered(lost),
    )


def _looked_again(results: list[Result], rule: Rule | None, partial: set[str]) -> bool:
    if not results or rule is None:
        return False
    if all(it.status in _GONE for it in results):
        return True
    # A list that was cut may have lost just this one.
    whole = len(results) < MOST_HITS and not partial & set(rule.sections)
    return whole and all(it.status is Status.FAIL for it in results)


def _by_rule(results: Iterable[Result]) -> dict[str, list[Result]]:
    grouped: dict[str, list[Result]] = {}
    for result in results:
        grouped.setdefault(result.rule, []).append(result)
    return grouped


def _ordered(results: Iterable[Result]) -> tuple[Result, ...]:
    return tuple(sorted(results, key=lambda it: it.fingerprint))
