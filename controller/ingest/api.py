"""Routes of ingest: the agents' door, enrolment, and the register of agents.

``POST /api/v1/ingest/batches`` is answered by DoorMiddleware in front of the application; the
route here describes it, and answers where the middleware is not installed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from collectors import records
from controller.access import audit
from controller.access.deps import (
    RuntimeDep,
    ScopeDep,
    client_address,
    identify,
    may,
    resolve_scope,
)
from controller.access.principal import Principal
from controller.ingest import agents, authority, documents, enrolment, rows
from controller.ingest.directory import Known
from controller.ingest.door import PATH, Door, DoorMiddleware, refuse_state
from controller.ingest.metrics import IngestMetrics
from controller.ingest.request import Body
from controller.problems import Problem
from controller.runtime import Runtime

Reader = Annotated[Principal, Depends(may("agents.read"))]
Manager = Annotated[Principal, Depends(may("agents.manage"))]

T = TypeVar("T")

MOST_ENROL_BODY = 512 << 10


def door_of(app: FastAPI) -> Door:
    """The process's door, made on first use."""
    door: Door | None = getattr(app.state, "ingest_door", None)
    if door is None:
        door = app.state.ingest_door = Door(app.state.runtime)
    return door


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens the door with the application and closes it after the last request."""
    door = door_of(app)
    await door.start()
    figures = IngestMetrics(door)
    app.state.metrics.register(figures)
    try:
        yield
    finally:
        app.state.metrics.unregister(figures)
        await door.close()
        app.state.ingest_door = None


class InstalledDoor:
    """``app.add_middleware(InstalledDoor, application=app)``: the door in front of the app."""

    def __init__(self, app: ASGIApp, application: FastAPI) -> None:
        self._door = DoorMiddleware(app, lambda: door_of(application))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door(scope, receive, send)


router = APIRouter(prefix="/api/v1", tags=["ingest"], lifespan=lifespan)


class EnrolRequest(BaseModel):
    """What a machine says of itself."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "example": {
                "token": "the secret of the enrolment token",
                "name": "jtj-app-01",
                "machine_id": "0f3c…",
                "instance_uuid": "6f1d0c1e-…",
                "addresses": ["10.1.2.3"],
                "version": "0.1.0",
                "facts": {"os": {"name": "openEuler", "version": "22.03"}},
            }
        },
    )

    token: str = Field(min_length=1, max_length=200)
    name: str = Field(min_length=1, max_length=200)
    machine_id: str = Field(default="", max_length=100)
    instance_uuid: str | None = Field(default="", max_length=100)
    addresses: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list, max_length=200
    )
    version: str = Field(default="", max_length=40)
    facts: dict[str, Any] = Field(default_factory=dict)

    @field_validator("name", "machine_id", "version")
    @classmethod
    def _printable(cls, text: str) -> str:
        return "".join(c if c.isprintable() else "?" for c in text)


class EnrolAnswer(BaseModel):
    """``secret`` is given this once; then it is ``Authorization: Bearer agent.secret``."""

    agent: str
    secret: str
    state: str


class BatchAnswer(BaseModel):
    """The batch is on disk. ``acked_through``: so is every number up to this."""

    model_config = ConfigDict(json_schema_extra={"example": {"acked": 42, "acked_through": 42}})

    acked: int
    acked_through: int
    set_aside: dict[str, Any] | None = None


class RowsAnswer(BaseModel):
    """How many rows are on disk."""

    stored: int
    set_aside: int = 0
    acked: int | None = None
    acked_through: int | None = None


class SelfAnswer(BaseModel):
    """An agent as the controller knows it. ``assignments``: what to measure besides itself."""

    agent: str
    state: str
    server_time: str
    assignments: list[dict[str, Any]]


class AgentPage(BaseModel):
    items: list[agents.AgentView]
    total: int
    page: int
    size: int


class TokenPage(BaseModel):
    items: list[agents.TokenView]
    total: int
    page: int
    size: int


class SetAsidePage(BaseModel):
    items: list[agents.SetAsideView]
    total: int
    page: int
    size: int


