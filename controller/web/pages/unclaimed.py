"""待认领与共享: what nobody has claimed, claims and their decision, and what units share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.inventory import claims_api
from controller.inventory.claims import ClaimView, list_claims
from controller.inventory.claims_api import ClaimIn, DecisionIn, SharedView, shared_views
from controller.inventory.model import UnitView
from controller.inventory.unclaimed import UnclaimedView, list_unclaimed
from controller.inventory.units import list_units
from controller.problems import Problem
from controller.web import figures, register_words, render
from controller.web.pages.register_parts import (
    Cell,
    Claimant,
    Head,
    Listing,
    RegisterView,
    RegisterWriter,
    listing,
    tabs,
    text_filter,
)
from controller.web.shell import Area, Crumb, Flash

router = APIRouter()

PATH = "/registers/unclaimed"


@dataclass(frozen=True)
class ShownClaim:
    """A claim and how its state is said."""

    claim: ClaimView
    state: Cell


@dataclass(frozen=True)
class UnclaimedPage(render.Context):
    """The unclaimed, the claims that the reader may see, and shared resources."""

    template: ClassVar[str] = "register_unclaimed.html"

    tabs: tuple[Area, ...]
    listing: Listing
    claimable: list[tuple[str, str]]
    """(code, name) of what can be claimed."""
    text: str
    claims: list[ShownClaim]
    units: list[UnitView]
    shared: list[SharedView]
    bound: bool
    """The reader belongs to a unit and sees what may be its own."""
    may_claim: bool
    may_decide: bool
    withdrawable: set[int]
    """Claims that the reader may take back."""


@router.get(PATH)
def unclaimed_page(view: RegisterView) -> Response:
    _, text = view.text, text_filter(view)
    with view.runtime.database.read() as session:
        found = list_unclaimed(
            session, view.scope, view.now, text=text,
            further=view.request.app.state.further_candidates,
        )  # fmt: skip
        claims = list_claims(session, view.scope, view.now)[:50]
        shared = shared_views(session, view.scope, view.now)
        units = [
            unit for unit in list_units(session, view.scope, view.now) if unit.kind != "unclaimed"
        ]

    def may_be(row: UnclaimedView) -> Cell:
        if view.language == "en":
            return Cell(
                "; ".join(f"{each.unit_name} ({each.why_en})" for each in row.candidates[:3])
            )
        return Cell("；".join(f"{each.unit_name}（{each.why_zh}）" for each in row.candidates[:3]))

    columns = (
        (Head("name", _("资源")), lambda r: r.name, lambda r: Cell(r.name, title=r.code)),
        (Head("code", _("编码")), lambda r: r.code,
         lambda r: Cell(r.code, "" if view.bound else f"/resources/{r.code}")),
        (Head("ip", _("IP 地址")), lambda r: r.ip or None, lambda r: Cell(r.ip)),
        (Head("vcpu", "vCPU", numeric=True), lambda r: r.vcpu,
         lambda r: Cell("" if r.vcpu is None else f"{r.vcpu:g}")),
        (Head("since", _("无主起始")), lambda r: r.since,
         lambda r: Cell(figures.day(r.since, view.zone))),
        (Head("last", _("最近使用单位")), lambda r: r.last_unit_name or None,
         lambda r: Cell(r.last_unit_name)),
        (Head("", _("可能的单位")), lambda r: len(r.candidates), may_be),
        (Head("claims", _("待审认领"), numeric=True), lambda r: r.claims,
         lambda r: Cell(str(r.claims) if r.claims else "")),
    )  # fmt: skip
    shown = listing(view, PATH, found, columns, {"text": text}, "since")
    if isinstance(shown, Response):
        return shown
    context = UnclaimedPage(
        tabs=tabs(view), listing=shown, text=text,
        claimable=[(row.code, row.name) for row in found],
        claims=[
            ShownClaim(claim, register_words.claim_state(claim.state, _)) for claim in claims
        ],
        units=units, shared=shared, bound=view.bound, may_claim=view.may("claims.make"),
        may_decide=view.may("inventory.write"),
        withdrawable={
            claim.id for claim in claims if claim.state == "open" and view.may("claims.make")
        },
    )  # fmt: skip
    crumbs = [Crumb(_("登记台账"), "/registers/units"), Crumb(_("待认领与共享"))]
    return view.page(context, active="registers", crumbs=crumbs)


@router.post("/registers/claims")
def make_claim(
    view: Claimant,
    resource: Annotated[str, Form(max_length=128)],
    unit: Annotated[str, Form(max_length=200)],
    since: Annotated[str, Form(max_length=10)] = "",
    system: Annotated[str, Form(max_length=200)] = "",
    reason: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    _ = view.text
    try:
        wanted = ClaimIn(
            resource=resource, unit=unit, system=system, reason=reason,
            since=datetime.fromisoformat(since) if since else None,
        )  # fmt: skip
        claims_api.claim(view.runtime, view.scope, view.principal, wanted)
    except (ValueError, Problem) as error:
        return render.go(PATH, Flash("bad", _("未提交：{why}", why=view.why(error))))
    return render.go(PATH, Flash("good", _("认领已提交，等待运维审批。")))


@router.post("/registers/claims/{claim_id}/withdraw")
def withdraw(claim_id: int, view: Claimant) -> RedirectResponse:
    _ = view.text
    try:
        claims_api.post_withdrawal(claim_id, view.runtime, view.scope, view.principal)
    except Problem as error:
        return render.go(PATH, Flash("bad", _("未撤回：{why}", why=view.why(error))))
    return render.go(PATH, Flash("good", _("已撤回，资源仍待认领。")))


@router.post("/registers/claims/{claim_id}/{verb}")
def decide(
    claim_id: int, verb: Literal["approve", "refuse"], view: RegisterWriter
) -> RedirectResponse:
    _ = view.text
    decision = DecisionIn(approve=verb == "approve")
    try:
        claims_api.decide(view.runtime, view.principal, claim_id, decision)
    except Problem as error:
        return render.go(PATH, Flash("bad", _("未办理：{why}", why=view.why(error))))
    said = _("已批准，资源自所报日期起归该单位。") if decision.approve else _("已驳回。")
    return render.go(PATH, Flash("good", said))
