"""What judgements add up to: blockers by frequency, the matrix, what to do first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from controller.readiness.tables import ReadinessJudgement
from playbooks.judge.results import Verdict, worst
from playbooks.judge.rules import Rule

Row = tuple[ReadinessJudgement, str]
"""A judgement and its host's name."""

SEVERITIES = ("blocker", "major", "minor", "info")


@dataclass
class Frequent:
    """A rule and the hosts where it stands open; the same host counts once over all profiles."""

    rule: Rule
    hosts: set[str] = field(default_factory=set)
    profiles: set[str] = field(default_factory=set)
    waived: set[str] = field(default_factory=set)

    @property
    def hours(self) -> float:
        """Effort that the catalogue estimates, times hosts."""
        return self.rule.effort_hours * len(self.hosts)


def frequent(
    rows: Iterable[Row], rules: dict[str, Rule], severities: Sequence[str] = ("blocker",)
) -> list[Frequent]:
    """Open rules of these severities, those on most hosts first."""
    found: dict[str, Frequent] = {}
    for row, host in rows:
        for name, sign in row.grid.items():
            rule = rules.get(name)
            if rule is None or rule.severity not in severities or sign not in "FW":
                continue
            entry = found.setdefault(name, Frequent(rule))
            (entry.hosts if sign == "F" else entry.waived).add(host)
            if sign == "F":
                entry.profiles.add(row.profile)
    opened = [each for each in found.values() if each.hosts]
    order = {name: place for place, name in enumerate(SEVERITIES)}
    return sorted(opened, key=lambda it: (order[it.rule.severity], -len(it.hosts), it.rule.id))


def undecided(rows: Iterable[Row], rules: dict[str, Rule]) -> list[Frequent]:
    """Blockers that could not be decided: while they stand nothing is ready."""
    found: dict[str, Frequent] = {}
    for row, host in rows:
        for name, sign in row.grid.items():
            rule = rules.get(name)
            if rule is not None and rule.severity == "blocker" and sign in "NUE":
                found.setdefault(name, Frequent(rule)).hosts.add(host)
    return sorted(found.values(), key=lambda it: (-len(it.hosts), it.rule.id))


def profiles_of(rows: Iterable[Row]) -> list[str]:
    return sorted({row.profile for row, _ in rows})


def by_host(rows: Iterable[Row]) -> dict[str, dict[str, ReadinessJudgement]]:
    """Host to profile to judgement, by name."""
    found: dict[str, dict[str, ReadinessJudgement]] = {}
    for row, host in rows:
        found.setdefault(host, {})[row.profile] = row
    return found


def best(row_by_profile: dict[str, ReadinessJudgement]) -> Verdict:
    """The best verdict over the profiles: a host needs one machine to move to, not all."""
    order = (Verdict.READY, Verdict.CONDITIONAL, Verdict.UNKNOWN, Verdict.NOT_READY)
    found = [Verdict(row.verdict) for row in row_by_profile.values()]
    return min(found, key=order.index, default=Verdict.UNKNOWN)


def overall(rows: Iterable[Row]) -> Verdict:
    """The worst of all: a wave is as ready as its last host."""
    return worst(Verdict(row.verdict) for row, _ in rows)