class NewToken(BaseModel):
    """``unit``: code or name; ``uses``: how many agents may enrol with it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"unit": "330100-JTJ", "uses": 20, "hours": 48, "auto_approve": True}
        },
    )

    unit: str = Field(max_length=200)
    uses: int = Field(default=1, ge=1, le=enrolment.MOST_USES)
    hours: float = Field(default=24, gt=0, le=enrolment.MOST_HOURS)
    auto_approve: bool = False


class GivenToken(BaseModel):
    """``token`` is shown this once: ``yunxun-agent enrol TOKEN``."""

    token: str


BINARY_BODY = {
    "requestBody": {
        "required": True,
        "description": "One batch, deflated; see collectors/records.py",
        "content": {records.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    },
}
ROWS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["rows"],
                    "properties": {
                        "table": {"type": "string", "default": "host"},
                        "epoch": {"type": "string", "description": "agents only"},
                        "seq": {"type": "integer", "minimum": 1, "description": "agents only"},
                        "rows": {"type": "array", "items": {"type": "object"}},
                    },
                },
                "example": {
                    "table": "host",
                    "rows": [
                        {
                            "resource": "vm-0042",
                            "time": "2026-11-01T08:00:00+08:00",
                            "interval_s": 300,
                            "cpu_used_pct": 12.5,
                        }
                    ],
                },
            }
        },
    }
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "Unknown agent or wrong secret"},
    403: {"description": "Pending, revoked or cloned agent; another agent's resource"},
    413: {"description": "Over 4 MB, or over 8 MB inflated: split the batch"},
    422: {"description": "Not a batch, or a value that cannot be: keep it apart, go on"},
    429: {"description": "Too many batches of this agent; Retry-After"},
    503: {"description": "The store is not there or busy; Retry-After"},
    507: {"description": "The disk is nearly full; Retry-After"},
}


@router.post(
    PATH.removeprefix("/api/v1"),
    response_model=BatchAnswer,
    responses=REFUSALS,
    openapi_extra=BINARY_BODY,
)
async def take_batch(request: Request) -> Response:
    """Take in one batch of an agent; answered once its rows are on disk. Safe to repeat."""
    answer = await door_of(request.app).answer(request.scope, request.receive)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers)


@router.post("/ingest/rows", response_model=RowsAnswer, responses=REFUSALS, openapi_extra=ROWS_BODY)
async def take_rows(request: Request, runtime: RuntimeDep) -> RowsAnswer:
    """Take in plain rows: of an agent (with epoch and seq), or by API token for the resources that
    the caller's units hold. Safe to repeat: the same rows change nothing."""
    door = door_of(request.app)
    await door.start()
    credential = request.headers.get("authorization", "").encode()
    known: Known | None = None
    principal: Principal | None = None
    if not credential.lower().startswith(b"bearer yxt_") and b"." in credential:
        known = await door.authenticate(credential)
        refuse_state(known)
        door.limit(known)
    else:
        principal = await may("samples.write")(_signed_in(await identify(request, runtime)))
    door.check_disk()
    length = request.headers.get("content-length", "").encode()
    body = await Body(request.receive).read(length, rows.MOST_BODY)
    parsed = await run_in_threadpool(rows.parse, body, runtime.settings.timezone)
    if known is not None:
        wire = await run_in_threadpool(rows.wire_of_agent, parsed, known.id)
        done = await door.take_wire(known, wire, address=client_address(request))
        aside = sum(v for k, v in done.get("set_aside", {}).items() if k.endswith("_rows"))
        return RowsAnswer(
            stored=len(parsed.readings) - aside,
            set_aside=aside,
            acked=done["acked"],
            acked_through=done["acked_through"],
        )
    principal = _signed_in(principal)
    scope = await run_in_threadpool(resolve_scope, request, runtime, principal)
    wires, version = await run_in_threadpool(_parted, runtime, scope, parsed, principal)
    aside = await door.take_parts(parsed.table, wires, rows.SOURCE, version)
    return RowsAnswer(stored=len(parsed.readings) - aside, set_aside=aside)


def _signed_in(principal: Principal | None) -> Principal:
    if principal is None:
        raise Problem(
            401,
            "not authenticated",
            "send 'Authorization: Bearer <agent>.<secret>' or an API token 'Bearer yxt_…'",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return principal


def _parted(
    runtime: Runtime, scope: Any, parsed: rows.Rows, principal: Principal
) -> tuple[list[tuple[int, bytes]], int]:
    codes = {reading.resource for reading in parsed.readings}
    with runtime.database.write() as session:
        resources = rows.resources_in_scope(session, scope, codes, principal.at)
        wires = rows.wires_by_resource(parsed, resources)
        run = rows.run_of(session, parsed, principal.name, principal.at)
        audit.record(
            session,
            principal,
            "samples.write",
            f"run {run}",
            detail={"rows": len(parsed.readings), "resources": len(wires)},
        )
    return wires, run


@router.get("/ingest/self", responses={401: REFUSALS[401]})
async def describe_self(request: Request, runtime: RuntimeDep) -> SelfAnswer:
    """What the controller knows of the calling agent, whatever its state."""
    door = door_of(request.app)
    await door.start()
    known = await door.authenticate(request.headers.get("authorization", "").encode())
    return SelfAnswer(
        agent=known.id,
        state=known.state,
        server_time=runtime.now().isoformat(timespec="milliseconds"),
        assignments=[],
    )


@router.get(
    "/ingest/ca",
    response_class=PlainTextResponse,
    responses={200: {"content": {"application/x-pem-file": {}}}},
)
def give_ca(runtime: RuntimeDep) -> PlainTextResponse:
    """The CA certificate (PEM) that agents pin. Public: an agent compares its fingerprint with
    its enrolment token before it sends anything."""
    pem = authority.read_ca(runtime.settings)
    if not pem:
        raise Problem(404, "no CA", "this controller listens without TLS")
    return PlainTextResponse(pem, media_type="application/x-pem-file")


@router.post(
    "/ingest/enrol",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": EnrolRequest.model_json_schema()}},
        }
    },
    responses={401: {"description": "Unknown, expired, revoked or used-up token"}},
)
async def enrol(request: Request, runtime: RuntimeDep) -> EnrolAnswer:
    """Become an agent with an enrolment token; the answer holds the agent's own secret."""
    length = request.headers.get("content-length", "").encode()
    body = await Body(request.receive).read(length, MOST_ENROL_BODY)
    machine = await run_in_threadpool(_machine, body)
    made = await run_in_threadpool(
        enrolment.enrol, runtime.database, machine, client_address(request), runtime.now()
    )
    await door_of(request.app).reload_agent(made.agent)
    return EnrolAnswer(agent=made.agent, secret=made.secret, state=made.state)


