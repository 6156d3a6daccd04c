"""What a judgement is made of: results, their evidence, waivers, and the verdict over them.

The rules of honesty live here: nothing evaluated is `unknown`, a blocker that was not checked
never lets a verdict be `ready`, an expired waiver is no waiver, and the score only sorts.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime


class Status(enum.StrEnum):
    """What came of one rule on one subject."""

    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    NOT_CHECKED = "not_checked"
    """The facts are missing; `reason` says why."""
    ERROR = "error"
    """The rule itself broke; `reason` holds the trace id."""
    UNKNOWN = "unknown"
    """The facts are there and contradict each other, or do not decide."""
    INFORMATIONAL = "informational"
    FIXED = "fixed"
    """Failed before, passes now, and the same section of facts was complete."""


class Severity(enum.StrEnum):
    """B closes the gate, M is a condition, m is worth doing, i is a fact."""

    BLOCKER = "B"
    MAJOR = "M"
    MINOR = "m"
    INFO = "i"


class Verdict(enum.StrEnum):
    """The answer for one asset or system and one profile."""

    READY = "ready"
    CONDITIONAL = "conditional"
    NOT_READY = "not_ready"
    UNKNOWN = "unknown"


UNDECIDED = frozenset({Status.NOT_CHECKED, Status.ERROR, Status.UNKNOWN})
EVALUATED = frozenset({Status.PASS, Status.FAIL, Status.FIXED})
WEIGHT = {Severity.BLOCKER: 25.0, Severity.MAJOR: 5.0, Severity.MINOR: 1.0, Severity.INFO: 0.0}
MOST_EXCERPT = 2048
"""Characters of an excerpt that are kept."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where it was seen and what stood there."""

    kind: str
    """file, process, socket, route, package, elf, cert or cli."""
    locator: str
    """path:line, pid:exe, archive!/member, device:command."""
    excerpt: str = ""
    sha256: str = ""
    section: str = ""
    """The bundle's section it was read from."""

    def as_json(self) -> dict[str, str]:
        """Only what is filled in; the excerpt cut to 2 KB."""
        every = {
            "kind": self.kind,
            "locator": self.locator,
            "excerpt": self.excerpt[:MOST_EXCERPT],
            "sha256": self.sha256,
            "section": self.section,
        }
        return {name: value for name, value in every.items() if value}


@dataclass(frozen=True, kw_only=True)
class Remediation:
    """What to do about it."""

    zh: str
    en: str
    kind: str = "hint"
    """hint, command, playbook or manual."""
    playbook: str = ""

    def as_json(self) -> dict[str, str]:
        """`{"kind", "zh", "en", "playbook"?}`."""
        shown = {"kind": self.kind, "zh": self.zh, "en": self.en}
        return shown | ({"playbook": self.playbook} if self.playbook else {})


@dataclass(frozen=True, kw_only=True)
class Result:
    """One rule on one subject of one asset for one profile."""

    rule: str
    severity: Severity
    status: Status
    asset: str
    profile: str = ""
    subject: str = ""
    """What the rule looked at inside the asset, in one canonical spelling; "" is the asset."""
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    remediation: Remediation | None = None
    rule_version: int = 1
    gate: bool = True
    """Whether a blocker closes the gate; one without a gate is a condition."""
    waiver: str = ""
    """The id of the waiver that covers it."""

    @property
    def fingerprint(self) -> str:
        """The same over runs: sha256(rule, asset, subject). Wording and time do not enter."""
        return fingerprint(self.rule, self.asset, self.subject)

    def as_json(self) -> dict[str, object]:
        """The shape of `check`: rule, severity, status, evidence, remediation, and what helps."""
        shown: dict[str, object] = {
            "rule": self.rule,
            "severity": self.severity.value,
            "status": self.status.value,
            "evidence": [one.as_json() for one in self.evidence],
            "remediation": self.remediation.as_json() if self.remediation else None,
            "fingerprint": self.fingerprint,
        }
        optional = {"subject": self.subject, "reason": self.reason, "waiver": self.waiver}
        return shown | {name: value for name, value in optional.items() if value}


def fingerprint(rule: str, asset: str, subject: str) -> str:
    """sha256 in hexadecimal; the parts cannot run into each other."""
    parts = (part.encode("utf-8", "surrogateescape") for part in (rule, asset, subject))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Waiver:
    """A known finding that somebody answers for, for a while, within a scope."""

    id: str
    owner: str
    approved_by: str
    reason: str
    expires: datetime
    created: datetime
    rule: str = ""
    fingerprint: str = ""
    """Exactly one of `rule` and `fingerprint` is filled in."""
    assets: frozenset[str] = frozenset()
    """The assets it covers; empty: all that the caller's system or department holds."""

    def __post_init__(self) -> None:
        """Raises ValueError for a waiver nobody answers for, or one without an end."""
        for name in ("owner", "approved_by", "reason"):
            if not getattr(self, name).strip():
                raise ValueError(f"waiver {self.id}: {name} is empty")
        if bool(self.rule) == bool(self.fingerprint):
            raise ValueError(f"waiver {self.id}: name either a rule or a fingerprint")
        if self.expires.tzinfo is None or self.created.tzinfo is None:
            raise ValueError(f"waiver {self.id}: expires and created need a time zone")
        if self.expires <= self.created:
            raise ValueError(f"waiver {self.id}: it expires before it begins")

    def covers(self, result: Result, now: datetime) -> bool:
        """Whether it stands for this result at `now`."""
        if not self.created <= now < self.expires:
            return False
        if self.assets and result.asset not in self.assets:
            return False
        return result.rule == self.rule if self.rule else result.fingerprint == self.fingerprint


