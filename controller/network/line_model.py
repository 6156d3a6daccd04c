"""What the registers of lines and access points answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(frozen=True, json_schema_extra={"examples": [values]})


class End(BaseModel):
    """One end of a line: a device's port, or where it is in words."""

    model_config = ConfigDict(frozen=True)

    site: str = ""
    device: str = ""
    port: str = ""
    text: str = ""

    def told(self) -> str:
        """The end in one line."""
        return " ".join(each for each in (self.site, self.device, self.port, self.text) if each)


class LineView(BaseModel):
    """A line as it is now. ``unit_code`` "" is shared by all (共用)."""

    model_config = _example(
        id=3, number="LJ-MSTP-0012", operator="中国电信", name="临江区上联一", kind="mstp",
        level="county", zone="公用网络区", unit_code="ljq", unit_name="临江区",
        county_code="ljq", county_name="临江区", a={"site": "市中心节点"}, b={"text": "区政府"},
        bandwidth_bit_s=1e9, yearly_cost=120000, contract_start="2024-01-01T00:00:00+08:00",
        contract_end="2026-12-31T00:00:00+08:00", state="due", points=4,
    )  # fmt: skip

    id: int
    number: str
    operator: str
    name: str
    kind: str
    level: str
    zone: str
    unit_code: str
    unit_name: str
    county_code: str = Field(description='"" belongs to no county: the city itself.')
    county_name: str
    a: End
    b: End
    bandwidth_bit_s: float | None = Field(description="Contracted, each way.")
    yearly_cost: float | None = Field(description="Yuan.")
    contract_start: datetime | None
    contract_end: datetime | None
    state: str = Field(description="active, due (the contract ends soon), ended or removed.")
    points: int = Field(0, description="Access points that it connects now.")
    note: str = ""


class LineTermView(BaseModel):
    """Whose it was, how wide and how dear, during [since, until)."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime | None
    unit_code: str
    unit_name: str
    bandwidth_bit_s: float | None
    yearly_cost: float | None


class PointView(BaseModel):
    """An access point as it is now.

    ``reachable``: measured within the last quarter of an hour; null where nobody measured it.
    """

    model_config = _example(
        id=9, code="AP-0001", name="临江区教育局接入点", level="county", unit_code="ljq-jyj",
        unit_name="临江区教育局", county_code="ljq", county_name="临江区", community="",
        state="connected", site="临江分中心", zone="公用网络区", device="ljq-sw-1",
        port="GE0/0/3", address="10.9.1.2", tcp_port=None, line="中国电信 LJ-MSTP-0012",
        line_id=3, reachable=True, availability_pct=99.9, rtt_ms=2.1, loss_pct=0.0,
        measured="2026-11-23T08:00:00+00:00",
    )  # fmt: skip

    id: int
    code: str
    name: str
    level: str
    unit_code: str
    unit_name: str
    county_code: str
    county_name: str
    community: str
    state: str = Field(description="connected, planned (should have one, has none yet) or exempt.")
    site: str
    zone: str
    device: str
    port: str
    address: str
    tcp_port: int | None
    line: str
    line_id: int | None
    reachable: bool | None = None
    availability_pct: float | None = Field(None, description="Of the last 24 hours.")
    rtt_ms: float | None = None
    loss_pct: float | None = None
    measured: datetime | None = None
    last_reached: datetime | None = Field(None, description="Within the last 24 hours.")
    note: str = ""


class PointTermView(BaseModel):
    """Whose it was and by which line connected during [since, until)."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    until: datetime | None
    unit_code: str
    unit_name: str
    line: str


class LineDetail(BaseModel):
    """A line with its history and its points, as far as the reader may see them."""

    line: LineView
    terms: list[LineTermView]
    points: list[PointView]


class PointDetail(BaseModel):
    """A point with its history, as far as the reader may see it."""

    point: PointView
    terms: list[PointTermView]
