"""The work list: each indicator that fails is a finding with its remedy, with one life.

A host without any IPv6 address has one finding, that; what hangs on it is left for when it has
one. Traffic is not a fault of the host and makes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session

from controller.access.scope import CITY
from controller.analysis.ipv6 import Index, Indicator, Result
from controller.findings.model import Coverage, Observation
from controller.findings.model import Subject as Mark
from controller.findings.record import Recorded, observe
from controller.ipv6.everything import list_subjects
from controller.ipv6.readiness import Subject
from controller.ipv6.subjects import HOST, read_row
from controller.runtime import Runtime

SOURCE = "ipv6"
SUBJECTS = {"site": "ipv6_site", "host": "resource", "device": "device"}
SEVERITIES = {"site": "minor", "host": "info", "device": "minor"}
FIRST = {"site": "home", "host": "address", "device": "address"}
"""While it fails, what hangs on it is no finding of its own."""
HANGS = {
    "site": frozenset({"success", "content", "links_second", "links_third", "parts",
                       "performance"}),
    "host": frozenset({"route", "resolver", "services", "firewall"}),
    "device": frozenset({"forwarding", "peers"}),
}  # fmt: skip
NO_FAULT = frozenset({"traffic"})
MOST_SHOWN = 20


def code_of(kind: str, indicator: str) -> str:
    """A finding's code; its source is ``ipv6``."""
    return f"ipv6.{kind}.{indicator}"


def record(runtime: Runtime, index: Index) -> Recorded:
    """Looks at everything that was judged and records what fails."""
    now = runtime.now()
    with runtime.database.write() as session:
        subjects = list_subjects(session, CITY, index, now)
        seen = [each for subject in subjects for each in observations(session, subject, index)]
        return observe(session, now, SOURCE, seen, coverage(subjects, index))


def observations(session: Session, subject: Subject, index: Index) -> Iterable[Observation]:
    """What fails at one subject."""
    if subject.evaluation is None:
        return
    known = {each.code: each for each in index.of(subject.kind).indicators}
    for result in findings_of(subject.kind, subject.evaluation.results):
        indicator = known[result.code]
        yield Observation(
            code=code_of(subject.kind, result.code),
            subject_kind=SUBJECTS[subject.kind],
            subject_key=subject.code,
            severity=SEVERITIES[subject.kind],
            title_zh=f"IPv6：{subject.name} {indicator.title_zh}不达标",
            title_en=f"IPv6: {subject.name}: {indicator.title_en} fails",
            unit_id=subject.unit_id,
            subject_name=subject.name,
            detail=_detail(session, subject, result, indicator),
        )


def findings_of(kind: str, results: Sequence[Result]) -> list[Result]:
    """Those failing results that are worth a finding of their own."""
    failing = [each for each in results if each.state == "fail" and each.code not in NO_FAULT]
    if any(each.code == FIRST[kind] for each in failing):
        return [each for each in failing if each.code not in HANGS[kind]]
    return failing


def _detail(
    session: Session, subject: Subject, result: Result, indicator: Indicator
) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "indicator": result.code,
        "value": result.value,
        "remedy_zh": indicator.remedy_zh,
        "remedy_en": indicator.remedy_en,
    }
    if subject.kind == HOST and result.code == "services":
        row = read_row(session, HOST, subject.ref)
        services = (row.document.get("services") or {}) if row is not None else {}
        detail["v4_only"] = [
            f"{each['port']}/{each['protocol']} {each.get('process') or ''}".strip()
            for each in services.get("v4_only", [])[:MOST_SHOWN]
        ]
    return detail


def coverage(subjects: Sequence[Subject], index: Index) -> Coverage:
    """What was looked at: every indicator of everything registered; where it could not be judged,
    a finding stays. What is no longer registered goes away."""
    codes = {
        code_of(kind, each.code): each.code
        for kind in SUBJECTS
        for each in index.of(kind).indicators
    }
    unjudged: dict[str, set[Mark]] = {code: set() for code in codes}
    for subject in subjects:
        states = (
            {each.code: each.state for each in subject.evaluation.results}
            if subject.evaluation is not None
            else {}
        )
        for each in index.of(subject.kind).indicators:
            if states.get(each.code, "unknown") == "unknown":
                mark = (SUBJECTS[subject.kind], subject.code)
                unjudged[code_of(subject.kind, each.code)].add(mark)
    return Coverage(
        frozenset(codes), None, None, {code: frozenset(marks) for code, marks in unjudged.items()}
    )
