"""A move with plans beside the readiness project of the desk."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from controller.access.scope import CITY
from controller.cutover import cutovers
from controller.moves import plans, projects
from controller.moves.model import NetworkIn, ProjectIn
from controller.moves.networks import put_network
from controller.moves.plan_hosts import PLAYBOOK_FIELDS
from controller.moves.plan_make import digest_of
from controller.moves.tables import MovePlan
from controller.readiness.tables import ReadinessRun
from tests.unit.controller.readiness.conftest import NOW, Desk, desk

__all__ = ["desk"]
END = NOW + timedelta(hours=4)


def furnish_move(session: Session) -> None:
    given = NetworkIn(code="net", name="视频专网", unit="A", disposition="migrate", hosts=2)
    put_network(session, CITY, given, "ops", NOW)
    projects.begin_project(session, CITY, ProjectIn(code="mv", network="net"), "ops", NOW)


def host_plan(name: str, number: int, **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(PLAYBOOK_FIELDS, "")
    return {
        **empty, "code": name, "unit": "A", "wave": 1, "interface": "eth0",
        "old_address": f"10.0.0.{number}/24", "address": f"10.66.1.{number}/24",
        "gateway": "10.66.1.254", **more,
    }  # fmt: skip


def approve(session: Session, number: int, hosts: Iterable[dict[str, Any]]) -> MovePlan:
    """A plan of the move, approved by somebody else than who made it; its window is open."""
    made = list(hosts)
    waves = [{"number": wave} for wave in sorted({it["wave"] for it in made})]
    plan = MovePlan(
        id=number, project_id=1, unit_id=1, file_name="地址方案.xlsx", sha256="0" * 64,
        digest=digest_of(made), state="submitted", at=NOW, by="li", hosts=made, faults=[], acl=[],
        waves=waves, window_from=NOW, window_until=END,
    )  # fmt: skip
    session.add(plan)
    session.flush()
    return plans.decide(session, CITY, number, True, "", "wang", NOW)


def start(session: Session, desk: Desk, plan: int = 7, **more: Any) -> ReadinessRun:
    given: dict[str, Any] = {"wave": None, "only": [], "deadline_s": 300, "by": "wang", "now": NOW}
    return cutovers.start(session, CITY, plan, **({"project_id": desk.project_id} | given | more))
