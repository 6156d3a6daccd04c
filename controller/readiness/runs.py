"""The life of a run in the database: queued, taken by a process, moved on, ended, inspected.

enqueue(session, project, kind, …)   a run that waits for the worker
cancel(session, run, by, now)        asked for; what it does depends on the kind
claim(session, run, …)               a process takes it
finish(session, run, …)              its end, and an inspection where that is called for
recover(session, now)                runs whose process is gone
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from controller.problems import NotFound, Problem
from controller.readiness import allowed, credentials, names
from controller.readiness.kinds import BY_NAME, RunKind
from controller.readiness.tables import (
    ReadinessHost,
    ReadinessProject,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.store.holder import identity, is_gone

UNDER_WAY, UNTIL = allowed.UNDER_WAY, allowed.UNTIL
After = Callable[[Session, ReadinessRun, datetime], None]
"""What follows from a run that has ended, in the transaction that ends it."""
LONGEST_SILENCE = timedelta(minutes=5)
"""A run that has not said for so long that it is at work is dead, wherever it ran."""
MOST_MARKERS = 50
MOST_QUEUED = 20
"""Of one project."""
LOST = "没有看到结束：执行进程已不在 (its process is gone, nobody saw the end)"

log = logging.getLogger("yunxun.readiness")


def enqueue(
    session: Session,
    project: ReadinessProject,
    kind: str,
    *,
    by: str,
    now: datetime,
    hosts: Iterable[str] = (),
    profiles: Iterable[str] | None = None,
    variables: Mapping[str, Any] | None = None,
    approved: bool = False,
    until: datetime | None = None,
    started_by: str = "",
) -> ReadinessRun:
    """A run of ``kind`` over the named hosts, or all within reach. ``approved``: the caller has
    seen another approval and its window (that of a cut-over plan), which ends ``until``: a run that
    still waits then is not begun. ``started_by``: what it carries out, for kinds that need
    something; their ``variables`` are the controller's own. Raises Problem 409, 422."""
    made = BY_NAME.get(kind)
    if made is None or kind == "inspect":
        raise Problem(422, "bad run", f"no kind of run {kind!r}")
    if project.closed is not None:
        raise Problem(409, "project closed", "open the project again first")
    if made.needs and not started_by:
        raise Problem(422, "bad run", f"{kind} is started by what it carries out: a {made.needs}")
    if made.changes and not approved:
        allowed.check_approved(session, project, now)
    chosen = _chosen(session, project, made, list(hosts))
    given = names.variables(variables or {}, ours=bool(made.needs))
    if made.playbook:
        credentials.check_jump(session, project)
    if made.changes:
        plan = int(given.get(allowed.PLAN) or 0)
        allowed.check_free(session, project, kind, chosen, plan)
    waiting = session.scalar(
        select(func.count())
        .select_from(ReadinessRun)
        .where(col(ReadinessRun.project_id) == project.id, col(ReadinessRun.state).in_(UNDER_WAY))
    )
    if (waiting or 0) >= MOST_QUEUED:
        raise Problem(409, "too many runs", f"{waiting} runs of this project wait already")
    ends = {UNTIL: until.isoformat()} if until else {}
    run = ReadinessRun(
        project_id=project.id or 0, kind=kind, areas=[project.kind],
        profiles=list(project.profiles if profiles is None else profiles),
        variables=given | ends, by=by, queued=now,
        stages=list(made.stages),
    )  # fmt: skip
    return _add(session, run, chosen)


def enqueue_judging(
    session: Session, project: ReadinessProject, host: ReadinessHost, by: str, now: datetime
) -> int:
    """A run that judges this host's bundle: one that waits already takes the host in, so that a
    hundred uploads are not a hundred runs."""
    waiting = session.scalars(
        select(ReadinessRun)
        .where(
            col(ReadinessRun.project_id) == project.id,
            col(ReadinessRun.kind) == "judge",
            col(ReadinessRun.state) == "queued",
            col(ReadinessRun.by) == by,
        )
        .order_by(col(ReadinessRun.id))
        .with_for_update()
    ).first()
    if waiting is None or waiting.profiles != project.profiles:
        run = enqueue(session, project, "judge", by=by, now=now, hosts=[host.name])
        return run.id or 0
    key = (waiting.id or 0, host.id or 0)
    if session.get(ReadinessRunHost, key) is None:
        _bump(waiting)
        session.add(waiting)
        session.add(ReadinessRunHost(run_id=key[0], host_id=key[1]))
        session.flush()
    return key[0]


