"""Routes of platform exports: sources, imports with their differences, and 待核实."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime, time
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import StreamingResponse

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.api import FILE_BODY, PageNumber, PageSize, in_shanghai
from controller.inventory.dated import SHANGHAI
from controller.inventory.model import Page
from controller.inventory.settle import settle
from controller.inventory.sheet import MAX_BYTES
from controller.ledger import confirm as confirming
from controller.ledger import imports, mapping, pending, undo
from controller.ledger.export_file import open_sheets
from controller.ledger.mapping import Preview, SourceMapping
from controller.ledger.model import DifferenceView, ImportView, PendingView, SourceView
from controller.ledger.received import received_file
from controller.problems import Problem
from controller.runtime import Runtime

router = APIRouter(prefix="/api/v1/ledger", tags=["ledger"])

Reader = Annotated[Principal, Depends(may("ledger.read"))]
Keeper = Annotated[Principal, Depends(may("ledger.import"))]


class SourceBody(BaseModel):
    """A source's name and mapping."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field("", max_length=200, examples=["云平台 A"])
    mapping: SourceMapping = SourceMapping()


@router.get("/sources", summary="Sources of platform exports")
def get_sources(runtime: RuntimeDep, _keeper: Keeper) -> list[SourceView]:
    """Each provider with its saved mapping, by code."""
    with runtime.database.read() as session:
        return [SourceView.of(each) for each in mapping.list_sources(session)]


@router.put("/sources/{source}", summary="Make or change a source")
def put_source(source: str, body: SourceBody, runtime: RuntimeDep, keeper: Keeper) -> SourceView:
    """Saves how this provider's columns, words and units are read."""
    with runtime.database.write() as session:
        saved = mapping.save_source(
            session, source, body.name, body.mapping, keeper.name, runtime.now()
        )
        audit.record(session, keeper, "ledger.source", saved.code, "ok", body.model_dump())
        return SourceView.of(saved)


@router.post(
    "/sources/{source}/preview", summary="See how a file would be read", openapi_extra=FILE_BODY
)
def post_preview(
    source: str,
    runtime: RuntimeDep,
    keeper: Keeper,
    file: Annotated[UploadFile, Depends(received_file)],
) -> Preview:
    """Its columns with the first rows, what is saved for them and what their names suggest."""
    name = file.filename or "file"
    with runtime.database.read() as session:
        known = {each.code: each for each in mapping.list_sources(session)}
    saved = mapping.mapping_of(known[source]) if source in known else SourceMapping()
    found = mapping.preview(open_sheets(file.file, name), saved)
    with runtime.database.write() as session:
        audit.record(session, keeper, "ledger.preview", source, "ok", {"file_name": name[:200]})
    return found


