"""Notices, the resources in them, every transition, calls, escalations, orders, files, deliveries
and the ledger of what was recovered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from controller.store.relational import UtcDateTime


def _json() -> Any:
    return Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class Notice(SQLModel, table=True):
    """One letter to one unit; without a unit it asks whose the resources are (认领)."""

    id: int | None = Field(default=None, primary_key=True)
    code: str = Field(unique=True, max_length=40)
    """The number in this system, such as TX-2026-0007; the letter's own is ``number``."""
    kind: str = Field(default="idle", max_length=16)
    """idle, or claim: resources that nobody holds."""
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    state: str = Field(default="draft", max_length=16, index=True)
    title: str = Field(max_length=200)
    addressee: str = Field(default="", max_length=200)
    """主送机关"""
    body: str = Field(sa_column=Column(Text, nullable=False))
    """The letter's paragraphs, a line each."""
    signature: str = Field(default="", max_length=200)
    """发文机关署名"""
    number: str = Field(default="", max_length=80)
    """发文字号, given by the OA."""
    dated: date | None = None
    """成文日期"""
    drafted: datetime = Field(sa_type=UtcDateTime)
    drafted_by: str = ""
    reviewed_by: str = ""
    signed_by: str = ""
    issued: datetime | None = Field(default=None, sa_type=UtcDateTime)
    due: date | None = None
    """Last day to answer, at first; each resource has its own in ``NoticeItem.due``."""
    read: datetime | None = Field(default=None, sa_type=UtcDateTime)
    read_by: str = ""
    closed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    demo: bool = False


class NoticeItem(SQLModel, table=True):
    """One resource of a letter, with the data it was judged on and what became of it."""

    __tablename__ = "notice_item"
    __table_args__ = (UniqueConstraint("notice_id", "resource_id"),)

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    resource_id: int = Field(foreign_key="resource.id", index=True)
    state: str = Field(default="draft", max_length=24, index=True)
    cls: str = Field(default="", max_length=24)
    reason: str = Field(max_length=500)
    evidence: dict[str, Any] = _json()
    policy: str = Field(default="", max_length=100)
    policy_version: int = 0
    policy_clause: str = Field(default="", max_length=500)
    scan_id: int | None = None
    samples: int | None = None
    coverage_pct: float | None = None
    window_days: int = 30
    as_of: datetime = Field(sa_type=UtcDateTime)
    recommendation: dict[str, Any] = _json()
    allocation: dict[str, Any] = _json()
    """{vcpu, mem_bytes, disk_bytes, system} when it was judged."""
    due: date | None = None
    answer: str = Field(default="", max_length=16)
    """release, shrink, keep, dispute; of the handler, in force once confirmed."""
    answer_note: str = Field(default="", max_length=2000)
    keep_reason: str = Field(default="", max_length=24)
    keep_until: date | None = None
    """Asked for, and after approval granted."""
    keep_approver: str = Field(default="", max_length=100)
    answered_by: str = ""
    answered: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_by: str = ""
    confirmed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    observe_until: date | None = None
    done: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the provider reported that it was carried out."""
    closed: datetime | None = Field(default=None, sa_type=UtcDateTime)


class NoticeEvent(SQLModel, table=True):
    """One transition or act: who, when, what, why."""

    __tablename__ = "notice_event"

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    item_id: int | None = Field(default=None, foreign_key="notice_item.id")
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    act: str = Field(max_length=24)
    before: str = Field(default="", max_length=24)
    after: str = Field(default="", max_length=24)
    note: str = Field(default="", max_length=2000)
    detail: dict[str, Any] = _json()


class NoticeCall(SQLModel, table=True):
    """A follow-up (催办): whom, how, when, and what they said."""

    __tablename__ = "notice_call"

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    person: str = Field(default="", max_length=100)
    phone: str = Field(default="", max_length=60)
    reply: str = Field(default="", max_length=2000)


class Escalation(SQLModel, table=True):
    """约谈 or 通报: proposed by the system, decided and carried out by people."""

    __table_args__ = (UniqueConstraint("notice_id", "level"),)

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    level: str = Field(max_length=16)
    reason: str = Field(default="", max_length=500)
    state: str = Field(default="proposed", max_length=16)
    """proposed, approved, refused, done"""
    proposed: datetime = Field(sa_type=UtcDateTime)
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approver: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=2000)


class NoticeOrder(SQLModel, table=True):
    """An order to the cloud provider and its receipt (回执)."""

    __tablename__ = "notice_order"

    id: int | None = Field(default=None, primary_key=True)
    item_id: int = Field(foreign_key="notice_item.id", index=True)
    kind: str = Field(max_length=16)
    """stop, recover (snapshot, then delete), shrink, start (after a stop that was called back)"""
    detail: dict[str, Any] = _json()
    ordered: datetime = Field(sa_type=UtcDateTime)
    ordered_by: str = ""
    done: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str = ""
    snapshot: str = Field(default="", max_length=200)
    note: str = Field(default="", max_length=2000)
    withdrawn: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was called back: no receipt is waited for."""


