"""Many sites in one go: bounded concurrency, one line of JSON a site, resumable."""

from __future__ import annotations

import asyncio
import csv
import ipaddress
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TextIO
from urllib.parse import urlsplit

from collectors.ipv6.again import Pace
from collectors.ipv6.fetch import Fetcher, Limits
from collectors.ipv6.names import Fence, Names
from collectors.ipv6.site import SiteLimits, SiteReading, SiteTarget, read_site


class TargetError(ValueError):
    """A line of the list of sites is wrong; the text says which and why."""


@dataclass(frozen=True)
class ScanOptions:
    """``servers``: name servers, ADDRESS or ADDRESS#PORT; ``allowed``: networks that are not global
    and may be visited all the same (the extranet's); ``ca_file``: further trusted authorities."""

    vantage: str = "internet"
    servers: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    ca_file: str = ""
    at_once: int = 12
    fetch: Limits = field(default_factory=Limits)
    site: SiteLimits = field(default_factory=SiteLimits)


def fence_of(allowed: Sequence[str]) -> Fence:
    """Raises TargetError."""
    try:
        return Fence(tuple(ipaddress.ip_network(each, strict=False) for each in allowed))
    except ValueError as error:
        raise TargetError(f"--allow: {error}") from None


def read_targets(lines: Iterable[str]) -> list[SiteTarget]:
    """From CSV with the columns code, url, perhaps unit. Raises TargetError."""
    try:
        return _read_rows(csv.DictReader(lines))
    except csv.Error as error:
        raise TargetError(f"the list of sites is not CSV: {error}") from None


def _read_rows(rows: csv.DictReader[str]) -> list[SiteTarget]:
    missing = {"code", "url"} - set(rows.fieldnames or ())
    if missing:
        raise TargetError(f"the list of sites has no column {', '.join(sorted(missing))}")
    found: dict[str, SiteTarget] = {}
    for number, row in enumerate(rows, 2):
        code, url = (row["code"] or "").strip(), (row["url"] or "").strip()
        problem = check_url(url)
        if not code or problem:
            raise TargetError(f"row {number}: {problem or 'no code'}")
        if code in found:
            raise TargetError(f"row {number}: code {code} stands twice")
        found[code] = SiteTarget(code, url, (row.get("unit") or "").strip())
    return list(found.values())


def check_url(url: str) -> str:
    """What is wrong with the address of a site; "" if nothing is."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        return f"{url!r}: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        return f"{url!r}: write http://NAME/ or https://[ADDRESS]:PORT/"
    if parts.username or parts.password:
        return "an address with a password in it is not taken"
    return ""


def done_codes(file: TextIO, vantage: str) -> set[str]:
    """Codes that an earlier, interrupted run wrote; a torn last line counts as not done."""
    codes = set()
    for line in file:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and told.get("vantage") == vantage:
            codes.add(str(told.get("code")))
    return codes


async def scan(
    targets: Sequence[SiteTarget], options: ScanOptions, now: Callable[[], datetime]
) -> AsyncIterator[SiteReading]:
    """Readings as they come; sites of one host in turn, so that its pace starves none of them.
    Raises TargetError, OSError for a CA file that cannot be read."""
    names = Names(options.servers)
    fetcher = Fetcher(names, fence_of(options.allowed), options.fetch, options.ca_file)
    pace = Pace(options.site.gap_s)
    waiting: dict[str, deque[SiteTarget]] = {}
    for target in targets:
        waiting.setdefault(urlsplit(target.url).hostname or "", deque()).append(target)
    running: dict[asyncio.Task[SiteReading], str] = {}
    try:
        while waiting or running:
            while len(running) < options.at_once:
                free = next((host for host in waiting if host not in running.values()), None)
                if free is None:
                    break
                target = waiting[free].popleft()
                if not waiting[free]:
                    del waiting[free]
                work = read_site(fetcher, pace, target, options.vantage, now(), options.site)
                running[asyncio.create_task(work)] = free
            finished, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                del running[task]
                yield task.result()
    finally:
        for task in running:
            task.cancel()
