"""What the API and the pages are given about IPv6 readiness."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SiteIn(BaseModel):
    """A site as a list of sites gives it; ``unit`` by code or name."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "code": "hbj-web",
                "name": "市生态环境局门户",
                "url": "https://hbj.example.gov.cn/",
                "unit": "HBJ",
            }
        },
    )

    code: str = Field(min_length=1, max_length=128)
    name: str = Field("", max_length=200)
    url: str = Field(min_length=8, max_length=500)
    unit: str = Field(min_length=1, max_length=200)


class ReadingIn(BaseModel):
    """One line of ``python -m collectors.ipv6``."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(max_length=128)
    vantage: str = Field(min_length=1, max_length=40)
    at: datetime


class IndicatorView(_View):
    """One indicator of one site, in words."""

    code: str
    title: str
    state: str
    value: float | None
    points: float
    of: float
    why: str
    remedy: str


class SiteView(_View):
    """A site with its newest reading; ``score`` is None where too little is known."""

    id: int
    code: str
    name: str
    url: str
    unit: str
    unit_name: str
    unit_id: int
    vantage: str | None = None
    at: datetime | None = None
    score: float | None = None
    coverage: float | None = None
    home_v6: bool | None = None
    home_v4: bool | None = None


class SiteDetail(SiteView):
    """With what was measured and how it was judged."""

    indicators: list[IndicatorView] = []
    reading: dict[str, Any] | None = None
    history: list[tuple[datetime, str, float | None]] = []
    """(when, vantage, score), the newest first."""


class Action(_View):
    """What would raise the mean most: by how many points, on how many sites."""

    code: str
    title: str
    remedy: str
    gain: float
    sites: int


class UnitReadiness(_View):
    """A unit's own sites: how many, measured, passing, reachable over IPv6; their mean score."""

    unit: str
    unit_name: str
    sites: int
    measured: int
    reachable: int
    passing: int
    score: float | None
    actions: list[Action] = []


class Overview(_View):
    """The whole of what the caller may see."""

    index: str
    index_title: str
    official: bool
    good: float
    score: float | None
    sites: int
    measured: int
    reachable: int
    passing: int
    units: list[UnitReadiness]
    actions: list[Action]
