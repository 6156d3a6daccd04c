"""Runs: the list of a project, one with its progress as it goes, and two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.problems import NotFound, Problem
from controller.readiness import compare as comparing
from controller.readiness import judging, projects, runs, tally, views
from controller.readiness.kinds import RUN_KINDS
from controller.readiness.model import ProjectView, RunHostView
from controller.readiness.reasons import in_words
from controller.web import render, tables
from controller.web.pages import readiness_words as words
from controller.web.pages.parts import Choice
from controller.web.pages.readiness_parts import (
    Manager,
    Part,
    ReadinessView,
    ShownRun,
    bar,
    shown_run,
    tabs,
)
from controller.web.pages.readiness_project import host_path
from controller.web.shell import Crumb, Flash
from controller.web.view import View

router = APIRouter()

MOST_CHANGES = 500


@dataclass(frozen=True)
class RunsPage(render.Context):
    """A project's runs, newest first."""

    template: ClassVar[str] = "readiness_runs.html"

    project: ProjectView
    tabs: list[Choice]
    rows: list[ShownRun]
    table: tables.TableState


@dataclass(frozen=True)
class ShownHost:
    """A host within a run."""

    host: RunHostView
    state: tuple[str, str]
    stage: str
    found: tuple[str, str]
    markers: list[tuple[str, str, str]]
    """(stage, state, detail)."""
    message: str
    href: str


@dataclass(frozen=True)
class RunPage(render.Context):
    """One run: how far it is, host by host, and what it judged."""

    template: ClassVar[str] = "readiness_run.html"

    shown: ShownRun
    hosts: list[ShownHost]
    bar: list[Part]
    counts: list[tuple[str, str, int]]
    """(tone, word, how many) of host states."""
    coverage: float | None
    previous: int | None
    """The run before it that judged something."""
    inspection: int | None
    """The run that looks, or looked, at this one's end."""
    may_manage: bool
    exports: tuple[tables.ExportLink, ...]


@dataclass(frozen=True)
class ProgressPiece(render.Context):
    """The moving part of a run's page."""

    template: ClassVar[str] = "readiness_progress.html"

    shown: ShownRun
    hosts: list[ShownHost]
    counts: list[tuple[str, str, int]]


@dataclass(frozen=True)
class ShownChange:
    """A difference in words."""

    change: tuple[str, str]
    host: str
    profile: str
    rule: str
    title: str
    severity: tuple[str, str]
    subject: str
    href: str


@dataclass(frozen=True)
class ComparePage(render.Context):
    """Two runs of a project side by side."""

    template: ClassVar[str] = "readiness_compare.html"

    project: ProjectView
    before: ShownRun
    after: ShownRun
    counts: list[tuple[tuple[str, str], int, str]]
    """(word, how many, href)."""
    rows: list[ShownChange]
    total: int
    alone: int
    others: list[tuple[int, str]]
    """(number, words) of runs to compare with."""