def _add(session: Session, run: ReadinessRun, hosts: Iterable[ReadinessHost]) -> ReadinessRun:
    session.add(run)
    session.flush()
    for host in hosts:
        session.add(ReadinessRunHost(run_id=run.id or 0, host_id=host.id or 0))
    session.flush()
    return run


def _chosen(
    session: Session, project: ReadinessProject, kind: RunKind, wanted: list[str]
) -> list[ReadinessHost]:
    rows = session.scalars(
        select(ReadinessHost)
        .where(col(ReadinessHost.project_id) == project.id)
        .order_by(col(ReadinessHost.name))
    ).all()
    # A host that was taken off the project since can still be led back.
    rows = [row for row in rows if row.retired is None or (kind.way_back and row.name in wanted)]
    if unknown := sorted(set(wanted) - {row.name for row in rows}):
        raise Problem(422, "bad run", f"no host {unknown[0]!r} in this project")
    rows = [row for row in rows if not wanted or row.name in wanted]
    if kind.playbook:
        reached = [row for row in rows if row.address]
        if not reached:
            raise Problem(409, "no hosts", "no host of this project has an address to log in to: "
                          "add one, or upload bundles and judge them")  # fmt: skip
        return reached
    held = [row for row in rows if row.bundle]
    if not held:
        raise Problem(409, "no bundles", "no host of this project has a bundle yet: run a check, "
                      "or upload bundles")  # fmt: skip
    return held


def find(session: Session, run_id: int) -> ReadinessRun:
    """Whatever its project: the caller checks that one. Raises NotFound."""
    run = session.get(ReadinessRun, run_id)
    if run is None:
        raise NotFound("run", str(run_id))
    return run


def cancel(session: Session, run: ReadinessRun, by: str, now: datetime) -> None:
    """Asks for it. A run that waits is ended at once; one that only reads is killed; one that
    changes hosts stops between its stages and is then inspected. Raises Problem 409."""
    if run.state not in UNDER_WAY:
        raise Problem(409, "run over", f"run {run.id} is {run.state} already")
    if run.cancel_at is not None:
        raise Problem(409, "already asked", f"run {run.id} is being canceled")
    run.cancel_by, run.cancel_at = by, now
    if run.state == "queued":
        run.state, run.finished = "canceled", now
    _bump(run)
    session.add(run)
    session.flush()


def next_queued(session: Session, most: int) -> list[int]:
    """Ids of runs to start now: at most ``most`` at one time, one a project, first come first."""
    busy = session.execute(
        select(col(ReadinessRun.project_id)).where(col(ReadinessRun.state) == "running")
    ).scalars()
    taken = set(busy)
    room = most - len(taken)
    found: list[int] = []
    rows = session.execute(
        select(col(ReadinessRun.id), col(ReadinessRun.project_id))
        .where(col(ReadinessRun.state) == "queued")
        .order_by(col(ReadinessRun.id))
    )
    for run_id, project_id in rows:
        if len(found) >= room:
            break
        if project_id not in taken:
            taken.add(project_id)
            found.append(run_id or 0)
    return found


