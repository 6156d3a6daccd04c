"""Accepted findings: who answers for them, until when; and what that does to the verdicts."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlmodel import Session, col

from controller.problems import NotFound, Problem
from controller.readiness import packing
from controller.readiness.tables import (
    ReadinessHost,
    ReadinessJudgement,
    ReadinessProject,
    ReadinessWaiver,
)
from playbooks.judge.results import Judgement, Waiver, waive
from playbooks.judge.rules import load_rules

LONGEST = timedelta(days=366)


def create(
    session: Session,
    project: ReadinessProject,
    *,
    rule: str,
    fingerprint: str,
    hosts: list[str],
    reason: str,
    owner: str,
    approved_by: str,
    expires: datetime,
    by: str,
    now: datetime,
) -> ReadinessWaiver:
    """Notes it and judges the newest results anew. Raises Problem 422."""
    if bool(rule) == bool(fingerprint):
        raise Problem(422, "bad waiver", "name either a rule or the fingerprint of one finding")
    if rule and rule not in load_rules():
        raise Problem(422, "bad waiver", f"no rule {rule}")
    if not reason.strip() or not owner.strip() or not approved_by.strip():
        raise Problem(422, "bad waiver", "reason, owner and approved_by must be filled in")
    if owner.strip() == approved_by.strip():
        raise Problem(422, "bad waiver", "who answers for it cannot approve it: name another")
    if not now < expires <= now + LONGEST:
        raise Problem(422, "bad waiver", f"expires: after now, and within {LONGEST.days} days")
    known = set(
        session.scalars(
            select(col(ReadinessHost.name)).where(col(ReadinessHost.project_id) == project.id)
        )
    )
    if unknown := sorted(set(hosts) - known):
        raise Problem(422, "bad waiver", f"no host {unknown[0]} in this project")
    row = ReadinessWaiver(
        project_id=project.id or 0, rule=rule, fingerprint=fingerprint, hosts=sorted(set(hosts)),
        reason=reason.strip(), owner=owner.strip(), approved_by=approved_by.strip(), by=by,
        created=now, expires=expires,
    )  # fmt: skip
    session.add(row)
    session.flush()
    apply(session, project.id or 0, now)
    return row


def end(session: Session, waiver: ReadinessWaiver, now: datetime) -> None:
    """Takes it back; the failure counts again at once. Raises Problem 409."""
    if waiver.ended is not None:
        raise Problem(409, "already ended", f"waiver {waiver.id} was taken back before")
    waiver.ended = now
    session.add(waiver)
    session.flush()
    apply(session, waiver.project_id, now)


def find(session: Session, waiver_id: int) -> ReadinessWaiver:
    """Whatever its project: the caller checks that one. Raises NotFound."""
    row = session.get(ReadinessWaiver, waiver_id)
    if row is None:
        raise NotFound("waiver", str(waiver_id))
    return row


def list_waivers(session: Session, project_id: int) -> list[ReadinessWaiver]:
    """Newest first."""
    return list(
        session.scalars(
            select(ReadinessWaiver)
            .where(col(ReadinessWaiver.project_id) == project_id)
            .order_by(col(ReadinessWaiver.id).desc())
        )
    )


def in_force(session: Session, project_id: int) -> list[Waiver]:
    """As the judge takes them; whether one is over is the judge's to say."""
    rows = session.scalars(
        select(ReadinessWaiver).where(
            col(ReadinessWaiver.project_id) == project_id, col(ReadinessWaiver.ended).is_(None)
        )
    )
    return [
        Waiver(
            id=str(row.id), owner=row.owner, approved_by=row.approved_by, reason=row.reason,
            expires=row.expires, created=row.created, rule=row.rule, fingerprint=row.fingerprint,
            assets=frozenset(row.hosts),
        )
        for row in rows
    ]  # fmt: skip


def apply(session: Session, project_id: int, now: datetime) -> int:
    """Looks at the newest results of a project with today's waivers; how many rows changed."""
    accepted = in_force(session, project_id)
    rows = session.execute(
        select(ReadinessJudgement, col(ReadinessHost.name))
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessJudgement.host_id))
        .where(
            col(ReadinessJudgement.project_id) == project_id,
            col(ReadinessJudgement.latest).is_(True),
        )
    ).all()
    changed = 0
    for row, asset in rows:
        # Without a failure there is nothing to accept: the blob stays folded.
        if not any(sign in "FW" for sign in row.grid.values()):
            continue
        before = packing.unpack(row, asset)
        results = tuple(waive(before.results, accepted, now))
        if results == before.results:
            continue
        packing.fill(
            row,
            Judgement(asset=asset, profile=row.profile, results=results, notes=before.notes),
        )
        session.add(row)
        changed += 1
    session.flush()
    return changed


def expire(session: Session, now: datetime) -> int:
    """Waivers whose day has come: their failures count again. How many there were."""
    rows = session.scalars(
        select(ReadinessWaiver).where(
            col(ReadinessWaiver.ended).is_(None), col(ReadinessWaiver.expires) <= now
        )
    ).all()
    for project_id in sorted({row.project_id for row in rows}):
        apply(session, project_id, now)
    session.execute(
        update(ReadinessWaiver)
        .where(col(ReadinessWaiver.id).in_([row.id for row in rows]))
        .values(ended=ReadinessWaiver.expires)
    )
    return len(rows)
