"""Judging resources by policies, and keeping what was judged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.analysis.figures import DAY_S, STEP_S, needs_of
from controller.analysis.judge import Judgement, judge
from controller.analysis.policy import Policy
from controller.idle import library
from controller.idle.collect import collect
from controller.idle.spans import spans_of
from controller.idle.subjects import Named, read_subjects
from controller.idle.tables import IdleScan, IdleVerdict
from controller.problems import Problem
from controller.runtime import Runtime
from controller.store.holdings import register_of

KEPT_DAYS = 35
"""How long verdicts of no consequence (in use, undetermined) are kept; others are cited."""
ROUTINE = ("in_use", "undetermined", "exempt")
ROWS = 1_000
"""Verdicts of one INSERT."""


@dataclass(frozen=True)
class Judged:
    """What some policies say of the same resources on the same figures."""

    named: list[Named]
    judgements: list[Judgement]
    as_of: datetime


def judge_all(
    runtime: Runtime,
    scope: Scope,
    policies: Sequence[Policy],
    as_of: datetime,
    *,
    unit: str | None = None,
    named: list[Named] | None = None,
) -> Judged:
    """Every policy on every resource in scope (or on ``named``), with the data before ``as_of``.

    The store is read once for all of them. Raises NotFound for the unit, and what
    ``Samples.query`` raises.
    """
    end = int(as_of.timestamp()) // STEP_S * STEP_S
    as_of = datetime.fromtimestamp(end, UTC)
    with runtime.database.read() as session:
        if named is None:
            named = read_subjects(session, scope, as_of, unit=unit)
        flavours, seasons = library.flavours(session), library.seasons(session)
    subjects = [each.subject for each in named]
    needs = needs_of(policies)
    by_kind = {kind: needs_of(policies, kind) for kind in {each.kind for each in subjects}}
    holdings = register_of(runtime.database).read()
    line = {s.resource: s.line_bytes_s for s in subjects if s.line_bytes_s is not None}
    spans = spans_of(holdings, end - needs.days * DAY_S, end, line)
    zone = runtime.settings.timezone
    quiet = max(policy.guards.stopped_after_days for policy in policies)
    figures = collect(runtime.samples, spans, subjects, needs, by_kind, end, zone, quiet)
    judgements = [judge(p, figures, seasons, flavours, ZoneInfo(zone)) for p in policies]
    return Judged(named, judgements, as_of)


def scan(
    runtime: Runtime,
    scope: Scope,
    policy: str,
    as_of: datetime | None,
    by: str,
    *,
    unit: str | None = None,
) -> int:
    """Judges by one policy and keeps scan and verdicts; gives the scan's id.

    Raises NotFound for the policy or unit, Problem 422 for a moment that has not come, and what
    ``Samples.query`` raises.
    """
    began, now = time.monotonic(), runtime.now()
    moment = as_of or now
    if moment > now:
        raise Problem(422, "moment to come", f"as_of {moment.isoformat()} is later than now")
    with runtime.database.read() as session:
        chosen = library.policy(session, policy)
    judged = judge_all(runtime, scope, [chosen], moment, unit=unit)
    with runtime.database.write() as session:
        return keep(session, judged, by, now, time.monotonic() - began, unit)


def keep(
    session: Session, judged: Judged, by: str, now: datetime, seconds: float, unit: str | None
) -> int:
    """Stores the first judgement as a scan with its verdicts; gives its id."""
    judgement = judged.judgements[0]
    policy = judgement.policy
    row = IdleScan(
        policy=policy.id,
        policy_version=policy.version,
        as_of=judged.as_of,
        since=judged.as_of - timedelta(days=policy.window_days),
        at=now,
        by=by,
        window_days=policy.window_days,
        outcome={
            "classes": judgement.counts(),
            "title_zh": policy.title_zh,
            "title_en": policy.title_en,
            "clause": policy.clause,
            "seconds": round(seconds, 2),
            "unit": unit,
        },
    )
    session.add(row)
    session.flush()
    assert row.id is not None  # noqa: S101 -- flushed
    owners = {each.subject.resource: each.subject.unit for each in judged.named}
    rows: list[dict[str, Any]] = [
        {
            "scan_id": row.id,
            "resource_id": verdict.resource,
            "unit_id": owners[verdict.resource],
            "cls": verdict.cls,
            "reason_zh": verdict.reason.zh,
            "reason_en": verdict.reason.en,
            "evidence": verdict.evidence,
            "samples": verdict.samples if verdict.coverage_pct is not None else None,
            "samples_expected": (
                verdict.samples_expected if verdict.coverage_pct is not None else None
            ),
            "coverage_pct": verdict.coverage_pct,
            "window_days": verdict.window_days,
            "recommendation": verdict.recommendation,
        }
        for verdict in judgement.verdicts()
    ]
    for at in range(0, len(rows), ROWS):
        session.execute(insert(IdleVerdict), rows[at : at + ROWS])
    return row.id


def forget_routine(session: Session, now: datetime) -> int:
    """Drops old verdicts that nothing follows from; gives how many."""
    old = select(col(IdleScan.id)).where(col(IdleScan.at) < now - timedelta(days=KEPT_DAYS))
    done = session.execute(
        delete(IdleVerdict).where(
            col(IdleVerdict.scan_id).in_(old), col(IdleVerdict.cls).in_(ROUTINE)
        )
    )
    return int(getattr(done, "rowcount", 0))
