"""Routes of plans that switch IPv6 on: /api/v1/ipv6/plans…"""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep
from controller.ipv6 import plans
from controller.ipv6.api import Reader, Writer, index_of
from controller.ipv6.plans import PlanIn, PlanView
from controller.ipv6.readiness import list_hosts

router = APIRouter(prefix="/api/v1/ipv6", tags=["ipv6"])


@router.get("/plans", summary="Plans with before against after")
def get_plans(runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> list[PlanView]:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        return plans.list_plans(session, scope, index, runtime.now())


@router.post("/plans", status_code=201, summary="Plan to switch IPv6 on at these hosts")
def post_plan(body: PlanIn, runtime: RuntimeDep, scope: ScopeDep, writer: Writer) -> PlanView:
    index, now = index_of(runtime), runtime.now()
    with runtime.database.write() as session:
        plan = plans.make_plan(session, scope, body, index, writer.name, now)
        told = {"hosts": len(plan.hosts), "name": plan.name}
        audit.record(session, writer, "ipv6.plan", f"plan {plan.id}", "ok", told)
        return plans.compare(plan, list_hosts(session, scope, index, now), index)


@router.get("/plans/{plan_id}", summary="One plan")
def get_plan(plan_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> PlanView:
    del reader
    index = index_of(runtime)
    with runtime.database.read() as session:
        plan = plans.read_plan(session, scope, plan_id)
        return plans.compare(plan, list_hosts(session, scope, index, runtime.now()), index)


@router.get(
    "/plans/{plan_id}/inventory",
    summary="The inventory for playbooks/enable_ipv6.yml",
    response_class=PlainTextResponse,
)
def get_inventory(plan_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> Response:
    del reader
    with runtime.database.read() as session:
        text = plans.inventory(plans.read_plan(session, scope, plan_id))
    head = {"Content-Disposition": f'attachment; filename="enable-ipv6-{plan_id}.yml"'}
    return Response(text, media_type="text/yaml; charset=utf-8", headers=head)


@router.delete("/plans/{plan_id}", summary="Forget a plan")
def delete_plan(plan_id: int, runtime: RuntimeDep, scope: ScopeDep, writer: Writer) -> Response:
    with runtime.database.write() as session:
        session.delete(plans.read_plan(session, scope, plan_id))
        audit.record(session, writer, "ipv6.plan.delete", f"plan {plan_id}")
    return Response(status_code=204)
