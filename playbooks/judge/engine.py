"""Facts, rules and a profile in; results out. The rules of honesty are kept here and in results.

A hit counts wherever it was seen; silence counts only where every section that a rule needs is
complete. A rule that breaks is a result. A bundle is read once for any number of profiles.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

from playbooks.judge.bundle import Bundle
from playbooks.judge.detectors.base import (
    Conflict,
    Elsewhere,
    Hit,
    Look,
    NotApplicable,
    NotChecked,
)
from playbooks.judge.expressions import MissingName
from playbooks.judge.facts import Facts
from playbooks.judge.profiles import Profile
from playbooks.judge.results import (
    MOST_EXCERPT,
    Evidence,
    Judgement,
    Remediation,
    Result,
    Severity,
    Status,
    Waiver,
    waive,
)
from playbooks.judge.rules import Rule

SEVERITY = {
    "blocker": Severity.BLOCKER,
    "major": Severity.MAJOR,
    "minor": Severity.MINOR,
    "info": Severity.INFO,
}
_WHY = {
    "denied": "需要 root 权限 (needs root)",
    "absent": "主机上无法取得 (cannot be told on this host)",
    "truncated": "超出大小上限，只看到一部分 (cut at its size limit)",
    "timeout": "超出时间上限，只看到一部分 (cut at its time limit)",
}
# The collector strikes secrets out; a bundle of other origin passes here.
_SECRET = re.compile(
    r"((?:pass(?:word|wd)?|pwd|secret|token|access[_-]?key|api[_-]?key)[\"']?\s*[=:]\s*[\"']?)[^\s\"'<>]+"
    r"|(://[^/:@\s]*:)[^/@\s]+(?=@)",
    re.IGNORECASE,
)


def judge(
    bundle: Bundle,
    rules: Mapping[str, Rule],
    profile: Profile | None,
    waivers: Collection[Waiver],
    now: datetime,
    context: Mapping[str, Any] | None = None,
) -> Judgement:
    """One bundle against one profile. ``context``: plan, edges, acl, probes, target, device,
    window, register, site, usage, management, backup, database; what is missing is not checked."""
    return judge_many(bundle, rules, [profile], waivers, now, context)[0]


def judge_many(
    bundle: Bundle,
    rules: Mapping[str, Rule],
    profiles: Iterable[Profile | None],
    waivers: Collection[Waiver],
    now: datetime,
    context: Mapping[str, Any] | None = None,
) -> list[Judgement]:
    """The same against several profiles; what does not depend on the profile is looked at once."""
    court = _Court(bundle, now, context or {})
    return [court.judge(rules.values(), profile, waivers) for profile in profiles]


class _Court:
    def __init__(self, bundle: Bundle, now: datetime, context: Mapping[str, Any]) -> None:
        self.facts, self.now, self.context = Facts(bundle), now, context
        self.asset = bundle.asset
        self._memory: dict[str, Any] = {}
        self._shared: dict[str, tuple[Result, ...]] = {}

    def judge(
        self, rules: Iterable[Rule], profile: Profile | None, waivers: Collection[Waiver]
    ) -> Judgement:
        names = _names(profile) if profile else {}
        results: list[Result] = []
        for rule in rules:
            if rule.by_profile:
                results.extend(self._results(rule, names))
                continue
            shared = self._shared.get(rule.id)
            if shared is None:
                shared = self._shared[rule.id] = tuple(self._results(rule, {}))
            results.extend(shared)
        profile_id = profile.id if profile else ""
        if waivers:
            results = waive(results, waivers, self.now)
        return Judgement(
            asset=self.asset,
            profile=profile_id,
            results=tuple(results),
            notes={
                "bundle": self.facts.bundle.sha256,
                "taken_at": self.facts.bundle.taken_at.isoformat(),
                "incomplete": " ".join(
                    name for name, it in self.facts.bundle.sections.items() if not it.complete
                ),
            },
        )

    def _results(self, rule: Rule, profile: Mapping[str, Any]) -> list[Result]:
        try:
            hits = self._hits(rule, profile)
        except Exception as error:  # one rule must neither end the run nor be silent
            status, reason = self._without_hits(rule, error)
            return [_plain(rule, self.asset, status, reason)]
        if hits:
            return _found(rule, self.asset, hits)
        incomplete = self._incomplete(rule)
        status = Status.NOT_CHECKED if incomplete else Status.PASS
        return [_plain(rule, self.asset, status, incomplete)]

    def _hits(self, rule: Rule, profile: Mapping[str, Any]) -> list[Hit]:
        if rule.by_profile and not profile:
            raise NotChecked("没有目标环境 (no target profile)")
        if rule.applies and not rule.applies_to(profile):
            raise Elsewhere(rule.applies)
        look = Look(self.facts, rule.parameters, self.context, profile, self.now, self._memory)
        return list(rule.detector.find(look))

    def _without_hits(self, rule: Rule, error: Exception) -> tuple[Status, str]:
        """Why a rule gave no answer. "Nothing of that kind here" needs a complete look, too."""
        match error:
            case Elsewhere():
                return Status.NOT_APPLICABLE, str(error)
            case NotApplicable():
                incomplete = self._incomplete(rule)
                status = Status.NOT_CHECKED if incomplete else Status.NOT_APPLICABLE
                return status, incomplete or str(error)
            case NotChecked():
                return Status.NOT_CHECKED, str(error)
            case MissingName():
                return Status.NOT_CHECKED, f"missing value: {error}"
            case Conflict():
                return Status.UNKNOWN, str(error)
        return Status.ERROR, _trace(error)

    def _incomplete(self, rule: Rule) -> str:
        reasons = []
        for name in rule.sections:
            section = self.facts.bundle.section(name)
            if not section.complete:
                reasons.append(f"{name}: {_WHY[section.status]}")
        reasons += [f"missing input: {name}" for name in rule.inputs if name not in self.context]
        return "; ".join(reasons)


@lru_cache(maxsize=64)
def _names(profile: Profile) -> Mapping[str, Any]:
    return {it.name: getattr(profile, it.name) for it in fields(profile)}


@lru_cache(maxsize=4096)
def _remediation(zh: str, en: str, playbook: str) -> Remediation:
    return Remediation(zh=zh, en=en, kind="playbook" if playbook else "manual", playbook=playbook)


def _plain(rule: Rule, asset: str, status: Status, reason: str) -> Result:
    return Result(
        rule=rule.id,
        rule_version=rule.version,
        severity=SEVERITY[rule.severity],
        status=status,
        asset=asset,
        reason=reason,
        gate=rule.gate != "none",
    )


def _found(rule: Rule, asset: str, hits: list[Hit]) -> list[Result]:
    """A result a subject; several sights of one subject are its evidence."""
    subjects: dict[str, list[Hit]] = {}
    for hit in hits:
        subjects.setdefault(hit.subject, []).append(hit)
    status = Status.INFORMATIONAL if rule.severity == "info" else Status.FAIL
    base = _plain(rule, asset, status, "")
    remedy = _remediation(rule.fix_zh, rule.fix_en, rule.playbook)
    return [
        replace(
            base,
            subject=subject,
            severity=SEVERITY[next((it.severity for it in same if it.severity), rule.severity)],
            evidence=tuple(_evidence(it) for it in same[:5]),
            remediation=remedy,
        )
        for subject, same in subjects.items()
    ]


def redact(text: str) -> str:
    """Passwords and tokens struck out, whoever collected the text."""
    return _SECRET.sub(lambda match: f"{match[1] or match[2]}***", text)


def _evidence(hit: Hit) -> Evidence:
    whole = redact(hit.excerpt)
    excerpt = whole.encode()[:MOST_EXCERPT].decode(errors="ignore")
    return Evidence(
        kind=hit.kind,
        locator=redact(hit.locator)[:512],
        excerpt=excerpt,
        sha256=sha256(whole.encode()).hexdigest() if len(excerpt) < len(whole) else "",
        section=hit.section,
    )


def _trace(error: Exception) -> str:
    """Kind, text and place of an error, with an id by which two runs' errors can be told alike."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{last.filename.rsplit('/', 1)[-1]}:{last.lineno}"
    told = f"{type(error).__name__}: {error} ({where})"
    return f"{sha256(told.encode()).hexdigest()[:12]} {told}"
