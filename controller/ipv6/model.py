"""What the API and the pages are given about IPv6 readiness."""

from __future__ import annotations

from datetime import date, datetime
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
    """What would raise the score most: by how many points, on how many sites, hosts or devices."""

    code: str
    title: str
    remedy: str
    gain: float
    sites: int
    kind: str = "site"
    """site, host or device: what it is to be done on."""


class PartView(_View):
    """All sites, hosts or devices: how many there are, how many have a score, how many pass."""

    kind: str
    registered: int
    scored: int
    passing: int
    score: float | None


class Readiness(_View):
    """A score over kinds, None (unknown) where ``coverage`` (0-1) is low; ``sites``, ``measured``
    and ``reachable`` count websites and systems, ``passing`` those of them that pass."""

    sites: int
    measured: int
    reachable: int
    passing: int
    score: float | None
    coverage: float = 0.0
    parts: list[PartView] = []
    actions: list[Action] = []


class UnitReadiness(Readiness):
    """A unit with its subtree."""

    unit: str
    unit_name: str
    unit_id: int = Field(exclude=True)
    depth: int = 0
    traffic_pct: float | None = None
    """IPv6 in its hosts' traffic of the last seven days."""


class Overview(Readiness):
    """The whole of what the caller may see."""

    index: str
    index_title: str
    official: bool
    good: float
    traffic_pct: float | None = None
    units: list[UnitReadiness]


class HostView(_View):
    """A host with what is known of it; ``score`` None where too little is, or it never told."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "code": "vm-0042", "name": "交通-应用-01", "unit": "330100-JTJ",
                "unit_name": "市交通运输局", "system": "智慧交通", "score": 72.5, "coverage": 0.9,
                "at": "2026-11-23T08:00:00+00:00", "lost": ["services"], "traffic_pct": 12.5,
            }
        },
    )  # fmt: skip

    code: str
    name: str
    unit: str
    unit_name: str
    system: str = ""
    score: float | None = None
    coverage: float | None = None
    at: datetime | None = None
    """When its agent read it; None: never."""
    lost: list[str] = []
    """Indicators that fail."""
    traffic_pct: float | None = None


class HostDetail(HostView):
    """With what was read and how it was judged."""

    indicators: list[IndicatorView] = []
    document: dict[str, Any] | None = None
    history: list[tuple[date, float | None]] = []
    """(day, score) of the days on which it changed, the newest first."""


class SystemReadiness(_View):
    """A business system: its hosts, and their score together."""

    system: str
    hosts: int
    scored: int
    score: float | None
    traffic_pct: float | None = None


class DayView(_View):
    """A day's score; None: unknown."""

    day: date
    score: float | None
    coverage: float
    subjects: int
    passing: int


class TrafficDay(_View):
    """Bytes of a day by IP version, in and out, of ``hosts`` hosts."""

    day: date
    v4_bytes: float
    v6_bytes: float
    pct: float | None
    hosts: int


class TrafficPart(_View):
    """The share of a unit, system or centre over the whole period."""

    name: str
    v4_bytes: float
    v6_bytes: float
    pct: float | None
    hosts: int


class TrafficTrend(_View):
    """IPv6 in the traffic of hosts, day by day and by ``by``."""

    since: date
    until: date
    pct: float | None
    fixed_target_pct: float
    mobile_target_pct: float
    days: list[TrafficDay]
    by: str
    parts: list[TrafficPart]


class OfficialView(_View):
    """An official result beside ours of that subject; ``ours`` None where we know too little."""

    source: str
    day: date
    kind: str
    code: str
    name: str
    unit: str
    unit_name: str
    score: float | None
    ours: float | None
    items: dict[str, Any] = {}


class UnitDetail(UnitReadiness):
    """A unit in full: systems, days of the trend, official results."""

    good: float
    systems: list[SystemReadiness] = []
    days: list[DayView] = []
    official: list[OfficialView] = []


class PortView(_View):
    """IPv6 in the traffic of a port over some days, both ways."""

    instance: str
    v4_bytes: float
    v6_bytes: float
    pct: float | None


class DeviceDetail(HostView):
    """A device with its indicators, what was read, and its ports' shares of the last week."""

    indicators: list[IndicatorView] = []
    document: dict[str, Any] | None = None
    ports: list[PortView] = []
    history: list[tuple[date, float | None]] = []
