"""The worker's part: finds runs that died, starts those that wait, takes back what is over."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from controller import folder
from controller.readiness import private, runs, waivers
from controller.readiness.tables import (
    ReadinessJudgement,
    ReadinessProject,
    ReadinessRun,
    ReadinessRunHost,
)
from controller.runtime import Runtime

MOST_RUNS = 500
"""Of a project; older ones leave the database altogether."""
CLAIM_SECONDS = 30.0

log = logging.getLogger("yunxun.readiness")


def tick(runtime: Runtime, after: runs.After | None = None) -> None:
    """Once a second while this worker leads."""
    now = runtime.now()
    with runtime.database.read() as session:
        idle = session.scalars(
            select(col(ReadinessRun.id)).where(col(ReadinessRun.state).in_(runs.UNDER_WAY)).limit(1)
        ).first()
    if idle is None:
        return
    with runtime.database.write() as session:
        dead = runs.recover(session, now, after)
        wanted = runs.next_queued(session, runtime.settings.readiness.parallel_runs)
    for each in dead:
        private.remove(Path(each))
    for run_id in wanted:
        start(runtime, run_id)


def start(runtime: Runtime, run_id: int) -> subprocess.Popen[bytes]:
    """A process for the run. It gets SIGTERM when this thread's process dies, kill -9 included.

    Returns once the run is claimed or the process has ended, so that the next look does not start
    it twice.
    """
    path = runtime.settings.data / "run" / "settings.toml"
    if not path.exists():
        folder.prepare(runtime.settings.data)
        path = folder.write_settings(runtime.settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "controller.run_process",
         "--config", str(path), "--run", str(run_id), "--parent", str(os.getpid())],
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("YUNXUN_")},
        # Out of reach of what is meant for the worker; it goes when the worker goes.
        process_group=0,
    )  # fmt: skip
    threading.Thread(target=process.wait, name=f"run {run_id}", daemon=True).start()
    log.info("run started", extra={"run": run_id, "pid": process.pid})
    deadline = time.monotonic() + CLAIM_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with runtime.database.read() as session:
            if session.get_one(ReadinessRun, run_id).state != "queued":
                break
        time.sleep(0.05)
    if process.poll() not in (None, 0):
        _could_not_start(runtime, run_id, process.returncode)
    return process


def _could_not_start(runtime: Runtime, run_id: int, code: int) -> None:
    """A run whose process cannot even claim it must not be tried for ever."""
    with runtime.database.write() as session:
        run = session.get_one(ReadinessRun, run_id)
        if run.state == "queued":
            run.started = None
            runs.finish(
                session, run, "failed", runtime.now(),
                error=f"执行进程未能启动，退出码 {code}；见服务日志 (could not start, see the log)",
            )  # fmt: skip


def upkeep(runtime: Runtime) -> None:
    """Waivers that are over, results of old runs, and folders that nobody owns any more."""
    with runtime.database.write() as session:
        waivers.expire(session, runtime.now())
        _thin_out(session, runtime.settings.readiness.keep_runs)
    _sweep(runtime)


def _thin_out(session: Session, keep: int) -> None:
    for project_id in session.scalars(select(col(ReadinessProject.id))).all():
        ids = session.scalars(
            select(col(ReadinessRun.id))
            .where(
                col(ReadinessRun.project_id) == project_id,
                col(ReadinessRun.state).not_in(runs.UNDER_WAY),
            )
            .order_by(col(ReadinessRun.id).desc())
        ).all()
        if old := ids[keep:]:
            session.execute(
                delete(ReadinessJudgement).where(
                    col(ReadinessJudgement.run_id).in_(old),
                    col(ReadinessJudgement.latest).is_(False),
                )
            )
        if gone := ids[MOST_RUNS:]:
            held = select(col(ReadinessJudgement.run_id))
            free = [
                each
                for each in gone
                if session.scalar(held.where(col(ReadinessJudgement.run_id) == each)) is None
            ]
            session.execute(
                update(ReadinessRun)
                .where(col(ReadinessRun.inspects).in_(free))
                .values(inspects=None)
            )
            session.execute(delete(ReadinessRunHost).where(col(ReadinessRunHost.run_id).in_(free)))
            session.execute(delete(ReadinessRun).where(col(ReadinessRun.id).in_(free)))


def _sweep(runtime: Runtime) -> None:
    """Private folders of this user that no run of ours names and that are a day old."""
    with runtime.database.read() as session:
        owned = set(
            session.scalars(
                select(col(ReadinessRun.folder)).where(col(ReadinessRun.state) == "running")
            )
        )
    given = runtime.settings.readiness.private_folder
    place = Path(given) if given else private.MEMORY
    for path in place.glob(f"{private.PREFIX}*"):
        try:
            found = path.stat()
        except OSError:
            continue
        if (
            str(path) not in owned
            and found.st_uid == os.getuid()
            and time.time() - found.st_mtime > 86_400
        ):
            private.remove(path)
