"""Routes of what nobody has claimed, of claims, and of shared resources."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.requests import Request

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.access.scope import CITY, Scope
from controller.inventory import claims, shares, unclaimed, units
from controller.inventory.api import At, PageNumber, PageSize, Writer, in_shanghai, page_of
from controller.inventory.claims import ClaimView
from controller.inventory.corrections import correct_many
from controller.inventory.model import Page
from controller.inventory.resources import unit_names
from controller.inventory.settle import settle
from controller.inventory.unclaimed import UnclaimedView
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1", tags=["registers"])

Reader = Annotated[Principal, Depends(may("registers.read"))]
Claimant = Annotated[Principal, Depends(may("claims.make"))]


class ReleaseIn(BaseModel):
    """Resources that turn out to be nobody's."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"resources": ["vm-0099"], "since": "2026-09-01"}]},
    )

    resources: list[str] = Field(min_length=1, max_length=10_000, description="Codes.")
    since: datetime | None = Field(None, description="From when; default: now.")


class Released(BaseModel):
    """What is unclaimed now."""

    resources: int = Field(examples=[1])
    days_marked: int
    days_pending: int


class ClaimIn(BaseModel):
    """A unit says that it holds an unclaimed resource."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"resource": "vm-0099", "unit": "330100-JTJ", "system": "智慧交通",
                          "since": "2026-09-01", "reason": "测试环境，交接时漏登记"}]
        },
    )  # fmt: skip

    resource: str = Field(max_length=128)
    unit: str = Field(max_length=200, description="Code or name of the claiming unit.")
    system: str = Field("", max_length=200)
    since: datetime | None = Field(None, description="Default: since nobody is known to hold it.")
    reason: str = Field("", max_length=500)


class DecisionIn(BaseModel):
    """What becomes of a claim."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"approve": True, "note": ""}]}
    )

    approve: bool
    note: str = Field("", max_length=500)


class Decided(BaseModel):
    """The claim as it was decided."""

    claim: ClaimView
    days_marked: int
    days_pending: int


class PartView(BaseModel):
    """A unit's share of a resource, percent."""

    unit_code: str
    unit_name: str = ""
    share_pct: float


class SharedView(BaseModel):
    """A resource that serves several units."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "vm-0007", "name": "统一身份认证", "holder_code": "330100-DSJ",
                 "holder_name": "市大数据中心", "mode": "apportioned",
                 "parts": [{"unit_code": "330100-JTJ", "unit_name": "市交通运输局",
                            "share_pct": 40.0}],
                 "since": "2026-01-01T00:00:00+08:00", "until": None, "note": ""}
            ]
        }
    )  # fmt: skip

    code: str
    name: str
    holder_code: str = Field(description="Empty where the holder is outside the caller's scope.")
    holder_name: str
    mode: str
    parts: list[PartView]
    since: datetime
    until: datetime | None
    note: str


class ShareIn(BaseModel):
    """How a resource is shared during [since, until)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"mode": "apportioned", "since": "2026-01-01",
                 "parts": {"330100-JTJ": 40, "330100-WJW": 60}}
            ]
        },
    )  # fmt: skip

    mode: Literal["apportioned", "public", "none"]
    since: datetime
    until: datetime | None = None
    parts: dict[str, float] = Field({}, description="Unit -> percent; together 100.")
    note: str = Field("", max_length=500)


