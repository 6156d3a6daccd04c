"""What the registers answer with: plain views of units, places, systems and resources."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class Page(_View, Generic[T]):
    """One page of a list; ``total`` counts all pages, ``page`` starts at 1."""

    items: list[T]
    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    size: int = Field(examples=[50])


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(frozen=True, json_schema_extra={"examples": [values]})


class UnitView(_View):
    """A unit at a moment. ``depth`` counts from the topmost unit the reader may see, which is 0."""

    model_config = _example(
        id=3, code="330100-JTJ", name="市交通运输局", kind="department", parent_code="330100",
        depth=1, contact="张三", email="zhangsan@example.gov.cn", phone="0571-00000000",
    )  # fmt: skip

    id: int
    code: str
    name: str
    kind: str
    parent_code: str | None = None
    """None at the top, and where the parent is outside the reader's scope."""
    depth: int = 0
    contact: str = ""
    email: str = ""
    phone: str = ""


class PlaceView(_View):
    """A site (中心/分中心) or a network zone (网络区)."""

    model_config = _example(id=1, code="main", name="主中心")

    id: int
    code: str
    name: str


class SystemView(_View):
    """A business system (业务系统) and the unit that runs it."""

    model_config = _example(
        id=7, name="智慧交通", unit_code="330100-JTJ", unit_name="市交通运输局", resources=12
    )

    id: int
    name: str
    unit_code: str
    unit_name: str
    resources: int = 0
    """Resources that serve it now."""


class ResourceView(_View):
    """A resource with the owner, place and allocation that hold at the moment asked for."""

    model_config = _example(
        id=42, code="vm-0042", name="交通-应用-01", kind="vm", unit_code="330100-JTJ",
        unit_name="市交通运输局", system="智慧交通", site="主中心", zone="政务外网区",
        ip="10.20.0.42", os="openEuler 22.03", vcpu=8.0, mem_bytes=17179869184.0,
        disk_bytes=214748364800.0, bandwidth_bit_s=100000000.0,
        created="2026-01-05T00:00:00+08:00", created_known=True, retired=None, tags=["生产"],
        demo=False, instance_uuid="7f6c1a52-3a55-4d0e-9d7b-5a0c5f3f9a10",
    )  # fmt: skip

    id: int
    code: str
    name: str
    kind: str
    unit_id: int = Field(exclude=True)
    unit_code: str
    unit_name: str
    system: str = ""
    site: str = ""
    zone: str = ""
    ip: str = ""
    os: str = ""
    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    bandwidth_bit_s: float | None = None
    created: datetime
    created_known: bool = True
    """False where the register gives no opening date; ``created`` is then a date long past."""
    retired: datetime | None = None
    tags: list[str] = []
    demo: bool = False
    instance_uuid: str | None = None


class HoldingView(_View):
    """Who held a resource, for what and how large, during [since, until)."""

    model_config = _example(
        since="2026-01-05T00:00:00+08:00", until=None, unit_code="330100-JTJ",
        unit_name="市交通运输局", system="智慧交通", site="主中心", zone="政务外网区", vcpu=8.0,
        mem_bytes=17179869184.0, disk_bytes=214748364800.0, bandwidth_bit_s=None,
    )  # fmt: skip

    since: datetime
    until: datetime | None
    unit_code: str
    unit_name: str
    system: str = ""
    site: str = ""
    zone: str = ""
    vcpu: float | None = None
    mem_bytes: float | None = None
    disk_bytes: float | None = None
    bandwidth_bit_s: float | None = None


class ResourceDetail(ResourceView):
    """A resource with all its holdings that the reader may see, oldest first."""

    holdings: list[HoldingView] = []
