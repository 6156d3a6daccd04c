"""Routes of ingest: the agents' door, enrolment, and the register of agents.

``POST /api/v1/ingest/batches`` is answered by DoorMiddleware in front of the application; the
route here describes it, and answers where the middleware is not installed.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.concurrency import run_in_threadpool

from collectors import records
from controller.access import audit
from controller.access.deps import (
    RuntimeDep,
    client_address,
    identify,
    may,
    resolve_scope,
)
from controller.access.principal import Principal
from controller.ingest import authority, documents, downlink, enrolment, rows
from controller.ingest.agents_api import router as agents_router
from controller.ingest.directory import Known
from controller.ingest.door import PATH, refuse_state
from controller.ingest.installed import InstalledDoor, door_of, lifespan
from controller.ingest.request import Body
from controller.ingest.tasks_api import router as tasks_router
from controller.problems import Problem
from controller.runtime import Runtime

MOST_ENROL_BODY = 512 << 10


__all__ = ["InstalledDoor", "door_of", "router"]

door_router = APIRouter(tags=["ingest"])
router = APIRouter(prefix="/api/v1", lifespan=lifespan)


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
    """An agent as the controller knows it, and what it is to do.

    ``assignments``: what to measure besides itself, each with kind and body. ``tasks``: what to do
    once. ``ask_again_s``: 0 is only when the answer to a batch names another ``assigned``.
    """

    agent: str
    state: str
    server_time: str
    assigned: str
    assignments: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    ask_again_s: int


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


@door_router.post(
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


@door_router.post(
    "/ingest/rows", response_model=RowsAnswer, responses=REFUSALS, openapi_extra=ROWS_BODY
)
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


@door_router.get(
    "/ingest/self",
    response_model=SelfAnswer,
    responses={
        304: {"description": "If-None-Match is the version that still holds"},
        401: REFUSALS[401],
    },
)
async def describe_self(request: Request, runtime: RuntimeDep) -> Response:
    """What the controller knows of the calling agent, whatever its state, and what it is to do.

    Secrets of gear are in the assignments of an approved agent with role poller, and nowhere else.
    """
    door = door_of(request.app)
    await door.start()
    known = await door.authenticate(request.headers.get("authorization", "").encode())
    if known.state == "active":
        known.last_seen, known.seen = runtime.now(), True  # a poller that asks is alive
    tag = f'"{known.assigned}"'
    headers = {"Cache-Control": "no-store", "ETag": tag}
    if known.state == "active" and known.assigned and request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    orders = await run_in_threadpool(
        downlink.orders_of,
        runtime,
        request.app.state.downlink,
        known.id,
        _held(request.headers.get("yunxun-tasks", "")),
        runtime.now(),
    )
    answer = SelfAnswer(
        agent=known.id,
        state=known.state,
        server_time=runtime.now().isoformat(timespec="milliseconds"),
        assigned=orders.version,
        assignments=orders.assignments,
        tasks=orders.tasks,
        ask_again_s=orders.ask_again_s,
    )
    headers["ETag"] = f'"{orders.version}"'
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def _held(text: str) -> frozenset[int]:
    """Numbers of tasks an agent says it holds, apart by commas; what is no number is left out."""
    return frozenset(int(word) for word in text[:4000].split(",") if word.strip().isdecimal())


@door_router.get(
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


@door_router.post(
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
    await door_of(request.app).upkeep.reload_agent(made.agent)
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


router.include_router(door_router)
router.include_router(agents_router)
router.include_router(tasks_router)
