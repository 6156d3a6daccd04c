"""What callers of the API send."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


class NewItem(BaseModel):
    """A resource to draft for that no scan judged, with the reason in words."""

    model_config = _example(resource="vm-0042", cls="idle", reason="CPU 峰值 2.1 % < 5 %")

    resource: str
    cls: str = "idle"
    reason: str = Field(max_length=500)
    evidence: dict[str, Any] = Field(default_factory=dict)
    policy: str = Field(default="", max_length=100)
    policy_clause: str = Field(default="", max_length=500)
    coverage_pct: float | None = Field(default=None, ge=0, le=100)
    window_days: int = Field(default=30, ge=1, le=3660)
    recommendation: dict[str, Any] = Field(default_factory=dict)
    as_of: datetime | None = None


class NewDraft(BaseModel):
    """Verdicts of idle scans, or resources with reasons; one letter a unit comes of it."""

    model_config = _example(verdicts=[17, 18])

    verdicts: list[int] = Field(default_factory=list, max_length=5000)
    items: list[NewItem] = Field(default_factory=list, max_length=5000)


class Drafted(BaseModel):
    """``skipped``: resource code to why it was left out."""

    model_config = _example(codes=["TX-2026-0007"], skipped={"vm-1": "already in notice TX-…"})

    codes: list[str]
    skipped: dict[str, str]


class Text(BaseModel):
    """Another text for a draft; the body's lines are its paragraphs."""

    model_config = _example(title="关于清理闲置低效政务云资源的提示函", body="为提高…\n特此函告。")

    title: str = Field(max_length=200)
    body: str = Field(max_length=8000)
    addressee: str = Field(default="", max_length=200)


class LetterAct(BaseModel):
    """review and sign need ``person``; return, cancel and close a ``note``; register the
    ``number`` (发文字号) and an uploaded scan; send_again nothing."""

    model_config = _example(act="review", person="王建国")

    act: str
    person: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=2000)
    number: str = Field(default="", max_length=80)
    dated: date | None = None


class ItemAct(BaseModel):
    """drop, grant_keep (person, until), refuse_keep, accept_dispute, reject_dispute, withdraw,
    restore, verify_by_hand, claim (unit), force (person), order_stop, order_recover,
    order_shrink. All but the orders need a ``note`` where something is refused or taken back."""

    model_config = _example(act="grant_keep", person="赵敏", until="2027-03-31")

    act: str
    person: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=2000)
    until: date | None = None
    unit: str = Field(default="", max_length=200)


class Answering(BaseModel):
    """The handler's answer: release, shrink, keep (reason code and end) or dispute (note)."""

    model_config = _example(
        answer="keep", keep_reason="seasonal", keep_until="2027-03-31", note="汛期启用"
    )

    answer: str
    note: str = Field(default="", max_length=2000)
    keep_reason: str = ""
    keep_until: date | None = None


class Confirming(BaseModel):
    """By the person in charge; ``ok`` false gives it back to the handler, with a note."""

    model_config = _example(ok=True)

    ok: bool = True
    note: str = Field(default="", max_length=2000)


class NewCall(BaseModel):
    model_config = _example(person="张三", phone="0000-0000000", reply="本周内答复")

    person: str = Field(max_length=100)
    phone: str = Field(default="", max_length=60)
    reply: str = Field(max_length=2000)


class Deciding(BaseModel):
    """approve, refuse or carry_out an escalation, by a named person."""

    model_config = _example(act="approve", person="赵敏")

    act: str
    person: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=2000)


class Receipt(BaseModel):
    """It was carried out; a deletion names its snapshot."""

    model_config = _example(snapshot="snap-20261201-0042", note="")

    note: str = Field(default="", max_length=2000)
    snapshot: str = Field(default="", max_length=200)


class TemplateText(BaseModel):
    """A letter template; places in braces are listed in docs/notices.md."""

    model_config = _example(title="关于{unit}闲置资源的提示函", body="你单位有{count}项资源…")

    title: str = Field(max_length=200)
    body: str = Field(max_length=8000)


class TemplateView(TemplateText):
    kind: str
    version: int


class Sent(BaseModel):
    """How many messages were written to the outbox."""

    messages: int
