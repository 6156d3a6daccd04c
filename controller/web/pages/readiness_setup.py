"""A project's settings: connection, credential, window, approval; and its accepted findings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session

from controller.access import audit
from controller.problems import NotFound, Problem
from controller.readiness import credentials, projects, views, waivers
from controller.readiness.model import ProjectView, WaiverView
from controller.readiness.projects import Wanted
from controller.readiness.reasons import in_words
from controller.readiness.tables import ReadinessApproval, ReadinessProject
from controller.web import render
from controller.web.pages import readiness_words as words
from controller.web.pages.parts import Choice
from controller.web.pages.readiness_parts import (
    Approver,
    Manager,
    ReadinessView,
    Waiving,
    tabs,
)
from controller.web.shell import Crumb, Flash, local_path
from controller.web.view import View

router = APIRouter()


@dataclass(frozen=True)
class SettingsPage(render.Context):
    """How the hosts are reached, when and with whose word."""

    template: ClassVar[str] = "readiness_settings.html"

    project: ProjectView
    tabs: list[Choice]
    profiles: list[tuple[str, str, bool]]
    window_from: str
    window_until: str
    context: str
    approvals: list[tuple[ReadinessApproval, tuple[str, str]]]
    may_manage: bool
    may_approve: bool


@dataclass(frozen=True)
class ShownWaiver:
    """A waiver in words."""

    waiver: WaiverView
    title: str
    state: tuple[str, str]


@dataclass(frozen=True)
class WaiversPage(render.Context):
    """What was accepted, by whom, until when."""

    template: ClassVar[str] = "readiness_waivers.html"

    project: ProjectView
    tabs: list[Choice]
    rows: list[ShownWaiver]
    may_waive: bool


@router.get("/readiness/projects/{project_id}/settings")
def settings_page(project_id: int, view: ReadinessView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        said = projects.approvals(session, project_id)
    context = SettingsPage(
        project=project,
        tabs=tabs(view, project, "settings"),
        profiles=[
            (key, title, key in project.profiles) for key, title in words.profiles(view.language)
        ],
        window_from=_field(view, project.window_from),
        window_until=_field(view, project.window_until),
        context=json.dumps(project.context, ensure_ascii=False, indent=1)
        if project.context
        else "",
        approvals=[(each, words.decision(each.decision, _)) for each in said],
        may_manage=view.may("readiness.manage"),
        may_approve=view.may("readiness.approve") and project.closed is None,
    )
    return view.page(context, active="readiness", crumbs=_crumbs(view, project, _("设置与审批")))


def _crumbs(view: View, project: ProjectView, last: str) -> list[Crumb]:
    return [
        Crumb(view.text("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{project.id}"),
        Crumb(last),
    ]


def _field(view: View, at: datetime | None) -> str:
    """As an input of type datetime-local has it."""
    return f"{at.astimezone(view.zone):%Y-%m-%dT%H:%M}" if at else ""


def _moment(view: View, text: str) -> datetime | None:
    if not text.strip():
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=view.zone)
    except ValueError:
        raise Problem(422, "bad time", f"{text!r} is no date and time") from None


def _do(
    view: View,
    project_id: int,
    act: Callable[[Session, ReadinessProject], dict[str, Any]],
    action: str,
    done: str,
    back: str = "settings",
) -> RedirectResponse:
    """Carries out one change of a project with its line in the audit log, and says how it went."""
    path = f"/readiness/projects/{project_id}/{back}" if "/" not in back else back
    try:
        with view.runtime.database.write() as session:
            row = projects.find(session, view.scope, project_id)
            detail = act(session, row)
            audit.record(session, view.principal, action, f"project {project_id}", detail=detail)
    except NotFound:
        raise
    except Problem as problem:
        return render.go(
            path,
            Flash("bad", view.text("未保存：{why}", why=in_words(problem.detail, view.language))),
        )
    return render.go(path, Flash("good", done))


@router.post("/readiness/projects/{project_id}/settings")
def save_settings(
    project_id: int,
    view: Manager,
    name: Annotated[str, Form(max_length=120)],
    note: Annotated[str, Form(max_length=2000)] = "",
    profiles: Annotated[list[str] | None, Form()] = None,
    window_from: Annotated[str, Form(max_length=32)] = "",
    window_until: Annotated[str, Form(max_length=32)] = "",
    context: Annotated[str, Form(max_length=500_000)] = "",
) -> RedirectResponse:
    def act(session: Session, row: ReadinessProject) -> dict[str, Any]:
        try:
            inputs = json.loads(context) if context.strip() else {}
            if not isinstance(inputs, dict):
                raise ValueError("not an object")
        except ValueError as error:
            raise Problem(422, "bad inputs", f"inputs are not JSON: {error}") from None
        projects.change(
            session, view.scope, row,
            Wanted(
                name=name, note=note, profiles=profiles or [], context=inputs,
                window=(_moment(view, window_from), _moment(view, window_until)),
            ),
            view.now,
        )  # fmt: skip
        return {"name": name}

    return _do(view, project_id, act, "readiness.change", view.text("已保存。"))


@router.post("/readiness/projects/{project_id}/connection")
def save_connection(
    project_id: int,
    view: Manager,
    user: Annotated[str, Form(max_length=32)] = "",
    port: Annotated[str, Form(max_length=5)] = "",
    become: Annotated[str, Form(max_length=3)] = "",
    jump_host: Annotated[str, Form(max_length=255)] = "",
    jump_user: Annotated[str, Form(max_length=32)] = "",
    jump_port: Annotated[str, Form(max_length=5)] = "",
) -> RedirectResponse:
    def act(session: Session, row: ReadinessProject) -> dict[str, Any]:
        given = {
            "user": user.strip(), "port": _port(port), "become": bool(become),
            "jump_host": jump_host.strip(), "jump_user": jump_user.strip(),
            "jump_port": _port(jump_port),
        }  # fmt: skip
        projects.change(session, view.scope, row, Wanted(connection=given), view.now)
        return {"fields": ["connection"]}

    return _do(view, project_id, act, "readiness.change", view.text("已保存。"))


def _port(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or len(text) > 10:
        raise Problem(422, "bad connection", f"port {text!r} is no number")
    return int(text)


@router.post("/readiness/projects/{project_id}/credential")
def save_credential(
    project_id: int,
    view: Manager,
    key: Annotated[str, Form(max_length=credentials.MOST_BYTES)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    become: Annotated[str, Form(max_length=256)] = "",
) -> RedirectResponse:
    def act(session: Session, row: ReadinessProject) -> dict[str, Any]:
        kept = credentials.keep(
            session, view.runtime.settings, row.id or 0, key=key.strip(), password=password,
            become=become, by=view.principal.name, now=view.now,
        )  # fmt: skip
        return {"kind": kept.kind, "mark": kept.mark}

    done = view.text("登录凭据已加密保存，今后不再显示。")
    return _do(view, project_id, act, "readiness.credential", done)


@router.post("/readiness/projects/{project_id}/approvals")
def decide(
    project_id: int,
    view: Approver,
    decision: Annotated[str, Form(max_length=16)],
    note: Annotated[str, Form(max_length=1000)] = "",
) -> RedirectResponse:
    def act(session: Session, row: ReadinessProject) -> dict[str, Any]:
        projects.decide(session, row, decision, note, view.principal.name, view.now)
        return {"decision": decision}

    return _do(view, project_id, act, "readiness.approve", view.text("已记录审批意见。"))


@router.post("/readiness/projects/{project_id}/close")
def close_project(project_id: int, view: Manager) -> RedirectResponse:
    def act(session: Session, row: ReadinessProject) -> dict[str, Any]:
        projects.close(session, row, view.now)
        return {"closed": row.closed is not None}

    return _do(view, project_id, act, "readiness.change", view.text("已保存。"))


@router.get("/readiness/projects/{project_id}/waivers")
def waivers_page(project_id: int, view: ReadinessView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        rows = [
            views.waiver_view(each, view.now) for each in waivers.list_waivers(session, project_id)
        ]
    context = WaiversPage(
        project=project,
        tabs=tabs(view, project, "waivers"),
        rows=[
            ShownWaiver(
                each,
                words.title_of(each.rule, view.language) if each.rule else "",
                ("good", _("有效")) if each.active else ("", _("已失效")),
            )
            for each in rows
        ],
        may_waive=view.may("readiness.waive"),
    )
    return view.page(context, active="readiness", crumbs=_crumbs(view, project, _("已接受风险")))


@router.post("/readiness/projects/{project_id}/waivers")
def waive(
    project_id: int,
    view: Waiving,
    reason: Annotated[str, Form(max_length=1000)],
    owner: Annotated[str, Form(max_length=64)],
    approved_by: Annotated[str, Form(max_length=64)],
    expires: Annotated[str, Form(max_length=10)],
    rule: Annotated[str, Form(max_length=16)] = "",
    fingerprint: Annotated[str, Form(max_length=64)] = "",
    host: Annotated[str, Form(max_length=64)] = "",
    scope: Annotated[str, Form(max_length=16)] = "finding",
    back: Annotated[str, Form(max_length=500)] = "",
) -> RedirectResponse:
    """``scope``: this finding, the rule on this host, or the rule on all hosts of the project."""

    def act(session: Session, row: ReadinessProject) -> dict[str, Any]:
        try:
            last = datetime.fromisoformat(expires).date()
        except ValueError:
            raise Problem(422, "bad waiver", f"{expires!r} is no date") from None
        # The day named is the last on which it holds.
        until = datetime.combine(last + timedelta(days=1), time(), view.zone)
        made = waivers.create(
            session, row, rule="" if scope == "finding" else rule,
            fingerprint=fingerprint if scope == "finding" else "",
            hosts=[host] if scope != "project" and host else [], reason=reason, owner=owner,
            approved_by=approved_by, expires=until, by=view.principal.name, now=view.now,
        )  # fmt: skip
        return {"waiver": made.id, "rule": made.rule, "expires": until.isoformat()}

    path = local_path(back) if back else "waivers"
    return _do(view, project_id, act, "readiness.waive", view.text("已接受该风险。"), path)


@router.post("/readiness/waivers/{waiver_id}/end")
def end_waiver(waiver_id: int, view: Waiving) -> RedirectResponse:
    with view.runtime.database.read() as session:
        project_id = waivers.find(session, waiver_id).project_id

    def act(session: Session, _row: ReadinessProject) -> dict[str, Any]:
        waivers.end(session, waivers.find(session, waiver_id), view.now)
        return {"waiver": waiver_id}

    done = view.text("已收回，对应问题重新计入。")
    return _do(view, project_id, act, "readiness.unwaive", done, "waivers")
