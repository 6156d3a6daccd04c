"""What scans and policies are shown as."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class VerdictView(_View):
    """One resource's class with what it rests on."""

    id: int
    resource_id: int
    resource: str = Field(description="code", examples=["vm-0042"])
    resource_name: str = ""
    kind: str = "vm"
    unit: str | None = Field(None, description="code of the owner at the moment of judgement")
    unit_name: str | None = None
    cls: str = Field(examples=["idle"])
    reason_zh: str = ""
    reason_en: str = ""
    evidence: dict[str, Any] = {}
    samples: int | None = None
    samples_expected: int | None = None
    coverage_pct: float | None = None
    window_days: int
    recommendation: dict[str, Any] = {}

    def row(self, *, english: bool = False) -> dict[str, Any]:
        """The row of the JSON interface (DESIGN.md section 6)."""
        return {
            "resource": self.resource,
            "unit": self.unit,
            "class": self.cls,
            "evidence": self.evidence,
            "coverage_pct": self.coverage_pct,
            "window_days": self.window_days,
            "reason": self.reason_en if english else self.reason_zh,
        }


class ScanView(_View):
    """A scan without its rows. ``classes`` counts what the reader may see."""

    id: int
    policy: str
    policy_version: int
    title_zh: str = ""
    title_en: str = ""
    clause: str = ""
    as_of: datetime
    since: datetime
    at: datetime
    by: str
    window_days: int
    unit: str | None = None
    classes: dict[str, int] = {}


class PolicyView(_View):
    """A policy in force."""

    id: str = Field(examples=["city"])
    version: int = Field(description="0 is the package's own", examples=[0])
    title_zh: str
    title_en: str
    source: str
    url: str = ""
    clause: str = Field("", description="依据条款")
    note_zh: str = ""
    note_en: str = ""
    objects: list[str]
    classes: list[str]
    window_days: int


class DocumentView(_View):
    """One version of a document, as its author wrote it."""

    kind: str
    name: str
    version: int
    body: str
    by: str = ""
    at: datetime | None = None
    note: str = ""


class Freed(_View):
    """What a site or zone would get back if the open recommendations were carried out."""

    key: str = Field(description="code of the site or zone; “” for none")
    name: str
    resources: int = Field(description="with a recommendation that frees something")
    vcpu_freed: float
    mem_bytes_freed: float
    disk_bytes_freed: float
    vcpu_held: float
    mem_bytes_held: float
    disk_bytes_held: float
    vcpu_share_pct: float | None
    mem_share_pct: float | None
    disk_share_pct: float | None
    by_class: dict[str, int] = {}


class WhatIf(_View):
    """The recommendations of one scan, added up."""

    scan: int | None
    policy: str
    as_of: datetime | None
    total: Freed
    sites: list[Freed]
    pools: list[Freed] = Field([], description="by pool; only for who sees the whole city")
    zones: list[Freed]


class Candidate(_View):
    """A resource whose recommendation would give something back."""

    resource: str
    name: str
    unit: str | None
    unit_name: str = ""
    cls: str
    action: str
    vcpu: float
    mem_bytes: float
    disk_bytes: float


class Recovery(_View):
    """What would have to be recovered before an application can be approved from this pool."""

    pool: str
    pool_name: str
    missing: dict[str, float] = Field(description="vcpu, mem_bytes, disk_bytes that are short")
    still_missing: dict[str, float] = Field(description="after all the steps")
    steps: list[Candidate] = Field(description="in this order; none more than is needed")
    enough: bool
    reason_zh: str
    reason_en: str
