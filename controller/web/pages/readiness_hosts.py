"""A project's hosts: listed, registered, and their bundles collected by hand and brought here."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Annotated, ClassVar

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import RedirectResponse, Response

from controller.access import audit
from controller.problems import NotFound, Problem
from controller.readiness import projects, uploads, views
from controller.readiness.model import HostView, ProjectView
from controller.readiness.projects import WantedHost
from controller.readiness.reasons import in_words
from controller.web import render
from controller.web.pages.parts import Choice
from controller.web.pages.readiness_parts import (
    Manager,
    ReadinessView,
    Uploader,
    sent_on,
    tabs,
)
from controller.web.shell import Crumb, Flash
from playbooks.judge.bundle import MOST_BYTES

router = APIRouter()

MOST_LINES = 2000
MOST_CHARACTERS = 1000
"""Of a line; the four cells of one host have less."""


@dataclass(frozen=True)
class HostsPage(render.Context):
    """The hosts and the ways to bring bundles."""

    template: ClassVar[str] = "readiness_hosts.html"

    project: ProjectView
    tabs: list[Choice]
    rows: list[HostView]
    lines: str
    """The hosts as the form takes them."""
    may_manage: bool
    may_upload: bool


@router.get("/readiness/projects/{project_id}/hosts")
def hosts_page(project_id: int, view: ReadinessView) -> Response:
    _ = view.text
    with view.runtime.database.read() as session:
        row = projects.find(session, view.scope, project_id)
        project = views.project_view(session, row, view.now)
        rows = views.host_views(session, project_id, view.now)
    opened = row.closed is None
    context = HostsPage(
        project=project,
        tabs=tabs(view, project, "hosts"),
        rows=rows,
        lines="\n".join(_line(each) for each in rows),
        may_manage=opened and view.may("readiness.manage"),
        may_upload=opened and view.may("readiness.upload"),
    )
    crumbs = [
        Crumb(_("迁移与信创适配"), "/readiness"),
        Crumb(project.name, f"/readiness/projects/{project_id}"),
        Crumb(_("主机与证据包")),
    ]
    return view.page(context, active="readiness", crumbs=crumbs)


def _line(host: HostView) -> str:
    port = f":{host.port}" if host.port else ""
    address = f"[{host.address}]" if port and ":" in host.address else host.address
    return ", ".join([host.name, f"{address}{port}", host.system, host.unit]).rstrip(", ")


@router.post("/readiness/projects/{project_id}/hosts")
def save_hosts(
    project_id: int, view: Manager, lines: Annotated[str, Form(max_length=500_000)]
) -> RedirectResponse:
    path = f"/readiness/projects/{project_id}/hosts"
    try:
        wanted = parse_lines(lines)
        with view.runtime.database.write() as session:
            row = projects.find(session, view.scope, project_id)
            held = {each.name: each.variables for each in projects.hosts(session, project_id)}
            count = projects.set_hosts(session, view.scope, row, wanted, view.now, replace=True)
            for each in projects.hosts(session, project_id):
                each.variables = held.get(each.name, each.variables)
                session.add(each)
            audit.record(session, view.principal, "readiness.hosts", f"project {project_id}",
                         detail={"hosts": count})  # fmt: skip
    except NotFound as missing:
        if missing.detail.startswith("no project"):
            raise
        return render.go(
            path,
            Flash("bad", view.text("未保存：{why}", why=in_words(missing.detail, view.language))),
        )
    except Problem as problem:
        return render.go(
            path,
            Flash("bad", view.text("未保存：{why}", why=in_words(problem.detail, view.language))),
        )
    return render.go(path, Flash("good", view.text("已保存，共 {n} 台主机。", n=count)))


def parse_lines(text: str) -> list[WantedHost]:
    """A line a host: name, address[:port], system, unit; separated by commas or tabs.

    Raises Problem 422 naming the line.
    """
    found = []
    for number, raw in enumerate(text.replace("，", ",").replace("\t", ",").splitlines(), 1):
        if not raw.strip() or raw.lstrip().startswith("#"):
            continue
        if number > MOST_LINES:
            raise Problem(422, "too many hosts", f"over {MOST_LINES} lines")
        if len(raw) > MOST_CHARACTERS:
            raise Problem(422, "bad host", f"line {number} has over {MOST_CHARACTERS} characters: "
                          "write one host a line")  # fmt: skip
        cells = [cell.strip() for cell in next(csv.reader(io.StringIO(raw)))]
        if len(cells) > 4:
            raise Problem(422, "bad host", f"line {number}: name, address, system, unit are wanted")
        cells += [""] * (4 - len(cells))
        address, port = _address(cells[1], number)
        found.append(
            WantedHost(name=cells[0], address=address, port=port, system=cells[2], unit=cells[3])
        )
    return found


def _address(text: str, number: int) -> tuple[str, int | None]:
    """``10.1.1.1``, ``10.1.1.1:22``, ``[fd00::1]:22`` or a name."""
    host, separator, port = text.rpartition(":")
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1], None
    if not separator or (":" in host and not host.startswith("[")):
        return text, None
    if not port.isdecimal():
        raise Problem(422, "bad host", f"line {number}: {text!r} is no address with a port")
    return host.strip("[]"), int(port)


@router.post("/readiness/bundles/{project_id}")
def upload_bundle(
    project_id: int, view: Uploader, file: Annotated[UploadFile, File()], sha256: str = ""
) -> Response:
    """Sent by the script, with the token in its header."""
    path = f"/readiness/projects/{project_id}/hosts"
    try:
        taken = uploads.take_in(
            view.runtime, view.scope, project_id, file.file.read(MOST_BYTES + 1),
            view.principal, sha256=sha256,
        )  # fmt: skip
    except NotFound:
        raise
    except Problem as problem:
        said = view.text("证据包未收下：{why}", why=in_words(problem.detail, view.language))
        return sent_on(path, Flash("bad", said))
    if taken.run is None:
        said = view.text("已收下 {host} 的证据包；已有更新的一份，未重新研判。", host=taken.host)
        return sent_on(path, Flash("info", said))
    return sent_on(
        f"/readiness/runs/{taken.run}",
        Flash("good", view.text("已收下 {host} 的证据包，正在研判。", host=taken.host)),
    )
