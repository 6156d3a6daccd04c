"""Looking for devices in a range: one question an address and credential, at a bounded rate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from time import monotonic
from typing import Any

from .poll import Wish, poll_once
from .profile import Profiles
from .session import Timing
from .target import Credential, Target

TIMING = Timing(waits=(1.0, 1.5), deadline=5.0)
AT_ONCE = 256
MOST_FOUND = 5_000
MOST_BYTES = (1 << 20) - (8 << 10)
"""Of all that was found as JSON: it goes up as one document of at most 1 MiB."""
DESCR_CHARS = (500, 240, 120, 80, 40)
"""What is told of a device's description: the longest with which all that was found fits."""
NOTHING = Wish(parts=frozenset())
"""The system group only: who are you."""

Progress = Callable[[int, int], None]


@dataclass
class Found:
    """What answered; ``full``: more answered than is told, and the scan ended there."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    full: bool = False
    _bytes: int = 0

    def add(self, told: dict[str, Any]) -> None:
        """Takes a device in while all fit with their shortest descriptions."""
        size = _size(_short(told, DESCR_CHARS[-1]))
        self.full = self.full or len(self.rows) >= MOST_FOUND or self._bytes + size > MOST_BYTES
        if not self.full:
            self._bytes += size
            self.rows.append(told)

    def fit(self) -> None:
        """Sorts by address and shortens the descriptions as far as is needed."""
        self.rows.sort(key=lambda each: str(each["address"]))
        for chars in DESCR_CHARS:
            self.rows = [_short(each, chars) for each in self.rows]
            if sum(map(_size, self.rows)) <= MOST_BYTES:
                return


def _short(told: dict[str, Any], chars: int) -> dict[str, Any]:
    return {**told, "sys_descr": told["sys_descr"][:chars]}


def _size(told: dict[str, Any]) -> int:
    return len(json.dumps(told, ensure_ascii=False).encode()) + len(", ")


def addresses(text: str) -> tuple[Iterable[str], int]:
    """The host addresses of a range and how many there are. Raises ValueError."""
    network: IPv4Network | IPv6Network = ip_network(text)
    hosts = (str(each) for each in network.hosts())
    spared = 2 if network.version == 4 and network.prefixlen < 31 else 0
    if network.version == 6 and network.prefixlen < 127:
        spared = 1  # the subnet's router anycast address
    return hosts, network.num_addresses - spared


async def scan(
    wanted: str,
    credentials: Sequence[tuple[str, Credential]],
    profiles: Profiles,
    *,
    rate_per_s: float,
    stop_at: float,
    progress: Progress,
    port: int = 161,
) -> Found:
    """What answered, by address. At most ``rate_per_s`` addresses are begun in a second; none
    after ``stop_at`` (monotonic seconds), and none once it is ``full``. ``progress(done, all)`` is
    called as it goes on."""
    hosts, total = addresses(wanted)
    found = Found()
    done = 0
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(host: str) -> None:
        nonlocal done
        try:
            told = await _who(Target(host, port), credentials, profiles)
            if told is not None:
                found.add(told)
        finally:
            places.release()
            done += 1

    asked: set[asyncio.Task[None]] = set()
    began = monotonic()
    for count, host in enumerate(hosts):
        due = began + count / rate_per_s
        while (left := due - monotonic()) > 0:
            await asyncio.sleep(min(left, 1.0))
        if found.full or monotonic() >= stop_at:
            break
        await places.acquire()
        task = asyncio.create_task(ask(host))
        asked.add(task)
        task.add_done_callback(asked.discard)
        if count % 16 == 0:
            progress(done, total)
    await asyncio.gather(*asked)
    progress(done, total)
    found.fit()
    return found


async def _who(
    target: Target, credentials: Sequence[tuple[str, Credential]], profiles: Profiles
) -> dict[str, Any] | None:
    for name, credential in credentials:
        poll = await poll_once(target, credential, profiles, timing=TIMING, wish=NOTHING)
        if not poll.error:
            system = poll.system
            return {
                "address": target.host,
                "port": target.port,
                "credential": name,
                "sys_object_id": system.sys_object_id[:128],
                "sys_name": system.name[:200],
                "sys_descr": system.descr[: DESCR_CHARS[0]],
                "vendor": system.vendor,
                "profile": system.profile,
            }
    return None
