"""Cut-overs of two units for the contract tests, and each write once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
from sqlmodel import Session

from controller.moves.plan_hosts import PLAYBOOK_FIELDS
from controller.moves.tables import MovePlan
from controller.readiness import projects
from controller.readiness.tables import ReadinessHost, ReadinessRun, ReadinessRunHost

CUTOVERS = {"A": 911, "B": 912}
PLAN = 911

CUTOVER_WRITES: dict[tuple[str, str], tuple[str, Callable[[httpx.Client], httpx.Response]]] = {
    ("POST", "/api/v1/cutovers"): (
        "engineer",
        lambda c: c.post("/api/v1/cutovers", json={"plan": PLAN, "project": 1}),
    ),
    ("POST", "/api/v1/cutovers/{run_id}/rollback"): (
        "engineer",
        lambda c: c.post(f"/api/v1/cutovers/{CUTOVERS['A']}/rollback"),
    ),
}


def furnish_cutovers(session: Session, now: datetime) -> None:
    """A cut-over of each unit's readiness host, over, and an approved plan of A."""
    for number, code in ((1, "A"), (2, "B")):
        plan = {"old_address": "10.9.9.9/24", "address": f"10.66.{number}.9/24"}
        session.add(
            ReadinessRun(
                id=CUTOVERS[code], project_id=number, kind="cutover", state="done", by="wang",
                queued=now, started=now, finished=now, stages=["检查"],
                variables={"cutover_hosts": {f"ready-{code}": plan}, "cutover_id": f"w-{code}"},
            )
        )  # fmt: skip
        session.flush()
        host = projects.find_host(session, number, f"ready-{code}")
        session.add(
            ReadinessRunHost(
                run_id=CUTOVERS[code], host_id=host.id or 0, state="ok", found="confirmed"
            )
        )
    # One that no other write is at.
    session.add(ReadinessHost(project_id=1, name="plan-A", address="10.9.9.10"))
    made = dict.fromkeys(PLAYBOOK_FIELDS, "") | {
        "code": "plan-A", "interface": "eth0", "old_address": "10.9.9.10/24",
        "address": "10.66.1.9/24", "wave": 1,
    }  # fmt: skip
    session.add(
        MovePlan(
            id=PLAN, project_id=1, unit_id=1, file_name="plan-A.xlsx", sha256="0" * 64,
            digest="0" * 64, state="approved", at=now, hosts=[made], faults=[], acl=[],
            waves=[{"number": 1}], window_from=now, window_until=now + timedelta(days=1),
        )
    )  # fmt: skip
    session.flush()
