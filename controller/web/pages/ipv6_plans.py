"""IPv6: plans that switch it on, and before against after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import Response

from controller.access import audit
from controller.ipv6 import hosts, plans
from controller.ipv6.api import index_of
from controller.ipv6.plans import MOST_HOSTS, PlanHost, PlanIn, PlanView
from controller.ipv6.readiness import list_hosts
from controller.ipv6.views import title
from controller.problems import Problem
from controller.web import ipv6_words, render
from controller.web.pages.ipv6 import Ipv6View, Ipv6Writer
from controller.web.shell import Area, Crumb, Flash

router = APIRouter()


@dataclass(frozen=True)
class Ipv6PlansPage(render.Context):
    """The plans, the newest first."""

    template: ClassVar[str] = "ipv6_plans.html"

    tabs: tuple[Area, ...]
    plans: list[PlanView]
    may_write: bool


@dataclass(frozen=True)
class Ipv6PlanPage(render.Context):
    """One plan; ``rows``: (host, what failed before, what fails now), in words."""

    template: ClassVar[str] = "ipv6_plan.html"

    plan: PlanView
    rows: list[tuple[PlanHost, str, str]]
    may_write: bool


@router.get("/ipv6/plans")
def plans_page(view: Ipv6View) -> Response:
    index = index_of(view.runtime)
    with view.runtime.database.read() as session:
        found = plans.list_plans(session, view.scope, index, view.now)
    context = Ipv6PlansPage(ipv6_words.tabs(view), found, view.may("ipv6.write"))
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(view.text("启用方案"))]
    return view.page(context, active="ipv6", crumbs=crumbs)


@router.post("/ipv6/plans")
def make_plan(
    view: Ipv6Writer,
    name: Annotated[str, Form(max_length=200)],
    prefix: Annotated[str, Form(max_length=64)] = "",
    gateway: Annotated[str, Form(max_length=64)] = "",
    unit: Annotated[str, Form(max_length=200)] = "",
    state: Annotated[str, Form(max_length=20)] = "",
    text: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """Of the hosts that the list shows with this filter."""
    _, index = view.text, index_of(view.runtime)
    back = render.link("/ipv6/hosts", {"unit": unit, "state": state, "text": text})
    try:
        with view.runtime.database.write() as session:
            chosen = hosts.read_hosts(
                session, view.scope, index, view.now, unit=unit, text=text,
                state=state if state in hosts.STATES else "all",
            )  # fmt: skip
            if not 0 < len(chosen) <= MOST_HOSTS:
                raise Problem(
                    422, "bad plan",
                    _("一个方案包含 1 至 {most} 台主机，当前 {n} 台", most=MOST_HOSTS,
                      n=len(chosen)),
                )  # fmt: skip
            if not name.strip():
                raise Problem(422, "bad plan", _("请填写方案名称"))
            asked = PlanIn(
                name=name.strip(), resources=[each.code for each in chosen],
                prefix=prefix.strip(), gateway=gateway.strip(),
            )  # fmt: skip
            plan = plans.make_plan(session, view.scope, asked, index, view.principal.name, view.now)
            told = {"hosts": len(plan.hosts), "name": plan.name}
            audit.record(session, view.principal, "ipv6.plan", f"plan {plan.id}", "ok", told)
            number = plan.id
    except Problem as problem:
        return render.go(back, Flash("bad", f"{_('未制定：')}{problem.detail}"))
    return render.go(f"/ipv6/plans/{number}", Flash("good", _("方案已制定。")))


@router.get("/ipv6/plans/{plan_id}")
def plan_page(plan_id: int, view: Ipv6View) -> Response:
    _, index = view.text, index_of(view.runtime)
    with view.runtime.database.read() as session:
        plan = plans.read_plan(session, view.scope, plan_id)
        told = plans.compare(plan, list_hosts(session, view.scope, index, view.now), index)
    titles = {each.code: title(each, view.language) for each in index.hosts}

    def words(codes: list[str]) -> str:
        return "、".join(titles.get(code, code) for code in codes) or "–"

    context = Ipv6PlanPage(
        plan=told,
        rows=[(host, words(host.lost_before), words(host.lost_after)) for host in told.hosts],
        may_write=view.may("ipv6.write"),
    )
    crumbs = [Crumb("IPv6", "/ipv6"), Crumb(_("启用方案"), "/ipv6/plans"), Crumb(told.name)]
    return view.page(context, active="ipv6", crumbs=crumbs)


@router.get("/ipv6/plans/{plan_id}/inventory.yml")
def plan_inventory(plan_id: int, view: Ipv6View) -> Response:
    with view.runtime.database.read() as session:
        text = plans.inventory(plans.read_plan(session, view.scope, plan_id))
    head = {"Content-Disposition": f'attachment; filename="enable-ipv6-{plan_id}.yml"'}
    return Response(text, media_type="text/yaml; charset=utf-8", headers=head)


@router.post("/ipv6/plans/{plan_id}/delete")
def delete_plan(plan_id: int, view: Ipv6Writer) -> Response:
    with view.runtime.database.write() as session:
        session.delete(plans.read_plan(session, view.scope, plan_id))
        audit.record(session, view.principal, "ipv6.plan.delete", f"plan {plan_id}")
    return render.go("/ipv6/plans", Flash("good", view.text("方案已删除。")))
