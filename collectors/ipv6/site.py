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

from collectors.ipv6.again import Again, Pace
from collectors.ipv6.fetch import AGENT, Fetched, Fetcher, Timing
from collectors.ipv6.page import Page, difference, is_internal, read_page

STEPS = ("dns", "tcp", "tls", "first_byte", "total", "speed")
FAST_S = 0.1
"""Two pages that both come quicker than this count as equally fast."""
ROBOTS_BYTES = 256 << 10
ROBOTS_LINES = 2_000
LINK_BYTES = 256 << 10
LAST_BYTES = 16 << 10
"""Read of a page whose links are not followed."""
MOST_ADDRESS = 2_000
"""Characters of an address that a reading names: the controller takes no longer ones."""
MOST_ASKED = 400
"""Links of a page that are held against robots.txt."""

AT_ONCE = 4
"""Links of a site asked for at the same time; the host's pace holds all the same."""

Link = tuple[Fetched, Fetched | None]
"""What came over IPv6, and over IPv4 where IPv6 failed."""
Keep = Callable[[str, Fetched], Awaitable[None]]


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
    again: int = 20
    """Further tries of links that failed for the moment. The home page has none: how many of its
    ``tries`` succeed is what is measured."""


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
    tries: dict[str, int] = field(default_factory=dict)
    """How often the home page was asked for and came (home_v6, home_v6_good, home_v4,
    home_v4_good); further tries of links, and those that brought a page (again, again_good)."""
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


async def read_site(
    fetcher: Fetcher,
    pace: Pace,
    target: SiteTarget,
    vantage: str,
    now: datetime,
    limits: SiteLimits,
) -> SiteReading:
    """Measures one site. Never raises for what the site does; what took too long is noted."""
    reading = SiteReading(target.code, target.url, vantage, now.isoformat())
    began = time.monotonic()
    try:
        async with asyncio.timeout(limits.total_s):
            await _Visit(fetcher, pace, target, reading, limits).run()
    except TimeoutError:
        reading.notes.append(f"stopped after {limits.total_s:.0f} s")
    except Exception as error:  # one site that nobody foresaw does not end the scan of all
        reading.notes.append(f"broke off: {type(error).__name__}")
    reading.seconds = round(time.monotonic() - began, 3)
    return reading


class _Visit:
    def __init__(
        self,
        fetcher: Fetcher,
        pace: Pace,
        target: SiteTarget,
        reading: SiteReading,
        limits: SiteLimits,
    ) -> None:
        self._fetcher = fetcher
        self._target = target
        self._reading = reading
        self._limits = limits
        self._pace = pace
        self._again = Again(fetcher, pace, limits.again)

    async def run(self) -> None:
        reading, fetcher = self._reading, self._fetcher
        host = urlsplit(self._target.url).hostname or ""
        answer = await fetcher.names.look_up(host, 6)
        if answer.error not in ("", "none"):
            reading.notes.append("no answer about an AAAA record")
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
        if six is None:
            return
        home, page = six.url, await self._page(six)
        await self._compare(six, page, four)
        del six, four  # the pages may be long, and the crawl takes its time
        page.tokens.clear()
        try:
            await self._crawl(home, page)
        finally:
            reading.tries |= {"again": self._again.spent, "again_good": self._again.helped}

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
        reading.tries = {
            "home_v6": len(sixes), "home_v6_good": len(good_six),
            "home_v4": len(fours), "home_v4_good": len(good_four),
        }  # fmt: skip
        if reading.aaaa:
            reading.success_rate = len(good_six) / len(sixes)
        reading.times_v6, reading.times_v4 = _times(good_six), _times(good_four)
        reading.degradation = _degradation(reading.times_v6, reading.times_v4)
        shown = last_six.certificate or last_four.certificate
        if shown is not None:
            until = shown.not_after.isoformat() if shown.not_after else None
            reading.certificate = {"valid": shown.valid, "error": shown.error, "not_after": until}
        return (good_six[0] if good_six else None), (good_four[0] if good_four else None)

    async def _repeat(self, url: str, version: int, times: int) -> list[Fetched]:
        """Tries; the body of the first good one is kept, to be compared."""
        found: list[Fetched] = []
        for _ in range(times):
            await self._pace.wait(url)
            keep = not any(each.good for each in found)
            again = await self._fetcher.get(url, version, keep=keep)
            found.append(again if again.good else replace(again, body=b""))
            if found[-1].error in ("none", "scheme", "address", "redirects"):
                break  # asking again gives the same
        return found

    async def _page(self, found: Fetched) -> Page:
        async with self._fetcher.reading:
            return await read_page(found.body, found.content_type, found.url)

    async def _compare(self, six: Fetched, page: Page, four: Fetched | None) -> None:
        reading = self._reading
        if four is None:
            reading.notes.append("no home page over IPv4 to compare with")
            return
        if six.truncated or four.truncated:
            reading.notes.append("the home page is longer than is compared")
        other = await self._page(four)
        reading.content_difference = round(difference(page, other), 4)

    async def _crawl(self, home: str, page: Page) -> None:
        reading, limits = self._reading, self._limits
        robots = await self._robots(home)
        seen = {_bare(home), _bare(self._target.url)}
        second = _choose(page.links, home, seen, limits.links_second, robots)
        inner: dict[str, list[str]] = {}

        async def keep(link: str, found: Fetched) -> None:
            page = await self._page(found)
            inner[link] = [each for each in page.links if is_internal(each, home)][:MOST_ASKED]

        reading.links_second = _supported(await self._links(second, LINK_BYTES, keep))
        third: list[str] = []
        for link in second:
            room = limits.links_third - len(third)
            third += _choose(inner.pop(link, []), home, seen, room, robots)
        reading.links_third = _supported(await self._links(third, LAST_BYTES))
        reading.parts = await self._parts(page)

    async def _robots(self, home: str) -> RobotFileParser:
        parts = urlsplit(home)
        address = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        parser = RobotFileParser(address)
        found = await self._again.get(address, 6, ROBOTS_BYTES)
        lines = found.body.decode("utf-8", "replace").splitlines() if found.status == 200 else []
        parser.parse(lines[:ROBOTS_LINES])
        return parser

    async def _links(
        self, links: Sequence[str], body_bytes: int, keep: Keep | None = None
    ) -> list[Link]:
        """Each over IPv6 and, where that failed, over IPv4: a link that is dead for all counts
        for nobody. ``keep`` is given what came over IPv6; no body is held longer than that."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(link: str) -> Link:
            async with gate:
                six = await self._again.get(link, 6, body_bytes)
                if six.good:
                    if keep is not None:
                        await keep(link, six)
                    return replace(six, body=b""), None
                four = await self._again.get(link, 4, LAST_BYTES)
                return replace(six, body=b""), replace(four, body=b"")

        return list(await asyncio.gather(*(one(link) for link in links)))

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


def _choose(
    links: Sequence[str], home: str, seen: set[str], most: int, robots: RobotFileParser
) -> list[str]:
    """Links of the site that are new and may be visited; ``seen`` takes them up."""
    chosen: list[str] = []
    asked = 0
    for link in links:
        if len(chosen) >= most or asked >= MOST_ASKED:
            break
        bare = _bare(link)
        if bare in seen or not is_internal(link, home):
            continue
        seen.add(bare)
        asked += 1
        if robots.can_fetch(AGENT.partition("/")[0], link):
            chosen.append(link)
    return chosen


def _supported(answers: Sequence[Link]) -> dict[str, Any]:
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
        "without": [each[:MOST_ADDRESS] for each in lacking[:20]],
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