@router.get("/unclaimed", summary="Resources that nobody is known to hold")
def get_unclaimed(
    request: Request,
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    text: str = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[UnclaimedView]:
    """With who held each last and who may. A unit sees what may be its own, and what it names."""
    with runtime.database.read() as session:
        found = unclaimed.list_unclaimed(
            session,
            scope,
            runtime.now(),
            text=text,
            further=getattr(request.app.state, "further_candidates", ()),
        )
    return page_of(found, page, size)


@router.post("/unclaimed", summary="Put resources on the list of the unclaimed")
def post_unclaimed(wanted: ReleaseIn, runtime: RuntimeDep, writer: Writer) -> Released:
    """From the moment given on nobody holds them; what was before stays."""
    now = runtime.now()
    with runtime.database.write() as session:
        done = correct_many(
            session, wanted.resources, of_unit=None,
            since=in_shanghai(wanted.since) if wanted.since else now, until=None,
            changes={"unit_id": unclaimed.ensure_unclaimed(session, now), "system": ""},
            scope=CITY, now=now,
        )  # fmt: skip
        audit.record(
            session, writer, "resource.unclaim", f"{len(wanted.resources)} resources", "ok",
            wanted.model_dump(mode="json"),
        )  # fmt: skip
    return Released(
        resources=done.resources, days_marked=done.days_marked, days_pending=settle(runtime)
    )


@router.get("/claims", summary="Claims on unclaimed resources")
def get_claims(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    state: Literal["", "open", "approved", "refused", "withdrawn"] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[ClaimView]:
    """Open ones first."""
    with runtime.database.read() as session:
        found = claims.list_claims(session, scope, runtime.now(), state=state)
    return page_of(found, page, size)


@router.post("/claims", summary="Claim a resource")
def post_claim(
    wanted: ClaimIn, runtime: RuntimeDep, scope: ScopeDep, claimant: Claimant
) -> ClaimView:
    """For a unit that the caller may see; ops decides."""
    return claim(runtime, scope, claimant, wanted)


def claim(runtime: Runtime, scope: Scope, claimant: Principal, wanted: ClaimIn) -> ClaimView:
    """Raises NotFound, Problem 409."""
    now = runtime.now()
    with runtime.database.write() as session:
        unit = units.find_unit(session, scope, wanted.unit, now)
        made = claims.make_claim(
            session, scope, wanted.resource, unit.id,
            since=in_shanghai(wanted.since) if wanted.since else None,
            system=wanted.system, reason=wanted.reason, by=claimant.name, now=now,
        )  # fmt: skip
        audit.record(
            session, claimant, "claim.make", wanted.resource, "ok", wanted.model_dump(mode="json")
        )
        return _view(session, scope, made.id or 0, now)


@router.post("/claims/{claim_id}/decision", summary="Approve or refuse a claim")
def post_decision(
    claim_id: int, decision: DecisionIn, runtime: RuntimeDep, writer: Writer
) -> Decided:
    """Approved, the unit holds the resource from the claim's date on; figures follow."""
    return decide(runtime, writer, claim_id, decision)


def decide(runtime: Runtime, writer: Principal, claim_id: int, decision: DecisionIn) -> Decided:
    """Raises NotFound, Problem 409."""
    now = runtime.now()
    with runtime.database.write() as session:
        _, marked = claims.decide(
            session, claim_id, approve=decision.approve, note=decision.note, by=writer.name,
            now=now,
        )  # fmt: skip
        audit.record(
            session, writer, "claim.approve" if decision.approve else "claim.refuse",
            str(claim_id), "ok", decision.model_dump(),
        )  # fmt: skip
        view = _view(session, CITY, claim_id, now)
    return Decided(claim=view, days_marked=marked, days_pending=settle(runtime))


@router.post("/claims/{claim_id}/withdrawal", summary="Withdraw a claim")
def post_withdrawal(
    claim_id: int, runtime: RuntimeDep, scope: ScopeDep, claimant: Claimant
) -> ClaimView:
    now = runtime.now()
    with runtime.database.write() as session:
        claims.withdraw(session, scope, claim_id, claimant.name, now)
        audit.record(session, claimant, "claim.withdraw", str(claim_id))
        return _view(session, scope, claim_id, now)


def _view(session: Session, scope: Scope, claim_id: int, now: datetime) -> ClaimView:
    return next(v for v in claims.list_claims(session, scope, now) if v.id == claim_id)


@router.get("/shares", summary="Shared resources")
def get_shares(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    at: At = None,
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[SharedView]:
    """Apportioned by shares, or public support; of the parts a unit sees its own."""
    moment = in_shanghai(at) if at else runtime.now()
    with runtime.database.read() as session:
        found = shared_views(session, scope, moment)
    return page_of(found, page, size)


def shared_views(session: Session, scope: Scope, at: datetime) -> list[SharedView]:
    """Shared resources with names."""
    found = shares.list_shared(session, scope, at)
    ids = {unit for each in found for unit, _ in each.shared.parts} | {
        each.holder_id for each in found
    }
    names = unit_names(session, ids, at)
    codes = {unit.id: unit.code for unit in units.list_units(session, CITY, at)}

    def seen(unit_id: int) -> bool:
        return scope.allows(unit_id)

    return [
        SharedView(
            code=each.code, name=each.name,
            holder_code=codes.get(each.holder_id, "") if seen(each.holder_id) else "",
            holder_name=names.get(each.holder_id, "") if seen(each.holder_id) else "",
            mode=each.shared.mode,
            parts=[
                PartView(unit_code=codes.get(unit, ""), unit_name=names.get(unit, ""),
                         share_pct=share)
                for unit, share in each.shared.parts
            ],
            since=each.since, until=each.until, note=each.shared.note,
        )
        for each in found
    ]  # fmt: skip


@router.put("/resources/{code}/share", summary="Say how a resource is shared")
def put_share(code: str, wanted: ShareIn, runtime: RuntimeDep, writer: Writer) -> Page[SharedView]:
    """Replaces what was said of that time; none: it is not shared. Answers with its line now."""
    now = runtime.now()
    with runtime.database.write() as session:
        parts = {
            units.find_unit(session, CITY, unit, now).id: share
            for unit, share in wanted.parts.items()
        }
        shares.set_share(
            session, code, since=in_shanghai(wanted.since),
            until=in_shanghai(wanted.until) if wanted.until else None,
            mode="" if wanted.mode == "none" else wanted.mode, parts=parts, note=wanted.note,
        )  # fmt: skip
        audit.record(session, writer, "resource.share", code, "ok", wanted.model_dump(mode="json"))
        found = [view for view in shared_views(session, CITY, now) if view.code == code]
    return page_of(found, 1, 100)
