"""One host of a project for one target: what is open, what was not decided, what was passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter
from fastapi.responses import Response

from controller.problems import NotFound
from controller.readiness import judging, packing, projects, views
from controller.readiness.model import HostView, JudgementView, ProjectView, WaiverView
from controller.readiness.reasons import in_words
from controller.readiness.waivers import list_waivers
from controller.web import render
from controller.web.pages import readiness_words as words
from controller.web.pages.parts import Choice
from controller.web.pages.readiness_parts import ReadinessView
from controller.web.pages.readiness_project import host_path
from controller.web.shell import Crumb
from controller.web.view import View
from playbooks.judge.results import Result, Status
from playbooks.judge.rules import UNVERIFIED_EN, UNVERIFIED_ZH

router = APIRouter()


@dataclass(frozen=True)
class ShownResult:
    """A result in words."""

    result: Result
    reason: str
    title: str
    fix: str
    severity: tuple[str, str]
    status: tuple[str, str]
    verified: bool
    playbook: str
    waiver: WaiverView | None


@dataclass(frozen=True)
class HostPage(render.Context):
    """One host for one profile: what is open, what was not decided, what was passed."""

    template: ClassVar[str] = "readiness_host.html"

    project: ProjectView
    host: HostView
    judgement: JudgementView | None
    reason: str
    """Why nothing was judged, where nothing was."""
    verdict: tuple[str, str]
    profiles: list[Choice]
    problems: list[ShownResult]
    unchecked: list[tuple[str, list[str]]]
    """Reason and the rules."""
    passed: list[tuple[str, str]]
    unverified: str
    waiver_days: str
    """The day that the form proposes as the end of a waiver."""
    may_waive: bool


@router.get("/readiness/projects/{project_id}/hosts/{name}")
def host_page(project_id: int, name: str, view: ReadinessView) -> Response:
    _, asked = view.text, view.request.query_params
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        host = next(
            (each for each in views.host_views(session, project_id, view.now)
             if each.name == name), None
        )  # fmt: skip
        if host is None:
            raise NotFound("host", name)
        judged = [(each, own) for each, own in views.newest(session, project_id) if own == name]
        known = {
            str(each.id): views.waiver_view(each, view.now)
            for each in list_waivers(session, project_id)
        }
    profiles = [each.profile for each, _name in judged]
    profile = asked.get("profile", "")
    profile = profile if profile in profiles else (profiles[0] if profiles else "")
    chosen = next(((each, own) for each, own in judged if each.profile == profile), None)
    judgement = views.judgement_views([chosen])[0] if chosen else None
    results = packing.unpack(*chosen).results if chosen else ()
    context = HostPage(
        project=project,
        host=host,
        judgement=judgement,
        reason=in_words(judgement.reason, view.language) if judgement else "",
        verdict=words.verdict(judgement.verdict if judgement else "", _),
        profiles=[
            Choice(
                words.profile(each, view.language, _),
                render.link(host_path(project_id, name), profile=each),
                each == profile,
            )
            for each in profiles
        ],
        problems=_problems(view, results, known),
        unchecked=_unchecked(results, view.language),
        passed=[
            (it.rule, words.title_of(it.rule, view.language))
            for it in results
            if it.status in (Status.PASS, Status.FIXED)
        ],
        unverified=UNVERIFIED_EN if view.language == "en" else UNVERIFIED_ZH,
        waiver_days=f"{view.now.astimezone(view.zone).replace(month=12, day=31):%Y-%m-%d}",
        may_waive=view.may("readiness.waive"),
    )
    crumbs = [
        Crumb(_("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{project_id}"),
        Crumb(name),
    ]
    return view.page(context, active="readiness", crumbs=crumbs)


def _problems(
    view: View, results: tuple[Result, ...], known: dict[str, WaiverView]
) -> list[ShownResult]:
    rules = judging.catalogue()
    order = "BMmi"
    failed = [
        it
        for it in results
        if it.status in (Status.FAIL, Status.ERROR, Status.INFORMATIONAL) and it.rule in rules
    ]
    failed.sort(
        key=lambda it: (
            it.status is Status.INFORMATIONAL, bool(it.waiver),
            order.index(it.severity.value), it.rule, it.subject,
        )
    )  # fmt: skip
    return [
        ShownResult(
            result=it,
            reason=in_words(it.reason, view.language),
            title=words.rule_title(rules[it.rule], view.language),
            fix=words.rule_fix(rules[it.rule], view.language),
            severity=words.severity(it.severity.value, view.text),
            status=words.letter(packing.letter(it), view.text)[::2],
            verified=rules[it.rule].verified,
            playbook=rules[it.rule].playbook,
            waiver=known.get(it.waiver),
        )
        for it in failed
    ]


def _unchecked(results: tuple[Result, ...], language: str) -> list[tuple[str, list[str]]]:
    groups: dict[str, list[str]] = {}
    for it in results:
        if it.status in (Status.NOT_CHECKED, Status.UNKNOWN):
            groups.setdefault(in_words(it.reason, language), []).append(it.rule)
    return sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
