"""Routes of cut-overs: /api/v1/cutovers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.cutover import cutovers
from controller.cutover.model import CutoverDetail, CutoverView
from controller.inventory.api import PageNumber, PageSize
from controller.inventory.model import Page
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/cutovers", tags=["cutovers"])

Reader = Annotated[Principal, Depends(may("readiness.read"))]
Manager = Annotated[Principal, Depends(may("readiness.manage"))]


class NewCutover(BaseModel):
    """An approved plan, whole, one wave or some hosts of it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"plan": 7, "project": 3, "wave": 1}]}
    )

    plan: int = Field(ge=1, description="Number of the plan (/api/v1/moves/plans).")
    project: int = Field(ge=1, description="Readiness project whose login is used.")
    wave: int | None = Field(None, ge=1)
    hosts: list[str] = Field(
        [],
        max_length=500,
        description="Only these, also if they are over. None: all that are not over yet.",
    )
    deadline_s: int = Field(300, description="A host not confirmed by then goes back by itself.")
    verify_s: int = Field(
        cutovers.VERIFY_S, description="Every check must succeed within this; under half of it."
    )


@router.get("", summary="Cut-overs, the newest first")
def get_cutovers(
    runtime: RuntimeDep, scope: ScopeDep, reader: Reader, page: PageNumber = 1, size: PageSize = 50
) -> Page[CutoverView]:
    with runtime.database.read() as session:
        items, total = cutovers.list_runs(session, scope, reader.at, page=page, size=size)
    return Page(items=items, total=total, page=page, size=size)


@router.post("", status_code=202, summary="Carry an approved plan out")
def post_cutover(
    wanted: NewCutover, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> CutoverDetail:
    """Each host arms its own timer first and goes back unless it is confirmed on its new address.
    Only within the plan's window."""
    return begin(runtime, scope, by, wanted)


@router.get("/{run_id}", summary="A cut-over with each host's stage and timer")
def get_cutover(run_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> CutoverDetail:
    with runtime.database.read() as session:
        return cutovers.board(session, scope, run_id, reader.at)


@router.post("/{run_id}/rollback", status_code=202, summary="Take a cut-over back")
def post_rollback(run_id: int, runtime: RuntimeDep, scope: ScopeDep, by: Manager) -> CutoverDetail:
    """What is on trial at once; what is confirmed by a cut-over in reverse, with its own timer."""
    return go_back(runtime, scope, by, run_id)


def begin(runtime: Runtime, scope: Scope, by: Principal, wanted: NewCutover) -> CutoverDetail:
    """Queues a cut-over. Raises NotFound, Problem 404, 409, 422."""
    with runtime.database.write() as session:
        run = cutovers.start(
            session, scope, wanted.plan, wanted.project, wave=wanted.wave, only=wanted.hosts,
            deadline_s=wanted.deadline_s, verify_s=wanted.verify_s, by=by.name, now=by.at,
        )  # fmt: skip
        told = {"plan": wanted.plan, "wave": wanted.wave, "hosts": wanted.hosts}
        audit.record(session, by, "cutover.run", f"run {run.id}", detail=told)
        return cutovers.board_of(session, run, by.at)


def go_back(runtime: Runtime, scope: Scope, by: Principal, run_id: int) -> CutoverDetail:
    """Queues the way back. Raises NotFound, Problem 409."""
    with runtime.database.write() as session:
        run = cutovers.take_back(session, scope, run_id, by.name, by.at)
        audit.record(session, by, "cutover.rollback", f"run {run.id}", detail={"of": run_id})
        return cutovers.board_of(session, run, by.at)