class NoticeFile(SQLModel, table=True):
    """A scan of the stamped letter, or a receipt. In the database: every host must see it."""

    __tablename__ = "notice_file"

    id: int | None = Field(default=None, primary_key=True)
    notice_id: int = Field(foreign_key="notice.id", index=True)
    kind: str = Field(max_length=16)
    """scan (盖章扫描件), receipt (单位盖章回执)"""
    name: str = Field(max_length=200)
    media_type: str = Field(max_length=100)
    size: int
    sha256: str = Field(max_length=64)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LetterTemplate(SQLModel, table=True):
    """An edited letter template; the newest version of a kind is in force, earlier ones stay."""

    __tablename__ = "letter_template"
    __table_args__ = (UniqueConstraint("kind", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(max_length=16)
    version: int
    title: str = Field(max_length=200)
    body: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class Delivery(SQLModel, table=True):
    """The outbox: a message to one recipient over one channel, at least once.

    Written in the transaction of what it tells of. ``key`` says what the message is, so that the
    same is never written twice; ``message_id`` goes out with every try, so that a receiver can
    drop a second copy.
    """

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=200)
    message_id: str = Field(max_length=120)
    notice_id: int | None = Field(default=None, foreign_key="notice.id", index=True)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    channel: str = Field(max_length=60)
    """mail, inbox, or the name of a hook in the settings"""
    recipient: str = Field(default="", max_length=320)
    subject: str = Field(default="", max_length=300)
    body: dict[str, Any] = _json()
    """{kind, lines: […], link_code}: what the channels make their form from"""
    state: str = Field(default="waiting", max_length=12, index=True)
    """waiting, sent, dead"""
    attempts: int = 0
    due: datetime = Field(sa_type=UtcDateTime, index=True)
    claimed_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    created: datetime = Field(sa_type=UtcDateTime)
    sent: datetime | None = Field(default=None, sa_type=UtcDateTime)
    read: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Of the inbox: when somebody of the unit opened it."""
    error: str = Field(default="", max_length=500)


class Recovery(SQLModel, table=True):
    """回收成效台账: what one resource gave back, once verified."""

    id: int | None = Field(default=None, primary_key=True)
    item_id: int = Field(foreign_key="notice_item.id", unique=True)
    unit_id: int | None = Field(default=None, foreign_key="unit.id", index=True)
    resource_id: int = Field(foreign_key="resource.id")
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    how: str = Field(max_length=16)
    """released, shrunk"""
    vcpu: float = 0
    mem_bytes: float = 0
    disk_bytes: float = 0
    cost_month: float | None = None
    """In yuan a month, where prices are set."""
    evidence: str = Field(default="", max_length=500)
