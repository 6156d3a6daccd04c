"""One project: what stands now, and the grid of hosts and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from controller.readiness import judging, projects, tally, views
from controller.readiness.model import HostView, ProjectView
from controller.readiness.tables import ReadinessJudgement
from controller.web import render, tables
from controller.web.pages import readiness_words as words
from controller.web.pages.parts import Choice
from controller.web.pages.readiness_parts import (
    Part,
    ReadinessView,
    ShownRun,
    bar,
    shown_run,
    tabs,
)
from controller.web.shell import Crumb
from controller.web.view import View
from playbooks.judge.rules import AREAS

router = APIRouter()

FIRST = 10
"""Blockers that the overview tells of."""
RULES_SHOWN = 60


@dataclass(frozen=True)
class ShownRule:
    """A rule with how many hosts it stops."""

    id: str
    title: str
    fix: str
    severity: tuple[str, str]
    hosts: list[str]
    share: float
    """Of the hosts judged, 0-100."""
    playbook: str
    verified: bool
    hours: float


@dataclass(frozen=True)
class Cell:
    """A host for a profile."""

    profile: str
    verdict: tuple[str, str]
    blockers: int
    coverage: float | None
    href: str


@dataclass(frozen=True)
class MatrixRow:
    """A host and its verdicts, one a profile; None where it was not judged for one."""

    host: str
    identity: str
    domestic: bool | None
    system: str
    cells: list[Cell | None]


@dataclass(frozen=True)
class ProjectPage(render.Context):
    """What stands now: verdicts, what to do first, the matrix, the last runs."""

    template: ClassVar[str] = "readiness_project.html"

    project: ProjectView
    kind: str
    tabs: list[Choice]
    overall: tuple[str, str]
    bar: list[Part]
    judged: int
    coverage: float | None
    blockers: list[ShownRule]
    blockers_total: int
    undecided: list[ShownRule]
    majors: int
    heads: list[tuple[str, str]]
    """(id, title) of the profiles that were judged."""
    rows: list[MatrixRow]
    runs: list[ShownRun]
    may_manage: bool
    reachable: bool
    """Whether a host has an address to log in to."""
    profiles: list[tuple[str, str, bool]]
    """(id, title, whether it is the project's)."""
    decision: tuple[str, str]
    exports: tuple[tables.ExportLink, ...]


@dataclass(frozen=True)
class GridRow:
    """A rule over the hosts; ``signs``: (tone, sign, meaning, href)."""

    id: str
    title: str
    severity: tuple[str, str]
    failed: int
    signs: list[tuple[str, str, str, str]]


@dataclass(frozen=True)
class GridPage(render.Context):
    """Rules down, hosts across, for one profile."""

    template: ClassVar[str] = "readiness_grid.html"

    project: ProjectView
    tabs: list[Choice]
    profiles: list[Choice]
    filters: list[Choice]
    hosts: list[str]
    areas: list[tuple[str, list[GridRow]]]
    legend: list[tuple[str, str, str]]
    exports: tuple[tables.ExportLink, ...]


@router.get("/readiness/projects/{project_id}")
def project_page(project_id: int, view: ReadinessView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        rows = views.newest(session, project_id)
        hosts = views.host_views(session, project_id, view.now)
        found, _total = views.list_runs(session, project_id, size=6)
        runs = views.run_views(session, found, view.now)
    rules = judging.chosen_rules([row.kind])
    judged = len({host for _, host in rows})
    blockers = tally.frequent(rows, rules)
    shares = [judged_row.coverage for judged_row, _ in rows if judged_row.coverage is not None]
    context = ProjectPage(
        project=project,
        kind=words.project_kind(project.kind, _),
        tabs=tabs(view, project, "overview"),
        overall=words.verdict(tally.overall(rows).value if rows else "", _),
        bar=bar(project.verdicts, view),
        judged=judged,
        coverage=100 * sum(shares) / len(shares) if shares else None,
        blockers=[_rule(view, each, judged) for each in blockers[:FIRST]],
        blockers_total=len(blockers),
        undecided=[_rule(view, each, judged) for each in tally.undecided(rows, rules)[:FIRST]],
        majors=len(tally.frequent(rows, rules, ("major",))),
        heads=[(each, words.profile(each, view.language, _)) for each in tally.profiles_of(rows)],
        rows=_matrix(view, project_id, rows, hosts),
        runs=[shown_run(view, each) for each in runs],
        may_manage=view.may("readiness.manage") and project.closed is None,
        reachable=any(each.address for each in hosts),
        profiles=[
            (key, title, key in project.profiles) for key, title in words.profiles(view.language)
        ],
        decision=words.decision(project.approval, _),
        exports=_exports(view, project_id),
    )
    crumbs = [Crumb(_("迁移与信创适配"), "/readiness"), Crumb(project.name)]
    return view.page(context, active="readiness", crumbs=crumbs)


def _exports(view: View, project_id: int) -> tuple[tables.ExportLink, ...]:
    _, api = view.text, f"/api/v1/readiness/projects/{project_id}/report"
    return (
        tables.ExportLink("pdf", _("评估报告（PDF）"), f"{api}?format=pdf"),
        tables.ExportLink("xlsx", _("Excel 表格（XLSX）"), f"{api}?format=xlsx"),
        tables.ExportLink("html", _("网页（HTML）"), f"{api}?format=html"),
        tables.ExportLink("json", "JSON", f"{api}?format=json"),
    )


def _rule(view: View, found: tally.Frequent, judged: int) -> ShownRule:
    rule = found.rule
    return ShownRule(
        id=rule.id,
        title=words.rule_title(rule, view.language),
        fix=words.rule_fix(rule, view.language),
        severity=words.severity(rule.severity, view.text),
        hosts=sorted(found.hosts),
        share=100 * len(found.hosts) / judged if judged else 0.0,
        playbook=rule.playbook,
        verified=rule.verified,
        hours=found.hours,
    )


def _matrix(
    view: View, project_id: int, rows: list[tally.Row], hosts: list[HostView]
) -> list[MatrixRow]:
    heads = tally.profiles_of(rows)
    judged = tally.by_host(rows)
    shown = []
    for host in hosts:
        cells: list[Cell | None] = []
        for profile in heads:
            row = judged.get(host.name, {}).get(profile)
            cells.append(
                Cell(
                    profile,
                    words.verdict(row.verdict, view.text),
                    row.blockers,
                    None if row.coverage is None else 100 * row.coverage,
                    render.link(host_path(project_id, host.name), profile=profile),
                )
                if row
                else None
            )
        identity = " · ".join(each for each in (host.cpu, host.os) if each)
        shown.append(MatrixRow(host.name, identity, host.domestic, host.system, cells))
    return shown


def host_path(project_id: int, name: str) -> str:
    return f"/readiness/projects/{project_id}/hosts/{quote(name, safe='')}"


@router.get("/readiness/projects/{project_id}/grid")
def grid_page(project_id: int, view: ReadinessView) -> Response:
    _, asked = view.text, view.request.query_params
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        rows = views.newest(session, project_id)
    heads = tally.profiles_of(rows)
    profile = asked.get("profile", "")
    profile = profile if profile in heads else (heads[0] if heads else "")
    show = asked.get("show", "open")
    show = show if show in ("open", "blocker", "all") else "open"
    chosen = {host: each for each, host in rows if each.profile == profile}
    path = f"/readiness/projects/{project_id}/grid"
    if asked.get("format") in ("csv", "xlsx"):
        return _grid_file(view, asked["format"], project, chosen)
    labels = (("open", _("未关闭与未判定")), ("blocker", _("全部阻断项")), ("all", _("全部规则")))
    context = GridPage(
        project=project,
        tabs=tabs(view, project, "grid"),
        profiles=[
            Choice(
                words.profile(each, view.language, _),
                render.link(path, profile=each, show=show),
                each == profile,
            )
            for each in heads
        ],
        filters=[
            Choice(label, render.link(path, profile=profile, show=name), name == show)
            for name, label in labels
        ],
        hosts=sorted(chosen),
        areas=_areas(view, project_id, row.kind, profile, chosen, show),
        legend=[words.letter(sign, _) for sign in "FWNUEPI-"],
        exports=(
            tables.ExportLink(
                "xlsx", _("Excel 表格（XLSX）"), render.link(path, profile=profile, format="xlsx")
            ),
            tables.ExportLink(
                "csv", _("文本表格（CSV）"), render.link(path, profile=profile, format="csv")
            ),
        ),
    )
    crumbs = [
        Crumb(_("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{project_id}"),
        Crumb(_("主机 × 规则")),
    ]
    return view.page(context, active="readiness", crumbs=crumbs)


def _areas(
    view: View,
    project_id: int,
    kind: str,
    profile: str,
    chosen: dict[str, ReadinessJudgement],
    show: str,
) -> list[tuple[str, list[GridRow]]]:
    """Rules by area, those that stop most hosts first."""
    found: dict[str, list[GridRow]] = {}
    for rule in judging.chosen_rules([kind]).values():
        signs = {host: row.grid.get(rule.id, "") for host, row in chosen.items()}
        values = set(signs.values())
        if show == "blocker" and rule.severity != "blocker":
            continue
        if show == "open" and not ("F" in values or "W" in values or (
            rule.severity == "blocker" and values & set("NUE"))
        ):  # fmt: skip
            continue
        cells = [
            (
                *(words.letter(signs[host], view.text) if signs[host] else ("none", "", "")),
                render.link(host_path(project_id, host), profile=profile) + f"#{rule.id}",
            )
            for host in sorted(chosen)
        ]
        found.setdefault(AREAS[rule.area] if view.language == "zh" else rule.area, []).append(
            GridRow(
                rule.id, words.rule_title(rule, view.language),
                words.severity(rule.severity, view.text),
                sum(sign == "F" for sign in signs.values()), cells,
            )
        )  # fmt: skip
    order = list(tally.SEVERITIES)
    tone = {words.severity(each, view.text)[1]: order.index(each) for each in order}
    for grid_rows in found.values():
        grid_rows.sort(key=lambda it: (tone[it.severity[1]], -it.failed, it.id))
    return list(found.items())


def _grid_file(
    view: View, form: str, project: ProjectView, chosen: dict[str, ReadinessJudgement]
) -> Response:
    _ = view.text
    hosts = sorted(chosen)
    rows = [
        [
            rule.id, words.rule_title(rule, view.language),
            words.severity(rule.severity, _)[1],
            *(words.letter(chosen[host].grid.get(rule.id, ""), _)[2] for host in hosts),
        ]
        for rule in judging.chosen_rules([project.kind]).values()
    ]  # fmt: skip
    heads = [_("检查规则"), _("问题"), _("级别"), *hosts]
    return tables.export(form, f"readiness-{project.id}-grid", heads, rows)
