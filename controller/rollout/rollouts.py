"""Roll-outs of the agent: a signed bundle becomes a run; a run is read back host by host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import Scope
from controller.problems import NotFound, Problem
from controller.readiness import projects, runs, views
from controller.readiness.tables import ReadinessHost, ReadinessRun, ReadinessRunHost
from controller.rollout.bundles import BundleView

KIND = "rollout"
STATES = {"changed": "upgraded", "untouched": "as_it_was", "rolled_back": "went_back"}
LEAST_WAIT_S, MOST_WAIT_S = 30, 1800


class RolloutHost(BaseModel):
    """A host as it said itself."""

    host: str
    state: str = Field(
        description="waiting, running, upgraded, as_it_was, went_back, needs_hands, unreachable, "
        "unknown: nobody looked yet"
    )
    stage: int
    message: str


class RolloutView(BaseModel):
    """A roll-out of one bundle."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": 41, "bundle": "yunxun-agent-0.1.0+0dec36f3-x86_64", "version": "0.1.0+0dec36f3",
        "project": 3, "project_name": "市交通运输局迁网", "state": "running", "by": "wang.wu",
        "queued": "2026-11-28T14:05:00Z", "started": None, "finished": None, "error": "",
        "hosts": 30, "by_state": {"upgraded": 1, "waiting": 29}, "stages": ["放行", "检查"],
        "cancel_by": "", "worker": True}]})  # fmt: skip

    id: int
    bundle: str
    version: str
    project: int
    project_name: str
    state: str
    by: str
    queued: datetime
    started: datetime | None
    finished: datetime | None
    error: str
    hosts: int
    by_state: dict[str, int]
    stages: list[str]
    cancel_by: str
    worker: bool


class RolloutDetail(BaseModel):
    """A roll-out with each host."""

    run: RolloutView
    items: list[RolloutHost]


def start(
    session: Session,
    scope: Scope,
    project_id: int,
    bundle: BundleView,
    manifest: Path,
    key: Path,
    *,
    only: Iterable[str],
    wait_s: int,
    by: str,
    now: datetime,
) -> ReadinessRun:
    """Queues it over a readiness project's hosts, login and approval; ``key``: the trusted one.

    Raises NotFound, Problem 409, 422.
    """
    project = projects.find(session, scope, project_id)
    if bundle.why:
        raise Problem(409, "bundle refused", bundle.why)
    if not LEAST_WAIT_S <= wait_s <= MOST_WAIT_S:
        raise Problem(422, "bad wait", f"wait {wait_s} s: {LEAST_WAIT_S} to {MOST_WAIT_S}")
    return runs.enqueue(
        session, project, KIND, by=by, now=now, hosts=only, started_by="bundle",
        variables={
            "rollout_manifest": str(manifest),
            "rollout_public_key": str(key),
            "rollout_wait_s": wait_s,
            "rollout_version": bundle.version,
        },
    )  # fmt: skip


def find(session: Session, scope: Scope, run_id: int) -> ReadinessRun:
    """Raises NotFound, also for a run of another kind or unit."""
    run, _ = projects.of_run(session, scope, run_id)
    if run.kind != KIND:
        raise NotFound("roll-out", str(run_id))
    return run


def list_runs(
    session: Session, scope: Scope, now: datetime, *, page: int, size: int
) -> tuple[list[RolloutView], int]:
    """Newest first, and how many there are."""
    own = [it.id for it in projects.visible(session, scope)]
    mine = (col(ReadinessRun.project_id).in_(own), col(ReadinessRun.kind) == KIND)
    total = session.scalar(select(func.count()).select_from(ReadinessRun).where(*mine))
    rows = session.scalars(
        select(ReadinessRun)
        .where(*mine)
        .order_by(col(ReadinessRun.id).desc())
        .offset((page - 1) * size)
        .limit(size)
    ).all()
    return [board_of(session, row, now).run for row in rows], total or 0


def board_of(session: Session, run: ReadinessRun, now: datetime) -> RolloutDetail:
    """One roll-out with every host; a look after an abnormal end has the last word."""
    looks = session.scalars(
        select(col(ReadinessRun.id))
        .where(col(ReadinessRun.inspects) == run.id)
        .order_by(col(ReadinessRun.id))
    ).all()
    seen: dict[str, list[ReadinessRunHost]] = {}
    for each in (run.id, *looks):
        for row, host in session.execute(
            select(ReadinessRunHost, col(ReadinessHost.name))
            .join(ReadinessHost, col(ReadinessHost.id) == col(ReadinessRunHost.host_id))
            .where(col(ReadinessRunHost.run_id) == each)
        ):
            seen.setdefault(host, []).append(row)
    items = [_host(name, seen[name], run) for name in sorted(seen)]
    view = views.run_view(session, run, now)
    return RolloutDetail(
        run=RolloutView(
            id=view.id, bundle=Path(run.variables.get("rollout_manifest", "")).stem,
            version=run.variables.get("rollout_version", ""), project=view.project,
            project_name=view.project_name, state=view.state, by=view.by, queued=view.queued,
            started=view.started, finished=view.finished, error=view.error, hosts=len(items),
            by_state=dict(Counter(it.state for it in items)), stages=view.stages,
            cancel_by=view.cancel_by, worker=view.worker,
        ),
        items=items,
    )  # fmt: skip


def _host(name: str, rows: list[ReadinessRunHost], run: ReadinessRun) -> RolloutHost:
    first, last = rows[0], next((it for it in reversed(rows) if it.found), rows[0])
    state = STATES.get(last.found, last.found)
    if not state:
        state = first.state if first.state in ("waiting", "running") else "unknown"
        if run.started is None and run.state not in runs.UNDER_WAY:
            state = "as_it_was"  # it never began
        if state == "unknown" and run.state in runs.UNDER_WAY:
            state = "running"
    markers: list[dict[str, Any]] = [mark for row in rows for mark in row.markers]
    why = next((str(mark.get("text", "")) for mark in markers if mark.get("ok") == "no"), "")
    final = str(markers[-1].get("text", "")) if markers and last.found else ""
    return RolloutHost(
        host=name, state=state, stage=first.stage, message=why or final or first.message
    )
