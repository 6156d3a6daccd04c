"""What ``yunxun doctor`` looks at: each check is a line that says whether and why not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from pydantic import BaseModel
from sqlalchemy import and_, or_, text
from sqlmodel import col, func, select

from controller.folder import free_space
from controller.ingest.tables import Agent
from controller.jobs import JOBS
from controller.prepare import SANE_CLOCK
from controller.runtime import Runtime
from controller.store import maintenance, rollup
from controller.store.tables import JobRun, WorkerLock

SILENT = timedelta(minutes=10)
"""An active agent not heard of for so long is silent."""
MOST_LAG = timedelta(minutes=15)
"""Of live rollups: five minutes of the bucket, two of grace, and then some."""
OLDEST_MARK = timedelta(hours=6)
CERTIFICATE_DAYS = 21
MOST_NAMED = 5


class Check(BaseModel):
    """``fine`` is false where somebody must do something."""

    name: str
    fine: bool
    text: str


def run_checks(runtime: Runtime) -> list[Check]:
    """All of them; one that itself fails is a problem, and the rest still run."""
    found: list[Check] = []
    for name, check in _CHECKS.items():
        try:
            found += [Check(name=name, fine=fine, text=text) for fine, text in check(runtime)]
        except Exception as error:  # a store may be away: that is what we are here to say
            text = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            found.append(Check(name=name, fine=False, text=f"cannot be checked: {text}"))
    return found


Result = Iterator[tuple[bool, str]]


def store_answers(runtime: Runtime) -> dict[str, str]:
    """For each store "" if it answers, else why not, in one line."""
    answers = {"database": "", "samples": ""}
    try:
        with runtime.database.read() as session:
            session.execute(text("SELECT 1"))
    except Exception as error:  # whatever is wrong, the answer is "not ready"
        answers["database"] = _one_line(error)
    try:
        runtime.samples.query("SELECT 1 AS one", seconds=5)
    except Exception as error:
        answers["samples"] = _one_line(error)
    return answers


def _one_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


def _stores(runtime: Runtime) -> Result:
    for store, why in store_answers(runtime).items():
        yield not why, f"{store}: {why or 'answers'}"


def _disk(runtime: Runtime) -> Result:
    limits = runtime.settings.ingest
    free, percent = free_space(runtime.settings.data)
    enough = free >= limits.min_free_mb << 20 or percent >= limits.min_free_percent
    yield enough, f"{runtime.settings.data}: {free / 2**30:.1f} GiB ({percent:.0f} %) free"
    if runtime.settings.samples.url:
        for disk in maintenance.disks(runtime.samples, runtime.settings):
            share = 100 * disk.free_bytes / max(1, disk.total_bytes)
            enough = disk.free_bytes >= limits.min_free_mb << 20 or share >= limits.min_free_percent
            yield enough, f"{disk.path}: {disk.free_bytes / 2**30:.1f} GiB ({share:.0f} %) free"


def _detached(runtime: Runtime) -> Result:
    parts = maintenance.detached_parts(runtime.samples, runtime.settings)
    if not parts:
        yield True, "none"
    for part in parts[:MOST_NAMED]:
        yield False, f"{part.table} {part.part}: {part.reason}; its rows are in no answer"
    if len(parts) > MOST_NAMED:
        yield False, f"and {len(parts) - MOST_NAMED} more"


def _worker(runtime: Runtime) -> Result:
    now = runtime.now()
    with runtime.database.read() as session:
        lock = session.get(WorkerLock, "worker")
        runs = {run.name: run for run in session.exec(select(JobRun))}
    if lock is None or lock.expires <= now:
        yield False, "no worker holds the lock; is 'yunxun serve' running?"
    for job in JOBS:
        run = runs.get(job.name)
        if run is not None and run.failures:
            yield False, f"{job.name}: failed {run.failures} times in a row: {run.error}"
    if lock is not None and lock.expires > now and not any(run.failures for run in runs.values()):
        yield True, f"{len(runs)} jobs, none failing"


def _rollups(runtime: Runtime) -> Result:
    now = runtime.now()
    for each in rollup.pending(runtime):
        if each.live_until is not None:
            lag = now - each.live_until
            yield lag <= MOST_LAG, f"{each.table}: live rollups {_minutes(lag)} behind"
        old = each.oldest_mark is not None and now - each.oldest_mark > OLDEST_MARK
        text = f"{each.table}: {each.dirty_days} resource-days to recompute"
        yield not old, text + _since(each.oldest_mark, now)
        if each.late_rows:
            yield True, f"{each.table}: {each.late_rows} rows came after their time had expired"


def _agents(runtime: Runtime) -> Result:
    now = runtime.now()
    with runtime.database.read() as session:
        states = dict(
            session.execute(select(Agent.state, func.count()).group_by(Agent.state)).all()
        )
        silent = session.exec(
            select(Agent.name)
            .where(Agent.state == "active")
            .where(
                or_(
                    col(Agent.last_seen) < now - SILENT,
                    and_(col(Agent.last_seen).is_(None), col(Agent.enrolled) < now - SILENT),
                )
            )
            .order_by(Agent.name)
        ).all()
    yield True, ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none"
    if silent:
        more = f" and {len(silent) - MOST_NAMED} more" if len(silent) > MOST_NAMED else ""
        yield False, f"silent for {_minutes(SILENT)}: {', '.join(silent[:MOST_NAMED])}{more}"
    if states.get("conflict"):
        yield False, f"{states['conflict']} in conflict: two machines send as one; enrol one anew"


def _versions(runtime: Runtime) -> Result:
    if runtime.settings.database_url:
        yield True, runtime.database.engine.dialect.name
        return
    safe = sqlite3.sqlite_version_info >= (3, 51, 3)
    yield True, f"SQLite {sqlite3.sqlite_version}" + ("" if safe else ", so WAL is not used")


def _clock(runtime: Runtime) -> Result:
    yield runtime.now() > SANE_CLOCK, f"{runtime.now():%Y-%m-%d %H:%M:%S} UTC"


def _certificate(runtime: Runtime) -> Result:
    settings = runtime.settings
    paths = [Path(settings.tls.certificate)] if settings.tls.certificate else []
    paths += sorted((settings.data / "tls").glob("*.pem"))
    for path in paths:
        content = path.read_bytes()
        if b"BEGIN CERTIFICATE" not in content:
            continue
        left = x509.load_pem_x509_certificate(content).not_valid_after_utc - runtime.now()
        yield left.days >= CERTIFICATE_DAYS, f"{path.name}: valid for {left.days} more days"


def _since(mark: datetime | None, now: datetime) -> str:
    """How old the oldest mark is; an import holds its own for itself by dating them ahead."""
    if mark is None:
        return ""
    if mark > now:
        return f", held for an import for {_minutes(mark - now)}"
    return f", oldest {_minutes(now - mark)}"


def _minutes(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"


_CHECKS: dict[str, Callable[[Runtime], Result]] = {
    "stores": _stores,
    "disk": _disk,
    "detached parts": _detached,
    "worker": _worker,
    "rollups": _rollups,
    "agents": _agents,
    "database": _versions,
    "clock": _clock,
    "certificate": _certificate,
}
