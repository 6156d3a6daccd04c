"""Reads of projects, hosts, runs and judgements, as the API and the pages show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.inventory.resources import unit_names
from controller.inventory.tables import BusinessSystem, Unit
from controller.readiness import packing, projects
from controller.readiness.model import (
    HostView,
    JudgementView,
    ProjectView,
    RunDetail,
    RunHostView,
    RunView,
    WaiverView,
)
from controller.readiness.tables import (
    ReadinessApproval,
    ReadinessCredential,
    ReadinessHost,
    ReadinessJudgement,
    ReadinessProject,
    ReadinessProjectUnit,
    ReadinessRun,
    ReadinessRunHost,
    ReadinessWaiver,
)
from controller.store.holder import is_gone
from controller.store.tables import WorkerLock
from playbooks.judge.results import Judgement

SETTLED = ("ok", "failed", "unreachable", "unknown")


def project_views(
    session: Session, rows: Sequence[ReadinessProject], at: datetime
) -> list[ProjectView]:
    """With counts of what stands now."""
    ids = [row.id or 0 for row in rows]
    units: dict[int, list[int]] = {}
    for project_id, unit_id in session.execute(
        select(col(ReadinessProjectUnit.project_id), col(ReadinessProjectUnit.unit_id)).where(
            col(ReadinessProjectUnit.project_id).in_(ids)
        )
    ):
        units.setdefault(project_id, []).append(unit_id)
    wanted = {unit_id for found in units.values() for unit_id in found}
    names = unit_names(session, wanted, at)
    codes: dict[int, str] = dict(
        session.execute(select(col(Unit.id), col(Unit.code)).where(col(Unit.id).in_(wanted))).all()
    )
    hosts = _hosts(session, ids)
    verdicts = _verdicts(session, ids)
    credentials = {
        row.project_id: row
        for row in session.scalars(
            select(ReadinessCredential).where(col(ReadinessCredential.project_id).in_(ids))
        )
    }
    decided: dict[int, ReadinessApproval] = {}
    for each in session.scalars(
        select(ReadinessApproval)
        .where(col(ReadinessApproval.project_id).in_(ids))
        .order_by(col(ReadinessApproval.id))
    ):
        decided[each.project_id] = each
    last = _last_runs(session, ids)
    found = []
    for row in rows:
        number = row.id or 0
        own = sorted(units.get(number, ()), key=lambda unit_id: codes.get(unit_id, ""))
        credential, approval = credentials.get(number), decided.get(number)
        count, held = hosts.get(number, (0, 0))
        by_verdict, blockers = verdicts.get(number, ({}, 0))
        run_id, run_state = last.get(number, (None, ""))
        found.append(
            ProjectView(
                id=number, name=row.name, kind=row.kind,
                units=[codes.get(unit_id, "") for unit_id in own],
                unit_names=[names.get(unit_id, "") for unit_id in own],
                profiles=row.profiles, note=row.note, window_from=row.window_from,
                window_until=row.window_until, connection=row.connection, context=row.context,
                credential=credential.kind if credential else "",
                credential_mark=credential.mark if credential else "",
                approval=approval.decision if approval else "",
                approved_by=approval.by if approval else "",
                closed=row.closed, created=row.created, by=row.by, hosts=count, bundles=held,
                verdicts=by_verdict, blockers=blockers, last_run=run_id, last_run_state=run_state,
            )
        )  # fmt: skip
    return found


def project_view(session: Session, row: ReadinessProject, at: datetime) -> ProjectView:
    return project_views(session, [row], at)[0]


def _hosts(session: Session, ids: list[int]) -> dict[int, tuple[int, int]]:
    """Project to (hosts in force, those with a bundle)."""
    rows = session.execute(
        select(
            col(ReadinessHost.project_id),
            func.count(),
            func.count(func.nullif(col(ReadinessHost.bundle), "")),
        )
        .where(col(ReadinessHost.project_id).in_(ids), col(ReadinessHost.retired).is_(None))
        .group_by(col(ReadinessHost.project_id))
    )
    return {project_id: (count, held) for project_id, count, held in rows}


def _verdicts(session: Session, ids: list[int]) -> dict[int, tuple[dict[str, int], int]]:
    """Project to (newest judgements by verdict, their open blockers)."""
    rows = session.execute(
        select(
            col(ReadinessJudgement.project_id),
            col(ReadinessJudgement.verdict),
            func.count(),
            func.sum(col(ReadinessJudgement.blockers)),
        )
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessJudgement.host_id))
        .where(
            col(ReadinessJudgement.project_id).in_(ids),
            col(ReadinessJudgement.latest).is_(True),
            col(ReadinessHost.retired).is_(None),
        )
        .group_by(col(ReadinessJudgement.project_id), col(ReadinessJudgement.verdict))
    )
    found: dict[int, tuple[dict[str, int], int]] = {}
    for project_id, verdict, count, blockers in rows:
        counts, total = found.setdefault(project_id, ({}, 0))
        counts[verdict] = count
        found[project_id] = (counts, total + int(blockers or 0))
    return found


def _last_runs(session: Session, ids: list[int]) -> dict[int, tuple[int, str]]:
    newest = (
        select(func.max(col(ReadinessRun.id)))
        .where(col(ReadinessRun.project_id).in_(ids))
        .group_by(col(ReadinessRun.project_id))
    )
    rows = session.execute(
        select(col(ReadinessRun.project_id), col(ReadinessRun.id), col(ReadinessRun.state)).where(
            col(ReadinessRun.id).in_(newest)
        )
    )
    return {project_id: (run_id or 0, state) for project_id, run_id, state in rows}


def host_views(session: Session, project_id: int, at: datetime) -> list[HostView]:
    """The hosts in force, by name."""
    rows = projects.hosts(session, project_id)
    names = unit_names(session, {row.unit_id for row in rows if row.unit_id}, at)
    codes: dict[int, str] = dict(
        session.execute(
            select(col(Unit.id), col(Unit.code)).where(col(Unit.id).in_(list(names)))
        ).all()
    )
    systems: dict[int, str] = dict(
        session.execute(
            select(col(BusinessSystem.id), col(BusinessSystem.name)).where(
                col(BusinessSystem.id).in_([row.system_id for row in rows if row.system_id])
            )
        ).all()
    )
    return [
        HostView(
            id=row.id or 0, name=row.name, address=row.address, port=row.port,
            unit=codes.get(row.unit_id or 0, ""), unit_name=names.get(row.unit_id or 0, ""),
            system=systems.get(row.system_id or 0, ""), variables=row.variables,
            bundle=row.bundle, taken=row.taken, cpu=_cpu(row.identity), os=_os(row.identity),
            domestic=_domestic(row.identity),
        )
        for row in rows
    ]  # fmt: skip


def _cpu(identity: dict[str, Any]) -> str:
    cpu = identity.get("cpu") or {}
    return str(cpu.get("model") or cpu.get("vendor") or "")


def _os(identity: dict[str, Any]) -> str:
    found = identity.get("os") or {}
    return " ".join(str(found[key]) for key in ("name", "version") if found.get(key))


def _domestic(identity: dict[str, Any]) -> bool | None:
    """Both are; None where one of them is not known and the other is not foreign."""
    told = [(identity.get(part) or {}).get("domestic") for part in ("cpu", "os")]
    if False in told:
        return False
    return True if told == [True, True] else None


def run_views(session: Session, rows: Sequence[ReadinessRun], now: datetime) -> list[RunView]:
    counts: dict[int, Counter[str]] = {}
    for run_id, state, count in session.execute(
        select(col(ReadinessRunHost.run_id), col(ReadinessRunHost.state), func.count())
        .where(col(ReadinessRunHost.run_id).in_([row.id for row in rows]))
        .group_by(col(ReadinessRunHost.run_id), col(ReadinessRunHost.state))
    ):
        counts.setdefault(run_id, Counter())[state] = count
    names: dict[int, str] = dict(
        session.execute(
            select(col(ReadinessProject.id), col(ReadinessProject.name)).where(
                col(ReadinessProject.id).in_({row.project_id for row in rows})
            )
        ).all()
    )
    working = has_worker(session, now)
    return [
        RunView(
            id=row.id or 0, project=row.project_id, project_name=names.get(row.project_id, ""),
            kind=row.kind, state=row.state, areas=row.areas, profiles=row.profiles, by=row.by,
            queued=row.queued, started=row.started, finished=row.finished, stage=row.stage,
            stages=row.stages, seq=row.seq, hosts_by_state=dict(counts.get(row.id or 0, {})),
            hosts=sum(counts.get(row.id or 0, {}).values()),
            finished_hosts=sum(
                count for state, count in counts.get(row.id or 0, {}).items() if state in SETTLED
            ),
            cancel_by=row.cancel_by, error=row.error, verdict=row.verdict, totals=row.totals,
            inspects=row.inspects, inspected=row.inspected, worker=working,
        )
        for row in rows
    ]  # fmt: skip


def run_view(session: Session, row: ReadinessRun, now: datetime) -> RunView:
    return run_views(session, [row], now)[0]


def run_detail(session: Session, row: ReadinessRun, now: datetime) -> RunDetail:
    return RunDetail(run=run_view(session, row, now), hosts=run_hosts(session, row.id or 0))


def run_hosts(session: Session, run_id: int, after: int = -1) -> list[RunHostView]:
    """By name; only what changed after ``after``."""
    rows = session.execute(
        select(ReadinessRunHost, col(ReadinessHost.name))
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessRunHost.host_id))
        .where(col(ReadinessRunHost.run_id) == run_id, col(ReadinessRunHost.seq) > after)
        .order_by(col(ReadinessHost.name))
    )
    return [
        RunHostView(
            host=name, state=row.state, stage=row.stage, message=row.message, found=row.found,
            markers=row.markers, began=row.began, ended=row.ended, seq=row.seq,
        )
        for row, name in rows
    ]  # fmt: skip


def list_runs(
    session: Session, project_id: int, *, page: int = 1, size: int = 50
) -> tuple[list[ReadinessRun], int]:
    """Of a project, newest first, and how many there are."""
    own = col(ReadinessRun.project_id) == project_id
    total = session.scalar(select(func.count()).select_from(ReadinessRun).where(own)) or 0
    rows = session.scalars(
        select(ReadinessRun)
        .where(own)
        .order_by(col(ReadinessRun.id).desc())
        .offset((page - 1) * size)
        .limit(size)
    )
    return list(rows), total


def has_worker(session: Session, now: datetime) -> bool:
    """Whether a worker holds its lock: without one nothing that waits is carried out."""
    lock = session.get(WorkerLock, "worker")
    return lock is not None and lock.expires > now and not is_gone(lock.holder)


def newest(
    session: Session, project_id: int, *, profile: str | None = None
) -> list[tuple[ReadinessJudgement, str]]:
    """The newest judgement of each host and profile with the host's name, by name."""
    statement = (
        select(ReadinessJudgement, col(ReadinessHost.name))
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessJudgement.host_id))
        .where(
            col(ReadinessJudgement.project_id) == project_id,
            col(ReadinessJudgement.latest).is_(True),
            col(ReadinessHost.retired).is_(None),
        )
        .order_by(col(ReadinessHost.name), col(ReadinessJudgement.profile))
    )
    if profile is not None:
        statement = statement.where(col(ReadinessJudgement.profile) == profile)
    return [(row, name) for row, name in session.execute(statement)]


