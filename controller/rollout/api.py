"""Routes of roll-outs: /api/v1/rollouts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import Scope
from controller.inventory.api import PageNumber, PageSize
from controller.inventory.model import Page
from controller.rollout import bundles, rollouts
from controller.rollout.bundles import BundleView
from controller.rollout.rollouts import RolloutDetail, RolloutView
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/rollouts", tags=["rollouts"])

Reader = Annotated[Principal, Depends(may("readiness.read"))]
Manager = Annotated[Principal, Depends(may("readiness.manage"))]


class NewRollout(BaseModel):
    """A bundle for a readiness project's hosts."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"bundle": "yunxun-agent-0.1.0+0dec36f3-x86_64", "project": 3}]
        },
    )

    bundle: str = Field(max_length=200)
    project: int = Field(ge=1, description="Its hosts, login and approval are used.")
    hosts: list[str] = Field([], max_length=2000, description="Only these. None: all.")
    wait_s: int = Field(180, description="Without a heartbeat in this time a host goes back.")


class Bundles(BaseModel):
    """What can be rolled out, newest first."""

    items: list[BundleView]
    signer: str = Field(description="Fingerprint of the key that is trusted; empty: none yet.")


@router.get("/bundles", summary="Agents that lie ready, with their signature checked")
def get_bundles(runtime: RuntimeDep, by: Manager) -> Bundles:
    del by
    settings = runtime.settings
    return Bundles(items=bundles.list_bundles(settings), signer=bundles.signer(settings))


@router.get("", summary="Roll-outs, the newest first")
def get_rollouts(
    runtime: RuntimeDep, scope: ScopeDep, reader: Reader, page: PageNumber = 1, size: PageSize = 50
) -> Page[RolloutView]:
    with runtime.database.read() as session:
        items, total = rollouts.list_runs(session, scope, reader.at, page=page, size=size)
    return Page(items=items, total=total, page=page, size=size)


@router.post("", status_code=202, summary="Roll an agent out")
def post_rollout(
    wanted: NewRollout, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> RolloutDetail:
    """A canary first, then waves; a host without a heartbeat goes back by itself."""
    return begin(runtime, scope, by, wanted)


@router.get("/{run_id}", summary="A roll-out with each host")
def get_rollout(run_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> RolloutDetail:
    with runtime.database.read() as session:
        run = rollouts.find(session, scope, run_id)
        return rollouts.board_of(session, run, reader.at)


def begin(runtime: Runtime, scope: Scope, by: Principal, wanted: NewRollout) -> RolloutDetail:
    """Queues a roll-out. Raises NotFound, Problem 409, 422."""
    bundle, manifest = bundles.find(runtime.settings, wanted.bundle)
    with runtime.database.write() as session:
        run = rollouts.start(
            session, scope, wanted.project, bundle, manifest, bundles.trusted(runtime.settings),
            only=wanted.hosts, wait_s=wanted.wait_s, by=by.name, now=by.at,
        )  # fmt: skip
        told = {"bundle": wanted.bundle, "hosts": wanted.hosts}
        audit.record(session, by, "rollout.run", f"run {run.id}", detail=told)
        return rollouts.board_of(session, run, by.at)