@router.get("/imports", summary="Every export that came")
def get_imports(
    runtime: RuntimeDep,
    _keeper: Keeper,
    source: Annotated[str, Query(description="Code of a source.")] = "",
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Page[ImportView]:
    """Newest first, with what became of each."""
    with runtime.database.read() as session:
        rows, total = imports.list_imports(session, page=page, size=size, source=source)
        items = [ImportView.of(*row) for row in rows]
    return Page(items=items, total=total, page=page, size=size)


@router.post(
    "/imports",
    summary="Compare an export with the register",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def post_import(
    request: Request,
    runtime: RuntimeDep,
    keeper: Keeper,
    name: Annotated[str, Query(min_length=1, max_length=200, description="The file's name.")],
    source: Annotated[str, Query(min_length=1, max_length=64, description="Code of the source.")],
    since: Annotated[
        datetime | None, Query(description="From when changes hold; default: today.")
    ] = None,
    dry_run: Annotated[bool, Query(description="Compare and keep nothing.")] = False,
) -> StreamingResponse:
    """The file (XLSX, XLS or CSV) is the body. The register is not changed.

    The answer is one JSON document a line: ``{"stage", "done", "total"}`` while it lasts, and
    last ``{"outcome": {…}}`` (an import, without id in a trial) or ``{"problem": {…}}``.
    """
    length = int(request.headers.get("content-length") or 0)
    if length > MAX_BYTES:
        raise Problem(413, "file too large", f"a file may have {MAX_BYTES // 2**20} MB: split it")
    folder = runtime.settings.data / "tmp"
    await run_in_threadpool(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    if length > shutil.disk_usage(folder).free // 2:
        raise Problem(507, "no room", "make room in the data folder first")
    file = tempfile.NamedTemporaryFile(dir=folder, prefix="ledger-", delete=False)  # noqa: SIM115
    path = Path(file.name)
    try:
        with file:
            received = 0
            async for chunk in request.stream():
                received += len(chunk)
                if received > MAX_BYTES:
                    raise Problem(413, "file too large", f"over {MAX_BYTES // 2**20} MB: split it")
                await run_in_threadpool(file.write, chunk)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    task = Task(path, name, source, since and in_shanghai(since), dry_run, keeper)
    return StreamingResponse(answer(runtime, task), media_type="application/x-ndjson")


class Task:
    """A received file and what is to be done with it."""

    def __init__(
        self,
        path: Path,
        name: str,
        source: str,
        since: datetime | None,
        dry_run: bool,
        keeper: Principal,
    ) -> None:
        self.path, self.name, self.source = path, name, source
        self.since, self.dry_run, self.keeper = since, dry_run, keeper


STAGES = ("reading", "understanding", "comparing", "storing")


def answer(runtime: Runtime, task: Task) -> Iterator[bytes]:
    """Lines of the answer, each stage as it begins; the received file is removed at the end."""
    lines: SimpleQueue[dict[str, Any] | None] = SimpleQueue()

    def tell(stage: str) -> None:
        lines.put({"stage": stage, "done": STAGES.index(stage), "total": len(STAGES)})

    def work() -> None:
        try:
            lines.put({"outcome": carry_out(runtime, task, tell).model_dump(mode="json")})
        except Problem as problem:
            lines.put({"problem": problem.body()})
        except Exception:
            lines.put({"problem": Problem(500, "internal error", "see the server's log").body()})
            raise
        finally:
            task.path.unlink(missing_ok=True)
            lines.put(None)

    thread = Thread(target=work, name="ledger compare")
    thread.start()
    while (line := lines.get()) is not None:
        yield json.dumps(line, ensure_ascii=False).encode() + b"\n"
    thread.join()


def carry_out(runtime: Runtime, task: Task, tell: imports.Progress) -> ImportView:
    """Compares, and keeps the comparison unless it is a trial. Raises Problem."""
    now = runtime.now()
    since = task.since or datetime.combine(now.astimezone(SHANGHAI).date(), time(), SHANGHAI)
    with task.path.open("rb") as file:
        compared = imports.take_in(
            runtime.database, task.source, file, task.name, now=now, progress=tell
        )
    tell("storing")
    with runtime.database.write() as session:
        source = mapping.find_source(session, task.source)
        run = imports.prepared(
            source, task.name, compared, since=since, by=task.keeper.name, now=now
        )
        if task.dry_run:
            run.id = 0
        else:
            imports.store(session, run, compared)
        view = ImportView.of(run, source)
        audit.record(
            session,
            task.keeper,
            "ledger.compare",
            task.name,
            "dry run" if task.dry_run else "ok",
            {"source": task.source, "sha256": view.sha256, "counts": view.counts, "id": view.id},
        )
    return view


@router.get("/imports/{import_id}", summary="One import")
def get_import(import_id: int, runtime: RuntimeDep, _keeper: Keeper) -> ImportView:
    with runtime.database.read() as session:
        return ImportView.of(*imports.find_import(session, import_id))


@router.get("/imports/{import_id}/differences", summary="How an export differs")
def get_differences(
    import_id: int,
    runtime: RuntimeDep,
    _keeper: Keeper,
    cls: Annotated[str, Query(description="new, changed, renamed, vanished, …")] = "",
    decision: Annotated[str, Query(description="open, accepted or rejected")] = "",
    text: Annotated[str, Query(description="In code, name and owner.")] = "",
    page: PageNumber = 1,
    size: PageSize = 100,
) -> Page[DifferenceView]:
    """Those that need a look first."""
    with runtime.database.read() as session:
        imports.find_import(session, import_id)
        rows, total = imports.list_differences(
            session, import_id, cls=cls, decision=decision, text=text, page=page, size=size
        )
    return Page(items=[DifferenceView.of(row) for row in rows], total=total, page=page, size=size)


class Decisions(BaseModel):
    """What is decided about differences: single ones by id, or a whole class."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cls": "new", "decision": "accepted"}]}
    )

    decision: Literal["open", "accepted", "rejected"]
    ids: list[int] | None = Field(None, max_length=10_000)
    cls: str = ""


class Decided(BaseModel):
    """How many differences were set."""

    decided: int = Field(examples=[5])


@router.post("/imports/{import_id}/decisions", summary="Accept or reject differences")
def post_decisions(import_id: int, body: Decisions, runtime: RuntimeDep, keeper: Keeper) -> Decided:
    """What is bad, double or without an owner cannot be accepted and is left as it was."""
    with runtime.database.write() as session:
        count = imports.decide(session, import_id, body.decision, ids=body.ids, cls=body.cls)
        detail = body.model_dump(exclude={"ids"}) | {"decided": count}
        audit.record(session, keeper, "ledger.decide", str(import_id), "ok", detail)
    return Decided(decided=count)


class Confirmation(BaseModel):
    """From when the changes hold; default: as given at the upload."""

    model_config = ConfigDict(extra="forbid")

    since: datetime | None = Field(None, examples=["2026-11-01"])


@router.post("/imports/{import_id}/confirm", summary="Write what was accepted")
def post_confirm(
    import_id: int, body: Confirmation, runtime: RuntimeDep, keeper: Keeper
) -> ImportView:
    """All of it in one transaction, or nothing. Open differences count as rejected."""
    since = in_shanghai(body.since) if body.since else None
    with runtime.database.write() as session:
        run = confirming.confirm(session, import_id, since=since, by=keeper.name, now=runtime.now())
        view = ImportView.of(*imports.find_import(session, run.id or 0))
        audit.record(session, keeper, "ledger.confirm", str(import_id), "ok", view.counts)
    settle(runtime)
    return view


@router.post("/imports/{import_id}/compare", summary="Compare a kept export again")
def post_compare(import_id: int, runtime: RuntimeDep, keeper: Keeper) -> ImportView:
    """After the register or the source's words changed. Decisions on what is alike stay."""
    with runtime.database.write() as session:
        imports.recompare(session, import_id, runtime.now())
        view = ImportView.of(*imports.find_import(session, import_id))
        audit.record(session, keeper, "ledger.recompare", str(import_id), "ok", view.counts)
    return view


@router.post("/imports/{import_id}/undo", summary="Undo a confirmed import")
def post_undo(import_id: int, runtime: RuntimeDep, keeper: Keeper) -> ImportView:
    """Puts back exactly what it changed; 409 with the reason where later changes rest on it."""
    with runtime.database.write() as session:
        undo.undo(session, runtime.samples, import_id, by=keeper.name, now=runtime.now())
        view = ImportView.of(*imports.find_import(session, import_id))
        audit.record(session, keeper, "ledger.undo", str(import_id), "ok", view.counts)
    settle(runtime)
    return view


@router.post("/imports/{import_id}/discard", summary="Discard an unconfirmed import")
def post_discard(import_id: int, runtime: RuntimeDep, keeper: Keeper) -> ImportView:
    """It stays listed, with its differences, and changes nothing."""
    with runtime.database.write() as session:
        imports.discard(session, import_id)
        view = ImportView.of(*imports.find_import(session, import_id))
        audit.record(session, keeper, "ledger.discard", str(import_id))
    return view


@router.get("/pending", summary="待核实: resources that their platform names no more")
def get_pending(
    runtime: RuntimeDep,
    scope: ScopeDep,
    _reader: Reader,
    state: Annotated[str, Query(description="open, back, retired or kept; '' for all.")] = "open",
    page: PageNumber = 1,
    size: PageSize = 50,
) -> Page[PendingView]:
    """Oldest first; of the units that the caller may see."""
    with runtime.database.read() as session:
        rows, total = pending.list_pending(
            session, scope, runtime.now(), state=state, page=page, size=size
        )
        items = [PendingView.of(row) for row in rows]
    return Page(items=items, total=total, page=page, size=size)


class Resolution(BaseModel):
    """The resource was retired at a date, or is kept for a reason."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "retired", "at": "2026-11-05"}]},
    )

    state: Literal["retired", "kept"]
    at: datetime | None = None
    note: str = Field("", max_length=500)


@router.post("/pending/{check_id}", summary="Decide about a resource to be checked")
def post_pending(check_id: int, body: Resolution, runtime: RuntimeDep, keeper: Keeper) -> Decided:
    """Retiring goes through the register's own rules and marks the days to recompute."""
    at = in_shanghai(body.at) if body.at else None
    with runtime.database.write() as session:
        code = pending.resolve(
            session, check_id, state=body.state, at=at, note=body.note, by=keeper.name,
            now=runtime.now(),
        )  # fmt: skip
        audit.record(session, keeper, "ledger.pending", code, "ok", body.model_dump(mode="json"))
    settle(runtime)
    return Decided(decided=1)