def waive(results: Iterable[Result], waivers: Collection[Waiver], now: datetime) -> list[Result]:
    """Failed results with the waiver that covers them; what was not checked cannot be waived."""
    out = []
    for result in results:
        if result.status is Status.FAIL:
            cover = next((waiver for waiver in waivers if waiver.covers(result, now)), None)
            out.append(replace(result, waiver=cover.id if cover else ""))
        else:
            out.append(result)
    return out


def verdict(results: Iterable[Result], missing: Collection[str] = ()) -> Verdict:
    """`missing`: blocker-class rules or sections of facts of which there is no result at all."""
    evaluated = 0
    blocked = undecided = conditional = False
    for result in results:
        evaluated += result.status in EVALUATED
        blocker = result.severity is Severity.BLOCKER
        undecided = undecided or (blocker and result.status in UNDECIDED)
        if result.status is Status.FAIL and not result.waiver:
            blocked = blocked or (blocker and result.gate)
            conditional = conditional or result.severity is Severity.MAJOR or blocker
        if result.status in UNDECIDED and result.severity is Severity.MAJOR:
            conditional = True
    if blocked:
        return Verdict.NOT_READY
    if not evaluated or undecided or missing:
        return Verdict.UNKNOWN
    return Verdict.CONDITIONAL if conditional else Verdict.READY


_WORST = (Verdict.READY, Verdict.CONDITIONAL, Verdict.UNKNOWN, Verdict.NOT_READY)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict over several; of none at all it is `unknown`."""
    return max(verdicts, key=_WORST.index, default=Verdict.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Confidence:
    """How much of what matters was looked at."""

    share: float
    """Checked weight of B and M rules over applicable weight, times the observation, 0 … 1."""
    stars: int
    """1 … 5, 0 where nothing applied."""


def confidence(results: Iterable[Result], observed_days: float | None = None) -> Confidence:
    """`observed_days`: days of connection history behind it; None where none is called for."""
    applicable = checked = 0.0
    for result in results:
        heavy = result.severity in (Severity.BLOCKER, Severity.MAJOR)
        if heavy and result.status not in (Status.NOT_APPLICABLE, Status.INFORMATIONAL):
            applicable += WEIGHT[result.severity]
            checked += 0.0 if result.status in UNDECIDED else WEIGHT[result.severity]
    if not applicable:
        return Confidence(share=0.0, stars=0)
    factor = 1.0 if observed_days is None else min(1.0, max(0.0, observed_days) / 14)
    share = checked / applicable * factor
    return Confidence(share=share, stars=max(1, round(share * 5)))


def score(results: Iterable[Result]) -> float:
    """0 … 100 for sorting, never for gates; any open blocker keeps it at 59 or below."""
    lost, blocked = 0.0, False
    for result in results:
        if result.status is Status.FAIL and not result.waiver:
            lost += WEIGHT[result.severity]
            blocked = blocked or result.severity is Severity.BLOCKER
    return min(max(0.0, 100.0 - lost), 59.0 if blocked else 100.0)


def coverage(results: Iterable[Result]) -> float | None:
    """Decided results over applicable ones, 0 … 1; None where none applied."""
    applicable = decided = 0
    for result in results:
        if result.status not in (Status.NOT_APPLICABLE, Status.INFORMATIONAL):
            applicable += 1
            decided += result.status not in UNDECIDED
    return decided / applicable if applicable else None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two runs side by side, each list ordered by fingerprint."""

    new: tuple[Result, ...] = ()
    fixed: tuple[Result, ...] = ()
    still_open: tuple[Result, ...] = ()
    lost_sight: tuple[Result, ...] = ()
    """Open before, and this time not checked: neither fixed nor confirmed."""


def compare(before: Iterable[Result], after: Iterable[Result]) -> Difference:
    """New, fixed and still open failures. Fixed only where the later run says pass."""
    old = {one.fingerprint: one for one in before if one.status is Status.FAIL}
    now: dict[str, Result] = {}
    for one in after:  # a failure is not hidden by a pass of the same subject
        if one.fingerprint not in now or one.status is Status.FAIL:
            now[one.fingerprint] = one
    failing = {key for key, one in now.items() if one.status is Status.FAIL}
    passed = {
        key
        for key in old
        if key in now and now[key].status in (Status.PASS, Status.FIXED, Status.NOT_APPLICABLE)
    }
    return Difference(
        new=tuple(now[key] for key in sorted(failing - old.keys())),
        fixed=tuple(replace(now[key], status=Status.FIXED) for key in sorted(passed)),
        still_open=tuple(now[key] for key in sorted(failing & old.keys())),
        lost_sight=tuple(old[key] for key in sorted(old.keys() - failing - passed)),
    )


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """All results of one asset against one profile, with what follows from them."""

    asset: str
    profile: str
    results: tuple[Result, ...]
    missing: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """See `verdict`."""
        return verdict(self.results, self.missing)

    def as_json(self) -> dict[str, object]:
        """One entry of `hosts` in the shape of `check`."""
        return {
            "host": self.asset,
            "profile": self.profile,
            "verdict": self.verdict.value,
            "results": [result.as_json() for result in self.results],
        }
