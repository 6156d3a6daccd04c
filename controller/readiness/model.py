"""What the API of readiness answers with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_NOW = "2026-11-23T06:05:00Z"


class ProjectView(BaseModel):
    """A project. ``verdicts`` counts the newest judgements, ``hosts`` those in force."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": 3, "name": "财政一体化第一批", "kind": "xinchuang", "units": ["330100-CZJ"],
        "unit_names": ["市财政局"], "profiles": ["kunpeng920-kylin-v10"], "note": "",
        "window_from": None, "window_until": None, "connection": {"user": "ops", "become": True},
        "context": {}, "credential": "key", "credential_mark": "SHA256:…", "approval": "approved",
        "approved_by": "li.lei", "closed": None, "created": _NOW, "by": "wang.wu", "hosts": 5,
        "bundles": 5, "verdicts": {"not_ready": 3, "unknown": 2}, "blockers": 7, "last_run": 12,
        "last_run_state": "done"}]})  # fmt: skip

    id: int
    name: str
    kind: str
    units: list[str]
    unit_names: list[str]
    profiles: list[str]
    note: str
    window_from: datetime | None
    window_until: datetime | None
    connection: dict[str, Any]
    context: dict[str, Any]
    credential: str = Field(description="key, password, or empty: none is kept")
    credential_mark: str
    approval: str = Field(
        description="approved, refused, lapsed (hosts or login changed since), "
        "or empty: nobody decided"
    )
    approved_by: str
    closed: datetime | None
    created: datetime
    by: str
    hosts: int
    bundles: int = Field(description="Hosts of which a bundle is here")
    verdicts: dict[str, int]
    blockers: int = Field(description="Open blockers in the newest judgements")
    last_run: int | None
    last_run_state: str


class HostView(BaseModel):
    """A host of a project and its newest bundle."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": 9, "name": "cz-app-01", "address": "10.20.1.11", "port": None, "unit": "330100-CZJ",
        "unit_name": "市财政局", "system": "财政一体化", "variables": {}, "bundle": "9c…",
        "taken": _NOW, "cpu": "Kunpeng-920", "os": "Kylin Linux Advanced Server V10",
        "domestic": True}]})  # fmt: skip

    id: int
    name: str
    address: str
    port: int | None
    unit: str
    unit_name: str
    system: str
    variables: dict[str, Any]
    bundle: str
    taken: datetime | None
    cpu: str
    os: str
    domestic: bool | None = Field(description="CPU and system both; null where one is unknown")


class RunHostView(BaseModel):
    """Where a host stands in a run."""

    host: str
    state: str
    stage: int
    message: str
    found: str
    markers: list[dict[str, Any]]
    began: datetime | None
    ended: datetime | None
    seq: int


class RunView(BaseModel):
    """A run. ``inspected`` is what a look after an abnormal end found."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": 12, "project": 3, "project_name": "财政一体化第一批", "kind": "check",
        "state": "done", "areas": ["xinchuang"], "profiles": ["kunpeng920-kylin-v10"],
        "by": "wang.wu", "queued": _NOW, "started": _NOW, "finished": _NOW, "stage": 2,
        "stages": ["采集", "研判"], "seq": 31, "hosts_by_state": {"ok": 5}, "hosts": 5,
        "finished_hosts": 5, "cancel_by": "", "error": "", "verdict": "not_ready",
        "totals": {"blockers": 7, "coverage": 0.71}, "inspects": None, "inspected": "",
        "worker": True}]})  # fmt: skip

    id: int
    project: int
    project_name: str
    kind: str
    state: str
    areas: list[str]
    profiles: list[str]
    by: str
    queued: datetime
    started: datetime | None
    finished: datetime | None
    stage: int
    stages: list[str]
    seq: int
    hosts_by_state: dict[str, int]
    hosts: int
    finished_hosts: int
    cancel_by: str
    error: str
    verdict: str
    totals: dict[str, Any]
    inspects: int | None
    inspected: str
    worker: bool = Field(description="Whether a worker is there to carry out what waits")


class RunDetail(BaseModel):
    """A run with its hosts."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"run": {"id": 12}, "hosts": []}]})

    run: RunView
    hosts: list[RunHostView]


class JudgementView(BaseModel):
    """The newest judgement of a host for a target profile."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "host": "cz-app-01", "profile": "kunpeng920-kylin-v10", "verdict": "not_ready",
        "coverage": 0.71, "stars": 4, "blockers": 2, "majors": 5, "run": 12, "at": _NOW,
        "reason": "", "grid": {"CPU-002": "F"}}]})  # fmt: skip

    host: str
    profile: str
    verdict: str
    coverage: float | None
    stars: int
    blockers: int
    majors: int
    run: int
    at: datetime
    reason: str
    grid: dict[str, str] = Field(
        description="Rule to F failed, W accepted, E error, U unknown, N not checked, I "
        "informational, P passed, - not applicable"
    )


class WaiverView(BaseModel):
    """A waiver; ``active`` says whether it covers anything now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": 4, "project": 3, "rule": "OS-002", "fingerprint": "", "hosts": ["cz-app-01"],
        "reason": "随系统整体迁移退役", "owner": "wang.wu", "approved_by": "li.lei",
        "by": "li.lei", "created": _NOW, "expires": "2026-12-31T16:00:00Z", "ended": None,
        "active": True}]})  # fmt: skip

    id: int
    project: int
    rule: str
    fingerprint: str
    hosts: list[str]
    reason: str
    owner: str
    approved_by: str
    by: str
    created: datetime
    expires: datetime
    ended: datetime | None
    active: bool


class BundleView(BaseModel):
    """A bundle that was taken in, and the run that judges it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "host": "cz-app-02", "sha256": "9c…", "taken": _NOW, "privilege": "root",
        "incomplete": ["firewall"], "run": 13}]})  # fmt: skip

    host: str
    sha256: str
    taken: datetime
    privilege: str
    incomplete: list[str] = Field(description="Sections that were cut, denied or absent")
    run: int | None = Field(description="The run that judges it, null where none was started")
