"""What is observed, how far a look reached, and how findings are shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict

from controller.findings.tables import SEVERITIES

TIME_LIMIT: dict[str, timedelta | None] = {
    "critical": timedelta(hours=4),
    "major": timedelta(days=1),
    "minor": timedelta(days=7),
    "info": None,
}
"""How long a finding may stay unresolved after it was opened, unless who observed it says so."""

Subject = tuple[str, str]
"""(kind, key), e.g. ("resource", "vm-17")."""


@dataclass(frozen=True)
class Observation:
    """Something wrong with a subject at the moment of looking.

    ``detail`` is the evidence, JSON values by name. ``depends_on``: while one of these subjects is
    down, the finding is hidden; name the own subject there to be hidden by its being down.
    ``down``: this says that the subject itself is down. Raises ValueError for a strange severity.
    """

    code: str
    subject_kind: str
    subject_key: str
    severity: str
    title_zh: str
    title_en: str = ""
    unit_id: int | None = None
    subject_name: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    depends_on: tuple[Subject, ...] = ()
    down: bool = False
    due: datetime | None = None

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"no severity {self.severity!r}; there are {', '.join(SEVERITIES)}")


@dataclass(frozen=True)
class Coverage:
    """What a look reached: a finding that it covers and that was not seen has gone away.

    ``codes`` that were looked for; ``subjects`` looked at (None: all there are), ``units`` looked
    at (None: all), and by code the subjects that could not be judged (no data): theirs stay.
    """

    codes: frozenset[str] = frozenset()
    subjects: frozenset[Subject] | None = None
    units: frozenset[int] | None = None
    unjudged: Mapping[str, frozenset[Subject]] = field(default_factory=dict)

    @classmethod
    def of(cls, codes: Iterable[str], subjects: Iterable[Subject] | None = None) -> Coverage:
        """Every one of ``codes`` on every one of ``subjects`` (None: on all there are)."""
        return cls(frozenset(codes), None if subjects is None else frozenset(subjects))

    def covers(self, code: str, subject: Subject, unit_id: int | None) -> bool:
        return (
            code in self.codes
            and (self.subjects is None or subject in self.subjects)
            and (self.units is None or (unit_id is not None and unit_id in self.units))
            and subject not in self.unjudged.get(code, frozenset())
        )


NOTHING = Coverage()
"""A single event (a trap): nothing else was looked at, so nothing is resolved."""


def fingerprint(source: str, code: str, subject_kind: str, subject_key: str) -> str:
    """64 hex digits: SHA-256 of ``source|code|subject_kind|subject_key``."""
    return hashlib.sha256(f"{source}|{code}|{subject_kind}|{subject_key}".encode()).hexdigest()


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class FindingView(_View):
    """One finding. ``overdue``: unresolved after its time limit."""

    id: int
    source: str
    code: str
    subject_kind: str
    subject_key: str
    subject_name: str
    unit_code: str
    unit_name: str
    severity: str
    state: str
    title_zh: str
    title_en: str
    detail: dict[str, Any]
    hidden_by: str
    opened: datetime
    last_seen: datetime
    times_seen: int
    resolved: datetime | None
    resolved_by: str
    acknowledged: datetime | None
    acknowledged_by: str
    assignee: str
    due: datetime | None
    overdue: bool

    def title(self, language: str) -> str:
        return self.title_en if language == "en" and self.title_en else self.title_zh


class EventView(_View):
    """One thing that happened to a finding; ``by`` "" is the system."""

    at: datetime
    by: str
    what: str
    note: str
    detail: dict[str, Any]


class FindingLife(_View):
    """A finding and all that happened to it, oldest first."""

    finding: FindingView
    events: list[EventView]


class Summary(_View):
    """What waits, hidden ones left out: unresolved by severity, and of them those nobody has
    acknowledged, those past their time limit, and how many are hidden."""

    critical: int = 0
    major: int = 0
    minor: int = 0
    info: int = 0
    unacknowledged: int = 0
    overdue: int = 0
    hidden: int = 0

    @property
    def total(self) -> int:
        return self.critical + self.major + self.minor + self.info


class WindowView(_View):
    """A suppression window; ``active``: it hides now."""

    id: int
    code: str
    subject_kind: str
    subject_key: str
    unit_code: str
    unit_name: str
    since: datetime
    until: datetime
    reason: str
    by: str
    created: datetime
    ended: datetime | None
    ended_by: str
    active: bool
