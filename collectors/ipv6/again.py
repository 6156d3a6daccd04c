"""Requests to sites in their turn, and once more where the failure may be of the moment."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from collectors.ipv6.fetch import Fetched, Fetcher

PASSING = frozenset({"timeout", "reset", "protocol", "dns"})
"""Errors that a second try may not meet: something lost on the way, or a server out of breath."""
PAUSES = (0.5, 2.0)
"""Seconds before the second and the third try."""
MOST_HOSTS = 10_000


class Pace:
    """Lets one request through to a host each ``gap`` seconds, whichever site it belongs to."""

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._next: dict[str, float] = {}

    async def wait(self, url: str) -> None:
        host = urlsplit(url).hostname or ""
        now = time.monotonic()
        turn = max(now, self._next.get(host, 0.0))
        self._next[host] = turn + self._gap
        if len(self._next) > MOST_HOSTS:
            self._next = {name: at for name, at in self._next.items() if at > now}
        if turn > now:
            await asyncio.sleep(turn - now)


class Again:
    """Fetches of one site that are no measure of its success rate: links, robots.txt. What failed
    for the moment is asked for again, at most ``most`` times a site, and no more of a host that
    never answered."""

    def __init__(self, fetcher: Fetcher, pace: Pace, most: int) -> None:
        self._fetcher = fetcher
        self._pace = pace
        self._left = most
        self._answered: set[tuple[str, int]] = set()
        self._given_up: set[tuple[str, int]] = set()
        self.spent = 0
        """Further tries that were made."""
        self.helped = 0
        """Those that brought a page."""

    async def get(self, url: str, version: int, body_bytes: int) -> Fetched:
        host = (urlsplit(url).netloc, version)
        await self._pace.wait(url)
        found = await self._fetcher.get(url, version, body_bytes)
        for pause in PAUSES:
            if found.error not in PASSING or host in self._given_up or self._left <= 0:
                break
            self._left -= 1
            self.spent += 1
            await asyncio.sleep(pause)
            await self._pace.wait(url)
            found = await self._fetcher.get(url, version, body_bytes)
            self.helped += found.good
        if found.error not in PASSING:
            self._answered.add(host)
        elif host not in self._answered:
            self._given_up.add(host)
        return found