def _machine(body: bytes) -> enrolment.Machine:
    try:
        told = EnrolRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Problem(422, "bad enrolment", f"{where or 'body'}: {first['msg']}") from None
    documents.check_documents([records.Document("facts", 0, told.facts)])
    texts = [told.instance_uuid or "", *told.addresses]
    if not all(records.is_text(text) for text in texts):
        raise Problem(422, "bad enrolment", "instance_uuid or addresses: not text")
    return enrolment.Machine(
        token=told.token,
        name=told.name,
        machine_id=told.machine_id,
        instance_uuid=told.instance_uuid or "",
        addresses=told.addresses,
        version=told.version,
        facts=told.facts,
    )


@router.get("/agents", tags=["agents"])
def list_agents(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Reader,
    state: Annotated[str | None, Query(description="pending, active, revoked, conflict")] = None,
    text: Annotated[str, Query(max_length=100)] = "",
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> AgentPage:
    """The agents of the units you may see, by name."""
    with runtime.database.read() as session:
        found = agents.list_agents(session, scope, principal.at, state=state, text=text)
    return AgentPage(items=_page(found, page, size), total=len(found), page=page, size=size)


@router.get("/agents/{agent_id}", tags=["agents"])
def get_agent(
    runtime: RuntimeDep, scope: ScopeDep, principal: Reader, agent_id: str
) -> agents.AgentView:
    """One agent."""
    with runtime.database.read() as session:
        return agents.get_agent(session, scope, agent_id, principal.at)


@router.post("/agents/{agent_id}/approve", tags=["agents"])
async def approve(
    request: Request, runtime: RuntimeDep, scope: ScopeDep, principal: Manager, agent_id: str
) -> agents.AgentView:
    """Let a pending agent send, or the one that goes on after a conflict."""
    view = await run_in_threadpool(
        agents.approve, runtime.database, scope, agent_id, principal, principal.at
    )
    await door_of(request.app).reload()
    return view


@router.post("/agents/{agent_id}/revoke", tags=["agents"])
async def revoke(
    request: Request, runtime: RuntimeDep, scope: ScopeDep, principal: Manager, agent_id: str
) -> agents.AgentView:
    """Refuse an agent from now on."""
    view = await run_in_threadpool(
        agents.revoke, runtime.database, scope, agent_id, principal, principal.at
    )
    await door_of(request.app).reload()
    return view


@router.get("/agent-tokens", tags=["agents"])
def list_tokens(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Manager,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> TokenPage:
    """Enrolment tokens, newest first, without their secrets."""
    with runtime.database.read() as session:
        found = agents.token_views(session, scope, principal.at)
    return TokenPage(items=_page(found, page, size), total=len(found), page=page, size=size)


@router.post("/agent-tokens", tags=["agents"], status_code=201)
def create_token(
    request: Request, runtime: RuntimeDep, scope: ScopeDep, principal: Manager, wanted: NewToken
) -> GivenToken:
    """An enrolment token for a unit; shown this once."""
    url = enrolment.controller_url(runtime.settings, str(request.base_url))
    fingerprint = ""
    if url.startswith("https://"):
        fingerprint = authority.fingerprint_of(authority.read_ca(runtime.settings))
    token = agents.create_token(
        runtime.database,
        scope,
        wanted.unit,
        wanted.uses,
        wanted.hours,
        wanted.auto_approve,
        principal,
        principal.at,
        url,
        fingerprint,
    )
    return GivenToken(token=token)


@router.delete("/agent-tokens/{token_id}", tags=["agents"], status_code=204)
def revoke_token(
    runtime: RuntimeDep, scope: ScopeDep, principal: Manager, token_id: int
) -> Response:
    """End an enrolment token; agents that used it stay."""
    agents.revoke_token(runtime.database, scope, token_id, principal, principal.at)
    return Response(status_code=204)


@router.get("/set-aside", tags=["agents"])
def list_set_aside(
    runtime: RuntimeDep,
    scope: ScopeDep,
    principal: Reader,
    kind: str | None = None,
    agent: str | None = None,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SetAsidePage:
    """What was not taken as it came: losses, unknown columns, wrong clocks, clones."""
    with runtime.database.read() as session:
        found = agents.list_set_aside(session, scope, principal.at, kind=kind, agent_id=agent)
    return SetAsidePage(items=_page(found, page, size), total=len(found), page=page, size=size)


def _page(found: list[T], page: int, size: int) -> list[T]:
    return found[(page - 1) * size : page * size]