def of_run(session: Session, run_id: int) -> list[tuple[ReadinessJudgement, str]]:
    """What one run judged, by host and profile."""
    rows = session.execute(
        select(ReadinessJudgement, col(ReadinessHost.name))
        .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessJudgement.host_id))
        .where(col(ReadinessJudgement.run_id) == run_id)
        .order_by(col(ReadinessHost.name), col(ReadinessJudgement.profile))
    )
    return [(row, name) for row, name in rows]


def judgement_views(rows: Iterable[tuple[ReadinessJudgement, str]]) -> list[JudgementView]:
    return [
        JudgementView(
            host=name, profile=row.profile, verdict=row.verdict, coverage=row.coverage,
            stars=row.stars, blockers=row.blockers, majors=row.majors, run=row.run_id, at=row.at,
            reason=row.reason, grid=row.grid,
        )
        for row, name in rows
    ]  # fmt: skip


def judgements(rows: Iterable[tuple[ReadinessJudgement, str]]) -> list[Judgement]:
    """Unfolded, as the judge made them."""
    return [packing.unpack(row, name) for row, name in rows]


def waiver_view(row: ReadinessWaiver, now: datetime) -> WaiverView:
    return WaiverView(
        id=row.id or 0, project=row.project_id, rule=row.rule, fingerprint=row.fingerprint,
        hosts=row.hosts, reason=row.reason, owner=row.owner, approved_by=row.approved_by,
        by=row.by, created=row.created, expires=row.expires, ended=row.ended,
        active=row.ended is None and row.created <= now < row.expires,
    )  # fmt: skip


def readable(session: Session, scope: Scope, at: datetime) -> list[ProjectView]:
    """Every project within the scope."""
    return project_views(session, projects.visible(session, scope), at)
