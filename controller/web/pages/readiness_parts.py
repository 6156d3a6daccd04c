"""What the pages of readiness share: views by role, runs and verdicts in words, the tabs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.responses import Response

from controller.readiness.model import ProjectView, RunView
from controller.readiness.reasons import in_words
from controller.web import render
from controller.web.pages import readiness_words as words
from controller.web.pages.parts import Choice
from controller.web.shell import Flash
from controller.web.view import View, opened

ReadinessView = Annotated[View, Depends(opened("readiness.read"))]
Manager = Annotated[View, Depends(opened("readiness.manage"))]
Uploader = Annotated[View, Depends(opened("readiness.upload"))]
Waiving = Annotated[View, Depends(opened("readiness.waive"))]
Approver = Annotated[View, Depends(opened("readiness.approve"))]

ORDER = ("not_ready", "unknown", "conditional", "ready")
"""Verdicts, those that need somebody first."""


@dataclass(frozen=True)
class Part:
    """One piece of a bar of verdicts: where it begins and how wide it is, of 200."""

    verdict: str
    word: str
    count: int
    x: float
    width: float


@dataclass(frozen=True)
class ShownRun:
    """A run in words; ``share`` is how much of it is done, 0-100."""

    run: RunView
    kind: str
    state: tuple[str, str]
    verdict: tuple[str, str]
    found: tuple[str, str]
    stages: list[str]
    share: float
    error: str

    @property
    def under_way(self) -> bool:
        return self.run.state in ("queued", "running")


def shown_run(view: View, run: RunView) -> ShownRun:
    _ = view.text
    done = run.finished_hosts / run.hosts if run.hosts else 0.0
    return ShownRun(
        run=run,
        kind=words.run_kind(run.kind, _),
        state=words.run_state(run.state, _),
        verdict=words.verdict(run.verdict, _),
        found=words.found(run.inspected, _),
        stages=[words.stage(each, _) for each in run.stages],
        share=100.0 * done,
        error=in_words(run.error, view.language),
    )


def bar(verdicts: Mapping[str, int], view: View) -> list[Part]:
    """Counts of verdicts as pieces of one bar."""
    total, x, parts = sum(verdicts.values()), 0.0, []
    for name in ORDER:
        count = verdicts.get(name, 0)
        if not count:
            continue
        width = 200 * count / total
        parts.append(Part(name, words.verdict(name, view.text)[1], count, x, width))
        x += width
    return parts


def tabs(view: View, project: ProjectView, active: str) -> list[Choice]:
    """The pages of one project."""
    _, path = view.text, f"/readiness/projects/{project.id}"
    pages = [
        ("overview", _("总览"), path),
        ("grid", _("主机 × 规则"), f"{path}/grid"),
        ("runs", _("运行记录"), f"{path}/runs"),
        ("hosts", _("主机与证据包"), f"{path}/hosts"),
        ("waivers", _("已接受风险"), f"{path}/waivers"),
    ]
    if view.may("readiness.manage") or view.may("readiness.approve"):
        pages.append(("settings", _("设置与审批"), f"{path}/settings"))
    return [Choice(label, href, name == active) for name, label, href in pages]


def sent_on(path: str, flash: Flash) -> Response:
    """To ``path`` for a form that the script sent: a browser that follows by itself would put the
    page into the form's place."""
    answer = render.go(path, flash)
    answer.status_code = 204
    answer.headers["HX-Redirect"] = path
    return answer
