"""A reading of a site as a poller sends it: every figure that is judged or shown has its shape."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
"""Or octets a second: what ``times`` hold."""
Word = Annotated[str, Field(max_length=300)]
Address = Annotated[str, Field(max_length=2_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow")


class ServersIn(_Part):
    """The zone's name servers; without fields where the site has no name."""

    zone: Word = ""
    total: Count = 0
    with_aaaa: Count = 0
    reachable: Count = 0
    error: Word = ""


class LinksIn(_Part):
    """Links, or the hosts of a page's parts, and those without IPv6."""

    total: Count = 0
    supported: Count = 0
    rate: Share | None = None
    without: list[Address] = Field(default_factory=list, max_length=50)
    hosts_without: list[Address] = Field(default_factory=list, max_length=50)


class CertificateIn(_Part):
    """What the server showed."""

    valid: bool
    error: Word = ""
    not_after: datetime | None = None


class ReadingIn(BaseModel):
    """One line of ``python -m collectors.ipv6``; what a later version adds is kept as it is."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(max_length=128)
    vantage: str = Field(min_length=1, max_length=40)
    at: datetime
    aaaa: list[Word] = Field(default_factory=list, max_length=50)
    aaaa_valid: bool | None = None
    name_servers: ServersIn | None = None
    home_v6: bool | None = None
    home_v4: bool | None = None
    home_error_v6: Word = ""
    home_error_v4: Word = ""
    status_v6: Count = 0
    status_v4: Count = 0
    success_rate: Share | None = None
    tries: dict[Word, Count] = Field(default_factory=dict, max_length=20)
    content_difference: Share | None = None
    links_second: LinksIn | None = None
    links_third: LinksIn | None = None
    parts: LinksIn | None = None
    times_v6: dict[Word, Seconds | None] = Field(default_factory=dict, max_length=20)
    times_v4: dict[Word, Seconds | None] = Field(default_factory=dict, max_length=20)
    degradation: float | None = Field(None, ge=-1, le=1e9, allow_inf_nan=False)
    certificate: CertificateIn | None = None
    notes: list[Word] = Field(default_factory=list, max_length=50)