@router.get("/readiness/projects/{project_id}/runs")
def runs_page(project_id: int, view: ReadinessView) -> Response:
    _ = view.text
    page = tables.parse_page(view.request.query_params.get("page", ""))
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        found, total = views.list_runs(session, project_id, page=page, size=tables.PAGE_SIZE)
        rows = [shown_run(view, each) for each in views.run_views(session, found, view.now)]
    path = f"/readiness/projects/{project_id}/runs"
    context = RunsPage(
        project=project,
        tabs=tabs(view, project, "runs"),
        rows=rows,
        table=tables.TableState(path, {}, "id", True, page, tables.PAGE_SIZE, total),
    )
    crumbs = [
        Crumb(_("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{project_id}"),
        Crumb(_("运行记录")),
    ]
    return view.page(context, active="readiness", crumbs=crumbs)


@router.post("/readiness/projects/{project_id}/runs")
def start_run(
    project_id: int,
    view: Manager,
    kind: Annotated[str, Form(max_length=32)] = "check",
    hosts: Annotated[list[str] | None, Form()] = None,
    profiles: Annotated[list[str] | None, Form()] = None,
) -> RedirectResponse:
    try:
        judging.chosen_profiles(profiles or [])
        with view.runtime.database.write() as session:
            project = projects.find(session, view.scope, project_id)
            run = runs.enqueue(
                session, project, kind, by=view.principal.name, now=view.now,
                hosts=hosts or [], profiles=profiles or None,
            )  # fmt: skip
            audit.record(session, view.principal, "readiness.run", f"run {run.id}",
                         detail={"kind": kind, "project": project_id})  # fmt: skip
    except NotFound:
        raise
    except Problem as problem:
        said = view.text("未能开始：{why}", why=in_words(problem.detail, view.language))
        return render.go(f"/readiness/projects/{project_id}", Flash("bad", said))
    return render.go(f"/readiness/runs/{run.id}")


@router.get("/readiness/runs/{run_id}")
def run_page(run_id: int, view: ReadinessView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        row, project = projects.of_run(session, view.scope, run_id)
        detail = views.run_detail(session, row, view.now)
        judged = views.of_run(session, run_id)
        earlier, _total = views.list_runs(session, row.project_id, size=200)
        inspection = next((each.id for each in earlier if each.inspects == run_id), None)
    shown = shown_run(view, detail.run)
    previous = next(
        (each.id for each in earlier
         if (each.id or 0) < run_id and each.state == "done" and each.verdict),
        None,
    )  # fmt: skip
    counts: dict[str, int] = {}
    for each, _host in judged:
        counts[each.verdict] = counts.get(each.verdict, 0) + 1
    shares = [each.coverage for each, _host in judged if each.coverage is not None]
    api = f"/api/v1/readiness/projects/{row.project_id}/report?run={run_id}"
    context = RunPage(
        shown=shown,
        hosts=_hosts(view, row.project_id, shown, detail.hosts),
        bar=bar(counts, view),
        counts=_counts(view, shown),
        coverage=100 * sum(shares) / len(shares) if shares else None,
        previous=previous if judged else None,
        inspection=inspection,
        may_manage=view.may("readiness.manage"),
        exports=(
            tables.ExportLink("pdf", _("评估报告（PDF）"), f"{api}&format=pdf"),
            tables.ExportLink("xlsx", _("Excel 表格（XLSX）"), f"{api}&format=xlsx"),
            tables.ExportLink("json", "JSON", f"{api}&format=json"),
        )
        if judged
        else (),
    )
    crumbs = [
        Crumb(_("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{row.project_id}"),
        Crumb(_("第 {n} 次运行", n=run_id)),
    ]
    return view.page(context, active="readiness", crumbs=crumbs)


@router.get("/readiness/runs/{run_id}/progress")
def progress_piece(run_id: int, view: ReadinessView) -> Response:
    """The moving part, fetched anew whenever an event says that something changed."""
    with view.runtime.database.read() as session:
        row, _project = projects.of_run(session, view.scope, run_id)
        detail = views.run_detail(session, row, view.now)
    shown = shown_run(view, detail.run)
    return view.fragment(
        ProgressPiece(
            shown=shown,
            hosts=_hosts(view, row.project_id, shown, detail.hosts),
            counts=_counts(view, shown),
        )
    )


def _hosts(
    view: View, project_id: int, shown: ShownRun, rows: Sequence[RunHostView]
) -> list[ShownHost]:
    _ = view.text
    order = ("failed", "unreachable", "unknown", "running", "waiting", "ok")
    return [
        ShownHost(
            host=each,
            state=words.host_state(each.state, _),
            stage=shown.stages[min(each.stage, len(shown.stages)) - 1] if each.stage else "",
            found=words.found(each.found, _),
            markers=[_marker(view, marker) for marker in each.markers],
            message=in_words(each.message, view.language),
            href=host_path(project_id, each.host),
        )
        for each in sorted(rows, key=lambda it: (order.index(it.state), it.host))
    ]


def _marker(view: View, marker: dict[str, Any]) -> tuple[str, str, str]:
    state = str(marker.get("state", ""))
    return (
        words.stage(str(marker.get("stage", "")), view.text),
        words.found(state, view.text)[1],
        in_words(str(marker.get("detail", "")), view.language),
    )


def _counts(view: View, shown: ShownRun) -> list[tuple[str, str, int]]:
    order = ("ok", "running", "waiting", "failed", "unreachable", "unknown")
    counts = shown.run.hosts_by_state
    return [
        (*words.host_state(name, view.text), counts[name]) for name in order if counts.get(name)
    ]


@router.post("/readiness/runs/{run_id}/cancel")
def cancel_run(run_id: int, view: Manager) -> RedirectResponse:
    _ = view.text
    try:
        with view.runtime.database.write() as session:
            row, _project = projects.of_run(session, view.scope, run_id)
            runs.cancel(session, row, view.principal.name, view.now)
            audit.record(session, view.principal, "readiness.cancel", f"run {run_id}")
            changes = next((kind.changes for kind in RUN_KINDS if kind.name == row.kind), False)
    except NotFound:
        raise
    except Problem as problem:
        return render.go(f"/readiness/runs/{run_id}", Flash("warn", problem.detail))
    said = (
        _("已请求取消：正在进行的一步做完后停下，随后查看各主机现状。")
        if changes
        else _("已请求取消：检查只读，主机没有变更。")
    )
    return render.go(f"/readiness/runs/{run_id}", Flash("info", said))


@router.get("/readiness/compare")
def compare_page(view: ReadinessView) -> Response:
    _, asked = view.text, view.request.query_params
    numbers = [asked.get(name, "") for name in ("before", "after")]
    if not all(each.isdecimal() and len(each) < 10 for each in numbers):
        raise Problem(422, "cannot compare", "name two runs: before and after")
    with view.runtime.database.read() as session:
        earlier, project_row = projects.of_run(session, view.scope, int(numbers[0]))
        later, _project = projects.of_run(session, view.scope, int(numbers[1]))
        project = views.project_view(session, project_row, view.now)
        found = comparing.compare(session, earlier, later)
        before, after = views.run_views(session, [earlier, later], view.now)
        every, _total = views.list_runs(session, earlier.project_id, size=60)
    wanted = asked.get("show", "")
    base = {"before": numbers[0], "after": numbers[1]}
    rows = [each for each in found.changes if not wanted or each.change == wanted]
    rules = judging.catalogue()
    order = list(tally.SEVERITIES)
    rows.sort(
        key=lambda it: (
            comparing.KINDS.index(it.change),
            order.index(rules[it.result.rule].severity) if it.result.rule in rules else 9,
            it.result.rule, it.result.asset,
        )
    )  # fmt: skip
    context = ComparePage(
        project=project,
        before=shown_run(view, before),
        after=shown_run(view, after),
        counts=[
            (words.change(kind, _), found.count(kind),
             render.link("/readiness/compare", base, show="" if wanted == kind else kind))
            for kind in comparing.KINDS
        ],
        rows=[_change(view, project.id, each) for each in rows[:MOST_CHANGES]],
        total=len(rows),
        alone=len(found.alone),
        others=[
            (each.id or 0, f"{each.id} · {each.queued.astimezone(view.zone):%m-%d %H:%M}")
            for each in every
            if each.verdict and each.id != later.id
        ],
    )  # fmt: skip
    crumbs = [
        Crumb(_("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{project.id}"),
        Crumb(_("两次运行对比")),
    ]
    return view.page(context, active="readiness", crumbs=crumbs)


def _change(view: View, project_id: int, each: comparing.Change) -> ShownChange:
    it = each.result
    return ShownChange(
        change=words.change(each.change, view.text),
        host=it.asset,
        profile=words.profile(it.profile, view.language, view.text),
        rule=it.rule,
        title=words.title_of(it.rule, view.language),
        severity=words.severity(it.severity.value, view.text),
        subject=it.subject,
        href=render.link(host_path(project_id, it.asset), profile=it.profile) + f"#{it.rule}",
    )
