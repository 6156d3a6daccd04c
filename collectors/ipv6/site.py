"""One site over both versions: every indicator of the evaluation, with what it was read from.

Indicators: AAAA, name servers, home page, success rate, agreement with IPv4, links of the second
and third level, parts on IPv6-ready hosts, times, certificate. None means that it could not be
measured; the reason stands in ``notes``.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.robotparser import RobotFileParser

from collectors.ipv6.fetch import AGENT, Fetched, Fetcher, Timing
from collectors.ipv6.page import Page, difference, is_internal, read_page

STEPS = ("dns", "tcp", "tls", "first_byte", "total", "speed")
FAST_S = 0.1
"""Two pages that both come quicker than this count as equally fast."""
ROBOTS_BYTES = 256 << 10
LINK_BYTES = 256 << 10


@dataclass(frozen=True)
class SiteTarget:
    """A website, or a system by address and port without a public name. ``code`` tells it apart."""

    code: str
    url: str
    unit: str = ""


@dataclass(frozen=True)
class SiteLimits:
    """Politeness and bounds of one site."""

    tries: int = 5
    links_second: int = 40
    links_third: int = 40
    parts: int = 60
    gap_s: float = 0.2
    """Least time between two requests to one host."""
    total_s: float = 120.0


@dataclass
class SiteReading:
    """What was measured of one site from one vantage point. Rates are 0 to 1, times in seconds."""

    code: str
    url: str
    vantage: str
    at: str
    seconds: float = 0.0
    aaaa: list[str] = field(default_factory=list)
    aaaa_valid: bool = False
    name_servers: dict[str, Any] = field(default_factory=dict)
    home_v6: bool = False
    home_v4: bool = False
    home_error_v6: str = ""
    home_error_v4: str = ""
    status_v6: int = 0
    status_v4: int = 0
    success_rate: float | None = None
    content_difference: float | None = None
    links_second: dict[str, Any] | None = None
    links_third: dict[str, Any] | None = None
    parts: dict[str, Any] | None = None
    times_v6: dict[str, float | None] = field(default_factory=dict)
    times_v4: dict[str, float | None] = field(default_factory=dict)
    degradation: float | None = None
    """(time over IPv6 - time over IPv4) / time over IPv4, of the whole home page."""
    certificate: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Pace:
    """Lets one request through to a host each ``gap`` seconds."""

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._next: dict[str, float] = {}

    async def wait(self, url: str) -> None:
        host = urlsplit(url).netloc
        now = time.monotonic()
        turn = max(now, self._next.get(host, 0.0))
        self._next[host] = turn + self._gap
        if turn > now:
            await asyncio.sleep(turn - now)


async def read_site(
    fetcher: Fetcher, target: SiteTarget, vantage: str, now: datetime, limits: SiteLimits
) -> SiteReading:
    """Measures one site. Never raises for what the site does; what took too long is noted."""
    reading = SiteReading(target.code, target.url, vantage, now.isoformat())
    began = time.monotonic()
    try:
        async with asyncio.timeout(limits.total_s):
            await _Visit(fetcher, target, reading, limits).run()
    except TimeoutError:
        reading.notes.append(f"stopped after {limits.total_s:.0f} s")
    reading.seconds = round(time.monotonic() - began, 3)
    return reading


class _Visit:
    def __init__(
        self, fetcher: Fetcher, target: SiteTarget, reading: SiteReading, limits: SiteLimits
    ) -> None:
        self._fetcher = fetcher
        self._target = target
        self._reading = reading
        self._limits = limits
        self._pace = Pace(limits.gap_s)

    async def run(self) -> None:
        reading, fetcher = self._reading, self._fetcher
        host = urlsplit(self._target.url).hostname or ""
        answer = await fetcher.names.look_up(host, 6)
        reading.aaaa = list(answer.addresses)
        reading.aaaa_valid = bool(answer.addresses) and all(
            fetcher.fence.usable(each) for each in answer.addresses
        )
        named = bool(host) and not _is_literal(host)
        if named:
            found = await fetcher.names.name_servers(host, fetcher.fence)
            reading.name_servers = {
                "zone": found.zone,
                "total": len(found.names),
                "with_aaaa": len(found.with_address),
                "reachable": len(found.reachable),
                "error": found.error,
            }
        six, four = await self._homes()
        if six is not None:
            await self._compare(six, four)
            await self._crawl(six)

    async def _homes(self) -> tuple[Fetched | None, Fetched | None]:
        """The home page over both versions; None where there is none to look at."""
        reading, url = self._reading, self._target.url
        fours = await self._repeat(url, 4, 2)
        sixes = await self._repeat(url, 6, self._limits.tries if reading.aaaa else 1)
        good_six, good_four = [e for e in sixes if e.good], [e for e in fours if e.good]
        last_six, last_four = (good_six or sixes)[-1], (good_four or fours)[-1]
        reading.home_v6, reading.home_v4 = bool(good_six), bool(good_four)
        reading.home_error_v6, reading.status_v6 = last_six.error, last_six.status
        reading.home_error_v4, reading.status_v4 = last_four.error, last_four.status
        if reading.aaaa:
            reading.success_rate = len(good_six) / len(sixes)
        reading.times_v6, reading.times_v4 = _times(good_six), _times(good_four)
        reading.degradation = _degradation(reading.times_v6, reading.times_v4)
        shown = last_six.certificate or last_four.certificate
        if shown is not None:
            until = shown.not_after.isoformat() if shown.not_after else None
            reading.certificate = {"valid": shown.valid, "error": shown.error, "not_after": until}
        return (good_six[-1] if good_six else None), (good_four[-1] if good_four else None)

    async def _repeat(self, url: str, version: int, times: int) -> list[Fetched]:
        found: list[Fetched] = []
        for _ in range(times):
            await self._pace.wait(url)
            again = await self._fetcher.get(url, version)
            if found and again.good:
                found = [replace(each, body=b"") for each in found]  # the last is compared
            found.append(again)
            if found[-1].error in ("none", "scheme", "address", "redirects"):
                break  # asking again gives the same
        return found

    async def _compare(self, six: Fetched, four: Fetched | None) -> None:
        reading = self._reading
        if four is None:
            reading.notes.append("no home page over IPv4 to compare with")
            return
        if six.truncated or four.truncated:
            reading.notes.append("the home page is longer than is compared")
        pages = [read_page(each.body, each.content_type, each.url) for each in (six, four)]
        reading.content_difference = round(difference(*pages), 4)

    async def _crawl(self, home: Fetched) -> None:
        reading, limits = self._reading, self._limits
        page = read_page(home.body, home.content_type, home.url)
        robots = await self._robots(home.url)
        seen = {_bare(home.url), _bare(self._target.url)}
        second = _choose(page, home.url, seen, limits.links_second, robots)
        answers = await self._links(second)
        reading.links_second = _supported(answers)
        third: list[str] = []
        for six, _ in answers:
            if six.good and len(third) < limits.links_third:
                inner = read_page(six.body, six.content_type, six.url)
                room = limits.links_third - len(third)
                third += _choose(inner, home.url, seen, room, robots)
        reading.links_third = _supported(await self._links(third))
        reading.parts = await self._parts(page)

    async def _robots(self, home: str) -> RobotFileParser:
        parts = urlsplit(home)
        address = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        parser = RobotFileParser(address)
        await self._pace.wait(address)
        found = await self._fetcher.get(address, 6, ROBOTS_BYTES)
        lines = found.body.decode("utf-8", "replace").splitlines() if found.status == 200 else []
        parser.parse(lines)
        return parser

    async def _links(self, links: Sequence[str]) -> list[tuple[Fetched, Fetched | None]]:
        """Each over IPv6 and, where that failed, over IPv4: a link that is dead for all counts
        for nobody."""

        async def one(link: str) -> tuple[Fetched, Fetched | None]:
            await self._pace.wait(link)
            six = await self._fetcher.get(link, 6, LINK_BYTES)
            if six.good:
                return six, None
            await self._pace.wait(link)
            return six, await self._fetcher.get(link, 4, LINK_BYTES)

        return await _few(one, links)

    async def _parts(self, page: Page) -> dict[str, Any]:
        chosen = page.parts[: self._limits.parts]
        hosts = sorted({urlsplit(each).hostname or "" for each in chosen})
        answers = await asyncio.gather(*(self._fetcher.names.look_up(h, 6) for h in hosts))
        ready = {
            host
            for host, answer in zip(hosts, answers, strict=True)
            if any(self._fetcher.fence.usable(each) for each in answer.addresses)
        }
        good = sum((urlsplit(each).hostname or "") in ready for each in chosen)
        return {
            "total": len(chosen),
            "supported": good,
            "rate": good / len(chosen) if chosen else None,
            "hosts_without": [host for host in hosts if host not in ready][:20],
        }


async def _few(
    one: Callable[[str], Awaitable[tuple[Fetched, Fetched | None]]], links: Sequence[str]
) -> list[tuple[Fetched, Fetched | None]]:
    gate = asyncio.Semaphore(4)

    async def through(link: str) -> tuple[Fetched, Fetched | None]:
        async with gate:
            return await one(link)

    return list(await asyncio.gather(*(through(link) for link in links)))


def _choose(page: Page, home: str, seen: set[str], most: int, robots: RobotFileParser) -> list[str]:
    chosen: list[str] = []
    for link in page.links:
        bare = _bare(link)
        if len(chosen) >= most or bare in seen or not is_internal(link, home):
            continue
        seen.add(bare)
        if robots.can_fetch(AGENT.partition("/")[0], link):
            chosen.append(link)
    return chosen


def _supported(answers: Sequence[tuple[Fetched, Fetched | None]]) -> dict[str, Any]:
    """Of the links that answer at all, how many do over IPv6."""
    supported = [six.url for six, _ in answers if six.good]
    lacking = [
        (*six.redirected, six.url)[0]
        for six, four in answers
        if not six.good and four is not None and four.good
    ]
    total = len(supported) + len(lacking)
    return {
        "total": total,
        "supported": len(supported),
        "rate": len(supported) / total if total else None,
        "broken": len(answers) - total,
        "without": lacking[:20],
    }


def _times(fetched: Sequence[Fetched]) -> dict[str, float | None]:
    """Medians of each step."""
    return {step: _median([each.timing for each in fetched], step) for step in STEPS}


def _median(timings: Sequence[Timing], step: str) -> float | None:
    known = [value for each in timings if (value := getattr(each, step)) is not None]
    return round(statistics.median(known), 6) if known else None


def _degradation(six: dict[str, float | None], four: dict[str, float | None]) -> float | None:
    slow, quick = _whole(six), _whole(four)
    if slow is None or not quick:
        return None
    return 0.0 if max(slow, quick) < FAST_S else round((slow - quick) / quick, 4)


def _whole(times: dict[str, float | None]) -> float | None:
    if times.get("total") is None:
        return None
    return sum(times.get(step) or 0.0 for step in ("tcp", "tls", "total"))


def _bare(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), parts.query, ""))


def _is_literal(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()
