"""平台清单 and 待核实: every export that came, taking a new one in, and what vanished."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Form
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.inventory.settle import settle
from controller.ledger import imports, mapping, pending
from controller.ledger.model import ImportView, PendingView, SourceView
from controller.ledger.received import Received, received_form
from controller.problems import Problem
from controller.said import say
from controller.web import ledger_words, render, tables
from controller.web.shell import Area, Crumb, Flash
from controller.web.view import View, opened

router = APIRouter()

LedgerView = Annotated[View, Depends(opened("ledger.read"))]
LedgerKeeper = Annotated[View, Depends(opened("ledger.import"))]

SETTLE_SECONDS = 15.0


@dataclass(frozen=True)
class ShownImport:
    """An import and how its state is said; ``found`` are (class, name, tone, how many)."""

    run: ImportView
    tone: str
    word: str
    found: list[tuple[str, str, str, int]]


@dataclass(frozen=True)
class PlatformImportsPage(render.Context):
    """Every export, newest first, and the form that takes one in. ``today`` is the default of the
    effective date."""

    template: ClassVar[str] = "platform_imports.html"

    rows: list[ShownImport]
    table: tables.TableState
    sources: list[SourceView]
    today: str
    tabs: tuple[Area, ...]


@dataclass(frozen=True)
class ShownCheck:
    """A resource to be checked and how its state is said."""

    check: PendingView
    tone: str
    word: str


@dataclass(frozen=True)
class PendingPage(render.Context):
    """Resources that their platform names no more."""

    template: ClassVar[str] = "platform_pending.html"

    rows: list[ShownCheck]
    table: tables.TableState
    states: list[tuple[str, str]]
    state_filter: str
    may_decide: bool
    today: str
    tabs: tuple[Area, ...]


@router.get("/ledger/imports")
def imports_page(view: LedgerKeeper) -> Response:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with view.runtime.database.read() as session:
        found, total = imports.list_imports(session, page=page, size=tables.PAGE_SIZE)
        rows = [ImportView.of(*row) for row in found]
        sources = [SourceView.of(each) for each in mapping.list_sources(session)]
    states, classes = ledger_words.states(_), ledger_words.classes(_)
    context = PlatformImportsPage(
        rows=[
            ShownImport(
                run,
                *states[run.state],
                [
                    (cls, word, ledger_words.tone(cls), run.counts[cls])
                    for cls, word in classes.items()
                    if run.counts.get(cls)
                ],
            )
            for run in rows
        ],
        table=tables.TableState("/ledger/imports", {}, "", False, page, tables.PAGE_SIZE, total),
        sources=sources,
        today=f"{view.now.astimezone(view.zone):%Y-%m-%d}",
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    return view.page(context, active="ledger", crumbs=[Crumb(_("平台清单"))])


@router.post("/ledger/imports")
def take_in(
    view: LedgerKeeper,
    sent: Annotated[Received, Depends(received_form)],
) -> Response:
    """Sent by htmx, which shows that it is under way; the answer leads to the comparison."""
    flash: Flash | None = None
    name = sent.file.filename or "file"
    source, since = sent.fields.get("source", ""), sent.fields.get("since", "")
    try:
        compared = imports.take_in(
            view.runtime.database, source, sent.file.file, name, now=view.now
        )
        with view.runtime.database.write() as session:
            found = mapping.find_source(session, source)
            run = imports.prepared(
                found, name, compared, since=day(view, since), by=view.principal.name, now=view.now
            )
            imports.store(session, run, compared)
            detail = {"source": source, "sha256": run.sha256, "counts": run.counts, "id": run.id}
            audit.record(session, view.principal, "ledger.compare", name[:200], "ok", detail)
            path = f"/ledger/imports/{run.id}"
    except Problem as problem:
        path, flash = "/ledger/imports", Flash("bad", _about(name, view.why(problem)))
    answer = render.go(path, flash)
    answer.status_code = 204
    answer.headers["HX-Redirect"] = path
    return answer


def _about(name: str, why: str) -> str:
    return why if why.startswith(name) else f"{name}: {why}"


@router.get("/ledger/pending")
def pending_page(view: LedgerView) -> Response:
    _, asked = view.text, view.request.query_params
    words = ledger_words.resolutions(_)
    state = asked.get("state", "open")
    state = state if state in ("", *words) else "open"
    page = tables.parse_page(asked.get("page", ""))
    with view.runtime.database.read() as session:
        found, total = pending.list_pending(
            session, view.scope, view.now, state=state, page=page, size=tables.PAGE_SIZE
        )
        rows = [PendingView.of(each) for each in found]
    context = PendingPage(
        rows=[ShownCheck(row, *words[row.state]) for row in rows],
        table=tables.TableState(
            "/ledger/pending", {"state": state}, "", False, page, tables.PAGE_SIZE, total
        ),
        states=[(key, word) for key, (_tone, word) in words.items()],
        state_filter=state,
        may_decide=view.may("ledger.import"),
        today=f"{view.now.astimezone(view.zone):%Y-%m-%d}",
        tabs=ledger_words.ledger_tabs(view.principal, _),
    )
    return view.page(context, active="ledger", crumbs=[Crumb(_("待核实"))])


@router.post("/ledger/pending/{check_id}")
def decide(
    check_id: int,
    view: LedgerKeeper,
    state: Annotated[str, Form(pattern="^(retired|kept)$")],
    at: Annotated[str, Form()] = "",
    note: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    when = day(view, at) if at and state == "retired" else None
    try:
        with view.runtime.database.write() as session:
            code = pending.resolve(
                session, check_id, state=state, at=when, note=note, by=view.principal.name,
                now=view.now,
            )  # fmt: skip
            detail = {"state": state, "at": at, "note": note}
            audit.record(session, view.principal, "ledger.pending", code, "ok", detail)
    except Problem as problem:
        if problem.status == 404:
            raise
        return render.go("/ledger/pending", Flash("bad", view.why(problem)))
    settle(view.runtime, SETTLE_SECONDS)
    return render.go("/ledger/pending", Flash("good", view.text("已处理 {code}。", code=code)))


def day(view: View, text: str) -> datetime:
    """Midnight of a date in the controller's zone. Raises Problem 422."""
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time(), view.zone)
    except ValueError:
        raise Problem(
            422,
            "not a date",
            say(f"{text!r}: give e.g. 2026-11-01", f"“{text}”不是日期：应如 2026-11-01"),
        ) from None
