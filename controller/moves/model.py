"""What 迁网 answers with: networks, projects with their steps, how much is carried."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Disposition = Literal["", "migrate", "keep", "merge"]
Step = Literal["addresses", "parallel", "cutover", "sign_off", "line_retired"]
StepState = Literal["waiting", "doing", "done", "skipped"]


class NetworkIn(BaseModel):
    """A department's own network to register or change. Nothing of a classified one is stored."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"code": "jtj-video", "name": "交通视频专网", "unit": "330100-JTJ",
                 "kind": "video", "disposition": "migrate", "hosts": 42, "cost_year": 180000,
                 "prefixes": ["172.20.8.0/22"], "vpn": "", "lines": ["ZX-2024-017"]}
            ]
        },
    )  # fmt: skip

    code: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=200)
    unit: str = Field(min_length=1, max_length=200, description="Code or name.")
    kind: Literal["business", "office", "video", "iot", "other"] = "business"
    classified: bool = Field(False, description="True is refused: nothing of it is stored.")
    disposition: Disposition = ""
    hosts: int | None = Field(None, ge=0, le=1_000_000)
    cost_year: float | None = Field(None, ge=0, le=1e10, description="Yuan a year.")
    prefixes: list[str] = Field([], max_length=100)
    vpn: str = Field("", max_length=100)
    lines: list[str] = Field([], max_length=100)
    contact: str = Field("", max_length=200)
    note: str = Field("", max_length=1000)


class NetworkView(BaseModel):
    """A department's own network as registered."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {"id": 3, "code": "jtj-video", "name": "交通视频专网", "unit_code": "330100-JTJ",
                 "unit_name": "市交通运输局", "kind": "video", "disposition": "migrate",
                 "hosts": 42, "cost_year": 180000.0, "prefixes": ["172.20.8.0/22"], "vpn": "",
                 "lines": ["ZX-2024-017"], "contact": "", "note": "",
                 "updated": "2026-11-20T09:00:00+08:00", "carried": False,
                 "project": "mv-jtj-video", "project_state": "open"}
            ]
        },
    )  # fmt: skip

    id: int
    code: str
    name: str
    unit_id: int = Field(exclude=True)
    unit_code: str
    unit_name: str
    kind: str
    disposition: str
    hosts: int | None
    cost_year: float | None
    prefixes: list[str]
    vpn: str
    lines: list[str]
    contact: str
    note: str
    updated: datetime
    carried: bool = Field(description="Carried by the extranet: its unit has signed off.")
    project: str = Field(description='Code of its newest project; "" for none.')
    project_state: str


class Carried(BaseModel):
    """一网承载率 of a group: own networks that the extranet carries, of those that shall move."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"key": "330100-JTJ", "name": "市交通运输局", "networks": 4, "to_move": 3,
                 "carried": 1, "rate_pct": 33.3, "hosts_to_move": 90, "hosts_carried": 42,
                 "hosts_rate_pct": 46.7, "kept": 1, "undecided": 0, "cost_year": 540000.0,
                 "cost_saved_year": 180000.0}
            ]
        }
    )  # fmt: skip

    key: str
    name: str
    networks: int = 0
    to_move: int = 0
    """Of disposition migrate or merge."""
    carried: int = 0
    rate_pct: float | None = None
    hosts_to_move: int = 0
    hosts_carried: int = 0
    hosts_rate_pct: float | None = None
    kept: int = 0
    undecided: int = 0
    cost_year: float = 0.0
    """Yuan a year that lines of these networks cost, as far as known."""
    cost_saved_year: float = 0.0
    """Of networks whose lines are retired."""


class StepView(BaseModel):
    """One step of a project."""

    step: str
    state: str
    who: str
    planned: datetime | None
    started: datetime | None
    finished: datetime | None
    blocked_by: str
    reference: str
    hosts_done: int | None
    blockers: list[Blocker] = []


class Blocker(BaseModel):
    """What keeps a step from going on; ``kind`` is stable, the words may change."""

    kind: str
    zh: str
    en: str


class EventView(BaseModel):
    """One change of a project."""

    at: datetime
    by: str
    step: str
    what: str
    text: str
    changes: dict[str, Any]


class ProjectView(BaseModel):
    """A project on the board: where it stands and what blocks it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"code": "mv-jtj-video", "name": "交通视频专网迁移", "network": "jtj-video",
                 "network_name": "交通视频专网", "unit_code": "330100-JTJ",
                 "unit_name": "市交通运输局", "target": "公用网络区", "lead": "李工",
                 "planned_end": "2026-12-31T00:00:00+08:00", "state": "open", "step": "cutover",
                 "done_steps": 2, "late": False, "blockers": [], "hosts": 42, "hosts_done": 10,
                 "steps": [], "note": "", "created": "2026-10-08T09:00:00+08:00"}
            ]
        }
    )  # fmt: skip

    code: str
    name: str
    network: str
    network_name: str
    unit_id: int = Field(exclude=True)
    unit_code: str
    unit_name: str
    target: str
    lead: str
    planned_end: datetime | None
    state: str
    step: str
    """The step that is due or under way; "" when the project is over."""
    done_steps: int
    late: bool
    blockers: list[Blocker]
    hosts: int | None
    hosts_done: int | None
    steps: list[StepView]
    note: str
    created: datetime


class ProjectDetail(ProjectView):
    """A project with its history, newest first."""

    events: list[EventView] = []


class ProjectIn(BaseModel):
    """A project to begin: one network's move."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"code": "mv-jtj-video", "name": "交通视频专网迁移", "network": "jtj-video",
                 "target": "公用网络区", "lead": "李工", "planned_end": "2026-12-31"}
            ]
        },
    )  # fmt: skip

    code: str = Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")
    name: str = Field("", max_length=200)
    network: str = Field(min_length=1, max_length=64)
    target: str = Field("", max_length=100)
    lead: str = Field("", max_length=100)
    planned_end: datetime | None = None
    note: str = Field("", max_length=1000)


class StepIn(BaseModel):
    """What changes of a step; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"state": "done", "reference": "地址批复〔2026〕17号"}]},
    )

    state: StepState | None = None
    who: str | None = Field(None, max_length=100)
    planned: datetime | None = None
    blocked_by: str | None = Field(None, max_length=500)
    reference: str | None = Field(None, max_length=200)
    hosts_done: int | None = Field(None, ge=0, le=1_000_000)


class SignIn(BaseModel):
    """The unit's word on its move: works as before, or not and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"accept": True, "text": "业务正常"}]}
    )

    accept: bool
    text: str = Field("", max_length=500)


class ReasonIn(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"text": "并入"}]})

    text: str = Field(min_length=1, max_length=500)


StepView.model_rebuild()
