"""Judgements in the database: a small grid to count and colour by, and the whole, deflated."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from controller.readiness.tables import ReadinessJudgement
from playbooks.judge.results import (
    Evidence,
    Judgement,
    Remediation,
    Result,
    Severity,
    Status,
    confidence,
    coverage,
)

LETTERS = {
    Status.ERROR: "E",
    Status.UNKNOWN: "U",
    Status.NOT_CHECKED: "N",
    Status.INFORMATIONAL: "I",
    Status.PASS: "P",
    Status.FIXED: "P",
    Status.NOT_APPLICABLE: "-",
}
"""A failure is F, or W where a waiver covers it."""

_WORST = "-PINWUEF"
"""Of several results of one rule the last of these stands in the grid."""


def letter(result: Result) -> str:
    """The letter of one result."""
    if result.status is Status.FAIL:
        return "W" if result.waiver else "F"
    return LETTERS[result.status]


def grid(results: Iterable[Result]) -> dict[str, str]:
    """Rule to its worst letter."""
    found: dict[str, str] = {}
    for result in results:
        now = letter(result)
        before = found.get(result.rule)
        if before is None or _WORST.index(now) > _WORST.index(before):
            found[result.rule] = now
    return found


def pack(results: Iterable[Result], notes: Mapping[str, str]) -> bytes:
    """Results and notes as deflated JSON."""
    rows = [_as_row(result) for result in results]
    text = json.dumps({"results": rows, "notes": dict(notes)}, ensure_ascii=False)
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpack(row: ReadinessJudgement, asset: str) -> Judgement:
    """The judgement of a row."""
    document = json.loads(zlib.decompress(row.results).decode("utf-8", "surrogatepass"))
    return Judgement(
        asset=asset,
        profile=row.profile,
        results=tuple(_as_result(each, asset, row.profile) for each in document["results"]),
        notes=document["notes"],
    )


def fill(row: ReadinessJudgement, judgement: Judgement, at: datetime | None = None) -> None:
    """Puts a judgement into its row: verdict, counts, grid, results."""
    results = judgement.results
    row.verdict = judgement.verdict.value
    row.coverage = coverage(results)
    row.stars = confidence(results).stars
    row.blockers = _open(results, Severity.BLOCKER)
    row.majors = _open(results, Severity.MAJOR)
    row.reason = judgement.notes.get("reason", "")[:1000]
    row.grid = grid(results)
    row.results = pack(results, judgement.notes)
    if at is not None:
        row.at = at


def _open(results: Iterable[Result], severity: Severity) -> int:
    return sum(
        it.status is Status.FAIL and it.severity is severity and not it.waiver for it in results
    )


def _as_row(result: Result) -> list[Any]:
    remedy = result.remediation
    return [
        result.rule, result.severity.value, result.status.value, result.subject, result.reason,
        [each.as_json() for each in result.evidence],
        [remedy.zh, remedy.en, remedy.kind, remedy.playbook] if remedy else None,
        result.rule_version, result.gate, result.waiver,
    ]  # fmt: skip


def _as_result(row: list[Any], asset: str, profile: str) -> Result:
    rule, severity, status, subject, reason, evidence, remedy, version, gate, waiver = row
    return Result(
        rule=rule, severity=Severity(severity), status=Status(status), asset=asset,
        profile=profile, subject=subject, reason=reason,
        evidence=tuple(Evidence(**{"kind": "", "locator": "", **each}) for each in evidence),
        remediation=Remediation(zh=remedy[0], en=remedy[1], kind=remedy[2], playbook=remedy[3])
        if remedy else None,
        rule_version=version, gate=gate, waiver=waiver,
    )  # fmt: skip