def claim(session: Session, run_id: int, folder: str, now: datetime) -> ReadinessRun | None:
    """The run, now ours; None where somebody else has it, it was canceled meanwhile, or what
    allowed it is over: then it ends here, and no host was touched."""
    waiting = session.get(ReadinessRun, run_id)
    if waiting is not None and waiting.state == "queued":
        why = allowed.lapsed(session, waiting, now)
        if why:
            finish(session, waiting, "failed", now, error=why)
            return None
    changed = session.execute(
        update(ReadinessRun)
        .where(col(ReadinessRun.id) == run_id, col(ReadinessRun.state) == "queued")
        .values(state="running", started=now, beat=now, holder=identity(), folder=folder, stage=1)
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        return None
    session.expire_all()
    run = session.get_one(ReadinessRun, run_id)
    _bump(run)
    session.add(run)
    session.flush()
    return run


def move(
    session: Session,
    run_id: int,
    host_id: int,
    now: datetime,
    *,
    state: str = "",
    stage: int = 0,
    message: str | None = None,
    bundle: str = "",
    marker: Mapping[str, Any] | None = None,
    found: str = "",
) -> None:
    """Notes where a host stands. A failure stays: what a rescue does later does not undo it."""
    run = session.get_one(ReadinessRun, run_id, options=[_slim()])
    row = session.get_one(ReadinessRunHost, (run_id, host_id))
    _bump(run)
    row.seq = run.seq
    if state and not (row.state in ("failed", "unreachable") and state in ("running", "ok")):
        row.state = state
    row.stage = max(row.stage, stage)
    run.stage = max(run.stage, stage)
    if message is not None:
        row.message = message[:1000]
    row.bundle = bundle or row.bundle
    row.found = found or row.found
    if marker is not None and len(row.markers) < MOST_MARKERS:
        row.markers = [*row.markers, {**marker, "at": now.isoformat(timespec="seconds")}]
    row.began = row.began or now
    if row.state in ("ok", "failed", "unreachable"):
        row.ended = now
    run.beat = now
    session.add(run)
    session.add(row)
    session.flush()


def finish(
    session: Session,
    run: ReadinessRun,
    state: str,
    now: datetime,
    *,
    error: str = "",
    totals: Mapping[str, Any] | None = None,
) -> None:
    """Its end. Hosts that nobody saw the end of are ``unknown``, unless it never began; a run of a
    kind that changes hosts and did not end as it should is inspected."""
    run.state, run.finished, run.beat, run.error = state, now, now, error[:1000]
    if totals is not None:
        run.totals = dict(totals)
        run.verdict = str(totals.get("verdict", ""))
    _bump(run)
    session.add(run)
    session.execute(
        update(ReadinessRunHost)
        .where(
            col(ReadinessRunHost.run_id) == run.id,
            col(ReadinessRunHost.state).in_(("waiting", "running")),
        )
        .values(state="unknown" if state != "canceled" and run.started else "waiting", seq=run.seq)
    )
    session.flush()
    if state in ("unknown", "canceled", "failed") and run.started is not None:
        _inspect(session, run, now)


def _inspect(session: Session, run: ReadinessRun, now: datetime) -> None:
    """Queues a reading look at the hosts the run may have touched; an inspection is not itself
    inspected."""
    kind = BY_NAME[run.kind]
    if not kind.inspect:
        return
    hosts = session.scalars(
        select(ReadinessHost)
        .join(ReadinessRunHost, col(ReadinessRunHost.host_id) == col(ReadinessHost.id))
        .where(col(ReadinessRunHost.run_id) == run.id)
    ).all()
    look = ReadinessRun(
        project_id=run.project_id, kind="inspect", by="", queued=now, areas=run.areas,
        stages=list(BY_NAME["inspect"].stages), inspects=run.id, variables=run.variables,
    )  # fmt: skip
    _add(session, look, hosts)
    run.inspected = "pending"
    session.add(run)
    session.flush()


def follow(session: Session, run: ReadinessRun, now: datetime, after: After | None) -> None:
    """What follows from its end; should that fail, the end itself stands."""
    if after is None:
        return
    try:
        with session.begin_nested():
            after(session, run, now)
    except Exception as error:
        log.error("what follows from a run failed", extra={"run": run.id}, exc_info=error)


def recover(session: Session, now: datetime, after: After | None = None) -> list[str]:
    """Marks runs whose process is gone as unknown; their private folders, to be taken away."""
    rows = session.scalars(
        select(ReadinessRun).options(_slim()).where(col(ReadinessRun.state) == "running")
    ).all()
    folders = []
    for run in rows:
        silent = run.beat is None or now - run.beat > LONGEST_SILENCE
        if is_gone(run.holder) or silent:
            folders.append(run.folder)
            finish(session, run, "unknown", now, error=LOST)
            follow(session, run, now, after)
    return [each for each in folders if each]


def beat(session: Session, run_id: int, now: datetime) -> bool:
    """Says that its process is at work; whether somebody asked to cancel it."""
    run = session.get_one(ReadinessRun, run_id, options=[_slim()])
    run.beat = now
    session.add(run)
    return run.cancel_at is not None


def _slim() -> Any:
    """Without the variables: a plan of hundreds of hosts is not read again for each event."""
    variables: Any = ReadinessRun.variables
    return defer(variables)


def _bump(run: ReadinessRun) -> None:
    run.seq += 1
