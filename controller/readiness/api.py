"""Routes of readiness projects: /api/v1/readiness/projects/… and what belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from controller.access import audit
from controller.access.deps import RuntimeDep, ScopeDep, may
from controller.access.principal import Principal
from controller.inventory.dated import SHANGHAI
from controller.readiness import credentials, projects, views
from controller.readiness.model import HostView, ProjectView
from controller.readiness.play import PLAYBOOKS
from controller.readiness.projects import Wanted, WantedHost
from controller.readiness.tables import ReadinessCredential

router = APIRouter(prefix="/api/v1/readiness", tags=["readiness"])

Reader = Annotated[Principal, Depends(may("readiness.read"))]
Manager = Annotated[Principal, Depends(may("readiness.manage"))]
Approver = Annotated[Principal, Depends(may("readiness.approve"))]
Uploader = Annotated[Principal, Depends(may("readiness.upload"))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Connection(_Body):
    """How to reach the hosts; a jump host is passed with the project's own key."""

    user: str = Field("", max_length=32)
    port: int | None = None
    become: bool = False
    jump_host: str = Field("", max_length=255)
    jump_user: str = Field("", max_length=32)
    jump_port: int | None = None


class NewProject(_Body):
    """A project to set up."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "财政一体化第一批",
                "kind": "xinchuang",
                "units": ["330100-CZJ"],
                "profiles": ["kunpeng920-kylin-v10", "hygon-uos-e"],
                "connection": {"user": "ops", "become": True, "jump_host": "10.1.0.5"},
            }
        },
    )

    name: str = Field(min_length=1, max_length=120)
    kind: Literal["migration", "network", "xinchuang", "ipv6"]
    units: list[str] = Field([], max_length=200, description="Codes or names; none: the city's own")
    profiles: list[str] = Field([], max_length=50)
    note: str = Field("", max_length=2000)
    window_from: datetime | None = None
    window_until: datetime | None = None
    connection: Connection = Connection()
    context: dict[str, Any] = Field({}, description="plan, edges, acl, …, as the judge reads it")


class ProjectChange(_Body):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"profiles": ["hygon-uos-e"]}}
    )

    name: str | None = Field(None, min_length=1, max_length=120)
    units: list[str] | None = Field(None, max_length=200)
    profiles: list[str] | None = Field(None, max_length=50)
    note: str | None = Field(None, max_length=2000)
    window: tuple[datetime | None, datetime | None] | None = None
    connection: Connection | None = None
    context: dict[str, Any] | None = None
    closed: bool | None = Field(None, description="Close the project, or open it again")


class NewHost(_Body):
    """A host. Without an address its bundles come by hand or from the agent."""

    name: str = Field(max_length=64)
    address: str = Field("", max_length=255)
    port: int | None = None
    unit: str = Field("", max_length=200)
    system: str = Field("", max_length=200)
    variables: dict[str, Any] = {}


class NewHosts(_Body):
    """Hosts to add or to change; ``replace`` retires those that are not listed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "hosts": [{"name": "cz-app-01", "address": "10.20.1.11", "system": "财政一体化"}]
            }
        },
    )

    hosts: list[NewHost] = Field(max_length=projects.MOST_HOSTS)
    replace: bool = False


class Hosts(BaseModel):
    """The hosts in force."""

    items: list[HostView]


class NewCredential(_Body):
    """A private key without passphrase, or a password; and what sudo asks for."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"key": "-----BEGIN OPENSSH PRIVATE KEY…"}}
    )

    key: str = Field("", max_length=credentials.MOST_BYTES, repr=False)
    password: str = Field("", max_length=256, repr=False)
    become: str = Field("", max_length=256, repr=False)


class CredentialView(BaseModel):
    """What may be told of a credential."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "key", "mark": "SHA256:…", "become": True,
                                         "updated": "2026-11-23T06:05:00Z", "by": "wang.wu"}]}
    )  # fmt: skip

    kind: str
    mark: str
    become: bool
    updated: datetime
    by: str


