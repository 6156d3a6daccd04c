"""割接 in the invented prefecture: one wave over, one on trial, told as hosts would have told it.

No host is touched: the runs are written as the controller keeps them, and every name says so.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from controller.access.scope import CITY
from controller.inventory.tables import Unit
from controller.local import open_database
from controller.readiness import projects
from controller.readiness.kinds import CUTOVER_STAGES
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import ReadinessRun, ReadinessRunHost

PROJECT = "【演示】视频专网迁网"
UNIT = "demo-jtj"
STAGES = ("check", "backup", "arm", "apply", "reach", "verify", "confirm", "persist", "settle")
ENDS: tuple[tuple[str, str, str, int, str], ...] = (
    # host, what it said, state in the run, stages that went well, why it did not go on
    ("演示-视频-网关01", "confirmed", "ok", 9, ""),
    ("演示-视频-存储01", "confirmed", "ok", 9, ""),
    ("演示-视频-转码01", "rolled_back", "failed", 5, "edge tcp 10.80.2.5 5432: does not open"),
    ("演示-视频-转码02", "rolled_back", "failed", 4, "not reached on 10.80.13.24 in 60 s"),
    ("演示-视频-点播01", "untouched", "failed", 0, "10.80.13.25 answers already: it is taken"),
)  # fmt: skip


def furnish(folder: Path, end: datetime) -> str:
    """One line about what was furnished. ``folder``: the controller's data."""
    with open_database(folder) as runtime, runtime.database.write() as session:
        known = session.scalar(select(func.count()).select_from(Unit).where(col(Unit.code) == UNIT))
        if not known:
            return "割接 · cut-overs: 无 (no unit of the demo)"
        wanted = Wanted(name=PROJECT, kind="network", units=[UNIT], connection={"user": "root"})
        project = projects.create(session, CITY, wanted, "demo", end)
        hosts = [
            WantedHost(name=name, address=f"172.20.8.{number}")
            for number, (name, *_) in enumerate(ENDS, 21)
        ]
        projects.set_hosts(session, CITY, project, hosts, end)
        _write(session, project.id or 0, end - timedelta(days=2))
    return f"割接 · cut-overs: 主机 {len(ENDS)}，已割接 2，已回退 2"


def _write(session: Session, project: int, at: datetime) -> None:
    plans: dict[str, Any] = {
        name: {
            "interface": "eth0",
            "old_address": f"172.20.8.{number}/22",
            "address": f"10.80.13.{number}/24",
            "gateway": "10.80.13.1",
        }
        for number, (name, *_) in enumerate(ENDS, 21)
    }
    run = ReadinessRun(
        project_id=project, kind="cutover", state="failed", by="demo", queued=at, started=at,
        finished=at + timedelta(minutes=6), stage=9, stages=list(CUTOVER_STAGES), seq=40,
        areas=["network"], error="3 台主机未成功 (3 hosts did not succeed)",
        variables={"cutover_hosts": plans, "cutover_id": "demo-wave-1", "cutover_plan": 0},
    )  # fmt: skip
    session.add(run)
    session.flush()
    for name, found, state, good, why in ENDS:
        host = projects.find_host(session, project, name)
        session.add(
            ReadinessRunHost(
                run_id=run.id or 0, host_id=host.id or 0, state=state, stage=9, found=found,
                message=why, seq=40, began=at, ended=at + timedelta(minutes=5),
                markers=_markers(good, found, why, at),
            )
        )  # fmt: skip
    session.flush()


def _markers(good: int, found: str, why: str, at: datetime) -> list[dict[str, str]]:
    told = [
        {"stage": stage, "ok": "yes", "text": "", "at": _at(at, number)}
        for number, stage in enumerate(STAGES[:good])
    ]
    if good < len(STAGES):
        told.append({"stage": STAGES[good], "ok": "no", "text": why, "at": _at(at, good)})
        told.append({"stage": "settle", "ok": "yes", "text": "", "state": found, "at": _at(at, 9)})
    return told


def _at(begin: datetime, minutes: int) -> str:
    return (begin + timedelta(seconds=30 * minutes)).isoformat(timespec="seconds")
