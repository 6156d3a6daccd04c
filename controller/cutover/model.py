"""What the API of cut-overs answers with."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

_NOW = "2026-11-28T14:05:00Z"


class StageView(BaseModel):
    """A stage as the playbook told of it."""

    stage: str = Field(description="check, backup, arm, apply, reach, verify, confirm, persist, …")
    ok: bool
    text: str
    at: str


class CutoverHost(BaseModel):
    """A host: ``state`` is what was read from the host itself, not how the run ended."""

    host: str
    old: str
    new: str
    state: str = Field(
        description="waiting, running, or what the host said: untouched, armed, confirmed, "
        "rolled_back, rollback_unverified, needs_hands, unreachable; unknown: nobody looked yet"
    )
    stage: int
    message: str
    to_do: str
    deadline_at: datetime | None = Field(
        description="When the host takes an unconfirmed change back by itself; none: no timer runs"
    )
    stages: list[StageView]


class CutoverView(BaseModel):
    """A cut-over, or the taking back of one (``back_of``)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{
        "id": 31, "name": "plan-7-wave-1", "kind": "cutover", "plan": 7, "wave": 1, "project": 3,
        "project_name": "市交通运输局迁网", "state": "running", "by": "wang.wu", "queued": _NOW,
        "started": _NOW, "finished": None, "error": "", "hosts": 5,
        "by_state": {"running": 2, "confirmed": 3}, "stages": ["检查", "备份"], "back_of": None,
        "cancel_by": "", "worker": True}]})  # fmt: skip

    id: int
    name: str
    kind: str = Field(description="cutover, rollback")
    plan: int
    wave: int | None
    project: int
    project_name: str
    state: str = Field(description="Of the run: queued, running, done, failed, canceled, unknown")
    by: str
    queued: datetime
    started: datetime | None
    finished: datetime | None
    error: str
    hosts: int
    by_state: dict[str, int]
    stages: list[str]
    back_of: int | None
    cancel_by: str
    worker: bool = Field(description="Whether a worker is there to carry it out")


class CutoverDetail(BaseModel):
    """A cut-over with each host."""

    run: CutoverView
    items: list[CutoverHost]
    left_out: list[str] = Field(
        default=[],
        description="Hosts that it does not touch: of a cut-over those that were over before, of a "
        "way back those of which no address is known",
    )