class Decision(_Body):
    """Whether the wave may be carried out."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"decision": "approved", "note": "2026-11-23 例会"}},
    )

    decision: Literal["approved", "refused"]
    note: str = Field("", max_length=1000)


class Projects(BaseModel):
    """Projects, newest first."""

    items: list[ProjectView]


@router.get("/projects", summary="Projects")
def list_projects(
    runtime: RuntimeDep,
    scope: ScopeDep,
    reader: Reader,
    closed: Annotated[bool | None, Query(description="Closed ones only, or open ones only")] = None,
) -> Projects:
    """Those whose units the caller may all see."""
    with runtime.database.read() as session:
        rows = projects.visible(session, scope, closed=closed)
        return Projects(items=views.project_views(session, rows, reader.at))


@router.post("/projects", status_code=201, summary="Set a project up")
def create_project(
    wanted: NewProject, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> ProjectView:
    """A wave: units, kind, target profiles. Hosts and credential come next."""
    with runtime.database.write() as session:
        row = projects.create(
            session, scope,
            Wanted(
                name=wanted.name, kind=wanted.kind, units=wanted.units, profiles=wanted.profiles,
                note=wanted.note,
                window=(in_shanghai(wanted.window_from), in_shanghai(wanted.window_until)),
                connection=wanted.connection.model_dump(), context=wanted.context,
            ),
            by.name, by.at,
        )  # fmt: skip
        audit.record(session, by, "readiness.project", f"project {row.id}",
                     detail={"name": row.name, "kind": row.kind})  # fmt: skip
        return views.project_view(session, row, by.at)


@router.get("/projects/{project_id}", summary="One project")
def get_project(
    project_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader
) -> ProjectView:
    """With counts of what stands now."""
    with runtime.database.read() as session:
        row = projects.find(session, scope, project_id)
        return views.project_view(session, row, reader.at)


@router.patch("/projects/{project_id}", summary="Change a project")
def change_project(
    project_id: int, wanted: ProjectChange, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> ProjectView:
    """What is left out stays; ``closed`` closes it or opens it again."""
    with runtime.database.write() as session:
        row = projects.find(session, scope, project_id)
        window = wanted.window and (in_shanghai(wanted.window[0]), in_shanghai(wanted.window[1]))
        projects.change(
            session, scope, row,
            Wanted(
                name=wanted.name, units=wanted.units, profiles=wanted.profiles, note=wanted.note,
                window=window, context=wanted.context,
                connection=wanted.connection.model_dump() if wanted.connection else None,
            ),
            by.at,
        )  # fmt: skip
        if wanted.closed is not None and wanted.closed != (row.closed is not None):
            projects.close(session, row, by.at)
        audit.record(session, by, "readiness.change", f"project {row.id}",
                     detail={"fields": sorted(wanted.model_fields_set)})  # fmt: skip
        return views.project_view(session, row, by.at)


@router.get("/projects/{project_id}/hosts", summary="A project's hosts")
def list_hosts(project_id: int, runtime: RuntimeDep, scope: ScopeDep, reader: Reader) -> Hosts:
    """Those in force, by name, with processor and system of their newest bundle."""
    with runtime.database.read() as session:
        projects.find(session, scope, project_id)
        return Hosts(items=views.host_views(session, project_id, reader.at))


@router.put("/projects/{project_id}/hosts", summary="Set a project's hosts")
def set_hosts(
    project_id: int, wanted: NewHosts, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> Hosts:
    """All are taken, or none."""
    with runtime.database.write() as session:
        row = projects.find(session, scope, project_id)
        count = projects.set_hosts(
            session, scope, row,
            [WantedHost(**each.model_dump()) for each in wanted.hosts],
            by.at, replace=wanted.replace,
        )  # fmt: skip
        audit.record(session, by, "readiness.hosts", f"project {row.id}", detail={"hosts": count})
        return Hosts(items=views.host_views(session, project_id, by.at))


@router.delete(
    "/projects/{project_id}/hosts/{name}", status_code=204, summary="Take a host out of a project"
)
def retire_host(
    project_id: int, name: str, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> None:
    """Its results stay in the runs that have them."""
    with runtime.database.write() as session:
        row = projects.find(session, scope, project_id)
        projects.retire_host(session, projects.find_host(session, project_id, name), by.at)
        audit.record(session, by, "readiness.host_retire", f"project {row.id}",
                     detail={"host": name})  # fmt: skip


@router.put("/projects/{project_id}/credential", summary="Set a project's credential")
def set_credential(
    project_id: int, wanted: NewCredential, runtime: RuntimeDep, scope: ScopeDep, by: Manager
) -> CredentialView:
    """Sealed at once; it is never shown again."""
    with runtime.database.write() as session:
        row = projects.find(session, scope, project_id)
        kept = credentials.keep(
            session, runtime.settings, row.id or 0,
            key=wanted.key, password=wanted.password, become=wanted.become,
            by=by.name, now=by.at,
        )  # fmt: skip
        audit.record(session, by, "readiness.credential", f"project {row.id}",
                     detail={"kind": kept.kind, "mark": kept.mark})  # fmt: skip
        return CredentialView(
            kind=kept.kind, mark=kept.mark, become=bool(kept.become), updated=kept.updated,
            by=kept.by,
        )  # fmt: skip


@router.delete(
    "/projects/{project_id}/credential", status_code=204, summary="Forget a project's credential"
)
def drop_credential(project_id: int, runtime: RuntimeDep, scope: ScopeDep, by: Manager) -> None:
    """And the keys of its hosts, so that hosts set up anew are accepted."""
    with runtime.database.write() as session:
        row = projects.find(session, scope, project_id)
        kept = session.get(ReadinessCredential, project_id)
        if kept is not None:
            session.delete(kept)
        row.known_hosts = ""
        session.add(row)
        audit.record(session, by, "readiness.credential_drop", f"project {row.id}")


@router.post("/projects/{project_id}/approvals", status_code=201, summary="Decide on a project")
def decide(
    project_id: int, wanted: Decision, runtime: RuntimeDep, scope: ScopeDep, by: Approver
) -> ProjectView:
    """Runs that change hosts need an approval, by another than who set the project up."""
    with runtime.database.write() as session:
        row = projects.find(session, scope, project_id)
        projects.decide(session, row, wanted.decision, wanted.note, by.name, by.at)
        audit.record(session, by, "readiness.approve", f"project {row.id}",
                     detail={"decision": wanted.decision})  # fmt: skip
        return views.project_view(session, row, by.at)


@router.get(
    "/collector",
    summary="The collector script",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/x-shellscript": {}}}},
)
def collector(reader: Reader) -> PlainTextResponse:
    """``sh collect.sh -a NAME -o NAME.json`` on the host, reading only; then upload NAME.json."""
    del reader
    return PlainTextResponse(
        (PLAYBOOKS / "collect.sh").read_text("utf-8"),
        media_type="text/x-shellscript; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="collect.sh"'},
    )


def in_shanghai(moment: datetime | None) -> datetime | None:
    """A moment without a zone is one in Shanghai."""
    return moment.replace(tzinfo=SHANGHAI) if moment and not moment.tzinfo else moment
