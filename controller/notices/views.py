"""What the API and the pages are given: plain views of notices and what belongs to them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class NoticeRow(_View):
    """A notice in a list. ``due`` is the earliest day by which the unit still has to answer;
    ``days_left`` counts working days, negative when it is over."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "code": "TX-2026-0007", "kind": "idle", "state": "issued",
                    "unit_code": "330100-JTJ", "unit_name": "市交通运输局",
                    "title": "关于清理闲置低效政务云资源的提示函", "number": "市数函〔2026〕7号",
                    "drafted": "2026-11-20T09:00:00+08:00", "issued": "2026-11-23T09:00:00+08:00",
                    "read": None, "due": "2026-12-07", "days_left": 10, "items": 3, "open": 3,
                    "answered": 0, "vcpu": 24.0, "demo": False, "proposed": 0,
                }
            ]
        },
    )  # fmt: skip

    code: str
    kind: str
    state: str
    unit_code: str = ""
    unit_name: str
    title: str
    number: str
    drafted: datetime
    issued: datetime | None
    read: datetime | None
    due: date | None
    days_left: int | None
    items: int
    open: int
    """Resources that have not come to their end."""
    answered: int
    """Resources the unit has answered for and confirmed."""
    vcpu: float
    demo: bool
    proposed: int
    """Escalations that wait for a decision."""

    overdue: bool = False
    """Whether ``due`` is over, be it only by a weekend."""


class NoticePage(_View):
    items: list[NoticeRow]
    total: int
    page: int
    size: int


class ItemView(_View):
    """One resource of a notice; see docs/notices.md for its states."""

    id: int
    resource_id: int
    resource_code: str
    resource_name: str
    system: str
    state: str
    cls: str
    reason: str
    evidence: dict[str, Any]
    policy: str
    policy_version: int
    policy_clause: str
    samples: int | None
    coverage_pct: float | None
    window_days: int
    as_of: datetime
    recommendation: dict[str, Any]
    vcpu: float | None
    mem_bytes: float | None
    disk_bytes: float | None
    due: date | None
    answer: str
    answer_note: str
    keep_reason: str
    keep_until: date | None
    keep_approver: str
    answered: datetime | None
    answered_by: str
    confirmed: datetime | None
    confirmed_by: str
    observe_until: date | None
    done: datetime | None


class EventView(_View):
    """One line of the history: who, when, what, why."""

    at: datetime
    by: str
    act: str
    before: str
    after: str
    note: str
    item_id: int | None
    resource_code: str = ""
    detail: dict[str, Any]


class CallView(_View):
    at: datetime
    by: str
    person: str
    phone: str
    reply: str


class EscalationView(_View):
    id: int
    level: str
    reason: str
    state: str
    proposed: datetime
    decided: datetime | None
    approver: str
    note: str


class OrderView(_View):
    """An order to the cloud provider and its receipt."""

    id: int
    notice_code: str
    unit_name: str
    resource_code: str
    resource_name: str
    kind: str
    detail: dict[str, Any]
    ordered: datetime
    ordered_by: str
    done: datetime | None
    done_by: str
    withdrawn: datetime | None
    snapshot: str
    note: str


class OrderPage(_View):
    items: list[OrderView]
    total: int
    page: int
    size: int


class FileView(_View):
    id: int
    kind: str
    name: str
    media_type: str
    size: int
    sha256: str
    at: datetime
    by: str


class DeliveryView(_View):
    """A message of the outbox, without its words; ``state``: waiting, sent, dead."""

    id: int
    notice_code: str
    unit_name: str
    channel: str
    recipient: str
    subject: str
    state: str
    attempts: int
    created: datetime
    due: datetime
    sent: datetime | None
    read: datetime | None
    error: str


class DeliveryPage(_View):
    items: list[DeliveryView]
    total: int
    page: int
    size: int


class FollowRow(_View):
    """A line of the follow-up list: the notice, its calls, newest first, and what is proposed."""

    notice: NoticeRow
    calls: list[CallView]
    escalations: list[EscalationView]


class NoticeDetail(NoticeRow):
    """A notice with everything that belongs to it. A unit is not shown the office's own part:
    calls, escalations, deliveries and the people who reviewed."""

    addressee: str
    body: str
    signature: str
    dated: date | None
    drafted_by: str = ""
    reviewed_by: str = ""
    signed_by: str = ""
    read_by: str = ""
    closed: datetime | None
    first_due: date | None
    unknown_years: list[int] = Field(default_factory=list)
    """Years of the deadline whose holidays are not known: only weekends were counted as off."""
    resources: list[ItemView]
    events: list[EventView]
    files: list[FileView]
    orders: list[OrderView]
    calls: list[CallView]
    escalations: list[EscalationView]
    deliveries: list[DeliveryView]


class RecoveryView(_View):
    """A row of 回收成效台账."""

    at: datetime
    how: str
    notice_code: str
    unit_name: str
    resource_code: str
    resource_name: str
    vcpu: float
    mem_bytes: float
    disk_bytes: float
    cost_month: float | None
    evidence: str


class Ledger(_View):
    """Rows, newest first, and their sums; ``cost_month`` is null where no prices are set."""

    items: list[RecoveryView]
    total: int
    page: int
    size: int
    vcpu: float
    mem_bytes: float
    disk_bytes: float
    cost_month: float | None
