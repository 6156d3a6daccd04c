"""The worker's jobs, when each is due, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from controller.access import sessions, tokens, users
from controller.cutover.follow import follow
from controller.forecasts import compute as forecasts
from controller.idle import nightly
from controller.ingest import tasks as agent_tasks
from controller.inventory.lock import lock_registers
from controller.ipv6 import nightly as ipv6_nightly
from controller.moves.edge_documents import purge_edges
from controller.network import assign, merges, reach_assign, traps, upkeep
from controller.notices import clock as notices_clock
from controller.notices import deliver as notices_deliver
from controller.patrol import schedule
from controller.readiness import dispatch
from controller.runtime import Runtime
from controller.store import maintenance, owners, rollup
from controller.store.tables import JobRun

DIRTY_BUDGET_SECONDS = 10.0
"""Of one turn of the recomputation; live rollups wait for it at most this long."""

FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(minutes=10)

NIGHT = time(2, 0)
MORNING = time(4, 0)
"""After the upkeep of the night, before anybody comes to work."""


class JobError(Exception):
    """A job did not do all it should; the text says what is left."""


@dataclass(frozen=True)
class Job:
    """Jobs of one lane run one by one, so none holds up another for longer than its own budget.

    ``every`` is the pause after a run; with ``at`` the job runs once a day at that time of day
    in the controller's zone, or as soon as possible if that was missed.
    """

    name: str
    lane: str
    run: Callable[[Runtime], Any]
    every: timedelta = timedelta(0)
    at: time | None = None


def _recompute(runtime: Runtime) -> None:
    # People wait for what they put right; what was imported has a bar of its own.
    owners.roll_owners(runtime, DIRTY_BUDGET_SECONDS)
    rollup.roll_dirty(runtime, DIRTY_BUDGET_SECONDS)


def _purge_access(runtime: Runtime) -> None:
    now = runtime.now()
    with runtime.database.write() as session:
        sessions.purge(session, now)
        tokens.purge(session, now)
        users.purge_failures(session, now)


def _sync_holdings(runtime: Runtime) -> None:
    rollup.sync_holdings(runtime)


def _roll_live(runtime: Runtime) -> None:
    rollup.roll_live(runtime)


def _patrol(runtime: Runtime) -> None:
    schedule.tick(runtime)


def _expire(runtime: Runtime) -> None:
    maintenance.expire(runtime.samples, runtime.settings, runtime.now())


def _merge(runtime: Runtime) -> None:
    merged = maintenance.merge_closed(runtime.samples, runtime.settings, runtime.now())
    failed = [f"{each.table} {each.partition}: {each.error}" for each in merged if each.error]
    if failed:
        raise JobError("; ".join(failed))


def _send_messages(runtime: Runtime) -> None:
    turn = notices_deliver.run(runtime)
    if turn.down:
        raise JobError("; ".join(f"{name}: {why}" for name, why in turn.down.items()))


def _tend_notices(runtime: Runtime) -> None:
    notices_clock.tick(runtime)


def _follow_merges(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        lock_registers(session)
        merges.follow_merges(session, runtime.now())


def _tidy_traps(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        traps.tidy(session, runtime.now())


def _assign_points(runtime: Runtime) -> None:
    reach_assign.renew(runtime)


def _purge_edges(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        purge_edges(session, runtime.now())


def _forecast(runtime: Runtime) -> None:
    forecasts.nightly(runtime)


def _scan_idle(runtime: Runtime) -> None:
    nightly.scan_city(runtime)


def _judge_ipv6(runtime: Runtime) -> None:
    ipv6_nightly.judge_new(runtime)


def _keep_ipv6_day(runtime: Runtime) -> None:
    ipv6_nightly.keep_day(runtime)


def _balance_pollers(runtime: Runtime) -> None:
    assign.balance(runtime)


def _purge_network(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        upkeep.purge(session, runtime.now())


def _expire_tasks(runtime: Runtime) -> None:
    with runtime.database.write() as session:
        agent_tasks.expire(session, runtime.now())


def _carry_out_runs(runtime: Runtime) -> None:
    dispatch.tick(runtime, follow)


def _tend_readiness(runtime: Runtime) -> None:
    dispatch.upkeep(runtime)


JOBS = (
    Job("holdings", "rollup", _sync_holdings, timedelta(seconds=15)),
    Job("live rollup", "rollup", _roll_live, timedelta(seconds=20)),
    Job("recompute", "rollup", _recompute, timedelta(seconds=2)),
    Job("patrol", "patrol", _patrol, timedelta(seconds=30)),
    Job("points", "upkeep", _assign_points, timedelta(seconds=20)),
    Job("merged units", "upkeep", _follow_merges, timedelta(minutes=10)),
    Job("traps", "upkeep", _tidy_traps, timedelta(minutes=15)),
    Job("retention", "upkeep", _expire, at=NIGHT),
    Job("merge", "upkeep", _merge, at=NIGHT),
    Job("edges", "upkeep", _purge_edges, at=NIGHT),
    Job("idle scan", "analysis", _scan_idle, at=MORNING),
    Job("forecasts", "analysis", _forecast, at=MORNING),
    Job("ipv6", "analysis", _judge_ipv6, timedelta(minutes=10)),
    Job("ipv6 day", "analysis", _keep_ipv6_day, at=MORNING),
    Job("notices", "upkeep", _tend_notices, timedelta(minutes=10)),
    Job("messages", "messages", _send_messages, timedelta(seconds=5)),
    Job("pollers", "pollers", _balance_pollers, timedelta(seconds=10)),
    Job("network registers", "upkeep", _purge_network, at=NIGHT),
    Job("agent tasks", "upkeep", _expire_tasks, timedelta(minutes=5)),
    Job("readiness runs", "readiness", _carry_out_runs, timedelta(seconds=1)),
    Job("readiness", "upkeep", _tend_readiness, timedelta(minutes=10)),
    Job("sessions", "upkeep", _purge_access, timedelta(minutes=10)),
)
"""Rollups share a lane: two of them at once would compute the same buckets."""


def pause_after(failures: int) -> timedelta:
    """How long a job rests after that many failures in a row."""
    if failures <= 0:
        return timedelta(0)
    doubled: int = 2 ** min(failures - 1, 16)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


def due(job: Job, run: JobRun | None, now: datetime, zone: ZoneInfo) -> bool:
    """Whether the job is to run now, after what ``run`` says of the last times."""
    if run is None:
        return job.at is None
    if run.failures and run.last_failed is not None:
        return now >= run.last_failed + max(job.every, pause_after(run.failures))
    if run.last_ok is None:
        return True
    if job.at is None:
        # A clock that was set back must not silence the job.
        return now >= run.last_ok + job.every or now < run.last_ok
    return run.last_ok < last_time_of(job.at, now, zone)


def last_time_of(at: time, now: datetime, zone: ZoneInfo) -> datetime:
    """The newest moment not after ``now`` when the clocks in ``zone`` showed ``at``."""
    local = now.astimezone(zone)
    moment = datetime.combine(local.date(), at, zone)
    return moment if moment <= local else moment - timedelta(days=1)
